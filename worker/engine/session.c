/* A part made ready to run. */
#include "worker/engine/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/model/shape.h"
#include "worker/engine/level.h"
#include "worker/engine/flush.h"
#include "worker/engine/plan.h"
#include "worker/engine/stopwatch.h"
#include "worker/kernel/gemm.h"

struct session {
    plan_t plan;
    threads_t *threads;
    stopwatch_t stopwatch;
    float *scratch;
    size_t scratch_stride; /* floats, a thread */
    tensor_spec_t inputs[TENSORS_MAX];
    tensor_spec_t outputs[TENSORS_MAX];
    atomic_uint progress;
    atomic_int state; /* RUN_... */
};

enum { CACHE_LINE_FLOATS = 16 };

static int
s_init_specs(session_t *self, const graph_t *graph, fault_t *fault)
{
    value_type_t *types = shape_types_new(graph, 1, fault);
    if (!types)
        return -1;
    bool batchable = self->plan.batchable;
    int result = shape_specs(graph, types, batchable, graph->inputs,
                             graph->inputs_count, self->inputs, fault);
    if (result == 0)
        result = shape_specs(graph, types, batchable, graph->outputs,
                             graph->outputs_count, self->outputs, fault);
    free(types);
    return result;
}

static int
s_init_scratch(session_t *self, int threads, fault_t *fault)
{
    self->scratch_stride = (self->plan.scratch_floats + CACHE_LINE_FLOATS - 1) /
                           CACHE_LINE_FLOATS * CACHE_LINE_FLOATS;
    self->scratch = mem_aligned(
        (size_t)threads * self->scratch_stride * sizeof *self->scratch, fault);
    return self->scratch ? 0 : -1;
}

session_t *
session_new(const graph_t *graph, const session_options_t *options,
            fault_t *fault)
{
    assert(options->threads >= 1 && options->threads <= THREADS_MAX);
    session_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    if (plan_init(&self->plan, graph, options->batch_max, fault) ||
        s_init_specs(self, graph, fault) ||
        plan_load(&self->plan, graph, options->threads, fault) ||
        s_init_scratch(self, options->threads, fault) ||
        !(self->threads = threads_new(options->threads, fault)))
        session_destroy(&self);
    return self;
}

void
session_destroy(session_t **self)
{
    session_t *session = *self;
    if (!session)
        return;
    threads_destroy(&session->threads);
    stopwatch_release(&session->stopwatch);
    plan_release(&session->plan);
    free(session->scratch);
    free(session);
    *self = NULL;
}

int
session_estimate(const graph_t *graph, const session_options_t *options,
                 size_t *bytes, fault_t *fault)
{
    plan_t plan;
    if (plan_init(&plan, graph, options->batch_max, fault))
        return -1;
    *bytes = plan.weights_bytes + plan.arena_bytes;
    plan_release(&plan);
    return 0;
}

int
session_inputs_count(const session_t *self)
{
    return self->plan.inputs_count;
}

int
session_outputs_count(const session_t *self)
{
    return self->plan.outputs_count;
}

const tensor_spec_t *
session_input(const session_t *self, int index)
{
    assert(index >= 0 && index < self->plan.inputs_count);
    return &self->inputs[index];
}

const tensor_spec_t *
session_output(const session_t *self, int index)
{
    assert(index >= 0 && index < self->plan.outputs_count);
    return &self->outputs[index];
}

int
session_batch_max(const session_t *self)
{
    return (int)self->plan.batch_max;
}

void *
session_input_row(session_t *self, int index, int sample, size_t *bytes)
{
    assert(index >= 0 && index < self->plan.inputs_count);
    assert(sample >= 0 && sample < session_batch_max(self));
    *bytes = self->plan.inputs[index]->bytes;
    return operand_row(self->plan.inputs[index], (size_t)sample);
}

const void *
session_output_row(const session_t *self, int index, int sample, size_t *bytes)
{
    assert(index >= 0 && index < self->plan.outputs_count);
    assert(sample >= 0 && sample < session_batch_max(self));
    *bytes = self->plan.outputs[index]->bytes;
    return operand_row(self->plan.outputs[index], (size_t)sample);
}

static bool
s_has_elements(const step_t *step)
{
    for (int i = 0; i < step->outputs_count; i++)
        if (step->outputs[i] && step->outputs[i]->elements > 0)
            return true;
    return false;
}

int
session_run(session_t *self, int batch, fault_t *fault)
{
    assert(batch >= 1 && batch <= session_batch_max(self));
    const run_t run = {
        .threads = self->threads,
        .batch = (size_t)batch,
        .scratch = self->scratch,
        .scratch_stride = self->scratch_stride,
        .progress = &self->progress,
        .state = &self->state,
        .fault = fault,
    };
    atomic_store(&self->state, RUN_BUSY);
    uint64_t mode = flush_begin();
    stopwatch_begin(&self->stopwatch);
    for (size_t i = 0; i < self->plan.steps_count; i++) {
        const step_t *step = &self->plan.steps[i];
        if (s_has_elements(step))
            step->op->run(step, &run);
        stopwatch_lap(&self->stopwatch, i);
        if (!run_advance(&run))
            break;
    }
    flush_end(mode);
    int state = atomic_exchange(&self->state, RUN_IDLE);
    if (state == RUN_CANCELLED)
        return fault_set(fault, FAULT_CANCELLED, "the run was cancelled");
    return state == RUN_FAILED ? -1 : 0;
}

void
session_cancel(session_t *self)
{
    int busy = RUN_BUSY;
    atomic_compare_exchange_strong(&self->state, &busy, RUN_CANCELLED);
}

atomic_uint *
session_progress(session_t *self)
{
    return &self->progress;
}

int
session_watch(session_t *self, const graph_t *graph, fault_t *fault)
{
    return stopwatch_init(&self->stopwatch, &self->plan, graph, fault);
}

const lap_t *
session_laps(const session_t *self, size_t *count)
{
    *count = self->stopwatch.count;
    return self->stopwatch.laps;
}

double
session_flop(const session_t *self)
{
    return self->plan.flop;
}

int
session_steps_count(const session_t *self)
{
    return (int)self->plan.steps_count;
}

size_t
session_bytes(const session_t *self)
{
    return self->plan.weights_bytes + self->plan.arena_bytes;
}

const char *
session_cpu(void)
{
    static _Thread_local char text[96];
    snprintf(text, sizeof text, "%s %s", kernels()->level,
             kernels()->gemm_name());
    return text;
}
