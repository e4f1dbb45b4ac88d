/* The machine's own limit, to compare with. */
#ifndef CONVOY_WORKER_ENGINE_PEAK_H
#define CONVOY_WORKER_ENGINE_PEAK_H

/* GFLOP/s of one CPU: the best that independent vector multiply-adds in
 * registers reach at the CPU level in use. Takes about 20 ms. */
double peak_gflops(void);

#endif
