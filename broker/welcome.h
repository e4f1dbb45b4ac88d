/* What a client learns in WELCOME: the service in one info frame. */
#ifndef CONVOY_BROKER_WELCOME_H
#define CONVOY_BROKER_WELCOME_H

#include "broker/config.h"
#include "common/fault.h"
#include "common/wire.h"

/* The largest tensor that a job moves, in bytes, for one sample. */
uint64_t welcome_frame_bytes(const model_t *model);

/* A payload of one frame; frame_bytes_max is what the sockets take. NULL with
 * FAULT_CONFIG where model and config do not go together (more than the info
 * frame holds, an image of another shape than the input). */
payload_t *welcome_encode(const broker_config_t *config, const model_t *model,
                          uint64_t frame_bytes_max, fault_t *fault);

#endif
