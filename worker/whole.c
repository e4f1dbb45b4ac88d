/* A whole model of an .onnx file. */
#include "worker/whole.h"

#include "common/model/part.h"
#include "common/model/simplify.h"
#include "worker/engine/threads.h"
#include "worker/host.h"

session_t *
whole_open(const char *path, int threads, int batch_max, fault_t *fault)
{
    graph_t *graph = part_read(path, fault);
    if (!graph)
        return NULL;
    session_options_t options = {
        .threads = threads ? threads : threads_online(),
        .batch_max = batch_max,
    };
    session_t *session = NULL;
    size_t bytes;
    if (simplify_graph(graph, fault) == 0 &&
        session_estimate(graph, &options, &bytes, fault) == 0 &&
        host_fits(bytes, host_memory_free(), fault) == 0)
        session = session_new(graph, &options, fault);
    if (!session)
        fault_prefix(fault, "%s", path);
    graph_destroy(&graph);
    return session;
}
