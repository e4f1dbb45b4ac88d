/* client --drain: one worker finishes what it has and leaves. */
#include "client/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum { ASK_MS = 5000, POLL_MS = 100 };

/* 1: there, 0: not there, -1: the broker did not say. */
static int
s_is_there(link_t *link, const char *worker, fault_t *fault)
{
    json_t *status = link_status(link, ASK_MS, fault);
    if (!status)
        return -1;
    const json_t *workers = json_object_get(status, "workers");
    int there = 0;
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(workers, i), "name"));
        if (name && strcmp(name, worker) == 0)
            there = 1;
    }
    json_decref(status);
    return there;
}

static int
s_wait(const flags_t *flags, link_t *link, fault_t *fault)
{
    int64_t until = clock_ms() + flags->timeout_ms;
    int there;
    while ((there = s_is_there(link, flags->drain, fault)) == 1) {
        outcome_t outcome;
        if (clock_ms() >= until)
            return fault_set(fault, FAULT_TIMEOUT,
                             "worker %s has not left within %lld ms",
                             flags->drain, (long long)flags->timeout_ms);
        if (link_wait(link, POLL_MS, &outcome, fault) < 0)
            return -1;
    }
    return there;
}

int
cmd_drain(const flags_t *flags, link_t *link, fault_t *fault)
{
    if (link_connect(link, flags->connect_timeout_ms, fault))
        return -1;
    int there = s_is_there(link, flags->drain, fault);
    if (there == 0)
        return fault_set(fault, FAULT_INPUT, "--drain: no worker is called %s",
                         flags->drain);
    if (there < 0 || link_drain(link, flags->drain, ASK_MS, fault) ||
        s_wait(flags, link, fault))
        return -1;
    printf("%s has left\n", flags->drain);
    return 0;
}
