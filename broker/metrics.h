/* What the broker counts: events since start, and how long jobs of a part
 * wait and compute. Fixed size, nothing allocated.
 */
#ifndef CONVOY_BROKER_METRICS_H
#define CONVOY_BROKER_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* name, in the order and under the names of `client --status --json`. */
#define METRICS_COUNTERS(X)                                                    \
    X(accepted)     /* jobs admitted */                                        \
    X(ok)           /* jobs that ended in RESULT */                            \
    X(error)        /* jobs that ended in ERROR, by code: */                   \
    X(worker_error) /* ... 1xx and 2xx */                                      \
    X(deadline)                                                                \
    X(cancelled)                                                               \
    X(poison)                                                                  \
    X(attempts)                                                                \
    X(shutdown)                                                                \
    X(orphaned) /* jobs whose client never came back */                        \
    X(refused)  /* submissions that were wrong in themselves */                \
    X(busy_memory)                                                             \
    X(busy_queue)                                                              \
    X(busy_window)                                                             \
    X(busy_no_worker)                                                          \
    X(busy_draining)                                                           \
    X(dispatched)  /* JOBs sent */                                             \
    X(requeues)    /* attempts that have to be repeated */                     \
    X(handed_back) /* leases returned without an attempt counted */            \
    X(adopted)     /* running work taken over at a reconnect */                \
    X(lease_ended)                                                             \
    X(late_used)   /* results of an earlier attempt that won */                \
    X(dup_dropped) /* results for jobs already resolved or moved on */         \
    X(resubmitted) /* submissions of an id that was live or remembered */      \
    X(unknown)     /* messages about a job or session not known */             \
    X(malformed)                                                               \
    X(strikes)                                                                 \
    X(banned)                                                                  \
    X(rejected)                                                                \
    X(rehello)                                                                 \
    X(sessions_lost)                                                           \
    X(send_full) /* sends that a peer's full queue refused */

typedef struct metrics_counters {
#define X(name) uint64_t name;
    METRICS_COUNTERS(X)
#undef X
} metrics_counters_t;

/* For whoever prints them: name, and where in metrics_counters_t. */
typedef struct metrics_counter {
    const char *name;
    size_t offset;
} metrics_counter_t;

extern const metrics_counter_t metrics_counter_table[];
extern const size_t metrics_counter_count;

enum {
    HISTOGRAM_SUB_BITS = 3, /* 8 buckets an octave: within 12.5 % */
    HISTOGRAM_BUCKETS = 256,
    RATE_SECONDS = 5,
};

/* Durations in microseconds in logarithmic buckets. When it holds
 * HISTOGRAM_FULL samples all counts are halved, so old ones fade. */
typedef struct histogram {
    uint32_t total;
    uint16_t counts[HISTOGRAM_BUCKETS];
} histogram_t;

void histogram_add(histogram_t *self, uint64_t us);

/* The duration below which `permille` of the samples lie (the upper end of a
 * bucket); 0 without samples. */
uint32_t histogram_us(const histogram_t *self, uint32_t permille);

/* Events a second over the last RATE_SECONDS whole seconds: 0 again that long
 * after the last one. */
typedef struct rate {
    int64_t second; /* of the newest bucket */
    uint32_t counts[RATE_SECONDS + 1];
} rate_t;

void rate_add(rate_t *self, int64_t now_us);
double rate_per_s(const rate_t *self, int64_t now_us);

#endif
