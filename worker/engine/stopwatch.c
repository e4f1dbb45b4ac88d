/* What each step of a plan is, and how long its last run took. */
#include "worker/engine/stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/model/shape.h"
#include "common/utf8.h"
#include "worker/engine/op_unary.h"

/* Names that are too long differ at their end. */
static void
s_name(const build_t *build, const step_t *step, char *text, size_t size)
{
    const node_t *node = step_node(build, step);
    const char *name = node->name[0] ? node->name : step->outputs[0]->name;
    size_t length = strlen(name);
    size_t cut = length < size ? 0 : length - size + 4;
    snprintf(text, size, "%s%s", cut ? "..." : "", name + cut);
    utf8_clean(text);
}

static void
s_fused(const step_t *step, char *text, size_t size)
{
    bool ends = step->op->flags & OP_ENDS;
    bool activated = ends && step->activation.kind != ACTIVATION_NONE;
    snprintf(text, size, "%s%s%s%s", step->scale ? " + scale" : "",
             step->residual ? " + residual" : "", activated ? " + " : "",
             activated ? op_unary_name(step->activation.kind) : "");
}

static void
s_describe(const build_t *build, const step_t *step, const value_type_t *types,
           lap_t *lap)
{
    s_name(build, step, lap->node, sizeof lap->node);
    snprintf(lap->op, sizeof lap->op, "%s", step_node(build, step)->op);
    utf8_clean(lap->op);
    s_fused(step, lap->fused, sizeof lap->fused);
    shape_text(&step->outputs[0]->shape, lap->out, sizeof lap->out);
    lap->way = step->way ? step->way : "";
    lap->flop = shape_cost(build->graph, types, step->node).flop;
}

int
stopwatch_init(stopwatch_t *self, const plan_t *plan, const graph_t *graph,
               fault_t *fault)
{
    const build_t build = {.graph = graph};
    value_type_t *types = shape_types_new(graph, 1, fault);
    self->laps = mem_new(plan->steps_count, sizeof *self->laps, fault);
    self->count = plan->steps_count;
    for (size_t i = 0; types && self->laps && i < self->count; i++)
        s_describe(&build, &plan->steps[i], types, &self->laps[i]);
    int result = types && self->laps ? 0 : -1;
    free(types);
    return result;
}

void
stopwatch_release(stopwatch_t *self)
{
    free(self->laps);
    *self = (stopwatch_t){0};
}

void
stopwatch_begin(stopwatch_t *self)
{
    if (self->laps)
        self->began_ns = clock_ns();
}

void
stopwatch_lap(stopwatch_t *self, size_t index)
{
    if (!self->laps)
        return;
    int64_t now = clock_ns();
    self->laps[index].ns = now - self->began_ns;
    self->began_ns = now;
}
