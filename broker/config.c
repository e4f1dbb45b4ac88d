/* pipeline.cfg: from its values to checked options. */
#include "broker/config.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "broker/config_keys.h"
#include "common/wire.h"

enum { MIB = 1 << 20 };

/* --- faults that name a key -------------------------------------------- */

/* The node of a key in the file, or the nearest group around it. */
static const setting_t *
s_node(const settings_t *settings, const char *path)
{
    const setting_t *node = settings_root(settings);
    char name[SETTINGS_PATH_MAX];
    while (*path) {
        size_t size = strcspn(path, ".");
        assert(size < sizeof name);
        memcpy(name, path, size);
        name[size] = '\0';
        const setting_t *child = setting_find(node, name);
        if (!child)
            break;
        node = child;
        path += size + (path[size] == '.');
    }
    return node;
}

static bool
s_given(const settings_t *settings, const char *path)
{
    const char *last = strrchr(path, '.');
    const char *name = setting_name(s_node(settings, path));
    return name && strcmp(name, last ? last + 1 : path) == 0;
}

/* A fault of somebody who does not know the file: now it names the key. */
static int
s_blame(const settings_t *settings, const char *path, fault_t *fault)
{
    char text[FAULT_TEXT_MAX + 1];
    if (!fault)
        return -1;
    memcpy(text, fault->text, sizeof text);
    return setting_fault(s_node(settings, path), fault, "%s", text);
}

/* --- what goes together ------------------------------------------------ */

typedef struct forbidden {
    const char *key, *other, *sentence;
} forbidden_t;

static int
s_check_pairs(const settings_t *settings, fault_t *fault)
{
    static const forbidden_t pairs[] = {
        {"model.file", "model.weights",
         "an ONNX file brings its own weights; remove weights or file"},
        {"model.file", "model.layers",
         "the network is either an ONNX file or a list of layers, not both"},
        {"model.parts", "model.cuts",
         "parts lets Convoy choose the cuts and cuts names them; give one"},
        {"model.image", "model.input",
         "the image group gives the shape of a sample; remove input"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (s_given(settings, pairs[i].key) &&
            s_given(settings, pairs[i].other))
            return setting_fault(s_node(settings, pairs[i].other), fault, "%s",
                                 pairs[i].sentence);
    return 0;
}

static int
s_check_source(const settings_t *settings, const config_values_t *values,
               fault_t *fault)
{
    const setting_t *model = s_node(settings, "model");
    if (!values->file && !values->layers)
        return setting_fault(model, fault,
                             "say what the network is: layers and weights, "
                             "or an ONNX file");
    if (values->layers && !values->weights)
        return setting_fault(model, fault, "layers need a file of weights");
    if (values->layers && !s_given(settings, "model.image") &&
        !s_given(settings, "model.input"))
        return setting_fault(model, fault,
                             "the shape of a sample is missing: give image "
                             "or input");
    if (s_given(settings, "model.image") && values->size.count == 0)
        return setting_fault(s_node(settings, "model.image"), fault,
                             "size = [height, width] is missing");
    return 0;
}

/* A machine a part, where the parts are counted. */
static int
s_check_shares(const settings_t *settings, const config_values_t *values,
               fault_t *fault)
{
    int64_t parts =
        values->cuts.count ? (int64_t)values->cuts.count + 1 : values->parts;
    if (values->shares.count == 0 || parts == 0 ||
        parts == (int64_t)values->shares.count)
        return 0;
    return setting_fault(s_node(settings, "model.shares"), fault,
                         "it names %zu machines, but there are %lld parts",
                         values->shares.count, (long long)parts);
}

/* Known keys of what comes later: better refused than ignored. */
static int
s_check_built(const settings_t *settings, const config_values_t *values,
              fault_t *fault)
{
    if (values->keys)
        return setting_fault(s_node(settings, "security.keys"), fault,
                             "encryption is not built yet; remove keys and "
                             "stay on loopback");
    if (values->plain_networks.count)
        return setting_fault(s_node(settings, "security.plain_networks"), fault,
                             "plain text off loopback is not built yet; stay "
                             "on loopback");
    return 0;
}

static int
s_check_name(const settings_t *settings, const char *name, fault_t *fault)
{
    size_t size = strlen(name);
    bool fine = size > 0 && size <= BROKER_NAME_MAX;
    for (const char *c = name; *c; c++)
        fine = fine && (isalnum((unsigned char)*c) || strchr("._-", *c));
    if (!fine)
        return setting_fault(s_node(settings, "model.name"), fault,
                             "a name is 1 to %d letters, digits, '.', '_' or "
                             "'-'",
                             BROKER_NAME_MAX);
    return 0;
}

/* --- from values to options -------------------------------------------- */

/* One number a channel of the tensor, or none at all. */
static int
s_fill_channels(broker_config_t *self, const char *key,
                const settings_floats_t *given, double *numbers, fault_t *fault)
{
    size_t channels = (size_t)image_transform_channels(&self->image);
    if (given->count != 0 && given->count != channels)
        return setting_fault(s_node(self->settings, key), fault,
                             "one number for each channel of the tensor: "
                             "%zu, not %zu",
                             channels, given->count);
    memcpy(numbers, given->items, given->count * sizeof *numbers);
    return 0;
}

static int
s_fill_image(broker_config_t *self, const config_values_t *values,
             fault_t *fault)
{
    if (!s_given(self->settings, "model.image"))
        return 0;
    image_transform_t *image = &self->image;
    image_transform_init(image, (int)values->size.items[0],
                         (int)values->size.items[1]);
    image->resize = (image_resize_t)values->resize;
    image->shorter = (int)values->shorter;
    image->filter = (image_filter_t)values->filter;
    image->channels = (image_channels_t)values->channels;
    image->layout = (image_layout_t)values->layout;
    image->range = values->range;
    if (s_fill_channels(self, "model.image.mean", &values->mean, image->mean,
                        fault) != 0 ||
        s_fill_channels(self, "model.image.std", &values->std, image->std,
                        fault) != 0)
        return -1;
    self->takes_images = true;
    if (image_transform_check(image, fault) != 0)
        return s_blame(self->settings, "model.image", fault);
    return 0;
}

static void
s_fill_model(broker_config_t *self, const config_values_t *values)
{
    model_options_t *model = &self->model;
    model_options_init(model);
    model->name = values->name;
    model->file = values->file;
    model->weights = values->weights;
    model->layers = values->layers;
    model->ignore_unused = values->ignore_unused;
    model->direct = !values->winograd;
    model->parts = (int)values->parts;
    self->cuts = values->cuts;
    model->cuts = self->cuts.items;
    model->cuts_count = self->cuts.count;
    model->labels = values->labels;
    if (s_given(self->settings, "model.scores"))
        model->scores =
            (model_scores_t)(MODEL_SCORES_PROBABILITIES + values->scores);
    if (self->takes_images)
        model->input = image_transform_shape(&self->image);
    model->input.rank += (int)values->input.count;
    for (size_t i = 0; i < values->input.count; i++)
        model->input.dims[i] = values->input.items[i];
    model->rates.shares_count = (int)values->shares.count;
    for (size_t i = 0; i < values->shares.count; i++)
        model->rates.shares[i] = values->shares.items[i];
    model->rates.half = values->boundary_dtype != 0;
    model->rates.link_bytes_per_s = values->link_mbps * 1e6 / 8;
    model->rates.boundary_bytes_max = (uint64_t)values->frame_mib * MIB;
}

/* A quarter of the memory, at most 2 GiB. */
static int64_t
s_memory_mib(void)
{
    int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    int64_t mib = pages > 0 && page > 0 ? pages / 4 * page / MIB : 256;
    return mib < 1 ? 1 : mib > 2048 ? 2048 : mib;
}

static int
s_fill_core(broker_config_t *self, const config_values_t *values,
            fault_t *fault)
{
    if (values->lease_min_ms > values->lease_max_ms)
        return setting_fault(s_node(self->settings, "broker.lease_min_ms"),
                             fault, "%lld is more than lease_max_ms, %lld",
                             (long long)values->lease_min_ms,
                             (long long)values->lease_max_ms);
    int64_t memory = values->memory_mib ? values->memory_mib : s_memory_mib();
    core_config_t *core = &self->core;
    core_config_init(core);
    core->memory_bytes = (uint64_t)memory * MIB;
    core->frame_bytes = (uint64_t)values->frame_mib * MIB;
    core->queue_jobs = (uint32_t)values->queue_jobs;
    core->window_jobs = (uint32_t)values->window_jobs;
    core->window_bytes = (uint64_t)values->window_mib * MIB;
    core->sessions_clients = (uint32_t)values->sessions_clients;
    core->sessions_workers = (uint32_t)values->sessions_workers;
    core->heartbeat_ms = (uint32_t)values->heartbeat_ms;
    core->misses = (uint32_t)values->misses;
    core->lease_min_ms = (uint32_t)values->lease_min_ms;
    core->lease_max_ms = (uint32_t)values->lease_max_ms;
    core->attempts = (uint32_t)values->attempts;
    core->drain_ms = (uint32_t)values->drain_ms;
    core->clients_may_drain = true;
    self->stall_ms = (uint32_t)values->stall_ms;
    self->link_mbps = values->link_mbps;
    return 0;
}

static int
s_fill_endpoints(broker_config_t *self, const config_values_t *values,
                 fault_t *fault)
{
    if (wire_endpoint(values->clients, BROKER_CLIENTS_PORT, self->clients,
                      sizeof self->clients, fault) != 0)
        return s_blame(self->settings, "broker.clients", fault);
    if (wire_endpoint(values->workers, BROKER_WORKERS_PORT, self->workers,
                      sizeof self->workers, fault) != 0)
        return s_blame(self->settings, "broker.workers", fault);
    return 0;
}

static int
s_fill(broker_config_t *self, fault_t *fault)
{
    config_values_t values = {0};
    const settings_t *settings = self->settings;
    if (settings_read(self->settings, config_keys, config_keys_count, &values,
                      NULL, fault))
        return -1;
    if (s_check_name(settings, values.name, fault) != 0 ||
        s_check_pairs(settings, fault) != 0 ||
        s_check_source(settings, &values, fault) != 0 ||
        s_check_shares(settings, &values, fault) != 0 ||
        s_check_built(settings, &values, fault) != 0 ||
        s_fill_image(self, &values, fault) != 0 ||
        s_fill_core(self, &values, fault) != 0 ||
        s_fill_endpoints(self, &values, fault) != 0)
        return -1;
    s_fill_model(self, &values);
    return 0;
}

/* --- public ------------------------------------------------------------- */

static int
s_finish(broker_config_t *self, fault_t *fault)
{
    if (self->settings && s_fill(self, fault) == 0)
        return 0;
    broker_config_release(self);
    return -1;
}

int
broker_config_load(broker_config_t *self, const char *path, fault_t *fault)
{
    *self = (broker_config_t){.settings = settings_open(path, fault)};
    return s_finish(self, fault);
}

int
broker_config_parse(broker_config_t *self, const char *text, size_t size,
                    const char *path, fault_t *fault)
{
    *self =
        (broker_config_t){.settings = settings_parse(text, size, path, fault)};
    return s_finish(self, fault);
}

void
broker_config_release(broker_config_t *self)
{
    settings_destroy(&self->settings);
    *self = (broker_config_t){0};
}

int
broker_config_write_reference(FILE *file, fault_t *fault)
{
    return settings_write_reference(
        file,
        "Every key that pipeline.cfg may have: with its default, or as a "
        "comment with an example.\n"
        "Made by `broker --reference`. Relative paths start at the folder of "
        "the file.",
        config_keys, config_keys_count, fault);
}
