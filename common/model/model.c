/* From what pipeline.cfg says to part files. */
#include "common/model/model.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/labels.h"
#include "common/model/layers.h"
#include "common/model/narrow.h"
#include "common/model/onnx.h"
#include "common/model/patterns.h"
#include "common/model/shape.h"
#include "common/model/simplify.h"
#include "common/model/weights.h"

void
model_options_init(model_options_t *options)
{
    *options = (model_options_t){.name = "model", .folder = "."};
    cut_rates_init(&options->rates);
}

const char *
model_scores_text(model_scores_t scores)
{
    return scores == MODEL_SCORES_PROBABILITIES ? "probabilities" : "logits";
}

const part_t *
model_first(const model_t *self)
{
    return &self->parts[0];
}

const part_t *
model_last(const model_t *self)
{
    return &self->parts[self->parts_count - 1];
}

void
model_destroy(model_t **self_p)
{
    model_t *self = *self_p;
    if (!self)
        return;
    for (int k = 0; self->parts && k < self->parts_count; k++)
        part_release(&self->parts[k]);
    labels_release(self->labels, self->labels_count);
    free(self->parts);
    free(self->name);
    free(self->note);
    free(self);
    *self_p = NULL;
}

/* --- sources --- */

/* Notes of the weights' reader, one after the other. */
static void
s_note(void *context, const char *text)
{
    model_t *self = context;
    char *longer = NULL;
    if (asprintf(&longer, "%s%s%s", self->note ? self->note : "",
                 self->note ? "; " : "", text) < 0)
        return;
    free(self->note);
    self->note = longer;
}

static graph_t *
s_from_layers(model_t *self, const model_options_t *options, int *parts,
              fault_t *fault)
{
    weights_t *weights = NULL;
    if (options->weights) {
        weights = weights_open(options->weights, s_note, self, fault);
        if (!weights)
            return NULL;
    }
    const layers_options_t layers = {.name = options->name,
                                     .weights = options->weights,
                                     .input = options->input,
                                     .ignore_unused = options->ignore_unused};
    graph_t *graph =
        layers_read(options->layers, weights, &layers, parts, fault);
    weights_destroy(&weights);
    if (graph && *parts > 0 &&
        (options->parts > 0 || options->cuts_count > 0)) {
        setting_fault(options->layers, fault,
                      "a list of lists is cut already; parts and cuts go with "
                      "one flat list");
        graph_destroy(&graph);
    }
    return graph;
}

/* What the config says of the input must be what the file says. */
static int
s_check_input(const graph_t *graph, const model_options_t *options,
              fault_t *fault)
{
    char is[128], said[128];
    if (options->input.rank == 0)
        return 0;
    if (graph->inputs_count != 1)
        return fault_set(fault, FAULT_CONFIG,
                         "%s: it has %d inputs, but model.image or model.input "
                         "is there for one",
                         options->file, graph->inputs_count);
    shape_t sample = graph->values[graph->inputs[0]].shape;
    for (int i = 1; i < sample.rank; i++)
        sample.dims[i - 1] = sample.dims[i];
    sample.rank -= sample.rank > 0;
    if (shape_equal(&sample, &options->input))
        return 0;
    return fault_set(fault, FAULT_CONFIG,
                     "%s: a sample of its input '%.60s' is %s, but model.image "
                     "or model.input says %s",
                     options->file, graph->values[graph->inputs[0]].name,
                     shape_text(&sample, is, sizeof is),
                     shape_text(&options->input, said, sizeof said));
}

static graph_t *
s_from_file(const model_options_t *options, fault_t *fault)
{
    onnx_model_t *file = onnx_open_for(options->file, &options->input, fault);
    if (!file)
        return NULL;
    graph_t *graph = file->graph;
    file->graph = NULL;
    onnx_destroy(&file);
    value_type_t *types = NULL;
    if (graph->inputs_count == 0 || graph->outputs_count == 0) {
        fault_set(fault, FAULT_INPUT, "%s: it has no inputs or no outputs",
                  options->file);
        graph_destroy(&graph);
    } else if (!(types = shape_types_new(graph, 1, fault))) {
        fault_prefix(fault, "%s", options->file);
        graph_destroy(&graph);
    } else if (s_check_input(graph, options, fault) != 0) {
        graph_destroy(&graph);
    }
    free(types);
    return graph;
}

static graph_t *
s_source(model_t *self, const model_options_t *options, int *parts,
         fault_t *fault)
{
    *parts = 0;
    if (options->file && (options->layers || options->weights))
        return fault_null(fault, FAULT_CONFIG,
                          "model.file has weights and layers of its own: give "
                          "one or the other");
    if (options->parts > 0 && options->cuts_count > 0)
        return fault_null(fault, FAULT_CONFIG,
                          "model.parts and model.cuts both say where to cut: "
                          "give one or the other");
    if (!options->file && !options->layers)
        return fault_null(fault, FAULT_CONFIG,
                          "the model has neither layers nor a file");
    return options->file ? s_from_file(options, fault)
                         : s_from_layers(self, options, parts, fault);
}

/* --- cutting --- */

/* Shares alone say how many machines there are. */
static int
s_parts_wanted(const model_options_t *options)
{
    if (options->parts > 0)
        return options->parts;
    return options->rates.shares_count > 0 ? options->rates.shares_count : 1;
}

static int
s_check_shares(const model_options_t *options, int parts, fault_t *fault)
{
    int count = options->rates.shares_count;
    if (count == 0 || count == parts)
        return 0;
    return fault_set(fault, FAULT_CONFIG,
                     "model.shares names %d machines, but there %s %d part%s",
                     count, parts == 1 ? "is" : "are", parts,
                     parts == 1 ? "" : "s");
}

/* Named cuts are made before anything is renamed or melted together, even
 * ones after, when the costs are the final ones. Formulas are one node while
 * the cut is made, so it never goes through one. */
static int
s_cut(graph_t *graph, const model_options_t *options, int *parts,
      fault_t *fault)
{
    if (options->cuts_count > 0) {
        *parts = (int)options->cuts_count + 1;
        if (cut_by_names(graph, options->cuts, options->cuts_count, fault))
            return -1;
    }
    if (simplify_graph(graph, fault) != 0 || patterns_fuse(graph, fault) != 0)
        return -1;
    if (*parts == 0) {
        *parts = s_parts_wanted(options);
        if (s_check_shares(options, *parts, fault) != 0 ||
            cut_evenly(graph, *parts, &options->rates, fault) != 0)
            return -1;
    }
    if (s_check_shares(options, *parts, fault) != 0 ||
        cut_check(graph, *parts, fault) != 0)
        return -1;
    return cut_check_shapes(graph, *parts, fault);
}

/* Whatever a frame of a job may carry. */
static int
s_check_frames(const tensor_spec_t *specs, int count,
               const model_options_t *options, fault_t *fault)
{
    for (int i = 0; i < count; i++) {
        uint64_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        if (bytes > options->rates.boundary_bytes_max)
            return fault_set(fault, FAULT_CONFIG,
                             "the boundary tensor '%.60s' has %llu bytes, more "
                             "than broker.frame_mib allows",
                             specs[i].name, (unsigned long long)bytes);
    }
    return 0;
}

static int
s_check_boundary(const part_t *part, const model_options_t *options,
                 fault_t *fault)
{
    if (s_check_frames(part->inputs, part->inputs_count, options, fault) != 0)
        return -1;
    return s_check_frames(part->outputs, part->outputs_count, options, fault);
}

static int
s_write_parts(model_t *self, const graph_t *graph,
              const model_options_t *options, int parts, fault_t *fault)
{
    self->parts = mem_new((size_t)parts, sizeof *self->parts, fault);
    if (!self->parts)
        return -1;
    self->parts_count = parts;
    for (int k = 0; k < parts; k++) {
        part_t *part = &self->parts[k];
        graph_t *own = part_extract(graph, k, parts, fault);
        int result = own ? 0 : -1;
        if (result == 0 &&
            (part_init(part, own, k, parts, fault) != 0 ||
             s_check_boundary(part, options, fault) != 0 ||
             part_write(part, own, options->name, options->folder, fault) != 0))
            result = -1;
        graph_destroy(&own);
        if (result != 0)
            return fault_prefix(fault, "part %d", k);
    }
    return 0;
}

/* --- what else a client wants to know --- */

static model_scores_t
s_scores(const graph_t *graph, model_scores_t wanted)
{
    if (wanted != MODEL_SCORES_DEFAULT)
        return wanted;
    int producer = graph->values[graph->outputs[0]].producer;
    bool softmax = producer != GRAPH_NONE &&
                   strcmp(graph->nodes[producer].op, "Softmax") == 0;
    return softmax ? MODEL_SCORES_PROBABILITIES : MODEL_SCORES_LOGITS;
}

static int
s_labels(model_t *self, const char *path, fault_t *fault)
{
    if (!path)
        return 0;
    if (labels_read(path, &self->labels, &self->labels_count, fault) != 0)
        return -1;
    const tensor_spec_t *scores = &model_last(self)->outputs[0];
    size_t outputs = tensor_bytes(scores->dtype, &scores->shape, 1) /
                     dtype_size(scores->dtype);
    if (outputs != self->labels_count)
        return fault_set(fault, FAULT_INPUT,
                         "%s: %zu labels for the %zu outputs of '%.60s'", path,
                         self->labels_count, outputs, scores->name);
    return 0;
}

static void s_manifest_line(digester_t *digester, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
s_manifest_line(digester_t *digester, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < sizeof line);
    digester_add(digester, line, (size_t)size);
}

static void
s_manifest_specs(digester_t *digester, const char *kind,
                 const tensor_spec_t *specs, int count)
{
    char shape[256];
    for (int i = 0; i < count; i++)
        s_manifest_line(
            digester, "%s %s %s %s\n", kind, dtype_name(specs[i].dtype),
            shape_text(&specs[i].shape, shape, sizeof shape), specs[i].name);
}

/* The manifest: names, boundaries and part digests, a line each. */
static void
s_digest(model_t *self)
{
    digester_t digester;
    char hex[DIGEST_HEX + 1];
    digester_init(&digester);
    s_manifest_line(&digester, "convoy 1\nmodel ");
    digester_add(&digester, self->name, strlen(self->name));
    s_manifest_line(&digester, "\nparts %d\n", self->parts_count);
    for (int k = 0; k < self->parts_count; k++) {
        const part_t *part = &self->parts[k];
        s_manifest_line(&digester, "part %d %s\n", k,
                        digest_text(&part->digest, hex, DIGEST_HEX));
        s_manifest_specs(&digester, "input", part->inputs, part->inputs_count);
        s_manifest_specs(&digester, "output", part->outputs,
                         part->outputs_count);
    }
    digester_finish(&digester, &self->digest);
}

static int
s_build(model_t *self, const model_options_t *options, fault_t *fault)
{
    int parts;
    self->name = mem_text(options->name, strlen(options->name), fault);
    graph_t *graph = self->name ? s_source(self, options, &parts, fault) : NULL;
    if (!graph)
        return -1;
    graph->direct = graph->direct || options->direct;
    int result = s_cut(graph, options, &parts, fault);
    if (result == 0) {
        self->scores = s_scores(graph, options->scores);
        self->fixed_batch = shape_fixes_batch(graph);
        if (options->rates.half)
            result = narrow_boundaries(graph, parts, fault);
    }
    if (result == 0)
        result = s_write_parts(self, graph, options, parts, fault);
    graph_destroy(&graph);
    if (result != 0 || s_labels(self, options->labels, fault) != 0)
        return -1;
    s_digest(self);
    return 0;
}

model_t *
model_build(const model_options_t *options, fault_t *fault)
{
    model_t *self = mem_new(1, sizeof *self, fault);
    if (self && s_build(self, options, fault) != 0)
        model_destroy(&self);
    return self;
}
