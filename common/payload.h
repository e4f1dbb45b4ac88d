/* The frames behind a header: references to bytes as ZeroMQ received them, or
 * new ones. Shared between sends and never copied on their way through a
 * broker.
 */
#ifndef CONVOY_COMMON_PAYLOAD_H
#define CONVOY_COMMON_PAYLOAD_H

#include <stddef.h>

#include "common/fault.h"

typedef struct payload payload_t;

/* An empty payload, or NULL with FAULT_MEMORY. */
payload_t *payload_new(fault_t *fault);
void payload_destroy(payload_t **self);

/* Append a frame: a copy of the bytes, or room for them (the caller writes
 * through the returned pointer before the first send). NULL/-1 with
 * FAULT_MEMORY, FAULT_TOO_LARGE after the sixteenth. */
int payload_add_copy(payload_t *self, const void *bytes, size_t size,
                     fault_t *fault);
void *payload_add_room(payload_t *self, size_t size, fault_t *fault);

/* Another payload that shares the same frames. */
payload_t *payload_share(const payload_t *self, fault_t *fault);

size_t payload_count(const payload_t *self);
/* A frame's bytes, borrowed until the payload is destroyed. */
const void *payload_frame(const payload_t *self, size_t index, size_t *size);
size_t payload_bytes(const payload_t *self);

/* For common/wire alone: the zmq_msg_t behind a frame, and an empty one
 * appended (there is room for TENSORS_MAX). */
void *payload_message(const payload_t *self, size_t index);
void *payload_add_message(payload_t *self);

#endif
