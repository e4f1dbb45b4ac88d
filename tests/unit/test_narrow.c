/* Boundaries in float16: what crosses, and what the engine makes of it. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/cut.h"
#include "common/model/narrow.h"
#include "common/model/part.h"
#include "tests/support/networks.h"
#include "worker/engine/session.h"

/* docs/decisions/116: relative, in the 2-norm. */
static const double ERROR_MAX = 2e-3;

enum { PARTS = 3, FLOATS_MAX = 8 * 16 * 16 };

/* What a part is given and gives, of one sample, by name. */
typedef struct frame {
    char name[TENSOR_NAME_MAX + 1];
    dtype_t dtype;
    size_t bytes;
    _Alignas(8) uint8_t data[FLOATS_MAX * sizeof(float)];
} frame_t;

typedef struct frames {
    frame_t items[4];
    int count;
} frames_t;

static const frame_t *
s_frame(const frames_t *frames, const char *name)
{
    for (int i = 0; i < frames->count; i++)
        if (strcmp(frames->items[i].name, name) == 0)
            return &frames->items[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

/* Run a graph on frames that were written for it; its outputs replace them. */
static void
s_run(const graph_t *graph, frames_t *frames)
{
    fault_t fault = {0};
    const session_options_t options = {.threads = 1, .batch_max = 1};
    session_t *session = session_new(graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    size_t bytes;
    for (int i = 0; i < session_inputs_count(session); i++) {
        const tensor_spec_t *spec = session_input(session, i);
        const frame_t *frame = s_frame(frames, spec->name);
        void *row = session_input_row(session, i, 0, &bytes);
        assert_int_equal(spec->dtype, frame->dtype);
        assert_int_equal(bytes, frame->bytes);
        memcpy(row, frame->data, bytes);
    }
    assert_ok(session_run(session, 1, &fault), &fault);
    frames->count = session_outputs_count(session);
    for (int i = 0; i < frames->count; i++) {
        frame_t *frame = &frames->items[i];
        const tensor_spec_t *spec = session_output(session, i);
        const void *row = session_output_row(session, i, 0, &bytes);
        assert_true(bytes <= sizeof frame->data);
        strcpy(frame->name, spec->name);
        frame->dtype = spec->dtype;
        frame->bytes = bytes;
        memcpy(frame->data, row, bytes);
    }
    session_destroy(&session);
}

static void
s_feed(frames_t *frames, size_t floats)
{
    naive_random_t random = {3};
    float *numbers = naive_floats(&random, floats);
    frame_t *frame = &frames->items[0];
    frames->count = 1;
    strcpy(frame->name, "x");
    frame->dtype = DTYPE_FLOAT32;
    frame->bytes = floats * sizeof *numbers;
    memcpy(frame->data, numbers, frame->bytes);
    free(numbers);
}

/* x -> a -> b -> c -> Add(c, a) -> Add(., x) -> y, and a second output out of
 * the first part; a skip over each boundary, one over both. */
static void
s_network(network_t *net)
{
    const int64_t image[4] = {DIM_BATCH, 8, 16, 16};
    network_init(net, 7);
    int x = network_input(net, "x", 4, image);
    int a = network_unary(net, "Relu", network_conv(net, x, 8, 8, 3, 1, 1, 1));
    int b = network_conv(net, a, 8, 8, 3, 1, 1, 1);
    int c = network_conv(net, b, 8, 8, 1, 1, 0, 1);
    int d = network_binary(net, "Add", network_binary(net, "Add", c, a), x);
    network_output(net, network_unary(net, "Tanh", d));
    network_output(net, a);
    for (size_t n = 0; n < net->graph->nodes_count; n++)
        net->graph->nodes[n].part = n < 2 ? 0 : n < 3 ? 1 : 2;
}

static const char *
s_name(const network_t *net, int output)
{
    return net->graph->values[net->graph->outputs[output]].name;
}

static void
what_crosses_is_half_and_the_result_is_near(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    static frames_t whole, frames;
    char names[2][TENSOR_NAME_MAX + 1];
    s_network(&net);
    s_feed(&whole, FLOATS_MAX);
    s_feed(&frames, FLOATS_MAX);
    s_run(net.graph, &whole);
    for (int i = 0; i < 2; i++)
        strcpy(names[i], s_name(&net, i));
    assert_ok(narrow_boundaries(net.graph, PARTS, &fault), &fault);
    for (int k = 0; k < PARTS; k++) {
        graph_t *part = part_extract(net.graph, k, PARTS, &fault);
        if (!part)
            fail_msg("%s", fault.text);
        s_run(part, &frames);
        /* the input, a (an output too), b: each once, each half */
        if (k < PARTS - 1)
            assert_int_equal(frames.count, k == 0 ? 2 : 3);
        for (int i = 0; i < frames.count; i++)
            assert_int_equal(frames.items[i].dtype,
                             k < PARTS - 1 ? DTYPE_FLOAT16 : DTYPE_FLOAT32);
        graph_destroy(&part);
    }
    for (int i = 0; i < 2; i++) {
        const frame_t *is = s_frame(&frames, names[i]);
        const frame_t *should = s_frame(&whole, names[i]);
        assert_int_equal(is->bytes, should->bytes);
        double error = naive_error((const float *)(const void *)is->data,
                                   (const float *)(const void *)should->data,
                                   is->bytes / sizeof(float));
        if (error > ERROR_MAX || error == 0)
            fail_msg("%s: error %g", names[i], error);
    }
    network_release(&net);
}

static void
one_part_stays_as_it_is(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    s_network(&net);
    for (size_t n = 0; n < net.graph->nodes_count; n++)
        net.graph->nodes[n].part = 0;
    size_t nodes = net.graph->nodes_count;
    assert_ok(narrow_boundaries(net.graph, 1, &fault), &fault);
    assert_int_equal(net.graph->nodes_count, nodes);
    network_release(&net);
}

/* Integers are exact, and stay so. */
static void
only_float32_is_halved(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    const int64_t dims[2] = {DIM_BATCH, 16};
    int cast, back, values[TENSORS_MAX];
    network_init(&net, 1);
    int x = network_input(&net, "x", 2, dims);
    int whole = network_node(&net, "Cast", 1, &x, &cast);
    net.graph->values[whole].dtype = DTYPE_INT32;
    int y = network_node(&net, "Cast", 1, &whole, &back);
    network_output(&net, y);
    graph_set_int(net.graph, cast, "to", DTYPE_INT32, &fault);
    graph_set_int(net.graph, back, "to", DTYPE_FLOAT32, &fault);
    net.graph->nodes[back].part = 1;
    assert_ok(narrow_boundaries(net.graph, 2, &fault), &fault);
    assert_int_equal(net.graph->nodes_count, 2);
    assert_int_equal(cut_boundary(net.graph, 0, values, &fault), 1);
    assert_int_equal(values[0], whole);
    network_release(&net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_crosses_is_half_and_the_result_is_near),
        cmocka_unit_test(one_part_stays_as_it_is),
        cmocka_unit_test(only_float32_is_halved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
