/* pipeline.cfg: every key, its type, range, default and help in one table,
 * from which the parser and etc/reference.cfg both come.
 *
 * (The functions are not called config_*: those names are libconfig's.)
 */
#ifndef CONVOY_BROKER_CONFIG_H
#define CONVOY_BROKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/core.h"
#include "common/fault.h"
#include "common/image.h"
#include "common/model/model.h"
#include "common/settings.h"

enum {
    BROKER_CLIENTS_PORT = 5570,
    BROKER_WORKERS_PORT = 5571,
    BROKER_ENDPOINT_MAX = 256, /* bytes, with the NUL */
    BROKER_NAME_MAX = 64,      /* bytes of a model's name */
};

typedef struct broker_config {
    settings_t *settings; /* owns every text below */

    model_options_t model; /* folder is the caller's to fill in */
    settings_texts_t cuts; /* behind model.cuts */
    bool takes_images;
    image_transform_t image; /* if takes_images */

    char clients[BROKER_ENDPOINT_MAX]; /* canonical, on loopback */
    char workers[BROKER_ENDPOINT_MAX];
    core_config_t core; /* the limits; model, info, seed, boot_id are not */
    double link_mbps;
    uint32_t stall_ms;
} broker_config_t;

/* Read and check a config file: types, ranges, what belongs together, what is
 * not built yet. Files that it names are not opened. -1 with FAULT_CONFIG and
 * a sentence that names file, line and key; nothing to release then. */
int broker_config_load(broker_config_t *self, const char *path, fault_t *fault);

/* The same from memory. */
int broker_config_parse(broker_config_t *self, const char *text, size_t size,
                        const char *path, fault_t *fault);

void broker_config_release(broker_config_t *self);

/* etc/reference.cfg: the documented file that shows every key. */
int broker_config_write_reference(FILE *file, fault_t *fault);

#endif
