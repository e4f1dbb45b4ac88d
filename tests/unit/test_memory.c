/* What loading a part holds at its peak: its weights once, packed. */
#include "tests/support/tests.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/networks.h"
#include "worker/engine/session.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* which keep books of their own in memory */
#else
enum { SANITIZED = 0 };
#endif

enum { SIDE = 4096, WEIGHTS_KIB = SIDE * SIDE * 4 / 1024 };

/* Weights as files have them: [outs][depth] or [depth][outs], for one row a
 * sample or many, and of a convolution. */
typedef enum layout { GEMM, GEMM_ROWS, MATMUL, MATMUL_ROWS, CONV } layout_t;

static int
s_layer(network_t *net, layout_t layout)
{
    const int64_t one[2] = {DIM_BATCH, SIDE}, many[3] = {DIM_BATCH, 8, SIDE},
                  fixed[2] = {8, SIDE}, image[4] = {DIM_BATCH, SIDE, 1, 1},
                  sides[2] = {SIDE, SIDE};
    switch (layout) {
    case GEMM:
        return network_linear(net, network_input(net, "x", 2, one), SIDE, SIDE);
    case GEMM_ROWS:
        return network_linear(net, network_input(net, "x", 2, fixed), SIDE,
                              SIDE);
    case CONV:
        return network_conv(net, network_input(net, "x", 4, image), SIDE, SIDE,
                            1, 1, 0, 1);
    default:
        break;
    }
    int x = layout == MATMUL ? network_input(net, "x", 2, one)
                             : network_input(net, "x", 3, many);
    return network_binary(net, "MatMul", x, network_weights(net, 2, sides, 1));
}

static long
s_peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* In a process of its own: how far its peak rises. */
static long
s_rise_kib(layout_t layout)
{
    int ends[2];
    long rise = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        network_t net;
        fault_t fault = {0};
        const session_options_t options = {.threads = 1, .batch_max = 1};
        network_init(&net, 1);
        network_use_zeroes(&net, (size_t)SIDE * SIDE * 4);
        network_output(&net, s_layer(&net, layout));
        long before = s_peak_kib();
        session_t *session = session_new(net.graph, &options, &fault);
        rise = session ? s_peak_kib() - before : -1;
        _exit(write(ends[1], &rise, sizeof rise) != sizeof rise);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &rise, sizeof rise), sizeof rise);
    close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return rise;
}

static void
weights_are_never_in_memory_twice(void **state)
{
    (void)state;
    static const char *const names[] = {"Gemm", "Gemm of rows", "MatMul",
                                        "MatMul of rows", "Conv"};
    if (SANITIZED)
        return;
    for (int layout = GEMM; layout <= CONV; layout++) {
        long rise = s_rise_kib((layout_t)layout);
        if (rise < WEIGHTS_KIB || rise > WEIGHTS_KIB * 5 / 4)
            fail_msg("%s: %ld KiB for %d KiB of weights", names[layout], rise,
                     WEIGHTS_KIB);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_never_in_memory_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
