/* broker: cut a network in parts, hand them out, route jobs through them. */
#include <stddef.h>

#include "broker/command.h"
#include "common/logger.h"
#include "common/options.h"

static const char *const usages[] = {
    "-c pipeline.cfg                  serve",
    "-c pipeline.cfg --check          say whether all is well",
    "-c pipeline.cfg --plan [--json]  what the cut costs",
    "-c pipeline.cfg --export DIR     write the parts and stop",
    "--keygen DIR                     make keys (not built yet)",
    NULL,
};

#define AT(member) .offset = offsetof(command_options_t, member)

static const option_t rows[] = {
    {.name = "config",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .value = "FILE",
     .environment = "CONVOY_CONFIG",
     AT(config),
     .help = "the pipeline.cfg; etc/reference.cfg shows every key"},
    {.name = "check",
     .kind = OPTION_FLAG,
     AT(check),
     .help = "read, check and cut the model, print what would be served"},
    {.name = "plan",
     .kind = OPTION_FLAG,
     AT(plan),
     .help = "print the parts, their cost and what to expect"},
    {.name = "json", .kind = OPTION_FLAG, AT(json), .help = "... as JSON"},
    {.name = "export",
     .kind = OPTION_TEXT,
     .value = "DIR",
     AT(export),
     .help = "write part-0.onnx and so on into a folder that is new, empty or "
             "of an earlier export, which is replaced"},
    {.name = "reference",
     .kind = OPTION_FLAG,
     AT(reference),
     .help = "print a config that shows every key with its default"},
    {.name = "keygen",
     .kind = OPTION_TEXT,
     .value = "DIR",
     AT(keygen),
     .help = "make keys for encryption (not built yet)"},
    {.name = "role",
     .kind = OPTION_TEXT,
     .value = "ROLE",
     .choices = "client|worker|admin",
     AT(role),
     .help = "whose keys"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .value = "NAME",
     AT(name),
     .help = "and what they are called"},
};

static const program_t program = {
    .name = "broker",
    .summary = "cuts a neural network in parts and routes jobs through the "
               "workers that serve them",
    .usages = usages,
    .options = rows,
    .count = sizeof rows / sizeof rows[0],
};

int
main(int argc, char **argv)
{
    fault_t fault = {0};
    options_t options = {0};
    command_options_t values = {0};
    int result = options_parse(&options, &program, &values, argc, argv, &fault);
    if (result == 0)
        result = command_run(&values, &fault);
    options_release(&options);
    if (result >= 0)
        return 0;
    logger_fault(&fault);
    return fault_exit_status(fault.code);
}
