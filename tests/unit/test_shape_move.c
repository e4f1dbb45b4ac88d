/* Which operators that move elements leave samples apart, and shapes that
 * follow from the batch. */
#include "tests/support/tests.h"

#include <stdlib.h>

#include "common/model/shape.h"
#include "tests/support/networks.h"

static network_t net;
static fault_t fault;

static int
s_begin(int rank, const int64_t *dims)
{
    network_init(&net, 1);
    return network_input(&net, "x", rank, dims);
}

static int
s_list(int count, const int64_t *numbers)
{
    return graph_add_elements(
        net.graph, (char[]){'l', (char)('a' + net.names++), 0}, DTYPE_INT64,
        &(shape_t){1, {count}}, numbers, &fault);
}

#define LIST(...)                                                              \
    s_list(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                 \
           (int64_t[]){__VA_ARGS__})

static int
s_node(const char *op, int count, const int *inputs, const char *name,
       int64_t value)
{
    int node, y = network_node(&net, op, count, inputs, &node);
    if (name)
        assert_ok(graph_set_int(net.graph, node, name, value, &fault), &fault);
    return y;
}

#define NODE(op, ...)                                                          \
    s_node(op, sizeof((int[]){__VA_ARGS__}) / sizeof(int),                     \
           (int[]){__VA_ARGS__}, NULL, 0)

/* End the network: is it so many samples? */
static void
s_end(int output, bool apart)
{
    bool batchable;
    network_output(&net, output);
    assert_ok(shape_batchable(net.graph, &batchable, &fault), &fault);
    if (batchable != apart)
        fail_msg("%s: samples should %s",
                 net.graph->nodes[net.graph->nodes_count - 1].op,
                 apart ? "stay apart" : "mix");
    network_release(&net);
}

static const int64_t image[] = {DIM_BATCH, 6, 8, 10};

static void
slices_of_the_batch_mix_it(void **state)
{
    (void)state;
    const struct {
        int64_t start, end, axis, step;
        bool apart;
    } rows[] = {
        {1, 5, 1, 2, true},           {0, INT64_MAX, 0, 1, true},
        {1, INT64_MAX, 0, 1, false},  {0, -1, 0, 1, false},
        {0, 1, 0, 1, false},          {-1, INT64_MIN, 0, -1, false},
        {0, INT64_MAX, 0, 2, false},  {0, 100, 0, 1, false},
        {-1, INT64_MIN, 2, -1, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int x = s_begin(4, image);
        s_end(NODE("Slice", x, LIST(rows[i].start), LIST(rows[i].end),
                   LIST(rows[i].axis), LIST(rows[i].step)),
              rows[i].apart);
    }
}

static void
what_works_along_the_batch_mixes_it(void **state)
{
    (void)state;
    for (int64_t axis = 0; axis < 2; axis++) {
        int x = s_begin(4, image);
        s_end(s_node("Gather", 2, (int[]){x, LIST(0, 1, 0)}, "axis", axis),
              axis == 1);
        x = s_begin(4, image);
        s_end(s_node("ArgMax", 1, (int[]){x}, "axis", axis), axis == 1);
        x = s_begin(4, image);
        s_end(NODE("Tile", x, LIST(axis ? 1 : 2, 2, 1, 1)), axis == 1);
        x = s_begin(4, image);
        int64_t one = axis == 0, two = axis == 1;
        s_end(NODE("Pad", x, LIST(one, two, 0, 0, 0, 0, 0, 0)), axis == 1);
        x = s_begin(4, image);
        s_end(s_node("Concat", 2, (int[]){x, x}, "axis", axis), axis == 1);
        x = s_begin(4, image); /* a pad and a cut that keep the size */
        s_end(NODE("Pad", x, LIST(one, two, 0, 0, -one, -two, 0, 0)),
              axis == 1);
        x = s_begin(4, image);
        float scales[4] = {axis ? 1.0f : 2.0f, axis ? 2.0f : 1.0f, 1, 1};
        int list = graph_add_elements(net.graph, "s", DTYPE_FLOAT32,
                                      &(shape_t){1, {4}}, scales, &fault);
        s_end(NODE("Resize", x, GRAPH_NONE, list), axis == 1);
    }
    int x = s_begin(4, image);
    s_end(s_node("DepthToSpace", 1, (int[]){x}, "blocksize", 1), true);
    const int64_t turned[] = {1, 0, 2, 3};
    x = s_begin(4, image);
    int node, y = network_node(&net, "Transpose", 1, &x, &node);
    graph_set_ints(net.graph, node, "perm", turned, 4, &fault);
    s_end(s_node("DepthToSpace", 1, (int[]){y}, "blocksize", 1), false);
}

/* Without axes nobody can tell a batch of one from an axis of one. */
static void
squeezing_everything_is_for_one_sample(void **state)
{
    (void)state;
    const int64_t dims[] = {DIM_BATCH, 6, 1};
    char text[128];
    int x = s_begin(3, dims);
    int y = NODE("Squeeze", x);
    value_type_t *types = shape_types_new(net.graph, 1, &fault);
    assert_string_equal(shape_text(&types[y].shape, text, sizeof text), "[6]");
    free(types);
    s_end(y, false);
    x = s_begin(3, dims);
    s_end(NODE("Squeeze", x, LIST(2)), true);
}

/* x.view(x.size(0), -1) and x.expand(x.size(0), ...) as exporters write it. */
static void
shapes_made_of_the_batch_are_solved(void **state)
{
    (void)state;
    char text[128];
    int x = s_begin(4, image);
    int zero = graph_add_elements(net.graph, "zero", DTYPE_INT64,
                                  &(shape_t){.rank = 0}, &(int64_t){0}, &fault);
    int batch = NODE("Gather", NODE("Shape", x), zero);
    int first = NODE("Unsqueeze", batch, LIST(0));
    int wanted = s_node("Concat", 2, (int[]){first, LIST(-1)}, "axis", 0);
    int y = NODE("Reshape", x, wanted);
    value_type_t *types = shape_types_new(net.graph, 5, &fault);
    assert_non_null(types);
    assert_string_equal(shape_text(&types[y].shape, text, sizeof text),
                        "[5, 480]");
    free(types);
    s_end(y, true);

    x = s_begin(4, image); /* the class token of a ViT */
    int head = NODE("Slice", NODE("Shape", x), LIST(0), LIST(1));
    wanted = s_node("Concat", 2, (int[]){head, LIST(1, 16)}, "axis", 0);
    int token = network_weights(&net, 3, (int64_t[]){1, 1, 16}, 1.0f);
    s_end(NODE("Expand", token, wanted), true);

    x = s_begin(4, image); /* a mask of zeros for every sample */
    head = NODE("Slice", NODE("Shape", x), LIST(0), LIST(1));
    wanted = s_node("Concat", 2, (int[]){head, LIST(6, 8)}, "axis", 0);
    s_end(NODE("ConstantOfShape", wanted), true);
}

/* Which sample it is must not be known to a node. */
static void
numbers_counted_along_the_batch_mix_it(void **state)
{
    (void)state;
    int x = s_begin(4, image);
    int batch = NODE(
        "Squeeze", NODE("Slice", NODE("Shape", x), LIST(0), LIST(1)), LIST(0));
    const shape_t scalar = {.rank = 0};
    int zero = graph_add_elements(net.graph, "zero", DTYPE_INT64, &scalar,
                                  &(int64_t){0}, &fault);
    int one = graph_add_elements(net.graph, "one", DTYPE_INT64, &scalar,
                                 &(int64_t){1}, &fault);
    s_end(NODE("Range", zero, batch, one), false);
}

static void
tuples_that_name_samples_mix_them(void **state)
{
    (void)state;
    const shape_t tuple = {2, {1, 1}};
    int x = s_begin(4, image);
    int row = graph_add_elements(net.graph, "i", DTYPE_INT64, &tuple,
                                 &(int64_t){0}, &fault);
    int update = network_weights(&net, 4, (int64_t[]){1, 6, 8, 10}, 1.0f);
    s_end(NODE("ScatterND", x, row, update), false);

    const int64_t turned[] = {1, 0, 2, 3};
    int node;
    x = s_begin(4, image);
    row = graph_add_elements(net.graph, "i", DTYPE_INT64, &tuple, &(int64_t){5},
                             &fault);
    int y = network_node(&net, "Transpose", 1, &x, &node);
    graph_set_ints(net.graph, node, "perm", turned, 4, &fault);
    int some = NODE("Slice", y, LIST(0), LIST(1), LIST(0));
    int scattered = NODE("ScatterND", y, row, some);
    y = network_node(&net, "Transpose", 1, &scattered, &node);
    graph_set_ints(net.graph, node, "perm", turned, 4, &fault);
    s_end(y, true); /* tuples name channels */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_of_the_batch_mix_it),
        cmocka_unit_test(what_works_along_the_batch_mixes_it),
        cmocka_unit_test(squeezing_everything_is_for_one_sample),
        cmocka_unit_test(shapes_made_of_the_batch_are_solved),
        cmocka_unit_test(numbers_counted_along_the_batch_mix_it),
        cmocka_unit_test(tuples_that_name_samples_mix_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
