/* Sessions: numbers, bits whatever the batch and the threads, memory. */
#include "tests/support/tests.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/allocations.h"
#include "tests/support/networks.h"
#include "worker/engine/session.h"

static session_t *
s_session(const network_t *network, int threads, int batch_max)
{
    fault_t fault = {0};
    session_options_t options = {threads, batch_max};
    session_t *session = session_new(network->graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    return session;
}

/* Run samples [first, first + batch) of x and write their rows of output 0. */
static void
s_run(session_t *session, const float *x, size_t first, int batch, float *y)
{
    fault_t fault = {0};
    for (int s = 0; s < batch; s++) {
        size_t bytes;
        void *row = session_input_row(session, 0, s, &bytes);
        memcpy(row, x + (first + (size_t)s) * (bytes / sizeof *x), bytes);
    }
    assert_ok(session_run(session, batch, &fault), &fault);
    for (int s = 0; s < batch; s++) {
        size_t bytes;
        const void *row = session_output_row(session, 0, s, &bytes);
        memcpy(y + (first + (size_t)s) * (bytes / sizeof *y), row, bytes);
    }
}

static size_t
s_row_floats(session_t *session, bool output)
{
    size_t bytes;
    if (output)
        session_output_row(session, 0, 0, &bytes);
    else
        session_input_row(session, 0, 0, &bytes);
    return bytes / sizeof(float);
}

enum { SAMPLES = 9 };

/* The same bits for each sample in batches 1 to 9 and with 1 to 3 threads. */
static void
s_check_bits(const network_t *network)
{
    naive_random_t random = {10};
    session_t *single = s_session(network, 1, 1);
    size_t in = s_row_floats(single, false), out = s_row_floats(single, true);
    float *x = naive_floats(&random, SAMPLES * in);
    float *expected = naive_floats(&random, SAMPLES * out);
    float *y = naive_floats(&random, SAMPLES * out);
    for (size_t s = 0; s < SAMPLES; s++)
        s_run(single, x, s, 1, expected);
    session_destroy(&single);

    for (int threads = 1; threads <= 3; threads++) {
        session_t *session = s_session(network, threads, SAMPLES);
        assert_int_equal(session_batch_max(session), SAMPLES);
        for (int batch = 1; batch <= SAMPLES; batch++) {
            memset(y, 0, SAMPLES * out * sizeof *y);
            for (size_t s = 0; s < SAMPLES; s += (size_t)batch)
                s_run(session, x, s,
                      SAMPLES - s < (size_t)batch ? (int)(SAMPLES - s) : batch,
                      y);
            assert_memory_equal(y, expected, SAMPLES * out * sizeof *y);
        }
        session_destroy(&session);
    }
    free(x);
    free(y);
    free(expected);
}

static void
a_sample_has_the_same_bits_in_any_batch_with_any_threads(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 11);
    network_cifar(&network);
    s_check_bits(&network);
    network_release(&network);
}

/* Residuals, groups, strides, concatenation, broadcasting, means. */
static void
s_build_branches(network_t *network)
{
    const int64_t image[4] = {DIM_BATCH, 4, 15, 13};
    const int64_t channel[3] = {12, 1, 1};
    int node;
    fault_t fault = {0};
    int x = network_input(network, "image", 4, image);
    int a = network_unary(network, "Relu",
                          network_conv(network, x, 4, 12, 3, 1, 1, 1));
    int b = network_conv(network, a, 12, 12, 3, 1, 1, 12);
    b = network_unary(network, "Silu", b);
    b = network_conv(network, b, 12, 12, 1, 1, 0, 3);
    int sum =
        network_unary(network, "Relu", network_binary(network, "Add", a, b));
    int scaled = network_binary(network, "Mul", sum,
                                network_weights(network, 3, channel, 1.0f));
    int squeezed = network_unary(network, "GlobalAveragePool", scaled);
    squeezed =
        network_unary(network, "Sigmoid",
                      network_conv(network, squeezed, 12, 12, 1, 1, 0, 1));
    int excited = network_binary(network, "Mul", scaled, squeezed);
    int pooled = network_pool(network, "AveragePool", excited, 3, 2, 1);
    int strided = network_conv(network, sum, 12, 7, 3, 2, 1, 1);
    int both[2] = {pooled, strided};
    int joined = network_node(network, "Concat", 2, both, &node);
    assert_ok(graph_set_int(network->graph, node, "axis", 1, &fault), &fault);
    int flat = network_unary(network, "Flatten", joined);
    int hidden = network_linear(network, flat, 19 * 8 * 7, 33);
    hidden = network_unary(network, "Gelu", hidden);
    network_output(network, network_linear(network, hidden, 33, 5));
}

static void
branches_have_the_same_bits_too(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 12);
    s_build_branches(&network);
    s_check_bits(&network);
    network_release(&network);
}

/* The first network once more with the naive twins. */
static void
s_naive_cifar(const graph_t *graph, const float *x, float *y)
{
    static float w1[32 * 27], b1[32], w2[64 * 288], b2[64];
    static float w3[512 * 4096], b3[512], w4[10 * 512], b4[10];
    static float c1[32 * 1024], p1[32 * 256], c2[64 * 256], p2[64 * 64];
    float *const all[] = {w1, b1, w2, b2, w3, b3, w4, b4};
    fault_t fault = {0};
    size_t next = 0;
    for (size_t i = 0; i < graph->values_count; i++)
        if (graph->values[i].constant)
            assert_ok(graph_read_constant(graph, (int)i, DTYPE_FLOAT32,
                                          all[next++], &fault),
                      &fault);

    window_t w = {.height = 32,
                  .width = 32,
                  .out_height = 32,
                  .out_width = 32,
                  .kernel_y = 3,
                  .kernel_x = 3,
                  .stride_y = 1,
                  .stride_x = 1,
                  .dilation_y = 1,
                  .dilation_x = 1,
                  .pad_top = 1,
                  .pad_left = 1};
    window_t p = {.height = 32,
                  .width = 32,
                  .out_height = 16,
                  .out_width = 16,
                  .kernel_y = 2,
                  .kernel_x = 2,
                  .stride_y = 2,
                  .stride_x = 2,
                  .dilation_y = 1,
                  .dilation_x = 1};
    naive_conv(&w, 3, 32, 1, c1, x, w1, b1);
    for (size_t i = 0; i < 32 * 1024; i++)
        c1[i] = fmaxf(c1[i], 0.0f);
    naive_pool_max(&p, p1, c1, 32);
    w.height = w.width = w.out_height = w.out_width = 16;
    p.height = p.width = 16;
    p.out_height = p.out_width = 8;
    naive_conv(&w, 32, 64, 1, c2, p1, w2, b2);
    for (size_t i = 0; i < 64 * 256; i++)
        c2[i] = fmaxf(c2[i], 0.0f);
    naive_pool_max(&p, p2, c2, 64);
    float hidden[512], logits[10];
    naive_matmul(hidden, w3, p2, 512, 4096, 1);
    for (size_t i = 0; i < 512; i++)
        hidden[i] = fmaxf(hidden[i] + b3[i], 0.0f);
    naive_matmul(logits, w4, hidden, 10, 512, 1);
    for (size_t i = 0; i < 10; i++)
        logits[i] += b4[i];
    naive_softmax(y, logits, 1, 10, 1);
}

static void
a_whole_network_gives_the_naive_numbers(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 13);
    network_cifar(&network);
    session_t *session = s_session(&network, 2, 4);
    float *x = naive_floats(&network.random, 4 * 3072);
    float y[40], expected[10];
    s_run(session, x, 0, 4, y);
    for (size_t s = 0; s < 4; s++) {
        s_naive_cifar(network.graph, x + s * 3072, expected);
        assert_true(naive_error(y + s * 10, expected, 10) < 1e-5);
    }
    assert_true(session_flop(session) > 14e6);
    assert_true(session_flop(session) < 17e6);
    free(x);
    session_destroy(&session);
    network_release(&network);
}

/* Every way to compute a convolution and a product, and plain loops. */
static void
s_build_ways(network_t *network)
{
    const int64_t image[4] = {DIM_BATCH, 4, 31, 29};
    int x = network_input(network, "image", 4, image);
    x = network_conv(network, x, 4, 24, 7, 2, 3, 1);
    x = network_conv(network, x, 24, 24, 3, 1, 1, 1);
    x = network_conv(network, x, 24, 24, 3, 1, 1, 24);
    x = network_conv(network, x, 24, 24, 3, 1, 1, 4);
    x = network_conv(network, x, 24, 32, 1, 1, 0, 1);
    const int64_t transposed[4] = {32, 4, 3, 3};
    int inputs[2] = {x, network_weights(network, 4, transposed, 0.1f)};
    x = network_node(network, "ConvTranspose", 2, inputs, NULL);
    const int64_t rows[2] = {17, 8};
    x = network_binary(network, "MatMul", x,
                       network_weights(network, 2, rows, 0.1f));
    const int64_t order[4] = {0, 1, 3, 2};
    int node, turned = network_node(network, "Transpose", 1, &x, &node);
    fault_t fault = {0};
    assert_ok(graph_set_ints(network->graph, node, "perm", order, 4, &fault),
              &fault);
    x = network_binary(network, "MatMul", x, turned);
    const int64_t pads[8] = {0, 0, 0, 1, 0, 0, 1, 0};
    network_output(network, network_binary(network, "Pad", x,
                                           network_ints(network, 8, pads)));
}

/* How many different ways there are among its steps. */
static int
s_count_ways(session_t *session, const graph_t *graph)
{
    fault_t fault = {0};
    size_t count;
    int ways = 0;
    assert_ok(session_watch(session, graph, &fault), &fault);
    const lap_t *laps = session_laps(session, &count);
    for (size_t i = 0; i < count; i++) {
        bool known = laps[i].way[0] == '\0';
        for (size_t k = 0; k < i; k++)
            known = known || strcmp(laps[k].way, laps[i].way) == 0;
        ways += !known;
    }
    return ways;
}

static void
s_check_allocations(const network_t *network, int threads, int ways)
{
    naive_random_t random = {14};
    session_t *session = s_session(network, threads, 8);
    float *x = naive_floats(&random, 8 * s_row_floats(session, false));
    float *y = naive_floats(&random, 8 * s_row_floats(session, true));
    int before = allocations_count();
    for (int batch = 1; batch <= session_batch_max(session); batch++)
        s_run(session, x, 0, batch, y);
    assert_int_equal(allocations_count(), before);
    assert_true(s_count_ways(session, network->graph) >= ways);
    free(x);
    free(y);
    session_destroy(&session);
}

static void
a_run_allocates_nothing(void **state)
{
    (void)state;
    static const struct {
        void (*build)(network_t *network);
        int ways;
    } rows[] = {{s_build_branches, 0}, {network_cifar, 0}, {s_build_ways, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int threads = 1; threads <= 2; threads++) {
            network_t network;
            network_init(&network, 14);
            rows[i].build(&network);
            s_check_allocations(&network, threads, rows[i].ways);
            network_release(&network);
        }
}

static void
s_check_estimate(const network_t *network)
{
    fault_t fault = {0};
    session_options_t options = {1, 8};
    size_t bytes;
    assert_ok(session_estimate(network->graph, &options, &bytes, &fault),
              &fault);
    session_t *session = s_session(network, 1, 8);
    double ratio = (double)session_bytes(session) / (double)bytes;
    if (ratio < 0.9 || ratio > 1.1)
        fail_msg("%.2f times what was estimated", ratio);
    session_destroy(&session);
}

static void
an_estimate_is_close_and_packs_nothing(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 15);
    network_cifar(&network);
    s_check_estimate(&network);
    network_release(&network);
}

static void
specs_name_the_batch(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 16);
    network_cifar(&network);
    session_t *session = s_session(&network, 1, 3);
    assert_int_equal(session_inputs_count(session), 1);
    assert_int_equal(session_outputs_count(session), 1);
    assert_string_equal(session_input(session, 0)->name, "image");
    char text[64];
    assert_string_equal(
        shape_text(&session_input(session, 0)->shape, text, sizeof text),
        "[N, 3, 32, 32]");
    assert_string_equal(
        shape_text(&session_output(session, 0)->shape, text, sizeof text),
        "[N, 10]");
    session_destroy(&session);
    network_release(&network);
}

static void
a_fixed_batch_is_one_sample(void **state)
{
    (void)state;
    const int64_t dims[2] = {2, 6};
    network_t network;
    network_init(&network, 17);
    int x = network_input(&network, "x", 2, dims);
    network_output(&network, network_linear(&network, x, 6, 4));
    session_t *session = s_session(&network, 1, 5);
    assert_int_equal(session_batch_max(session), 1);
    assert_int_equal(session_input(session, 0)->shape.dims[0], 2);
    assert_int_equal(s_row_floats(session, true), 8);
    session_destroy(&session);
    network_release(&network);
}

static void
s_refused(network_t *network, fault_code_t code, const char *said)
{
    fault_t fault = {0};
    session_options_t options = {1, 1};
    session_t *session = session_new(network->graph, &options, &fault);
    assert_null(session);
    assert_int_equal(fault.code, code);
    if (!strstr(fault.text, said))
        fail_msg("\"%s\" does not say \"%s\"", fault.text, said);
    network_release(network);
}

static void
what_is_not_supported_is_named_with_its_node(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 2, 5, 5};
    network_t network;
    network_init(&network, 18);
    int x = network_input(&network, "x", 4, dims);
    network_output(&network, network_unary(&network, "Frobnicate", x));
    s_refused(&network, FAULT_UNSUPPORTED, "Frobnicate");
}

static void
inputs_survive_a_run(void **state)
{
    (void)state;
    const int64_t dims[2] = {DIM_BATCH, 7};
    network_t network;
    network_init(&network, 19);
    int x = network_input(&network, "x", 2, dims);
    network_output(&network, network_unary(&network, "Relu",
                                           network_unary(&network, "Tanh", x)));
    session_t *session = s_session(&network, 1, 1);
    fault_t fault = {0};
    size_t bytes;
    float *row = session_input_row(session, 0, 0, &bytes);
    for (int i = 0; i < 7; i++)
        row[i] = (float)(i - 3);
    for (int round = 0; round < 2; round++) {
        assert_ok(session_run(session, 1, &fault), &fault);
        const float *y = session_output_row(session, 0, 0, &bytes);
        for (int i = 0; i < 7; i++) {
            assert_true(row[i] == (float)(i - 3));
            assert_true(fabsf(y[i] - fmaxf(0.0f, tanhf(row[i]))) < 1e-6f);
        }
    }
    session_destroy(&session);
    network_release(&network);
}

typedef struct canceller {
    session_t *session;
    atomic_bool done;
} canceller_t;

/* Until it has hit a run: one may be over before this thread gets a CPU. */
static void *
s_cancel(void *context)
{
    canceller_t *self = context;
    while (!atomic_load(&self->done)) {
        session_cancel(self->session);
        sched_yield();
    }
    return NULL;
}

static void
a_run_can_be_cancelled_and_the_next_one_is_whole(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 16, 64, 64};
    network_t network;
    network_init(&network, 20);
    int x = network_input(&network, "x", 4, dims);
    for (int i = 0; i < 20; i++)
        x = network_conv(&network, x, 16, 16, 3, 1, 1, 1);
    network_output(&network, x);
    session_t *session = s_session(&network, 2, 1);
    session_cancel(session); /* nothing runs: nothing happens */

    enum { RUNS_MAX = 10000 };
    canceller_t canceller = {.session = session};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, s_cancel, &canceller), 0);
    fault_t fault = {0};
    int result = 0;
    for (int run = 0; run < RUNS_MAX && result == 0; run++)
        result = session_run(session, 1, &fault);
    atomic_store(&canceller.done, true);
    pthread_join(thread, NULL);
    assert_int_equal(result, -1);
    assert_int_equal(fault.code, FAULT_CANCELLED);
    assert_ok(session_run(session, 1, &fault), &fault);
    session_destroy(&session);
    network_release(&network);
}

/* Grouped and whole 3x3 convolutions, large enough for Winograd's way, with an
 * odd number of pixels and a residual. */
static void
s_squares(network_t *network)
{
    network_init(network, 19);
    const int64_t dims[4] = {DIM_BATCH, 96, 21, 23};
    int x = network_input(network, "x", 4, dims);
    int y = network_conv(network, x, 96, 96, 3, 1, 1, 2);
    y = network_unary(network, "Relu", y);
    y = network_conv(network, y, 96, 96, 3, 1, 1, 1);
    y = network_unary(network, "Relu", network_binary(network, "Add", y, x));
    network_output(network, y);
}

static void
winograd_has_the_same_bits_too(void **state)
{
    (void)state;
    network_t network;
    s_squares(&network);
    s_check_bits(&network);
    network_release(&network);
}

/* 256 channels, so that weights are most of it. */
static void
an_estimate_knows_of_winograds_larger_weights(void **state)
{
    (void)state;
    network_t network;
    network_init(&network, 20);
    const int64_t dims[4] = {DIM_BATCH, 256, 14, 14};
    int x = network_input(&network, "x", 4, dims);
    network_output(&network, network_conv(&network, x, 256, 256, 3, 1, 1, 1));
    s_check_estimate(&network);
    network_release(&network);
}

/* The output for x of one sample; free it. */
static float *
s_output(const network_t *network, const float *x, size_t *count)
{
    session_t *session = s_session(network, 1, 1);
    *count = s_row_floats(session, true);
    float *y = calloc(*count, sizeof *y);
    assert_non_null(y);
    s_run(session, x, 0, 1, y);
    session_destroy(&session);
    return y;
}

static void
a_direct_graph_goes_without_winograd(void **state)
{
    (void)state;
    naive_random_t random = {20};
    network_t network;
    s_squares(&network);
    size_t count, plane = 21 * 23;
    float *x = naive_floats(&random, 96 * plane);
    float *fewer = s_output(&network, x, &count);
    network.graph->direct = true;
    float *direct = s_output(&network, x, &count);
    double error = naive_error(fewer, direct, count);
    assert_true(error > 0.0 && error < 1e-5);
    free(fewer);
    free(direct);

    /* A NaN of the image reaches whole tiles of Winograd's, but not all. */
    network.graph->direct = false;
    x[0] = NAN;
    float *spoilt = s_output(&network, x, &count);
    assert_true(isnan(spoilt[0]) && isnan(spoilt[23 + 1]));
    assert_true(isfinite(spoilt[plane - 1]));
    free(spoilt);
    free(x);
    network_release(&network);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_network_gives_the_naive_numbers),
        cmocka_unit_test(
            a_sample_has_the_same_bits_in_any_batch_with_any_threads),
        cmocka_unit_test(branches_have_the_same_bits_too),
        cmocka_unit_test(winograd_has_the_same_bits_too),
        cmocka_unit_test(an_estimate_knows_of_winograds_larger_weights),
        cmocka_unit_test(a_direct_graph_goes_without_winograd),
        cmocka_unit_test(a_run_allocates_nothing),
        cmocka_unit_test(an_estimate_is_close_and_packs_nothing),
        cmocka_unit_test(specs_name_the_batch),
        cmocka_unit_test(a_fixed_batch_is_one_sample),
        cmocka_unit_test(what_is_not_supported_is_named_with_its_node),
        cmocka_unit_test(inputs_survive_a_run),
        cmocka_unit_test(a_run_can_be_cancelled_and_the_next_one_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
