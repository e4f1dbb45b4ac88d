/* How the worker comes by its part. */
#include "worker/supply.h"

#include <assert.h>

#include "common/logger.h"
#include "worker/host.h"

enum { DOWNLOADS_MAX = 2 };

#define PART_BYTES_MAX ((uint64_t)1 << 40)

/* Ask the executor, which answers with exactly one report. */
static void
s_look(supply_t *self)
{
    self->stage = SUPPLY_LOOKING;
    self->asked = self->digest;
    self->loaded.progress = NULL; /* the old session goes away */
    executor_load(self->executor, &self->digest,
                  self->download ? &self->download : NULL);
}

static int
s_begin_fetch(supply_t *self, int64_t now, fault_t *fault)
{
    self->download =
        cache_begin(self->cache, &self->digest, self->bytes, fault);
    if (!self->download)
        return -1;
    fetch_init(&self->fetch, &self->digest, self->bytes, now);
    self->stage = SUPPLY_FETCHING;
    return 0;
}

void
supply_init(supply_t *self, executor_t *executor, cache_t *cache)
{
    *self = (supply_t){.executor = executor, .cache = cache};
}

void
supply_release(supply_t *self)
{
    download_destroy(&self->download);
}

int
supply_want(supply_t *self, const digest_t *digest, uint64_t bytes,
            fault_t *fault)
{
    if (supply_has(self, digest) && self->bytes == bytes)
        return 0;
    if (bytes > PART_BYTES_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "the part has %.0f MiB, more than any machine",
                         (double)bytes / 0x1p20);
    /* A quarter more: what is computed needs room beside the weights. */
    if (host_fits(bytes + bytes / 4, host_memory_free(), fault))
        return -1;
    self->digest = *digest;
    self->bytes = bytes;
    self->damaged = 0;
    download_destroy(&self->download);
    if (self->stage != SUPPLY_LOOKING)
        s_look(self);
    return 0;
}

void
supply_forget(supply_t *self)
{
    if (self->stage == SUPPLY_NOTHING)
        return;
    cache_remove(self->cache, &self->digest);
    download_destroy(&self->download);
    self->digest = (digest_t){{0}};
    if (self->stage != SUPPLY_LOOKING)
        self->stage = SUPPLY_NOTHING;
}

bool
supply_is_ready(const supply_t *self)
{
    return self->stage == SUPPLY_READY;
}

bool
supply_has(const supply_t *self, const digest_t *digest)
{
    return self->stage != SUPPLY_NOTHING && digest_equal(&self->digest, digest);
}

void
supply_resume(supply_t *self, int64_t now)
{
    if (self->stage == SUPPLY_FETCHING)
        fetch_resume(&self->fetch, now);
}

bool
supply_wants(supply_t *self, uint64_t *offset, int64_t now)
{
    if (self->stage != SUPPLY_FETCHING)
        return false;
    if (fetch_stalled(&self->fetch, now))
        fetch_resume(&self->fetch, now);
    return fetch_wants(&self->fetch, offset);
}

void
supply_asked(supply_t *self)
{
    fetch_asked(&self->fetch);
}

int
supply_chunk(supply_t *self, const message_t *message, const payload_t *payload,
             int64_t now, fault_t *fault)
{
    if (self->stage != SUPPLY_FETCHING ||
        !digest_equal(&message->part_digest, &self->digest))
        return 0;
    if (!payload || payload_count(payload) != 1)
        return fault_set(fault, FAULT_BAD_FRAME, "CHUNK without its frame");
    size_t bytes;
    const void *frame = payload_frame(payload, 0, &bytes);
    int news = fetch_chunk(&self->fetch, message, bytes, now, fault);
    if (news <= 0)
        return news;
    if (download_write(self->download, message->offset, frame, bytes, fault))
        return -1;
    if (fetch_done(&self->fetch))
        s_look(self);
    return 0;
}

/* Bytes that were damaged on the way are fetched once more. */
static int
s_failed(supply_t *self, const report_t *report, int64_t now, fault_t *fault)
{
    *fault = report->fault;
    if (fault->code != FAULT_DIGEST || ++self->damaged >= DOWNLOADS_MAX) {
        self->stage = SUPPLY_NOTHING;
        char hex[DIGEST_HEX + 1];
        if (fault->code < FAULT_USAGE)
            fault->code = FAULT_INPUT; /* nobody else may succeed here */
        return fault_prefix(fault, "part %s",
                            digest_text(&self->digest, hex, 12));
    }
    logger_warning("%s; fetching it again", fault->text);
    return s_begin_fetch(self, now, fault);
}

int
supply_report(supply_t *self, const report_t *report, int64_t now,
              fault_t *fault)
{
    assert(self->stage == SUPPLY_LOOKING && report->kind != REPORT_DONE);
    static const digest_t none;
    if (digest_equal(&self->digest, &none)) {
        self->stage = SUPPLY_NOTHING;
        return 0;
    }
    /* Another part is wanted by now. */
    if (!digest_equal(&self->asked, &self->digest)) {
        s_look(self);
        return 0;
    }
    if (report->kind == REPORT_FAILED)
        return s_failed(self, report, now, fault);
    if (report->kind == REPORT_MISSING)
        return s_begin_fetch(self, now, fault);
    self->loaded = report->loaded;
    self->stage = SUPPLY_READY;
    return 0;
}
