/* What the broker program does: one function a command line. */
#ifndef CONVOY_BROKER_COMMAND_H
#define CONVOY_BROKER_COMMAND_H

#include <stdbool.h>

#include "common/fault.h"

typedef struct command_options {
    const char *config; /* a pipeline.cfg */
    bool check, plan, json, reference;
    const char *export;               /* folder, or NULL */
    const char *keygen, *role, *name; /* or NULL */
} command_options_t;

/* Do what the options say; serving is what is left when they say nothing.
 * Blocks until it is done. -1 with FAULT_USAGE where options contradict each
 * other, or the fault whose exit status the process ends with. */
int command_run(const command_options_t *options, fault_t *fault);

#endif
