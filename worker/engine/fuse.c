/* Steps that finish another step's output become part of it, and so does one
 * that scales the channels of its input. */
#include "worker/engine/fuse.h"

#include <stdlib.h>

#include "common/mem.h"
#include "worker/engine/op_conv.h"
#include "worker/engine/op_rows.h"
#include "worker/engine/op_unary.h"
#include "worker/kernel/binary.h"

enum { NOWHERE = -1 };

/* Of one operand. */
typedef struct use {
    int readers; /* steps and graph outputs, twice if they read it twice */
    int reader;  /* the last of the steps */
    int maker;   /* step, or NOWHERE */
} use_t;

typedef struct fusing {
    plan_t *plan;
    const build_t *build;
    use_t *uses;
} fusing_t;

static use_t *
s_use(const fusing_t *self, const operand_t *operand)
{
    return &self->uses[operand - self->plan->operands];
}

static void
s_find_uses(fusing_t *self)
{
    plan_t *plan = self->plan;
    for (size_t i = 0; i < plan->operands_count; i++)
        self->uses[i] = (use_t){0, NOWHERE, NOWHERE};
    for (size_t s = 0; s < plan->steps_count; s++) {
        const step_t *step = &plan->steps[s];
        for (int i = 0; i < step->inputs_count; i++)
            if (step->inputs[i]) {
                use_t *use = s_use(self, step->inputs[i]);
                use->readers++;
                use->reader = (int)s;
            }
        for (int i = 0; i < step->outputs_count; i++)
            if (step->outputs[i])
                s_use(self, step->outputs[i])->maker = (int)s;
    }
    for (int i = 0; i < plan->outputs_count; i++)
        s_use(self, plan->outputs[i])->readers++;
}

/* `step` takes over what `reader` made. */
static void
s_absorb(fusing_t *self, step_t *step, step_t *reader)
{
    step->outputs[0] = reader->outputs[0];
    s_use(self, step->outputs[0])->maker = (int)(step - self->plan->steps);
    reader->op = NULL;
}

static int
s_take_activation(fusing_t *self, step_t *step, step_t *reader, bool *taken,
                  fault_t *fault)
{
    activation_t activation;
    if (op_unary_activation(self->build, reader, &activation, fault))
        return -1;
    if (activation.kind == ACTIVATION_NONE ||
        step->activation.kind != ACTIVATION_NONE)
        return 0;
    step->activation = activation;
    s_absorb(self, step, reader);
    *taken = true;
    return 0;
}

/* A constant that is added to each row of a MatMul; a Gemm would scale it. */
static bool
s_is_bias(const fusing_t *self, const step_t *step, const operand_t *other)
{
    const shape_t *out = &step->outputs[0]->shape;
    const shape_t *bias = &other->shape;
    return step->op->run == op_rows_matmul[0].run && step->inputs_count == 2 &&
           node_float(step_node(self->build, step), "beta", 1.0f) == 1.0f &&
           !step->residual && other->constant && bias->rank >= 1 &&
           bias->rank <= out->rank &&
           other->elements == (size_t)out->dims[out->rank - 1] &&
           bias->dims[bias->rank - 1] == out->dims[out->rank - 1];
}

/* A tensor like the output that exists before the step runs. */
static bool
s_is_residual(const fusing_t *self, const step_t *step, const operand_t *other)
{
    const operand_t *out = step->outputs[0];
    return step->op->flags & OP_SUMS && !step->residual && !other->constant &&
           other != out && other->dtype == DTYPE_FLOAT32 &&
           other->batched == out->batched &&
           shape_equal(&other->shape, &out->shape) &&
           s_use(self, other)->maker < (int)(step - self->plan->steps);
}

static bool
s_take_sum(fusing_t *self, step_t *step, step_t *reader)
{
    if (reader->op->run != op_rows_binary[0].run ||
        reader->op->detail != BINARY_ADD ||
        step->activation.kind != ACTIVATION_NONE)
        return false;
    operand_t *out = step->outputs[0];
    operand_t *other =
        reader->inputs[0] == out ? reader->inputs[1] : reader->inputs[0];
    if (s_is_bias(self, step, other)) {
        step->inputs[2] = other;
        step->inputs_count = 3;
    } else if (s_is_residual(self, step, other)) {
        step->residual = other;
    } else {
        return false;
    }
    s_absorb(self, step, reader);
    return true;
}

/* Absorb the reader of a step's output as long as it is the only one. */
static int
s_extend(fusing_t *self, step_t *step, fault_t *fault)
{
    bool taken = true;
    while (taken) {
        taken = false;
        const use_t *use = s_use(self, step->outputs[0]);
        if (use->readers != 1 || use->reader == NOWHERE)
            return 0;
        step_t *reader = &self->plan->steps[use->reader];
        if (s_take_sum(self, step, reader))
            taken = true;
        else if (s_take_activation(self, step, reader, &taken, fault))
            return -1;
    }
    return 0;
}

/* A factor for each channel of each image. */
static bool
s_is_scale(const operand_t *scale, const operand_t *x)
{
    const shape_t *a = &scale->shape, *b = &x->shape;
    return a->rank == b->rank && a->dims[0] == b->dims[0] &&
           a->dims[1] == b->dims[1] &&
           scale->elements == (size_t)(a->dims[0] * a->dims[1]) &&
           !scale->constant;
}

/* The Mul of squeeze-and-excite becomes part of the Conv that reads it. */
static void
s_take_scale(fusing_t *self, step_t *step)
{
    if (!conv_direct_scales(self->build, step))
        return;
    operand_t *product = step->inputs[0];
    const use_t *use = s_use(self, product);
    if (use->maker == NOWHERE || use->readers != 1)
        return;
    step_t *maker = &self->plan->steps[use->maker];
    if (!maker->op || maker->op->run != op_rows_binary[0].run ||
        maker->op->detail != BINARY_MUL ||
        maker->activation.kind != ACTIVATION_NONE)
        return;
    for (int i = 0; i < 2; i++) {
        operand_t *x = maker->inputs[i], *scale = maker->inputs[1 - i];
        if (x->constant || x->batched != product->batched ||
            !shape_equal(&x->shape, &product->shape) || !s_is_scale(scale, x))
            continue;
        step->inputs[0] = x;
        step->scale = scale;
        maker->op = NULL;
        return;
    }
}

int
fuse(plan_t *plan, const graph_t *graph, fault_t *fault)
{
    const build_t build = {.graph = graph};
    fusing_t self = {.plan = plan, .build = &build};
    self.uses = mem_new(plan->operands_count, sizeof *self.uses, fault);
    if (!self.uses)
        return -1;
    s_find_uses(&self);
    int result = 0;
    for (size_t i = 0; result == 0 && i < plan->steps_count; i++) {
        step_t *step = &plan->steps[i];
        if (step->op && step->op->flags & OP_ACTIVATES)
            result = s_extend(&self, step, fault);
        if (result == 0 && step->op)
            s_take_scale(&self, step);
    }
    free(self.uses);
    plan_close_gaps(plan);
    return result;
}
