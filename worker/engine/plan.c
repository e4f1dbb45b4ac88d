/* A graph laid out for running. */
#include "worker/engine/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/eval.h"
#include "common/model/shape.h"
#include "worker/engine/arena.h"
#include "worker/engine/fuse.h"
#include "worker/engine/op_conv.h"

/* What follows from shapes alone is a constant of this plan. */
static int
s_keep_known(operand_t *operand, const value_type_t *type, fault_t *fault)
{
    operand->constant = true;
    operand->batched = false;
    operand->data = mem_aligned(operand->bytes, fault);
    if (!operand->data)
        return -1;
    memcpy(operand->data, type->elements, operand->bytes);
    return 0;
}

static int
s_init_operand(operand_t *operand, const graph_t *graph, int value,
               const value_type_t *one, const value_type_t *two, fault_t *fault)
{
    const value_t *source = &graph->values[value];
    *operand = (operand_t){
        .name = source->name,
        .dtype = one->dtype,
        .shape = one->shape,
        .value = value,
        .constant = source->constant != NULL,
    };
    if (one->dtype == DTYPE_NONE) /* nobody makes or reads it */
        return 0;

    int64_t elements = shape_elements(&one->shape);
    operand->bytes = tensor_bytes(one->dtype, &one->shape, 1);
    if (elements < 0 || (operand->bytes == 0 && elements > 0))
        return fault_set(fault, FAULT_INPUT, "tensor '%s' is too large",
                         source->name);
    operand->elements = (size_t)elements;
    operand->batched = two && !shape_equal(&one->shape, &two->shape);
    if (one->known && !source->constant)
        return s_keep_known(operand, one, fault);
    return 0;
}

/* Shapes for one sample and for two tell which tensors grow with the batch. */
static int
s_init_operands(plan_t *self, const graph_t *graph, fault_t *fault)
{
    self->operands_count = graph->values_count;
    self->operands =
        mem_new(graph->values_count, sizeof *self->operands, fault);
    value_type_t *one = shape_types_new(graph, 1, fault);
    value_type_t *two =
        one && self->batchable ? shape_types_new(graph, 2, fault) : NULL;
    int result = self->operands && one && (two || !self->batchable) ? 0 : -1;
    for (size_t i = 0; result == 0 && i < graph->values_count; i++)
        result = s_init_operand(&self->operands[i], graph, (int)i, &one[i],
                                two ? &two[i] : NULL, fault);
    for (size_t i = 0; result == 0 && i < graph->nodes_count; i++)
        self->flop += shape_cost(graph, one, (int)i).flop;
    free(one);
    free(two);
    return result;
}

static operand_t *
s_operand(plan_t *self, int value)
{
    return value == GRAPH_NONE ? NULL : &self->operands[value];
}

/* Point a step at its operands; returns how many places it took. */
static size_t
s_init_step(plan_t *self, step_t *step, const node_t *node, operand_t **places)
{
    step->inputs = places;
    step->inputs_count = node->inputs_count;
    for (int i = 0; i < node->inputs_count; i++)
        step->inputs[i] = s_operand(self, node->inputs[i]);
    int room = node->inputs_count > STEP_INPUTS_MIN ? node->inputs_count
                                                    : STEP_INPUTS_MIN;
    step->outputs = places + room;
    step->outputs_count = node->outputs_count;
    for (int i = 0; i < node->outputs_count; i++) {
        step->outputs[i] = s_operand(self, node->outputs[i]);
        if (step->outputs[i] && step->outputs[i]->batched)
            step->batched = true;
    }
    return (size_t)room + (size_t)node->outputs_count;
}

static int
s_check_dtypes(const build_t *build, const step_t *step, fault_t *fault)
{
    char text[160];
    if (step->inputs_count < 1 || !step->inputs[0] || step->outputs_count < 1 ||
        !step->outputs[0])
        return step_refuse(build, step, fault,
                           "it needs an input and an output");
    if (step->op->flags & OP_ANY_DTYPE)
        return 0;
    for (int i = 0; i < step->inputs_count + step->outputs_count; i++) {
        const operand_t *operand = i < step->inputs_count
                                       ? step->inputs[i]
                                       : step->outputs[i - step->inputs_count];
        if (operand && !operand->constant && operand->dtype != DTYPE_FLOAT32)
            return fault_set(fault, FAULT_UNSUPPORTED,
                             "%s: tensor '%.60s' is %s, only float32 is "
                             "supported",
                             step_text(build, step, text, sizeof text),
                             operand->name, dtype_name(operand->dtype));
    }
    return 0;
}

/* The first row that accepts the node; the fault is that of the last. */
static int
s_choose(const build_t *build, step_t *step, fault_t *fault)
{
    const char *name = step_node(build, step)->op;
    step->op = op_find(name, NULL);
    if (!step->op && !eval_knows(name))
        return step_refuse(build, step, fault, "the operator is not supported");
    for (; step->op; step->op = op_find(name, step->op))
        if (s_check_dtypes(build, step, fault) == 0 &&
            step->op->check(build, step, fault) == 0)
            return 0;
    if (!eval_knows(name))
        return -1;
    step->op = op_eval();
    return step->op->check(build, step, fault);
}

/* Nothing is left to compute where every output is known. */
static bool
s_is_solved(const plan_t *self, const node_t *node)
{
    for (int i = 0; i < node->outputs_count; i++)
        if (node->outputs[i] != GRAPH_NONE &&
            !self->operands[node->outputs[i]].constant)
            return false;
    return true;
}

static int
s_init_steps(plan_t *self, const graph_t *graph, fault_t *fault)
{
    size_t places = 0;
    for (size_t i = 0; i < graph->nodes_count; i++)
        places += (size_t)graph->nodes[i].inputs_count + STEP_INPUTS_MIN +
                  (size_t)graph->nodes[i].outputs_count;
    self->steps = mem_new(graph->nodes_count, sizeof *self->steps, fault);
    self->pointers = mem_new(places, sizeof(operand_t *), fault);
    if (!self->steps || !self->pointers)
        return -1;

    const build_t build = {.graph = graph};
    operand_t **next = self->pointers;
    for (size_t i = 0; i < graph->nodes_count; i++) {
        const node_t *node = &graph->nodes[i];
        if (s_is_solved(self, node))
            continue;
        step_t *step = &self->steps[self->steps_count++];
        step->node = (int)i;
        next += s_init_step(self, step, node, next);
        if (s_choose(&build, step, fault))
            return -1;
    }
    return 0;
}

static void
s_init_ends(plan_t *self, const graph_t *graph)
{
    self->inputs_count = graph->inputs_count;
    for (int i = 0; i < graph->inputs_count; i++)
        self->inputs[i] = &self->operands[graph->inputs[i]];
    self->outputs_count = graph->outputs_count;
    for (int i = 0; i < graph->outputs_count; i++)
        self->outputs[i] = &self->operands[graph->outputs[i]];
}

/* As the file has them, but for Winograd's, which are several times as large.
 */
static void
s_count_constants(plan_t *self, const graph_t *graph)
{
    const build_t build = {.graph = graph};
    for (size_t i = 0; i < self->operands_count; i++)
        if (self->operands[i].constant)
            self->weights_bytes += self->operands[i].elements * sizeof(float);
    for (size_t i = 0; i < self->steps_count; i++) {
        const step_t *step = &self->steps[i];
        size_t bytes = conv_winograd_bytes(&build, step);
        if (bytes > 0)
            self->weights_bytes +=
                bytes - step->inputs[1]->elements * sizeof(float);
    }
}

int
plan_init(plan_t *self, const graph_t *graph, int batch_max, fault_t *fault)
{
    *self = (plan_t){0};
    assert(batch_max >= 1);
    int result = shape_batchable(graph, &self->batchable, fault);
    self->batch_max = self->batchable ? (size_t)batch_max : 1;
    if (result == 0)
        result = s_init_operands(self, graph, fault);
    if (result == 0)
        result = s_init_steps(self, graph, fault);
    if (result == 0) {
        s_init_ends(self, graph);
        s_count_constants(self, graph);
        result = fuse(self, graph, fault);
    }
    if (result == 0)
        result = arena_lay_out(self, graph, fault);
    if (result)
        plan_release(self);
    return result;
}

/* Give every operand its address. What is left of views is views of constants;
 * they come after what they view. */
static void
s_place(plan_t *self)
{
    for (size_t i = 0; i < self->operands_count; i++)
        if (self->offsets[i] != PLAN_NO_PLACE)
            self->operands[i].data = self->arena + self->offsets[i];
    for (size_t i = 0; i < self->steps_count; i++)
        if (self->steps[i].op->flags & OP_VIEW)
            self->steps[i].outputs[0]->data = self->steps[i].inputs[0]->data;
}

int
plan_load(plan_t *self, const graph_t *graph, int threads, fault_t *fault)
{
    const build_t build = {.graph = graph, .threads = threads};
    self->weights_bytes = 0;
    for (size_t i = 0; i < self->steps_count; i++) {
        step_t *step = &self->steps[i];
        /* What an operator runs over may be a constant too. */
        if (operand_load(&build, step->inputs[0], fault) ||
            (step->residual && operand_load(&build, step->residual, fault)) ||
            step->op->prepare(&build, step, fault))
            return -1;
        self->weights_bytes += step->weights_bytes;
        if (step->scratch_floats > self->scratch_floats)
            self->scratch_floats = step->scratch_floats;
    }
    for (int i = 0; i < self->outputs_count; i++)
        if (operand_load(&build, self->outputs[i], fault))
            return -1;
    for (size_t i = 0; i < self->operands_count; i++)
        if (self->operands[i].constant && self->operands[i].data)
            self->weights_bytes += self->operands[i].bytes;

    self->arena = mem_aligned(self->arena_bytes, fault);
    if (!self->arena)
        return -1;
    memset(self->arena, 0, self->arena_bytes);
    s_place(self);
    return 0;
}

void
plan_close_gaps(plan_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->steps_count; i++)
        if (self->steps[i].op)
            self->steps[count++] = self->steps[i];
    self->steps_count = count;
}

void
plan_release(plan_t *self)
{
    for (size_t i = 0; i < self->steps_count; i++) {
        graph_destroy(&self->steps[i].kept);
        free(self->steps[i].state);
        free(self->steps[i].weights);
        free(self->steps[i].bias);
    }
    for (size_t i = 0; self->operands && i < self->operands_count; i++)
        if (self->operands[i].constant)
            free(self->operands[i].data);
    free(self->operands);
    free(self->steps);
    free(self->pointers);
    free(self->offsets);
    free(self->arena);
    *self = (plan_t){0};
}
