/* What is answered behind the jobs: bytes of parts and the status. */
#include "broker/desk.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/fetches.h"
#include "broker/status.h"
#include "common/info.h"
#include "common/logger.h"
#include "common/mem.h"

enum {
    ASKED_MAX = 64,    /* clients waiting for the status */
    STATUS_US = 50000, /* how long one status is good for all who ask */
    CHUNKS_KEPT = 16,  /* the latest ones, read once for all who ask */
};

typedef struct asked {
    peer_t client;
    uint64_t session;
} asked_t;

/* Bytes of a part in memory. Peers that ask and never read have them queued:
 * sharing keeps that from costing a copy each. */
typedef struct chunk {
    uint16_t part;
    uint64_t offset;
    payload_t *payload; /* NULL: a free place */
} chunk_t;

struct desk {
    const model_t *model;
    const store_t *store;
    fetches_t *fetches;
    chunk_t chunks[CHUNKS_KEPT];
    size_t chunk_next; /* the place that is used next */
    logger_limit_t read_limit;

    asked_t asked[ASKED_MAX];
    size_t asked_count;
    payload_t *status; /* of status_us, or NULL */
    int64_t status_us;

    message_t answer;
};

/* A worker that ends a session and starts another may leave requests behind,
 * so there is room for more than the core lets each have. */
desk_t *
desk_new(const model_t *model, const store_t *store, uint32_t workers_max,
         fault_t *fault)
{
    desk_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return NULL;
    self->model = model;
    self->store = store;
    self->fetches =
        fetches_new((size_t)workers_max * CORE_FETCHES_MAX * 2, fault);
    if (!self->fetches)
        desk_destroy(&self);
    return self;
}

void
desk_destroy(desk_t **self)
{
    if (!*self)
        return;
    payload_destroy(&(*self)->status);
    for (size_t i = 0; i < CHUNKS_KEPT; i++)
        payload_destroy(&(*self)->chunks[i].payload);
    fetches_destroy(&(*self)->fetches);
    free(*self);
    *self = NULL;
}

void
desk_fetch(desk_t *self, const peer_t *worker, uint64_t session, uint16_t part,
           uint64_t offset)
{
    fetch_t fetch = {
        .worker = *worker, .session = session, .part = part, .offset = offset};
    if (!fetches_add(self->fetches, &fetch))
        logger_debug("too many requests for bytes of parts: one dropped");
}

void
desk_ask(desk_t *self, const peer_t *client, uint64_t session)
{
    if (self->asked_count < ASKED_MAX)
        self->asked[self->asked_count++] =
            (asked_t){.client = *client, .session = session};
}

/* --- bytes of parts ------------------------------------------------------ */

static payload_t *
s_read_chunk(desk_t *self, const fetch_t *fetch, fault_t *fault)
{
    uint64_t total = store_bytes(self->store, fetch->part);
    if (fetch->offset >= total)
        return fault_null(fault, FAULT_SYSTEM, "part %d ends before %" PRIu64,
                          fetch->part, fetch->offset);
    uint64_t left = total - fetch->offset;
    size_t size = left < PROTO_CHUNK_MAX ? (size_t)left : PROTO_CHUNK_MAX;
    payload_t *payload = payload_new(fault);
    void *room = payload ? payload_add_room(payload, size, fault) : NULL;
    if (!room || store_read(self->store, fetch->part, fetch->offset, room, size,
                            fault) != 0)
        payload_destroy(&payload);
    return payload;
}

/* Borrowed until the next one is wanted. */
static const payload_t *
s_chunk(desk_t *self, const fetch_t *fetch, fault_t *fault)
{
    for (size_t i = 0; i < CHUNKS_KEPT; i++) {
        const chunk_t *kept = &self->chunks[i];
        if (kept->payload && kept->part == fetch->part &&
            kept->offset == fetch->offset)
            return kept->payload;
    }
    payload_t *payload = s_read_chunk(self, fetch, fault);
    if (!payload)
        return NULL;
    chunk_t *place = &self->chunks[self->chunk_next++ % CHUNKS_KEPT];
    payload_destroy(&place->payload);
    *place = (chunk_t){fetch->part, fetch->offset, payload};
    return payload;
}

static sent_t
s_send_chunk(desk_t *self, link_t *link, const fetch_t *fetch,
             const payload_t *payload)
{
    message_t *chunk = &self->answer;
    message_init(chunk, MESSAGE_CHUNK);
    chunk->present = key_bit(KEY_SESSION) | key_bit(KEY_PART_DIGEST) |
                     key_bit(KEY_OFFSET) | key_bit(KEY_TOTAL);
    chunk->session = fetch->session;
    chunk->part_digest = self->model->parts[fetch->part].digest;
    chunk->offset = fetch->offset;
    chunk->total = store_bytes(self->store, fetch->part);
    return link_send(link, SIDE_WORKERS, &fetch->worker, chunk, payload);
}

static void
s_answer_fetches(desk_t *self, core_t *core, link_t *link, int count,
                 int64_t now_us)
{
    fetch_t fetch;
    fault_t fault = {0};
    while (count > 0 && fetches_take(self->fetches, now_us, &fetch)) {
        /* Left behind by a session that ended: nobody waits for it. */
        if (!core_in_session(core, SIDE_WORKERS, &fetch.worker, fetch.session))
            continue;
        count--;
        sent_t sent = SENT_FULL;
        const payload_t *payload = s_chunk(self, &fetch, &fault);
        if (payload) {
            sent = s_send_chunk(self, link, &fetch, payload);
            if (sent == SENT_FULL &&
                fetches_defer(self->fetches, &fetch, now_us))
                continue;
        } else {
            logger_limited(&self->read_limit, now_us / 1000, LOGGER_ERROR, "%s",
                           fault.text);
        }
        core_fetched(core, &fetch.worker, sent, now_us);
    }
}

/* --- status -------------------------------------------------------------- */

static payload_t *
s_status(desk_t *self, const core_t *core, int64_t now_us, fault_t *fault)
{
    void *bytes = NULL;
    size_t size = 0;
    payload_t *payload = NULL;
    json_t *object = status_encode(core, self->model, now_us, fault);
    if (!object)
        return NULL;
    if (info_encode(object, &bytes, &size, fault) == 0)
        payload = payload_new(fault);
    if (payload && payload_add_copy(payload, bytes, size, fault) != 0)
        payload_destroy(&payload);
    free(bytes);
    json_decref(object);
    return payload;
}

static void
s_answer_status(desk_t *self, core_t *core, link_t *link, int64_t now_us)
{
    fault_t fault = {0};
    if (!self->asked_count)
        return;
    if (self->status && now_us - self->status_us > STATUS_US)
        payload_destroy(&self->status);
    if (!self->status) {
        self->status = s_status(self, core, now_us, &fault);
        self->status_us = now_us;
    }
    if (!self->status)
        logger_fault(&fault);
    for (size_t i = 0; self->status && i < self->asked_count; i++) {
        message_t *reply = &self->answer;
        message_init(reply, MESSAGE_STATUS_REPLY);
        reply->present = key_bit(KEY_SESSION);
        reply->session = self->asked[i].session;
        sent_t sent = link_send(link, SIDE_CLIENTS, &self->asked[i].client,
                                reply, self->status);
        if (sent == SENT_GONE)
            core_gone(core, SIDE_CLIENTS, &self->asked[i].client, now_us);
    }
    self->asked_count = 0;
}

void
desk_answer(desk_t *self, core_t *core, link_t *link, int chunks,
            int64_t now_us)
{
    s_answer_fetches(self, core, link, chunks, now_us);
    s_answer_status(self, core, link, now_us);
}

int64_t
desk_due_us(const desk_t *self)
{
    return self->asked_count ? 0 : fetches_due_us(self->fetches);
}
