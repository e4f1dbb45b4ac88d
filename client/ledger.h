/* The jobs of a client that have no outcome yet, each with its input, so that
 * any of them can go out again under the same id. Pure: times come in.
 *
 *   WAITING -sent-> SENT -RESULT, ERROR, deadline-> removed
 *      ^--- BUSY, a new session ---'
 */
#ifndef CONVOY_CLIENT_LEDGER_H
#define CONVOY_CLIENT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/proto.h"
#include "common/wire.h"

enum {
    LEDGER_JOBS_MAX = 1024,
    LEDGER_TEXT_MAX = 96,
    LEDGER_RESUME_MS_MAX = 500, /* spread of the jobs after a new session */
    LEDGER_GRACE_MS = 500, /* the broker's word is awaited past a deadline */
};

typedef enum entry_state {
    ENTRY_NONE,
    ENTRY_WAITING,
    ENTRY_SENT,
} entry_state_t;

typedef struct entry {
    entry_state_t state;
    job_id_t job;
    uint64_t order;   /* of submission */
    uint64_t tag;     /* the caller's */
    uint8_t priority; /* 0 or 1 */
    int64_t submitted_us;
    int64_t deadline_ms;
    int64_t due_ms; /* WAITING: not before */
    int sends;
    fault_code_t refused; /* of the last BUSY, 0 once accepted or unasked */
    int refused_part;     /* that has no worker, or -1 */
    char refused_text[LEDGER_TEXT_MAX + 1]; /* the broker's words */
    int tensors_count;
    tensor_header_t tensors[TENSORS_MAX];
    payload_t *payload; /* owned */
} entry_t;

typedef struct ledger {
    uint8_t client_id[8];
    uint64_t next;
    uint64_t random;
    size_t count; /* of all entries */
    size_t sent;  /* of those in state SENT */
    uint64_t sent_bytes;
    size_t used;      /* slots in use lie below */
    entry_t *entries; /* LEDGER_JOBS_MAX */
} ledger_t;

/* -1 with FAULT_MEMORY. seed is not 0. */
int ledger_init(ledger_t *self, const uint8_t client_id[8], uint64_t seed,
                fault_t *fault);
void ledger_release(ledger_t *self);

/* A new entry with its id, WAITING and due at once; the caller fills in the
 * rest. NULL where LEDGER_JOBS_MAX are open. */
entry_t *ledger_add(ledger_t *self);

/* The entry of an id, or NULL: its outcome is known or it is not ours. */
entry_t *ledger_find(ledger_t *self, const job_id_t *job);

/* Forget an entry and its payload. */
void ledger_remove(ledger_t *self, entry_t *entry);

/* The entry to send now: due, urgent ones first, then in order of submission,
 * while fewer than `window` are sent. NULL. */
entry_t *ledger_next(ledger_t *self, int64_t now, size_t window);

/* The SUBMIT of an entry: all keys but session and model digest. */
void ledger_write(const entry_t *entry, int64_t now, message_t *message);

void ledger_sent(ledger_t *self, entry_t *entry);

/* The broker did not take it: again after the hint, with jitter. */
void ledger_busy(ledger_t *self, entry_t *entry, fault_code_t code,
                 int64_t retry_after_ms, int64_t now);

/* A new session: everything that was sent goes out again, spread over
 * LEDGER_RESUME_MS_MAX. Returns how many. */
size_t ledger_resume(ledger_t *self, int64_t now);

/* An entry whose deadline and grace are over, or NULL. */
entry_t *ledger_expired(ledger_t *self, int64_t now);

/* When ledger_next or ledger_expired may have one; INT64_MAX for never. */
int64_t ledger_due(const ledger_t *self, int64_t now);

#endif
