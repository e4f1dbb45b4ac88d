/* Pads of zeroes that go into the window behind them: which do, and that the
 * numbers stay. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/simplify.h"
#include "tests/support/interpret.h"
#include "tests/support/naive.h"
#include "tests/support/sketch.h"

#define MODEL(pad, window)                                                     \
    "opset 19\n"                                                               \
    "in x float32 [N,3,7,6]\n"                                                 \
    "floats w [1,3,2,2] 1 -2 3 -4 5 -6 7 -8 9 -1 2 -3\n"                       \
    "floats zero [1] 0.0\n"                                                    \
    "floats one [1] 1.0\n"                                                     \
    "ints pads [8] 0 0 1 0 0 0 2 1\n"                                          \
    "ints cut [8] 0 0 1 0 0 0 -1 1\n"                                          \
    "ints channels [8] 0 1 1 0 0 0 2 1\n"                                      \
    "ints wide [8] 0 0 3 0 0 0 2 1\n"                                          \
    "ints rows [2] 1 1\n"                                                      \
    "ints axes [1] 2\n"                                                        \
    "node Pad " pad " -> p\n"                                                  \
    "node " window " -> y\n"                                                   \
    "out y\n"

#define CONV "Conv p w"
#define AVERAGE "AveragePool p"

static const struct {
    const char *text;
    bool goes;
} s_rows[] = {
    {MODEL("x pads", CONV), true},
    {MODEL("x pads zero mode=constant", CONV " strides=[2,1]"), true},
    {MODEL("x pads", CONV " pads=[1,0,1,2]"), true},
    {MODEL("x pads", CONV " auto_pad=VALID"), true},
    {MODEL("x wide", CONV), true},
    {MODEL("x rows _ axes", CONV), true},
    {MODEL("x pads", AVERAGE " kernel_shape=[3,3]"), true},
    {MODEL("x pads", AVERAGE " kernel_shape=[3,2] strides=[2,2] pads=[0,0,0,0] "
                             "count_include_pad=1"),
     true},
    {MODEL("x pads", AVERAGE " kernel_shape=[4,4] pads=[1,1,1,1] "
                             "count_include_pad=1"),
     true},
    {MODEL("x pads one", CONV), false},
    {MODEL("x pads mode=reflect", CONV), false},
    {MODEL("x cut", CONV), false},
    {MODEL("x pads", CONV " auto_pad=SAME_UPPER"), false},
    {MODEL("x wide", AVERAGE " kernel_shape=[3,3]"), false},
    {MODEL("x pads", AVERAGE " kernel_shape=[3,3] ceil_mode=1"), false},
    {MODEL("x pads", AVERAGE " kernel_shape=[3,3] pads=[1,1,1,1]"), false},
    {MODEL("x channels", AVERAGE " kernel_shape=[3,3]"), false},
    {MODEL("x pads", "MaxPool p kernel_shape=[3,3]"), false},
    {MODEL("x pads", "Add p p"), false},
};

static graph_t *
s_read(const char *text)
{
    fault_t fault = {0};
    onnx_model_t *model = sketch_read(text, &fault);
    assert_ok(model ? 0 : -1, &fault);
    graph_t *graph = model->graph;
    model->graph = NULL;
    onnx_destroy(&model);
    return graph;
}

static void
zeroes_go_into_the_window_behind_them(void **state)
{
    (void)state;
    enum { BATCH = 2, FLOATS = BATCH * 3 * 7 * 6 };
    naive_random_t random = {3};
    float *x = naive_floats(&random, FLOATS);
    for (size_t i = 0; i < sizeof s_rows / sizeof s_rows[0]; i++) {
        fault_t fault = {0};
        interpreted_t before, after;
        graph_t *graph = s_read(s_rows[i].text);
        interpret(&before, graph, BATCH, (const float *[]){x});
        int was = graph->outputs[0];
        assert_ok(simplify_graph(graph, &fault), &fault);
        if ((sketch_node(graph, "Pad") == NULL) != s_rows[i].goes)
            fail_msg("row %zu: %s", i, s_rows[i].goes ? "it stays" : "it goes");
        interpret(&after, graph, BATCH, (const float *[]){x});
        int is = graph->outputs[0];
        assert_true(
            shape_equal(&before.types[was].shape, &after.types[is].shape));
        size_t floats = (size_t)shape_elements(&after.types[is].shape);
        assert_true(naive_error(after.data[is], before.data[was], floats) <
                    1e-6);
        interpret_end(&before);
        interpret_end(&after);
        graph_destroy(&graph);
    }
    free(x);
}

/* Somebody else wants the padded image, too. */
static void
a_pad_with_another_reader_stays(void **state)
{
    (void)state;
    fault_t fault = {0};
    graph_t *graph = s_read(MODEL("x pads", CONV) "node Relu p -> r\nout r\n");
    assert_ok(simplify_graph(graph, &fault), &fault);
    assert_non_null(sketch_node(graph, "Pad"));
    graph_destroy(&graph);
    graph = s_read(MODEL("x pads", CONV) "out p\n");
    assert_ok(simplify_graph(graph, &fault), &fault);
    assert_non_null(sketch_node(graph, "Pad"));
    graph_destroy(&graph);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroes_go_into_the_window_behind_them),
        cmocka_unit_test(a_pad_with_another_reader_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
