/* A bounded reader over borrowed bytes. */
#include "common/cursor.h"

void
cursor_init(cursor_t *self, const void *bytes, size_t size)
{
    *self = (cursor_t){.bytes = bytes, .size = size};
}

size_t
cursor_left(const cursor_t *self)
{
    return self->failed ? 0 : self->size - self->offset;
}

bool
cursor_failed(const cursor_t *self)
{
    return self->failed;
}

const uint8_t *
cursor_take(cursor_t *self, size_t size)
{
    if (self->failed || size > self->size - self->offset) {
        self->failed = true;
        return NULL;
    }
    const uint8_t *bytes = self->bytes + self->offset;
    self->offset += size;
    return bytes;
}

static uint64_t
s_little(cursor_t *self, size_t size)
{
    const uint8_t *bytes = cursor_take(self, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static uint64_t
s_big(cursor_t *self, size_t size)
{
    const uint8_t *bytes = cursor_take(self, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t
cursor_u8(cursor_t *self)
{
    return (uint8_t)s_little(self, 1);
}

uint16_t
cursor_u16le(cursor_t *self)
{
    return (uint16_t)s_little(self, 2);
}

uint32_t
cursor_u32le(cursor_t *self)
{
    return (uint32_t)s_little(self, 4);
}

uint64_t
cursor_u64le(cursor_t *self)
{
    return s_little(self, 8);
}

uint16_t
cursor_u16be(cursor_t *self)
{
    return (uint16_t)s_big(self, 2);
}

uint32_t
cursor_u32be(cursor_t *self)
{
    return (uint32_t)s_big(self, 4);
}

uint64_t
cursor_u64be(cursor_t *self)
{
    return s_big(self, 8);
}
