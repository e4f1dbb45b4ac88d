/* A core on a test rig: a host that notes what the core sends, and peers that a
 * test moves by hand, one at a time. The model is of `parts` parts of one u32
 * each.
 */
#ifndef CONVOY_TESTS_SUPPORT_RIG_H
#define CONVOY_TESTS_SUPPORT_RIG_H

#include "broker/core.h"

enum { RIG_SENT_MAX = 512, RIG_PARTS_MAX = 4 };

/* Frames are a counted value here. */
struct payload {
    uint32_t value;
};

typedef struct rig_sent {
    side_t side;
    uint8_t peer;
    message_t message;
    uint32_t value; /* of the payload, 0 without */
} rig_sent_t;

typedef struct rig {
    core_t *core;
    core_config_t config;
    core_part_t parts[RIG_PARTS_MAX];
    uint32_t exec_us[RIG_PARTS_MAX]; /* what a result says it took */
    int64_t now_us;
    rig_sent_t *sent;
    size_t sent_count;
    size_t seen; /* how many of them rig_next gave out */
    uint64_t sessions[SIDE_WORKERS + 1][256];
    sent_t answer[SIDE_WORKERS + 1][256]; /* what a send to a peer gives */
    int payloads;                         /* given to the core, not released */
    int fetches;
    uint64_t fetch_offset;
    int statuses;
    char said[256]; /* the last line it logged at info or above */
} rig_t;

/* A core with the default config, changed by the test before rig_start. */
void rig_init(rig_t *self, uint16_t parts);
void rig_start(rig_t *self);
void rig_stop(rig_t *self);

/* Let time pass, with ticks at every due moment. */
void rig_wait_ms(rig_t *self, int64_t ms);

/* A message from a peer, whose number is its routing id, with the session key
 * filled in. value 0 sends no frame. */
message_t *rig_message(rig_t *self, message_type_t type);
void rig_receive(rig_t *self, side_t side, uint8_t peer, uint32_t value);

/* Whole steps. Peers' ids are 16 times their number. */
void rig_hello_client(rig_t *self, uint8_t peer);
void rig_hello_worker(rig_t *self, uint8_t peer, uint16_t part);
/* HELLO and a first CREDIT of `credit` jobs. */
void rig_join(rig_t *self, uint8_t peer, uint16_t part, uint64_t credit);
void rig_credit(rig_t *self, uint8_t peer, uint64_t credit);
void rig_submit(rig_t *self, uint8_t peer, uint8_t sequence,
                uint32_t remaining_ms);
void rig_result(rig_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
                uint16_t part, uint32_t value);
void rig_error(rig_t *self, uint8_t peer, job_id_t id, uint16_t attempt,
               uint16_t code);

/* The id of a client's job. */
job_id_t rig_job(uint8_t peer, uint8_t sequence);

/* The next message to a peer of this type, passing over all others; NULL
 * (and nothing passed over) if there is none. */
const rig_sent_t *rig_next(rig_t *self, side_t side, uint8_t peer,
                           message_type_t type);

core_status_t rig_status(const rig_t *self);

#endif
