/* Which operands of a plan share bytes: views first, then pieces of inputs,
 * then pieces of outputs, then work in place. */
#include "worker/engine/share.h"

#include "common/mem.h"
#include "worker/engine/op_move.h"

/* A piece that is smaller than this share of its whole is moved out of it, so
 * that the whole need not live as long as the piece. */
enum { PIECE_SHARE = 4 };

static const size_t NOWHERE = (size_t)-1;

typedef struct sharing {
    const plan_t *plan;
    build_t build;
    share_t *shares;
} sharing_t;

static size_t
s_index(const plan_t *plan, const operand_t *operand)
{
    return (size_t)(operand - plan->operands);
}

size_t
shares_root(share_t *shares, size_t operand, size_t *offset)
{
    size_t root = operand, sum = 0;
    while (shares[root].parent != root) {
        sum += shares[root].offset;
        root = shares[root].parent;
    }
    *offset = sum;
    while (shares[operand].parent != operand) { /* shorten the way */
        size_t next = shares[operand].parent, step = shares[operand].offset;
        shares[operand].parent = root;
        shares[operand].offset = sum;
        sum -= step;
        operand = next;
    }
    return root;
}

static size_t
s_root(const sharing_t *self, const operand_t *operand, size_t *offset)
{
    return shares_root(self->shares, s_index(self->plan, operand), offset);
}

static share_t *
s_group(const sharing_t *self, const operand_t *operand)
{
    size_t offset;
    return &self->shares[s_root(self, operand, &offset)];
}

static void
s_read(share_t *group, size_t step)
{
    if (step > group->last)
        group->last = step;
}

static void
s_write(share_t *group, size_t step)
{
    if (!group->placed || step < group->first)
        group->first = step;
    group->placed = true;
    s_read(group, step);
}

static bool
s_is_constant(const sharing_t *self, size_t root)
{
    return self->plan->operands[root].constant;
}

/* The root of a group that consists of this operand and of views of it, and
 * which can therefore lie somewhere else; or NOWHERE. */
static size_t
s_movable(const sharing_t *self, const operand_t *operand)
{
    size_t offset, root = s_root(self, operand, &offset);
    return offset == 0 && self->plan->operands[root].bytes == operand->bytes &&
                   self->shares[root].placed && !s_is_constant(self, root)
               ? root
               : NOWHERE;
}

/* Let a group lie inside another operand; false where it cannot. */
static bool
s_lay(const sharing_t *self, size_t inner, const operand_t *outer,
      size_t offset)
{
    if (inner == NOWHERE)
        return false;
    size_t start, root = s_root(self, outer, &start);
    const operand_t *in = &self->plan->operands[inner];
    const operand_t *whole = &self->plan->operands[root];
    share_t *group = &self->shares[inner], *into = &self->shares[root];
    if (root == inner || !into->placed || s_is_constant(self, root) ||
        in->batched != outer->batched || in->bytes == 0 ||
        (group->dense && in->bytes != whole->bytes))
        return false;
    group->parent = root;
    group->offset = start + offset;
    if (group->first < into->first)
        into->first = group->first;
    s_read(into, group->last);
    into->dense = into->dense || group->dense;
    return true;
}

/* --- lifetimes, and views, which have their input's from the start ---------
 */

static void
s_make_step(const sharing_t *self, const step_t *step, size_t number)
{
    for (int i = 0; i < step->outputs_count; i++)
        if (step->outputs[i])
            s_write(s_group(self, step->outputs[i]), number);
    if (step->op->flags & OP_VIEW) {
        size_t view = s_index(self->plan, step->outputs[0]);
        share_t *group = s_group(self, step->inputs[0]);
        self->shares[view].parent = (size_t)(group - self->shares);
        s_read(group, number);
    }
    for (int i = 0; i < step->inputs_count; i++)
        if (step->inputs[i])
            s_read(s_group(self, step->inputs[i]), number);
    if (step->residual)
        s_read(s_group(self, step->residual), number);
    if (step->scale)
        s_read(s_group(self, step->scale), number);
}

/* One sample lies densely wherever it is. */
static void
s_find_dense(const sharing_t *self, const step_t *step)
{
    if (!(step->op->flags & OP_DENSE) || self->plan->batch_max == 1)
        return;
    s_group(self, step->inputs[0])->dense = true;
    s_group(self, step->outputs[0])->dense = true;
    if (step->residual)
        s_group(self, step->residual)->dense = true;
}

static void
s_find_lifetimes(const sharing_t *self)
{
    const plan_t *plan = self->plan;
    for (int i = 0; i < plan->inputs_count; i++) {
        share_t *group = s_group(self, plan->inputs[i]);
        s_write(group, 0);
        s_read(group, plan->steps_count + 1); /* nobody writes over it */
    }
    for (size_t s = 0; s < plan->steps_count; s++)
        s_make_step(self, &plan->steps[s], s + 1);
    for (int i = 0; i < plan->outputs_count; i++)
        s_read(s_group(self, plan->outputs[i]), plan->steps_count + 1);
    for (size_t s = 0; s < plan->steps_count; s++)
        s_find_dense(self, &plan->steps[s]);
}

/* --- pieces ------------------------------------------------------------------
 */

static bool
s_is_worth_a_piece(const operand_t *piece, const operand_t *whole)
{
    return piece->bytes >= whole->bytes / PIECE_SHARE;
}

static void
s_split(const sharing_t *self, const step_t *step)
{
    for (int i = 0; i < step->outputs_count; i++) {
        size_t offset;
        if (step->outputs[i] &&
            op_move_splits(&self->build, step, i, &offset) &&
            s_is_worth_a_piece(step->outputs[i], step->inputs[0]))
            s_lay(self, s_movable(self, step->outputs[i]), step->inputs[0],
                  offset);
    }
}

/* Where the output of a Concat would begin, were its input `slot` a piece of
 * it: the root and the offset there. */
static size_t
s_start(const sharing_t *self, const step_t *step, int slot, size_t *offset)
{
    size_t before, at, root = s_root(self, step->inputs[slot], &at);
    if (!op_move_joins(&self->build, step, slot, &before) || at < before ||
        step->inputs[slot]->batched != step->outputs[0]->batched)
        return NOWHERE;
    *offset = at - before;
    return root;
}

/* Whether the inputs lie side by side already, in a larger Concat. */
static bool
s_join_where_they_are(const sharing_t *self, const step_t *step)
{
    size_t start, offset, root = s_start(self, step, 0, &start);
    const operand_t *out = step->outputs[0];
    for (int i = 1; i < step->inputs_count && root != NOWHERE; i++)
        if (s_start(self, step, i, &offset) != root || offset != start)
            return false;
    if (root == NOWHERE ||
        start + out->bytes > self->plan->operands[root].bytes)
        return false;
    return s_lay(self, s_movable(self, out), &self->plan->operands[root],
                 start);
}

static void
s_join(const sharing_t *self, const step_t *step)
{
    if (s_join_where_they_are(self, step))
        return;
    for (int i = 0; i < step->inputs_count; i++) {
        size_t offset;
        if (op_move_joins(&self->build, step, i, &offset))
            s_lay(self, s_movable(self, step->inputs[i]), step->outputs[0],
                  offset);
    }
}

/* --- work in place ---------------------------------------------------------
 */

/* Whether writing to `at` would change what the step still reads of an operand
 * that overlaps it. An element-wise step has read what it writes over. */
static bool
s_is_disturbed(const sharing_t *self, const step_t *step, const operand_t *at)
{
    size_t start, offset, root = s_root(self, at, &start);
    bool element_wise = step->op->flags & OP_IN_PLACE;
    for (int i = 0; i <= step->inputs_count; i++) {
        const operand_t *other =
            i < step->inputs_count ? step->inputs[i] : step->scale;
        if (other && s_root(self, other, &offset) == root &&
            offset < start + at->bytes && start < offset + other->bytes &&
            !(element_wise && offset == start && other->bytes == at->bytes))
            return true;
    }
    return false;
}

/* Whether the output has every element of an input at its place: a broadcast
 * operand would be written over while it is still read. */
static bool
s_is_like(const operand_t *input, const operand_t *output)
{
    return input->bytes == output->bytes && input->batched == output->batched;
}

/* Let a step write over an operand that nobody else reads any more. */
static bool
s_write_over(const sharing_t *self, const step_t *step, const operand_t *in,
             size_t number)
{
    const operand_t *out = step->outputs[0];
    if (!in || in->constant || !s_is_like(in, out))
        return false;
    const share_t *group = s_group(self, in);
    return group->placed && group->last == number &&
           !s_is_disturbed(self, step, in) &&
           (s_lay(self, s_movable(self, out), in, 0) ||
            s_lay(self, s_movable(self, in), out, 0));
}

static void
s_work_in_place(const sharing_t *self, const step_t *step, size_t number)
{
    bool done = false;
    if (step->op->flags & OP_IN_PLACE)
        for (int i = 0; i < step->inputs_count && !done; i++)
            done = s_write_over(self, step, step->inputs[i], number);
    if (step->op->flags & OP_SUMS_IN_PLACE && !done)
        s_write_over(self, step, step->residual, number);
}

share_t *
shares_new(const plan_t *plan, const graph_t *graph, fault_t *fault)
{
    share_t *shares = mem_new(plan->operands_count, sizeof *shares, fault);
    if (!shares)
        return NULL;
    for (size_t i = 0; i < plan->operands_count; i++)
        shares[i].parent = i;
    const sharing_t self = {plan, {.graph = graph}, shares};
    s_find_lifetimes(&self);
    for (size_t s = 0; s < plan->steps_count; s++)
        s_split(&self, &plan->steps[s]);
    /* A Concat of some inputs of a later one lies in that one's output. */
    for (size_t s = plan->steps_count; s-- > 0;)
        s_join(&self, &plan->steps[s]);
    for (size_t s = 0; s < plan->steps_count; s++)
        s_work_in_place(&self, &plan->steps[s], s + 1);
    return shares;
}

bool
shares_make_idle(const plan_t *plan, const graph_t *graph, share_t *shares,
                 const step_t *step)
{
    const sharing_t self = {plan, {.graph = graph}, shares};
    const operand_t *in = step->inputs[0], *out = step->outputs[0];
    size_t before, start, offset, root;
    if (step->op->flags & OP_VIEW)
        return !s_is_constant(&self, s_root(&self, in, &offset));
    if (op_move_joins(&self.build, step, 0, &before)) {
        root = s_root(&self, out, &offset);
        for (int i = 0; i < step->inputs_count; i++)
            if (s_start(&self, step, i, &start) != root || start != offset)
                return false;
        return true;
    }
    root = s_root(&self, in, &start);
    for (int i = 0; i < step->outputs_count; i++)
        if (step->outputs[i] &&
            (!op_move_splits(&self.build, step, i, &before) ||
             s_root(&self, step->outputs[i], &offset) != root ||
             offset != start + before))
            return false;
    return true;
}
