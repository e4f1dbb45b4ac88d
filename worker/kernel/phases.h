/* Vectors of every n-th number of a row, and back.
 *
 * A row in memory, cut into n vectors side by side, becomes n vectors of which
 * number p holds the row's numbers p, p + n, p + 2n and so on: its phases.
 */
#ifndef CONVOY_WORKER_KERNEL_PHASES_H
#define CONVOY_WORKER_KERNEL_PHASES_H

#include "worker/kernel/vector.h"

/* A vector whose lane j is lane INDEX(p, j) of a and b together. */
#if defined(__AVX512F__)
#define PHASES_PICK(a, b, INDEX, p)                                            \
    __builtin_shufflevector(                                                   \
        a, b, INDEX(p, 0), INDEX(p, 1), INDEX(p, 2), INDEX(p, 3), INDEX(p, 4), \
        INDEX(p, 5), INDEX(p, 6), INDEX(p, 7), INDEX(p, 8), INDEX(p, 9),       \
        INDEX(p, 10), INDEX(p, 11), INDEX(p, 12), INDEX(p, 13), INDEX(p, 14),  \
        INDEX(p, 15))
#elif defined(__AVX__)
#define PHASES_PICK(a, b, INDEX, p)                                            \
    __builtin_shufflevector(a, b, INDEX(p, 0), INDEX(p, 1), INDEX(p, 2),       \
                            INDEX(p, 3), INDEX(p, 4), INDEX(p, 5),             \
                            INDEX(p, 6), INDEX(p, 7))
#else
#define PHASES_PICK(a, b, INDEX, p)                                            \
    __builtin_shufflevector(a, b, INDEX(p, 0), INDEX(p, 1), INDEX(p, 2),       \
                            INDEX(p, 3))
#endif

/* Every second lane, and two vectors lane by lane, first or second half. */
#define PHASES_HALF(p, j) (2 * (j) + (p))
#define PHASES_ZIP(p, j)                                                       \
    (((p)*VECTOR_LANES + (j)) / 2 + ((j) % 2) * VECTOR_LANES)

static inline void
phases_split_2(vector_t *to, vector_t a, vector_t b)
{
    to[0] = PHASES_PICK(a, b, PHASES_HALF, 0);
    to[1] = PHASES_PICK(a, b, PHASES_HALF, 1);
}

static inline void
phases_join_2(vector_t *to, vector_t a, vector_t b)
{
    to[0] = PHASES_PICK(a, b, PHASES_ZIP, 0);
    to[1] = PHASES_PICK(a, b, PHASES_ZIP, 1);
}

/* to[count] are the phases of a row from[count]; count is 2 or 4, and a
 * constant where this is inlined. */
static inline __attribute__((always_inline)) void
phases_split(int count, vector_t *to, const vector_t *from)
{
    if (count == 2) {
        phases_split_2(to, from[0], from[1]);
        return;
    }
    vector_t low[2], high[2], pair[2];
    phases_split_2(low, from[0], from[1]);
    phases_split_2(high, from[2], from[3]);
    for (int p = 0; p < 2; p++) {
        phases_split_2(pair, low[p], high[p]);
        to[p] = pair[0];
        to[2 + p] = pair[1];
    }
}

/* The row of the phases from[count]. */
static inline __attribute__((always_inline)) void
phases_join(int count, vector_t *to, const vector_t *from)
{
    if (count == 2) {
        phases_join_2(to, from[0], from[1]);
        return;
    }
    vector_t even[2], odd[2];
    phases_join_2(even, from[0], from[2]);
    phases_join_2(odd, from[1], from[3]);
    for (int p = 0; p < 2; p++)
        phases_join_2(to + 2 * p, even[p], odd[p]);
}

#endif
