/* The frames behind a header, as ZeroMQ holds them. */
#include "common/payload.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/mem.h"
#include "common/tensor.h"

struct payload {
    size_t count;
    zmq_msg_t frames[TENSORS_MAX];
};

payload_t *
payload_new(fault_t *fault)
{
    return mem_new(1, sizeof(payload_t), fault);
}

void
payload_destroy(payload_t **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->count; i++)
        zmq_msg_close(&(*self)->frames[i]);
    free(*self);
    *self = NULL;
}

void *
payload_add_room(payload_t *self, size_t size, fault_t *fault)
{
    if (self->count == TENSORS_MAX)
        return fault_null(fault, FAULT_TOO_LARGE,
                          "a message has at most %d frames", TENSORS_MAX);
    zmq_msg_t *frame = &self->frames[self->count];
    if (zmq_msg_init_size(frame, size))
        return fault_null(fault, FAULT_MEMORY,
                          "out of memory: a frame of %zu bytes", size);
    self->count++;
    return zmq_msg_data(frame);
}

int
payload_add_copy(payload_t *self, const void *bytes, size_t size,
                 fault_t *fault)
{
    void *room = payload_add_room(self, size, fault);
    if (!room)
        return -1;
    if (size)
        memcpy(room, bytes, size);
    return 0;
}

/* libzmq counts the references inside the frame, hence no const there. */
void *
payload_message(const payload_t *self, size_t index)
{
    assert(index < self->count);
    return (void *)(uintptr_t)&self->frames[index];
}

void *
payload_add_message(payload_t *self)
{
    assert(self->count < TENSORS_MAX);
    zmq_msg_t *frame = &self->frames[self->count++];
    zmq_msg_init(frame);
    return frame;
}

payload_t *
payload_share(const payload_t *self, fault_t *fault)
{
    payload_t *copy = payload_new(fault);
    for (size_t i = 0; copy && i < self->count; i++) {
        zmq_msg_init(&copy->frames[i]);
        zmq_msg_copy(&copy->frames[i], payload_message(self, i));
        copy->count++;
    }
    return copy;
}

size_t
payload_count(const payload_t *self)
{
    return self->count;
}

const void *
payload_frame(const payload_t *self, size_t index, size_t *size)
{
    zmq_msg_t *frame = payload_message(self, index);
    *size = zmq_msg_size(frame);
    return zmq_msg_data(frame);
}

size_t
payload_bytes(const payload_t *self)
{
    size_t bytes = 0;
    for (size_t i = 0; i < self->count; i++)
        bytes += zmq_msg_size(payload_message(self, i));
    return bytes;
}
