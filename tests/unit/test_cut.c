/* Cutting: by lists, by names, evenly; boundaries and part graphs. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/cut.h"
#include "common/model/part.h"
#include "common/model/shape.h"
#include "common/model/simplify.h"
#include "tests/support/net.h"

static const shape_t image = {3, {4, 16, 16}};

#define BRANCHES                                                               \
    "({ op = \"ReLU\"; name = \"a\"; }, { op = \"Tanh\"; name = \"b\"; },"     \
    " { op = \"Sigmoid\"; name = \"c\"; },"                                    \
    " { op = \"Add\"; name = \"d\"; inputs = [\"a\", \"c\"]; },"               \
    " { op = \"Add\"; name = \"e\"; inputs = [\"d\", \"input\"]; })"

static void
s_net(net_t *net, const char *layers, const char *weights)
{
    net_init(net, layers, weights, &image);
    if (!net->graph)
        fail_msg("%s", net->fault.text);
}

/* "001122": the part of each node. */
static const char *
s_parts(const graph_t *graph)
{
    static char text[256];
    for (size_t n = 0; n < graph->nodes_count; n++)
        text[n] = (char)('0' + graph->nodes[n].part);
    text[graph->nodes_count] = '\0';
    return text;
}

/* The names of a boundary: "a c". */
static const char *
s_boundary(const graph_t *graph, int part)
{
    static char text[256];
    fault_t fault;
    int values[TENSORS_MAX];
    int count = cut_boundary(graph, part, values, &fault);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, graph->values[values[i]].name);
    }
    return text;
}

static void
named_cuts_close_what_the_tensor_depends_on(void **state)
{
    (void)state;
    net_t net;
    const char *const names[] = {"b", "d"};
    s_net(&net, BRANCHES, NULL);
    assert_ok(cut_by_names(net.graph, names, 2, &net.fault), &net.fault);
    assert_string_equal(s_parts(net.graph), "00112");
    assert_ok(cut_check(net.graph, 3, &net.fault), &net.fault);
    assert_string_equal(s_boundary(net.graph, 0), "input a b");
    assert_string_equal(s_boundary(net.graph, 1), "input d");
    net_release(&net);
}

static void
a_named_cut_that_cannot_be_is_refused(void **state)
{
    (void)state;
    net_t net;
    const char *const unknown[] = {"dd"}, *const backwards[] = {"d", "b"};
    const char *const last[] = {"e"}, *const first[] = {"input"};
    const char *const weight[] = {"w"};
    const shape_t one = {1, {1}};
    s_net(&net, BRANCHES, NULL);
    assert_true(graph_add_elements(net.graph, "w", DTYPE_FLOAT32, &one,
                                   &(float){1}, &net.fault) >= 0);
    assert_int_equal(cut_by_names(net.graph, unknown, 1, &net.fault), -1);
    assert_int_equal(net.fault.code, FAULT_CONFIG);
    assert_non_null(strstr(net.fault.text, "'dd'; did you mean '"));
    assert_int_equal(cut_by_names(net.graph, backwards, 2, &net.fault), -1);
    assert_non_null(strstr(net.fault.text, "nothing is left"));
    assert_int_equal(cut_by_names(net.graph, last, 1, &net.fault), -1);
    assert_string_equal(net.fault.text,
                        "cuts: 'e' is an output of the model, nothing is left "
                        "behind it to compute");
    assert_int_equal(cut_by_names(net.graph, first, 1, &net.fault), -1);
    assert_string_equal(net.fault.text,
                        "cuts: 'input' is an input of the model, nothing is in "
                        "front of it to compute");
    assert_int_equal(cut_by_names(net.graph, weight, 1, &net.fault), -1);
    assert_string_equal(net.fault.text,
                        "cuts: 'w' is a constant, nothing computes it");
    net_release(&net);
}

static void
a_part_of_dropouts_alone_is_refused(void **state)
{
    (void)state;
    net_t net;
    s_net(&net, "(({ op = \"ReLU\"; }), ({ op = \"Dropout\"; }))", NULL);
    assert_ok(simplify_graph(net.graph, &net.fault), &net.fault);
    assert_int_equal(cut_check(net.graph, net.parts, &net.fault), -1);
    assert_int_equal(net.fault.code, FAULT_CONFIG);
    assert_non_null(strstr(net.fault.text, "part 1 computes nothing"));
    net_release(&net);
}

/* Four equal products with pools that shrink what lies between two of them. */
#define CHAIN                                                                  \
    "({ op = \"Conv2d\"; weights = \"a\"; padding = 1; }, { op = \"ReLU\"; }," \
    " { op = \"Conv2d\"; weights = \"a\"; name = \"b\"; padding = 1; },"       \
    " { op = \"MaxPool2d\"; kernel_size = 2; name = \"p\"; },"                 \
    " { op = \"Conv2d\"; weights = \"a\"; name = \"c\"; padding = 1; },"       \
    " { op = \"ReLU\"; name = \"r\"; })"

static void
an_even_cut_minimises_the_slowest_part(void **state)
{
    (void)state;
    net_t net;
    cut_rates_t rates;
    cut_rates_init(&rates);
    s_net(&net, CHAIN, "a.weight 4 4 3 3");
    rates.link_bytes_per_s = 1e15; /* computing decides: half each */
    assert_ok(cut_evenly(net.graph, 2, &rates, &net.fault), &net.fault);
    assert_true(net.graph->nodes[0].part == 0);
    assert_true(net.graph->nodes[2].part == 1);
    rates.link_bytes_per_s = 1; /* the link decides: behind the pool */
    assert_ok(cut_evenly(net.graph, 2, &rates, &net.fault), &net.fault);
    assert_string_equal(s_parts(net.graph), "000011");
    assert_ok(cut_evenly(net.graph, 6, &rates, &net.fault), &net.fault);
    assert_string_equal(s_parts(net.graph), "012345");
    net_release(&net);
}

static double
s_value_bytes(const value_type_t *types, const int *values, int count)
{
    double bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += (double)tensor_bytes(types[values[i]].dtype,
                                      &types[values[i]].shape, 1);
    return bytes;
}

/* The slowest of three parts as --plan counts it: both boundaries of each. */
static double
s_slowest_s(const graph_t *graph, const value_type_t *types,
            const cut_rates_t *rates)
{
    fault_t fault = {0};
    double in = s_value_bytes(types, graph->inputs, graph->inputs_count);
    double slowest = 0;
    for (int k = 0; k < 3; k++) {
        int values[TENSORS_MAX];
        double flop = 0, bytes = 0;
        for (size_t n = 0; n < graph->nodes_count; n++) {
            node_cost_t cost = shape_cost(graph, types, (int)n);
            if (graph->nodes[n].part != k)
                continue;
            flop += cost.flop;
            bytes += (double)(cost.weight_bytes + cost.activation_bytes);
        }
        int count = cut_boundary(graph, k, values, &fault);
        double out = s_value_bytes(types, values, count);
        double seconds = cut_part_s(rates, k, flop, bytes, in + out);
        slowest = seconds > slowest ? seconds : slowest;
        in = out;
    }
    return slowest;
}

/* Narrow, wide, narrow: what crosses differs much from place to place. */
#define HOURGLASS                                                              \
    "({ op = \"Conv2d\"; weights = \"a\"; padding = 1; },"                     \
    " { op = \"Conv2d\"; weights = \"w\"; padding = 1; },"                     \
    " { op = \"Conv2d\"; weights = \"v\"; padding = 1; },"                     \
    " { op = \"Conv2d\"; weights = \"w\"; padding = 1; },"                     \
    " { op = \"Conv2d\"; weights = \"v\"; padding = 1; },"                     \
    " { op = \"Conv2d\"; weights = \"a\"; padding = 1; })"

static void
no_other_cut_has_a_faster_plan(void **state)
{
    (void)state;
    net_t net;
    cut_rates_t rates;
    cut_rates_init(&rates);
    s_net(&net, HOURGLASS,
          "a.weight 4 4 3 3; w.weight 16 4 3 3; "
          "v.weight 4 16 3 3");
    graph_t *graph = net.graph;
    value_type_t *types = shape_types_new(graph, 1, &net.fault);
    for (double link = 1e8; link < 1e11; link *= 1.5) {
        rates.link_bytes_per_s = link;
        assert_ok(cut_evenly(graph, 3, &rates, &net.fault), &net.fault);
        double chosen = s_slowest_s(graph, types, &rates);
        double best = chosen;
        for (int a = 1; a < 5; a++)
            for (int b = a + 1; b < 6; b++) {
                for (int n = 0; n < 6; n++)
                    graph->nodes[n].part = (n >= a) + (n >= b);
                double other = s_slowest_s(graph, types, &rates);
                best = other < best ? other : best;
            }
        if (chosen > best * (1 + 1e-9))
            fail_msg("%g s was chosen, %g s is possible", chosen, best);
    }
    free(types);
    net_release(&net);
}

static void
a_boundary_over_the_frame_limit_is_never_chosen(void **state)
{
    (void)state;
    net_t net;
    cut_rates_t rates;
    cut_rates_init(&rates);
    rates.link_bytes_per_s = 1e15;
    rates.boundary_bytes_max = 4 * 4 * 8 * 8; /* what the pool makes */
    s_net(&net, CHAIN, "a.weight 4 4 3 3");
    assert_ok(cut_evenly(net.graph, 2, &rates, &net.fault), &net.fault);
    assert_true(net.graph->nodes[3].part == 0);
    assert_int_equal(cut_evenly(net.graph, 4, &rates, &net.fault), -1);
    assert_non_null(strstr(net.fault.text, "only 2 places"));
    net_release(&net);
}

static void
a_part_that_needs_a_later_one_is_refused(void **state)
{
    (void)state;
    net_t net;
    s_net(&net, BRANCHES, NULL);
    net.graph->nodes[0].part = 1;
    assert_int_equal(cut_check(net.graph, 2, &net.fault), -1);
    assert_int_equal(net.fault.code, FAULT_INPUT);
    net_release(&net);
}

/* Names of a part's ends: "input -> a b". */
static const char *
s_ends(const graph_t *part)
{
    static char text[512];
    text[0] = '\0';
    for (int i = 0; i < part->inputs_count; i++) {
        strcat(text, part->values[part->inputs[i]].name);
        strcat(text, " ");
    }
    strcat(text, "->");
    for (int i = 0; i < part->outputs_count; i++) {
        strcat(text, " ");
        strcat(text, part->values[part->outputs[i]].name);
    }
    return text;
}

static void
a_part_passes_on_what_it_does_not_use(void **state)
{
    (void)state;
    net_t net;
    const char *const names[] = {"b", "c"};
    const char *const ends[] = {"input -> input.via0 a b",
                                "input.via0 a b -> input.via1 a.via1 c",
                                "input.via1 a.via1 c -> e"};
    s_net(&net, BRANCHES, NULL);
    assert_ok(cut_by_names(net.graph, names, 2, &net.fault), &net.fault);
    for (int k = 0; k < 3; k++) {
        graph_t *part = part_extract(net.graph, k, 3, &net.fault);
        if (!part)
            fail_msg("%s", net.fault.text);
        assert_string_equal(s_ends(part), ends[k]);
        bool batchable;
        assert_ok(shape_batchable(part, &batchable, &net.fault), &net.fault);
        assert_true(batchable);
        graph_destroy(&part);
    }
    net_release(&net);
}

/* A model's outputs have their names at the end, wherever they are made. */
static void
an_output_that_is_made_early_keeps_its_name(void **state)
{
    (void)state;
    net_t net;
    const char *const names[] = {"b", "c"};
    const char *const ends[] = {
        "input -> input.via0 a.via0 b",
        "input.via0 a.via0 b -> input.via1 a.via1 c.via1",
        "input.via1 a.via1 c.via1 -> e a c input w"};
    s_net(&net, BRANCHES, NULL);
    graph_t *graph = net.graph;
    const shape_t scalar = {.rank = 0};
    int w = graph_add_elements(graph, "w", DTYPE_FLOAT32, &scalar, (float[]){1},
                               &net.fault);
    assert_ok(cut_by_names(graph, names, 2, &net.fault), &net.fault);
    const int outputs[] = {graph_find(graph, "a"), graph_find(graph, "c"),
                           graph->inputs[0], w};
    for (int i = 0; i < 4; i++)
        assert_ok(graph_add_output(graph, outputs[i], &net.fault), &net.fault);
    for (int k = 0; k < 3; k++) {
        graph_t *part = part_extract(graph, k, 3, &net.fault);
        if (!part)
            fail_msg("%s", net.fault.text);
        assert_string_equal(s_ends(part), ends[k]);
        graph_destroy(&part);
    }
    for (size_t n = 0; n < graph->nodes_count; n++)
        graph->nodes[n].part = 0;
    graph_t *only = part_extract(graph, 0, 1, &net.fault);
    assert_non_null(only);
    assert_string_equal(s_ends(only), "input -> e a c input w");
    graph_destroy(&only);
    net_release(&net);
}

static void
a_part_has_its_own_weights_only(void **state)
{
    (void)state;
    net_t net;
    s_net(&net,
          "(({ op = \"Conv2d\"; weights = \"a\"; }),"
          " ({ op = \"Conv2d\"; weights = \"b\"; }, { op = \"ReLU\"; }))",
          "a.weight 8 4 3 3; a.bias 8; b.weight 2 8 3 3");
    part_t part;
    graph_t *own = part_extract(net.graph, 1, 2, &net.fault);
    assert_non_null(own);
    assert_int_equal(graph_find(own, "a.weight"), GRAPH_NONE);
    assert_true(graph_find(own, "b.weight") >= 0);
    assert_ok(part_init(&part, own, 1, 2, &net.fault), &net.fault);
    assert_int_equal(part.nodes, 2);
    assert_int_equal(part.parameters, 2 * 8 * 9);
    assert_int_equal(part.in_bytes, 4 * 8 * 14 * 14);
    assert_int_equal(part.out_bytes, 4 * 2 * 12 * 12);
    assert_true(part.batchable);
    assert_true(part.flop == 2.0 * 2 * 12 * 12 * 8 * 9 + 2 * 12 * 12);
    part_release(&part);
    graph_destroy(&own);
    net_release(&net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_cuts_close_what_the_tensor_depends_on),
        cmocka_unit_test(a_named_cut_that_cannot_be_is_refused),
        cmocka_unit_test(a_part_of_dropouts_alone_is_refused),
        cmocka_unit_test(an_even_cut_minimises_the_slowest_part),
        cmocka_unit_test(no_other_cut_has_a_faster_plan),
        cmocka_unit_test(a_boundary_over_the_frame_limit_is_never_chosen),
        cmocka_unit_test(a_part_that_needs_a_later_one_is_refused),
        cmocka_unit_test(a_part_passes_on_what_it_does_not_use),
        cmocka_unit_test(an_output_that_is_made_early_keeps_its_name),
        cmocka_unit_test(a_part_has_its_own_weights_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
