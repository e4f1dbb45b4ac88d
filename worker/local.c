/* A whole model on tensors of files.
 *
 * Where samples do not mix (common/model/shape.h), they go through in batches.
 * Where they do, or an input has no batch, the inputs get the shapes of their
 * files and the model runs once.
 */
#include "worker/local.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/binding.h"
#include "common/mem.h"
#include "common/model/shape.h"
#include "common/model/simplify.h"
#include "worker/whole.h"

enum { BATCH = 8 };

typedef struct local {
    graph_t *graph;
    session_t *session;
    tensor_spec_t input_specs[TENSORS_MAX];
    tensor_spec_t output_specs[TENSORS_MAX];
    bindings_t inputs;
    bindings_t outputs; /* those that are written */
    int64_t rows;       /* samples of the session */
    bool bare;          /* the only one came without its batch axis */
} local_t;

/* What the graph says of its inputs or outputs: names, and of inputs dtypes
 * and shapes. */
static int
s_describe(const graph_t *graph, const int *values, int count,
           tensor_spec_t *specs, fault_t *fault)
{
    for (int i = 0; i < count; i++) {
        const value_t *value = &graph->values[values[i]];
        size_t size = strlen(value->name);
        if (size > TENSOR_NAME_MAX)
            return fault_set(fault, FAULT_INPUT,
                             "the name '%.40s...' is longer than %d bytes",
                             value->name, TENSOR_NAME_MAX);
        specs[i] = (tensor_spec_t){.dtype = value->dtype};
        memcpy(specs[i].name, value->name, size + 1);
        if (value->shaped)
            specs[i].shape = value->shape;
    }
    return 0;
}

/* "'a', 'b'", as much as fits. */
static const char *
s_names(const tensor_spec_t *specs, int count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && used < size; i++) {
        int more = snprintf(text + used, size - used, "%s'%.60s'",
                            i > 0 ? ", " : "", specs[i].name);
        used += more > 0 ? (size_t)more : 0;
    }
    return text;
}

/* Outputs that were asked for by name are enough; without names all are
 * meant, and then none may be left out without a word. */
static int
s_check_outputs(const local_t *self, fault_t *fault)
{
    int count = self->graph->outputs_count;
    bool unnamed = false;
    char names[160];
    for (int i = 0; i < self->outputs.count; i++)
        unnamed |= !self->outputs.items[i].named;
    if (self->outputs.count == 0)
        return fault_set(fault, FAULT_USAGE, "--local needs an --output");
    if (!unnamed || self->outputs.count == count)
        return 0;
    return fault_set(
        fault, FAULT_USAGE,
        "%d --output for %d outputs: give one for each, or NAME=PATH for those "
        "you want, of %s",
        self->outputs.count, count,
        s_names(self->output_specs, count, names, sizeof names));
}

static int
s_bind(local_t *self, const local_options_t *options, fault_t *fault)
{
    const graph_t *graph = self->graph;
    if (s_describe(graph, graph->inputs, graph->inputs_count, self->input_specs,
                   fault) ||
        s_describe(graph, graph->outputs, graph->outputs_count,
                   self->output_specs, fault))
        return fault_prefix(fault, "%s", options->model);
    if (bindings_init(&self->inputs, BINDING_INPUT, options->tensors,
                      options->tensors_count, self->input_specs,
                      graph->inputs_count, fault) ||
        bindings_init(&self->outputs, BINDING_OUTPUT, options->outputs,
                      options->outputs_count, self->output_specs,
                      graph->outputs_count, fault))
        return -1;
    return s_check_outputs(self, fault);
}

/* Give the graph's inputs the shapes of their tensors, and what is known now
 * a chance to be folded. */
static int
s_pin(local_t *self, fault_t *fault)
{
    for (int i = 0; i < self->inputs.count; i++)
        self->graph->values[self->graph->inputs[i]].shape =
            self->inputs.items[i].tensor.shape;
    self->rows = 1;
    return simplify_graph(self->graph, fault);
}

static int
s_load(local_t *self, const local_options_t *options, fault_t *fault)
{
    bool batchable;
    int result = shape_batchable(self->graph, &batchable, fault);
    if (result == 0 && batchable &&
        bindings_rows(&self->inputs, &self->rows, &self->bare, fault))
        return -1;
    if (result == 0 && !batchable)
        result = s_pin(self, fault);
    int batch = self->rows < 1       ? 1
                : self->rows > BATCH ? BATCH
                                     : (int)self->rows;
    if (result == 0)
        self->session = whole_load(self->graph, options->threads, batch, fault);
    if (!self->session)
        return fault_prefix(fault, "%s", options->model);
    graph_destroy(&self->graph);
    return 0;
}

static int
s_init_outputs(local_t *self, fault_t *fault)
{
    for (int i = 0; i < session_outputs_count(self->session); i++)
        self->output_specs[i] = *session_output(self->session, i);
    for (int i = 0; i < self->outputs.count; i++) {
        binding_t *output = &self->outputs.items[i];
        shape_t shape = binding_shape(output->spec, self->rows);
        if (tensor_init(&output->tensor, output->spec->dtype, &shape, fault))
            return -1;
    }
    return 0;
}

/* Copy samples [first, first + batch) into the inputs' rows. */
static void
s_stack(local_t *self, int64_t first, int batch)
{
    for (int i = 0; i < self->inputs.count; i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes, at;
            const tensor_t *tensor = &self->inputs.items[i].tensor;
            void *row = session_input_row(self->session, i, s, &bytes);
            at = (size_t)(first + s) * bytes;
            assert(at + bytes <= tensor->bytes);
            memcpy(row, (char *)tensor->data + at, bytes);
        }
}

static void
s_unstack(local_t *self, int64_t first, int batch)
{
    for (int i = 0; i < self->outputs.count; i++)
        for (int s = 0; s < batch; s++) {
            size_t bytes, at;
            binding_t *output = &self->outputs.items[i];
            int index = (int)(output->spec - self->output_specs);
            const void *row =
                session_output_row(self->session, index, s, &bytes);
            at = (size_t)(first + s) * bytes;
            assert(at + bytes <= output->tensor.bytes);
            memcpy((char *)output->tensor.data + at, row, bytes);
        }
}

static int
s_compute(local_t *self, fault_t *fault)
{
    int most = session_batch_max(self->session);
    for (int64_t first = 0; first < self->rows; first += most) {
        int batch =
            self->rows - first < most ? (int)(self->rows - first) : most;
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
    self->graph = whole_read(options->model, fault);
    if (self->graph && options->direct)
        self->graph->direct = true;
    if (!self->graph || s_bind(self, options, fault) ||
        bindings_read(&self->inputs, fault) || s_load(self, options, fault) ||
        s_init_outputs(self, fault) || s_compute(self, fault))
        return -1;
    for (int i = 0; i < self->outputs.count; i++)
        if (binding_write(&self->outputs.items[i], self->bare, fault))
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
    bindings_release(&self->inputs);
    bindings_release(&self->outputs);
    session_destroy(&self->session);
    graph_destroy(&self->graph);
    free(self);
    return result;
}
