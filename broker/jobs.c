/* The jobs that are live. */
#include "broker/jobs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/siphash.h"
#include "common/mem.h"

int
jobs_init(jobs_t *self, uint32_t capacity, uint16_t parts,
          const uint8_t key[16], fault_t *fault)
{
    memset(self, 0, sizeof *self);
    memcpy(self->key, key, sizeof self->key);
    list_init(&self->free);
    self->capacity = capacity;
    self->rows = mem_new(capacity, sizeof *self->rows, fault);
    self->paths = mem_new((size_t)capacity * parts, sizeof *self->paths, fault);
    if (!self->rows || !self->paths ||
        index_init(&self->by_id, capacity, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < capacity; i++) {
        self->rows[i].path = self->paths + (size_t)i * parts;
        list_append(&self->free, &self->rows[i].client_link);
    }
    return 0;
}

void
jobs_release(jobs_t *self)
{
    free(self->rows);
    free(self->paths);
    index_release(&self->by_id);
}

uint64_t
jobs_hash(const uint8_t key[16], const job_id_t *id)
{
    return siphash(key, id->bytes, sizeof id->bytes);
}

static bool
s_match(const void *table, uint32_t row, const void *key)
{
    const job_t *job = (const job_t *)table + row;
    return memcmp(&job->id, key, sizeof job->id) == 0;
}

job_t *
jobs_find(const jobs_t *self, const job_id_t *id)
{
    uint32_t row = index_find(&self->by_id, jobs_hash(self->key, id), s_match,
                              self->rows, id);
    return row == INDEX_NONE ? NULL : &self->rows[row];
}

/* Not one memset: the arrays are covered by their counts, and they are most
 * of the struct. */
static void
s_clear(job_t *job)
{
    path_step_t *path = job->path;
    memset(job, 0, offsetof(job_t, holders));
    job->holders_count = job->deaths_count = 0;
    job->payload = NULL;
    job->tensors_count = job->path_count = 0;
    job->charged_bytes = 0;
    job->path = path;
    job->outcome.code = job->outcome.part = 0;
    job->outcome.text[0] = '\0';
    list_init(&job->client_link);
    list_init(&job->outbox_link);
    list_init(&job->lease_link);
}

job_t *
jobs_add(jobs_t *self, const job_id_t *id)
{
    list_t *link = list_first(&self->free);
    if (!link)
        return NULL;
    list_remove(link);
    job_t *job = list_owner(link, job_t, client_link);
    s_clear(job);
    job->id = *id;
    job->age = ++self->age;
    job->orphan_us = INT64_MAX;
    index_add(&self->by_id, jobs_hash(self->key, id),
              (uint32_t)(job - self->rows));
    self->count++;
    return job;
}

void
jobs_remove(jobs_t *self, job_t *job)
{
    assert(!job->payload && !job->worker && !job->client);
    assert(!heap_holds(&job->queue) && !heap_holds(&job->end.node));
    assert(!heap_holds(&job->step.node));
    assert(list_is_empty(&job->client_link));
    assert(list_is_empty(&job->outbox_link));
    assert(list_is_empty(&job->lease_link));
    index_remove(&self->by_id, jobs_hash(self->key, &job->id),
                 (uint32_t)(job - self->rows));
    job->state = JOB_FREE;
    list_append(&self->free, &job->client_link);
    self->count--;
}

/* The oldest lease gives way: its result would be the latest of all. */
void
job_add_holder(job_t *self, uint64_t worker, uint16_t attempt)
{
    if (self->holders_count == HOLDERS_MAX) {
        memmove(self->holders, self->holders + 1,
                sizeof self->holders - sizeof self->holders[0]);
        self->holders_count--;
    }
    self->holders[self->holders_count++] = (holder_t){worker, attempt};
}

bool
job_was_held(const job_t *self, uint64_t worker, uint16_t attempt)
{
    for (int i = 0; i < self->holders_count; i++)
        if (self->holders[i].worker == worker &&
            self->holders[i].attempt == attempt)
            return true;
    return false;
}

void
job_add_death(job_t *self, uint64_t worker)
{
    for (int i = 0; i < self->deaths_count; i++)
        if (self->deaths[i] == worker)
            return;
    if (self->deaths_count < DEATHS_MAX)
        self->deaths[self->deaths_count++] = worker;
}

void
job_remove_death(job_t *self, uint64_t worker)
{
    for (int i = 0; i < self->deaths_count; i++)
        if (self->deaths[i] == worker) {
            self->deaths[i] = self->deaths[--self->deaths_count];
            return;
        }
}
