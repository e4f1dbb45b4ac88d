/* SipHash-2-4. */
#include "broker/siphash.h"

static uint64_t
s_u64le(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static uint64_t
s_rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void
s_rounds(uint64_t v[4], int count)
{
    for (int i = 0; i < count; i++) {
        v[0] += v[1];
        v[1] = s_rotate(v[1], 13) ^ v[0];
        v[0] = s_rotate(v[0], 32);
        v[2] += v[3];
        v[3] = s_rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = s_rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = s_rotate(v[1], 17) ^ v[2];
        v[2] = s_rotate(v[2], 32);
    }
}

uint64_t
siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t size)
{
    const uint8_t *input = bytes;
    uint64_t k0 = s_u64le(key, 8), k1 = s_u64le(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                     k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573};
    size_t whole = size - size % 8;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = s_u64le(input + i, 8);
        v[3] ^= word;
        s_rounds(v, 2);
        v[0] ^= word;
    }
    uint64_t word = s_u64le(input + whole, size % 8) | (uint64_t)size << 56;
    v[3] ^= word;
    s_rounds(v, 2);
    v[0] ^= word;
    v[2] ^= 0xff;
    s_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
