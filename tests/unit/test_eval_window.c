/* Windows by plain loops against the naive kernels, and by hand. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "common/model/sliding.h"
#include "tests/support/evaluate.h"
#include "tests/support/naive.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define INTS(...)                                                              \
    (int)COUNT(((const int64_t[]){__VA_ARGS__})), (const int64_t[])            \
    {                                                                          \
        __VA_ARGS__                                                            \
    }

enum { ELEMENTS_MAX = 4000, ROUNDS = 60 };

static naive_random_t seed;

/* An input of normal numbers, which are kept in `floats`. */
static void
s_random(const shape_t *shape, float *floats)
{
    static double numbers[ELEMENTS_MAX];
    size_t count = (size_t)shape_elements(shape);
    assert_true(count <= ELEMENTS_MAX);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (double)(floats[i] = naive_float(&seed));
    evaluate_computed(DTYPE_FLOAT32, shape, numbers, count);
}

static int
s_free(int size, int pads, int dilation, int kernel)
{
    return size + pads - dilation * (kernel - 1) - 1;
}

/* A window over an image that it fits; rest: the inputs at the end of each
 * axis that no window reaches. */
static window_t
s_window(int64_t *rest)
{
    window_t w = {.height = naive_int(&seed, 5, 9),
                  .width = naive_int(&seed, 5, 9),
                  .kernel_y = naive_int(&seed, 1, 3),
                  .kernel_x = naive_int(&seed, 1, 3),
                  .stride_y = naive_int(&seed, 1, 3),
                  .stride_x = naive_int(&seed, 1, 3),
                  .dilation_y = naive_int(&seed, 1, 2),
                  .dilation_x = naive_int(&seed, 1, 2)};
    w.pad_top = naive_int(&seed, 0, w.kernel_y - 1);
    w.pad_left = naive_int(&seed, 0, w.kernel_x - 1);
    w.pad_bottom = naive_int(&seed, 0, w.kernel_y - 1);
    w.pad_right = naive_int(&seed, 0, w.kernel_x - 1);
    int down =
        s_free(w.height, w.pad_top + w.pad_bottom, w.dilation_y, w.kernel_y);
    int across =
        s_free(w.width, w.pad_left + w.pad_right, w.dilation_x, w.kernel_x);
    w.out_height = down / w.stride_y + 1;
    w.out_width = across / w.stride_x + 1;
    rest[0] = down % w.stride_y;
    rest[1] = across % w.stride_x;
    return w;
}

static void
s_set_window(const window_t *w)
{
    evaluate_ints("kernel_shape", INTS(w->kernel_y, w->kernel_x));
    evaluate_ints("strides", INTS(w->stride_y, w->stride_x));
    evaluate_ints("dilations", INTS(w->dilation_y, w->dilation_x));
    evaluate_ints("pads",
                  INTS(w->pad_top, w->pad_left, w->pad_bottom, w->pad_right));
}

static void
s_assert_output(size_t from, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double y = evaluate_element(0, from + i);
        if (!(fabs(y - (double)expected[i]) < 1e-5))
            fail_msg("element %zu is %g, not %g", from + i, y,
                     (double)expected[i]);
    }
}

static void
convolutions_are_the_naive_ones(void **state)
{
    (void)state;
    static float x[ELEMENTS_MAX], k[ELEMENTS_MAX], b[16], y[ELEMENTS_MAX];
    seed.state = 61;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t rest[2];
        window_t w = s_window(rest);
        int groups = naive_int(&seed, 1, 3), in = groups * 2, out = groups * 3;
        size_t x_floats = (size_t)(in * w.height * w.width);
        size_t y_floats = (size_t)(out * w.out_height * w.out_width);
        evaluate_op("Conv", 1);
        s_random(SHAPE(2, in, w.height, w.width), x);
        s_random(SHAPE(out, 2, w.kernel_y, w.kernel_x), k);
        s_random(SHAPE(out), b);
        s_set_window(&w);
        evaluate_int("group", groups);
        evaluate();
        for (size_t n = 0; n < 2; n++) {
            naive_conv(&w, in, out, groups, y, x + n * x_floats, k, b);
            s_assert_output(n * y_floats, y, y_floats);
        }
    }
}

/* <conv(x), y> = <x, transposed(y)> for every x and y. */
static void
a_transposed_convolution_is_the_adjoint_of_one(void **state)
{
    (void)state;
    static float x[ELEMENTS_MAX], k[ELEMENTS_MAX], y[ELEMENTS_MAX],
        convolved[ELEMENTS_MAX];
    seed.state = 63;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t rest[2];
        window_t w = s_window(rest);
        int groups = naive_int(&seed, 1, 3), in = groups * 2, out = groups * 3;
        size_t x_floats = (size_t)(in * w.height * w.width);
        size_t y_floats = (size_t)(out * w.out_height * w.out_width);
        evaluate_op("ConvTranspose", 1);
        s_random(SHAPE(1, out, w.out_height, w.out_width), y);
        s_random(SHAPE(out, 2, w.kernel_y, w.kernel_x), k);
        s_set_window(&w);
        evaluate_int("group", groups);
        evaluate_ints("output_padding", 2, rest);
        evaluate();

        double left = 0.0, right = 0.0;
        for (size_t j = 0; j < x_floats; j++) {
            x[j] = naive_float(&seed);
            right += (double)x[j] * evaluate_element(0, j);
        }
        naive_conv(&w, in, out, groups, convolved, x, k, NULL);
        for (size_t j = 0; j < y_floats; j++)
            left += (double)convolved[j] * (double)y[j];
        assert_true(fabs(left - right) < 1e-4 * (1.0 + fabs(left)));
        assert_int_equal(shape_elements(&evaluated[0].shape), x_floats);
    }
}

static void
s_check_pool(const window_t *w, const char *op, bool count_padding)
{
    static float x[ELEMENTS_MAX], y[ELEMENTS_MAX];
    evaluate_op(op, 1);
    s_random(SHAPE(2, 3, w->height, w->width), x);
    s_set_window(w);
    evaluate_int("count_include_pad", count_padding);
    evaluate();
    if (strcmp(op, "MaxPool") == 0)
        naive_pool_max(w, y, x, 6);
    else
        naive_pool_average(w, count_padding, y, x, 6);
    s_assert_output(0, y, (size_t)(6 * w->out_height * w->out_width));
}

static void
pools_are_the_naive_ones(void **state)
{
    (void)state;
    seed.state = 62;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t rest[2];
        window_t w = s_window(rest);
        s_check_pool(&w, "MaxPool", false);
        s_check_pool(&w, "AveragePool", false);
        s_check_pool(&w, "AveragePool", true);
    }
}

static void
one_axis_and_three_axes(void **state)
{
    (void)state;
    evaluate_op("Conv", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 5), NUMBERS(1, 2, 3, 4, 5));
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 2), NUMBERS(1, 10));
    evaluate_ints("strides", INTS(2));
    evaluate_ints("pads", INTS(1, 0));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, 3), NUMBERS(10, 32, 54));

    evaluate_op("AveragePool", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 2, 2, 3),
                      NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    evaluate_ints("kernel_shape", INTS(2, 2, 1));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, 1, 1, 3),
                            NUMBERS(5.5, 6.5, 7.5));

    evaluate_op("ConvTranspose", 1);
    evaluate_computed(DTYPE_FLOAT64, SHAPE(1, 1, 2), NUMBERS(1, 2));
    evaluate_computed(DTYPE_FLOAT64, SHAPE(1, 2, 2), NUMBERS(1, 10, 3, 30));
    evaluate_computed(DTYPE_FLOAT64, SHAPE(2), NUMBERS(0, 100));
    evaluate_ints("strides", INTS(3));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT64, SHAPE(1, 2, 5),
                            NUMBERS(1, 10, 0, 2, 20, 103, 130, 100, 106, 160));
}

static void
the_place_of_a_maximum_is_counted_from_the_first_image(void **state)
{
    (void)state;
    for (int columns_first = 0; columns_first < 2; columns_first++) {
        evaluate_op("MaxPool", 2);
        evaluate_computed(DTYPE_UINT8, SHAPE(2, 1, 2, 3),
                          NUMBERS(1, 9, 2, 3, 4, 5, 8, 1, 1, 1, 1, 7));
        evaluate_ints("kernel_shape", INTS(2, 2));
        evaluate_int("storage_order", columns_first);
        evaluate();
        evaluate_expect_numbers(DTYPE_UINT8, SHAPE(2, 1, 1, 2),
                                NUMBERS(9, 9, 8, 7));
        static const double places[2][4] = {{1, 1, 6, 11}, {2, 2, 6, 11}};
        for (size_t i = 0; i < 4; i++)
            assert_true(evaluate_element(1, i) == places[columns_first][i]);
    }
}

/* Four inputs and a kernel of 3 with stride 2: one too few for two windows. */
static void
an_odd_padding_goes_to_the_side_that_is_named(void **state)
{
    (void)state;
    const struct {
        const char *pad;
        int64_t out;
        double expected[2];
    } rows[] = {{"SAME_UPPER", 2, {6, 7}},
                {"SAME_LOWER", 2, {3, 9}},
                {"VALID", 1, {6}},
                {"NOTSET", 1, {6}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        evaluate_op("Conv", 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 4), NUMBERS(1, 2, 3, 4));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 3), NUMBERS(1, 1, 1));
        evaluate_ints("strides", INTS(2));
        evaluate_text("auto_pad", rows[i].pad);
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, rows[i].out),
                                rows[i].expected, (size_t)rows[i].out);
    }
}

static void
a_transposed_output_is_as_large_as_the_node_says(void **state)
{
    (void)state;
    const struct {
        const char *pad;
        int64_t wanted;
        double expected[5];
    } rows[] = {{"NOTSET", 4, {2, 5, 2, 4}},
                {"SAME_UPPER", 4, {1, 2, 5, 2}},
                {"SAME_UPPER", 0, {1, 2, 5, 2}},
                {"SAME_LOWER", 0, {2, 5, 2, 4}},
                {"VALID", 0, {1, 2, 5, 2, 4}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t out = rows[i].wanted               ? rows[i].wanted
                      : rows[i].expected[4] != 0.0 ? 5
                                                   : 4;
        evaluate_op("ConvTranspose", 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 2), NUMBERS(1, 1));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 3), NUMBERS(1, 2, 4));
        evaluate_ints("strides", INTS(2));
        evaluate_text("auto_pad", rows[i].pad);
        if (rows[i].wanted)
            evaluate_ints("output_shape", INTS(rows[i].wanted));
        evaluate();
        evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, out),
                                rows[i].expected, (size_t)out);
    }
}

/* A tiny file can name a huge kernel; what it does not see costs nothing. */
static void
a_kernel_much_larger_than_its_image_takes_no_time(void **state)
{
    (void)state;
    const int64_t most = SLIDING_EXTENT_MAX;
    evaluate_op("AveragePool", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 1, 1, 2), NUMBERS(4, 8));
    evaluate_ints("kernel_shape", INTS(most, most, most));
    evaluate_ints("pads", INTS(most - 1, most - 1, most - 1, 0, 0, 0));
    evaluate();
    evaluate_expect_numbers(DTYPE_FLOAT32, SHAPE(1, 1, 1, 1, 2), NUMBERS(4, 6));
}

static void
what_cannot_be_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *op, *attribute, *said;
        int64_t values[2];
    } rows[] = {
        {"Conv", "strides", "strides has 0", {0, 1}},
        {"Conv", "dilations", "a kernel of 9 does not fit", {4, 1}},
        {"Conv", "kernel_shape", "not that of the weights", {2, 3}},
        {"ConvTranspose", "strides", "which should be 1 to", {1, 1 << 30}},
        {"ConvTranspose", "output_padding", "has -1", {0, -1}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        evaluate_op(rows[i].op, 1);
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 4, 4), NUMBERS(1));
        evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 1, 3, 3), NUMBERS(1));
        evaluate_ints(rows[i].attribute, 2, rows[i].values);
        evaluate_refuses(rows[i].said);
    }
    evaluate_op("ConvTranspose", 1);
    evaluate_computed(DTYPE_FLOAT32, SHAPE(1, 3, 4), NUMBERS(1));
    evaluate_computed(DTYPE_FLOAT32, SHAPE(3, (int64_t)1 << 34, 0), NUMBERS(1));
    evaluate_int("group", 3);
    evaluate_refuses("an extent of 0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_the_naive_ones),
        cmocka_unit_test(a_transposed_convolution_is_the_adjoint_of_one),
        cmocka_unit_test(pools_are_the_naive_ones),
        cmocka_unit_test(one_axis_and_three_axes),
        cmocka_unit_test(
            the_place_of_a_maximum_is_counted_from_the_first_image),
        cmocka_unit_test(an_odd_padding_goes_to_the_side_that_is_named),
        cmocka_unit_test(a_transposed_output_is_as_large_as_the_node_says),
        cmocka_unit_test(a_kernel_much_larger_than_its_image_takes_no_time),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
