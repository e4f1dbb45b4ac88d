/* Operators that move elements, in the engine: a batch run sample by sample is
 * what plain loops make of the whole batch at once. */
#include "tests/support/tests.h"

#include "tests/support/interpret.h"
#include "tests/support/outcome.h"

enum { INPUTS_MAX = 8 };

static outcome_t o;
static fault_t fault;

/* Run the graph both ways and compare; then it is gone. */
static void
s_compare_within(int output, double error)
{
    outcome_run(&o, output);
    assert_int_equal(o.batch_max, OUTCOME_BATCH);
    const graph_t *graph = o.network.graph;
    interpreted_t expected;
    interpret(&expected, graph, OUTCOME_BATCH, (const float *[]){o.x});
    int y = graph->outputs[0];
    assert_int_equal(shape_elements(&expected.types[y].shape),
                     OUTCOME_BATCH * o.out);
    assert_true(naive_error(o.y, expected.data[y], OUTCOME_BATCH * o.out) <=
                error);
    interpret_end(&expected);
    outcome_end(&o);
}

static void
s_compare(int output)
{
    s_compare_within(output, 0.0);
}

static int
s_begin(int rank, const int64_t *dims)
{
    static uint64_t seed = 60;
    return outcome_begin(&o, seed++, rank, dims);
}

/* A node of x and lists of integers, each of `count`; an empty one is absent.
 */
static int
s_lists(const char *op, int x, int lists, size_t count,
        int64_t numbers[][TENSOR_RANK_MAX], int *node)
{
    int inputs[INPUTS_MAX] = {x};
    for (int i = 0; i < lists; i++)
        inputs[1 + i] = network_ints(&o.network, count, numbers[i]);
    return network_node(&o.network, op, 1 + lists, inputs, node);
}

static void
s_set(int node, const char *name, int64_t value)
{
    assert_ok(graph_set_int(o.network.graph, node, name, value, &fault),
              &fault);
}

static int
s_transpose(int x, size_t rank, const int64_t *order)
{
    int node, y = network_node(&o.network, "Transpose", 1, &x, &node);
    assert_ok(
        graph_set_ints(o.network.graph, node, "perm", order, rank, &fault),
        &fault);
    return y;
}

static void
transposes_small_and_large(void **state)
{
    (void)state;
    static const struct {
        int64_t dims[4], order[4];
    } rows[] = {
        {{DIM_BATCH, 33, 19, 17}, {0, 2, 3, 1}}, /* to channels last */
        {{DIM_BATCH, 19, 17, 33}, {0, 3, 1, 2}}, /* and back */
        {{DIM_BATCH, 37, 5, 16}, {0, 2, 1, 3}},  /* heads of attention */
        {{DIM_BATCH, 37, 5, 16}, {0, 2, 3, 1}},  /* their keys */
        {{DIM_BATCH, 7, 9, 11}, {0, 3, 2, 1}},
        {{DIM_BATCH, 130, 150, 1}, {0, 2, 1, 3}},
        {{DIM_BATCH, 1, 1, 1}, {0, 2, 3, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_compare(s_transpose(s_begin(4, rows[i].dims), 4, rows[i].order));
}

/* [N, L, C] to [L, N, C], as sequences are, and through operators there. */
static void
samples_may_move_to_another_axis(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 10, 6}, swap[] = {1, 0, 2};
    int x = s_transpose(s_begin(3, dims), 3, swap), node;
    int64_t lists[][TENSOR_RANK_MAX] = {{8}, {0}, {0}, {-3}};
    int a = s_lists("Slice", x, 4, 1, lists, &node);
    int both[] = {a, x};
    int y = network_node(&o.network, "Concat", 2, both, &node);
    s_set(node, "axis", 0);
    s_compare(s_transpose(y, 3, swap));
    x = s_transpose(s_begin(3, dims), 3, swap);
    const int64_t turn[] = {2, 0, 1}, back[] = {2, 1, 0};
    s_compare(s_transpose(s_transpose(x, 3, turn), 3, back));
}

static void
slices_forwards_and_backwards(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 9, 31, 20};
    int64_t lists[][TENSOR_RANK_MAX] = {
        {1, -1, 0}, {8, -25, 1000}, {1, 2, -1}, {3, -4, 1}};
    s_compare(s_lists("Slice", s_begin(4, dims), 4, 3, lists, NULL));
    int64_t last[][TENSOR_RANK_MAX] = {{-1}, {INT64_MIN}, {3}, {-1}};
    s_compare(s_lists("Slice", s_begin(4, dims), 4, 1, last, NULL));
}

static void
splits_are_joined_the_other_way_round(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 5, 14, 3};
    for (int64_t axis = 1; axis < 4; axis++) {
        int x = s_begin(4, dims), node;
        graph_t *graph = o.network.graph;
        int64_t total = dims[axis];
        int inputs[] = {
            x, network_ints(&o.network, 3, (int64_t[]){1, total - 1, 0})};
        int pieces[3];
        for (int i = 0; i < 3; i++)
            pieces[i] =
                graph_add_value(graph, (char[]){'p', (char)('0' + i), 0},
                                DTYPE_NONE, NULL, &fault);
        node =
            graph_add_node(graph, "Split", "s", inputs, 2, pieces, 3, &fault);
        s_set(node, "axis", axis);
        int turned[] = {pieces[1], pieces[2], pieces[0]};
        int y = network_node(&o.network, "Concat", 3, turned, &node);
        s_set(node, "axis", axis);
        s_compare(y);
    }
}

/* A single index along each axis but the batch's, from either end; several are
 * chosen by plain loops. */
static void
one_of_many_is_gathered(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 5, 4, 3};
    for (int64_t axis = 1; axis < 4; axis++)
        for (int64_t index = -dims[axis]; index < dims[axis]; index++) {
            int x = s_begin(4, dims), node;
            int chosen =
                graph_add_elements(o.network.graph, "chosen", DTYPE_INT64,
                                   &(shape_t){.rank = 0}, &index, &fault);
            int inputs[] = {x, chosen};
            int y = network_node(&o.network, "Gather", 2, inputs, &node);
            s_set(node, "axis", axis % 2 ? axis : axis - 4);
            s_compare(y);
        }
    int64_t several[][TENSOR_RANK_MAX] = {{2, -1}};
    int node, y = s_lists("Gather", s_begin(4, dims), 1, 2, several, &node);
    s_set(node, "axis", 2);
    s_compare(y);
}

static void
what_is_single_is_repeated(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 1, 7, 1};
    int64_t wanted[][TENSOR_RANK_MAX] = {{5, 7, 33}};
    int64_t repeats[][TENSOR_RANK_MAX] = {{1, 3, 2, 5}};
    s_compare(s_lists("Expand", s_begin(4, dims), 1, 3, wanted, NULL));
    s_compare(s_lists("Tile", s_begin(4, dims), 1, 4, repeats, NULL));
}

static void
depth_and_space_trade_places(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 18, 12, 15};
    for (int mode = 0; mode < 3; mode++) {
        int x = s_begin(4, dims), node;
        int y =
            network_node(&o.network, mode < 2 ? "DepthToSpace" : "SpaceToDepth",
                         1, &x, &node);
        s_set(node, "blocksize", 3);
        if (mode == 1)
            graph_set_text(o.network.graph, node, "mode", "CRD", &fault);
        s_compare(y);
    }
}

/* Float32 sums here, float64 ones there. */
static void
planes_are_resized(void **state)
{
    (void)state;
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const float scales[][4] = {
        {1, 1, 2, 2}, {1, 1, 0.6f, 1}, {1, 1, 1, 2.3f}, {1, 2, 1.5f, 0.4f}};
    const int64_t dims[] = {DIM_BATCH, 3, 41, 67};
    for (int m = 0; m < 3; m++)
        for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
            int x = s_begin(4, dims), node;
            int list =
                graph_add_elements(o.network.graph, "scales", DTYPE_FLOAT32,
                                   &(shape_t){1, {4}}, scales[i], &fault);
            int inputs[] = {x, GRAPH_NONE, list};
            int y = network_node(&o.network, "Resize", 3, inputs, &node);
            graph_set_text(o.network.graph, node, "mode", modes[m], &fault);
            s_compare_within(y, m ? 2e-7 : 0.0);
        }
}

/* Through a dtype of each size and back. */
static void
elements_of_any_size_move(void **state)
{
    (void)state;
    static const dtype_t dtypes[] = {DTYPE_INT8, DTYPE_FLOAT16, DTYPE_INT32,
                                     DTYPE_FLOAT64, DTYPE_BOOL};
    const int64_t dims[] = {DIM_BATCH, 6, 35}, order[] = {0, 2, 1};
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        int x = s_begin(3, dims), node;
        int a = network_node(&o.network, "Cast", 1, &x, &node);
        s_set(node, "to", dtypes[i]);
        int b = s_transpose(a, 3, order);
        int both[] = {b, b};
        int c = network_node(&o.network, "Concat", 2, both, &node);
        s_set(node, "axis", 1);
        int d = network_node(&o.network, "Cast", 1, &c, &node);
        s_set(node, "to", DTYPE_FLOAT32);
        s_compare(d);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transposes_small_and_large),
        cmocka_unit_test(samples_may_move_to_another_axis),
        cmocka_unit_test(slices_forwards_and_backwards),
        cmocka_unit_test(splits_are_joined_the_other_way_round),
        cmocka_unit_test(one_of_many_is_gathered),
        cmocka_unit_test(what_is_single_is_repeated),
        cmocka_unit_test(depth_and_space_trade_places),
        cmocka_unit_test(planes_are_resized),
        cmocka_unit_test(elements_of_any_size_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
