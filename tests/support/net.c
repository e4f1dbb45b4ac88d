/* Small networks for tests. */
#include "tests/support/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/tests.h"

static float
s_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

static void
s_add(net_t *self, const char *name, const shape_t *shape, uint64_t *state)
{
    size_t count = (size_t)shape_elements(shape);
    float *items = malloc(count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = s_number(state);
        if (strstr(name, "running_var"))
            items[i] = items[i] / 2 + 1;
    }
    blob_t *blob = blob_take(items, count * sizeof *items, &self->fault);
    assert_non_null(blob);
    assert_ok(weights_add(self->weights, name, strlen(name), DTYPE_FLOAT32,
                          shape, blob, &self->fault),
              &self->fault);
    blob_release(&blob);
}

static void
s_add_all(net_t *self, const char *text)
{
    uint64_t state = 1;
    char *copy = strdup(text), *rest = copy, *line;
    while ((line = strsep(&rest, ";")) != NULL) {
        char name[128];
        shape_t shape = {0};
        int used;
        if (sscanf(line, " %127s%n", name, &used) != 1)
            continue;
        long long dim;
        for (int more; sscanf(line + used, " %lld%n", &dim, &more) == 1;
             used += more)
            shape.dims[shape.rank++] = dim;
        s_add(self, name, &shape, &state);
    }
    free(copy);
}

void
net_init(net_t *self, const char *layers, const char *weights,
         const shape_t *input)
{
    *self = (net_t){0};
    char *text;
    assert_true(asprintf(&text, "model: { layers = %s; };", layers) > 0);
    self->settings =
        settings_parse(text, strlen(text), "net.cfg", &self->fault);
    free(text);
    if (!self->settings)
        fail_msg("%s", self->fault.text);
    if (weights) {
        self->weights = weights_new(NULL, NULL, &self->fault);
        s_add_all(self, weights);
        assert_ok(weights_seal(self->weights, &self->fault), &self->fault);
    }
    const layers_options_t options = {
        .name = "net", .weights = "net.pth", .input = *input};
    const setting_t *model =
        setting_find(settings_root(self->settings), "model");
    self->graph = layers_read(setting_find(model, "layers"), self->weights,
                              &options, &self->parts, &self->fault);
}

void
net_release(net_t *self)
{
    graph_destroy(&self->graph);
    weights_destroy(&self->weights);
    settings_destroy(&self->settings);
}

float *
net_floats(const graph_t *graph, const char *name)
{
    fault_t fault;
    int value = graph_find(graph, name);
    assert_true(value >= 0);
    size_t count = (size_t)shape_elements(&graph->values[value].shape);
    float *items = malloc(count * sizeof *items);
    assert_ok(graph_read_constant(graph, value, DTYPE_FLOAT32, items, &fault),
              &fault);
    return items;
}
