/* Convolution, its transpose and pooling: the engine's kernels against the
 * plain loops of eval, over random windows. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/eval.h"
#include "common/model/shape.h"
#include "tests/support/networks.h"
#include "worker/engine/session.h"

enum { ROUNDS = 120, AXES_MAX = 3 };

/* One node over one image, under test. */
typedef struct trial {
    network_t network;
    int node;
    int x;
    const char *op;
    int axes;
} trial_t;

static void
s_ints(trial_t *self, const char *name, const int64_t *values, int count)
{
    fault_t fault = {0};
    assert_ok(graph_set_ints(self->network.graph, self->node, name, values,
                             (size_t)count, &fault),
              &fault);
}

static void
s_int(trial_t *self, const char *name, int64_t value)
{
    fault_t fault = {0};
    assert_ok(
        graph_set_int(self->network.graph, self->node, name, value, &fault),
        &fault);
}

static void
s_text(trial_t *self, const char *name, const char *value)
{
    fault_t fault = {0};
    assert_ok(
        graph_set_text(self->network.graph, self->node, name, value, &fault),
        &fault);
}

static bool
s_is(const trial_t *self, const char *op)
{
    return strcmp(self->op, op) == 0;
}

/* A list of random numbers from low to high, an axis each, or one and a second
 * time. */
static void
s_random_ints(trial_t *self, const char *name, int count, int low, int high)
{
    int64_t values[2 * AXES_MAX];
    for (int i = 0; i < count; i++)
        values[i] = naive_int(&self->network.random, low, high);
    s_ints(self, name, values, count);
}

/* A window that fits any input of at least 9: kernels to 3, holes to 2. */
static void
s_random_window(trial_t *self, const int64_t *kernel)
{
    static const char *const pads[] = {"NOTSET", "VALID", "SAME_UPPER",
                                       "SAME_LOWER"};
    naive_random_t *random = &self->network.random;
    int axes = self->axes;
    bool pool = s_is(self, "MaxPool") || s_is(self, "AveragePool");
    const char *pad = pads[naive_int(random, 0, 3)];
    s_random_ints(self, "strides", axes, 1, 3);
    s_random_ints(self, "dilations", axes, 1, 2);
    s_text(self, "auto_pad", pad);
    if (strcmp(pad, "NOTSET") == 0) {
        int64_t list[2 * AXES_MAX];
        for (int i = 0; i < 2 * axes; i++)
            list[i] = naive_int(random, 0, (int)kernel[i % axes] - 1);
        s_ints(self, "pads", list, 2 * axes);
    }
    if (pool)
        s_ints(self, "kernel_shape", kernel, axes);
    if (pool && naive_int(random, 0, 1))
        s_int(self, "ceil_mode", 1);
    if (s_is(self, "AveragePool"))
        s_int(self, "count_include_pad", naive_int(random, 0, 1));
    if (s_is(self, "ConvTranspose") && strcmp(pad, "NOTSET") == 0 &&
        naive_int(random, 0, 1))
        s_random_ints(self, "output_padding", axes, 0, 1);
}

static void
s_begin(trial_t *self, const char *op, int axes, uint64_t seed)
{
    network_t *network = &self->network;
    self->op = op;
    self->axes = axes;
    network_init(network, seed);
    naive_random_t *random = &network->random;
    int64_t groups = naive_int(random, 1, 3);
    int64_t in = groups * naive_int(random, 1, 3);
    int64_t out = groups * naive_int(random, 1, 4);
    int64_t dims[5] = {naive_int(random, 1, 2), in};
    int64_t kernel[AXES_MAX];
    for (int i = 0; i < axes; i++) {
        dims[2 + i] = naive_int(random, 9, 13);
        kernel[i] = naive_int(random, 1, 3);
    }
    int inputs[3] = {network_input(network, "x", 2 + axes, dims), GRAPH_NONE,
                     GRAPH_NONE};
    self->x = inputs[0];
    int count = 1;
    bool transposed = s_is(self, "ConvTranspose");
    if (transposed || s_is(self, "Conv")) {
        int64_t shape[5] = {transposed ? in : out,
                            transposed ? out / groups : in / groups};
        for (int i = 0; i < axes; i++)
            shape[2 + i] = kernel[i];
        inputs[count++] = network_weights(network, 2 + axes, shape, 1);
        if (naive_int(random, 0, 1))
            inputs[count++] = network_weights(network, 1, &out, 1);
    }
    int y = network_node(network, op, count, inputs, &self->node);
    if (count > 1)
        s_int(self, "group", groups);
    s_random_window(self, kernel);
    network_output(network, y);
}

/* What the plain loops make of x. */
static float *
s_expected(const trial_t *self, const value_type_t *types, const float *x)
{
    const graph_t *graph = self->network.graph;
    const node_t *node = &graph->nodes[self->node];
    fault_t fault = {0};
    array_t arrays[4];
    const array_t *inputs[3] = {0};
    for (int i = 0; i < node->inputs_count; i++) {
        const value_type_t *type = &types[node->inputs[i]];
        size_t elements = (size_t)shape_elements(&type->shape);
        float *data = malloc(elements * sizeof *data);
        if (i == 0)
            memcpy(data, x, elements * sizeof *data);
        else
            assert_ok(graph_read_constant(graph, node->inputs[i], DTYPE_FLOAT32,
                                          data, &fault),
                      &fault);
        arrays[i] = (array_t){DTYPE_FLOAT32, type->shape, data};
        inputs[i] = &arrays[i];
    }
    const value_type_t *made = &types[node->outputs[0]];
    size_t elements = (size_t)shape_elements(&made->shape);
    arrays[3] =
        (array_t){DTYPE_FLOAT32, made->shape, malloc(elements * sizeof(float))};
    array_t *outputs[] = {&arrays[3]};
    assert_ok(eval_run(node, inputs, outputs, &fault), &fault);
    for (int i = 0; i < node->inputs_count; i++)
        free(arrays[i].data);
    return arrays[3].data;
}

static void
s_check(const trial_t *self, uint64_t seed)
{
    fault_t fault = {0};
    const session_options_t options = {2, 1};
    value_type_t *types = shape_types_new(self->network.graph, 1, &fault);
    session_t *session =
        types ? session_new(self->network.graph, &options, &fault) : NULL;
    if (!session)
        fail_msg("seed %d: %s", (int)seed, fault.text);
    size_t in, out;
    float *x = session_input_row(session, 0, 0, &in);
    naive_random_t random = {seed};
    for (size_t i = 0; i < in / sizeof *x; i++)
        x[i] = naive_float(&random);
    float *expected = s_expected(self, types, x);
    assert_ok(session_run(session, 1, &fault), &fault);
    const float *y = session_output_row(session, 0, 0, &out);
    double error = naive_error(y, expected, out / sizeof *y);
    if (error > 2e-6)
        fail_msg("seed %d: %s over %d axes: relative error %g", (int)seed,
                 self->op, self->axes, error);
    free(expected);
    free(types);
    session_destroy(&session);
}

static void
s_try(const char *op)
{
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        trial_t trial;
        s_begin(&trial, op, 1 + (int)(seed % AXES_MAX), seed);
        s_check(&trial, seed);
        network_release(&trial.network);
    }
}

static void
convolutions_agree_with_their_definition(void **state)
{
    (void)state;
    s_try("Conv");
}

static void
transposed_convolutions_agree_with_their_definition(void **state)
{
    (void)state;
    s_try("ConvTranspose");
}

static void
pools_agree_with_their_definition(void **state)
{
    (void)state;
    s_try("MaxPool");
    s_try("AveragePool");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_agree_with_their_definition),
        cmocka_unit_test(transposed_convolutions_agree_with_their_definition),
        cmocka_unit_test(pools_agree_with_their_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
