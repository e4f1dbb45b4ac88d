/* How many multiply-adds this CPU can do at most. */
#ifndef CONVOY_WORKER_KERNEL_PEAK_H
#define CONVOY_WORKER_KERNEL_PEAK_H

#include <stddef.h>

/* One way to do many independent vector multiply-adds in registers. */
typedef struct peak_loop {
    const char *name;
    int (*usable)(void);
    /* rounds times flop_a_round floating-point operations. */
    float (*run)(size_t rounds, float seed);
    size_t flop_a_round;
} peak_loop_t;

/* The loops of this machine; a NULL name ends the list. */
const peak_loop_t *peak_loops(void);

#endif
