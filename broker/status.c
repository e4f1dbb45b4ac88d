/* What `client --status --json` shows. */
#include "broker/status.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Of this process, in MiB; 0 where the kernel does not say. */
static long
s_rss_mib(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (sysconf(_SC_PAGE_SIZE) / 1024) / 1024;
}

/* Open files and sockets, to see leaks from outside. */
static long
s_files(void)
{
    long count = -3; /* ".", ".." and the listing's own */
    DIR *listing = opendir("/proc/self/fd");
    if (!listing)
        return 0;
    while (readdir(listing))
        count++;
    closedir(listing);
    return count;
}

static json_t *
s_counters(const metrics_counters_t *counters)
{
    json_t *object = json_object();
    for (size_t i = 0; i < metrics_counter_count; i++) {
        const char *at =
            (const char *)counters + metrics_counter_table[i].offset;
        json_object_set_new(object, metrics_counter_table[i].name,
                            json_integer((json_int_t) * (const uint64_t *)at));
    }
    return object;
}

static json_t *
s_parts(const core_t *core, const model_t *model, int64_t now_us)
{
    json_t *list = json_array();
    for (int k = 0; k < model->parts_count; k++) {
        core_part_status_t part;
        char digest[DIGEST_HEX + 1];
        core_part_status(core, (uint16_t)k, now_us, &part);
        json_array_append_new(
            list,
            json_pack("{s:i, s:s, s:I, s:f, s:I, s:f, s:f, s:f, s:f, s:f}",
                      "part", k, "digest",
                      digest_text(&part.digest, digest, DIGEST_HEX), "queued",
                      (json_int_t)part.queued, "oldest_ms",
                      (double)part.oldest_us / 1e3, "workers",
                      (json_int_t)part.workers, "requests_per_s",
                      part.requests_per_s, "queue_ms", part.queue_us_p50 / 1e3,
                      "compute_ms", part.compute_us_p50 / 1e3, "queue_ms_p95",
                      part.queue_us_p95 / 1e3, "compute_ms_p95",
                      part.compute_us_p95 / 1e3));
    }
    return list;
}

/* A worker may grant more than JSON's integers hold. */
static json_int_t
s_count(uint64_t count)
{
    return count < INT64_MAX ? (json_int_t)count : INT64_MAX;
}

/* *left_out counts the workers behind STATUS_WORKERS_MAX. */
static json_t *
s_workers(const core_t *core, json_int_t *left_out)
{
    json_t *list = json_array();
    core_worker_status_t worker;
    uint32_t cursor = 0;
    while (core_worker_status(core, &cursor, &worker)) {
        if (json_array_size(list) == STATUS_WORKERS_MAX) {
            ++*left_out;
            continue;
        }
        json_array_append_new(
            list,
            json_pack(
                "{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:f}", "name",
                worker.name, "part", (int)worker.part, "state", worker.state,
                "credit", s_count(worker.credit), "leased",
                (json_int_t)worker.leased, "done", (json_int_t)worker.done,
                "failed", (json_int_t)worker.failed, "rss_mib",
                (json_int_t)worker.rss_mib, "cpu", worker.cpu_permille / 1e3));
    }
    return list;
}

json_t *
status_encode(const core_t *core, const model_t *model, int64_t now_us,
              fault_t *fault)
{
    core_status_t whole;
    char digest[DIGEST_HEX + 1], boot_id[17];
    json_int_t left_out = 0;
    core_status(core, now_us, &whole);
    snprintf(boot_id, sizeof boot_id, "%016" PRIx64, whole.boot_id);
    json_t *parts = s_parts(core, model, now_us);
    json_t *workers = s_workers(core, &left_out);
    json_t *status = json_pack(
        "{s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:{s:I, s:I}, "
        "s:I, s:I, s:I}",
        "model", model->name, "digest",
        digest_text(&model->digest, digest, DIGEST_HEX), "boot_id", boot_id,
        "uptime_s", (double)whole.uptime_us / 1e6, "queued",
        (json_int_t)whole.queued, "leased", (json_int_t)whole.leased,
        "bytes_held", (json_int_t)whole.bytes_held, "counters",
        s_counters(&whole.counters), "parts", parts, "workers", workers, "live",
        (json_int_t)whole.live, "sessions", "clients",
        (json_int_t)whole.clients, "workers", (json_int_t)whole.workers,
        "rss_mib", (json_int_t)s_rss_mib(), "fds", (json_int_t)s_files(),
        "workers_left_out", left_out);
    if (!status)
        return fault_null(fault, FAULT_MEMORY,
                          "no memory is left for the status");
    return status;
}
