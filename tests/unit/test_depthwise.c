/* Depthwise convolution against the naive one. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/depthwise.h"

enum { GUARD = 64 };

/* A layer with everything it reads and writes. */
typedef struct layer {
    window_t window;
    int planes, multiplier;
    size_t in, out; /* floats of a plane */
    float *x, *filters, *bias, *residual, *expected;
} layer_t;

static float *
s_aligned(size_t floats)
{
    return aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64 + 64);
}

static int
s_outs(int size, int pads, int kernel, int dilation, int stride)
{
    int room = size + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

/* False where nothing comes out. */
static bool
s_set_outs(window_t *w)
{
    w->out_height = s_outs(w->height, w->pad_top + w->pad_bottom, w->kernel_y,
                           w->dilation_y, w->stride_y);
    w->out_width = s_outs(w->width, w->pad_left + w->pad_right, w->kernel_x,
                          w->dilation_x, w->stride_x);
    return w->out_height > 0 && w->out_width > 0;
}

/* Three times in four one of the frequent kinds, else any. */
static window_t
s_random_window(naive_random_t *random)
{
    window_t w;
    do {
        bool frequent = naive_int(random, 0, 3) > 0;
        int kernel = 2 * naive_int(random, 1, 3) + 1;
        int stride = naive_int(random, 1, 2);
        w = (window_t){
            .height = naive_int(random, 1, 37),
            .width = naive_int(random, 1, 53),
            .kernel_y = frequent ? kernel : naive_int(random, 1, 6),
            .kernel_x = frequent ? kernel : naive_int(random, 1, 6),
            .stride_y = frequent ? stride : naive_int(random, 1, 4),
            .stride_x = frequent ? stride : naive_int(random, 1, 4),
            .dilation_y = frequent ? 1 : naive_int(random, 1, 3),
            .dilation_x = frequent ? 1 : naive_int(random, 1, 3),
            .pad_top = naive_int(random, 0, 4),
            .pad_left = naive_int(random, 0, 4),
            .pad_bottom = naive_int(random, 0, 4),
            .pad_right = naive_int(random, 0, 4),
        };
    } while (!s_set_outs(&w));
    return w;
}

static void
s_init(layer_t *self, const window_t *w, int planes, int multiplier,
       naive_random_t *random)
{
    *self = (layer_t){.window = *w, .planes = planes, .multiplier = multiplier};
    self->in = (size_t)(w->height * w->width);
    self->out = (size_t)(w->out_height * w->out_width);
    size_t all = (size_t)planes;
    self->x = naive_floats(random, all / (size_t)multiplier * self->in);
    self->filters =
        naive_floats(random, all * (size_t)(w->kernel_y * w->kernel_x));
    self->bias = naive_floats(random, all);
    self->residual = naive_floats(random, all * self->out);
    self->expected = naive_floats(random, all * self->out);
    naive_conv(w, planes / multiplier, planes, planes / multiplier,
               self->expected, self->x, self->filters, self->bias);
}

static void
s_release(layer_t *self)
{
    free(self->x);
    free(self->filters);
    free(self->bias);
    free(self->residual);
    free(self->expected);
}

/* Compute `share` planes at a time; nothing behind a share may be touched. */
static void
s_compute(const layer_t *self, const conv_end_t *end, size_t share, float *y)
{
    band_t band;
    assert_true(kernels()->depthwise_init(&band, &self->window));
    const window_t *w = &self->window;
    size_t planes = (size_t)self->planes;
    size_t taps = (size_t)(w->kernel_y * w->kernel_x);
    float *packed = s_aligned(planes * taps);
    float *scratch = s_aligned(kernels()->depthwise_scratch_floats(&band));
    memset(scratch, 0xff,
           kernels()->depthwise_scratch_floats(&band) * sizeof(float));
    for (size_t p = 0; p < planes; p++)
        kernels()->depthwise_pack(w, packed + p * taps,
                                  self->filters + p * taps);
    for (size_t p = 0; p < planes; p += share) {
        depthwise_range_t range = {p, planes - p < share ? planes - p : share,
                                   (size_t)self->multiplier};
        float *behind = y + (p + range.planes) * self->out;
        for (int i = 0; i < GUARD; i++)
            behind[i] = 1234.0f;
        kernels()->depthwise_planes(&band, &range, end, y, self->x, packed,
                                    scratch);
        for (int i = 0; i < GUARD; i++)
            assert_true(behind[i] == 1234.0f);
    }
    free(packed);
    free(scratch);
}

static void
s_assert_close(const layer_t *self, const float *y)
{
    const window_t *w = &self->window;
    double error =
        naive_error(y, self->expected, (size_t)self->planes * self->out);
    if (error >= 2e-6)
        fail_msg("error %g: %dx%d kernel %dx%d stride %d,%d dilation %d,%d "
                 "pads %d,%d,%d,%d planes %d",
                 error, w->height, w->width, w->kernel_y, w->kernel_x,
                 w->stride_y, w->stride_x, w->dilation_y, w->dilation_x,
                 w->pad_top, w->pad_left, w->pad_bottom, w->pad_right,
                 self->planes);
}

/* The expected outputs through the end of the layer. */
static void
s_expect(layer_t *self, const conv_end_t *end)
{
    size_t count = (size_t)self->planes * self->out;
    for (size_t i = 0; end->residual && i < count; i++)
        self->expected[i] += end->residual[i];
    kernels()->activate(&end->activation, self->expected, self->expected,
                        count);
}

static void
s_check(const window_t *w, int planes, int multiplier, conv_end_t end,
        bool residual, naive_random_t *random)
{
    layer_t layer;
    s_init(&layer, w, planes, multiplier, random);
    end.bias = layer.bias;
    end.residual = residual ? layer.residual : NULL;
    s_expect(&layer, &end);
    size_t count = (size_t)planes * layer.out;
    float *whole = naive_floats(random, count + GUARD);
    float *single = naive_floats(random, count + GUARD);
    s_compute(&layer, &end, (size_t)planes, whole);
    s_assert_close(&layer, whole);
    s_compute(&layer, &end, 1, single);
    assert_memory_equal(single, whole, count * sizeof *whole);
    free(whole);
    free(single);
    s_release(&layer);
}

static void
windows_of_every_kind_are_right_in_any_shares(void **state)
{
    (void)state;
    static const conv_end_t ends[] = {
        {.activation = {ACTIVATION_NONE, 0.0f, 0.0f}},
        {.activation = {ACTIVATION_RELU, 0.0f, 0.0f}},
        {.activation = {ACTIVATION_CLIP, 0.0f, 1.0f}},
        {.activation = {ACTIVATION_HARD_SWISH, 0.0f, 0.0f}},
    };
    naive_random_t random = {6};
    for (int round = 0; round < 600; round++) {
        window_t w = s_random_window(&random);
        int multiplier = naive_int(&random, 1, 3);
        s_check(&w, multiplier * naive_int(&random, 1, 5), multiplier,
                ends[round % 4], round % 8 >= 4, &random);
    }
}

/* So wide that a band is a part of the plane. */
static void
planes_of_several_bands_are_right(void **state)
{
    (void)state;
    naive_random_t random = {7};
    for (int kernel = 1; kernel <= 9; kernel++)
        for (int stride = 1; stride <= 3; stride++) {
            window_t w = {.height = 75,
                          .width = 190,
                          .kernel_y = kernel,
                          .kernel_x = kernel,
                          .stride_y = stride,
                          .stride_x = stride,
                          .dilation_y = 1,
                          .dilation_x = 1,
                          .pad_top = kernel / 2,
                          .pad_left = kernel / 2,
                          .pad_bottom = kernel / 2,
                          .pad_right = kernel / 2};
            assert_true(s_set_outs(&w));
            conv_end_t end = {.activation = {ACTIVATION_SILU, 0.0f, 0.0f}};
            s_check(&w, 2, 1, end, kernel % 2 == 0, &random);
        }
}

/* NaN and infinity reach what their taps reach, through every end. */
static void
numbers_that_are_none_pass_and_spread_no_further(void **state)
{
    (void)state;
    static const activation_kind_t kinds[] = {ACTIVATION_NONE, ACTIVATION_RELU,
                                              ACTIVATION_CLIP,
                                              ACTIVATION_HARD_SWISH};
    const window_t w = {20, 21, 20, 21, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        naive_random_t random = {8};
        layer_t layer;
        s_init(&layer, &w, 3, 1, &random);
        layer.x[layer.in + 5 * 21] = NAN;
        layer.x[layer.in + 10 * 21 + 20] = INFINITY;
        naive_conv(&w, 3, 3, 3, layer.expected, layer.x, layer.filters,
                   layer.bias);
        conv_end_t end = {layer.bias, NULL, {kinds[k], -1.0f, 1.0f}};
        s_expect(&layer, &end);
        float *y = naive_floats(&random, 3 * layer.out + GUARD);
        s_compute(&layer, &end, 3, y);
        for (size_t i = 0; i < 3 * layer.out; i++) {
            float e = layer.expected[i];
            assert_true(isnan(e) ? isnan(y[i])
                                 : y[i] == e || fabsf(y[i] - e) < 1e-4f);
        }
        free(y);
        s_release(&layer);
    }
}

static void
a_window_that_is_too_large_is_refused(void **state)
{
    (void)state;
    band_t band;
    window_t w = {20, 21, 20, 21, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_true(kernels()->depthwise_init(&band, &w));
    w.kernel_x = BAND_COLUMNS_MAX + 1;
    w.pad_left = w.pad_right = BAND_COLUMNS_MAX / 2;
    assert_false(kernels()->depthwise_init(&band, &w));
    w = (window_t){.height = 4,
                   .width = 1 << 20,
                   .out_height = 1,
                   .out_width = 1 << 20,
                   .kernel_y = 3,
                   .kernel_x = 1,
                   .stride_y = 1,
                   .stride_x = 1,
                   .dilation_y = 1 << 10,
                   .dilation_x = 1,
                   .pad_top = 1 << 11};
    assert_false(kernels()->depthwise_init(&band, &w));
    w = (window_t){.height = 1,
                   .width = 1,
                   .out_height = 2001,
                   .out_width = 2001,
                   .kernel_y = 2,
                   .kernel_x = 2,
                   .stride_y = 1,
                   .stride_x = 1,
                   .dilation_y = 2000,
                   .dilation_x = 2000,
                   .pad_top = 2000,
                   .pad_left = 2000};
    assert_false(kernels()->depthwise_init(&band, &w));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_every_kind_are_right_in_any_shares),
        cmocka_unit_test(planes_of_several_bands_are_right),
        cmocka_unit_test(numbers_that_are_none_pass_and_spread_no_further),
        cmocka_unit_test(a_window_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
