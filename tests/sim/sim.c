/* The simulator's command line: many seeds, TAP on stdout. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/world.h"

enum { SEEDS_DEFAULT = 1000, EVENTS_DEFAULT = 2000, BATCH_SEEDS = 100 };

static struct {
    uint64_t seed;
    int seeds;
    int events;
    bool trace;
    bool stop; /* at the first seed that fails */
} s_options = {1, SEEDS_DEFAULT, EVENTS_DEFAULT, false, false};

static uint64_t s_seed; /* the one that runs, for the signal handler */
static metrics_counters_t s_counters;
static uint64_t s_hash;
static uint64_t s_events;

/* An assert inside the core: say which seed it was. */
static void
s_on_abort(int signal_number)
{
    (void)signal_number;
    char text[128];
    int size = snprintf(text, sizeof text,
                        "\nnot ok 1 - seed %llu ended in an assert; replay: "
                        "sim --seed %llu --seeds 1 --trace\n",
                        (unsigned long long)s_seed, (unsigned long long)s_seed);
    if (write(STDOUT_FILENO, text, (size_t)size) != size)
        _exit(135);
    _exit(134);
}

static void
s_sum(const metrics_counters_t *counters)
{
    for (size_t i = 0; i < metrics_counter_count; i++) {
        size_t offset = metrics_counter_table[i].offset;
        *(uint64_t *)(void *)((char *)&s_counters + offset) +=
            *(const uint64_t *)(const void *)((const char *)counters + offset);
    }
}

/* One seed; its trace hash, and whether everything held. */
static uint64_t
s_run(uint64_t seed, bool *good)
{
    static world_t world;
    s_seed = seed;
    world_init(&world, seed);
    world.trace = s_options.trace;
    while (!world.failed && world.events_count < (uint64_t)s_options.events)
        if (!world_step(&world))
            break;
    s_events += world.events_count;
    if (!world.failed)
        chaos_finish(&world);
    world_note(&world, (uint64_t)world.jobs_count);
    uint64_t hash = world.hash;
    world_release(&world);
    s_sum(&world.counters);
    *good = !world.failed;
    if (world.failed)
        printf("# seed %llu: %s\n# replay: sim --seed %llu --seeds 1 "
               "--events %d --trace\n",
               (unsigned long long)seed, world.failure,
               (unsigned long long)seed, s_options.events);
    return hash;
}

static int
s_batch(int test, uint64_t first, int count)
{
    int bad = 0;
    for (int i = 0; i < count; i++) {
        bool good;
        uint64_t hash = s_run(first + (uint64_t)i, &good);
        s_hash = (s_hash ^ hash) * 0x9e3779b97f4a7c15;
        bad += !good;
        if (bad && s_options.stop)
            exit(1);
    }
    printf("%s %d - seeds %llu to %llu keep every promise\n",
           bad ? "not ok" : "ok", test, (unsigned long long)first,
           (unsigned long long)first + (uint64_t)count - 1);
    fflush(stdout);
    return bad;
}

static int
s_same_twice(int test)
{
    bool good;
    uint64_t first = s_run(s_options.seed, &good);
    uint64_t again = s_run(s_options.seed, &good);
    printf("%s %d - a seed gives the same trace each time\n",
           first == again ? "ok" : "not ok", test);
    return first != again;
}

/* A simulation that never meets an event proves nothing about it. */
static int
s_all_met(int test)
{
    int missing = 0;
    for (size_t i = 0; i < metrics_counter_count; i++) {
        const metrics_counter_t *counter = &metrics_counter_table[i];
        uint64_t value =
            *(uint64_t *)(void *)((char *)&s_counters + counter->offset);
        printf("# %-16s %llu\n", counter->name, (unsigned long long)value);
        missing += value == 0;
    }
    printf("%s %d - every kind of event happened\n", missing ? "not ok" : "ok",
           test);
    return missing;
}

static int
s_parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'},
        {"events", required_argument, NULL, 'e'},
        {"trace", no_argument, NULL, 't'},
        {"stop", no_argument, NULL, 'x'},
        {0},
    };
    for (int option;
         (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's')
            s_options.seed = strtoull(optarg, NULL, 0);
        else if (option == 'n')
            s_options.seeds = atoi(optarg);
        else if (option == 'e')
            s_options.events = atoi(optarg);
        else if (option == 't')
            s_options.trace = true;
        else if (option == 'x')
            s_options.stop = true;
        else
            return -1;
    }
    return s_options.seeds > 0 && s_options.events > 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
    if (s_parse(argc, argv) != 0) {
        fprintf(stderr, "usage: sim [--seed S] [--seeds N] [--events N] "
                        "[--trace] [--stop]\n");
        return 64;
    }
    signal(SIGABRT, s_on_abort);
    int batches = (s_options.seeds + BATCH_SEEDS - 1) / BATCH_SEEDS;
    bool whole = s_options.seeds >= SEEDS_DEFAULT;
    printf("1..%d\n", batches + 1 + whole);
    int bad = 0, test = 1;
    for (int done = 0; done < s_options.seeds; done += BATCH_SEEDS) {
        int count = s_options.seeds - done < BATCH_SEEDS
                        ? s_options.seeds - done
                        : BATCH_SEEDS;
        bad += s_batch(test++, s_options.seed + (uint64_t)done, count);
    }
    printf("# %llu events, trace hash %016llx\n", (unsigned long long)s_events,
           (unsigned long long)s_hash);
    if (!s_options.trace)
        bad += s_same_twice(test++);
    if (whole)
        bad += s_all_met(test++);
    return bad ? 1 : 0;
}
