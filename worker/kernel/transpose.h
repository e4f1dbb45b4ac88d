/* A square of vectors turned: lane j of vector i becomes lane i of vector j. */
#ifndef CONVOY_WORKER_KERNEL_TRANSPOSE_H
#define CONVOY_WORKER_KERNEL_TRANSPOSE_H

#include "worker/kernel/phases.h"

/* Of two vectors `far` apart, the lanes with that bit change places. */
#define TRANSPOSE_LOW(far, j) ((j) & (far) ? VECTOR_LANES + (j) - (far) : (j))
#define TRANSPOSE_HIGH(far, j) ((j) & (far) ? VECTOR_LANES + (j) : (j) + (far))

#define TRANSPOSE_STAGE(far)                                                   \
    for (int i = 0; i + (far) < VECTOR_LANES; i++)                             \
        if (!(i & (far))) {                                                    \
            vector_t low = square[i], high = square[i + (far)];                \
            square[i] =                                                        \
                PHASES_PICK(low, high, TRANSPOSE_LOW, (far) % VECTOR_LANES);   \
            square[i + (far)] =                                                \
                PHASES_PICK(low, high, TRANSPOSE_HIGH, (far) % VECTOR_LANES);  \
        }

static inline __attribute__((always_inline)) void
transpose(vector_t square[VECTOR_LANES])
{
    TRANSPOSE_STAGE(8)
    TRANSPOSE_STAGE(4)
    TRANSPOSE_STAGE(2)
    TRANSPOSE_STAGE(1)
}

#endif
