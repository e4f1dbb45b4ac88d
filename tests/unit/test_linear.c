/* Fully connected layers against the naive product. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/linear.h"

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

static float *
s_packed(const linear_shape_t *shape)
{
    size_t bytes = kernels()->linear_weights_floats(shape) * sizeof(float);
    return aligned_alloc(64, bytes + 64 - bytes % 64);
}

/* As a file that has them the other way round is read: two panels at a time. */
static void
s_pack_outs(const linear_shape_t *shape, const float *weights, float *packed)
{
    size_t some = 2 * (size_t)LINEAR_WIDTH;
    float *turned = s_turned(weights, shape->depth, shape->outs);
    for (size_t o = 0; o < shape->outs; o += some)
        kernels()->linear_pack_outs(shape, turned + o * shape->depth, o,
                                    s_smaller(some, shape->outs - o), packed);
    free(turned);
}

static void
s_pack_steps(const linear_shape_t *shape, const float *weights, float *packed)
{
    size_t some = 1 + shape->depth / 3;
    for (size_t k = 0; k < shape->depth; k += some)
        kernels()->linear_pack_steps(shape, weights + k * shape->outs, k,
                                     s_smaller(some, shape->depth - k), packed);
}

/* As the engine does: so many rows and outputs a call. */
static void
s_linear(const linear_shape_t *shape, size_t rows, size_t some, size_t outs,
         const linear_end_t *end, float *y, const linear_rows_t *x,
         const float *packed)
{
    for (size_t row = 0; row < rows; row += some)
        for (size_t out = 0; out < shape->outs; out += outs) {
            linear_range_t range = {s_smaller(some, rows - row), out,
                                    s_smaller(outs, shape->outs - out)};
            linear_rows_t from = *x;
            linear_end_t here = *end;
            size_t at = row * shape->outs;
            from.data += row * x->row_stride;
            if (end->residual)
                here.residual += at;
            kernels()->linear(shape, &range, &here, y + at, &from, packed);
        }
}

static void
s_check_linear(naive_random_t *random, size_t rows, size_t depth, size_t outs)
{
    linear_shape_t shape = {depth, outs};
    float *x = naive_floats(random, rows * depth);
    float *weights = naive_floats(random, depth * outs);
    float *bias = naive_floats(random, outs);
    float *residual = naive_floats(random, rows * outs);
    float *y = naive_floats(random, rows * outs);
    float *expected = naive_floats(random, rows * outs);
    float *packed = s_packed(&shape);
    bool biased = rows % 3, added = outs % 3;
    naive_matmul(expected, x, weights, rows, depth, outs);
    for (size_t i = 0; i < rows * outs; i++) {
        expected[i] += biased ? bias[i % outs] : 0.0f;
        expected[i] += added ? residual[i] : 0.0f;
        expected[i] = expected[i] < 0.0f ? 0.0f : expected[i];
    }

    if (rows % 2)
        s_pack_outs(&shape, weights, packed);
    else
        s_pack_steps(&shape, weights, packed);
    linear_end_t end = {biased ? bias : NULL,
                        added ? residual : NULL,
                        {ACTIVATION_RELU, 0.0f, 0.0f}};
    linear_rows_t from = {x, depth, 1};
    s_linear(&shape, rows, kernels()->linear_rows_a_call(&shape, rows),
             2 * (size_t)LINEAR_WIDTH, &end, y, &from, packed);
    assert_true(naive_error(y, expected, rows * outs) < 1e-6);
    free(x);
    free(weights);
    free(bias);
    free(residual);
    free(y);
    free(expected);
    free(packed);
}

static void
linear_layers_of_odd_sizes_are_right(void **state)
{
    (void)state;
    naive_random_t random = {24};
    for (int round = 0; round < 60; round++)
        s_check_linear(&random, (size_t)naive_int(&random, 1, 60),
                       (size_t)naive_int(&random, 1, 700),
                       (size_t)naive_int(&random, 1, 330));
    s_check_linear(&random, 2 * LINEAR_ROWS_MAX + 5, 7, 33);
    s_check_linear(&random, 31, 9000, 40);
    s_check_linear(&random, 1, 9000, 300);
}

static void
rows_are_the_same_in_any_company(void **state)
{
    (void)state;
    naive_random_t random = {25};
    const linear_end_t end = {.activation = {.kind = ACTIVATION_NONE}};
    for (int round = 0; round < 40; round++) {
        linear_shape_t shape = {(size_t)naive_int(&random, 1, 700),
                                (size_t)naive_int(&random, 1, 300)};
        size_t rows = (size_t)naive_int(&random, 2, 30);
        size_t floats = rows * shape.outs;
        float *x = naive_floats(&random, rows * shape.depth);
        float *weights = naive_floats(&random, shape.depth * shape.outs);
        float *together = naive_floats(&random, floats);
        float *apart = naive_floats(&random, floats);
        float *packed = s_packed(&shape), *other = s_packed(&shape);
        linear_rows_t from = {x, shape.depth, 1};
        s_pack_outs(&shape, weights, packed);
        s_pack_steps(&shape, weights, other);
        assert_memory_equal(packed, other,
                            kernels()->linear_weights_floats(&shape) *
                                sizeof *packed);
        s_linear(&shape, rows, rows, (shape.outs + 31) / 32 * 32, &end,
                 together, &from, packed);
        for (size_t some = 1; some < rows; some += some) {
            s_linear(&shape, rows, some, LINEAR_WIDTH, &end, apart, &from,
                     packed);
            assert_memory_equal(together, apart, floats * sizeof *apart);
        }
        free(x);
        free(weights);
        free(together);
        free(apart);
        free(packed);
        free(other);
    }
}

static void
rows_may_lie_side_by_side(void **state)
{
    (void)state;
    naive_random_t random = {26};
    enum { ROWS = 29, DEPTH = 210, OUTS = 45 };
    const linear_shape_t shape = {DEPTH, OUTS};
    const linear_end_t end = {.activation = {.kind = ACTIVATION_NONE}};
    float *x = naive_floats(&random, (size_t)ROWS * DEPTH);
    float *turned = s_turned(x, ROWS, DEPTH);
    float *weights = naive_floats(&random, (size_t)DEPTH * OUTS);
    float y[ROWS * OUTS], expected[ROWS * OUTS], *packed = s_packed(&shape);
    linear_rows_t rows = {x, DEPTH, 1}, columns = {turned, 1, ROWS};
    s_pack_steps(&shape, weights, packed);
    s_linear(&shape, ROWS, ROWS, 64, &end, expected, &rows, packed);
    s_linear(&shape, ROWS, ROWS, 64, &end, y, &columns, packed);
    assert_memory_equal(y, expected, sizeof y);
    free(x);
    free(turned);
    free(weights);
    free(packed);
}

static void
a_product_without_depth_is_its_bias(void **state)
{
    (void)state;
    const linear_shape_t shape = {0, 3};
    const float bias[3] = {1.0f, -2.0f, 3.0f};
    const float expected[6] = {1.0f, -2.0f, 3.0f, 1.0f, -2.0f, 3.0f};
    const linear_end_t end = {bias, NULL, {ACTIVATION_NONE, 0.0f, 0.0f}};
    const linear_rows_t x = {bias, 0, 1};
    float y[6] = {0};
    s_linear(&shape, 2, 2, 32, &end, y, &x, bias);
    assert_memory_equal(y, expected, sizeof y);
}

static void
what_is_not_finite_passes(void **state)
{
    (void)state;
    enum { ROWS = 3, DEPTH = 5, OUTS = 33 };
    naive_random_t random = {27};
    const linear_shape_t shape = {DEPTH, OUTS};
    const linear_end_t end = {.activation = {.kind = ACTIVATION_RELU}};
    float *x = naive_floats(&random, (size_t)ROWS * DEPTH);
    float *weights = naive_floats(&random, (size_t)DEPTH * OUTS);
    float y[ROWS * OUTS], *packed = s_packed(&shape);
    const linear_rows_t rows = {x, DEPTH, 1};
    x[DEPTH + 2] = NAN;
    x[2 * DEPTH] = INFINITY;
    s_pack_steps(&shape, weights, packed);
    s_linear(&shape, ROWS, ROWS, 64, &end, y, &rows, packed);
    for (int o = 0; o < OUTS; o++) {
        assert_true(isfinite(y[o]));
        assert_true(isnan(y[OUTS + o]));
        assert_true(y[2 * OUTS + o] == (weights[o] < 0.0f ? 0.0f : INFINITY));
    }
    free(x);
    free(weights);
    free(packed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_of_odd_sizes_are_right),
        cmocka_unit_test(rows_are_the_same_in_any_company),
        cmocka_unit_test(rows_may_lie_side_by_side),
        cmocka_unit_test(a_product_without_depth_is_its_bias),
        cmocka_unit_test(what_is_not_finite_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
