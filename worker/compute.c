/* A part in an engine session: tasks in as rows, rows out as frames. */
#include "worker/compute.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/part.h"
#include "worker/engine/session.h"
#include "worker/host.h"

/* What a batch gains is that weights are read once for all of it. Where its
 * tensors are larger than this they are the traffic. */
enum { BATCH_BYTES = 24 << 20 };

typedef struct compute {
    session_options_t options;
    bool chooses;       /* as many samples as gain something */
    session_t *session; /* NULL before the first load */
} compute_t;

static void
s_describe(const session_t *session, loaded_t *loaded)
{
    boundary_t *boundary = &loaded->boundary;
    boundary->inputs_count = session_inputs_count(session);
    boundary->outputs_count = session_outputs_count(session);
    for (int i = 0; i < boundary->inputs_count; i++)
        boundary->inputs[i] = *session_input(session, i);
    for (int i = 0; i < boundary->outputs_count; i++)
        boundary->outputs[i] = *session_output(session, i);
    loaded->batch_max = session_batch_max(session);
}

/* The largest batch, up to COMPUTE_BATCH, whose tensors take at most
 * BATCH_BYTES; two estimates tell what a sample takes. */
static int
s_choose_batch(const graph_t *graph, session_options_t *options, fault_t *fault)
{
    size_t one, all;
    options->batch_max = 1;
    if (session_estimate(graph, options, &one, fault) != 0)
        return -1;
    options->batch_max = COMPUTE_BATCH;
    if (session_estimate(graph, options, &all, fault) != 0)
        return -1;
    size_t sample = all > one ? (all - one) / (COMPUTE_BATCH - 1) : 0;
    if (sample > BATCH_BYTES / COMPUTE_BATCH)
        options->batch_max =
            sample < BATCH_BYTES ? (int)(BATCH_BYTES / sample) : 1;
    return 0;
}

static int
s_load(void *context, blob_t *part, loaded_t *loaded, fault_t *fault)
{
    compute_t *self = context;
    session_destroy(&self->session); /* never two sets of weights at once */
    graph_t *graph = part_load(part, fault);
    if (!graph)
        return -1;
    size_t bytes;
    if ((!self->chooses || s_choose_batch(graph, &self->options, fault) == 0) &&
        session_estimate(graph, &self->options, &bytes, fault) == 0 &&
        host_fits(bytes, host_memory_free(), fault) == 0)
        self->session = session_new(graph, &self->options, fault);
    graph_destroy(&graph);
    if (!self->session)
        return -1;
    s_describe(self->session, loaded);
    loaded->progress = session_progress(self->session);
    return 0;
}

/* Samples into rows; the agent has checked them, so a size that differs is
 * our own mistake. */
static void
s_stack(session_t *session, task_t *const *tasks, size_t count)
{
    int inputs = session_inputs_count(session);
    for (size_t sample = 0; sample < count; sample++)
        for (int i = 0; i < inputs; i++) {
            size_t bytes, room;
            const void *frame =
                payload_frame(tasks[sample]->input, (size_t)i, &bytes);
            void *row = session_input_row(session, i, (int)sample, &room);
            assert(bytes == room);
            memcpy(row, frame, bytes);
        }
}

static int
s_take_output(const session_t *session, int sample, task_t *task,
              fault_t *fault)
{
    int outputs = session_outputs_count(session);
    task->output = payload_new(fault);
    if (!task->output)
        return -1;
    task->outputs_count = (uint16_t)outputs;
    for (int i = 0; i < outputs; i++) {
        const tensor_spec_t *spec = session_output(session, i);
        size_t bytes;
        const void *row = session_output_row(session, i, sample, &bytes);
        void *room = payload_add_room(task->output, bytes, fault);
        if (!room)
            return -1;
        memcpy(room, row, bytes);
        tensor_header_t *header = &task->outputs[i];
        *header = (tensor_header_t){
            .dtype = spec->dtype, .shape = spec->shape, .bytes = bytes};
        if (header->shape.rank && header->shape.dims[0] == DIM_BATCH)
            header->shape.dims[0] = 1;
    }
    return 0;
}

static int
s_run(void *context, task_t **tasks, size_t count, fault_t *fault)
{
    compute_t *self = context;
    assert(self->session && count >= 1 &&
           count <= (size_t)session_batch_max(self->session));
    s_stack(self->session, tasks, count);
    int result = session_run(self->session, (int)count, fault);
    for (size_t i = 0; i < count && result == 0; i++)
        result = s_take_output(self->session, (int)i, tasks[i], fault);
    return result;
}

static void
s_destroy(void *context)
{
    compute_t *self = context;
    session_destroy(&self->session);
    free(self);
}

int
compute_init(runner_t *runner, int threads, int batch_max, fault_t *fault)
{
    compute_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return -1;
    self->chooses = batch_max == 0;
    self->options =
        (session_options_t){.threads = threads, .batch_max = batch_max};
    *runner = (runner_t){
        .context = self, .load = s_load, .run = s_run, .destroy = s_destroy};
    return 0;
}
