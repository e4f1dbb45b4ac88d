/* exp(x) and what is made of it, without branches or tables, so that compilers
 * can do several at once and every C library gives the same bits. */
#ifndef CONVOY_WORKER_KERNEL_EXPONENTIAL_H
#define CONVOY_WORKER_KERNEL_EXPONENTIAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 is
 * subtracted in two parts so that r is exact, and exp(r) is its Taylor series
 * to r^7. 2^n is made in two steps, first and second, as 2^128 is no float. */
typedef struct exponential_parts {
    float r;
    float series; /* (exp(r) - 1) / r */
    float first, second;
} exponential_parts_t;

static inline exponential_parts_t
exponential_split(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23 pushes out the fraction */
    x = x < -87.3f ? -87.3f : x;
    x = x > 88.72f ? 88.72f : x;
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    exponential_parts_t parts;
    parts.r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * parts.r + 1.0f / 720.0f;
    p = p * parts.r + 1.0f / 120.0f;
    p = p * parts.r + 1.0f / 24.0f;
    p = p * parts.r + 1.0f / 6.0f;
    p = p * parts.r + 0.5f;
    parts.series = p * parts.r + 1.0f;

    /* The low bits of `shifted` hold n. */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    int32_t whole = bits - 0x4b400000;
    int32_t half = whole >> 1;
    int32_t first = (int32_t)((uint32_t)(half + 127) << 23);
    int32_t second = (int32_t)((uint32_t)(whole - half + 127) << 23);
    memcpy(&parts.first, &first, sizeof first);
    memcpy(&parts.second, &second, sizeof second);
    return parts;
}

/* exp(x). Relative error under 2e-7 for -87 < x < 88.7; below it is 0, so that
 * no later quotient is a subnormal number, which costs a hundred others; above
 * infinite; NaN gives NaN. */
static inline float
exponential(float x)
{
    exponential_parts_t parts = exponential_split(x);
    float y = (parts.series * parts.r + 1.0f) * parts.first * parts.second;
    y = x < -87.3f ? 0.0f : y;
    return x > 88.72f ? INFINITY : y;
}

/* exp(x) - 1 for x <= 80, as exact where x is small. */
static inline float
exponential_less_one(float x)
{
    exponential_parts_t parts = exponential_split(x);
    float power = parts.first * parts.second;
    return parts.series * parts.r * power + (power - 1.0f);
}

/* tanh(x) = (1 - exp(-2 x)) / (1 + exp(-2 x)) for x >= 0; relative error under
 * 4e-7. */
static inline float
hyperbolic_tangent(float x)
{
    float less = exponential_less_one(-2.0f * fabsf(x));
    return copysignf(less / (less + 2.0f), x);
}

/* erf(x): x P(x^2) / Q(x^2), fitted to the relative error (2e-8, and 5e-7 as
 * computed), and exactly 1 from 3.92 on, where float has no other number: GELU
 * would multiply by x what is missing to 1. */
static inline float
error_function(float x)
{
    float t = x * x;
    float p = 2.05008337e-06f, q = 3.80917372e-05f;
    p = p * t + 2.84883921e-04f;
    q = q * t + 1.16254610e-03f;
    p = p * t + 3.76565871e-03f;
    q = q * t + 1.49692995e-02f;
    p = p * t + 5.27488515e-02f;
    q = q * t + 1.14109501e-01f;
    p = p * t + 1.90407410e-01f;
    q = q * t + 5.02076924e-01f;
    p = p * t + 1.12837911f;
    q = q * t + 1.0f;
    float ratio = x * p / q;
    return t >= 3.92f * 3.92f ? copysignf(1.0f, x) : ratio;
}

#endif
