/* One job on its way through a worker: what came in, what goes out.
 *
 * A task is made by the agent when a JOB arrives, handed to the executor for
 * the time of one run, and answered by the agent. Whoever holds the pointer
 * owns the task; the two threads never touch it at the same time.
 */
#ifndef CONVOY_WORKER_TASK_H
#define CONVOY_WORKER_TASK_H

#include <stdint.h>

#include "common/proto.h"
#include "common/tensor.h"
#include "common/wire.h"

/* What a part takes and gives, with DIM_BATCH on axis 0 where it is
 * batchable. */
typedef struct boundary {
    int inputs_count;
    int outputs_count;
    tensor_spec_t inputs[TENSORS_MAX];
    tensor_spec_t outputs[TENSORS_MAX];
} boundary_t;

typedef struct task {
    job_id_t job;
    uint16_t attempt;
    uint16_t part;
    uint16_t part_count;
    digest_t part_digest;
    int64_t received_us;
    int64_t deadline_ms;
    payload_t *input; /* owned */

    /* The outcome: a result where fault.code is FAULT_NONE. */
    fault_t fault;
    payload_t *output; /* owned, NULL until there is one */
    uint16_t outputs_count;
    tensor_header_t outputs[TENSORS_MAX];
    uint32_t exec_us;
    uint32_t queue_us;
} task_t;

/* A task out of a JOB, taking over its payload (freed on failure too). Its
 * deadline is now + remaining_ms. NULL with FAULT_MEMORY. */
task_t *task_new(const message_t *message, payload_t **payload, int64_t now_us,
                 fault_t *fault);
void task_destroy(task_t **self);

/* Whether the tensors of a JOB are what a part takes: one sample of each
 * input, of its dtype, shape and size, with its checksum where one was sent.
 * -1 with FAULT_BAD_SHAPE, FAULT_BAD_DTYPE, FAULT_BAD_FRAME or FAULT_CHECKSUM
 * naming the tensor. */
int task_check(const message_t *message, const payload_t *payload,
               const boundary_t *boundary, fault_t *fault);

/* Fill in the checksums of the outputs. */
void task_seal(task_t *self);

/* The RESULT or ERROR that answers the task. */
void task_answer(const task_t *self, message_t *message);

#endif
