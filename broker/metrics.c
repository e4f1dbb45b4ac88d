/* What the broker counts. */
#include "broker/metrics.h"

#include <string.h>

enum { HISTOGRAM_FULL = 4096, HISTOGRAM_EXACT = 1 << HISTOGRAM_SUB_BITS };

const metrics_counter_t metrics_counter_table[] = {
#define X(name) {#name, offsetof(metrics_counters_t, name)},
    METRICS_COUNTERS(X)
#undef X
};

const size_t metrics_counter_count =
    sizeof metrics_counter_table / sizeof metrics_counter_table[0];

/* Below HISTOGRAM_EXACT a bucket is one value; above, 8 to an octave. */
static uint32_t
s_bucket(uint64_t us)
{
    if (us < HISTOGRAM_EXACT)
        return (uint32_t)us;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(us) - HISTOGRAM_SUB_BITS;
    uint32_t bucket = octave * HISTOGRAM_EXACT + (uint32_t)(us >> octave);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest duration that falls into a bucket. */
static uint32_t
s_upper_us(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_EXACT)
        return bucket;
    uint32_t octave = bucket / HISTOGRAM_EXACT - 1;
    uint64_t base = bucket % HISTOGRAM_EXACT + HISTOGRAM_EXACT;
    uint64_t upper = ((base + 1) << octave) - 1;
    return upper < UINT32_MAX ? (uint32_t)upper : UINT32_MAX;
}

void
histogram_add(histogram_t *self, uint64_t us)
{
    if (self->total >= HISTOGRAM_FULL) {
        self->total = 0;
        for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
            self->total += self->counts[i] /= 2;
    }
    self->counts[s_bucket(us)]++;
    self->total++;
}

uint32_t
histogram_us(const histogram_t *self, uint32_t permille)
{
    uint64_t wanted = ((uint64_t)self->total * permille + 999) / 1000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += self->counts[i];
        if (seen > 0 && seen >= wanted)
            return s_upper_us(i);
    }
    return 0;
}

/* Buckets form a ring over seconds; those that were skipped are emptied. */
static void
s_advance(rate_t *self, int64_t second)
{
    int64_t gap = second - self->second;
    if (gap > RATE_SECONDS)
        gap = RATE_SECONDS + 1;
    for (int64_t i = 0; i < gap; i++)
        self->counts[(second - i) % (RATE_SECONDS + 1)] = 0;
    if (gap > 0)
        self->second = second;
}

void
rate_add(rate_t *self, int64_t now_us)
{
    s_advance(self, now_us / 1000000);
    self->counts[self->second % (RATE_SECONDS + 1)]++;
}

double
rate_per_s(const rate_t *self, int64_t now_us)
{
    rate_t copy = *self;
    s_advance(&copy, now_us / 1000000);
    uint32_t sum = 0;
    for (int i = 0; i <= RATE_SECONDS; i++)
        if (i != copy.second % (RATE_SECONDS + 1)) /* not yet whole */
            sum += copy.counts[i];
    return (double)sum / RATE_SECONDS;
}
