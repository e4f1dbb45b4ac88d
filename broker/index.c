/* From a hash to the number of a table's row. */
#include "broker/index.h"

#include <assert.h>
#include <stdlib.h>

#include "common/mem.h"

int
index_init(index_t *self, uint32_t capacity, fault_t *fault)
{
    uint32_t places = 16;
    while (places < 2 * (uint64_t)capacity)
        places *= 2;
    self->mask = places - 1;
    self->count = 0;
    self->capacity = capacity;
    self->entries = mem_new(places, sizeof *self->entries, fault);
    return self->entries ? 0 : -1;
}

void
index_release(index_t *self)
{
    free(self->entries);
    self->entries = NULL;
}

uint32_t
index_find(const index_t *self, uint64_t hash, index_match_t *match,
           const void *table, const void *key)
{
    uint32_t place = (uint32_t)hash & self->mask;
    for (; self->entries[place].row; place = (place + 1) & self->mask) {
        const index_entry_t *entry = &self->entries[place];
        if (entry->hash == hash && match(table, entry->row - 1, key))
            return entry->row - 1;
    }
    return INDEX_NONE;
}

void
index_add(index_t *self, uint64_t hash, uint32_t row)
{
    assert(self->count < self->capacity);
    uint32_t place = (uint32_t)hash & self->mask;
    while (self->entries[place].row)
        place = (place + 1) & self->mask;
    self->entries[place] = (index_entry_t){hash, row + 1};
    self->count++;
}

void
index_remove(index_t *self, uint64_t hash, uint32_t row)
{
    uint32_t hole = (uint32_t)hash & self->mask;
    while (self->entries[hole].row != row + 1 ||
           self->entries[hole].hash != hash) {
        assert(self->entries[hole].row);
        hole = (hole + 1) & self->mask;
    }
    /* Entries behind the hole whose way from home leads over it close it. */
    uint32_t place = hole;
    for (;;) {
        place = (place + 1) & self->mask;
        const index_entry_t *entry = &self->entries[place];
        if (!entry->row)
            break;
        uint32_t home = (uint32_t)entry->hash & self->mask;
        if (((place - home) & self->mask) >= ((place - hole) & self->mask)) {
            self->entries[hole] = *entry;
            hole = place;
        }
    }
    self->entries[hole].row = 0;
    self->count--;
}
