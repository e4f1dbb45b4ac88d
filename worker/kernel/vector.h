/* Vectors of floats, as wide as the CPU level that a file is compiled for.
 *
 * Kernels are written once, in GCC's vector extensions: operators work lane by
 * lane, a product and a sum become one multiply-add where the level has it. A
 * block of sums that stays in registers has at most VECTOR_REGISTERS less what
 * its operands take. Only for files of this folder: what is outside is built
 * once, for the baseline, and asks kernels()->lanes.
 */
#ifndef CONVOY_WORKER_KERNEL_VECTOR_H
#define CONVOY_WORKER_KERNEL_VECTOR_H

#include <stdint.h>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { VECTOR_LANES = 16, VECTOR_REGISTERS = 32 };
#elif defined(__AVX__)
enum { VECTOR_LANES = 8, VECTOR_REGISTERS = 16 };
#elif defined(__aarch64__)
enum { VECTOR_LANES = 4, VECTOR_REGISTERS = 32 };
#else
enum { VECTOR_LANES = 4, VECTOR_REGISTERS = 16 };
#endif

typedef float vector_t __attribute__((vector_size(VECTOR_LANES * 4)));

/* What a comparison of vectors gives: -1 where it holds, 0 elsewhere. */
typedef int32_t vector_mask_t __attribute__((vector_size(VECTOR_LANES * 4)));

/* A vector in memory, at any address, whatever type it has there. */
typedef float vector_any_t
    __attribute__((vector_size(VECTOR_LANES * 4), aligned(4), may_alias));

static inline vector_t
vector_load(const float *from)
{
    return *(const vector_any_t *)from;
}

static inline void
vector_store(float *to, vector_t value)
{
    *(vector_any_t *)to = value;
}

/* All lanes the same. */
static inline vector_t
vector_all(float value)
{
    return value - (vector_t){0};
}

/* Lane by lane: where a lane of mask is -1 the one of `yes`, where 0 of `no`. A
 * macro, as GCC makes one instruction of it only where it sees the comparison.
 */
#define VECTOR_CHOOSE(mask, yes, no)                                           \
    ((vector_t)(((vector_mask_t)(yes) & (mask)) |                              \
                ((vector_mask_t)(no) & ~(mask))))

/* Each lane brought between two bounds, low first; a NaN stays one. */
static inline vector_t
vector_between(vector_t value, vector_t low, vector_t high)
{
    value = VECTOR_CHOOSE(value < low, low, value);
    return VECTOR_CHOOSE(value > high, high, value);
}

#endif
