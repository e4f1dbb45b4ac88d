/* A whole model of an .onnx file. */
#include "worker/whole.h"

#include "common/model/onnx.h"
#include "common/model/patterns.h"
#include "common/model/simplify.h"
#include "worker/engine/threads.h"
#include "worker/host.h"

graph_t *
whole_read(const char *path, fault_t *fault)
{
    onnx_model_t *model = onnx_open(path, fault);
    if (!model)
        return NULL;
    graph_t *graph = model->graph;
    model->graph = NULL;
    onnx_destroy(&model);
    if (simplify_graph(graph, fault) || patterns_fuse(graph, fault)) {
        fault_prefix(fault, "%s", path);
        graph_destroy(&graph);
    }
    return graph;
}

session_t *
whole_load(const graph_t *graph, int threads, int batch_max, fault_t *fault)
{
    const session_options_t options = {
        .threads = threads ? threads : threads_online(),
        .batch_max = batch_max,
    };
    size_t bytes;
    if (session_estimate(graph, &options, &bytes, fault) ||
        host_fits(bytes, host_memory_free(), fault))
        return NULL;
    return session_new(graph, &options, fault);
}

session_t *
whole_open(const char *path, int threads, int batch_max, fault_t *fault)
{
    graph_t *graph = whole_read(path, fault);
    if (!graph)
        return NULL;
    session_t *session = whole_load(graph, threads, batch_max, fault);
    if (!session)
        fault_prefix(fault, "%s", path);
    graph_destroy(&graph);
    return session;
}
