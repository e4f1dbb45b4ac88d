/* Parts: extracted, measured, written, read. */
#include "common/model/part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/model/cut.h"
#include "common/model/onnx.h"
#include "common/model/patterns.h"
#include "common/model/shape.h"

/* --- extraction --- */

/* One part under construction: copy[v] is the index of the whole graph's value
 * v in the part, or GRAPH_NONE. */
typedef struct extraction {
    const graph_t *whole;
    const value_type_t *types; /* of the whole */
    graph_t *part;
    int index, count;
    int *copy;
    fault_t *fault;
} extraction_t;

/* What a tensor is called behind a part (-1: as the model's input). Its own
 * name is for the part that makes it, but an output of the model has that name
 * at the end; elsewhere the name says who passed it. */
static const char *
s_boundary_name(const extraction_t *self, int value, int part,
                char name[GRAPH_NAME_MAX + 1])
{
    const graph_t *whole = self->whole;
    int producer = whole->values[value].producer;
    int made = producer == GRAPH_NONE ? -1 : whole->nodes[producer].part;
    bool own = made == part;
    for (int i = 0; i < whole->outputs_count; i++)
        if (whole->outputs[i] == value && made >= 0)
            own = false;
    if (own || part == self->count - 1)
        snprintf(name, GRAPH_NAME_MAX + 1, "%s", whole->values[value].name);
    else
        snprintf(name, GRAPH_NAME_MAX + 1, "%.*s.via%d", GRAPH_NAME_MAX - 16,
                 whole->values[value].name, part);
    return name;
}

/* The part's own copy of a value, made when first needed. */
static int
s_copy_value(extraction_t *self, int value)
{
    if (value == GRAPH_NONE || self->copy[value] != GRAPH_NONE)
        return value == GRAPH_NONE ? GRAPH_NONE : self->copy[value];
    const value_t *from = &self->whole->values[value];
    if (from->constant)
        self->copy[value] = graph_add_constant(
            self->part, from->name, from->dtype, &from->shape,
            from->constant->stored, from->constant->blob, self->fault);
    else
        self->copy[value] =
            graph_add_value(self->part, from->name, self->types[value].dtype,
                            NULL, self->fault);
    return self->copy[value];
}

static int
s_add_input(extraction_t *self, int value)
{
    char name[GRAPH_NAME_MAX + 1];
    const value_t *from = &self->whole->values[value];
    shape_t shape = self->types[value].shape;
    /* Whether samples stack shows later, when the part is whole. */
    if (shape.rank > 0 && shape.dims[0] == 1)
        shape.dims[0] = DIM_BATCH;
    if (from->producer == GRAPH_NONE)
        shape = from->shape;
    int added = graph_add_value(
        self->part, s_boundary_name(self, value, self->index - 1, name),
        self->types[value].dtype, &shape, self->fault);
    self->copy[value] = added;
    return added < 0 ? -1 : graph_add_input(self->part, added, self->fault);
}

static int
s_copy_node(extraction_t *self, const node_t *node)
{
    int *inputs =
        mem_new((size_t)node->inputs_count, sizeof *inputs, self->fault);
    int *outputs =
        mem_new((size_t)node->outputs_count, sizeof *outputs, self->fault);
    int added = inputs && outputs ? 0 : -1;
    for (int i = 0; added == 0 && i < node->inputs_count; i++) {
        inputs[i] = s_copy_value(self, node->inputs[i]);
        if (inputs[i] < 0 && node->inputs[i] != GRAPH_NONE)
            added = -1;
    }
    for (int i = 0; added == 0 && i < node->outputs_count; i++) {
        outputs[i] = s_copy_value(self, node->outputs[i]);
        if (outputs[i] < 0 && node->outputs[i] != GRAPH_NONE)
            added = -1;
    }
    if (added == 0)
        added = graph_add_node(self->part, node->op, node->name, inputs,
                               node->inputs_count, outputs, node->outputs_count,
                               self->fault);
    free(inputs);
    free(outputs);
    return added < 0
               ? -1
               : graph_copy_attributes(self->part, added, node, self->fault);
}

/* A tensor that goes in and out again needs a second name, and so does a
 * constant that is an output. */
static int
s_pass(extraction_t *self, int copy, const char *name)
{
    const value_t *value = &self->part->values[copy];
    if (strcmp(value->name, name) == 0) {
        char *fresh = graph_fresh_name(self->part, name, "value", self->fault);
        int renamed =
            fresh ? graph_rename_value(self->part, copy, fresh, self->fault)
                  : -1;
        free(fresh);
        if (renamed != 0)
            return -1;
    }
    int passed = graph_add_value(
        self->part, name, self->part->values[copy].dtype, NULL, self->fault);
    if (passed < 0 || graph_add_node(self->part, "Identity", name, &copy, 1,
                                     &passed, 1, self->fault) < 0)
        return -1;
    return graph_add_output(self->part, passed, self->fault);
}

static int
s_add_output(extraction_t *self, int value)
{
    char name[GRAPH_NAME_MAX + 1];
    int copy = s_copy_value(self, value);
    if (copy < 0)
        return -1;
    s_boundary_name(self, value, self->index, name);
    const value_t *own = &self->part->values[copy];
    bool same = strcmp(own->name, name) == 0;
    /* Where nothing is cut an input that is an output is one tensor. */
    if (own->producer == GRAPH_NONE && (own->constant || !same))
        return s_pass(self, copy, name);
    if (!same && graph_rename_value(self->part, copy, name, self->fault) != 0)
        return -1;
    return graph_add_output(self->part, copy, self->fault);
}

static int
s_extract(extraction_t *self)
{
    const graph_t *whole = self->whole;
    int ends[TENSORS_MAX], count = whole->inputs_count;
    memcpy(ends, whole->inputs, sizeof ends);
    if (self->index > 0)
        count = cut_boundary(whole, self->index - 1, ends, self->fault);
    for (int i = 0; i < count; i++)
        if (s_add_input(self, ends[i]) != 0)
            return -1;
    if (count < 0)
        return -1;
    for (size_t n = 0; n < whole->nodes_count; n++)
        if (whole->nodes[n].part == self->index &&
            s_copy_node(self, &whole->nodes[n]) != 0)
            return -1;
    count = whole->outputs_count;
    memcpy(ends, whole->outputs, sizeof ends);
    if (self->index < self->count - 1)
        count = cut_boundary(whole, self->index, ends, self->fault);
    for (int i = 0; i < count; i++)
        if (s_add_output(self, ends[i]) != 0)
            return -1;
    return count < 0 ? -1 : 0;
}

/* Where samples do not stack, the inputs get the shape of one. */
static int
s_settle_batch(graph_t *part, fault_t *fault)
{
    bool batchable;
    if (shape_batchable(part, &batchable, fault) != 0)
        return -1;
    for (int i = 0; !batchable && i < part->inputs_count; i++) {
        shape_t *shape = &part->values[part->inputs[i]].shape;
        if (shape->rank > 0 && shape->dims[0] == DIM_BATCH)
            shape->dims[0] = 1;
    }
    return 0;
}

graph_t *
part_extract(const graph_t *whole, int index, int count, fault_t *fault)
{
    char name[64];
    snprintf(name, sizeof name, "part %d of %d", index, count);
    extraction_t extraction = {
        .whole = whole, .index = index, .count = count, .fault = fault};
    value_type_t *types = shape_types_new(whole, 1, fault);
    extraction.types = types;
    extraction.part = graph_new(name, fault);
    if (extraction.part)
        extraction.part->direct = whole->direct;
    extraction.copy =
        mem_new(whole->values_count, sizeof *extraction.copy, fault);
    int result = types && extraction.part && extraction.copy ? 0 : -1;
    for (size_t v = 0; result == 0 && v < whole->values_count; v++)
        extraction.copy[v] = GRAPH_NONE;
    if (result != 0 || s_extract(&extraction) != 0 ||
        graph_sort(extraction.part, fault) != 0 ||
        s_settle_batch(extraction.part, fault) != 0)
        graph_destroy(&extraction.part);
    free(types);
    free(extraction.copy);
    return extraction.part;
}

/* --- measures --- */

static uint64_t
s_specs_bytes(const tensor_spec_t *specs, int count)
{
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
    return bytes;
}

static int
s_specs(part_t *self, const graph_t *graph, const value_type_t *types,
        fault_t *fault)
{
    if (shape_specs(graph, types, self->batchable, graph->inputs,
                    graph->inputs_count, self->inputs, fault) != 0 ||
        shape_specs(graph, types, self->batchable, graph->outputs,
                    graph->outputs_count, self->outputs, fault) != 0)
        return -1;
    self->inputs_count = graph->inputs_count;
    self->outputs_count = graph->outputs_count;
    self->in_bytes = s_specs_bytes(self->inputs, self->inputs_count);
    self->out_bytes = s_specs_bytes(self->outputs, self->outputs_count);
    return 0;
}

int
part_init(part_t *self, const graph_t *graph, int index, int count,
          fault_t *fault)
{
    *self = (part_t){.index = index, .count = count};
    if (shape_batchable(graph, &self->batchable, fault) != 0)
        return -1;
    value_type_t *types = shape_types_new(graph, 1, fault);
    if (!types)
        return -1;
    int result = s_specs(self, graph, types, fault);
    for (size_t n = 0; n < graph->nodes_count; n++) {
        node_cost_t cost = shape_cost(graph, types, (int)n);
        self->flop += cost.flop;
        self->activation_bytes += cost.activation_bytes;
    }
    /* Once each, however many nodes read them; shapes and numbers that are no
     * weights are not parameters. */
    for (size_t v = 0; v < graph->values_count; v++) {
        const value_t *value = &graph->values[v];
        if (!value->constant || value->dtype != DTYPE_FLOAT32 ||
            value->shape.rank == 0)
            continue;
        self->parameters += (uint64_t)shape_elements(&value->shape);
        self->weight_bytes += tensor_bytes(value->dtype, &value->shape, 0);
    }
    self->nodes = (int)graph->nodes_count;
    free(types);
    return result;
}

void
part_release(part_t *self)
{
    free(self->path);
    *self = (part_t){0};
}

/* --- files --- */

static char *
s_path(const char *folder, const char *name, fault_t *fault)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return fault_null(fault, FAULT_MEMORY, "out of memory");
    return path;
}

/* From its temporary name to the one of its digest. */
static int
s_publish(part_t *self, const char *temporary, const char *folder,
          fault_t *fault)
{
    char hex[DIGEST_HEX + 1], name[DIGEST_HEX + 8];
    struct stat status;
    snprintf(name, sizeof name, "%s.onnx",
             digest_text(&self->digest, hex, DIGEST_HEX));
    char *path = s_path(folder, name, fault);
    if (!path)
        return -1;
    if (stat(temporary, &status) != 0 || rename(temporary, path) != 0) {
        fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));
        free(path);
        return -1;
    }
    free(self->path);
    self->path = path;
    self->bytes = (uint64_t)status.st_size;
    return 0;
}

int
part_write(part_t *self, const graph_t *graph, const char *model,
           const char *folder, fault_t *fault)
{
    char index[16], count[16], name[48];
    snprintf(index, sizeof index, "%d", self->index);
    snprintf(count, sizeof count, "%d", self->count);
    snprintf(name, sizeof name, ".part-%d-%ld.tmp", self->index,
             (long)getpid());
    const onnx_property_t properties[] = {
        {"convoy.model", model},
        {"convoy.part", index},
        {"convoy.parts", count},
        {"convoy.batchable", self->batchable ? "true" : "false"},
        {ONNX_PROPERTY_WINOGRAD, "false"}, /* the last: only where it is so */
    };
    size_t properties_count = sizeof properties / sizeof properties[0];
    char *temporary = s_path(folder, name, fault);
    if (!temporary)
        return -1;
    int result = onnx_write(graph, temporary, properties,
                            properties_count - (graph->direct ? 0 : 1),
                            &self->digest, fault);
    if (result == 0 && s_publish(self, temporary, folder, fault) != 0) {
        unlink(temporary);
        result = -1;
    }
    free(temporary);
    return result;
}

/* The graph of a model, ready for the engine; takes the model. */
static graph_t *
s_ready(onnx_model_t *model, fault_t *fault)
{
    graph_t *graph = model->graph;
    model->graph = NULL;
    onnx_destroy(&model);
    value_type_t *types = NULL;
    if (graph_sort(graph, fault) != 0 ||
        !(types = shape_types_new(graph, 1, fault)) ||
        patterns_fuse(graph, fault) != 0)
        graph_destroy(&graph);
    free(types);
    return graph;
}

graph_t *
part_load(blob_t *file, fault_t *fault)
{
    onnx_model_t *model = onnx_read(file, fault);
    return model ? s_ready(model, fault) : NULL;
}

graph_t *
part_read(const char *path, fault_t *fault)
{
    onnx_model_t *model = onnx_open(path, fault);
    if (!model)
        return NULL;
    graph_t *graph = s_ready(model, fault);
    if (!graph)
        fault_prefix(fault, "%s", path);
    return graph;
}
