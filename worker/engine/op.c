/* The table of operators, and what their files share. */
#include "worker/engine/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/engine/op_rows.h"

const op_t *
op_find(const char *name, const op_t *after)
{
    static const op_t *const families[] = {
        op_rows_conv_vector, op_rows_conv_depthwise, op_rows_conv_winograd,
        op_rows_conv_direct, op_rows_conv_transpose, op_rows_matmul,
        op_rows_product,     op_rows_pool,           op_rows_unary,
        op_rows_binary,      op_rows_reduce,         op_rows_norm,
        op_rows_moments,     op_rows_shape,          op_rows_move,
        op_rows_resize,
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        for (const op_t *row = families[i]; row->name; row++)
            if (row == after)
                after = NULL;
            else if (!after && strcmp(row->name, name) == 0)
                return row;
    return NULL;
}

const node_t *
step_node(const build_t *build, const step_t *step)
{
    return &build->graph->nodes[step->node];
}

const char *
step_text(const build_t *build, const step_t *step, char *text, size_t size)
{
    const node_t *node = step_node(build, step);
    const char *name = node->name;
    if (!name[0] && node->outputs_count > 0)
        name = build->graph->values[node->outputs[0]].name;
    snprintf(text, size, "%.40s node '%.80s'", node->op, name);
    return text;
}

int
step_refuse(const build_t *build, const step_t *step, fault_t *fault,
            const char *why)
{
    char text[160];
    return fault_set(fault, FAULT_UNSUPPORTED, "%s: %s",
                     step_text(build, step, text, sizeof text), why);
}

size_t
step_samples(const step_t *step, const run_t *run)
{
    return step->batched ? run->batch : 1;
}

float *
operand_row(const operand_t *operand, size_t sample)
{
    return (float *)(void *)((char *)operand->data + sample * operand->stride);
}

bool
operand_is_dense(const operand_t *operand)
{
    return !operand->batched || operand->stride == operand->bytes;
}

int
operand_read(const build_t *build, const operand_t *operand, size_t first,
             size_t count, dtype_t dtype, void *to, fault_t *fault)
{
    if (!operand->data)
        return graph_read_elements(build->graph, operand->value, first, count,
                                   dtype, to, fault);
    tensor_convert(dtype, to, operand->dtype,
                   (const char *)operand->data +
                       first * dtype_size(operand->dtype),
                   count);
    return 0;
}

float *
step_constant(const build_t *build, const operand_t *operand, fault_t *fault)
{
    float *floats = mem_aligned(operand->elements * sizeof *floats, fault);
    if (floats && operand_read(build, operand, 0, operand->elements,
                               DTYPE_FLOAT32, floats, fault)) {
        free(floats);
        floats = NULL;
    }
    return floats;
}

int
operand_load(const build_t *build, operand_t *operand, fault_t *fault)
{
    if (!operand->constant || operand->data)
        return 0;
    void *data = mem_aligned(operand->bytes, fault);
    if (data && graph_read_constant(build->graph, operand->value,
                                    operand->dtype, data, fault)) {
        free(data);
        data = NULL;
    }
    operand->data = data;
    return data ? 0 : -1;
}

bool
run_advance(const run_t *run)
{
    atomic_fetch_add_explicit(run->progress, 1, memory_order_relaxed);
    return atomic_load_explicit(run->state, memory_order_relaxed) == RUN_BUSY;
}

void
run_fail(const run_t *run)
{
    int busy = RUN_BUSY;
    atomic_compare_exchange_strong(run->state, &busy, RUN_FAILED);
}
