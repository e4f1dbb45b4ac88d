/* Folding constants and the arithmetic of shapes. */
#include "common/model/simplify_fold.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/eval.h"
#include "common/model/shape.h"

/* A shape is told for one sample and for two odd batches, as far as the model
 * takes them: one that was exported for a fixed batch does not. */
enum { BATCHES = 3, BATCH_FEW = 3, BATCH_MANY = 7 };

enum {
    ARRAYS_MAX = 64,            /* inputs, and outputs, of a node that folds */
    GROWTH_BYTES = 1 << 20,     /* a constant may grow to, ... */
    GROWTH_FACTOR = 2,          /* or by */
    FOLDED_BYTES_MAX = 1 << 28, /* of all inputs, and outputs, of a node */
    BUDGET_BYTES = 1 << 26,     /* for all new constants together, and ... */
    BUDGET_FACTOR = 2           /* as often what constants the graph has */
};

static const double FOLDED_FLOP_MAX = 1e8;

typedef struct folding {
    graph_t *graph;
    value_type_t *types[BATCHES]; /* NULL: not valid for that batch */
    size_t budget_bytes;          /* that constants may still take */
    fault_t *fault;
} folding_t;

static bool
s_has_batch(const graph_t *graph)
{
    for (int i = 0; i < graph->inputs_count; i++) {
        const shape_t *shape = &graph->values[graph->inputs[i]].shape;
        if (shape->rank > 0 && shape->dims[0] == DIM_BATCH)
            return true;
    }
    return false;
}

static int
s_infer(folding_t *self)
{
    fault_t ignored;
    self->types[0] = shape_types_new(self->graph, 1, self->fault);
    if (!self->types[0])
        return -1;
    if (!s_has_batch(self->graph))
        return 0;
    self->types[1] = shape_types_new(self->graph, BATCH_FEW, &ignored);
    if (self->types[1])
        self->types[2] = shape_types_new(self->graph, BATCH_MANY, &ignored);
    return 0;
}

static bool
s_is_output(const graph_t *graph, int value)
{
    for (int i = 0; i < graph->outputs_count; i++)
        if (graph->outputs[i] == value)
            return true;
    return false;
}

/* --- constants in place of nodes --- */

/* Let a value that a node makes be this constant; the memory is taken over. */
static int
s_become_constant(folding_t *self, int index, void *memory)
{
    const value_type_t *type = &self->types[0][index];
    size_t bytes = tensor_bytes(type->dtype, &type->shape, 0);
    blob_t *blob = blob_take(memory, bytes, self->fault);
    constant_t *constant = mem_new(1, sizeof *constant, self->fault);
    if (!blob || !constant) {
        blob_release(&blob);
        free(constant);
        return -1;
    }
    *constant = (constant_t){.stored = type->dtype, .blob = blob};
    value_t *value = &self->graph->values[index];
    value->dtype = type->dtype;
    value->shape = type->shape;
    value->shaped = true;
    value->producer = GRAPH_NONE;
    value->constant = constant;
    return 0;
}

/* Whether every batch knows the same elements. */
static bool
s_is_same(const folding_t *self, int value)
{
    const value_type_t *first = &self->types[0][value];
    size_t bytes = tensor_bytes(first->dtype, &first->shape, 0);
    for (int b = 0; b < BATCHES; b++) {
        const value_type_t *type =
            self->types[b] ? &self->types[b][value] : first;
        if (!type->known || !shape_equal(&type->shape, &first->shape) ||
            memcmp(type->elements, first->elements, bytes) != 0)
            return false;
    }
    return true;
}

/* Whether all outputs of a node may become constants of their own. */
static bool
s_may_go(const folding_t *self, const node_t *node)
{
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE &&
            s_is_output(self->graph, node->outputs[i]))
            return false;
    return true;
}

static int
s_fold_known(folding_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE &&
            !s_is_same(self, node->outputs[i]))
            return 0;
    if (!s_may_go(self, node))
        return 0;
    graph_remove_node(self->graph, index);
    for (int i = 0; i < node->outputs_count; i++) {
        if (node->outputs[i] == GRAPH_NONE)
            continue;
        const value_type_t *type = &self->types[0][node->outputs[i]];
        void *copy =
            mem_text((const char *)type->elements,
                     tensor_bytes(type->dtype, &type->shape, 0), self->fault);
        if (!copy || s_become_constant(self, node->outputs[i], copy) != 0)
            return -1;
    }
    return 0;
}

/* --- nodes over constants --- */

/* A small file may ask for many large constants: together they stay within
 * what the file is worth. */
static void
s_init_budget(folding_t *self)
{
    self->budget_bytes = BUDGET_BYTES;
    for (size_t v = 0; v < self->graph->values_count; v++) {
        const value_t *value = &self->graph->values[v];
        if (value->constant)
            self->budget_bytes +=
                BUDGET_FACTOR * (size_t)blob_bytes(value->constant->blob);
    }
}

static size_t
s_bytes(const folding_t *self, int value)
{
    if (value == GRAPH_NONE)
        return 0;
    const value_type_t *type = &self->types[0][value];
    return tensor_bytes(type->dtype, &type->shape, 0);
}

static bool
s_is_constant(const folding_t *self, int index)
{
    const node_t *node = &self->graph->nodes[index];
    size_t in = 0, out = 0;
    if (!eval_knows(node->op) || node->inputs_count > ARRAYS_MAX ||
        node->outputs_count > ARRAYS_MAX || !s_may_go(self, node))
        return false;
    for (int i = 0; i < node->inputs_count; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        if (!self->graph->values[node->inputs[i]].constant)
            return false;
        in += s_bytes(self, node->inputs[i]);
    }
    for (int i = 0; i < node->outputs_count; i++)
        out += s_bytes(self, node->outputs[i]);
    return node->inputs_count > 0 && in <= FOLDED_BYTES_MAX &&
           out <= FOLDED_BYTES_MAX && out <= self->budget_bytes &&
           (out <= GROWTH_BYTES || out <= GROWTH_FACTOR * in) &&
           shape_cost(self->graph, self->types[0], index).flop <=
               FOLDED_FLOP_MAX;
}

/* Memory for a tensor; of constants with their elements. */
static int
s_load(const folding_t *self, int value, array_t *array)
{
    const value_type_t *type = &self->types[0][value];
    *array = (array_t){.dtype = type->dtype, .shape = type->shape};
    array->data = mem_new(1, s_bytes(self, value), self->fault);
    if (!array->data)
        return -1;
    if (!self->graph->values[value].constant)
        return 0;
    return graph_read_constant(self->graph, value, type->dtype, array->data,
                               self->fault);
}

static int
s_compute(folding_t *self, int index, array_t *arrays)
{
    const node_t *node = &self->graph->nodes[index];
    const array_t *inputs[ARRAYS_MAX] = {0};
    array_t *outputs[ARRAYS_MAX] = {0};
    array_t *next = arrays;
    for (int i = 0; i < node->inputs_count; i++)
        if (node->inputs[i] != GRAPH_NONE) {
            inputs[i] = next;
            if (s_load(self, node->inputs[i], next++) != 0)
                return -1;
        }
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE) {
            outputs[i] = next;
            if (s_load(self, node->outputs[i], next++) != 0)
                return -1;
        }
    if (eval_run(node, inputs, outputs, self->fault) != 0)
        return -1;
    graph_remove_node(self->graph, index);
    for (int i = 0; i < node->outputs_count; i++) {
        if (!outputs[i])
            continue;
        void *memory = outputs[i]->data;
        outputs[i]->data = NULL;
        self->budget_bytes -= s_bytes(self, node->outputs[i]);
        if (s_become_constant(self, node->outputs[i], memory) != 0)
            return -1;
    }
    return 0;
}

static int
s_fold_constants(folding_t *self, int index)
{
    array_t arrays[2 * ARRAYS_MAX] = {0};
    if (!s_is_constant(self, index))
        return 0;
    int result = s_compute(self, index, arrays);
    for (int i = 0; i < 2 * ARRAYS_MAX; i++)
        free(arrays[i].data);
    return result;
}

int
simplify_fold(graph_t *graph, fault_t *fault)
{
    folding_t self = {.graph = graph, .fault = fault};
    size_t count = graph->nodes_count;
    int result = s_infer(&self);
    s_init_budget(&self);
    for (size_t n = 0; result == 0 && n < count; n++) {
        if (!graph->nodes[n].removed)
            result = s_fold_known(&self, (int)n);
        if (result == 0 && !graph->nodes[n].removed)
            result = s_fold_constants(&self, (int)n);
    }
    for (int b = 0; b < BATCHES; b++)
        free(self.types[b]);
    return result;
}
