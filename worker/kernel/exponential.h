/* exp(x) without branches or tables, so that compilers can do several at once
 * and every C library gives the same bits. */
#ifndef CONVOY_WORKER_KERNEL_EXPONENTIAL_H
#define CONVOY_WORKER_KERNEL_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

/* Relative error under 2e-7 for -87 < x < 88; below it is 0 or tiny, above
 * infinite or huge; NaN gives NaN.
 *
 * exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 is
 * subtracted in two parts so that r is exact, and exp(r) is its Taylor series
 * to r^7. */
static inline float
exponential(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23 pushes out the fraction */
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.7f ? 88.7f : x;
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;

    /* 2^n is made in two steps, since 2^128 is no float. The low bits of
     * `shifted` hold n. */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    int32_t whole = bits - 0x4b400000;
    int32_t half = whole >> 1;
    int32_t first = (int32_t)((uint32_t)(half + 127) << 23);
    int32_t second = (int32_t)((uint32_t)(whole - half + 127) << 23);
    float a, b;
    memcpy(&a, &first, sizeof a);
    memcpy(&b, &second, sizeof b);
    return p * a * b;
}

#endif
