/* Convolution straight from the image against the naive one. */
#include "tests/support/tests.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"

static float *
s_aligned(size_t floats)
{
    return aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64 + 64);
}

/* A window that has at least one output position. */
static window_t
s_random_window(naive_random_t *random)
{
    window_t w;
    do {
        w = (window_t){
            .height = naive_int(random, 1, 23),
            .width = naive_int(random, 1, 23),
            .kernel_y = naive_int(random, 1, 5),
            .kernel_x = naive_int(random, 1, 5),
            .stride_y = naive_int(random, 1, 3),
            .stride_x = naive_int(random, 1, 3),
            .dilation_y = naive_int(random, 1, 3),
            .dilation_x = naive_int(random, 1, 3),
            .pad_top = naive_int(random, 0, 3),
            .pad_left = naive_int(random, 0, 3),
            .pad_bottom = naive_int(random, 0, 3),
            .pad_right = naive_int(random, 0, 3),
        };
        int height = w.height + w.pad_top + w.pad_bottom -
                     (w.kernel_y - 1) * w.dilation_y - 1;
        int width = w.width + w.pad_left + w.pad_right -
                    (w.kernel_x - 1) * w.dilation_x - 1;
        w.out_height = height < 0 ? 0 : height / w.stride_y + 1;
        w.out_width = width < 0 ? 0 : width / w.stride_x + 1;
    } while (w.out_height == 0 || w.out_width == 0);
    return w;
}

typedef struct weights {
    conv_direct_t direct;
    ptrdiff_t *offsets;
    float *packed;
} weights_t;

static void
s_pack(weights_t *self, const conv_shape_t *shape, const float *weights)
{
    conv_direct_t *direct = &self->direct;
    kernels()->conv_direct_init(direct, shape, false);
    self->offsets = malloc(direct->step * direct->taps * sizeof *self->offsets);
    kernels()->conv_direct_lay_out(direct, self->offsets);
    direct->offsets = self->offsets;
    self->packed = s_aligned(direct->weights_floats);
    size_t outs = (size_t)shape->channels_out;
    size_t some = direct->channels_multiple;
    size_t floats = (size_t)shape->channels_in * direct->taps;
    for (size_t c = 0; c < outs; c += some)
        kernels()->conv_direct_pack(direct, weights + c * floats, c,
                                    outs - c < some ? outs - c : some,
                                    self->packed);
}

static int
s_smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Run all of a convolution in blocks of at most some rows and columns, and of
 * channels rounded up to what the layout allows. Nothing behind what is asked
 * for is read or written. */
static void
s_convolve(const conv_shape_t *shape, const conv_end_t *end, int most,
           size_t channels, float *y, const float *x, const float *weights)
{
    weights_t w;
    s_pack(&w, shape, weights);
    const conv_direct_t *direct = &w.direct;
    float *scratch = s_aligned(direct->scratch_floats);
    int outs = shape->channels_out;
    int height = direct->shape.window.out_height;
    int width = direct->shape.window.out_width;
    channels = (channels + direct->channels_multiple - 1) /
               direct->channels_multiple * direct->channels_multiple;
    int rows = s_smaller(most, direct->block_rows);
    int columns = s_smaller(most, direct->block_columns);
    for (int c = 0; c < outs; c += (int)channels)
        for (int i = 0; i < height; i += rows)
            for (int j = 0; j < width; j += columns) {
                conv_block_t block = {
                    .channel = (size_t)c,
                    .channels = (size_t)s_smaller((int)channels, outs - c),
                    .y = i,
                    .rows = s_smaller(rows, height - i),
                    .x = j,
                    .columns = s_smaller(columns, width - j),
                };
                kernels()->conv_direct(direct, &block, end, y, x, w.packed,
                                       scratch);
            }
    free(scratch);
    free(w.packed);
    free(w.offsets);
}

static void
s_check(const window_t *window, int channels_in, int channels_out,
        naive_random_t *random)
{
    conv_shape_t shape = {channels_in, channels_out, *window};
    size_t ins = (size_t)(channels_in * window->height * window->width);
    size_t outs =
        (size_t)(channels_out * window->out_height * window->out_width);
    size_t taps = (size_t)(window->kernel_y * window->kernel_x);
    float *x = naive_floats(random, ins);
    float *weights =
        naive_floats(random, (size_t)(channels_in * channels_out) * taps);
    float *bias = naive_floats(random, (size_t)channels_out);
    float *residual = naive_floats(random, outs);
    float *expected = naive_floats(random, outs);
    float *whole = naive_floats(random, outs);
    float *blocks = naive_floats(random, outs);

    naive_conv(window, channels_in, channels_out, 1, expected, x, weights,
               bias);
    conv_end_t end = {bias, residual, {ACTIVATION_RELU, 0.0f, 0.0f}};
    if (naive_int(random, 0, 1))
        end.activation = (activation_t){ACTIVATION_HARD_SIGMOID, 0.25f, 0.5f};
    for (size_t i = 0; i < outs; i++)
        expected[i] += residual[i];
    kernels()->activate(&end.activation, expected, expected, outs);
    s_convolve(&shape, &end, INT_MAX, (size_t)channels_out, whole, x, weights);
    if (naive_error(whole, expected, outs) >= 2e-6)
        fail_msg("error %g: %dx%d kernel %dx%d stride %d,%d dilation %d,%d "
                 "pads %d,%d,%d,%d channels %d,%d",
                 naive_error(whole, expected, outs), window->height,
                 window->width, window->kernel_y, window->kernel_x,
                 window->stride_y, window->stride_x, window->dilation_y,
                 window->dilation_x, window->pad_top, window->pad_left,
                 window->pad_bottom, window->pad_right, channels_in,
                 channels_out);

    s_convolve(&shape, &end, 5, 1, blocks, x, weights);
    assert_memory_equal(blocks, whole, outs * sizeof *whole);

    memcpy(blocks, residual, outs * sizeof *blocks);
    end.residual = blocks;
    s_convolve(&shape, &end, INT_MAX, (size_t)channels_out, blocks, x, weights);
    assert_memory_equal(blocks, whole, outs * sizeof *whole);
    free(x);
    free(weights);
    free(bias);
    free(residual);
    free(expected);
    free(whole);
    free(blocks);
}

static void
windows_of_every_kind_are_right_in_any_blocks(void **state)
{
    (void)state;
    naive_random_t random = {4};
    for (int round = 0; round < 150; round++) {
        window_t window = s_random_window(&random);
        s_check(&window, naive_int(&random, 1, 40), naive_int(&random, 1, 20),
                &random);
    }
}

static void
pointwise_convolutions_are_right(void **state)
{
    (void)state;
    naive_random_t random = {5};
    static const int depths[] = {300, 512, 700};
    for (int round = 0; round < 15; round++) {
        int side = 1 + round / 3 * 5;
        window_t window = {.height = side,
                           .width = side + 1,
                           .out_height = side,
                           .out_width = side + 1,
                           .kernel_y = 1,
                           .kernel_x = 1,
                           .stride_y = 1,
                           .stride_x = 1,
                           .dilation_y = 1,
                           .dilation_x = 1};
        s_check(&window, depths[round % 3], 17, &random);
    }
}

static void
small_planes_are_right_however_they_are_tiled(void **state)
{
    (void)state;
    naive_random_t random = {6};
    for (int round = 0; round < 12; round++) {
        int side = round % 3 == 0 ? 7 : round % 3 == 1 ? 8 : 14;
        int kernel = naive_int(&random, 0, 1) ? 3 : 1;
        int stride = naive_int(&random, 1, 2);
        window_t window = {.height = side * stride,
                           .width = side * stride,
                           .out_height = side,
                           .out_width = side,
                           .kernel_y = kernel,
                           .kernel_x = kernel,
                           .stride_y = stride,
                           .stride_x = stride,
                           .dilation_y = 1,
                           .dilation_x = 1,
                           .pad_top = kernel / 2,
                           .pad_left = kernel / 2};
        s_check(&window, naive_int(&random, 60, 200),
                naive_int(&random, 1, 120), &random);
    }
}

/* The copy of what lies between far taps would be gigabytes. */
static void
taps_far_from_each_other_need_little_memory(void **state)
{
    (void)state;
    enum { FAR = 20000, FLOATS_MAX = 1 << 20 };
    naive_random_t random = {7};
    window_t window = {.height = 3,
                       .width = 5,
                       .out_height = 3,
                       .out_width = 5,
                       .kernel_y = 3,
                       .kernel_x = 2,
                       .stride_y = 1,
                       .stride_x = 1,
                       .dilation_y = FAR,
                       .dilation_x = FAR,
                       .pad_top = FAR,
                       .pad_left = FAR};
    conv_shape_t shape = {3, 11, window};
    conv_direct_t direct;
    kernels()->conv_direct_init(&direct, &shape, false);
    assert_true(direct.scratch_floats < FLOATS_MAX);
    s_check(&window, 3, 11, &random);
    window.stride_y = window.stride_x = FAR - 1;
    window.pad_top = FAR + 2;
    s_check(&window, 90, 5, &random);
    for (int round = 0; round < 20; round++) {
        window = (window_t){.height = naive_int(&random, 20, 40),
                            .width = naive_int(&random, 20, 40),
                            .out_height = naive_int(&random, 1, 40),
                            .out_width = naive_int(&random, 1, 70),
                            .kernel_y = naive_int(&random, 1, 3),
                            .kernel_x = naive_int(&random, 2, 3),
                            .stride_y = naive_int(&random, 1, 3),
                            .stride_x = naive_int(&random, 1, 3),
                            .dilation_y = naive_int(&random, 15, 40),
                            .dilation_x = naive_int(&random, 15, 40),
                            .pad_top = naive_int(&random, 0, 40),
                            .pad_left = naive_int(&random, 0, 40)};
        s_check(&window, naive_int(&random, 90, 200), 9, &random);
    }
}

/* Their number does not fit an int; nothing is allocated. */
static void
more_pixels_than_an_int_counts_are_laid_out(void **state)
{
    (void)state;
    enum { SIDE = 46341 };
    window_t window = {.height = SIDE,
                       .width = SIDE,
                       .out_height = SIDE,
                       .out_width = SIDE,
                       .kernel_y = 1,
                       .kernel_x = 1,
                       .stride_y = 1,
                       .stride_x = 1,
                       .dilation_y = 1,
                       .dilation_x = 1};
    conv_shape_t shape = {3, 11, window};
    conv_direct_t direct;
    kernels()->conv_direct_init(&direct, &shape, false);
    assert_int_equal(direct.shape.window.out_width, SIDE);
    assert_in_range(direct.block_columns, 1, SIDE);
    assert_in_range(direct.block_rows, 1, SIDE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_every_kind_are_right_in_any_blocks),
        cmocka_unit_test(pointwise_convolutions_are_right),
        cmocka_unit_test(small_planes_are_right_however_they_are_tiled),
        cmocka_unit_test(taps_far_from_each_other_need_little_memory),
        cmocka_unit_test(more_pixels_than_an_int_counts_are_laid_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
