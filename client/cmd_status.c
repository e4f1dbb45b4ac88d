/* client --status: the fleet, as the broker's object or as tables. */
#include "client/commands.h"

#include <stdio.h>
#include <string.h>

#include "client/table.h"

static const table_column_t part_columns[] = {
    {"part", "part", 0},
    {"workers", "workers", 0},
    {"queued", "queued", 0},
    {"oldest ms", "oldest_ms", 0},
    {"requests/s", "requests_per_s", 1},
    {"queue ms", "queue_ms", 2},
    {"compute ms", "compute_ms", 2},
    {"digest", "digest", -12},
};

static const table_column_t worker_columns[] = {
    {"worker", "name", -40}, {"part", "part", 0},       {"state", "state", -16},
    {"credit", "credit", 0}, {"leased", "leased", 0},   {"done", "done", 0},
    {"failed", "failed", 0}, {"rss MiB", "rss_mib", 0}, {"cpu", "cpu", 2},
};

static double
s_number(const json_t *status, const char *key)
{
    return json_number_value(json_object_get(status, key));
}

static void
s_print_counters(const json_t *counters)
{
    const char *key, *before = "";
    json_t *value;
    printf("\ncounters: ");
    json_object_foreach((json_t *)(uintptr_t)counters, key, value)
    {
        if (json_number_value(value) == 0)
            continue;
        printf("%s%s %.0f", before, key, json_number_value(value));
        before = ", ";
    }
    printf("%s\n", *before ? "" : "all zero");
}

static void
s_print(const json_t *status)
{
    const char *model = json_string_value(json_object_get(status, "model"));
    const char *digest = json_string_value(json_object_get(status, "digest"));
    printf("%s (%.12s), up %.0f s: %.0f queued, %.0f leased, %.1f MiB held\n\n",
           model ? model : "?", digest ? digest : "?",
           s_number(status, "uptime_s"), s_number(status, "queued"),
           s_number(status, "leased"),
           s_number(status, "bytes_held") / (1 << 20));
    table_print(stdout, json_object_get(status, "parts"), part_columns,
                sizeof part_columns / sizeof part_columns[0]);
    putchar('\n');
    table_print(stdout, json_object_get(status, "workers"), worker_columns,
                sizeof worker_columns / sizeof worker_columns[0]);
    s_print_counters(json_object_get(status, "counters"));
}

int
cmd_status(const flags_t *flags, link_t *link, fault_t *fault)
{
    if (link_connect(link, flags->connect_timeout_ms, fault))
        return -1;
    json_t *status = link_status(link, flags->timeout_ms, fault);
    if (!status)
        return -1;
    if (flags->json) {
        json_dumpf(status, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        s_print(status);
    }
    json_decref(status);
    return 0;
}
