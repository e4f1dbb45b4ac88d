/* Who misbehaved lately. */
#include "broker/strikes.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum { STRIKES_WAYS = 4, STRIKES_ROWS_MIN = 64 };

int
strikes_init(strikes_t *self, uint32_t capacity, fault_t *fault)
{
    uint32_t rows = STRIKES_ROWS_MIN;
    while (rows < capacity)
        rows *= 2;
    memset(self, 0, sizeof *self);
    self->mask = rows - 1;
    self->rows = mem_new(rows, sizeof *self->rows, fault);
    return self->rows ? 0 : -1;
}

void
strikes_release(strikes_t *self)
{
    free(self->rows);
    self->rows = NULL;
}

static offender_t *
s_find(const strikes_t *self, uint64_t key)
{
    for (uint32_t i = 0; i < STRIKES_WAYS; i++) {
        offender_t *row = &self->rows[(key + i) & self->mask];
        if (row->used_us && row->key == key)
            return row;
    }
    return NULL;
}

/* Of the few places for this key take the one unused for longest; a ban in
 * force is the last to go. */
static offender_t *
s_oldest(strikes_t *self, uint64_t key)
{
    offender_t *oldest = NULL;
    int64_t oldest_us = INT64_MAX;
    for (uint32_t i = 0; i < STRIKES_WAYS; i++) {
        offender_t *row = &self->rows[(key + i) & self->mask];
        int64_t us =
            row->banned_us > row->used_us ? row->banned_us : row->used_us;
        if (us < oldest_us) {
            oldest_us = us;
            oldest = row;
        }
    }
    return oldest;
}

static offender_t *
s_require(strikes_t *self, uint64_t key, int64_t now_us)
{
    offender_t *row = s_find(self, key);
    if (!row) {
        row = s_oldest(self, key);
        memset(row, 0, sizeof *row);
        row->key = key;
    }
    row->used_us = now_us > 0 ? now_us : 1;
    return row;
}

bool
strikes_add(strikes_t *self, uint64_t key, int64_t now_us)
{
    offender_t *row = s_require(self, key, now_us);
    memmove(row->struck_us + 1, row->struck_us,
            sizeof row->struck_us - sizeof row->struck_us[0]);
    row->struck_us[0] = row->used_us;
    int64_t first_us = row->struck_us[STRIKES_MAX - 1];
    if (first_us == 0 || now_us - first_us > STRIKES_WINDOW_US)
        return false;
    memset(row->struck_us, 0, sizeof row->struck_us);
    return true;
}

void
strikes_ban(strikes_t *self, uint64_t key, int64_t now_us)
{
    s_require(self, key, now_us)->banned_us = now_us + STRIKES_BAN_US;
}

bool
strikes_is_banned(const strikes_t *self, uint64_t key, int64_t now_us)
{
    const offender_t *row = s_find(self, key);
    return row && row->banned_us > now_us;
}

bool
strikes_may_answer(strikes_t *self, uint64_t key, int64_t now_us)
{
    if (now_us / 1000000 != self->second) {
        self->second = now_us / 1000000;
        self->answers = 0;
    }
    offender_t *row = s_require(self, key, now_us);
    if (self->answers >= ANSWERS_PER_S_MAX ||
        (row->answered_us && now_us - row->answered_us < ANSWER_EVERY_US))
        return false;
    self->answers++;
    row->answered_us = row->used_us;
    return true;
}
