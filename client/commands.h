/* The commands of the client. Each one connects the link when its own input is
 * checked, prints its results to stdout, and returns the exit status; -1 with
 * a fault that is not reported yet.
 */
#ifndef CONVOY_CLIENT_COMMANDS_H
#define CONVOY_CLIENT_COMMANDS_H

#include "client/flags.h"
#include "client/link.h"
#include "common/fault.h"

int cmd_image(const flags_t *flags, link_t *link, fault_t *fault);
int cmd_tensor(const flags_t *flags, link_t *link, fault_t *fault);
int cmd_status(const flags_t *flags, link_t *link, fault_t *fault);
int cmd_bench(const flags_t *flags, link_t *link, fault_t *fault);
int cmd_drain(const flags_t *flags, link_t *link, fault_t *fault);

#endif
