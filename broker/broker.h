/* The broker's shell: sockets, clock and signals around the core.
 *
 *   ROUTER clients --\                       /--> ROUTER (any side)
 *   ROUTER workers ---+--> core (decides) --+
 *   signals, clock --/                       \--> part files, status
 *
 * One thread, nothing in it waits but the poll.
 */
#ifndef CONVOY_BROKER_BROKER_H
#define CONVOY_BROKER_BROKER_H

#include "broker/config.h"
#include "broker/store.h"
#include "common/fault.h"
#include "common/model/model.h"

typedef struct broker broker_t;

/* Everything short of sockets, so that it also is the last check of a config:
 * config, model and store (sealed) are borrowed until broker_destroy. NULL
 * with FAULT_CONFIG naming the limit that the model does not fit. */
broker_t *broker_new(const broker_config_t *config, const model_t *model,
                     const store_t *store, fault_t *fault);
void broker_destroy(broker_t **self);

/* Bind, print the readiness line on stdout, serve until SIGTERM or SIGINT and
 * then until accepted jobs are done. Blocks these signals for the process. -1
 * with FAULT_CONFIG (an endpoint), or FAULT_TIMEOUT where jobs were given up
 * after drain_ms or a second signal came. */
int broker_run(broker_t *self, fault_t *fault);

#endif
