/* The memory of jobs that ended. */
#include "broker/done.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static const int64_t DONE_US = (int64_t)DONE_SECONDS * 1000000;

int
done_init(done_t *self, uint16_t parts, uint32_t capacity, uint64_t bytes,
          const uint8_t key[16], done_release_t *release, void *context,
          fault_t *fault)
{
    memset(self, 0, sizeof *self);
    self->capacity = capacity;
    self->results_max = capacity < RESULTS_MAX ? capacity : RESULTS_MAX;
    self->kept_bytes_max = bytes;
    memcpy(self->key, key, sizeof self->key);
    self->release = release;
    self->context = context;
    list_init(&self->kept);
    list_init(&self->free);
    self->ring = mem_new(capacity, sizeof *self->ring, fault);
    self->results = mem_new(self->results_max, sizeof *self->results, fault);
    self->paths =
        mem_new((size_t)self->results_max * parts, sizeof *self->paths, fault);
    if (!self->ring || !self->results || !self->paths ||
        index_init(&self->by_id, capacity, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < self->results_max; i++) {
        self->results[i].path = self->paths + (size_t)i * parts;
        list_append(&self->free, &self->results[i].link);
    }
    return 0;
}

/* Give a kept result's row back; its payload is already somebody else's. */
static void
s_unkeep(done_t *self, kept_t *kept)
{
    self->ring[kept->entry].kept = NULL;
    self->kept_bytes -= kept->bytes;
    kept->payload = NULL;
    list_remove(&kept->link);
    list_append(&self->free, &kept->link);
}

static void
s_drop(done_t *self, kept_t *kept)
{
    self->release(self->context, kept->payload);
    s_unkeep(self, kept);
}

void
done_release(done_t *self)
{
    if (self->results)
        for (list_t *link; (link = list_first(&self->kept));)
            s_drop(self, list_owner(link, kept_t, link));
    free(self->ring);
    free(self->results);
    free(self->paths);
    index_release(&self->by_id);
}

static bool
s_match(const void *table, uint32_t row, const void *key)
{
    const done_entry_t *entry = (const done_entry_t *)table + row;
    return memcmp(&entry->id, key, sizeof entry->id) == 0;
}

static void
s_forget(done_t *self, done_entry_t *entry)
{
    if (entry->kept)
        s_drop(self, entry->kept);
    if (entry->live)
        index_remove(&self->by_id, jobs_hash(self->key, &entry->id),
                     (uint32_t)(entry - self->ring));
    entry->live = false;
}

static void
s_forget_first(done_t *self)
{
    s_forget(self, &self->ring[self->first]);
    self->first = (self->first + 1) % self->capacity;
    self->count--;
}

static void
s_keep(done_t *self, uint32_t index, job_t *job, uint64_t bytes)
{
    while (self->kept_bytes + bytes > self->kept_bytes_max ||
           list_is_empty(&self->free))
        s_drop(self, list_owner(list_first(&self->kept), kept_t, link));
    kept_t *kept = list_owner(list_first(&self->free), kept_t, link);
    list_remove(&kept->link);
    list_append(&self->kept, &kept->link);
    kept->payload = job->payload;
    kept->bytes = bytes;
    kept->entry = index;
    kept->tensors_count = job->tensors_count;
    memcpy(kept->tensors, job->tensors,
           job->tensors_count * sizeof job->tensors[0]);
    kept->path_count = job->path_count;
    memcpy(kept->path, job->path, job->path_count * sizeof job->path[0]);
    self->ring[index].kept = kept;
    self->kept_bytes += bytes;
    job->payload = NULL;
}

void
done_add(done_t *self, job_t *job, uint64_t bytes, int64_t now_us)
{
    assert(!done_find(self, &job->id));
    if (self->count == self->capacity)
        s_forget_first(self);
    uint32_t index = (self->first + self->count++) % self->capacity;
    self->ring[index] = (done_entry_t){.id = job->id,
                                       .ended_us = now_us,
                                       .code = job->outcome.code,
                                       .part = job->outcome.part,
                                       .live = true};
    index_add(&self->by_id, jobs_hash(self->key, &job->id), index);
    if (job->payload && bytes <= self->kept_bytes_max)
        s_keep(self, index, job, bytes);
    else if (job->payload)
        self->release(self->context, job->payload);
    job->payload = NULL;
}

const done_entry_t *
done_find(const done_t *self, const job_id_t *id)
{
    uint32_t row = index_find(&self->by_id, jobs_hash(self->key, id), s_match,
                              self->ring, id);
    return row == INDEX_NONE ? NULL : &self->ring[row];
}

void
done_take(done_t *self, job_t *job)
{
    uint32_t row = index_find(&self->by_id, jobs_hash(self->key, &job->id),
                              s_match, self->ring, &job->id);
    assert(row != INDEX_NONE);
    done_entry_t *entry = &self->ring[row];
    job->outcome.code = entry->code;
    job->outcome.part = entry->part;
    kept_t *kept = entry->kept;
    if (kept) {
        job->payload = kept->payload;
        job->tensors_count = kept->tensors_count;
        memcpy(job->tensors, kept->tensors,
               kept->tensors_count * sizeof kept->tensors[0]);
        job->path_count = kept->path_count;
        memcpy(job->path, kept->path, kept->path_count * sizeof *kept->path);
        s_unkeep(self, kept);
    }
    s_forget(self, entry);
}

void
done_expire(done_t *self, int64_t now_us)
{
    while (self->count > 0 &&
           now_us - self->ring[self->first].ended_us >= DONE_US)
        s_forget_first(self);
}

int64_t
done_next_us(const done_t *self)
{
    return self->count ? self->ring[self->first].ended_us + DONE_US : INT64_MAX;
}
