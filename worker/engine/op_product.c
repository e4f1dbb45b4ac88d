/* Gemm and MatMul where both matrices are computed: attention and the like.
 *
 * Stacks of matrices are multiplied one by one, the second of each pair packed
 * into a thread's scratch.
 */
#include "common/mem.h"
#include "worker/engine/level.h"
#include "worker/engine/op_rows.h"
#include "worker/kernel/linear.h"

enum { IS_MATMUL, IS_GEMM, STACK_MAX = TENSOR_RANK_MAX };

/* One of the two: where its element (row or column i, depth k) lies, and how
 * far to the next matrix along each axis of the stack. */
typedef struct side {
    size_t item_stride, depth_stride;
    size_t stack_strides[STACK_MAX];
} side_t;

typedef struct product {
    size_t rows;
    linear_shape_t shape;
    int stack_rank;
    size_t stack[STACK_MAX];
    size_t matrices; /* of a sample */
    side_t a, b;
    float alpha, beta;
    size_t c_row_stride, c_column_stride; /* of a Gemm's C, 0 if repeated */
} product_t;

typedef struct loop {
    const step_t *step;
    const run_t *run;
} loop_t;

static bool
s_is_float(const operand_t *operand)
{
    return operand->dtype == DTYPE_FLOAT32;
}

static int
s_check(const build_t *build, const step_t *step, fault_t *fault)
{
    for (int i = 0; i < step->inputs_count; i++)
        if (step->inputs[i] && !s_is_float(step->inputs[i]))
            return step_refuse(build, step, fault, "only float32 is supported");
    return 0;
}

/* The stack's axes of one operand, aligned at the last. */
static void
s_stack(product_t *self, side_t *side, const shape_t *shape, int own_axes)
{
    int rank = shape->rank > 2 ? shape->rank - 2 : 0;
    size_t step = 1;
    for (int i = 0; i < own_axes; i++)
        step *= (size_t)shape->dims[shape->rank - 1 - i];
    for (int i = rank - 1; i >= 0; i--) {
        size_t dim = (size_t)shape->dims[i];
        side->stack_strides[self->stack_rank - rank + i] = dim == 1 ? 0 : step;
        step *= dim;
    }
}

static void
s_describe_matmul(product_t *self, const step_t *step)
{
    const shape_t *a = &step->inputs[0]->shape, *b = &step->inputs[1]->shape;
    int own_a = a->rank > 1 ? 2 : 1, own_b = b->rank > 1 ? 2 : 1;
    self->shape.depth = (size_t)a->dims[a->rank - 1];
    self->rows = own_a == 2 ? (size_t)a->dims[a->rank - 2] : 1;
    self->shape.outs = own_b == 2 ? (size_t)b->dims[b->rank - 1] : 1;
    self->a.item_stride = self->shape.depth;
    self->a.depth_stride = 1;
    self->b.item_stride = 1;
    self->b.depth_stride = self->shape.outs;

    int ra = a->rank - own_a, rb = b->rank - own_b;
    self->stack_rank = ra > rb ? ra : rb;
    s_stack(self, &self->a, a, own_a);
    s_stack(self, &self->b, b, own_b);
    for (int i = 0; i < self->stack_rank; i++) {
        int ia = i - (self->stack_rank - ra), ib = i - (self->stack_rank - rb);
        size_t da = ia < 0 ? 1 : (size_t)a->dims[ia];
        size_t db = ib < 0 ? 1 : (size_t)b->dims[ib];
        self->stack[i] = da == 1 ? db : da;
    }
}

static void
s_describe_gemm(product_t *self, const node_t *node, const step_t *step)
{
    const shape_t *a = &step->inputs[0]->shape, *b = &step->inputs[1]->shape;
    bool ta = node_int(node, "transA", 0) != 0;
    bool tb = node_int(node, "transB", 0) != 0;
    self->rows = (size_t)a->dims[ta];
    self->shape.depth = (size_t)a->dims[!ta];
    self->shape.outs = (size_t)b->dims[!tb];
    self->a.item_stride = ta ? 1 : self->shape.depth;
    self->a.depth_stride = ta ? self->rows : 1;
    self->b.item_stride = tb ? self->shape.depth : 1;
    self->b.depth_stride = tb ? 1 : self->shape.outs;
    self->alpha = node_float(node, "alpha", 1.0f);
    self->beta = node_float(node, "beta", 1.0f);
    if (step->inputs_count < 3 || !step->inputs[2])
        return;
    const shape_t *c = &step->inputs[2]->shape;
    bool wide = c->rank > 0 && c->dims[c->rank - 1] != 1;
    bool tall = c->rank > 1 && c->dims[0] != 1;
    self->c_column_stride = wide;
    self->c_row_stride = tall ? (size_t)c->dims[1] : 0;
}

static int
s_prepare(const build_t *build, step_t *step, fault_t *fault)
{
    product_t *self = step->state = mem_new(1, sizeof *self, fault);
    step->way = "product";
    if (!self)
        return -1;
    self->alpha = 1.0f;
    if (step->op->detail == IS_GEMM)
        s_describe_gemm(self, step_node(build, step), step);
    else
        s_describe_matmul(self, step);
    self->matrices = 1;
    for (int i = 0; i < self->stack_rank; i++)
        self->matrices *= self->stack[i];
    step->scratch_floats = kernels()->linear_weights_floats(&self->shape);
    for (int i = 0; i < step->inputs_count; i++)
        if (step->inputs[i] && operand_load(build, step->inputs[i], fault))
            return -1;
    return 0;
}

static const float *
s_matrix(const product_t *self, const side_t *side, const operand_t *operand,
         size_t sample, size_t index)
{
    const float *data = operand_row(operand, sample);
    for (int i = self->stack_rank - 1; i >= 0; i--) {
        data += index % self->stack[i] * side->stack_strides[i];
        index /= self->stack[i];
    }
    return data;
}

/* What a Gemm does to its product: alpha, and beta times C. */
static void
s_finish_gemm(const product_t *self, float *y, const float *c)
{
    for (size_t i = 0; i < self->rows; i++)
        for (size_t j = 0; j < self->shape.outs; j++) {
            float *to = &y[i * self->shape.outs + j];
            *to *= self->alpha;
            if (c)
                *to += self->beta *
                       c[i * self->c_row_stride + j * self->c_column_stride];
        }
}

static void
s_multiply(const product_t *self, float *y, const float *a, const float *b,
           float *packed)
{
    const linear_shape_t *shape = &self->shape;
    const linear_end_t end = {.activation = {.kind = ACTIVATION_NONE}};
    if (self->b.item_stride == 1)
        kernels()->linear_pack_steps(shape, b, 0, shape->depth, packed);
    else
        kernels()->linear_pack_outs(shape, b, 0, shape->outs, packed);

    size_t some = kernels()->linear_rows_a_call(shape, self->rows);
    for (size_t row = 0; row < self->rows; row += some) {
        linear_range_t range = {.rows = self->rows - row, .outs = shape->outs};
        linear_rows_t x = {a + row * self->a.item_stride, self->a.item_stride,
                           self->a.depth_stride};
        range.rows = range.rows < some ? range.rows : some;
        kernels()->linear(shape, &range, &end, y + row * shape->outs, &x,
                          packed);
    }
}

static void
s_task(void *context, size_t task, int thread)
{
    const loop_t *loop = context;
    const step_t *step = loop->step;
    const product_t *self = step->state;
    if (!run_advance(loop->run))
        return;
    size_t sample = task / self->matrices, index = task % self->matrices;
    float *y = operand_row(step->outputs[0], sample) +
               index * self->rows * self->shape.outs;
    s_multiply(self, y,
               s_matrix(self, &self->a, step->inputs[0], sample, index),
               s_matrix(self, &self->b, step->inputs[1], sample, index),
               loop->run->scratch + (size_t)thread * loop->run->scratch_stride);
    if (step->op->detail == IS_GEMM)
        s_finish_gemm(self, y,
                      step->inputs_count > 2 && step->inputs[2]
                          ? operand_row(step->inputs[2], sample)
                          : NULL);
}

static void
s_run(const step_t *step, const run_t *run)
{
    const product_t *self = step->state;
    loop_t loop = {step, run};
    threads_run(run->threads, s_task, &loop,
                step_samples(step, run) * self->matrices);
}

const op_t op_rows_product[] = {
    {"Gemm", s_check, s_prepare, s_run, 0, IS_GEMM},
    {"MatMul", s_check, s_prepare, s_run, 0, IS_MATMUL},
    {0},
};
