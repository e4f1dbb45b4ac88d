/* What the command line said. */
#ifndef CONVOY_CLIENT_FLAGS_H
#define CONVOY_CLIENT_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/options.h"

typedef struct flags {
    options_list_t images;
    options_list_t tensors; /* [NAME=]IN.npy */
    options_list_t outputs; /* [NAME=]OUT.npy */
    bool status;
    bool bench;
    const char *drain; /* name of a worker */

    options_list_t brokers;
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    int64_t priority;
    int64_t top; /* 0: not given */
    bool json;
    const char *key;

    int64_t concurrency;
    int64_t requests; /* 0: not given */
    int64_t seconds;  /* 0: not given */

    bool verbose; /* info is shown: tell the path of each job */
} flags_t;

#endif
