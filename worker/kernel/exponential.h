/* exp(x) and what is made of it, lane by lane, without branches or tables: the
 * same bits with every C library. */
#ifndef CONVOY_WORKER_KERNEL_EXPONENTIAL_H
#define CONVOY_WORKER_KERNEL_EXPONENTIAL_H

#include <math.h>
#include <stdint.h>

#include "worker/kernel/vector.h"

/* |x| with the sign of `sign`. */
static inline vector_t
vector_signed(vector_t x, vector_t sign)
{
    vector_mask_t number =
        INT32_MAX - (vector_mask_t){0}; /* all but the sign */
    return VECTOR_CHOOSE(number, x, sign);
}

static inline vector_t
vector_absolute(vector_t x)
{
    return vector_signed(x, (vector_t){0});
}

/* For -87.3 <= x <= 89: exp(x) = 2^n exp(r) with n = round(x / ln 2) and |r| <=
 * ln 2 / 2; ln 2 is subtracted in two parts so that r is exact, and exp(r) is
 * its Taylor series to r^7. 2^n is made in two steps, first and second, as
 * 2^128 is no float. */
typedef struct exponential_parts {
    vector_t r;
    vector_t series; /* (exp(r) - 1) / r */
    vector_t first, second;
} exponential_parts_t;

static inline exponential_parts_t
exponential_split(vector_t x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23 pushes out the fraction */
    vector_t shifted = x * 1.44269504f + round;
    vector_t n = shifted - round;
    exponential_parts_t parts;
    parts.r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vector_t p = vector_all(1.0f / 5040.0f);
    p = p * parts.r + 1.0f / 720.0f;
    p = p * parts.r + 1.0f / 120.0f;
    p = p * parts.r + 1.0f / 24.0f;
    p = p * parts.r + 1.0f / 6.0f;
    p = p * parts.r + 0.5f;
    parts.series = p * parts.r + 1.0f;

    /* The low bits of `shifted` hold n; an exponent's begin at 23. */
    vector_mask_t whole = (vector_mask_t)shifted - 0x4b400000;
    vector_mask_t half = whole >> 1;
    parts.first = (vector_t)((half + 127) << 23);
    parts.second = (vector_t)((whole - half + 127) << 23);
    return parts;
}

/* exp(x). Relative error under 2e-7 for -87 < x < 88.7; below it is 0, so that
 * no later quotient is a subnormal number, which costs a hundred others; above,
 * where there is no such float, infinite; NaN gives NaN. */
static inline vector_t
exponential(vector_t x)
{
    vector_mask_t is_nothing = x < -87.3f;
    x = VECTOR_CHOOSE(is_nothing, (vector_t){0}, x);
    x = VECTOR_CHOOSE(x > 89.0f, vector_all(89.0f), x);
    exponential_parts_t parts = exponential_split(x);
    vector_t y = (parts.series * parts.r + 1.0f) * parts.first * parts.second;
    return VECTOR_CHOOSE(is_nothing, (vector_t){0}, y);
}

/* exp(x) - 1 for x <= 80, as exact where x is small. */
static inline vector_t
exponential_less_one(vector_t x)
{
    x = VECTOR_CHOOSE(x < -87.3f, vector_all(-87.3f), x);
    exponential_parts_t parts = exponential_split(x);
    vector_t power = parts.first * parts.second;
    return parts.series * parts.r * power + (power - 1.0f);
}

/* tanh(x) = (1 - exp(-2 x)) / (1 + exp(-2 x)) for x >= 0; relative error under
 * 4e-7. */
static inline vector_t
hyperbolic_tangent(vector_t x)
{
    vector_t less = exponential_less_one(-2.0f * vector_absolute(x));
    return vector_signed(less / (less + 2.0f), x);
}

/* erf(x): x P(x^2) / Q(x^2), fitted to the relative error (2e-8, and 5e-7 as
 * computed), and exactly 1 from 3.92 on, where float has no other number: GELU
 * would multiply by x what is missing to 1. */
static inline vector_t
error_function(vector_t x)
{
    vector_t t = x * x;
    vector_t p = vector_all(2.05008337e-06f), q = vector_all(3.80917372e-05f);
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
    vector_t one = vector_signed(vector_all(1.0f), x);
    return VECTOR_CHOOSE(t >= 3.92f * 3.92f, one, x * p / q);
}

/* log(1 + r) + n ln 2 for sqrt(1/2) <= 1 + r <= sqrt(2). The polynomial of
 * Cephes' logf (Moshier 1992). */
static inline vector_t
logarithm_of_parts(vector_t r, vector_t n)
{
    vector_t p = vector_all(7.0376836292e-2f);
    p = p * r - 1.1514610310e-1f;
    p = p * r + 1.1676998740e-1f;
    p = p * r - 1.2420140846e-1f;
    p = p * r + 1.4249322787e-1f;
    p = p * r - 1.6668057665e-1f;
    p = p * r + 2.0000714765e-1f;
    p = p * r - 2.4999993993e-1f;
    p = p * r + 3.3333331174e-1f;
    vector_t rest = r * r * (p * r - 0.5f) - n * 2.12194440e-4f;
    return rest + r + n * 0.693359375f;
}

/* log(x). Relative error under 3e-7; of 0 minus infinite, of less NaN. */
static inline vector_t
logarithm(vector_t x)
{
    const float tiny = 1.17549435e-38f; /* below it numbers lose digits */
    vector_t scaled = VECTOR_CHOOSE(x < tiny, x * 33554432.0f, x);
    vector_t lost = VECTOR_CHOOSE(x < tiny, vector_all(25.0f), (vector_t){0});
    vector_mask_t bits = (vector_mask_t)vector_absolute(scaled);
    vector_mask_t n = (bits - 0x3f3504f3) >> 23; /* sqrt(1/2) */
    vector_t r = (vector_t)(bits - n * (1 << 23)) - 1.0f;
    vector_t whole = __builtin_convertvector(n, vector_t) - lost;
    vector_t y = logarithm_of_parts(r, whole);
    y = VECTOR_CHOOSE(x == 0.0f, vector_all(-INFINITY), y);
    y = VECTOR_CHOOSE(x <= 3.4028235e38f, y, x); /* infinite or NaN */
    return VECTOR_CHOOSE(x < 0.0f, vector_all(NAN), y);
}

/* log(1 + x) for 0 <= x <= 1, as exact where x is small. */
static inline vector_t
logarithm_of_one_more(vector_t x)
{
    vector_t half = (x - 1.0f) * 0.5f; /* of 1 + x, less one */
    vector_t r = VECTOR_CHOOSE(x > 0.41421356f, half, x);
    vector_t n =
        VECTOR_CHOOSE(x > 0.41421356f, vector_all(1.0f), (vector_t){0});
    return logarithm_of_parts(r, n);
}

#endif
