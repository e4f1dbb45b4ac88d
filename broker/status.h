/* What `client --status --json` shows, as the broker sends it. */
#ifndef CONVOY_BROKER_STATUS_H
#define CONVOY_BROKER_STATUS_H

#include <stdint.h>

#include <jansson.h>

#include "broker/core.h"
#include "common/fault.h"
#include "common/model/model.h"

/* Workers that are listed; with more of them "workers_left_out" says how many
 * are not, so that the frame stays below PROTO_INFO_MAX. */
enum { STATUS_WORKERS_MAX = 3000 };

/* A new JSON object, or NULL with FAULT_MEMORY. */
json_t *status_encode(const core_t *core, const model_t *model, int64_t now_us,
                      fault_t *fault);

#endif
