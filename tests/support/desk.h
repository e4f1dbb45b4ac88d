/* A core on a desk: a host that notes what the core sends, and peers that a
 * test moves by hand, one at a time. The model is of `parts` parts of one u32
 * each.
 */
#ifndef CONVOY_TESTS_SUPPORT_DESK_H
#define CONVOY_TESTS_SUPPORT_DESK_H

#include "broker/core.h"

enum { DESK_SENT_MAX = 512, DESK_PARTS_MAX = 4 };

/* Frames are a counted value here. */
struct payload {
    uint32_t value;
};

typedef struct desk_sent {
    side_t side;
    uint8_t peer;
    message_t message;
    uint32_t value; /* of the payload, 0 without */
} desk_sent_t;

typedef struct desk {
    core_t *core;
    core_config_t config;
    core_part_t parts[DESK_PARTS_MAX];
    int64_t now_us;
    desk_sent_t *sent;
    size_t sent_count;
    size_t seen; /* how many of them desk_next gave out */
    uint64_t sessions[SIDE_WORKERS + 1][256];
    sent_t answer[SIDE_WORKERS + 1][256]; /* what a send to a peer gives */
    int payloads;                         /* given to the core, not released */
    int fetches;
    uint64_t fetch_offset;
    int statuses;
} desk_t;

/* A core with the default config, changed by the test before desk_start. */
void desk_init(desk_t *self, uint16_t parts);
void desk_start(desk_t *self);
void desk_stop(desk_t *self);

/* Let time pass, with ticks at every due moment. */
void desk_wait_ms(desk_t *self, int64_t ms);

/* A message from a peer, whose number is its routing id, with the session key
 * filled in. value 0 sends no frame. */
message_t *desk_message(desk_t *self, message_type_t type);
void desk_receive(desk_t *self, side_t side, uint8_t peer, uint32_t value);

/* Whole steps. Peers' ids are 16 times their number. */
void desk_hello_client(desk_t *self, uint8_t peer);
void desk_hello_worker(desk_t *self, uint8_t peer, uint16_t part);
/* HELLO and a first CREDIT of `credit` jobs. */
void desk_join(desk_t *self, uint8_t peer, uint16_t part, uint64_t credit);
void desk_credit(desk_t *self, uint8_t peer, uint64_t credit);
void desk_submit(desk_t *self, uint8_t peer, uint8_t sequence,
                 uint32_t remaining_ms);
void desk_result(desk_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
                 uint16_t part, uint32_t value);
void desk_error(desk_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
                uint16_t code);

/* The id of a client's job. */
job_id_t desk_job(uint8_t peer, uint8_t sequence);

/* The next message to a peer of this type, passing over all others; NULL
 * (and nothing passed over) if there is none. */
const desk_sent_t *desk_next(desk_t *self, side_t side, uint8_t peer,
                             message_type_t type);

core_status_t desk_status(const desk_t *self);

#endif
