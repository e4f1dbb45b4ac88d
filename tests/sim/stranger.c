/* Strangers: nonsense of every kind, with a session or without. */
#include <string.h>

#include "tests/sim/world.h"

static void
s_random_hello(world_t *world, sim_peer_t *self)
{
    random_t *random = &world->random;
    message_t *message = world_message(MESSAGE_HELLO);
    message->role = (role_t)random_range(random, 0, 2);
    memcpy(message->peer_id, self->peer_id, 16);
    message->part_index = (uint16_t)random_range(random, 0, PARTS_MAX + 1);
    strcpy(message->name, random_chance(random, 500) ? "w1" : "stranger");
    message->present |= key_bit(KEY_ROLE) | key_bit(KEY_PART);
    if (random_chance(random, 800))
        message->present |= key_bit(KEY_PEER_ID);
    if (random_chance(random, 800))
        message->present |= key_bit(KEY_NAME);
    world_send(world, self, 0, 0);
}

/* Some type with some keys, about some job of somebody else. */
static void
s_random_message(world_t *world, sim_peer_t *self)
{
    random_t *random = &world->random;
    message_t *message =
        world_message((message_type_t)random_range(random, 1, 0x1c));
    if (world->jobs_count > 0)
        message->job =
            world->jobs[random_range(random, 0, world->jobs_count - 1)].id;
    message->attempt = (uint16_t)random_range(random, 0, 3);
    message->part_index = (uint16_t)random_range(random, 0, PARTS_MAX);
    message->remaining_ms = (uint32_t)random_range(random, 0, 5000);
    message->code = (uint16_t)random_range(random, 0, 700);
    message->offset =
        (uint64_t)random_range(random, 0, 2) * (PROTO_CHUNK_MAX / 2);
    strcpy(message->name, "w1");
    strcpy(message->text, "lies");
    message->present = random_u64(random) & 0x7fffffffe;
    message->present &= ~(key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_TENSORS));
    if (random_chance(random, 700))
        message->present |= key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT) |
                            key_bit(KEY_PART) | key_bit(KEY_SEQ) |
                            key_bit(KEY_CODE) | key_bit(KEY_TEXT) |
                            key_bit(KEY_REMAINING_MS);
    bool frame = random_chance(random, 500);
    if (frame) {
        message->tensors_count = 1;
        message->tensors[0] = (tensor_header_t){DTYPE_INT32, {2, {1, 1}}, 4, 0};
        message->present |= key_bit(KEY_TENSORS);
    }
    if (message->type == MESSAGE_HELLO)
        memcpy(message->peer_id, self->peer_id, 16);
    world_send(world, self, 13, frame ? 4 : 0);
}

void
stranger_timer(world_t *world, sim_peer_t *self)
{
    random_t *random = &world->random;
    if (world->calm) {
        world_cut(world, self, true);
        return;
    }
    if (self->conn < 0 || random_chance(random, 50)) {
        world_cut(world, self, random_chance(random, 500));
        world_connect(world, self);
        for (int i = 0; i < 16; i++)
            self->peer_id[i] = (uint8_t)random_u64(random);
        self->side = random_chance(random, 500) ? SIDE_CLIENTS : SIDE_WORKERS;
        if (self->conn >= 0)
            world->conns[self->conn].side = self->side;
    }
    int64_t what = random_range(random, 0, 9);
    if (what == 0)
        world_send_malformed(world, self);
    else if (what <= 3)
        s_random_hello(world, self);
    else
        s_random_message(world, self);
    world_at(world, random_range(random, 1000, 400000), self, ON_WORK, 0);
}
