/* Operands that share bytes: random graphs of what joins, splits and works in
 * place, against a memory of its own for every value. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/interpret.h"
#include "tests/support/networks.h"
#include "worker/engine/session.h"

enum {
    SIDE = 3,
    CHANNELS_MAX = 24,
    VALUES_MAX = 64,
    BATCH_MAX = 4,
    GRAPHS = 3000,
};

/* A graph of images, all of SIDE x SIDE, in the making. */
typedef struct garden {
    network_t net;
    int values[VALUES_MAX];
    int channels[VALUES_MAX];
    int count;
} garden_t;

static fault_t s_fault;

static int
s_random(garden_t *self, int low, int high)
{
    return naive_int(&self->net.random, low, high);
}

static int
s_keep(garden_t *self, int value, int channels)
{
    assert_true(self->count < VALUES_MAX && value >= 0);
    self->values[self->count] = value;
    self->channels[self->count++] = channels;
    return value;
}

/* One of the last few values mostly, so that lifetimes end. */
static int
s_pick(garden_t *self)
{
    int first = s_random(self, 0, 3) ? self->count - 5 : 0;
    return s_random(self, first > 0 ? first : 0, self->count - 1);
}

static void
s_set(garden_t *self, int node, const char *name, int64_t value)
{
    assert_ok(graph_set_int(self->net.graph, node, name, value, &s_fault),
              &s_fault);
}

static int
s_concat(garden_t *self, int count, const int *inputs)
{
    int node, y = network_node(&self->net, "Concat", count, inputs, &node);
    s_set(self, node, "axis", 1);
    return y;
}

static void
s_grow_concat(garden_t *self)
{
    int inputs[4], count = s_random(self, 1, 4), channels = 0;
    int first = s_pick(self);
    bool row = s_random(self, 0, 1); /* neighbours, as dense blocks have */
    for (int i = 0; i < count; i++) {
        int at = row ? first + i : s_pick(self);
        at = at < self->count ? at : self->count - 1;
        inputs[i] = self->values[at];
        channels += self->channels[at];
    }
    if (channels <= CHANNELS_MAX)
        s_keep(self, s_concat(self, count, inputs), channels);
}

static int
s_piece(garden_t *self)
{
    char name[32];
    snprintf(name, sizeof name, "p%d", self->net.names++);
    return graph_add_value(self->net.graph, name, DTYPE_NONE, NULL, &s_fault);
}

static void
s_grow_split(garden_t *self)
{
    int at = s_pick(self), channels = self->channels[at], pieces[2];
    if (channels < 2)
        return;
    int first = s_random(self, 1, channels - 1);
    int inputs[2] = {
        self->values[at],
        network_ints(&self->net, 2, (int64_t[]){first, channels - first})};
    for (int i = 0; i < 2; i++)
        pieces[i] = s_piece(self);
    int node = graph_add_node(self->net.graph, "Split", "", inputs, 2, pieces,
                              2, &s_fault);
    s_set(self, node, "axis", 1);
    s_keep(self, pieces[0], first);
    s_keep(self, pieces[1], channels - first);
}

static void
s_grow_slice(garden_t *self)
{
    int at = s_pick(self), channels = self->channels[at];
    int64_t begin = s_random(self, 0, channels - 1);
    int64_t end = s_random(self, (int)begin + 1, channels);
    int inputs[4] = {self->values[at], network_ints(&self->net, 1, &begin),
                     network_ints(&self->net, 1, &end),
                     network_ints(&self->net, 1, (int64_t[]){1})};
    s_keep(self, network_node(&self->net, "Slice", 4, inputs, NULL),
           (int)(end - begin));
}

static void
s_grow_unary(garden_t *self)
{
    int at = s_pick(self);
    s_keep(self,
           network_unary(&self->net, s_random(self, 0, 1) ? "Relu" : "Neg",
                         self->values[at]),
           self->channels[at]);
}

static void
s_grow_binary(garden_t *self)
{
    int a = s_pick(self);
    for (int i = 0; i < 8; i++) {
        int b = s_pick(self);
        if (self->channels[b] != self->channels[a] && self->channels[b] != 1)
            continue;
        s_keep(self,
               network_binary(&self->net, s_random(self, 0, 1) ? "Add" : "Sub",
                              self->values[a], self->values[b]),
               self->channels[a]);
        return;
    }
}

static int
s_reshape(garden_t *self, int x, size_t rank, const int64_t *dims)
{
    return network_binary(&self->net, "Reshape", x,
                          network_ints(&self->net, rank, dims));
}

/* Reshape, Transpose, Reshape: views, and a move of whole planes. */
static void
s_grow_shuffle(garden_t *self)
{
    int at = s_pick(self), channels = self->channels[at], node;
    if (channels % 2 != 0)
        return;
    const int64_t groups[] = {-1, 2, channels / 2, SIDE, SIDE},
                  order[] = {0, 2, 1, 3, 4},
                  whole[] = {-1, channels, SIDE, SIDE};
    int x = s_reshape(self, self->values[at], 5, groups);
    x = network_node(&self->net, "Transpose", 1, &x, &node);
    assert_ok(graph_set_ints(self->net.graph, node, "perm", order, 5, &s_fault),
              &s_fault);
    s_keep(self, s_reshape(self, x, 4, whole), channels);
}

/* To a Gemm, which takes all samples for one matrix, and back. */
static void
s_grow_linear(garden_t *self)
{
    int at = s_pick(self), channels = s_random(self, 1, 3);
    int x = network_unary(&self->net, "Flatten", self->values[at]);
    x = network_linear(&self->net, x, self->channels[at] * SIDE * SIDE,
                       channels * SIDE * SIDE);
    const int64_t whole[] = {-1, channels, SIDE, SIDE};
    s_keep(self, s_reshape(self, x, 4, whole), channels);
}

static void
s_grow_conv(garden_t *self)
{
    int at = s_pick(self), channels = s_random(self, 1, 4);
    s_keep(self,
           network_conv(&self->net, self->values[at], self->channels[at],
                        channels, 3, 1, 1, 1),
           channels);
}

static void
s_grow(garden_t *self)
{
    static void (*const ways[])(garden_t *) = {
        s_grow_concat, s_grow_concat, s_grow_concat,  s_grow_split,
        s_grow_slice,  s_grow_unary,  s_grow_unary,   s_grow_binary,
        s_grow_binary, s_grow_conv,   s_grow_shuffle, s_grow_linear,
    };
    enum { WAYS = sizeof ways / sizeof ways[0] };
    for (int i = s_random(self, 4, 20); i > 0; i--)
        ways[s_random(self, 0, WAYS - 1)](self);
}

static void
s_begin(garden_t *self, uint64_t seed)
{
    *self = (garden_t){0};
    network_init(&self->net, seed);
    for (int i = s_random(self, 1, 2); i > 0; i--) {
        int channels = s_random(self, 1, 6);
        const int64_t dims[] = {DIM_BATCH, channels, SIDE, SIDE};
        s_keep(self, network_input(&self->net, i == 1 ? "x" : "z", 4, dims),
               channels);
    }
}

/* Some values as outputs, the last one always. */
static void
s_choose_outputs(garden_t *self)
{
    graph_t *graph = self->net.graph;
    network_output(&self->net, self->values[self->count - 1]);
    for (int i = s_random(self, 0, 2); i > 0; i--) {
        int value = self->values[s_pick(self)];
        bool there = graph->values[value].producer == GRAPH_NONE;
        for (int o = 0; o < graph->outputs_count; o++)
            there = there || graph->outputs[o] == value;
        if (!there)
            network_output(&self->net, value);
    }
}

static void
s_write_inputs(session_t *session, float *const *x, int batch)
{
    for (int i = 0; i < session_inputs_count(session); i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            char *row = session_input_row(session, i, s, &bytes);
            memcpy(row, (const char *)x[i] + (size_t)s * bytes, bytes);
        }
}

static void
s_check_outputs(const session_t *session, const graph_t *graph,
                const interpreted_t *expected, int batch, uint64_t seed)
{
    for (int o = 0; o < session_outputs_count(session); o++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            const float *y = session_output_row(session, o, s, &bytes);
            const char *wanted = expected->data[graph->outputs[o]];
            double error = naive_error(
                y, (const float *)(const void *)(wanted + (size_t)s * bytes),
                bytes / sizeof *y);
            if (!(error < 1e-3))
                fail_msg("graph %d, output %d, sample %d of %d: error %g",
                         (int)seed, o, s, batch, error);
        }
}

/* In several runs, so that what one left behind shows in the next. Differences
 * of near equals round much; an element from elsewhere is far off. */
static void
s_compare(const graph_t *graph, float *const *x, uint64_t seed)
{
    interpreted_t expected;
    interpret(&expected, graph, BATCH_MAX, (const float *const *)x);
    for (int threads = 1; threads <= 2; threads++) {
        session_options_t options = {threads, BATCH_MAX};
        session_t *session = session_new(graph, &options, &s_fault);
        assert_ok(session ? 0 : -1, &s_fault);
        assert_int_equal(session_batch_max(session), BATCH_MAX);
        for (int batch = BATCH_MAX; batch > 0; batch -= threads) {
            s_write_inputs(session, x, batch);
            assert_ok(session_run(session, batch, &s_fault), &s_fault);
            s_check_outputs(session, graph, &expected, batch, seed);
        }
        session_destroy(&session);
    }
    interpret_end(&expected);
}

static void
random_graphs_give_what_separate_values_give(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        garden_t garden;
        float *x[2] = {NULL};
        s_begin(&garden, seed);
        int inputs = garden.count;
        for (int i = 0; i < inputs; i++)
            x[i] = naive_floats(
                &garden.net.random,
                (size_t)(BATCH_MAX * garden.channels[i] * SIDE * SIDE));
        s_grow(&garden);
        s_choose_outputs(&garden);
        s_compare(garden.net.graph, x, seed);
        network_release(&garden.net);
        free(x[0]);
        free(x[1]);
    }
}

/* --- what is left to do ------------------------------------------------------
 */

static int
s_steps(const garden_t *garden)
{
    session_options_t options = {1, 2};
    session_t *session = session_new(garden->net.graph, &options, &s_fault);
    assert_ok(session ? 0 : -1, &s_fault);
    int steps = session_steps_count(session);
    session_destroy(&session);
    return steps;
}

static int
s_conv(garden_t *garden, int x, int ins)
{
    return network_conv(&garden->net, x, ins, 2, 3, 1, 1, 1);
}

/* A block of DenseNet: each convolution reads all that came before it. */
static void
convolutions_of_a_dense_block_write_side_by_side(void **state)
{
    (void)state;
    garden_t garden;
    s_begin(&garden, 4);
    int features[6], count = 0;
    features[count++] = s_conv(&garden, garden.values[0], garden.channels[0]);
    for (int i = 0; i < 4; i++) {
        int all = s_concat(&garden, count, features);
        features[count] = s_conv(&garden, all, 2 * count);
        count++;
    }
    network_output(&garden.net, s_concat(&garden, count, features));
    assert_int_equal(s_steps(&garden), 5);
    network_release(&garden.net);
}

static void
a_concat_inside_another_one_is_no_step_either(void **state)
{
    (void)state;
    garden_t garden;
    s_begin(&garden, 4);
    int x = garden.values[0], ins = garden.channels[0];
    int a[] = {s_conv(&garden, x, ins), s_conv(&garden, x, ins)};
    int b[] = {s_concat(&garden, 2, a), s_conv(&garden, x, ins)};
    network_output(&garden.net, s_concat(&garden, 2, b));
    assert_int_equal(s_steps(&garden), 3);
    network_release(&garden.net);
}

static void
the_pieces_of_a_split_are_not_moved(void **state)
{
    (void)state;
    garden_t garden;
    s_begin(&garden, 4);
    int y = s_conv(&garden, garden.values[0], garden.channels[0]);
    int inputs[] = {y, network_ints(&garden.net, 2, (int64_t[]){1, 1})};
    int pieces[] = {s_piece(&garden), s_piece(&garden)};
    int node = graph_add_node(garden.net.graph, "Split", "", inputs, 2, pieces,
                              2, &s_fault);
    s_set(&garden, node, "axis", 1);
    network_output(&garden.net, s_conv(&garden, pieces[0], 1));
    network_output(&garden.net, pieces[1]);
    assert_int_equal(s_steps(&garden), 2);
    network_release(&garden.net);
}

/* In two Concats at different places, and twice in one: one copy each. */
static void
what_is_joined_twice_is_copied_once(void **state)
{
    (void)state;
    garden_t garden;
    s_begin(&garden, 4);
    int x = garden.values[0], ins = garden.channels[0];
    int y = s_conv(&garden, x, ins), z = s_conv(&garden, x, ins);
    network_output(&garden.net, s_concat(&garden, 2, (int[]){y, y}));
    assert_int_equal(s_steps(&garden), 2 + 1);
    network_output(&garden.net, s_concat(&garden, 2, (int[]){z, y}));
    assert_int_equal(s_steps(&garden), 2 + 1);
    network_output(&garden.net, s_concat(&garden, 2, (int[]){y, z}));
    assert_int_equal(s_steps(&garden), 2 + 2);
    network_release(&garden.net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_give_what_separate_values_give),
        cmocka_unit_test(convolutions_of_a_dense_block_write_side_by_side),
        cmocka_unit_test(a_concat_inside_another_one_is_no_step_either),
        cmocka_unit_test(the_pieces_of_a_split_are_not_moved),
        cmocka_unit_test(what_is_joined_twice_is_copied_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
