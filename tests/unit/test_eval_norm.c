/* Norms by plain loops on float64, against the kernels' naive twins. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/evaluate.h"
#include "tests/support/naive.h"

enum { COUNT = 3 * 6 * 5 * 4, CHANNELS = 6 };

static float x[COUNT], scale[COUNT], shift[COUNT], expected[COUNT];

static const shape_t image = {4, {3, 6, 5, 4}};

static void
s_input(const shape_t *shape, const float *floats)
{
    static double doubles[COUNT];
    size_t count = (size_t)shape_elements(shape);
    for (size_t i = 0; i < count; i++)
        doubles[i] = (double)floats[i];
    evaluate_computed(DTYPE_FLOAT64, shape, doubles, count);
}

/* A node of x, and of a scale and a shift of this shape (NULL: of none). */
static void
s_begin(const char *op, int outputs, const shape_t *numbers)
{
    naive_random_t random = {5};
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = 3.0f * naive_float(&random) + 1.0f;
        scale[i] = naive_float(&random);
        shift[i] = naive_float(&random);
    }
    evaluate_op(op, outputs);
    s_input(&image, x);
    if (numbers) {
        s_input(numbers, scale);
        s_input(numbers, shift);
    }
}

static void
s_end(void)
{
    float y[COUNT];
    evaluate();
    for (size_t i = 0; i < COUNT; i++)
        y[i] = (float)evaluate_element(0, i);
    double error = naive_error(y, expected, COUNT);
    if (error > 1e-7)
        fail_msg("relative error %g", error);
}

static void
softmax_and_its_logarithm_along_any_axis(void **state)
{
    (void)state;
    for (int axis = 0; axis < 4; axis++)
        for (int logarithm = 0; logarithm < 2; logarithm++) {
            size_t inner = 1, count = (size_t)image.dims[axis];
            for (int i = axis + 1; i < 4; i++)
                inner *= (size_t)image.dims[i];
            s_begin(logarithm ? "LogSoftmax" : "Softmax", 1, NULL);
            (logarithm ? naive_log_softmax : naive_softmax)(
                expected, x, COUNT / inner / count, count, inner);
            evaluate_int("axis", axis - 4);
            s_end();
        }
}

static void
layers_with_their_moments(void **state)
{
    (void)state;
    s_begin("LayerNormalization", 3, SHAPE(5, 4));
    naive_norm(expected, x, scale, shift, 18, 20, 20, 1, (double)1e-5f);
    evaluate_int("axis", 2);
    s_end();
    assert_true(shape_equal(&evaluated[1].shape, &(shape_t){4, {3, 6, 1, 1}}));
    assert_true(shape_equal(&evaluated[2].shape, &(shape_t){4, {3, 6, 1, 1}}));
    for (size_t r = 0; r < 18; r++) {
        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < 20; i++)
            mean += (double)x[r * 20 + i] / 20.0;
        for (size_t i = 0; i < 20; i++)
            variance += pow((double)x[r * 20 + i] - mean, 2.0) / 20.0;
        double inverse = 1.0 / sqrt(variance + 1e-5);
        assert_true(fabs(evaluate_element(1, r) - mean) < 1e-6);
        assert_true(fabs(evaluate_element(2, r) - inverse) < 1e-6);
    }
}

static void
instances_groups_and_batches(void **state)
{
    (void)state;
    s_begin("InstanceNormalization", 1, SHAPE(CHANNELS));
    naive_norm(expected, x, scale, shift, 18, 20, CHANNELS, 20, (double)1e-5f);
    s_end();

    s_begin("GroupNormalization", 1, SHAPE(CHANNELS));
    naive_norm(expected, x, scale, shift, 6, 60, CHANNELS, 20, (double)1e-5f);
    evaluate_int("num_groups", 2);
    s_end();

    s_begin("BatchNormalization", 1, SHAPE(CHANNELS));
    float mean[CHANNELS], variance[CHANNELS];
    for (size_t c = 0; c < CHANNELS; c++) {
        mean[c] = 0.25f * (float)c;
        variance[c] = 1.0f + (float)c;
    }
    s_input(SHAPE(CHANNELS), mean);
    s_input(SHAPE(CHANNELS), variance);
    for (size_t i = 0; i < COUNT; i++) {
        size_t c = i / 20 % CHANNELS;
        double root = sqrt((double)variance[c] + (double)1e-5f);
        expected[i] =
            (float)((double)(x[i] - mean[c]) / root * (double)scale[c] +
                    (double)shift[c]);
    }
    s_end();
}

static void
local_responses_of_an_even_window(void **state)
{
    (void)state;
    s_begin("LRN", 1, NULL);
    for (size_t n = 0; n < 3; n++)
        naive_lrn(expected + n * 120, x + n * 120, CHANNELS, 20, 4,
                  (double)1e-4f, 0.75, 1.0);
    evaluate_int("size", 4);
    s_end();
}

static void
what_does_not_fit_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *op, *name;
        int64_t value;
        shape_t numbers;
        const char *part;
    } rows[] = {
        {"GroupNormalization", "num_groups", 4, {1, {6}}, "do not divide 6"},
        {"GroupNormalization", "num_groups", 0, {1, {6}}, "do not divide 6"},
        {"GroupNormalization", "num_groups", -6, {1, {6}}, "do not divide 6"},
        {"InstanceNormalization", "x", 0, {1, {5}}, "scale is [5] for 6"},
        {"LayerNormalization", "axis", 4, {1, {4}}, "axis 4 of a tensor"},
        {"LayerNormalization", "axis", INT64_MIN, {1, {4}}, "of a tensor"},
        {"LayerNormalization", "axis", 3, {1, {5}}, "scale [5] does not fit"},
        {"LRN", "size", 0, {.rank = 0}, "a size of 0"},
        {"LRN",
         "size",
         INT64_MAX,
         {.rank = 0},
         "a size of 9223372036854775807"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        s_begin(rows[r].op, 1, rows[r].numbers.rank ? &rows[r].numbers : NULL);
        evaluate_int(rows[r].name, rows[r].value);
        evaluate_refuses(rows[r].part);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_and_its_logarithm_along_any_axis),
        cmocka_unit_test(layers_with_their_moments),
        cmocka_unit_test(instances_groups_and_batches),
        cmocka_unit_test(local_responses_of_an_even_window),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
