/* Each operator in a small graph of its own, against its definition. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/outcome.h"

enum { BATCH = OUTCOME_BATCH, FLOATS_MAX = 20000 };

static outcome_t s_o;

static int
s_begin(uint64_t seed, int rank, const int64_t *dims)
{
    return outcome_begin(&s_o, seed, rank, dims);
}

static void
s_finish(int output)
{
    outcome_run(&s_o, output);
}

static void
s_end(void)
{
    outcome_end(&s_o);
}

/* The n-th constant of the graph, as float32; valid until the next call of
 * the same n. */
static const float *
s_constant(int n)
{
    static float kept[6][FLOATS_MAX];
    const graph_t *graph = s_o.network.graph;
    fault_t fault = {0};
    int seen = 0;
    for (size_t i = 0; i < graph->values_count; i++)
        if (graph->values[i].constant && seen++ == n) {
            assert_ok(graph_read_constant(graph, (int)i, DTYPE_FLOAT32, kept[n],
                                          &fault),
                      &fault);
            return kept[n];
        }
    fail_msg("the graph has no constant %d", n);
    return NULL;
}

static void
s_set_int(int node, const char *name, int64_t value)
{
    fault_t fault = {0};
    assert_ok(graph_set_int(s_o.network.graph, node, name, value, &fault),
              &fault);
}

static void
s_set_ints(int node, const char *name, size_t count, const int64_t *values)
{
    fault_t fault = {0};
    assert_ok(
        graph_set_ints(s_o.network.graph, node, name, values, count, &fault),
        &fault);
}

static void
s_assert_close(const float *y, const float *expected, size_t count)
{
    double error = naive_error(y, expected, count);
    if (error >= 2e-6)
        fail_msg("relative error %g", error);
}

/* Of six channels to twelve, 3 x 3, stride 2, padding 1; the first dim is the
 * batch, left open or fixed. */
static void
s_check_groups(int64_t batch, int groups)
{
    const int64_t dims[4] = {batch, 6, 9, 11};
    int x = s_begin(30, 4, dims);
    s_finish(network_conv(&s_o.network, x, 6, 12, 3, 2, 1, groups));
    window_t w = {.height = 9,
                  .width = 11,
                  .out_height = 5,
                  .out_width = 6,
                  .kernel_y = 3,
                  .kernel_x = 3,
                  .stride_y = 2,
                  .stride_x = 2,
                  .dilation_y = 1,
                  .dilation_x = 1,
                  .pad_top = 1,
                  .pad_left = 1};
    const size_t in = 6 * 9 * 11, out = 12 * 30;
    float expected[12 * 30];
    for (size_t image = 0; image < BATCH; image++) {
        naive_conv(&w, 6, 12, groups, expected, s_o.x + image * in,
                   s_constant(0), s_constant(1));
        s_assert_close(s_o.y + image * out, expected, out);
    }
    s_end();
}

/* A window as large as its image, and nothing around it: one pixel. */
static void
a_convolution_of_one_pixel(void **state)
{
    (void)state;
    for (int side = 1; side <= 3; side++)
        for (int fixed = 0; fixed < 2; fixed++) {
            const int64_t dims[4] = {fixed ? BATCH : DIM_BATCH, 50, side, side};
            int x = s_begin(31, 4, dims);
            s_finish(network_unary(
                &s_o.network, "Relu",
                network_conv(&s_o.network, x, 50, 37, side, 1, 0, 1)));
            window_t w = {side, side, 1, 1, side, side, 1, 1, 1, 1, 0, 0, 0, 0};
            float expected[37];
            for (int image = 0; image < BATCH; image++) {
                naive_conv(&w, 50, 37, 1, expected,
                           s_o.x + image * 50 * side * side, s_constant(0),
                           s_constant(1));
                for (int i = 0; i < 37; i++)
                    expected[i] = expected[i] < 0.0f ? 0.0f : expected[i];
                s_assert_close(s_o.y + image * 37, expected, 37);
            }
            s_end();
        }
}

static void
convolutions_with_groups_and_strides(void **state)
{
    (void)state;
    for (int groups = 1; groups <= 6; groups += groups == 3 ? 3 : 1)
        s_check_groups(DIM_BATCH, groups);
}

static void
a_convolution_sees_every_image_of_a_fixed_batch(void **state)
{
    (void)state;
    s_check_groups(BATCH, 1);
    s_check_groups(BATCH, 3);
    s_check_groups(BATCH, 6);
}

static void
a_sum_and_an_activation_become_part_of_a_convolution(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 5, 6, 6};
    int x = s_begin(32, 4, dims);
    int y = network_conv(&s_o.network, x, 5, 5, 3, 1, 1, 1);
    y = network_binary(&s_o.network, "Add", x, y);
    s_finish(network_unary(&s_o.network, "LeakyRelu", y));
    window_t w = {.height = 6,
                  .width = 6,
                  .out_height = 6,
                  .out_width = 6,
                  .kernel_y = 3,
                  .kernel_x = 3,
                  .stride_y = 1,
                  .stride_x = 1,
                  .dilation_y = 1,
                  .dilation_x = 1,
                  .pad_top = 1,
                  .pad_left = 1};
    float expected[180];
    for (size_t s = 0; s < BATCH; s++) {
        naive_conv(&w, 5, 5, 1, expected, s_o.x + s * s_o.in, s_constant(0),
                   s_constant(1));
        for (size_t i = 0; i < 180; i++) {
            expected[i] += s_o.x[s * s_o.in + i];
            expected[i] *= expected[i] < 0.0f ? 0.01f : 1.0f;
        }
        s_assert_close(s_o.y + s * s_o.out, expected, s_o.out);
    }
    s_end();
}

static void
a_matrix_product_takes_a_bias_and_rows_of_many_axes(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 4, 19}, weights[2] = {19, 7};
    const int64_t outs = 7;
    int x = s_begin(33, 3, dims);
    int y = network_binary(&s_o.network, "MatMul", x,
                           network_weights(&s_o.network, 2, weights, 1.0f));
    s_finish(network_binary(&s_o.network, "Add", y,
                            network_weights(&s_o.network, 1, &outs, 1.0f)));
    float expected[BATCH * 28];
    naive_matmul(expected, s_o.x, s_constant(0), BATCH * 4, 19, 7);
    for (size_t i = 0; i < BATCH * 28; i++)
        expected[i] += s_constant(1)[i % 7];
    s_assert_close(s_o.y, expected, BATCH * 28);
    s_end();
}

/* The product is so small that its place in the arena has the size of the
 * output's. */
static void
a_repeated_operand_is_not_written_over(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 2, 2}, weights[2] = {2, 1};
    int x = s_begin(33, 3, dims);
    int y = network_binary(&s_o.network, "MatMul", x,
                           network_weights(&s_o.network, 2, weights, 1.0f));
    s_finish(network_binary(&s_o.network, "Sub", x, y));
    float product[BATCH * 2], expected[BATCH * 4];
    naive_matmul(product, s_o.x, s_constant(0), BATCH * 2, 2, 1);
    for (size_t i = 0; i < BATCH * 4; i++)
        expected[i] = s_o.x[i] - product[i / 2];
    s_assert_close(s_o.y, expected, BATCH * 4);
    s_end();
}

static void
a_gemm_scales_both_of_its_terms(void **state)
{
    (void)state;
    const int64_t dims[2] = {DIM_BATCH, 6}, weights[2] = {6, 4};
    fault_t fault = {0};
    int x = s_begin(34, 2, dims), node;
    int inputs[3] = {x, network_weights(&s_o.network, 2, weights, 1.0f),
                     network_float(&s_o.network, 3.0f)};
    int y = network_node(&s_o.network, "Gemm", 3, inputs, &node);
    graph_t *graph = s_o.network.graph;
    assert_ok(graph_set_float(graph, node, "alpha", 0.5f, &fault), &fault);
    assert_ok(graph_set_float(graph, node, "beta", 2.0f, &fault), &fault);
    s_finish(y);
    float expected[BATCH * 4];
    naive_matmul(expected, s_o.x, s_constant(0), BATCH, 6, 4);
    for (size_t i = 0; i < BATCH * 4; i++)
        expected[i] = 0.5f * expected[i] + 6.0f;
    s_assert_close(s_o.y, expected, BATCH * 4);
    s_end();
}

/* What is added behind a Gemm is no C of its own. */
static void
a_gemm_does_not_scale_what_comes_after(void **state)
{
    (void)state;
    const int64_t dims[2] = {DIM_BATCH, 6}, weights[2] = {6, 4}, row = 4;
    fault_t fault = {0};
    int x = s_begin(34, 2, dims), node;
    int w = network_weights(&s_o.network, 2, weights, 1.0f);
    int y = network_node(&s_o.network, "Gemm", 2, (int[]){x, w}, &node);
    assert_ok(graph_set_float(s_o.network.graph, node, "beta", 0.25f, &fault),
              &fault);
    s_finish(network_binary(&s_o.network, "Add", y,
                            network_weights(&s_o.network, 1, &row, 1.0f)));
    float expected[BATCH * 4];
    naive_matmul(expected, s_o.x, s_constant(0), BATCH, 6, 4);
    for (size_t i = 0; i < BATCH * 4; i++)
        expected[i] += s_constant(1)[i % 4];
    s_assert_close(s_o.y, expected, BATCH * 4);
    s_end();
}

static void
batch_norm_uses_what_was_learnt(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 3, 5}, channels = 3;
    int x = s_begin(35, 3, dims);
    int inputs[5] = {x};
    for (int i = 1; i < 5; i++)
        inputs[i] = network_weights(&s_o.network, 1, &channels, 1.0f);
    float variance[3] = {0.5f, 1.0f, 2.0f};
    shape_t shape = {1, {3}};
    fault_t fault = {0};
    inputs[4] = graph_add_elements(s_o.network.graph, "variance", DTYPE_FLOAT32,
                                   &shape, variance, &fault);
    s_finish(network_node(&s_o.network, "BatchNormalization", 5, inputs, NULL));
    float expected[BATCH * 15];
    for (size_t i = 0; i < BATCH * 15; i++) {
        size_t c = i / 5 % 3;
        expected[i] = (s_o.x[i] - s_constant(2)[c]) /
                          sqrtf(variance[c] + 1e-5f) * s_constant(0)[c] +
                      s_constant(1)[c];
    }
    s_assert_close(s_o.y, expected, BATCH * 15);
    s_end();
}

static void
softmax_counts_its_axis_from_either_end(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 4, 5};
    for (int axis = -2; axis <= 2; axis += axis == -1 ? 2 : 1) {
        int x = s_begin(36, 3, dims), node;
        int y = network_node(&s_o.network, "Softmax", 1, &x, &node);
        if (axis == 0)
            continue;
        s_set_int(node, "axis", axis);
        s_finish(y);
        float expected[BATCH * 20];
        if (axis == 1 || axis == -2)
            naive_softmax(expected, s_o.x, BATCH, 4, 5);
        else
            naive_softmax(expected, s_o.x, BATCH * 4, 5, 1);
        s_assert_close(s_o.y, expected, BATCH * 20);
        s_end();
    }
}

static void
tensors_are_joined_along_an_inner_axis(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 2, 3};
    int x = s_begin(37, 3, dims), node;
    int inputs[3] = {x, network_unary(&s_o.network, "Neg", x), x};
    int y = network_node(&s_o.network, "Concat", 3, inputs, &node);
    s_set_int(node, "axis", -1);
    s_finish(y);
    for (size_t row = 0; row < BATCH * 2; row++)
        for (size_t i = 0; i < 9; i++) {
            float from = s_o.x[row * 3 + i % 3];
            assert_true(s_o.y[row * 9 + i] == (i / 3 == 1 ? -from : from));
        }
    s_end();
}

static void
axes_are_transposed_within_a_sample(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 2, 3, 4}, perm[4] = {0, 2, 3, 1};
    int x = s_begin(38, 4, dims), node;
    int y = network_node(&s_o.network, "Transpose", 1, &x, &node);
    s_set_ints(node, "perm", 4, perm);
    s_finish(y);
    for (size_t s = 0; s < BATCH; s++)
        for (size_t c = 0; c < 2; c++)
            for (size_t p = 0; p < 12; p++)
                assert_true(s_o.y[s * 24 + p * 2 + c] ==
                            s_o.x[s * 24 + c * 12 + p]);
    s_end();
}

/* Views of views, one of them read twice, one a graph's input. */
static void
views_share_their_bytes_and_nobody_writes_over_them(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 2, 6}, target[3] = {0, 3, 4};
    int x = s_begin(39, 3, dims);
    int reshape[2] = {x, network_ints(&s_o.network, 3, target)};
    int view = network_node(&s_o.network, "Reshape", 2, reshape, NULL);
    int flat = network_unary(&s_o.network, "Flatten", view);
    int relu = network_unary(&s_o.network, "Relu", flat);
    int back = network_unary(&s_o.network, "Identity", relu);
    int sum = network_binary(&s_o.network, "Sub", flat, back);
    s_finish(network_binary(&s_o.network, "Sub", sum, relu));
    for (size_t i = 0; i < BATCH * 12; i++) {
        float relued = s_o.x[i] < 0.0f ? 0.0f : s_o.x[i];
        assert_true(s_o.y[i] == s_o.x[i] - relued - relued);
    }
    s_end();
}

static void
a_graph_that_only_looks_gives_its_input(void **state)
{
    (void)state;
    const int64_t dims[3] = {DIM_BATCH, 2, 6};
    int x = s_begin(40, 3, dims);
    s_finish(network_unary(&s_o.network, "Flatten", x));
    assert_memory_equal(s_o.y, s_o.x, sizeof(float) * BATCH * 12);
    s_end();
}

static void
operands_of_fewer_axes_are_repeated(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 3, 4, 5}, channels[3] = {3, 1, 1};
    const int64_t last = 5;
    int x = s_begin(41, 4, dims);
    int y = network_binary(&s_o.network, "Mul", x,
                           network_weights(&s_o.network, 3, channels, 1.0f));
    y = network_binary(&s_o.network, "Sub",
                       network_weights(&s_o.network, 1, &last, 1.0f), y);
    s_finish(network_binary(&s_o.network, "Div", y,
                            network_float(&s_o.network, 4.0f)));
    for (size_t i = 0; i < BATCH * 60; i++) {
        float product = s_o.x[i] * s_constant(0)[i / 20 % 3];
        assert_true(s_o.y[i] == (s_constant(1)[i % 5] - product) / 4.0f);
    }
    s_end();
}

static void
clip_takes_its_bounds_from_constants(void **state)
{
    (void)state;
    const int64_t dims[2] = {DIM_BATCH, 50};
    int x = s_begin(42, 2, dims);
    int inputs[3] = {x, GRAPH_NONE, network_float(&s_o.network, 0.25f)};
    s_finish(network_node(&s_o.network, "Clip", 3, inputs, NULL));
    for (size_t i = 0; i < BATCH * 50; i++)
        assert_true(s_o.y[i] == (s_o.x[i] > 0.25f ? 0.25f : s_o.x[i]));
    s_end();
}

static void
the_mean_and_the_largest_of_whole_planes(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 20, 4, 3};
    int x = s_begin(43, 4, dims);
    int mean = network_unary(&s_o.network, "GlobalAveragePool", x);
    int most = network_unary(&s_o.network, "GlobalMaxPool", x);
    s_finish(network_binary(&s_o.network, "Sub", most, mean));
    float expected[BATCH * 20];
    for (size_t p = 0; p < BATCH * 20; p++) {
        double sum = 0.0, largest = -INFINITY;
        for (size_t i = 0; i < 12; i++) {
            sum += (double)s_o.x[p * 12 + i];
            largest = fmax(largest, (double)s_o.x[p * 12 + i]);
        }
        expected[p] = (float)(largest - sum / 12.0);
    }
    s_assert_close(s_o.y, expected, BATCH * 20);
    s_end();
}

static void
pools_with_a_ceiling_hang_over_the_edge(void **state)
{
    (void)state;
    const int64_t dims[4] = {DIM_BATCH, 2, 8, 8}, two[2] = {2, 2};
    const int64_t three[2] = {3, 3};
    int x = s_begin(44, 4, dims), node;
    int y = network_node(&s_o.network, "MaxPool", 1, &x, &node);
    s_set_ints(node, "kernel_shape", 2, three);
    s_set_ints(node, "strides", 2, two);
    s_set_int(node, "ceil_mode", 1);
    s_finish(y);
    assert_int_equal(s_o.out, 2 * 16);
    window_t w = {.height = 8,
                  .width = 8,
                  .out_height = 4,
                  .out_width = 4,
                  .kernel_y = 3,
                  .kernel_x = 3,
                  .stride_y = 2,
                  .stride_x = 2,
                  .dilation_y = 1,
                  .dilation_x = 1};
    float expected[BATCH * 32];
    naive_pool_max(&w, expected, s_o.x, BATCH * 2);
    assert_memory_equal(s_o.y, expected, sizeof expected);
    s_end();
}

/* Stacks of matrices, both computed: [3, 1, 4, 5] times [2, 5, 6], where the
 * second is made of the first input too. */
static void
a_product_of_two_computed_stacks(void **state)
{
    (void)state;
    const int64_t dims[5] = {DIM_BATCH, 3, 1, 4, 5};
    int x = s_begin(60, 5, dims);
    int turned = network_node(&s_o.network, "Transpose", 1, (int[]){x}, NULL);
    graph_t *graph = s_o.network.graph;
    int node = graph->values[turned].producer;
    s_set_ints(node, "perm", 5, (const int64_t[]){0, 2, 1, 4, 3});
    s_finish(network_binary(&s_o.network, "MatMul", x, turned));
    assert_int_equal(s_o.out, 3 * 3 * 4 * 4);
    for (size_t sample = 0; sample < BATCH; sample++)
        for (size_t p = 0; p < 9; p++) {
            const float *a = s_o.x + sample * s_o.in + p / 3 * 20;
            const float *b = s_o.x + sample * s_o.in + p % 3 * 20;
            float right[20], expected[16];
            for (size_t i = 0; i < 20; i++)
                right[i % 5 * 4 + i / 5] = b[i];
            naive_matmul(expected, a, right, 4, 5, 4);
            s_assert_close(s_o.y + sample * s_o.out + p * 16, expected, 16);
        }
    s_end();
}

/* alpha A^T B + beta C with a computed A and a row for C. */
static void
a_gemm_of_a_turned_matrix(void **state)
{
    (void)state;
    const int64_t dims[2] = {7, 4};
    int x = s_begin(61, 2, dims);
    int w = network_weights(&s_o.network, 2, (int64_t[]){7, 5}, 1);
    int c = network_weights(&s_o.network, 1, (int64_t[]){5}, 1);
    int node;
    int y = network_node(&s_o.network, "Gemm", 3, (int[]){x, w, c}, &node);
    fault_t fault = {0};
    s_set_int(node, "transA", 1);
    assert_ok(graph_set_float(s_o.network.graph, node, "alpha", 0.5f, &fault),
              &fault);
    assert_ok(graph_set_float(s_o.network.graph, node, "beta", 2.0f, &fault),
              &fault);
    s_finish(y);
    float left[28], expected[20];
    for (size_t i = 0; i < 28; i++)
        left[i % 4 * 7 + i / 4] = s_o.x[i];
    naive_matmul(expected, left, s_constant(0), 4, 7, 5);
    for (size_t i = 0; i < 20; i++)
        expected[i] = 0.5f * expected[i] + 2.0f * s_constant(1)[i % 5];
    s_assert_close(s_o.y, expected, 20);
    s_end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_of_one_pixel),
        cmocka_unit_test(convolutions_with_groups_and_strides),
        cmocka_unit_test(a_convolution_sees_every_image_of_a_fixed_batch),
        cmocka_unit_test(a_sum_and_an_activation_become_part_of_a_convolution),
        cmocka_unit_test(a_matrix_product_takes_a_bias_and_rows_of_many_axes),
        cmocka_unit_test(a_repeated_operand_is_not_written_over),
        cmocka_unit_test(a_gemm_scales_both_of_its_terms),
        cmocka_unit_test(a_gemm_does_not_scale_what_comes_after),
        cmocka_unit_test(batch_norm_uses_what_was_learnt),
        cmocka_unit_test(softmax_counts_its_axis_from_either_end),
        cmocka_unit_test(tensors_are_joined_along_an_inner_axis),
        cmocka_unit_test(axes_are_transposed_within_a_sample),
        cmocka_unit_test(views_share_their_bytes_and_nobody_writes_over_them),
        cmocka_unit_test(a_graph_that_only_looks_gives_its_input),
        cmocka_unit_test(operands_of_fewer_axes_are_repeated),
        cmocka_unit_test(clip_takes_its_bounds_from_constants),
        cmocka_unit_test(the_mean_and_the_largest_of_whole_planes),
        cmocka_unit_test(pools_with_a_ceiling_hang_over_the_edge),
        cmocka_unit_test(a_product_of_two_computed_stacks),
        cmocka_unit_test(a_gemm_of_a_turned_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
