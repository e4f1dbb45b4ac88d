/* client --bench: a closed loop of N jobs at a time, and its latencies. */
#include "client/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/binding.h"
#include "client/dialog.h"
#include "common/clock.h"
#include "common/logger.h"
#include "common/mem.h"

enum { WAIT_MS = 200, SECONDS_DEFAULT = 5 };

typedef struct run {
    const flags_t *flags;
    link_t *link;
    const service_t *service;
    payload_t *input; /* shared by all jobs */
    tensor_header_t tensors[TENSORS_MAX];
    int64_t started_us;
    int64_t until_us;
    uint64_t requests_max;
    uint64_t started; /* each one ends in ok or errors, but for interrupts */
    uint64_t errors;
    int64_t *latencies_us;
    size_t ok;
    size_t capacity;
    logger_limit_t limit;
} run_t;

/* Random numbers in [-1, 1); whole ones are 0 or 1, which no table look-up
 * minds. */
static void
s_randomise(void *bytes, dtype_t dtype, int64_t elements)
{
    uint64_t state = 88172645463325252u;
    bool whole = dtype != DTYPE_FLOAT32 && dtype != DTYPE_FLOAT64 &&
                 dtype != DTYPE_FLOAT16 && dtype != DTYPE_BFLOAT16;
    for (int64_t i = 0; i < elements; i++) {
        double value =
            whole ? (double)dialog_random(&state, 2)
                  : (double)dialog_random(&state, 1 << 24) / (1 << 23) - 1;
        tensor_convert(dtype, (char *)bytes + (size_t)i * dtype_size(dtype),
                       DTYPE_FLOAT64, &value, 1);
    }
}

static int
s_random_input(run_t *run, fault_t *fault)
{
    for (int i = 0; i < run->service->inputs_count; i++) {
        const tensor_spec_t *spec = &run->service->inputs[i];
        shape_t shape = binding_shape(spec, 1);
        void *frame = payload_add_room(
            run->input, tensor_bytes(spec->dtype, &shape, 1), fault);
        if (!frame)
            return -1;
        s_randomise(frame, spec->dtype, shape_elements(&shape));
    }
    return 0;
}

/* The first row of given files. */
static int
s_given_input(run_t *run, fault_t *fault)
{
    const service_t *service = run->service;
    bindings_t inputs;
    int64_t rows;
    bool bare;
    int result =
        bindings_init(&inputs, BINDING_INPUT, run->flags->tensors.items,
                      run->flags->tensors.count, service->inputs,
                      service->inputs_count, fault);
    if (result == 0)
        result = bindings_read(&inputs, fault);
    if (result == 0)
        result = bindings_rows(&inputs, &rows, &bare, fault);
    if (result == 0 && rows == 0)
        result = fault_set(fault, FAULT_INPUT, "%s holds no row",
                           inputs.items[0].path);
    for (int i = 0; result == 0 && i < inputs.count; i++) {
        const tensor_spec_t *spec = inputs.items[i].spec;
        result =
            payload_add_copy(run->input, inputs.items[i].tensor.data,
                             tensor_bytes(spec->dtype, &spec->shape, 1), fault);
    }
    bindings_release(&inputs);
    return result;
}

static int
s_prepare(run_t *run, fault_t *fault)
{
    const service_t *service = run->service;
    run->input = payload_new(fault);
    if (!run->input)
        return -1;
    if (run->flags->tensors.count ? s_given_input(run, fault)
                                  : s_random_input(run, fault))
        return -1;
    for (int i = 0; i < service->inputs_count; i++) {
        const tensor_spec_t *spec = &service->inputs[i];
        run->tensors[i] = (tensor_header_t){
            .dtype = spec->dtype,
            .shape = binding_shape(spec, 1),
            .bytes = tensor_bytes(spec->dtype, &spec->shape, 1)};
    }
    return 0;
}

static int
s_start(run_t *run, fault_t *fault)
{
    request_t request = {.tensors_count = run->service->inputs_count,
                         .timeout_ms = run->flags->timeout_ms,
                         .priority = (int)run->flags->priority,
                         .payload = payload_share(run->input, fault)};
    if (!request.payload)
        return -1;
    memcpy(request.tensors, run->tensors, sizeof request.tensors);
    if (link_submit(run->link, &request, fault))
        return -1;
    run->started++;
    return 0;
}

static int
s_take(run_t *run, outcome_t *outcome, fault_t *fault)
{
    int result = 0;
    if (outcome->fault.code) {
        run->errors++;
        logger_limited(&run->limit, clock_ms(), LOGGER_ERROR, "%s (%s)",
                       outcome->fault.text, fault_name(outcome->fault.code));
    } else {
        result = mem_grow(&run->latencies_us, &run->capacity, run->ok + 1,
                          sizeof *run->latencies_us, fault);
        if (result == 0)
            run->latencies_us[run->ok++] = outcome->latency_us;
    }
    outcome_release(outcome);
    return result;
}

/* A broker may come back, so within --seconds its loss ends nothing; but nobody
 * waits for ever, or for long once the time is over. */
static bool
s_given_up(run_t *run)
{
    int64_t away_ms = link_away_ms(run->link);
    int64_t most_ms = run->flags->connect_timeout_ms;
    if (run->until_us == INT64_MAX && most_ms < run->flags->timeout_ms)
        most_ms = run->flags->timeout_ms;
    else if (clock_us() < run->until_us && run->until_us < INT64_MAX)
        return false;
    if (away_ms < most_ms)
        return false;
    size_t open = link_open(run->link);
    logger_error("there has been no broker for %.1f s: %zu requests are given "
                 "up",
                 (double)away_ms / 1000, open);
    run->errors += open;
    return true;
}

static int
s_loop(run_t *run, fault_t *fault)
{
    size_t concurrency = (size_t)run->flags->concurrency;
    for (;;) {
        while (run->started < run->requests_max && clock_us() < run->until_us &&
               link_open(run->link) < concurrency)
            if (s_start(run, fault))
                return -1;
        if (link_open(run->link) == 0)
            return 0;
        outcome_t outcome;
        int got = link_wait(run->link, WAIT_MS, &outcome, fault);
        if (got < 0 || (got && s_take(run, &outcome, fault)))
            return -1;
        if (!got && s_given_up(run))
            return 0;
    }
}

static int
s_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* By nearest rank, in ms; the latencies are sorted, and there are some. */
static double
s_percentile(const run_t *run, double percent)
{
    size_t rank = (size_t)(percent / 100 * (double)run->ok + 0.999999);
    if (rank < 1)
        rank = 1;
    return (double)run->latencies_us[(rank > run->ok ? run->ok : rank) - 1] /
           1000;
}

/* Where nothing came back there is no latency, not one of 0. */
static void
s_print_latencies(const run_t *run)
{
    if (run->ok)
        printf(run->flags->json
                   ? ",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,"
                     "\"max_ms\":%.3f"
                   : "latency: p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f "
                     "ms\n",
               s_percentile(run, 50), s_percentile(run, 90),
               s_percentile(run, 99), s_percentile(run, 100));
    else if (run->flags->json)
        printf(",\"p50_ms\":null,\"p90_ms\":null,\"p99_ms\":null,"
               "\"max_ms\":null");
}

static void
s_report(run_t *run)
{
    double seconds = (double)(clock_us() - run->started_us) / 1e6;
    double rate = seconds > 0 ? (double)run->ok / seconds : 0;
    if (run->ok)
        qsort(run->latencies_us, run->ok, sizeof *run->latencies_us, s_compare);
    printf(run->flags->json
               ? "{\"requests\":%llu,\"ok\":%zu,\"errors\":%llu,"
                 "\"retries\":%llu,\"seconds\":%.3f,"
                 "\"requests_per_s\":%.1f"
               : "%llu requests: %zu ok, %llu errors, %llu retries in %.2f s, "
                 "%.1f a second\n",
           (unsigned long long)(run->ok + run->errors), run->ok,
           (unsigned long long)run->errors,
           (unsigned long long)link_retries(run->link), seconds, rate);
    s_print_latencies(run);
    if (run->flags->json)
        printf("}\n");
    fflush(stdout); /* a second interrupt would lose it */
}

int
cmd_bench(const flags_t *flags, link_t *link, fault_t *fault)
{
    if (link_connect(link, flags->connect_timeout_ms, fault))
        return -1;
    int64_t seconds = flags->seconds;
    if (seconds == 0 && flags->requests == 0)
        seconds = SECONDS_DEFAULT;
    int64_t now = clock_us();
    run_t run = {
        .flags = flags,
        .link = link,
        .service = link_service(link),
        .started_us = now,
        .until_us = seconds ? now + seconds * 1000000 : INT64_MAX,
        .requests_max =
            flags->requests ? (uint64_t)flags->requests : UINT64_MAX,
    };
    int result = s_prepare(&run, fault);
    if (result == 0) {
        result = s_loop(&run, fault);
        s_report(&run);
    }
    payload_destroy(&run.input);
    free(run.latencies_us);
    if (result)
        return -1;
    return run.errors ? 1 : 0;
}
