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

/* Every third lane of three vectors: what lies in the first two, then the
 * third behind that. */
#define PHASES_AT3(p, j) (3 * (j) + (p))
#define PHASES_THIRD(p, j) (PHASES_AT3(p, j) % (2 * VECTOR_LANES))
#define PHASES_THIRD_END(p, j)                                                 \
    (PHASES_AT3(p, j) < 2 * VECTOR_LANES ? (j)                                 \
                                         : PHASES_AT3(p, j) - VECTOR_LANES)

/* Lane j of vector p of three joined: phases 0 and 1, then 2 between them. */
#define PHASES_OF3(p, j) ((p)*VECTOR_LANES + (j))
#define PHASES_JOIN(p, j)                                                      \
    (PHASES_OF3(p, j) / 3 + PHASES_OF3(p, j) % 3 % 2 * VECTOR_LANES)
#define PHASES_JOIN_END(p, j)                                                  \
    (PHASES_OF3(p, j) % 3 < 2 ? (j) : PHASES_OF3(p, j) / 3 + VECTOR_LANES)

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

#define PHASES_SPLIT_3(p)                                                      \
    PHASES_PICK(PHASES_PICK(a, b, PHASES_THIRD, p), c, PHASES_THIRD_END, p)
#define PHASES_JOIN_3(p)                                                       \
    PHASES_PICK(PHASES_PICK(a, b, PHASES_JOIN, p), c, PHASES_JOIN_END, p)

static inline void
phases_split_3(vector_t *to, vector_t a, vector_t b, vector_t c)
{
    to[0] = PHASES_SPLIT_3(0);
    to[1] = PHASES_SPLIT_3(1);
    to[2] = PHASES_SPLIT_3(2);
}

static inline void
phases_join_3(vector_t *to, vector_t a, vector_t b, vector_t c)
{
    to[0] = PHASES_JOIN_3(0);
    to[1] = PHASES_JOIN_3(1);
    to[2] = PHASES_JOIN_3(2);
}

/* to[count] are the phases of a row from[count]; count is 2, 4 or 6, and a
 * constant where this is inlined. */
static inline __attribute__((always_inline)) void
phases_split(int count, vector_t *to, const vector_t *from)
{
    vector_t half[6], phase[3];
    if (count == 2) {
        phases_split_2(to, from[0], from[1]);
        return;
    }
    for (int i = 0; i < count / 2; i++) {
        vector_t pair[2];
        phases_split_2(pair, from[2 * i], from[2 * i + 1]);
        half[i] = pair[0];
        half[3 + i] = pair[1];
    }
    for (int p = 0; p < 2; p++) {
        if (count == 4)
            phases_split_2(phase, half[3 * p], half[3 * p + 1]);
        else
            phases_split_3(phase, half[3 * p], half[3 * p + 1],
                           half[3 * p + 2]);
        for (int i = 0; i < count / 2; i++)
            to[2 * i + p] = phase[i];
    }
}

/* The row of the phases from[count]. */
static inline __attribute__((always_inline)) void
phases_join(int count, vector_t *to, const vector_t *from)
{
    vector_t half[6];
    if (count == 2) {
        phases_join_2(to, from[0], from[1]);
        return;
    }
    for (int p = 0; p < 2; p++) {
        if (count == 4)
            phases_join_2(half + 3 * p, from[p], from[2 + p]);
        else
            phases_join_3(half + 3 * p, from[p], from[2 + p], from[4 + p]);
    }
    for (int i = 0; i < count / 2; i++)
        phases_join_2(to + 2 * i, half[i], half[3 + i]);
}

#endif
