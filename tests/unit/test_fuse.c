/* Steps melted together: fewer of them, and the bits that they give apart. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/networks.h"
#include "worker/engine/session.h"

enum { CHANNELS = 16, SIDE = 9, BATCH = 3 };

/* Something that an activation or a sum may follow: a value made from x. */
typedef int make_fn(network_t *net, int x);

static fault_t s_fault;

static int
s_conv(network_t *net, int x)
{
    return network_conv(net, x, CHANNELS, CHANNELS, 3, 1, 1, 1);
}

static int
s_pointwise(network_t *net, int x)
{
    return network_conv(net, x, CHANNELS, CHANNELS, 1, 1, 0, 1);
}

/* In more than one pass over the channels. */
static int
s_deep(network_t *net, int x)
{
    x = network_conv(net, x, CHANNELS, 700, 1, 1, 0, 1);
    return network_conv(net, x, 700, CHANNELS, 1, 1, 0, 1);
}

static int
s_deep_3x3(network_t *net, int x)
{
    x = network_conv(net, x, CHANNELS, 150, 1, 1, 0, 1);
    return network_conv(net, x, 150, CHANNELS, 3, 1, 1, 1);
}

static int
s_depthwise(network_t *net, int x)
{
    return network_conv(net, x, CHANNELS, CHANNELS, 3, 1, 1, CHANNELS);
}

static int
s_grouped(network_t *net, int x)
{
    return network_conv(net, x, CHANNELS, CHANNELS, 5, 1, 2, 2);
}

static int
s_norm(network_t *net, int x)
{
    const int64_t count = CHANNELS;
    int scale = network_weights(net, 1, &count, 1.0f);
    int shift = network_weights(net, 1, &count, 1.0f);
    float spread[CHANNELS];
    for (int c = 0; c < CHANNELS; c++)
        spread[c] = 0.5f + 0.25f * (float)c;
    int variance =
        graph_add_elements(net->graph, "variance", DTYPE_FLOAT32,
                           &(shape_t){1, {CHANNELS}}, spread, &s_fault);
    int inputs[] = {x, scale, shift, scale, variance};
    return network_node(net, "BatchNormalization", 5, inputs, NULL);
}

static int
s_sum_of_rows(network_t *net, int x)
{
    const int64_t channel[] = {CHANNELS, 1, 1};
    return network_binary(net, "Add", x, network_weights(net, 3, channel, 1));
}

static int
s_product(network_t *net, int x)
{
    const int64_t dims[] = {SIDE, SIDE};
    return network_binary(net, "MatMul", x, network_weights(net, 2, dims, 1));
}

/* Those that take a residual too come first. */
static make_fn *const s_makers[] = {
    s_conv,    s_pointwise, s_deep, s_deep_3x3,    s_depthwise,
    s_grouped, s_product,   s_norm, s_sum_of_rows,
};
enum { MAKERS = sizeof s_makers / sizeof s_makers[0], SUMMERS = MAKERS - 2 };

/* One output, or with the values in between as outputs, which keeps every step
 * alone. */
typedef struct ends {
    int values[4];
    int count;
} ends_t;

static session_t *
s_open(network_t *net, const ends_t *ends, bool apart)
{
    session_options_t options = {2, BATCH};
    net->graph->outputs_count = 0;
    for (int i = apart ? 0 : ends->count - 1; i < ends->count; i++)
        network_output(net, ends->values[i]);
    session_t *session = session_new(net->graph, &options, &s_fault);
    assert_ok(session ? 0 : -1, &s_fault);
    return session;
}

/* Its last output for the batch; free it. */
static float *
s_run(session_t *session, const float *x, size_t *floats)
{
    size_t bytes;
    int last = session_outputs_count(session) - 1;
    for (int s = 0; s < BATCH; s++) {
        void *row = session_input_row(session, 0, s, &bytes);
        memcpy(row, x + (size_t)s * (bytes / sizeof *x), bytes);
    }
    assert_ok(session_run(session, BATCH, &s_fault), &s_fault);
    session_output_row(session, last, 0, &bytes);
    *floats = BATCH * bytes / sizeof *x;
    float *y = calloc(BATCH, bytes);
    assert_non_null(y);
    for (int s = 0; s < BATCH; s++)
        memcpy(y + (size_t)s * (bytes / sizeof *y),
               session_output_row(session, last, s, &bytes), bytes);
    return y;
}

/* Both ways: `steps` fewer of them, the same bits. */
static void
s_compare(network_t *net, const ends_t *ends, int steps, const char *what)
{
    enum { FLOATS = BATCH * CHANNELS * SIDE * SIDE };
    float *x = naive_floats(&net->random, FLOATS);
    session_t *fused = s_open(net, ends, false);
    session_t *apart = s_open(net, ends, true);
    size_t fused_floats, apart_floats;
    float *y = s_run(fused, x, &fused_floats);
    float *expected = s_run(apart, x, &apart_floats);
    int fewer = session_steps_count(apart) - session_steps_count(fused);
    if (fewer != steps)
        fail_msg("%s: %d steps fewer, not %d", what, fewer, steps);
    assert_int_equal(fused_floats, apart_floats);
    if (memcmp(y, expected, fused_floats * sizeof *y) != 0)
        fail_msg("%s: other bits", what);
    session_destroy(&fused);
    session_destroy(&apart);
    free(x);
    free(y);
    free(expected);
    network_release(net);
}

static int
s_begin(network_t *net, uint64_t seed)
{
    const int64_t dims[] = {DIM_BATCH, CHANNELS, SIDE, SIDE};
    network_init(net, seed);
    return network_input(net, "x", 4, dims);
}

static int
s_activate(network_t *net, const char *name, int x)
{
    if (strcmp(name, "Clip") != 0)
        return network_unary(net, name, x);
    int inputs[] = {x, network_float(net, 0.0f), network_float(net, 0.75f)};
    return network_node(net, "Clip", 3, inputs, NULL);
}

static const char *const s_activations[] = {
    "Relu", "Clip", "Silu", "HardSwish", "Sigmoid", "HardSigmoid", "LeakyRelu",
};
enum { ACTIVATION_NAMES = sizeof s_activations / sizeof s_activations[0] };

static void
an_activation_is_no_step_of_its_own(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++)
        for (int a = 0; a < ACTIVATION_NAMES; a++) {
            char what[64];
            network_t net;
            ends_t ends = {.count = 2};
            int x = s_begin(&net, (uint64_t)(10 * m + a));
            snprintf(what, sizeof what, "maker %d, %s", m, s_activations[a]);
            ends.values[0] = s_makers[m](&net, x);
            ends.values[1] = s_activate(&net, s_activations[a], ends.values[0]);
            s_compare(&net, &ends, 1, what);
        }
}

/* On either side of the Add. */
static void
a_residual_and_what_follows_it_are_none_either(void **state)
{
    (void)state;
    for (int m = 0; m < MAKERS; m++)
        for (int side = 0; side < 2; side++) {
            char what[64];
            network_t net;
            ends_t ends = {.count = 3};
            int x = s_begin(&net, (uint64_t)(100 + 2 * m + side));
            snprintf(what, sizeof what, "maker %d, side %d", m, side);
            int y = ends.values[0] = s_makers[m](&net, x);
            ends.values[1] =
                network_binary(&net, "Add", side ? x : y, side ? y : x);
            ends.values[2] = network_unary(&net, "Relu", ends.values[1]);
            s_compare(&net, &ends, m < SUMMERS ? 2 : 1, what);
        }
}

/* A residual that nobody reads again may be written over; apart it is an
 * output, which is not. */
static void
a_residual_that_ends_gives_the_same_bits(void **state)
{
    (void)state;
    for (int m = 0; m < SUMMERS; m++)
        for (int a = 0; a < ACTIVATION_NAMES; a++)
            for (int own = 0; own < 2; own++) {
                char what[64];
                network_t net;
                ends_t ends = {.count = 4};
                int x = s_begin(&net, (uint64_t)(300 + 10 * m + a));
                snprintf(what, sizeof what, "maker %d, %s, input %d", m,
                         s_activations[a], own);
                int r = ends.values[0] = s_pointwise(&net, x);
                int y = ends.values[1] = s_makers[m](&net, own ? r : x);
                ends.values[2] = network_binary(&net, "Add", y, r);
                ends.values[3] =
                    s_activate(&net, s_activations[a], ends.values[2]);
                s_compare(&net, &ends, 2, what);
            }
}

/* Two branches: the one that is computed last takes the other one. */
static void
the_later_branch_takes_the_earlier_one(void **state)
{
    (void)state;
    for (int m = 0; m < 4; m++) {
        network_t net;
        ends_t ends = {.count = 4};
        int x = s_begin(&net, (uint64_t)(200 + m));
        int a = ends.values[0] = s_makers[m](&net, x);
        int b = ends.values[1] = s_pointwise(&net, x);
        ends.values[2] = network_binary(&net, "Add", a, b);
        ends.values[3] = network_unary(&net, "Relu", ends.values[2]);
        s_compare(&net, &ends, 2, "branches");
    }
}

/* Squeeze-and-excite before a 1x1 convolution, in one pass over the channels
 * and in several, the factors on either side. */
static void
a_scale_of_channels_is_no_step_either(void **state)
{
    (void)state;
    static const int64_t depths[] = {1, 5, 16, 130, 700};
    for (int d = 0; d < 5; d++)
        for (int side = 0; side < 2; side++) {
            char what[64];
            network_t net;
            ends_t ends = {.count = 4};
            int in = s_begin(&net, (uint64_t)(400 + 2 * d + side));
            snprintf(what, sizeof what, "depth %d, side %d", (int)depths[d],
                     side);
            int x = network_conv(&net, in, CHANNELS, depths[d], 1, 1, 0, 1);
            int s = network_unary(&net, "GlobalAveragePool", x);
            s = network_unary(&net, "Sigmoid", s);
            int y = ends.values[0] =
                network_binary(&net, "Mul", side ? s : x, side ? x : s);
            y = ends.values[1] =
                network_conv(&net, y, depths[d], CHANNELS, 1, 1, 0, 1);
            y = ends.values[2] = network_binary(&net, "Add", y, in);
            ends.values[3] = network_unary(&net, "Relu", y);
            s_compare(&net, &ends, 3, what);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_activation_is_no_step_of_its_own),
        cmocka_unit_test(a_residual_and_what_follows_it_are_none_either),
        cmocka_unit_test(a_residual_that_ends_gives_the_same_bits),
        cmocka_unit_test(the_later_branch_takes_the_earlier_one),
        cmocka_unit_test(a_scale_of_channels_is_no_step_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
