/* One job on its way through a worker. */
#include "worker/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/mem.h"

task_t *
task_new(const message_t *message, payload_t **payload, int64_t now_us,
         fault_t *fault)
{
    task_t *self = mem_new(1, sizeof *self, fault);
    if (!self) {
        payload_destroy(payload);
        return NULL;
    }
    self->job = message->job;
    self->attempt = message->attempt;
    self->part = message->part_index;
    self->part_count = message->part_count;
    self->part_digest = message->part_digest;
    self->received_us = now_us;
    self->deadline_ms = now_us / 1000 + message->remaining_ms;
    self->input = *payload;
    *payload = NULL;
    return self;
}

void
task_destroy(task_t **self)
{
    task_t *task = *self;
    *self = NULL;
    if (!task)
        return;
    payload_destroy(&task->input);
    payload_destroy(&task->output);
    free(task);
}

/* Of one sample: DIM_BATCH is 1. */
static int
s_check_header(const tensor_header_t *header, const tensor_spec_t *spec,
               fault_t *fault)
{
    if (header->dtype != spec->dtype)
        return fault_set(fault, FAULT_BAD_DTYPE,
                         "input %s is %s, the part takes %s", spec->name,
                         dtype_name(header->dtype), dtype_name(spec->dtype));
    shape_t wanted = spec->shape;
    if (wanted.rank && wanted.dims[0] == DIM_BATCH)
        wanted.dims[0] = 1;
    if (!shape_equal(&header->shape, &wanted)) {
        char got[128], takes[128];
        return fault_set(fault, FAULT_BAD_SHAPE,
                         "input %s has shape %s, the part takes %s", spec->name,
                         shape_text(&header->shape, got, sizeof got),
                         shape_text(&wanted, takes, sizeof takes));
    }
    return 0;
}

static int
s_check_frame(const message_t *message, const payload_t *payload, int index,
              const tensor_spec_t *spec, fault_t *fault)
{
    size_t bytes, wanted = tensor_bytes(spec->dtype, &spec->shape, 1);
    const void *frame = payload_frame(payload, (size_t)index, &bytes);
    if (bytes != wanted)
        return fault_set(fault, FAULT_BAD_FRAME,
                         "input %s is a frame of %zu bytes instead of %zu",
                         spec->name, bytes, wanted);
    if (!checksum_fits(message->tensors[index].checksum, &message->job,
                       message->part_index, (unsigned)index, frame, bytes))
        return fault_set(fault, FAULT_CHECKSUM,
                         "input %s was damaged on its way", spec->name);
    return 0;
}

int
task_check(const message_t *message, const payload_t *payload,
           const boundary_t *boundary, fault_t *fault)
{
    size_t frames = payload ? payload_count(payload) : 0;
    if (message->tensors_count != boundary->inputs_count ||
        frames != message->tensors_count)
        return fault_set(fault, FAULT_BAD_SHAPE,
                         "%u tensors in %zu frames, the part takes %d",
                         message->tensors_count, frames,
                         boundary->inputs_count);
    for (int i = 0; i < boundary->inputs_count; i++)
        if (s_check_header(&message->tensors[i], &boundary->inputs[i], fault) ||
            s_check_frame(message, payload, i, &boundary->inputs[i], fault))
            return -1;
    return 0;
}

void
task_seal(task_t *self)
{
    for (unsigned i = 0; i < self->outputs_count; i++) {
        size_t bytes;
        const void *frame = payload_frame(self->output, i, &bytes);
        self->outputs[i].checksum =
            checksum_frame(&self->job, self->part + 1u, i, frame, bytes);
    }
}

static void
s_answer_error(const task_t *self, message_t *message)
{
    message->code = (uint16_t)self->fault.code;
    snprintf(message->text, sizeof message->text, "%s", self->fault.text);
    message->present |= key_bit(KEY_CODE) | key_bit(KEY_TEXT);
}

static void
s_answer_result(const task_t *self, message_t *message)
{
    message->tensors_count = self->outputs_count;
    memcpy(message->tensors, self->outputs,
           self->outputs_count * sizeof self->outputs[0]);
    message->exec_us = self->exec_us;
    message->queue_us = self->queue_us;
    message->part_digest = self->part_digest;
    message->present |=
        key_bit(KEY_TENSORS) | key_bit(KEY_TIMINGS) | key_bit(KEY_PART_DIGEST);
}

void
task_answer(const task_t *self, message_t *message)
{
    message->job = self->job;
    message->attempt = self->attempt;
    message->part_index = self->part;
    message->part_count = self->part_count;
    message->present |=
        key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) | key_bit(KEY_PART);
    if (self->fault.code == FAULT_NONE)
        s_answer_result(self, message);
    else
        s_answer_error(self, message);
}
