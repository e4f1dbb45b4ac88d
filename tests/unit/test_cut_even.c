/* The even cut against every cut there is, and on a large network. */
#include "tests/support/tests.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/cut.h"
#include "common/model/cut_places.h"
#include "common/model/shape.h"
#include "tests/support/networks.h"

/* --- every cut there is --- */

typedef struct judged {
    double slowest_s, bytes;
    bool even;
} judged_t;

/* What the graph's present cut is worth, straight from the definitions. */
static judged_t
s_judge(const graph_t *graph, const value_type_t *types, int parts,
        const cut_rates_t *rates)
{
    judged_t judged = {.even = true};
    double flop[CUT_PARTS_MAX] = {0}, bytes[CUT_PARTS_MAX] = {0};
    double all_flop = 0, all_bytes = 0, shares = 0, in = 0;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        node_cost_t cost = shape_cost(graph, types, (int)n);
        double moved = (double)(cost.weight_bytes + cost.activation_bytes);
        flop[graph->nodes[n].part] += cost.flop;
        bytes[graph->nodes[n].part] += moved;
        all_flop += cost.flop;
        all_bytes += moved;
    }
    for (int k = 0; k < parts; k++)
        shares += cut_share(rates, k);
    for (int i = 0; i < graph->inputs_count; i++)
        in += (double)cut_crossing_bytes(rates, types[graph->inputs[i]].dtype,
                                         &types[graph->inputs[i]].shape);
    double total = cut_compute_s(rates, all_flop, all_bytes);
    double mean = total / parts, ideal = 0, flop_sum = 0, bytes_sum = 0;
    for (int k = 0; k < parts; k++) {
        int values[TENSORS_MAX];
        fault_t fault;
        int count = cut_boundary(graph, k, values, &fault);
        double out = 0, fair = total * cut_share(rates, k) / shares;
        for (int i = 0; i < count; i++)
            out += (double)cut_crossing_bytes(rates, types[values[i]].dtype,
                                              &types[values[i]].shape);
        double own = cut_compute_s(rates, flop[k], bytes[k]);
        double seconds =
            own / cut_share(rates, k) + cut_link_s(rates, in + out);
        judged.slowest_s = fmax(judged.slowest_s, seconds);
        judged.bytes += out;
        ideal += fair;
        flop_sum += flop[k];
        bytes_sum += bytes[k];
        double off = cut_compute_s(rates, flop_sum, bytes_sum) - ideal;
        judged.even &= own <= 1.1 * fair;
        judged.even &= k == parts - 1 || fabs(off) <= 0.1 * mean;
        in = out;
    }
    return judged;
}

/* The next way to give each node a part; false behind the last. */
static bool
s_next(graph_t *graph, int parts)
{
    for (size_t n = 0; n < graph->nodes_count; n++) {
        if (++graph->nodes[n].part < parts)
            return true;
        graph->nodes[n].part = 0;
    }
    return false;
}

static bool
s_holds(const graph_t *graph, int parts)
{
    fault_t fault;
    return cut_check(graph, parts, &fault) == 0;
}

/* Whether a is the better of two that are both allowed. */
static bool
s_better(const judged_t *a, const judged_t *b)
{
    return a->bytes < b->bytes ||
           (a->bytes == b->bytes && a->slowest_s < b->slowest_s);
}

/* The best of all cuts, found by trying every one. */
static judged_t
s_best(graph_t *graph, const value_type_t *types, int parts,
       const cut_rates_t *rates)
{
    double fastest = DBL_MAX;
    judged_t even = {DBL_MAX, DBL_MAX, true}, any = {DBL_MAX, DBL_MAX, false};
    for (size_t n = 0; n < graph->nodes_count; n++)
        graph->nodes[n].part = 0;
    while (s_next(graph, parts))
        if (s_holds(graph, parts))
            fastest =
                fmin(fastest, s_judge(graph, types, parts, rates).slowest_s);
    while (s_next(graph, parts)) {
        if (!s_holds(graph, parts))
            continue;
        judged_t judged = s_judge(graph, types, parts, rates);
        if (judged.even && judged.slowest_s <= 1.1 * fastest &&
            s_better(&judged, &even))
            even = judged;
        if (judged.slowest_s <= fastest * (1 + 1e-12) &&
            s_better(&judged, &any))
            any = judged;
    }
    return even.bytes < DBL_MAX ? even : any;
}

/* A random network of eight nodes: products, joins, a second output. */
static void
s_random(network_t *net, uint64_t seed)
{
    enum { NODES = 8, WIDTHS = 4 };
    const int64_t dims[2] = {DIM_BATCH, 16};
    int values[NODES + 1];
    int64_t widths[NODES + 1] = {16};
    network_init(net, seed);
    values[0] = network_input(net, "x", 2, dims);
    for (int n = 1; n <= NODES; n++) {
        uint64_t dice = naive_bits(&net->random);
        int a = n - 1 - (int)(dice % 3 % (uint64_t)n);
        int b = (int)(dice / 8 % (uint64_t)n);
        switch (dice / 1024 % 4) {
        case 0:
            values[n] = network_unary(net, "Relu", values[a]);
            widths[n] = widths[a];
            break;
        case 1:
            values[n] = network_binary(net, "Concat", values[a], values[b]);
            graph_set_int(net->graph, n - 1, "axis", 1, NULL);
            widths[n] = widths[a] + widths[b];
            break;
        default:
            widths[n] = 4 << (dice / 4096 % WIDTHS);
            values[n] = network_linear(net, values[a], widths[a], widths[n]);
        }
    }
    network_output(net, values[NODES]);
    if (seed % 3 == 0)
        network_output(net, values[NODES / 2]);
}

static void
no_other_of_all_cuts_is_better(void **state)
{
    (void)state;
    static const double links[4] = {1e9, 1e10, 3e10, 1e12};
    int evens = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        network_t net;
        fault_t fault = {0};
        cut_rates_t rates;
        cut_rates_init(&rates);
        rates.memory_bytes_per_s = 1e12;
        rates.link_bytes_per_s = links[seed % 4];
        rates.half = seed % 5 == 0;
        int parts = 2 + (int)(seed % 2);
        if (seed % 7 == 0) {
            rates.shares_count = parts;
            rates.shares[0] = 2;
            rates.shares[1] = rates.shares[2] = 1;
        }
        s_random(&net, seed);
        value_type_t *types = shape_types_new(net.graph, 1, &fault);
        judged_t best = s_best(net.graph, types, parts, &rates);
        assert_ok(cut_evenly(net.graph, parts, &rates, &fault), &fault);
        assert_ok(cut_check(net.graph, parts, &fault), &fault);
        judged_t chosen = s_judge(net.graph, types, parts, &rates);
        if (chosen.even != best.even ||
            fabs(chosen.bytes - best.bytes) > 1e-9 * best.bytes ||
            chosen.slowest_s > best.slowest_s * (1 + 1e-9))
            fail_msg("seed %d: %g bytes, %g s%s instead of %g bytes, %g s%s",
                     (int)seed, chosen.bytes, chosen.slowest_s,
                     chosen.even ? ", even" : "", best.bytes, best.slowest_s,
                     best.even ? ", even" : "");
        evens += best.even;
        free(types);
        network_release(&net);
    }
    assert_in_range(evens, 20, 150); /* both ways were tried */
}

/* --- a large one --- */

/* The bounds come from an enumeration of all closed sets of nodes of
 * torchvision's export that are within a tenth of a part of k quarters (make
 * check-plan repeats it). In the given order alone the first two are
 * impossible: the branch beside the second convolution has to come before the
 * third. */
static void
resnet50_is_cut_evenly_and_where_little_crosses(void **state)
{
    (void)state;
    static const double bytes_max[3] = {2007040, 1003520, 802816};
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    cut_rates_init(&rates);
    network_init(&net, 1);
    network_use_zeroes(&net, 16 << 20);
    network_resnet50(&net);
    graph_t *graph = net.graph;
    assert_ok(cut_evenly(graph, 4, &rates, &fault), &fault);
    assert_ok(cut_check(graph, 4, &fault), &fault);
    value_type_t *types = shape_types_new(graph, 1, &fault);
    double flop[4] = {0}, total = 0;
    for (size_t n = 0; n < graph->nodes_count; n++) {
        double own = shape_cost(graph, types, (int)n).flop;
        flop[graph->nodes[n].part] += own;
        total += own;
    }
    assert_true(total > 2 * 4.08e9 && total < 2 * 4.14e9);
    for (int k = 0; k < 4; k++)
        if (flop[k] > 1.10 * total / 4)
            fail_msg("part %d: %.4g of %.4g", k, flop[k], total);
    for (int k = 0; k < 3; k++) {
        int values[TENSORS_MAX];
        int count = cut_boundary(graph, k, values, &fault);
        double bytes = 0;
        for (int i = 0; i < count; i++)
            bytes +=
                (double)tensor_bytes(DTYPE_FLOAT32, &types[values[i]].shape, 1);
        if (bytes > bytes_max[k])
            fail_msg("%.0f bytes behind part %d", bytes, k);
    }
    free(types);
    network_release(&net);
}

/* --- what may not be, and what is asked for --- */

/* Layers of equal cost, 16 numbers between two. */
static void
s_chain(network_t *net, int layers)
{
    const int64_t dims[2] = {DIM_BATCH, 16};
    network_init(net, 1);
    int x = network_input(net, "x", 2, dims);
    for (int i = 0; i < layers; i++)
        x = network_linear(net, x, 16, 16);
    network_output(net, x);
}

static void
a_machine_twice_as_strong_gets_twice_as_much(void **state)
{
    (void)state;
    static const char *const wanted[] = {"000011", "001111", "001112"};
    static const double shares[][3] = {{2, 1}, {0.5, 1}, {1, 1.5, 0.5}};
    for (int i = 0; i < 3; i++) {
        network_t net;
        fault_t fault = {0};
        cut_rates_t rates;
        char parts[8] = "";
        cut_rates_init(&rates);
        rates.link_bytes_per_s = 1e15;
        rates.shares_count = i < 2 ? 2 : 3;
        memcpy(rates.shares, shares[i], sizeof shares[i]);
        s_chain(&net, 6);
        assert_ok(cut_evenly(net.graph, rates.shares_count, &rates, &fault),
                  &fault);
        for (size_t n = 0; n < 6; n++)
            parts[n] = (char)('0' + net.graph->nodes[n].part);
        assert_string_equal(parts, wanted[i]);
        network_release(&net);
    }
}

/* Half as many bytes cross, so a frame that was too small is large enough. */
static void
halves_fit_where_wholes_do_not(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    cut_rates_init(&rates);
    rates.boundary_bytes_max = 16 * 4 - 1;
    s_chain(&net, 4);
    assert_int_equal(cut_evenly(net.graph, 2, &rates, &fault), -1);
    assert_non_null(strstr(fault.text, "only 0 places"));
    rates.half = true;
    assert_ok(cut_evenly(net.graph, 2, &rates, &fault), &fault);
    network_release(&net);
}

static void
more_tensors_than_a_message_takes_never_cross(void **state)
{
    (void)state;
    enum { BRANCHES = TENSORS_MAX + 1 };
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    const int64_t dims[2] = {DIM_BATCH, 64};
    int branches[BRANCHES];
    cut_rates_init(&rates);
    rates.link_bytes_per_s = 1e15;
    network_init(&net, 1);
    int x = network_input(&net, "x", 2, dims);
    x = network_linear(&net, x, 64, 64);
    for (int i = 0; i < BRANCHES; i++)
        branches[i] = network_linear(&net, x, 64, 4);
    x = network_node(&net, "Concat", BRANCHES, branches, NULL);
    graph_set_int(net.graph, BRANCHES + 1, "axis", 1, &fault);
    network_output(&net, network_linear(&net, x, 4 * BRANCHES, 64));
    for (int parts = 2; parts <= 6; parts++) {
        assert_ok(cut_evenly(net.graph, parts, &rates, &fault), &fault);
        for (int k = 0; k < parts; k++) {
            int values[TENSORS_MAX];
            assert_true(cut_boundary(net.graph, k, values, &fault) > 0);
        }
    }
    network_release(&net);
}

/* [N, 16] turned to [16, N] and back: between the two no sample can be told
 * from another along axis 0, so a part that ends there runs no batches. */
static void
parts_that_can_run_batches_are_preferred(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    const int64_t dims[2] = {DIM_BATCH, 16};
    cut_rates_init(&rates);
    rates.link_bytes_per_s = 1e15;
    network_init(&net, 1);
    int x = network_linear(&net, network_input(&net, "x", 2, dims), 16, 16);
    x = network_unary(&net, "Transpose", x);
    for (int i = 0; i < 8; i++)
        x = network_unary(&net, "Relu", x);
    x = network_unary(&net, "Transpose", x);
    network_output(&net, x);
    assert_ok(cut_evenly(net.graph, 2, &rates, &fault), &fault);
    assert_int_equal(net.graph->nodes[1].part, 1);
    assert_ok(cut_evenly(net.graph, 11, &rates, &fault), &fault);
    network_release(&net);
}

/* A reshape to what the exporter read off the input's shape. */
static void
a_shape_never_crosses(void **state)
{
    (void)state;
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    const int64_t dims[3] = {DIM_BATCH, 4, 4};
    cut_rates_init(&rates);
    network_init(&net, 1);
    int x = network_input(&net, "x", 3, dims);
    int target = network_unary(&net, "Shape", x);
    net.graph->values[target].dtype = DTYPE_INT64;
    x = network_unary(&net, "Relu", network_unary(&net, "Relu", x));
    x = network_binary(&net, "Reshape", x, target);
    network_output(&net, network_unary(&net, "Relu", x));
    size_t count = 0;
    place_t *places = cut_places_new(net.graph, &rates, &count, &fault);
    value_type_t *types = shape_types_new(net.graph, 1, &fault);
    assert_non_null(places);
    assert_true(types[target].known);
    assert_true(count > 3);
    assert_true(count < net.graph->nodes_count + 1);
    for (size_t p = 1; p < count - 1; p++) {
        for (size_t n = 0; n < net.graph->nodes_count; n++)
            net.graph->nodes[n].part = !place_holds(&places[p], n);
        int values[TENSORS_MAX];
        int crossing = cut_boundary(net.graph, 0, values, &fault);
        for (int i = 0; i < crossing; i++)
            assert_false(types[values[i]].known);
    }
    free(places);
    free(types);
    network_release(&net);
}

/* Branches side by side: far more closed sets than anybody looks at. */
static void
a_wide_network_is_cut_all_the_same(void **state)
{
    (void)state;
    enum { BRANCHES = 12, LENGTH = 30 };
    network_t net;
    fault_t fault = {0};
    cut_rates_t rates;
    const int64_t dims[2] = {DIM_BATCH, 64};
    int branches[BRANCHES];
    cut_rates_init(&rates);
    rates.link_bytes_per_s = 1e15;
    network_init(&net, 1);
    int x = network_input(&net, "x", 2, dims);
    for (int i = 0; i < BRANCHES; i++) {
        branches[i] = x;
        for (int j = 0; j < LENGTH; j++)
            branches[i] = network_linear(&net, branches[i], j ? 16 : 64, 16);
    }
    x = network_node(&net, "Concat", BRANCHES, branches, NULL);
    graph_set_int(net.graph, BRANCHES * LENGTH, "axis", 1, &fault);
    network_output(&net, x);
    size_t count = 0;
    place_t *places = cut_places_new(net.graph, &rates, &count, &fault);
    assert_non_null(places);
    assert_in_range(count, 300, CUT_PLACES_MAX);
    for (size_t p = 0; p < count; p++)
        for (size_t q = 0; q < p; q++)
            assert_false(place_within(&places[p], &places[q]));
    free(places);
    value_type_t *types = shape_types_new(net.graph, 1, &fault);
    for (int parts = 2; parts <= CUT_PARTS_MAX; parts += 15) {
        assert_ok(cut_evenly(net.graph, parts, &rates, &fault), &fault);
        assert_ok(cut_check(net.graph, parts, &fault), &fault);
        assert_true(s_judge(net.graph, types, parts, &rates).even);
    }
    free(types);
    network_release(&net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_other_of_all_cuts_is_better),
        cmocka_unit_test(resnet50_is_cut_evenly_and_where_little_crosses),
        cmocka_unit_test(a_machine_twice_as_strong_gets_twice_as_much),
        cmocka_unit_test(halves_fit_where_wholes_do_not),
        cmocka_unit_test(more_tensors_than_a_message_takes_never_cross),
        cmocka_unit_test(parts_that_can_run_batches_are_preferred),
        cmocka_unit_test(a_shape_never_crosses),
        cmocka_unit_test(a_wide_network_is_cut_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
