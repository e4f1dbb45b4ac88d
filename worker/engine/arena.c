/* Where each operand of a plan lies: lifetimes, then the largest first.
 *
 * Operands that share their bytes (views, element-wise steps in place) form a
 * group, named by its first member; a group has one lifetime and one place.
 */
#include "worker/engine/arena.h"

#include <stdlib.h>

#include "common/mem.h"

enum { PLACE_ALIGNMENT = 64 };

typedef struct group {
    size_t leader;      /* operand; another one's if it joined a group */
    size_t first, last; /* steps, counted from 1; 0 is before the run */
    size_t bytes;
    size_t offset;
    bool placed; /* needs a place: is computed or an input */
    bool pinned; /* an input: nobody writes over it */
} group_t;

static size_t
s_index(const plan_t *plan, const operand_t *operand)
{
    return (size_t)(operand - plan->operands);
}

static group_t *
s_group(const plan_t *plan, group_t *groups, const operand_t *operand)
{
    size_t i = s_index(plan, operand);
    while (groups[i].leader != i)
        i = groups[i].leader;
    return &groups[i];
}

static void
s_read(group_t *group, size_t step)
{
    if (step > group->last)
        group->last = step;
}

static size_t
s_place_bytes(const plan_t *plan, const operand_t *operand)
{
    size_t samples = operand->batched ? plan->batch_max : 1, bytes;
    if (!mem_mul(operand->bytes, samples, &bytes) ||
        !mem_add(bytes, PLACE_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / PLACE_ALIGNMENT * PLACE_ALIGNMENT;
}

static void
s_join(group_t *groups, group_t *into, group_t *from)
{
    groups[from->leader].leader = into->leader;
    s_read(into, from->last);
}

/* Views share their input's bytes from the start. */
static void
s_find_lifetimes(const plan_t *plan, group_t *groups)
{
    for (int i = 0; i < plan->inputs_count; i++) {
        group_t *group = s_group(plan, groups, plan->inputs[i]);
        group->placed = group->pinned = true;
        s_read(group, plan->steps_count + 1);
    }
    for (size_t s = 0; s < plan->steps_count; s++) {
        const step_t *step = &plan->steps[s];
        for (int i = 0; i < step->outputs_count; i++) {
            if (!step->outputs[i])
                continue;
            group_t *group = s_group(plan, groups, step->outputs[i]);
            group->first = s + 1;
            s_read(group, s + 1);
            group->placed = true;
        }
        if (step->op->flags & OP_VIEW)
            s_join(groups, s_group(plan, groups, step->inputs[0]),
                   s_group(plan, groups, step->outputs[0]));
        for (int i = 0; i < step->inputs_count; i++)
            if (step->inputs[i])
                s_read(s_group(plan, groups, step->inputs[i]), s + 1);
        if (step->residual)
            s_read(s_group(plan, groups, step->residual), s + 1);
    }
    for (int i = 0; i < plan->outputs_count; i++)
        s_read(s_group(plan, groups, plan->outputs[i]), plan->steps_count + 1);
}

/* Whether the output has every element of an input at its place. Places are
 * rounded up, so that they have one size says too little: a broadcast operand
 * would be written over while it is still read. */
static bool
s_is_like(const operand_t *input, const operand_t *output)
{
    return input->bytes == output->bytes && input->batched == output->batched;
}

/* Let element-wise steps write over an input that nobody reads any more. */
static void
s_work_in_place(const plan_t *plan, group_t *groups)
{
    for (size_t s = 0; s < plan->steps_count; s++) {
        const step_t *step = &plan->steps[s];
        if (!(step->op->flags & OP_IN_PLACE))
            continue;
        group_t *out = s_group(plan, groups, step->outputs[0]);
        for (int i = 0; i < step->inputs_count; i++) {
            if (!step->inputs[i] ||
                !s_is_like(step->inputs[i], step->outputs[0]))
                continue;
            group_t *in = s_group(plan, groups, step->inputs[i]);
            if (in != out && in->placed && !in->pinned && in->last == s + 1 &&
                in->bytes == out->bytes) {
                s_join(groups, in, out);
                break;
            }
        }
    }
}

static int
s_by_size(const void *a, const void *b)
{
    const group_t *x = *(group_t *const *)a, *y = *(group_t *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->leader < y->leader ? -1 : x->leader > y->leader;
}

static bool
s_together(const group_t *a, const group_t *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Put a group at the lowest offset that is free while it lives. `placed` is
 * in order of offset; the group is inserted there. */
static size_t
s_insert(group_t **placed, size_t count, group_t *group)
{
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (!s_together(placed[i], group))
            continue;
        if (placed[i]->offset >= offset + group->bytes)
            break;
        size_t end = placed[i]->offset + placed[i]->bytes;
        offset = end > offset ? end : offset;
    }
    group->offset = offset;
    size_t at = count;
    for (; at > 0 && placed[at - 1]->offset > offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = group;
    return offset + group->bytes;
}

static int
s_prepare_groups(const plan_t *plan, group_t *groups, fault_t *fault)
{
    size_t total = 0;
    for (size_t i = 0; i < plan->operands_count; i++) {
        const operand_t *operand = &plan->operands[i];
        groups[i] =
            (group_t){.leader = i, .bytes = s_place_bytes(plan, operand)};
        if ((operand->bytes > 0 && groups[i].bytes == 0) ||
            !mem_add(total, groups[i].bytes, &total))
            return fault_set(fault, FAULT_MEMORY,
                             "tensor '%s' of %zu samples does not fit into "
                             "memory",
                             operand->name, plan->batch_max);
    }
    return 0;
}

static void
s_place_groups(plan_t *plan, group_t *groups, group_t **order, group_t **placed)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->operands_count; i++)
        if (groups[i].leader == i && groups[i].placed &&
            !plan->operands[i].constant)
            order[count++] = &groups[i];
    qsort(order, count, sizeof *order, s_by_size);
    for (size_t i = 0; i < count; i++) {
        size_t end = s_insert(placed, i, order[i]);
        if (end > plan->arena_bytes)
            plan->arena_bytes = end;
    }
    for (size_t i = 0; i < plan->operands_count; i++) {
        const operand_t *operand = &plan->operands[i];
        const group_t *group = s_group(plan, groups, operand);
        bool constant = plan->operands[group->leader].constant;
        plan->offsets[i] =
            group->placed && !constant ? group->offset : PLAN_NO_PLACE;
    }
}

int
arena_lay_out(plan_t *plan, fault_t *fault)
{
    size_t count = plan->operands_count;
    group_t *groups = mem_new(count, sizeof *groups, fault);
    group_t **order = mem_new(2 * count, sizeof(group_t *), fault);
    plan->offsets = mem_new(count, sizeof *plan->offsets, fault);
    int result = groups && order && plan->offsets
                     ? s_prepare_groups(plan, groups, fault)
                     : -1;
    if (result == 0) {
        s_find_lifetimes(plan, groups);
        s_work_in_place(plan, groups);
        s_place_groups(plan, groups, order, order + count);
    }
    free(groups);
    free(order);
    return result;
}
