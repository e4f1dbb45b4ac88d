/* client: pictures and tensors through a Convoy pipeline, and a look at it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/ledger.h"
#include "client/link.h"
#include "common/logger.h"
#include "common/options.h"
#include "common/wire.h"

enum { TIMEOUT_MS_MAX = 600000, INTERRUPTED_STATUS = 130 };

static volatile sig_atomic_t stop;

static const option_t options_table[] = {
    {.name = "image",
     .kind = OPTION_OPERANDS,
     .value = "FILE",
     .offset = offsetof(flags_t, images),
     .group = "What to do",
     .help = "say what is on pictures: files, folders (their *.png, *.jpg and "
             "*.jpeg) or - for one on standard input"},
    {.name = "tensor",
     .kind = OPTION_OPERANDS,
     .value = "[NAME=]IN.npy",
     .belongs = "tensor|bench",
     .offset = offsetof(flags_t, tensors),
     .help = "send the rows of NumPy files through the pipeline; a file whose "
             "name holds '=' as ./FILE"},
    {.name = "output",
     .kind = OPTION_OPERANDS,
     .value = "[NAME=]OUT.npy",
     .belongs = "tensor",
     .offset = offsetof(flags_t, outputs),
     .help = "with --tensor: where the results go"},
    {.name = "status",
     .kind = OPTION_FLAG,
     .offset = offsetof(flags_t, status),
     .help = "show the fleet; requests/s are those of the last 5 s"},
    {.name = "bench",
     .kind = OPTION_FLAG,
     .offset = offsetof(flags_t, bench),
     .help = "load the fleet in a closed loop and time it"},
    {.name = "drain",
     .kind = OPTION_TEXT,
     .value = "WORKER",
     .offset = offsetof(flags_t, drain),
     .help = "let one worker finish and leave, and wait until it is gone"},
    {.name = "broker",
     .kind = OPTION_LIST,
     .value = "ENDPOINT",
     .environment = "CONVOY_BROKER",
     .fallback = "tcp://127.0.0.1:5570",
     .max = 1,
     .offset = offsetof(flags_t, brokers),
     .group = "How",
     .help = "where the broker is"},
    {.name = "connect-timeout",
     .kind = OPTION_INT,
     .value = "MS",
     .environment = "CONVOY_CONNECT_TIMEOUT",
     .fallback = "5000",
     .min = 1,
     .max = TIMEOUT_MS_MAX,
     .offset = offsetof(flags_t, connect_timeout_ms),
     .help = "wait so long for a broker"},
    {.name = "timeout",
     .kind = OPTION_INT,
     .value = "MS",
     .environment = "CONVOY_TIMEOUT",
     .fallback = "30000",
     .min = 1,
     .max = TIMEOUT_MS_MAX,
     .offset = offsetof(flags_t, timeout_ms),
     .help = "wait so long for each result or answer"},
    {.name = "priority",
     .kind = OPTION_INT,
     .value = "0|1",
     .environment = "CONVOY_PRIORITY",
     .fallback = "0",
     .min = 0,
     .max = 1,
     .belongs = "image|tensor|bench",
     .offset = offsetof(flags_t, priority),
     .help = "1: ahead of ordinary jobs"},
    {.name = "top",
     .kind = OPTION_INT,
     .value = "K",
     .min = 1,
     .max = SERVICE_LABELS_MAX,
     .belongs = "image",
     .offset = offsetof(flags_t, top),
     .help = "with --image: that many classes (otherwise 1, in JSON 5)"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .belongs = "image|status|bench",
     .offset = offsetof(flags_t, json),
     .help = "print JSON: with --image one object a line, otherwise one"},
    {.name = "key",
     .kind = OPTION_TEXT,
     .value = "FILE",
     .environment = "CONVOY_KEY",
     .offset = offsetof(flags_t, key),
     .help = "secret key of this client (not built yet)"},
    {.name = "concurrency",
     .kind = OPTION_INT,
     .value = "N",
     .fallback = "1",
     .min = 1,
     .max = LEDGER_JOBS_MAX,
     .belongs = "bench",
     .offset = offsetof(flags_t, concurrency),
     .group = "With --bench",
     .help = "jobs in flight"},
    {.name = "requests",
     .kind = OPTION_INT,
     .value = "N",
     .min = 1,
     .max = INT32_MAX,
     .belongs = "bench",
     .offset = offsetof(flags_t, requests),
     .help = "end after so many; not with --seconds"},
    {.name = "seconds",
     .kind = OPTION_INT,
     .value = "S",
     .min = 1,
     .max = 86400,
     .belongs = "bench",
     .offset = offsetof(flags_t, seconds),
     .help = "send nothing more after so long: 5 where neither is given; what "
             "is under way then has its --timeout, or --connect-timeout where "
             "the broker is gone"},
};

static const char *const usages[] = {
    "--image FILE... [--top K] [--json] [--broker ENDPOINT]",
    "--tensor [NAME=]IN.npy --output [NAME=]OUT.npy",
    "--status [--json]",
    "--bench --concurrency N (--requests N | --seconds S) "
    "[--tensor IN.npy] [--json]",
    "--drain WORKER",
    NULL,
};

static const program_t program = {
    .name = "client",
    .summary = "Sends pictures and tensors through a Convoy pipeline.",
    .usages = usages,
    .options = options_table,
    .count = sizeof options_table / sizeof options_table[0],
    .brief = true,
    .log_level = "warning",
};

typedef struct command {
    const char *name;
    int (*run)(const flags_t *flags, link_t *link, fault_t *fault);
} command_t;

static const command_t commands[] = {
    {"image", cmd_image}, {"tensor", cmd_tensor}, {"status", cmd_status},
    {"bench", cmd_bench}, {"drain", cmd_drain},
};

/* The one command that is asked for; --tensor also belongs to --bench. */
static const command_t *
s_command(const options_t *options, const flags_t *flags, fault_t *fault)
{
    const command_t *found = NULL;
    int asked = 0;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const command_t *command = &commands[i];
        if (!options_given(options, command->name) ||
            (command->run == cmd_tensor && flags->bench))
            continue;
        found = command;
        asked++;
    }
    if (asked == 1)
        return found;
    if (flags->outputs.count && asked == 0)
        return fault_null(fault, FAULT_USAGE, "--output belongs to --tensor");
    return fault_null(fault, FAULT_USAGE,
                      "exactly one of --image, --tensor, --status, --bench and "
                      "--drain is needed (see --help)");
}

static int
s_check(const flags_t *flags, fault_t *fault)
{
    if (flags->key)
        return fault_set(fault, FAULT_CONFIG,
                         "--key %s: encryption is not built yet", flags->key);
    if (flags->requests && flags->seconds)
        return fault_set(fault, FAULT_USAGE,
                         "--bench ends after --requests or after --seconds, "
                         "both are given");
    if (flags->drain && !*flags->drain)
        return fault_set(fault, FAULT_USAGE,
                         "--drain: the name of the worker is empty");
    return 0;
}

static int
s_run(const options_t *options, const flags_t *flags, fault_t *fault)
{
    link_options_t about = {.broker = flags->brokers.items[0], .stop = &stop};
    const command_t *command = s_command(options, flags, fault);
    if (!command || options_check(options, &program, command->name, fault) ||
        s_check(flags, fault))
        return -1;
    link_t *link = link_new(&about, fault);
    int status = link ? command->run(flags, link, fault) : -1;
    link_destroy(&link);
    return status;
}

static void
s_on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* The second interrupt ends the process at once. */
static void
s_catch_signals(void)
{
    struct sigaction action = {.sa_handler = s_on_signal,
                               .sa_flags = SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
    flags_t flags = {0};
    options_t options;
    fault_t fault;
    int parsed = options_parse(&options, &program, &flags, argc, argv, &fault);
    int status = parsed > 0 ? EXIT_SUCCESS : -1;
    if (parsed == 0) {
        flags.verbose = logger_shows(LOGGER_INFO);
        s_catch_signals();
        status = wire_allow_files(WIRE_FILES, &fault);
        if (status == 0) {
            wire_start();
            status = s_run(&options, &flags, &fault);
            wire_stop();
        }
    }
    if (status >= 0 && fflush(stdout) != 0)
        status = fault_set(&fault, FAULT_SYSTEM, "standard output: %s",
                           strerror(errno));
    if (status < 0) {
        logger_fault(&fault);
        status = fault_exit_status(fault.code);
    }
    if (stop && status != EXIT_SUCCESS)
        status = INTERRUPTED_STATUS;
    options_release(&options);
    return status;
}
