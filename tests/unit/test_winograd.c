/* Winograd's convolution against the naive one in float64. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/naive.h"
#include "worker/engine/conv_rule.h"
#include "worker/engine/level.h"
#include "worker/kernel/winograd.h"

static const int tiles[] = {2, 4};

static const char *const levels[] = {"baseline", "avx2", "avx512"};

enum {
    TILES = sizeof tiles / sizeof tiles[0],
    LEVELS = sizeof levels / sizeof levels[0]
};

typedef struct problem {
    conv_shape_t shape;
    size_t ins, outs;
    float *x, *weights, *bias, *residual, *expected, *y;
    bool residual_added;
} problem_t;

static float *
s_aligned(size_t floats)
{
    return aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
}

static void
s_init(problem_t *p, const window_t *window, int channels_in, int channels_out,
       naive_random_t *random)
{
    p->shape = (conv_shape_t){channels_in, channels_out, *window};
    p->ins = (size_t)(channels_in * window->height * window->width);
    p->outs = (size_t)(channels_out * window->out_height * window->out_width);
    p->x = naive_floats(random, p->ins);
    p->weights = naive_floats(random, (size_t)(channels_in * channels_out * 9));
    p->bias = naive_floats(random, (size_t)channels_out);
    p->residual = naive_floats(random, p->outs);
    p->expected = naive_floats(random, p->outs);
    p->y = naive_floats(random, p->outs);
    p->residual_added = naive_int(random, 0, 1);
    naive_conv(window, channels_in, channels_out, 1, p->expected, p->x,
               p->weights, p->bias);
    for (size_t i = 0; i < p->outs; i++) {
        float v = p->expected[i] + (p->residual_added ? p->residual[i] : 0.0f);
        p->expected[i] = v < 0.0f ? 0.0f : v;
    }
}

static void
s_release(problem_t *p)
{
    free(p->x);
    free(p->weights);
    free(p->bias);
    free(p->residual);
    free(p->expected);
    free(p->y);
}

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* All of it, in blocks of some vectors of tiles and some output channels;
 * scratch holds what no result may depend on. */
static void
s_compute(const problem_t *p, int tile, size_t vectors, size_t channels,
          float garbage)
{
    winograd_t layout;
    kernels()->winograd_init(&layout, &p->shape, tile);
    size_t outs = (size_t)p->shape.channels_out;
    size_t multiple = layout.channels_multiple;
    channels = (channels + multiple - 1) / multiple * multiple;
    vectors = s_smaller(vectors, layout.block);
    float *packed = s_aligned(layout.weights_floats);
    float *scratch = s_aligned(layout.scratch_floats);
    for (size_t i = 0; i < layout.scratch_floats; i++)
        scratch[i] = garbage;
    conv_end_t end = {p->bias,
                      p->residual_added ? p->residual : NULL,
                      {ACTIVATION_RELU, 0.0f, 0.0f}};
    for (size_t k = 0; k < outs; k += channels) {
        size_t some = s_smaller(channels, outs - k);
        kernels()->winograd_pack(
            &layout, p->weights + k * (size_t)p->shape.channels_in * 9, k, some,
            packed);
        for (size_t v = 0; v < layout.vectors; v += vectors) {
            winograd_range_t range = {k, some, v,
                                      s_smaller(vectors, layout.vectors - v)};
            kernels()->winograd(&layout, &range, &end, p->y, p->x, packed,
                                scratch);
        }
    }
    free(packed);
    free(scratch);
}

static window_t
s_window(int height, int width, int top, int left, int bottom, int right)
{
    return (window_t){
        .height = height,
        .width = width,
        .out_height = height + top + bottom - 2,
        .out_width = width + left + right - 2,
        .kernel_y = 3,
        .kernel_x = 3,
        .stride_y = 1,
        .stride_x = 1,
        .dilation_y = 1,
        .dilation_x = 1,
        .pad_top = top,
        .pad_left = left,
        .pad_bottom = bottom,
        .pad_right = right,
    };
}

static window_t
s_random_window(naive_random_t *random)
{
    window_t w;
    do
        w = s_window(naive_int(random, 1, 40), naive_int(random, 1, 40),
                     naive_int(random, 0, 3), naive_int(random, 0, 3),
                     naive_int(random, 0, 3), naive_int(random, 0, 3));
    while (w.out_height < 1 || w.out_width < 1);
    return w;
}

static void
s_check_shapes(int rounds)
{
    naive_random_t random = {11};
    for (int round = 0; round < rounds; round++) {
        window_t w = s_random_window(&random);
        problem_t p;
        s_init(&p, &w, naive_int(&random, 1, 70), naive_int(&random, 1, 70),
               &random);
        int tile = tiles[round % TILES];
        s_compute(&p, tile, SIZE_MAX / 2, SIZE_MAX / 2, NAN);
        double error = naive_error(p.y, p.expected, p.outs);
        if (error >= 1e-5)
            fail_msg("error %g: F(%d), %dx%d, pads %d,%d,%d,%d, channels %d, "
                     "%d",
                     error, tile, w.height, w.width, w.pad_top, w.pad_left,
                     w.pad_bottom, w.pad_right, p.shape.channels_in,
                     p.shape.channels_out);

        float *whole = p.y;
        p.y = naive_floats(&random, p.outs);
        s_compute(&p, tile, (size_t)naive_int(&random, 1, 3),
                  (size_t)naive_int(&random, 1, 40), INFINITY);
        assert_memory_equal(p.y, whole, p.outs * sizeof *whole);
        free(whole);
        s_release(&p);
    }
}

/* On each CPU level that this machine has. */
static void
any_shape_is_right_and_the_same_in_any_blocks(void **state)
{
    (void)state;
    fault_t fault = {0};
    for (int i = 0; i < LEVELS; i++)
        if (level_choose(levels[i], &fault) == 0)
            s_check_shapes(90);
}

/* The bound of docs/decisions/156: ||y - exact||_2 / ||exact||_2 on data of
 * unit variance. */
static void
s_check_errors(const char *level)
{
    naive_random_t random = {12};
    for (int i = 0; i < TILES; i++)
        for (int channels = 64; channels <= 512; channels *= 2) {
            window_t w = s_window(24, 24, 1, 1, 1, 1);
            problem_t p;
            s_init(&p, &w, channels, 8, &random);
            s_compute(&p, tiles[i], SIZE_MAX / 2, SIZE_MAX / 2, NAN);
            double error = naive_error(p.y, p.expected, p.outs);
            print_message("# %s, F(%d), %d channels: %.1e\n", level, tiles[i],
                          channels, error);
            assert_true(error < 1e-5);
            s_release(&p);
        }
}

static void
the_error_is_under_a_hundred_thousandth_up_to_512_channels(void **state)
{
    (void)state;
    fault_t fault = {0};
    for (int i = 0; i < LEVELS; i++)
        if (level_choose(levels[i], &fault) == 0)
            s_check_errors(levels[i]);
}

typedef struct choice {
    int side, ins, outs, tile;
} choice_t;

/* With vectors of eight and of sixteen floats alike. */
static void
the_rule_takes_what_is_faster(void **state)
{
    (void)state;
    static const choice_t rows[] = {
        {56, 64, 64, 4},   {28, 128, 128, 4}, {224, 64, 64, 4},
        {28, 512, 512, 2}, {14, 256, 256, 2}, {14, 512, 512, 2},
        {7, 512, 512, 0},  {1, 512, 512, 0},  {224, 3, 64, 0},
        {224, 64, 3, 0},   {56, 1, 64, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int lanes = 8; lanes <= 16; lanes += 8) {
            const choice_t *row = &rows[i];
            window_t w = s_window(row->side, row->side, 1, 1, 1, 1);
            conv_shape_t shape = {row->ins, row->outs, w};
            if (conv_rule_tile(&shape, lanes) != row->tile)
                fail_msg("%d channels to %d of %d x %d, %d lanes: F(%d)",
                         row->ins, row->outs, row->side, row->side, lanes,
                         conv_rule_tile(&shape, lanes));
        }
}

static void
the_rule_leaves_other_windows(void **state)
{
    (void)state;
    window_t w = s_window(56, 56, 1, 1, 1, 1);
    int *const fields[] = {&w.kernel_y, &w.kernel_x,   &w.stride_y,
                           &w.stride_x, &w.dilation_y, &w.dilation_x};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        (*fields[i])++;
        assert_int_equal(conv_rule_tile(&(conv_shape_t){64, 64, w}, 8), 0);
        (*fields[i])--;
    }
    assert_int_equal(conv_rule_tile(&(conv_shape_t){64, 64, w}, 8), 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_shape_is_right_and_the_same_in_any_blocks),
        cmocka_unit_test(
            the_error_is_under_a_hundred_thousandth_up_to_512_channels),
        cmocka_unit_test(the_rule_takes_what_is_faster),
        cmocka_unit_test(the_rule_leaves_other_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
