/* What the broker program does. */
#include "broker/command.h"

#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/config.h"
#include "broker/plan.h"
#include "broker/store.h"
#include "broker/welcome.h"
#include "common/logger.h"

/* Whoever finds that a value does not fit the model knows no file names. */
static int
s_name_file(const char *path, fault_t *fault)
{
    if (fault && fault->code == FAULT_CONFIG && !strstr(fault->text, path))
        fault_prefix(fault, "%s", path);
    return -1;
}

/* Everything that a config leads to, short of sockets. */
typedef struct loaded {
    broker_config_t config;
    store_t *store;
    model_t *model;
} loaded_t;

static void
s_unload(loaded_t *self)
{
    model_destroy(&self->model);
    store_destroy(&self->store);
    broker_config_release(&self->config);
}

static int
s_store(loaded_t *self, fault_t *fault)
{
    for (int k = 0; k < self->model->parts_count; k++) {
        const part_t *part = &self->model->parts[k];
        if (store_add(self->store, part->path, part->bytes, fault) < 0)
            return -1;
    }
    store_seal(self->store);
    return 0;
}

static int
s_load(loaded_t *self, const char *path, fault_t *fault)
{
    *self = (loaded_t){0};
    if (broker_config_load(&self->config, path, fault) != 0)
        return -1;
    self->store = store_new(NULL, fault);
    if (self->store) {
        self->config.model.folder = store_folder(self->store);
        self->model = model_build(&self->config.model, fault);
    }
    if (self->model && s_store(self, fault) == 0) {
        if (self->model->note)
            logger_info("%s", self->model->note);
        return 0;
    }
    s_unload(self);
    return s_name_file(path, fault);
}

/* --- commands ------------------------------------------------------------ */

typedef int command_fn(loaded_t *loaded, const command_options_t *options,
                       fault_t *fault);

static int
s_serve(loaded_t *loaded, const command_options_t *options, fault_t *fault)
{
    broker_t *broker =
        broker_new(&loaded->config, loaded->model, loaded->store, fault);
    if (!broker)
        return s_name_file(options->config, fault);
    int result = broker_run(broker, fault);
    broker_destroy(&broker);
    return result;
}

/* What accepted jobs may hold, and what libzmq may hold besides. */
static void
s_print_memory(const loaded_t *loaded)
{
    const core_config_t *core = &loaded->config.core;
    double mib = 1 << 20, sessions = core->sessions_clients;
    sessions += core->sessions_workers;
    printf("memory   %.0f MiB for jobs; at worst %.0f MiB more in the queues "
           "of %.0f sessions\n",
           (double)core->memory_bytes / mib,
           sessions * (WIRE_SEND_QUEUE + WIRE_RECEIVE_QUEUE) *
               (double)welcome_frame_bytes(loaded->model) / mib,
           sessions);
}

static int
s_check(loaded_t *loaded, const command_options_t *options, fault_t *fault)
{
    const model_t *model = loaded->model;
    char digest[DIGEST_HEX + 1];
    broker_t *broker = broker_new(&loaded->config, model, loaded->store, fault);
    if (!broker)
        return -1;
    broker_destroy(&broker);
    printf("%s is fine\n", options->config);
    printf("model    %s, digest %s, %d part%s\n", model->name,
           digest_text(&model->digest, digest, DIGEST_HEX), model->parts_count,
           model->parts_count == 1 ? "" : "s");
    for (int k = 0; k < model->parts_count; k++) {
        const part_t *part = &model->parts[k];
        printf("part %-3d digest %s, %llu bytes, %d nodes\n", k,
               digest_text(&part->digest, digest, DIGEST_HEX),
               (unsigned long long)part->bytes, part->nodes);
    }
    if (loaded->config.takes_images)
        printf("images   %d x %d\n", loaded->config.image.height,
               loaded->config.image.width);
    printf("labels   %zu, scores are %s\n", model->labels_count,
           model_scores_text(model->scores));
    s_print_memory(loaded);
    printf("clients  %s\nworkers  %s\n", loaded->config.clients,
           loaded->config.workers);
    return 0;
}

static int
s_plan(loaded_t *loaded, const command_options_t *options, fault_t *fault)
{
    plan_t plan;
    plan_init(&plan, loaded->model, &loaded->config.model.rates);
    if (!options->json) {
        plan_print(&plan, loaded->model, stdout);
        return 0;
    }
    json_t *object = plan_encode(&plan, loaded->model, fault);
    if (!object)
        return -1;
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(object);
    return 0;
}

static int
s_export(loaded_t *loaded, const command_options_t *options, fault_t *fault)
{
    if (store_export(loaded->store, options->export, fault) != 0)
        return -1;
    for (int k = 0; k < loaded->model->parts_count; k++)
        printf("%s/part-%d.onnx\n", options->export, k);
    return 0;
}

static int
s_check_options(const command_options_t *options, fault_t *fault)
{
    int commands = options->check + options->plan + options->reference +
                   (options->export != NULL) + (options->keygen != NULL);
    if (options->keygen)
        return fault_set(fault, FAULT_USAGE,
                         "--keygen is not built yet: this version has no "
                         "encryption and stays on loopback");
    if (options->role || options->name)
        return fault_set(fault, FAULT_USAGE,
                         "--role and --name belong to --keygen");
    if (commands > 1)
        return fault_set(fault, FAULT_USAGE,
                         "--check, --plan and --export are different commands; "
                         "give one");
    if (options->json && !options->plan)
        return fault_set(fault, FAULT_USAGE, "--json belongs to --plan");
    if (!options->config && !options->reference)
        return fault_set(fault, FAULT_USAGE, "no config: give -c pipeline.cfg");
    return 0;
}

int
command_run(const command_options_t *options, fault_t *fault)
{
    if (s_check_options(options, fault) != 0)
        return -1;
    if (options->reference)
        return broker_config_write_reference(stdout, fault);
    command_fn *command = options->check    ? s_check
                          : options->plan   ? s_plan
                          : options->export ? s_export
                                            : s_serve;
    loaded_t loaded;
    if (s_load(&loaded, options->config, fault) != 0)
        return -1;
    int result = command(&loaded, options, fault);
    s_unload(&loaded);
    if (result == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        return fault_set(fault, FAULT_SYSTEM, "stdout cannot be written");
    return result;
}
