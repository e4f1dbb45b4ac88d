/* Layer lists: the walk over the list. */
#include "common/model/layers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/layers_ops.h"
#include "common/nearest.h"

/* --- the list --- */

/* Its name, or one that says where it stands. */
static int
s_call(layering_t *self, size_t place)
{
    const setting_t *given = setting_find(self->setting, "name");
    const char *name = NULL;
    if (given && setting_get_text(given, &name, self->fault) != 0)
        return -1;
    if (!name && self->prefix &&
        graph_find(self->graph, self->prefix) == GRAPH_NONE)
        name = self->prefix;
    int wrote;
    if (name)
        wrote = snprintf(self->name, sizeof self->name, "%s", name);
    else
        wrote = snprintf(self->name, sizeof self->name, "%s_%zu", self->row->op,
                         place);
    if (wrote < 1 || wrote > TENSOR_NAME_MAX)
        return layering_wrong(self, "its name should have 1 to %d bytes",
                              TENSOR_NAME_MAX);
    for (char *c = self->name; !name && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return 0;
}

static int
s_input(layering_t *self, const setting_t *given)
{
    const char *name;
    if (setting_get_text(given, &name, self->fault) != 0)
        return -1;
    int value = graph_find(self->graph, name);
    if (value == GRAPH_NONE || self->graph->values[value].constant)
        return setting_fault(given, self->fault,
                             "no layer before this one is called '%.60s'",
                             name);
    if (self->inputs_count == LAYER_INPUTS_MAX)
        return setting_fault(given, self->fault, "more than %d inputs",
                             LAYER_INPUTS_MAX);
    self->inputs[self->inputs_count++] = value;
    return 0;
}

static int
s_inputs(layering_t *self, int previous)
{
    bool joins = self->row->kind == LAYER_JOINS;
    const setting_t *given = setting_find(self->setting, "inputs");
    self->inputs_count = 0;
    if (!given) {
        self->inputs[self->inputs_count++] = previous;
    } else if (setting_kind(given) != SETTING_LIST) {
        if (s_input(self, given) != 0)
            return -1;
    } else {
        for (size_t i = 0; i < setting_count(given); i++)
            if (s_input(self, setting_at(given, i)) != 0)
                return -1;
    }
    if (joins && self->inputs_count < 2)
        return layering_wrong(self, "%s needs inputs = [\"...\", \"...\"]",
                              self->row->op);
    if (!joins && self->inputs_count != 1)
        return layering_wrong(self, "%s has one input, not %d", self->row->op,
                              self->inputs_count);
    return 0;
}

static int
s_check_rank(layering_t *self)
{
    static const char *const layouts[] = {
        [3] = "[N, channels, length]", [4] = "[N, channels, height, width]"};
    char text[128];
    const shape_t *x = layering_shape(self);
    if (self->row->rank == 0 || self->row->rank == x->rank)
        return 0;
    return layering_unfit(self, "%s wants %s, its input is %s", self->row->op,
                          layouts[self->row->rank],
                          shape_text(x, text, sizeof text));
}

static int
s_check_arguments(layering_t *self)
{
    const char *names[4 + LAYER_ARGUMENTS_MAX] = {"op", "name", "inputs"};
    const char *const *arguments = self->row->arguments;
    size_t count = 3;
    if (self->row->kind == LAYER_WEIGHTED || self->row->kind == LAYER_MAYBE)
        names[count++] = "weights";
    for (size_t i = 0; i < LAYER_ARGUMENTS_MAX && arguments[i]; i++)
        names[count++] = arguments[i];
    return setting_only(self->setting, names, count, self->fault);
}

static int
s_prefix(layering_t *self)
{
    const setting_t *given = setting_find(self->setting, "weights");
    self->prefix = NULL;
    if (!given && self->row->kind != LAYER_WEIGHTED)
        return 0;
    if (!given)
        return layering_wrong(self, "%s needs weights = \"...\"",
                              self->row->op);
    if (!self->weights)
        return layering_wrong(self,
                              "%s has weights, but model.weights names "
                              "no file",
                              self->row->op);
    return setting_get_text(given, &self->prefix, self->fault);
}

static const layer_row_t *
s_row(layering_t *self, const setting_t *op)
{
    const char *text;
    nearest_t nearest = {0};
    if (setting_get_text(op, &text, self->fault) != 0)
        return NULL;
    for (size_t i = 0; i < layer_rows_count; i++) {
        if (strcmp(layer_rows[i].op, text) == 0)
            return &layer_rows[i];
        nearest_offer(&nearest, text, layer_rows[i].op);
    }
    const char *known = nearest_answer(&nearest);
    setting_fault(op, self->fault, "there is no layer %.40s%s%s%s", text,
                  known ? "; did you mean " : "", known ? known : "",
                  known ? "?" : "");
    return NULL;
}

/* One layer: the index of its output, or -1. */
static int
s_layer(layering_t *self, const setting_t *setting, size_t place, int previous)
{
    self->setting = setting;
    const setting_t *op = setting_kind(setting) == SETTING_GROUP
                              ? setting_find(setting, "op")
                              : NULL;
    if (!op)
        return layering_wrong(self, "a layer is a group with an op, as in "
                                    "{ op = \"ReLU\"; }");
    if (place >= LAYERS_MAX)
        return layering_wrong(self, "more than %d layers", LAYERS_MAX);
    self->row = s_row(self, op);
    if (!self->row || s_check_arguments(self) != 0 || s_prefix(self) != 0 ||
        s_call(self, place) != 0 || s_inputs(self, previous) != 0 ||
        s_check_rank(self) != 0)
        return -1;
    return self->row->emit(self);
}

/* A list of groups is flat, a list of lists has parts; nothing else. */
static int
s_kind(const setting_t *list, int *parts, fault_t *fault)
{
    *parts = 0;
    if (setting_kind(list) != SETTING_LIST || setting_count(list) == 0)
        return setting_fault(list, fault, "this should be a list of layers");
    size_t lists = 0;
    for (size_t i = 0; i < setting_count(list); i++) {
        const setting_t *item = setting_at(list, i);
        if (setting_kind(item) != SETTING_LIST)
            continue;
        lists++;
        if (setting_count(item) == 0)
            return setting_fault(item, fault, "this part has no layers");
    }
    if (lists != 0 && lists != setting_count(list))
        return setting_fault(list, fault,
                             "layers and lists of layers do not "
                             "mix: a list a part, or one flat "
                             "list");
    *parts = (int)lists;
    return 0;
}

static int
s_walk(layering_t *self, const setting_t *list, int parts, int previous)
{
    size_t place = 0;
    for (size_t i = 0; i < setting_count(list); i++) {
        const setting_t *item = setting_at(list, i);
        size_t count = parts ? setting_count(item) : 1;
        self->part = parts ? (int)i : 0;
        for (size_t j = 0; j < count; j++) {
            previous = s_layer(self, parts ? setting_at(item, j) : item,
                               place++, previous);
            if (previous < 0)
                return -1;
        }
    }
    return graph_add_output(self->graph, previous, self->fault);
}

static int
s_add_input(layering_t *self)
{
    const shape_t *sample = &self->options->input;
    shape_t shape = {.rank = sample->rank + 1, .dims = {DIM_BATCH}};
    if (sample->rank < 1 || shape.rank > TENSOR_RANK_MAX)
        return fault_set(self->fault, FAULT_CONFIG,
                         "the shape of the model's input is not given: "
                         "model.image or model.input");
    for (int i = 0; i < sample->rank; i++)
        shape.dims[i + 1] = sample->dims[i];
    int value = graph_add_value(self->graph, LAYERS_INPUT, DTYPE_FLOAT32,
                                &shape, self->fault);
    shape.dims[0] = 1;
    if (layering_type(self, value, DTYPE_FLOAT32, &shape) < 0 ||
        graph_add_input(self->graph, value, self->fault) != 0)
        return -1;
    return value;
}

static int
s_check_unused(const layering_t *self)
{
    char text[128];
    size_t index = 0, more = 0;
    if (!self->weights || self->options->ignore_unused)
        return 0;
    const weight_t *first = weights_unused(self->weights, &index);
    if (!first)
        return 0;
    while (weights_unused(self->weights, &index))
        more++;
    return fault_set(self->fault, FAULT_INPUT,
                     "%s: no layer uses the weight '%.60s' %s (and %zu more); "
                     "ignore_unused = true leaves them out",
                     self->options->weights, first->name,
                     shape_text(&first->shape, text, sizeof text), more);
}

graph_t *
layers_read(const setting_t *list, weights_t *weights,
            const layers_options_t *options, int *parts, fault_t *fault)
{
    if (s_kind(list, parts, fault) != 0)
        return NULL;
    layering_t layering = {
        .weights = weights, .options = options, .fault = fault};
    layering.graph = graph_new(options->name, fault);
    int input = layering.graph ? s_add_input(&layering) : -1;
    if (input < 0 || s_walk(&layering, list, *parts, input) != 0 ||
        s_check_unused(&layering) != 0 ||
        graph_sort(layering.graph, fault) != 0)
        graph_destroy(&layering.graph);
    free(layering.types);
    return layering.graph;
}
