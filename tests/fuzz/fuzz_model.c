/* Any ONNX graph through everything behind the reader: what a broker does with
 * a model (simplify, cut, extract), and a worker with a part or a whole model
 * (fuse, simplify, plan, run a small one). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/cut.h"
#include "common/model/narrow.h"
#include "common/model/onnx.h"
#include "common/model/part.h"
#include "common/model/patterns.h"
#include "common/model/shape.h"
#include "common/model/simplify.h"
#include "tests/support/bytes.h"
#include "worker/engine/session.h"

enum { NODES_MAX = 200, BYTES_MAX = 1 << 20, PARTS = 2, SAMPLES = 2 };

static const double FLOP_MAX = 1e6;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static graph_t *
s_read(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    blob_t *file = bytes_file(bytes, size);
    onnx_model_t *model = onnx_read(file, &fault);
    blob_release(&file);
    if (!model)
        return NULL;
    graph_t *graph = model->graph;
    model->graph = NULL;
    onnx_destroy(&model);
    return graph;
}

/* Whether the graph is valid and small enough to be worked on quickly. */
static int
s_is_small(const graph_t *graph)
{
    fault_t fault = {0};
    double flop = 0, moved = 0;
    value_type_t *types = shape_types_new(graph, 2, &fault);
    if (!types && fault.code == FAULT_NONE)
        abort();
    for (size_t n = 0; types && n < graph->nodes_count; n++) {
        node_cost_t cost = shape_cost(graph, types, (int)n);
        flop += cost.flop;
        moved += (double)(cost.weight_bytes + cost.activation_bytes);
    }
    int small = types && graph->nodes_count <= NODES_MAX && flop <= FLOP_MAX &&
                moved <= BYTES_MAX;
    free(types);
    return small;
}

/* Read whatever the outputs hold. */
static void
s_read_outputs(const session_t *session, int batch)
{
    for (int s = 0; s < batch; s++)
        for (int i = 0; i < session_outputs_count(session); i++) {
            size_t bytes;
            const void *row = session_output_row(session, i, s, &bytes);
            char *copy = malloc(bytes ? bytes : 1);
            memcpy(copy, row, bytes);
            free(copy);
        }
}

/* Samples of one byte each: zeros, tiny numbers and large integers, numbers
 * near the largest, NaN and -1. */
static void
s_run(const graph_t *graph)
{
    static const int patterns[] = {0x00, 0x01, 0x7f, 0xff};
    enum { PATTERNS = sizeof patterns / sizeof patterns[0] };
    fault_t fault = {0};
    const session_options_t options = {1, 2};
    session_t *session = session_new(graph, &options, &fault);
    if (!session && fault.code == FAULT_NONE)
        abort();
    int batch = session ? session_batch_max(session) : PATTERNS + 1;
    for (int p = 0; p + batch <= PATTERNS; p += batch) {
        for (int s = 0; s < batch; s++)
            for (int i = 0; i < session_inputs_count(session); i++) {
                size_t bytes;
                void *row = session_input_row(session, i, s, &bytes);
                memset(row, patterns[p + s], bytes);
            }
        fault_clear(&fault);
        if (session_run(session, batch, &fault) == 0)
            s_read_outputs(session, batch);
        else if (fault.code == FAULT_NONE)
            abort();
    }
    session_destroy(&session);
}

/* What worker --local does where samples mix. */
static void
s_pin(graph_t *graph, int64_t samples)
{
    for (int i = 0; i < graph->inputs_count; i++) {
        shape_t *shape = &graph->values[graph->inputs[i]].shape;
        if (shape->rank > 0 && shape->dims[0] == DIM_BATCH)
            shape->dims[0] = samples;
    }
}

/* As a worker runs a part, and as it runs a whole model. */
static void
s_work(graph_t *graph)
{
    fault_t fault = {0};
    bool batchable = false;
    shape_batchable(graph, &batchable, &fault);
    if (patterns_fuse(graph, &fault) != 0)
        return;
    s_run(graph);
    if (simplify_graph(graph, &fault) != 0)
        return;
    s_run(graph);
    s_pin(graph, SAMPLES);
    if (simplify_graph(graph, &fault) == 0)
        s_run(graph);
}

/* A part takes what the one before it gives. */
static void
s_compare(const part_t *before, const part_t *part)
{
    if (part->inputs_count != before->outputs_count)
        abort();
    for (int i = 0; i < part->inputs_count; i++)
        if (part->inputs[i].dtype != before->outputs[i].dtype ||
            strcmp(part->inputs[i].name, before->outputs[i].name) != 0)
            abort();
}

static void
s_extract(const graph_t *graph)
{
    fault_t fault = {0};
    part_t parts[PARTS] = {{0}};
    bool all = true;
    for (int k = 0; k < PARTS; k++) {
        graph_t *own = part_extract(graph, k, PARTS, &fault);
        bool made = own && part_init(&parts[k], own, k, PARTS, &fault) == 0;
        if (made && k > 0 && all)
            s_compare(&parts[k - 1], &parts[k]);
        if (made)
            s_run(own);
        all &= made;
        graph_destroy(&own);
    }
    for (int k = 0; k < PARTS; k++)
        part_release(&parts[k]);
}

static void
s_cut(graph_t *graph, bool half)
{
    fault_t fault = {0};
    cut_rates_t rates;
    cut_rates_init(&rates);
    rates.half = half;
    if (simplify_graph(graph, &fault) != 0 ||
        patterns_fuse(graph, &fault) != 0 ||
        cut_evenly(graph, PARTS, &rates, &fault) != 0)
        return;
    if (cut_check(graph, PARTS, &fault) != 0 ||
        cut_check_shapes(graph, PARTS, &fault) != 0)
        abort(); /* cut_evenly cuts nowhere else */
    if (!half || narrow_boundaries(graph, PARTS, &fault) == 0)
        s_extract(graph);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    graph_t *graph = s_read(bytes, size);
    if (graph && s_is_small(graph))
        s_work(graph);
    graph_destroy(&graph);
    for (int half = 0; half < 2; half++) {
        graph = s_read(bytes, size);
        if (graph && s_is_small(graph) && graph->inputs_count > 0 &&
            graph->outputs_count > 0)
            s_cut(graph, half == 1);
        graph_destroy(&graph);
    }
    return 0;
}
