/* Sixteen-bit floating point.
 *
 *             sign  exponent, bias   mantissa
 *   binary16    1       5, 15           10
 *   bfloat16    1       8, 127           7
 *   float32     1       8, 127          23
 */
#include "common/half.h"

#include <string.h>

enum {
    SIGN = 0x8000,
    SMALL = 0x400,     /* below: subnormal, units of 2^-24 */
    INFINITE = 0x7c00, /* above: NaN */
    QUIET = 0x7e00,
    REBIAS = (127 - 15) << 23,
    FLOAT_SMALL = 113 << 23,     /* 2^-14, the least normal binary16 */
    FLOAT_LARGE = 0x477ff000,    /* 65520 rounds to 65536, which is none */
    FLOAT_INFINITE = 0x7f800000, /* above: NaN */
};

static uint32_t
s_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float
s_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float
s_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & SIGN) << 16;
    uint32_t magnitude = half & (SIGN - 1);
    uint32_t bits = (magnitude << 13) + REBIAS;
    uint32_t small = s_bits((float)(int32_t)magnitude * 0x1p-24f);
    bits += magnitude >= INFINITE ? REBIAS : 0;
    return s_float(sign | (magnitude < SMALL ? small : bits));
}

/* 0.5 has units of 2^-24, so an addition rounds what is small. */
static uint16_t
s_to_half(float value)
{
    uint32_t bits = s_bits(value);
    uint32_t magnitude = bits & 0x7fffffff;
    uint32_t small = s_bits(s_float(magnitude) + 0.5f) - s_bits(0.5f);
    uint32_t half =
        ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (REBIAS >> 13);
    half = magnitude < FLOAT_SMALL ? small : half;
    half = magnitude >= FLOAT_LARGE ? INFINITE : half;
    half = magnitude > FLOAT_INFINITE ? QUIET : half;
    return (uint16_t)(half | (bits >> 16 & SIGN));
}

static uint16_t
s_to_bfloat(float value)
{
    uint32_t bits = s_bits(value);
    uint32_t magnitude = bits & 0x7fffffff;
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    uint32_t quiet = bits | 0x400000;
    return (uint16_t)((magnitude > FLOAT_INFINITE ? quiet : rounded) >> 16);
}

void
half_to_floats(float *to, const uint16_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = s_from_half(from[i]);
}

void
half_from_floats(uint16_t *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = s_to_half(from[i]);
}

void
bfloat_to_floats(float *to, const uint16_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = s_float((uint32_t)from[i] << 16);
}

void
bfloat_from_floats(uint16_t *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = s_to_bfloat(from[i]);
}
