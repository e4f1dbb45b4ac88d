/* A part file of a stranger, loaded and run: whatever passes the checks must
 * not lead a kernel astray. */
#include <stdint.h>
#include <string.h>

#include "common/model/part.h"
#include "tests/support/bytes.h"
#include "worker/engine/session.h"

enum { BATCH = 3, THREADS = 1 };

static const size_t BYTES_MAX = (size_t)8 << 20;
static const double FLOP_MAX = 1e6;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
s_run(session_t *session)
{
    fault_t fault = {0};
    int batch = session_batch_max(session);
    for (int i = 0; i < session_inputs_count(session); i++)
        for (int s = 0; s < batch; s++) {
            size_t row_bytes;
            void *row = session_input_row(session, i, s, &row_bytes);
            memset(row, 1, row_bytes);
        }
    if (session_flop(session) <= FLOP_MAX)
        session_run(session, batch, &fault);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    blob_t *file = bytes_file(bytes, size);
    graph_t *graph = part_load(file, &fault);
    session_options_t options = {THREADS, BATCH};
    session_t *session = NULL;
    size_t estimate;
    if (graph && session_estimate(graph, &options, &estimate, &fault) == 0 &&
        estimate <= BYTES_MAX)
        session = session_new(graph, &options, &fault);
    graph_destroy(&graph);
    if (session)
        s_run(session);
    session_destroy(&session);
    blob_release(&file);
    return 0;
}
