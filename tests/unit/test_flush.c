/* Subnormal numbers: zero within a run, on every thread, and nowhere else. */
#include "tests/support/tests.h"

#include "tests/support/networks.h"
#include "worker/engine/flush.h"
#include "worker/engine/session.h"

#if defined(__x86_64__) || defined(__aarch64__)
enum { FLUSHES = 1 };
#else
enum { FLUSHES = 0 };
#endif

static float
s_product(void)
{
    volatile float a = 1e-30f, b = 1e-10f;
    return a * b;
}

static void
a_thread_flushes_until_it_ends_that(void **state)
{
    (void)state;
    assert_true(s_product() > 0.0f);
    uint64_t outer = flush_begin();
    assert_true(s_product() == 0.0f || !FLUSHES);
    uint64_t inner = flush_begin();
    flush_end(inner);
    assert_true(s_product() == 0.0f || !FLUSHES);
    flush_end(outer);
    assert_true(s_product() > 0.0f);
}

static void
runs_give_zeroes_on_every_thread(void **state)
{
    (void)state;
    enum { ELEMENTS = 1 << 18 };
    const int64_t dims[] = {DIM_BATCH, ELEMENTS};
    const session_options_t options = {.threads = 4, .batch_max = 1};
    fault_t fault = {0};
    network_t network;
    network_init(&network, 80);
    int x = network_input(&network, "x", 2, dims);
    int small = network_float(&network, 1e-10f);
    network_output(&network, network_binary(&network, "Mul", x, small));
    session_t *session = session_new(network.graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    size_t bytes;
    float *row = session_input_row(session, 0, 0, &bytes);
    for (size_t i = 0; i < ELEMENTS; i++)
        row[i] = i % 2 ? 1e-30f : 2.0f;
    assert_ok(session_run(session, 1, &fault), &fault);
    const float *out = session_output_row(session, 0, 0, &bytes);
    for (size_t i = 0; i < ELEMENTS; i++)
        assert_true(i % 2 && FLUSHES ? out[i] == 0.0f : out[i] > 0.0f);
    assert_true(s_product() > 0.0f);
    session_destroy(&session);
    network_release(&network);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_flushes_until_it_ends_that),
        cmocka_unit_test(runs_give_zeroes_on_every_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
