/* worker: serves a part of a network, or runs a model on its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/logger.h"
#include "common/options.h"
#include "worker/agent.h"
#include "worker/bench.h"
#include "worker/compute.h"
#include "worker/engine/level.h"
#include "worker/engine/session.h"
#include "worker/engine/threads.h"
#include "worker/local.h"

typedef struct flags {
    const char *part;
    options_list_t brokers;
    const char *name;
    int64_t threads;
    const char *cpu;
    int64_t batch;
    const char *cache;
    const char *key;
    const char *model;
    bool local;
    options_list_t tensors;
    options_list_t outputs;
    bool bench;
    bool profile;
    const char *svg;
    bool no_winograd;
    int64_t seconds;
    bool json;
} flags_t;

static const option_t options_table[] = {
    {.name = "part",
     .kind = OPTION_TEXT,
     .value = "N|auto",
     .environment = "CONVOY_PART",
     .offset = offsetof(flags_t, part),
     .group = "Serve a part of a network",
     .help = "which part; auto: the one the broker needs most"},
    {.name = "broker",
     .kind = OPTION_LIST,
     .value = "ENDPOINT",
     .environment = "CONVOY_BROKER",
     .fallback = "tcp://127.0.0.1:5571",
     .max = 1,
     .belongs = "part",
     .offset = offsetof(flags_t, brokers),
     .help = "where the broker is"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .value = "NAME",
     .environment = "CONVOY_NAME",
     .belongs = "part",
     .offset = offsetof(flags_t, name),
     .help = "what this worker is called, unique at its broker; HOST-PID "
             "otherwise"},
    {.name = "cache",
     .kind = OPTION_TEXT,
     .value = "DIR",
     .environment = "CONVOY_CACHE",
     .belongs = "part",
     .offset = offsetof(flags_t, cache),
     .help = "where parts are kept; $XDG_CACHE_HOME/convoy otherwise"},
    {.name = "key",
     .kind = OPTION_TEXT,
     .value = "FILE",
     .environment = "CONVOY_KEY",
     .belongs = "part",
     .offset = offsetof(flags_t, key),
     .help = "secret key of this worker (not built yet)"},
    {.name = "threads",
     .kind = OPTION_INT,
     .value = "N",
     .environment = "CONVOY_THREADS",
     .min = 1,
     .max = THREADS_MAX,
     .offset = offsetof(flags_t, threads),
     .group = "Computing",
     .help = "threads that compute; the online CPUs otherwise"},
    {.name = "cpu",
     .kind = OPTION_TEXT,
     .value = "LEVEL",
     .environment = "CONVOY_CPU",
     .offset = offsetof(flags_t, cpu),
     .help = "CPU level of the kernels: baseline, avx2 or avx512; the best "
             "that there is otherwise"},
    {.name = "batch",
     .kind = OPTION_INT,
     .value = "N",
     .environment = "CONVOY_BATCH",
     .min = 1,
     .max = BATCH_MAX,
     .belongs = "part|bench",
     .offset = offsetof(flags_t, batch),
     .help = "largest number of jobs in one run: 8, or fewer large ones, where "
             "nothing is said; 1 with --bench"},
    {.name = "model",
     .kind = OPTION_TEXT,
     .value = "FILE.onnx",
     .offset = offsetof(flags_t, model),
     .group = "Run a model in this process, without a broker",
     .help = "the model, or a part written by broker --export"},
    {.name = "local",
     .kind = OPTION_FLAG,
     .offset = offsetof(flags_t, local),
     .help = "run it on the given tensors"},
    {.name = "tensor",
     .kind = OPTION_OPERANDS,
     .value = "[NAME=]IN.npy",
     .belongs = "local",
     .offset = offsetof(flags_t, tensors),
     .help = "with --local: the inputs"},
    {.name = "output",
     .kind = OPTION_OPERANDS,
     .value = "[NAME=]OUT.npy",
     .belongs = "local",
     .offset = offsetof(flags_t, outputs),
     .help = "with --local: where the outputs go; without names, all of "
             "them in order"},
    {.name = "bench",
     .kind = OPTION_FLAG,
     .offset = offsetof(flags_t, bench),
     .help = "time it on random input: median, minimum, GFLOP/s"},
    {.name = "profile",
     .kind = OPTION_FLAG,
     .belongs = "bench",
     .offset = offsetof(flags_t, profile),
     .help = "with --bench: time, GFLOP/s and algorithm of each node"},
    {.name = "svg",
     .kind = OPTION_TEXT,
     .value = "FILE.svg",
     .belongs = "bench",
     .offset = offsetof(flags_t, svg),
     .help = "with --bench: the profile as a chart too"},
    {.name = "no-winograd",
     .kind = OPTION_FLAG,
     .belongs = "local|bench",
     .offset = offsetof(flags_t, no_winograd),
     .help =
         "3x3 convolutions as the plain sum: slower, and to the last digits "
         "more accurate; what model.winograd = false gives a fleet"},
    {.name = "seconds",
     .kind = OPTION_INT,
     .value = "S",
     .fallback = "3",
     .min = 1,
     .max = 86400,
     .belongs = "bench",
     .offset = offsetof(flags_t, seconds),
     .help = "with --bench: how long"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .belongs = "bench",
     .offset = offsetof(flags_t, json),
     .help = "with --bench: print one JSON object"},
};

static const char *const usages[] = {
    "--part N|auto [--broker ENDPOINT] [--name NAME] [--threads N] "
    "[--batch N] [--cache DIR]",
    "--model FILE.onnx --local --tensor [NAME=]IN.npy... --output "
    "[NAME=]OUT.npy...",
    "--model FILE.onnx --bench [--batch N] [--threads N] "
    "[--seconds S] [--json] [--profile] [--svg FILE.svg]",
    NULL,
};

static const program_t program = {
    .name = "worker",
    .summary = "Computes one part of a network for a Convoy broker.",
    .usages = usages,
    .options = options_table,
    .count = sizeof options_table / sizeof options_table[0],
};

static int
s_parse_part(const char *text, int *part, fault_t *fault)
{
    *part = PROTO_PART_AUTO;
    if (strcmp(text, "auto") == 0)
        return 0;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || value >= PROTO_PART_AUTO)
        return fault_set(fault, FAULT_USAGE,
                         "--part %s: a number from 0 to %d or auto is expected",
                         text, PROTO_PART_AUTO - 1);
    *part = (int)value;
    return 0;
}

static int
s_check_name(const char *name, fault_t *fault)
{
    size_t size = strlen(name);
    if (size < 1 || size > PROTO_NAME_MAX)
        return fault_set(fault, FAULT_USAGE,
                         "--name %s: 1 to %d bytes are possible", name,
                         PROTO_NAME_MAX);
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return fault_set(fault, FAULT_USAGE,
                             "--name %s: letters, digits and punctuation "
                             "without spaces are possible",
                             name);
    return 0;
}

static int
s_serve(const flags_t *flags, fault_t *fault)
{
    agent_options_t options = {
        .broker = flags->brokers.items[0],
        .name = flags->name,
        .batch = flags->batch ? (int)flags->batch : COMPUTE_BATCH,
        .cache = flags->cache,
        .build = session_cpu(),
    };
    int threads = flags->threads ? (int)flags->threads : threads_online();
    if (flags->key)
        return fault_set(fault, FAULT_CONFIG,
                         "--key %s: encryption is not built yet", flags->key);
    if (s_parse_part(flags->part, &options.part, fault) ||
        (flags->name && s_check_name(flags->name, fault)))
        return -1;
    runner_t runner;
    if (wire_allow_files(WIRE_FILES, fault))
        return -1;
    if (compute_init(&runner, threads, (int)flags->batch, fault))
        return -1;
    wire_start();
    int result = agent_run(&options, &runner, fault);
    wire_stop();
    return result;
}

static int
s_run_local(const flags_t *flags, fault_t *fault)
{
    local_options_t options = {
        .model = flags->model,
        .threads = (int)flags->threads,
        .direct = flags->no_winograd,
        .tensors = flags->tensors.items,
        .tensors_count = flags->tensors.count,
        .outputs = flags->outputs.items,
        .outputs_count = flags->outputs.count,
    };
    return local_run(&options, fault);
}

static int
s_run_bench(const flags_t *flags, fault_t *fault)
{
    bench_options_t options = {
        .model = flags->model,
        .batch = (int)flags->batch,
        .threads = (int)flags->threads,
        .seconds = (double)flags->seconds,
        .direct = flags->no_winograd,
        .json = flags->json,
        .profile = flags->profile,
        .svg = flags->svg,
    };
    return bench_run(&options, fault);
}

/* What is asked for; a part from the environment gives way to --model. */
static const char *
s_command(const options_t *options, const flags_t *flags, fault_t *fault)
{
    if (flags->model && options_given(options, "part"))
        return fault_null(fault, FAULT_USAGE,
                          "--part and --model exclude each other: serve a "
                          "part, or run a model without a broker");
    if (flags->local && flags->bench)
        return fault_null(fault, FAULT_USAGE,
                          "--local and --bench exclude each other");
    if (!flags->model && (flags->local || flags->bench))
        return fault_null(fault, FAULT_USAGE, "--%s needs --model FILE.onnx",
                          flags->local ? "local" : "bench");
    if (!flags->model && !flags->part)
        return fault_null(fault, FAULT_USAGE,
                          "either --part or --model is needed");
    if (!flags->model)
        return "part";
    if (!flags->local && !flags->bench)
        return fault_null(fault, FAULT_USAGE,
                          "--model needs either --local or --bench");
    return flags->local ? "local" : "bench";
}

static int
s_run(const options_t *options, const flags_t *flags, fault_t *fault)
{
    const char *command = s_command(options, flags, fault);
    if (!command || options_check(options, &program, command, fault) ||
        level_choose(flags->cpu, fault))
        return -1;
    if (flags->local)
        return s_run_local(flags, fault);
    return flags->bench ? s_run_bench(flags, fault) : s_serve(flags, fault);
}

int
main(int argc, char **argv)
{
    options_t options = {0};
    flags_t flags = {0};
    fault_t fault = {0};
    int parsed = options_parse(&options, &program, &flags, argc, argv, &fault);
    if (parsed > 0) {
        options_release(&options);
        return 0;
    }
    int result = parsed < 0 ? -1 : s_run(&options, &flags, &fault);
    if (result != 0)
        logger_fault(&fault);
    options_release(&options);
    return result == 0 ? 0 : fault_exit_status(fault.code);
}
