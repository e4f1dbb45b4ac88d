/* Transposed convolution against the naive one, and its bits. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "tests/support/networks.h"
#include "worker/engine/level.h"
#include "worker/engine/session.h"
#include "worker/kernel/conv_transpose.h"
#include "worker/kernel/gemm.h"

/* One group with everything it reads and writes. */
typedef struct layer {
    conv_transpose_t kernel;
    size_t in, out; /* floats of a plane */
    float *x, *weights, *bias, *y, *packed, *scratch;
} layer_t;

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whatever it holds before is not to matter: NaN. */
static float *
s_aligned(size_t floats)
{
    size_t bytes = (floats * sizeof(float) + 63) / 64 * 64 + 64;
    float *memory = aligned_alloc(64, bytes);
    memset(memory, 0xff, bytes);
    return memory;
}

static int
s_outs(int inputs, int kernel, int stride, int dilation, int pads, int more)
{
    return (inputs - 1) * stride + (kernel - 1) * dilation + 1 - pads + more;
}

/* A window whose output has at least one element; height 1 is that of a
 * convolution over one axis. */
static window_t
s_random_window(naive_random_t *random)
{
    window_t w;
    do {
        bool line = naive_int(random, 0, 3) == 0;
        w = (window_t){
            .height = line ? 1 : naive_int(random, 1, 21),
            .width = naive_int(random, 1, line ? 600 : 30),
            .kernel_y = line ? 1 : naive_int(random, 1, 5),
            .kernel_x = naive_int(random, 1, 5),
            .stride_y = line ? 1 : naive_int(random, 1, 3),
            .stride_x = naive_int(random, 1, 3),
            .dilation_y = naive_int(random, 1, 2),
            .dilation_x = naive_int(random, 1, 2),
            .pad_top = line ? 0 : naive_int(random, 0, 3),
            .pad_left = naive_int(random, 0, 3),
            .pad_bottom = line ? 0 : naive_int(random, 0, 3),
            .pad_right = naive_int(random, 0, 3),
        };
        w.out_height = s_outs(w.height, w.kernel_y, w.stride_y, w.dilation_y,
                              w.pad_top + w.pad_bottom,
                              line ? 0 : naive_int(random, 0, 2));
        w.out_width = s_outs(w.width, w.kernel_x, w.stride_x, w.dilation_x,
                             w.pad_left + w.pad_right, naive_int(random, 0, 2));
    } while (w.out_height < 1 || w.out_width < 1);
    return w;
}

/* As the engine reads a file: some rows after others. */
static void
s_pack(layer_t *self, size_t panels)
{
    const conv_transpose_t *kernel = &self->kernel;
    size_t rows = kernel->rows, depth = kernel->channels_in;
    size_t block = panels * kernel->rows_multiple;
    float *some = s_aligned(depth * block);
    for (size_t first = 0; first < rows; first += block) {
        size_t count = s_smaller(block, rows - first);
        for (size_t k = 0; k < depth; k++)
            memcpy(some + k * count, self->weights + k * rows + first,
                   count * sizeof *some);
        kernels()->conv_transpose_pack(kernel, some, first, count,
                                       self->packed);
    }
    free(some);
}

static void
s_init(layer_t *self, const window_t *w, int channels_in, int channels_out,
       naive_random_t *random)
{
    size_t ins = (size_t)channels_in, outs = (size_t)channels_out;
    kernels()->conv_transpose_init(&self->kernel, w, ins, outs);
    self->in = (size_t)(w->height * w->width);
    self->out = (size_t)(w->out_height * w->out_width);
    self->x = naive_floats(random, ins * self->in);
    self->weights = naive_floats(random, ins * self->kernel.rows);
    self->bias = naive_floats(random, outs);
    self->y = s_aligned(outs * self->out);
    self->packed = s_aligned(self->kernel.weights_floats + GEMM_SLACK);
    self->scratch = s_aligned(self->kernel.scratch_floats);
    s_pack(self, (size_t)naive_int(random, 1, 3));
}

static void
s_release(layer_t *self)
{
    free(self->x);
    free(self->weights);
    free(self->bias);
    free(self->y);
    free(self->packed);
    free(self->scratch);
}

/* So many output channels a call. */
static void
s_run(layer_t *self, size_t channels, float *y)
{
    const conv_transpose_t *kernel = &self->kernel;
    for (size_t c = 0; c < kernel->channels_out; c += channels)
        kernels()->conv_transpose(kernel, c,
                                  s_smaller(channels, kernel->channels_out - c),
                                  self->bias + c, y + c * self->out, self->x,
                                  self->packed, self->scratch);
}

static void
s_check(const window_t *w, int channels_in, int channels_out, size_t channels,
        naive_random_t *random)
{
    layer_t layer;
    s_init(&layer, w, channels_in, channels_out, random);
    size_t floats = (size_t)channels_out * layer.out;
    float *expected = malloc(floats * sizeof *expected);
    naive_conv_transpose(w, channels_in, channels_out, 1, expected, layer.x,
                         layer.weights, layer.bias);
    s_run(&layer, channels, layer.y);
    assert_true(naive_error(layer.y, expected, floats) < 1e-6);
    free(expected);
    s_release(&layer);
}

static void
windows_of_all_kinds_are_right(void **state)
{
    (void)state;
    naive_random_t random = {31};
    for (int round = 0; round < 150; round++) {
        window_t w = s_random_window(&random);
        s_check(&w, naive_int(&random, 1, 20), naive_int(&random, 1, 30),
                (size_t)naive_int(&random, 1, 30), &random);
    }
}

/* More than one block of depth; of rows, more taps than are multiplied at a
 * time among them; of pixels, which end within rows. */
static void
large_layers_are_right(void **state)
{
    (void)state;
    naive_random_t random = {32};
    const window_t deep = {3, 5, 6, 10, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    const window_t wide = {9, 61, 18, 123, 3, 3, 2, 2, 1, 1, 1, 0, 0, 0};
    const window_t taps = {3, 4, 20, 23, 18, 20, 1, 1, 1, 1, 0, 0, 0, 0};
    s_check(&deep, 700, 90, 90, &random);
    s_check(&wide, 5, 40, 33, &random);
    s_check(&taps, 3, 2, 2, &random);
}

static void
channels_are_the_same_in_any_company(void **state)
{
    (void)state;
    naive_random_t random = {33};
    for (int round = 0; round < 20; round++) {
        window_t w = s_random_window(&random);
        layer_t layer;
        s_init(&layer, &w, naive_int(&random, 1, 400), 13, &random);
        size_t floats = 13 * layer.out;
        float *apart = s_aligned(floats);
        s_run(&layer, 13, layer.y);
        for (size_t channels = 1; channels < 13; channels += 3) {
            s_run(&layer, channels, apart);
            assert_memory_equal(apart, layer.y, floats * sizeof *apart);
        }
        free(apart);
        s_release(&layer);
    }
}

/* An infinite input reaches its outputs and no others. */
static void
infinity_stays_in_its_window(void **state)
{
    (void)state;
    naive_random_t random = {34};
    const window_t w = {4, 5, 8, 10, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    layer_t layer;
    s_init(&layer, &w, 3, 7, &random);
    layer.x[1 * 5 + 2] = INFINITY;
    s_run(&layer, 7, layer.y);
    for (size_t i = 0; i < 7 * layer.out; i++) {
        size_t row = i % layer.out / 10, column = i % 10;
        assert_true(!isfinite(layer.y[i]) == (row / 2 == 1 && column / 2 == 2));
    }
    s_release(&layer);
}

enum { GROUPS = 2, INS = 6, OUTS = 10, SIDE = 9, SAMPLES = 3, OUT_SIDE = 19 };

/* y of SAMPLES samples, `batch` a run. */
static void
s_session(const network_t *network, int threads, int batch, const float *x,
          float *y)
{
    fault_t fault = {0};
    const session_options_t options = {threads, SAMPLES};
    session_t *session = session_new(network->graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    for (int first = 0; first < SAMPLES; first += batch) {
        size_t bytes;
        for (int s = 0; s < batch; s++) {
            void *row = session_input_row(session, 0, s, &bytes);
            memcpy(row, x + (size_t)(first + s) * bytes / sizeof *x, bytes);
        }
        assert_ok(session_run(session, batch, &fault), &fault);
        for (int s = 0; s < batch; s++) {
            const void *row = session_output_row(session, 0, s, &bytes);
            memcpy(y + (size_t)(first + s) * bytes / sizeof *y, row, bytes);
        }
    }
    session_destroy(&session);
}

static void
s_build(network_t *network, int *weights, int *bias)
{
    fault_t fault = {0};
    const int64_t image[4] = {DIM_BATCH, GROUPS * INS, SIDE, SIDE};
    const int64_t filters[4] = {GROUPS * INS, OUTS, 3, 3};
    const int64_t outs = GROUPS * OUTS, strides[2] = {2, 2};
    int node;
    network_init(network, 35);
    int inputs[3] = {network_input(network, "x", 4, image),
                     network_weights(network, 4, filters, 1),
                     network_weights(network, 1, &outs, 1)};
    int y = network_node(network, "ConvTranspose", 3, inputs, &node);
    assert_ok(
        graph_set_ints(network->graph, node, "strides", strides, 2, &fault),
        &fault);
    assert_ok(graph_set_int(network->graph, node, "group", GROUPS, &fault),
              &fault);
    network_output(network, y);
    *weights = inputs[1];
    *bias = inputs[2];
}

static float *
s_read(const network_t *network, int value, size_t floats)
{
    fault_t fault = {0};
    float *data = malloc(floats * sizeof *data);
    assert_ok(
        graph_read_constant(network->graph, value, DTYPE_FLOAT32, data, &fault),
        &fault);
    return data;
}

static void
groups_are_right_with_any_threads_and_batch(void **state)
{
    (void)state;
    enum {
        IN_FLOATS = GROUPS * INS * SIDE * SIDE,
        OUT_FLOATS = GROUPS * OUTS * OUT_SIDE * OUT_SIDE
    };
    const window_t w = {SIDE, SIDE, OUT_SIDE, OUT_SIDE, 3, 3, 2,
                        2,    1,    1,        0,        0, 0, 0};
    network_t network;
    int values[2];
    s_build(&network, &values[0], &values[1]);
    float *weights = s_read(&network, values[0], GROUPS * INS * OUTS * 9);
    float *bias = s_read(&network, values[1], GROUPS * OUTS);
    naive_random_t random = {36};
    float *x = naive_floats(&random, (size_t)SAMPLES * IN_FLOATS);
    float *one = naive_floats(&random, (size_t)SAMPLES * OUT_FLOATS);
    float *other = naive_floats(&random, (size_t)SAMPLES * OUT_FLOATS);
    s_session(&network, 1, 1, x, one);
    for (size_t s = 0; s < SAMPLES; s++) {
        naive_conv_transpose(&w, GROUPS * INS, GROUPS * OUTS, GROUPS, other,
                             x + s * IN_FLOATS, weights, bias);
        assert_true(naive_error(one + s * OUT_FLOATS, other, OUT_FLOATS) <
                    1e-6);
    }
    for (int threads = 1; threads <= 5; threads += 2)
        for (int batch = 1; batch <= SAMPLES; batch += 2) {
            s_session(&network, threads, batch, x, other);
            assert_memory_equal(one, other, SAMPLES * OUT_FLOATS * sizeof *one);
        }
    free(weights);
    free(bias);
    free(x);
    free(one);
    free(other);
    network_release(&network);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_all_kinds_are_right),
        cmocka_unit_test(large_layers_are_right),
        cmocka_unit_test(channels_are_the_same_in_any_company),
        cmocka_unit_test(infinity_stays_in_its_window),
        cmocka_unit_test(groups_are_right_with_any_threads_and_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
