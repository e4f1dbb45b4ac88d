/* What is answered behind the jobs: bytes of parts (CHUNK) and the status.
 *
 * The core hands requests in while it works; desk_answer carries some out when
 * the loop has time for them.
 */
#ifndef CONVOY_BROKER_DESK_H
#define CONVOY_BROKER_DESK_H

#include <stdint.h>

#include "broker/core.h"
#include "broker/link.h"
#include "broker/store.h"
#include "common/fault.h"
#include "common/model/model.h"

typedef struct desk desk_t;

/* model and store are borrowed until desk_destroy. */
desk_t *desk_new(const model_t *model, const store_t *store,
                 uint32_t workers_max, fault_t *fault);
void desk_destroy(desk_t **self);

/* A request; one too many is dropped, its peer asks again. */
void desk_fetch(desk_t *self, const peer_t *worker, uint64_t session,
                uint16_t part, uint64_t offset);
void desk_ask(desk_t *self, const peer_t *client, uint64_t session);

/* Send at most `chunks` chunks and all status replies, and tell the core. */
void desk_answer(desk_t *self, core_t *core, link_t *link, int chunks,
                 int64_t now_us);

/* When desk_answer has something to do; INT64_MAX for never. */
int64_t desk_due_us(const desk_t *self);

#endif
