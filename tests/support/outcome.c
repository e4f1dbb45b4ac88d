/* What the engine makes of a graph of one input and one output. */
#include "tests/support/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/allocations.h"
#include "tests/support/tests.h"
#include "worker/engine/session.h"

int
outcome_begin(outcome_t *self, uint64_t seed, int rank, const int64_t *dims)
{
    *self = (outcome_t){0};
    network_init(&self->network, seed);
    return network_input(&self->network, "x", rank, dims);
}

void
outcome_run(outcome_t *self, int output)
{
    fault_t fault = {0};
    session_options_t options = {2, OUTCOME_BATCH};
    network_output(&self->network, output);
    session_t *session = session_new(self->network.graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    size_t in, out;
    session_input_row(session, 0, 0, &in);
    session_output_row(session, 0, 0, &out);
    self->in = in / sizeof(float);
    self->out = out / sizeof(float);
    self->batch_max = session_batch_max(session);
    size_t batch = (size_t)self->batch_max;
    self->x = naive_floats(&self->network.random, batch * self->in);
    self->y = calloc(batch * self->out, sizeof(float));
    assert_true(self->x && self->y);
    for (size_t s = 0; s < batch; s++)
        memcpy(session_input_row(session, 0, (int)s, &in),
               self->x + s * self->in, in);
    assert_ok(session_run(session, (int)batch, &fault), &fault);
    int before = allocations_count();
    assert_ok(session_run(session, (int)batch, &fault), &fault);
    assert_int_equal(allocations_count(), before);
    for (size_t s = 0; s < batch; s++)
        memcpy(self->y + s * self->out,
               session_output_row(session, 0, (int)s, &out), out);
    session_destroy(&session);
}

float *
outcome_constant(const outcome_t *self, int value)
{
    fault_t fault = {0};
    const graph_t *graph = self->network.graph;
    size_t count = (size_t)shape_elements(&graph->values[value].shape);
    float *floats = calloc(count, sizeof *floats);
    assert_non_null(floats);
    assert_ok(graph_read_constant(graph, value, DTYPE_FLOAT32, floats, &fault),
              &fault);
    return floats;
}

void
outcome_end(outcome_t *self)
{
    network_release(&self->network);
    free(self->x);
    free(self->y);
    *self = (outcome_t){0};
}
