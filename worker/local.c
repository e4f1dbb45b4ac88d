/* A whole model on tensors of files. */
#include "worker/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/npy.h"
#include "worker/whole.h"

enum { BATCH = 8 };

typedef struct local {
    session_t *session;
    const char *input_paths[TENSORS_MAX];
    const char *output_paths[TENSORS_MAX]; /* NULL: not asked for */
    tensor_t inputs[TENSORS_MAX];
    tensor_t outputs[TENSORS_MAX];
    int64_t samples; /* -1 until the first input is read */
} local_t;

typedef const tensor_spec_t *spec_fn(const session_t *self, int index);

/* The place that "NAME=PATH" names; `count` if there is none. */
static int
s_find(const session_t *session, spec_fn *spec, int count, const char *text)
{
    size_t size = strcspn(text, "=");
    int place = text[size] ? 0 : count;
    while (place < count &&
           (strncmp(spec(session, place)->name, text, size) != 0 ||
            spec(session, place)->name[size] != '\0'))
        place++;
    return place;
}

/* Names may hold a '/', but what has one and is no name is a path, and so is
 * all of it where an input file is called that. */
static bool
s_is_named(const session_t *session, spec_fn *spec, int count, const char *text)
{
    if (s_find(session, spec, count, text) < count)
        return true;
    bool is_file = spec == session_input && access(text, F_OK) == 0;
    return text[strcspn(text, "=/")] == '=' && !is_file;
}

/* The place that "[NAME=]PATH" means: by name, else the next free one. */
static int
s_place(const session_t *session, spec_fn *spec, int count, const char *text,
        const char **paths, const char *option, fault_t *fault)
{
    const char *path = text;
    int place = 0;
    if (s_is_named(session, spec, count, text)) {
        path = strchr(text, '=') + 1;
        place = s_find(session, spec, count, text);
        if (place == count)
            return fault_set(fault, FAULT_INPUT,
                             "%s %s: the model has no tensor of that name "
                             "there, its first is '%.60s'",
                             option, text, spec(session, 0)->name);
    } else {
        while (place < count && paths[place])
            place++;
        if (place == count)
            return fault_set(fault, FAULT_INPUT,
                             "%s %s: the model has only %d of these", option,
                             text, count);
    }
    if (paths[place])
        return fault_set(fault, FAULT_INPUT, "%s %s: '%.60s' is given twice",
                         option, text, spec(session, place)->name);
    paths[place] = path;
    return 0;
}

/* "'a', 'b'", as much as fits. */
static const char *
s_names(const session_t *session, spec_fn *spec, int count, char *text,
        size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && used < size; i++) {
        int more = snprintf(text + used, size - used, "%s'%.60s'",
                            i > 0 ? ", " : "", spec(session, i)->name);
        used += more > 0 ? (size_t)more : 0;
    }
    return text;
}

/* Outputs that were asked for by name are enough; without names all are
 * meant, and then none may be left out without a word. */
static int
s_check_outputs(const local_t *self, const local_options_t *options,
                fault_t *fault)
{
    int count = session_outputs_count(self->session);
    bool unnamed = false;
    char names[160];
    if (options->outputs_count == 0)
        return fault_set(fault, FAULT_USAGE, "--local needs an --output");
    for (size_t i = 0; i < options->outputs_count; i++)
        unnamed |= !s_is_named(self->session, session_output, count,
                               options->outputs[i]);
    if (!unnamed || options->outputs_count == (size_t)count)
        return 0;
    return fault_set(
        fault, FAULT_USAGE,
        "%zu --output for %d outputs: give one for each, or NAME=PATH for "
        "those you want, of %s",
        options->outputs_count, count,
        s_names(self->session, session_output, count, names, sizeof names));
}

static int
s_place_all(local_t *self, const local_options_t *options, fault_t *fault)
{
    int inputs = session_inputs_count(self->session);
    int outputs = session_outputs_count(self->session);
    for (size_t i = 0; i < options->tensors_count; i++)
        if (s_place(self->session, session_input, inputs, options->tensors[i],
                    self->input_paths, "--tensor", fault))
            return -1;
    for (size_t i = 0; i < options->outputs_count; i++)
        if (s_place(self->session, session_output, outputs, options->outputs[i],
                    self->output_paths, "--output", fault))
            return -1;
    for (int i = 0; i < inputs; i++)
        if (!self->input_paths[i])
            return fault_set(fault, FAULT_USAGE,
                             "the model's input '%.60s' needs a --tensor",
                             session_input(self->session, i)->name);
    return s_check_outputs(self, options, fault);
}

/* Give a tensor of one sample without batch axis that axis. */
static void
s_add_batch(const tensor_spec_t *spec, shape_t *shape)
{
    if (shape->rank + 1 != spec->shape.rank ||
        shape->rank + 1 > TENSOR_RANK_MAX || spec->shape.dims[0] != DIM_BATCH)
        return;
    memmove(shape->dims + 1, shape->dims,
            (size_t)shape->rank * sizeof shape->dims[0]);
    shape->dims[0] = 1;
    shape->rank++;
}

static int
s_read_input(local_t *self, int index, fault_t *fault)
{
    const tensor_spec_t *spec = session_input(self->session, index);
    const char *path = self->input_paths[index];
    tensor_t *tensor = &self->inputs[index];
    char given[128], wanted[128];
    if (npy_read(tensor, path, fault))
        return -1;
    if (tensor->dtype != spec->dtype)
        return fault_set(
            fault, FAULT_INPUT, "%s is %s, but the input '%.60s' is %s", path,
            dtype_name(tensor->dtype), spec->name, dtype_name(spec->dtype));
    s_add_batch(spec, &tensor->shape);
    if (!shape_matches(&spec->shape, &tensor->shape))
        return fault_set(fault, FAULT_INPUT,
                         "%s has the shape %s, but the input '%.60s' is %s",
                         path, shape_text(&tensor->shape, given, sizeof given),
                         spec->name,
                         shape_text(&spec->shape, wanted, sizeof wanted));
    size_t bytes;
    session_input_row(self->session, index, 0, &bytes);
    int64_t samples = bytes ? (int64_t)(tensor->bytes / bytes) : 1;
    if (self->samples >= 0 && samples != self->samples)
        return fault_set(fault, FAULT_INPUT,
                         "%s holds %lld samples, the inputs before it %lld",
                         path, (long long)samples, (long long)self->samples);
    self->samples = samples;
    return 0;
}

static int
s_init_output(local_t *self, int index, fault_t *fault)
{
    const tensor_spec_t *spec = session_output(self->session, index);
    shape_t shape = spec->shape;
    if (shape.rank > 0 && shape.dims[0] == DIM_BATCH)
        shape.dims[0] = self->samples;
    return tensor_init(&self->outputs[index], spec->dtype, &shape, fault);
}

/* Copy samples [first, first + batch) into the inputs' rows. */
static void
s_stack(local_t *self, int64_t first, int batch)
{
    for (int i = 0; i < session_inputs_count(self->session); i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            void *row = session_input_row(self->session, i, s, &bytes);
            memcpy(row,
                   (char *)self->inputs[i].data + (size_t)(first + s) * bytes,
                   bytes);
        }
}

static void
s_unstack(local_t *self, int64_t first, int batch)
{
    for (int i = 0; i < session_outputs_count(self->session); i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes;
            const void *row = session_output_row(self->session, i, s, &bytes);
            size_t at = (size_t)(first + s) * bytes;
            if (self->outputs[i].bytes >= at + bytes)
                memcpy((char *)self->outputs[i].data + at, row, bytes);
        }
}

static int
s_compute(local_t *self, fault_t *fault)
{
    int most = session_batch_max(self->session);
    for (int64_t first = 0; first < self->samples; first += most) {
        int batch =
            self->samples - first < most ? (int)(self->samples - first) : most;
        s_stack(self, first, batch);
        if (session_run(self->session, batch, fault))
            return -1;
        s_unstack(self, first, batch);
    }
    return 0;
}

static int
s_run(local_t *self, const local_options_t *options, fault_t *fault)
{
    self->samples = -1;
    self->session = whole_open(options->model, options->threads, BATCH, fault);
    if (!self->session || s_place_all(self, options, fault))
        return -1;
    for (int i = 0; i < session_inputs_count(self->session); i++)
        if (s_read_input(self, i, fault))
            return -1;
    if (self->samples < 0)
        self->samples = 1;
    for (int i = 0; i < session_outputs_count(self->session); i++)
        if (s_init_output(self, i, fault))
            return -1;
    if (s_compute(self, fault))
        return -1;
    for (int i = 0; i < session_outputs_count(self->session); i++)
        if (self->output_paths[i] &&
            npy_write(&self->outputs[i], self->output_paths[i], fault))
            return -1;
    return 0;
}

int
local_run(const local_options_t *options, fault_t *fault)
{
    local_t *self = mem_new(1, sizeof *self, fault);
    if (!self)
        return -1;
    int result = s_run(self, options, fault);
    for (int i = 0; i < TENSORS_MAX; i++) {
        tensor_release(&self->inputs[i]);
        tensor_release(&self->outputs[i]);
    }
    session_destroy(&self->session);
    free(self);
    return result;
}
