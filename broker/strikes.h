/* Who misbehaved lately: strikes, bans, and how often an answer to somebody
 * unknown may go out. A fixed number of rows, the oldest of a few candidates
 * gives way, so strangers cannot make it grow.
 */
#ifndef CONVOY_BROKER_STRIKES_H
#define CONVOY_BROKER_STRIKES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"

enum {
    STRIKES_MAX = 3,
    STRIKES_WINDOW_US = 10 * 1000000,
    STRIKES_BAN_US = 30 * 1000000,
    ANSWER_EVERY_US = 1000000, /* to one stranger */
    ANSWERS_PER_S_MAX = 500,   /* to all of them */
};

/* What is known of one key (the hash of a routing id or a peer id). */
typedef struct offender {
    uint64_t key;
    int64_t used_us; /* 0 for an empty row */
    int64_t struck_us[STRIKES_MAX];
    int64_t banned_us;   /* until then */
    int64_t answered_us; /* 0 for never */
} offender_t;

typedef struct strikes {
    offender_t *rows;
    uint32_t mask;
    int64_t second; /* of the count of answers */
    uint32_t answers;
} strikes_t;

int strikes_init(strikes_t *self, uint32_t capacity, fault_t *fault);
void strikes_release(strikes_t *self);

/* Count a strike; true when it was the third within the window. */
bool strikes_add(strikes_t *self, uint64_t key, int64_t now_us);

void strikes_ban(strikes_t *self, uint64_t key, int64_t now_us);
bool strikes_is_banned(const strikes_t *self, uint64_t key, int64_t now_us);

/* May this one be sent an unasked answer now? Counts it if so. */
bool strikes_may_answer(strikes_t *self, uint64_t key, int64_t now_us);

#endif
