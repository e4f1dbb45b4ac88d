/* Who is connected. */
#include "broker/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/siphash.h"
#include "common/mem.h"

static int
s_init_side(registry_side_t *self, uint32_t capacity, fault_t *fault)
{
    list_init(&self->free);
    self->capacity = capacity;
    self->rows = mem_new(capacity, sizeof *self->rows, fault);
    if (!self->rows || index_init(&self->by_peer, capacity, fault) != 0 ||
        index_init(&self->by_identity, capacity, fault) != 0 ||
        index_init(&self->by_name, capacity, fault) != 0)
        return -1;
    for (uint32_t i = 0; i < capacity; i++)
        list_append(&self->free, &self->rows[i].doom_link);
    return 0;
}

int
registry_init(registry_t *self, uint32_t clients, uint32_t workers,
              const uint8_t key[16], fault_t *fault)
{
    memset(self, 0, sizeof *self);
    memcpy(self->key, key, sizeof self->key);
    if (s_init_side(&self->sides[SIDE_CLIENTS], clients, fault) != 0 ||
        s_init_side(&self->sides[SIDE_WORKERS], workers, fault) != 0)
        return -1;
    return 0;
}

void
registry_release(registry_t *self)
{
    for (int i = 0; i < SIDES; i++) {
        free(self->sides[i].rows);
        index_release(&self->sides[i].by_peer);
        index_release(&self->sides[i].by_identity);
        index_release(&self->sides[i].by_name);
    }
}

uint64_t
registry_peer_hash(const registry_t *self, side_t side, const peer_t *peer)
{
    uint8_t bytes[PEER_BYTES_MAX + 2] = {(uint8_t)side, peer->size};
    memcpy(bytes + 2, peer->bytes, peer->size);
    return siphash(self->key, bytes, 2u + peer->size);
}

/* Clients are known by the half of the id that is also in their job ids. */
static size_t
s_identity_bytes(side_t side)
{
    return side == SIDE_CLIENTS ? CLIENT_ID_BYTES : PEER_ID_BYTES;
}

uint64_t
registry_identity_hash(const registry_t *self, side_t side,
                       const uint8_t peer_id[PEER_ID_BYTES])
{
    return siphash(self->key, peer_id, s_identity_bytes(side));
}

static uint64_t
s_name_hash(const registry_t *self, const char *name)
{
    return siphash(self->key, name, strlen(name));
}

static bool
s_match_peer(const void *table, uint32_t row, const void *key)
{
    const session_t *session = (const session_t *)table + row;
    const peer_t *peer = key;
    return session->peer.size == peer->size &&
           memcmp(session->peer.bytes, peer->bytes, peer->size) == 0;
}

static bool
s_match_client(const void *table, uint32_t row, const void *key)
{
    const session_t *session = (const session_t *)table + row;
    return memcmp(session->peer_id, key, CLIENT_ID_BYTES) == 0;
}

static bool
s_match_worker(const void *table, uint32_t row, const void *key)
{
    const session_t *session = (const session_t *)table + row;
    return memcmp(session->peer_id, key, PEER_ID_BYTES) == 0;
}

static bool
s_match_name(const void *table, uint32_t row, const void *key)
{
    const session_t *session = (const session_t *)table + row;
    return strcmp(session->worker.name, key) == 0;
}

static session_t *
s_find(const registry_side_t *side, const index_t *index, uint64_t hash,
       index_match_t *match, const void *key)
{
    uint32_t row = index_find(index, hash, match, side->rows, key);
    return row == INDEX_NONE ? NULL : &side->rows[row];
}

session_t *
registry_find(const registry_t *self, side_t side, const peer_t *peer)
{
    const registry_side_t *table = &self->sides[side];
    return s_find(table, &table->by_peer, registry_peer_hash(self, side, peer),
                  s_match_peer, peer);
}

session_t *
registry_find_identity(const registry_t *self, side_t side,
                       const uint8_t peer_id[PEER_ID_BYTES])
{
    const registry_side_t *table = &self->sides[side];
    return s_find(
        table, &table->by_identity, registry_identity_hash(self, side, peer_id),
        side == SIDE_CLIENTS ? s_match_client : s_match_worker, peer_id);
}

session_t *
registry_find_worker(const registry_t *self, const char *name)
{
    const registry_side_t *table = &self->sides[SIDE_WORKERS];
    return s_find(table, &table->by_name, s_name_hash(self, name), s_match_name,
                  name);
}

session_t *
registry_add(registry_t *self, side_t side, const peer_t *peer,
             const uint8_t peer_id[PEER_ID_BYTES], const char *name)
{
    registry_side_t *table = &self->sides[side];
    list_t *link = list_first(&table->free);
    if (!link)
        return NULL;
    list_remove(link);
    session_t *session = list_owner(link, session_t, doom_link);
    memset(session, 0, sizeof *session);
    list_init(&session->doom_link);
    list_init(&session->worker.leases);
    list_init(&session->client.jobs);
    list_init(&session->client.outbox);
    session->side = side;
    session->peer = *peer;
    memcpy(session->peer_id, peer_id, PEER_ID_BYTES);

    uint32_t row = (uint32_t)(session - table->rows);
    index_add(&table->by_peer, registry_peer_hash(self, side, peer), row);
    index_add(&table->by_identity, registry_identity_hash(self, side, peer_id),
              row);
    if (side == SIDE_WORKERS) {
        assert(strlen(name) <= PROTO_NAME_MAX);
        strcpy(session->worker.name, name);
        index_add(&table->by_name, s_name_hash(self, name), row);
    }
    table->count++;
    return session;
}

void
registry_remove(registry_t *self, session_t *session)
{
    side_t side = session->side;
    registry_side_t *table = &self->sides[side];
    uint32_t row = (uint32_t)(session - table->rows);
    index_remove(&table->by_peer,
                 registry_peer_hash(self, side, &session->peer), row);
    index_remove(&table->by_identity,
                 registry_identity_hash(self, side, session->peer_id), row);
    if (side == SIDE_WORKERS)
        index_remove(&table->by_name, s_name_hash(self, session->worker.name),
                     row);
    session->state = SESSION_FREE;
    list_remove(&session->doom_link);
    list_append(&table->free, &session->doom_link);
    table->count--;
}

session_t *
registry_row(const registry_t *self, side_t side, uint32_t index)
{
    const registry_side_t *table = &self->sides[side];
    return index < table->capacity ? &table->rows[index] : NULL;
}
