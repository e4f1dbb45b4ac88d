/* Where the time of a model's runs goes, step by step. */
#include "worker/profile.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

enum {
    RUNS_MAX = 1000,
    NODE_WIDTH = 40, /* bytes of a name that are shown */
    WHAT_WIDTH = 28,
};

int
profile_init(profile_t *self, const session_t *session, fault_t *fault)
{
    *self = (profile_t){0};
    const lap_t *laps = session_laps(session, &self->rows_count);
    size_t count = self->rows_count;
    self->rows = mem_new(count, sizeof *self->rows, fault);
    self->sums = mem_new(count, sizeof *self->sums, fault);
    self->times_ns = mem_new(count, RUNS_MAX * sizeof *self->times_ns, fault);
    if (!self->rows || !self->sums || !self->times_ns)
        return -1;
    for (size_t i = 0; i < count; i++)
        self->rows[i].lap = &laps[i];
    return 0;
}

void
profile_release(profile_t *self)
{
    free(self->rows);
    free(self->sums);
    free(self->times_ns);
    *self = (profile_t){0};
}

void
profile_add(profile_t *self)
{
    if (self->runs == RUNS_MAX)
        return;
    for (size_t i = 0; i < self->rows_count; i++)
        self->times_ns[i * RUNS_MAX + self->runs] = self->rows[i].lap->ns;
    self->runs++;
}

static int
s_by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int
s_longest_first(const void *a, const void *b)
{
    const profile_sum_t *x = a, *y = b;
    return x->ms < y->ms ? 1 : x->ms > y->ms ? -1 : strcmp(x->op, y->op);
}

/* The sum that a lap belongs to, made where it is the first. */
static profile_sum_t *
s_sum(profile_t *self, const lap_t *lap)
{
    profile_sum_t *sum = self->sums;
    for (; sum < self->sums + self->sums_count; sum++)
        if (strcmp(sum->op, lap->op) == 0 && strcmp(sum->way, lap->way) == 0)
            return sum;
    self->sums_count++;
    *sum = (profile_sum_t){.op = lap->op, .way = lap->way};
    return sum;
}

static double
s_share(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

void
profile_settle(profile_t *self, int batch)
{
    for (size_t i = 0; i < self->rows_count && self->runs > 0; i++) {
        profile_row_t *row = &self->rows[i];
        int64_t *times_ns = self->times_ns + i * RUNS_MAX;
        qsort(times_ns, self->runs, sizeof *times_ns, s_by_size);
        row->ms = (double)times_ns[self->runs / 2] / 1e6;
        row->gflops = s_share(row->lap->flop * batch, row->ms * 1e6);
        self->ms += row->ms;
        profile_sum_t *sum = s_sum(self, row->lap);
        sum->steps++;
        sum->ms += row->ms;
        sum->gflops += row->lap->flop * batch / 1e6; /* divided below */
    }
    for (size_t i = 0; i < self->rows_count; i++)
        self->rows[i].share = s_share(self->rows[i].ms, self->ms);
    for (size_t i = 0; i < self->sums_count; i++) {
        profile_sum_t *sum = &self->sums[i];
        sum->share = s_share(sum->ms, self->ms);
        sum->gflops = s_share(sum->gflops, sum->ms);
    }
    qsort(self->sums, self->sums_count, sizeof *self->sums, s_longest_first);
}

const char *
profile_tail(const char *node)
{
    size_t length = strlen(node);
    const char *tail = length > NODE_WIDTH ? node + length - NODE_WIDTH : node;
    while ((*tail & 0xc0) == 0x80) /* not from within a character */
        tail++;
    return tail;
}

const char *
profile_what(const profile_row_t *row, char *text, size_t size)
{
    snprintf(text, size, "%s%s", row->lap->op, row->lap->fused);
    return text;
}

void
profile_print(const profile_t *self, FILE *file)
{
    char what[128];
    fprintf(file, "%-*s %-*s %-13s %-18s %9s %6s %8s\n", NODE_WIDTH, "node",
            WHAT_WIDTH, "operator", "way", "output", "ms", "share", "GFLOP/s");
    for (size_t i = 0; i < self->rows_count; i++) {
        const profile_row_t *row = &self->rows[i];
        fprintf(file, "%-*s %-*s %-13s %-18s %9.4f %5.1f%% %8.1f\n", NODE_WIDTH,
                profile_tail(row->lap->node), WHAT_WIDTH,
                profile_what(row, what, sizeof what), row->lap->way,
                row->lap->out, row->ms, 100.0 * row->share, row->gflops);
    }
    fprintf(file, "\n%-*s %-13s %5s %9s %6s %8s\n", WHAT_WIDTH, "operator",
            "way", "steps", "ms", "share", "GFLOP/s");
    for (size_t i = 0; i < self->sums_count; i++) {
        const profile_sum_t *sum = &self->sums[i];
        fprintf(file, "%-*s %-13s %5d %9.4f %5.1f%% %8.1f\n", WHAT_WIDTH,
                sum->op, sum->way, sum->steps, sum->ms, 100.0 * sum->share,
                sum->gflops);
    }
    fprintf(file, "%-*s %-13s %5zu %9.4f\n", WHAT_WIDTH, "all", "",
            self->rows_count, self->ms);
}

json_t *
profile_json(const profile_t *self)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < self->rows_count; i++) {
        const profile_row_t *row = &self->rows[i];
        const lap_t *lap = row->lap;
        json_t *object = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:f}", "node", lap->node, "op",
            lap->op, "way", lap->way, "fused", lap->fused, "out", lap->out,
            "ms", row->ms, "share", row->share, "gflops", row->gflops);
        if (json_array_append_new(array, object) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}
