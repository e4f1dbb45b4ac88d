/* The one table of pipeline.cfg's keys: name, type, range, default, help. The
 * parser and etc/reference.cfg both come from it.
 */
#ifndef CONVOY_BROKER_CONFIG_KEYS_H
#define CONVOY_BROKER_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"

enum { CONFIG_MEMORY_MIB_MAX = 1 << 20 };

/* The values as they stand in the file. */
typedef struct config_values {
    const char *name, *weights, *file, *labels;
    int scores, boundary_dtype;
    bool ignore_unused, winograd;
    const setting_t *layers;
    int64_t parts;
    settings_texts_t cuts;
    settings_floats_t shares;
    settings_ints_t input;

    settings_ints_t size;
    int resize, filter, channels, layout;
    int64_t shorter;
    double range;
    settings_floats_t mean, std;

    const char *clients, *workers;
    int64_t memory_mib, frame_mib, queue_jobs, window_jobs, window_mib;
    int64_t sessions_clients, sessions_workers, heartbeat_ms, misses;
    int64_t lease_min_ms, lease_max_ms, stall_ms, attempts, drain_ms;
    double link_mbps;

    const char *keys;
    settings_texts_t plain_networks;
} config_values_t;

extern const settings_key_t config_keys[];
extern const size_t config_keys_count;

#endif
