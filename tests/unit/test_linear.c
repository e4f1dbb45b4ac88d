/* Fully connected layers against the naive product. */
#include "tests/support/tests.h"

#include <stdlib.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/gemm.h"
#include "worker/kernel/linear.h"
#include "worker/kernel/vector_matrix.h"

static size_t
s_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static float *
s_turned(const float *weights, size_t depth, size_t outs)
{
    float *turned = malloc(depth * outs * sizeof *turned);
    for (size_t k = 0; k < depth; k++)
        for (size_t o = 0; o < outs; o++)
            turned[o * depth + k] = weights[k * outs + o];
    return turned;
}

/* As a file that has them the other way round is read: two panels at a time. */
static void
s_pack_outs(const linear_shape_t *shape, const float *weights, float *packed)
{
    size_t some = 2 * (size_t)kernels()->gemm_columns()->width;
    float *turned = s_turned(weights, shape->depth, shape->outs);
    for (size_t o = 0; o < shape->outs; o += some)
        kernels()->linear_pack_outs(shape, turned + o * shape->depth, o,
                                    s_smaller(some, shape->outs - o), packed);
    free(turned);
}

static void
s_check_linear(naive_random_t *random, size_t rows, size_t depth, size_t outs)
{
    linear_shape_t shape = {depth, outs};
    float *x = naive_floats(random, rows * depth);
    float *weights = naive_floats(random, depth * outs);
    float *bias = naive_floats(random, outs);
    float *y = naive_floats(random, rows * outs);
    float *expected = naive_floats(random, rows * outs);
    size_t floats = kernels()->linear_weights_floats(&shape);
    float *packed = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
    float *scratch = aligned_alloc(
        64, (kernels()->linear_scratch_floats() * 4 + 63) / 64 * 64);
    naive_matmul(expected, x, weights, rows, depth, outs);
    for (size_t i = 0; i < rows * outs; i++)
        expected[i] += bias[i % outs];

    if (rows % 2)
        s_pack_outs(&shape, weights, packed);
    else
        for (size_t k = 0; k < depth; k += kernels()->gemm_step(depth))
            kernels()->linear_pack_steps(
                &shape, weights + k * outs, k,
                s_smaller(kernels()->gemm_step(depth), depth - k), packed);
    linear_end_t end = {bias, NULL, {ACTIVATION_NONE, 0.0f, 0.0f}};
    size_t step = 2 * (size_t)kernels()->gemm_columns()->width;
    for (size_t out = 0; out < outs; out += step) {
        linear_range_t range = {rows, out,
                                outs - out < step ? outs - out : step};
        kernels()->linear(&shape, &range, &end, y, x, packed, scratch);
    }
    assert_true(naive_error(y, expected, rows * outs) < 1e-6);
    free(x);
    free(weights);
    free(bias);
    free(y);
    free(expected);
    free(packed);
    free(scratch);
}

static void
linear_layers_of_odd_sizes_are_right(void **state)
{
    (void)state;
    naive_random_t random = {24};
    for (int round = 0; round < 40; round++)
        s_check_linear(&random, (size_t)naive_int(&random, 1, LINEAR_ROWS_MAX),
                       (size_t)naive_int(&random, 1, 700),
                       (size_t)naive_int(&random, 1, 90));
}

static void
single_rows_are_right_and_the_same_in_any_company(void **state)
{
    (void)state;
    enum { SAMPLES = 5 };
    naive_random_t random = {25};
    for (int round = 0; round < 40; round++) {
        size_t depth = (size_t)naive_int(&random, 1, 700);
        size_t outs = (size_t)naive_int(&random, 1, 90);
        size_t floats = kernels()->vector_matrix_floats(depth, outs);
        float *x = naive_floats(&random, SAMPLES * depth);
        float *weights = naive_floats(&random, depth * outs);
        float *y = naive_floats(&random, SAMPLES * outs);
        float *expected = naive_floats(&random, SAMPLES * outs);
        float *packed = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
        naive_matmul(expected, x, weights, SAMPLES, depth, outs);
        float *other = aligned_alloc(64, (floats * 4 + 63) / 64 * 64);
        float *turned = s_turned(weights, depth, outs);
        size_t some = 2 * VECTOR_MATRIX_WIDTH, steps = 1 + depth / 3;
        for (size_t o = 0; o < outs; o += some)
            kernels()->vector_matrix_pack_outs(turned + o * depth, depth, o,
                                               s_smaller(some, outs - o),
                                               packed);
        for (size_t k = 0; k < depth; k += steps)
            kernels()->vector_matrix_pack_steps(weights + k * outs, depth, outs,
                                                k, s_smaller(steps, depth - k),
                                                other);
        assert_memory_equal(packed, other, floats * sizeof *packed);
        kernels()->vector_matrix(y, x, packed, depth, outs, 0, outs, SAMPLES);
        assert_true(naive_error(y, expected, SAMPLES * outs) < 1e-6);
        for (size_t s = 0; s < SAMPLES; s++)
            for (size_t o = 0; o < outs; o += VECTOR_MATRIX_WIDTH)
                kernels()->vector_matrix(
                    expected + s * outs, x + s * depth, packed, depth, outs, o,
                    outs - o < VECTOR_MATRIX_WIDTH ? outs - o
                                                   : VECTOR_MATRIX_WIDTH,
                    1);
        assert_memory_equal(y, expected, SAMPLES * outs * sizeof *y);
        free(x);
        free(weights);
        free(y);
        free(expected);
        free(packed);
        free(other);
        free(turned);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_of_odd_sizes_are_right),
        cmocka_unit_test(single_rows_are_right_and_the_same_in_any_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
