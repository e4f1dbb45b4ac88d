/* client --tensor: .npy rows in, a job a row, .npy rows out. */
#include "client/commands.h"

#include <stdlib.h>
#include <string.h>

#include "common/binding.h"
#include "client/progress.h"
#include "common/clock.h"
#include "common/mem.h"

enum { JOBS_MAX = 64, WAIT_MS = 1000 };

typedef struct run {
    const flags_t *flags;
    link_t *link;
    const service_t *service;
    bindings_t inputs;
    bindings_t outputs; /* those that are written */
    int64_t rows;
    bool bare; /* the only row came without its batch axis */
    int64_t started;
    int64_t done;
} run_t;

static int
s_start(run_t *run, int64_t row, fault_t *fault)
{
    request_t request = {.timeout_ms = run->flags->timeout_ms,
                         .priority = (int)run->flags->priority,
                         .tag = (uint64_t)row,
                         .payload = payload_new(fault)};
    if (!request.payload)
        return -1;
    for (int i = 0; i < run->service->inputs_count; i++) {
        const binding_t *input = &run->inputs.items[i];
        size_t bytes = tensor_bytes(input->spec->dtype, &input->spec->shape, 1);
        const char *from = input->tensor.data;
        if (payload_add_copy(request.payload, from + (size_t)row * bytes, bytes,
                             fault)) {
            payload_destroy(&request.payload);
            return -1;
        }
        tensor_header_t *tensor = &request.tensors[request.tensors_count++];
        tensor->dtype = input->spec->dtype;
        tensor->shape = binding_shape(input->spec, 1);
        tensor->bytes = bytes;
    }
    return link_submit(run->link, &request, fault);
}

static void
s_keep(run_t *run, const outcome_t *outcome)
{
    for (int i = 0; i < run->outputs.count; i++) {
        binding_t *output = &run->outputs.items[i];
        size_t bytes;
        const void *frame = payload_frame(
            outcome->payload, (size_t)(output->spec - run->service->outputs),
            &bytes);
        memcpy((char *)output->tensor.data + outcome->tag * bytes, frame,
               bytes);
    }
}

static int
s_take(run_t *run, outcome_t *outcome, fault_t *fault)
{
    int result = 0;
    if (outcome->fault.code) {
        *fault = outcome->fault;
        result = run->rows > 1 ? fault_prefix(fault, "row %llu",
                                              (unsigned long long)outcome->tag)
                               : -1;
    } else {
        s_keep(run, outcome);
        run->done++;
    }
    outcome_release(outcome);
    return result;
}

static int
s_run(run_t *run, fault_t *fault)
{
    progress_t progress;
    size_t window = link_window(run->link);
    int result = 0;
    progress_init(&progress, (size_t)run->rows);
    while (result == 0 && run->done < run->rows) {
        bool room = run->started < run->rows && link_open(run->link) < window;
        if (room)
            result = s_start(run, run->started++, fault);
        outcome_t outcome;
        int got = 0;
        if (result == 0)
            got = link_wait(run->link, room ? 0 : WAIT_MS, &outcome, fault);
        if (got > 0)
            result = s_take(run, &outcome, fault);
        if (got < 0)
            result = -1;
        progress_show(&progress, (size_t)run->done, 0, clock_ms());
    }
    progress_hide(&progress);
    return result;
}

/* Nothing is written unless every row has its result. */
static int
s_write(run_t *run, fault_t *fault)
{
    for (int i = 0; i < run->outputs.count; i++)
        if (binding_write(&run->outputs.items[i], run->bare, fault))
            return -1;
    return 0;
}

static int
s_prepare(run_t *run, fault_t *fault)
{
    const service_t *service = run->service;
    const options_list_t *in = &run->flags->tensors;
    const options_list_t *out = &run->flags->outputs;
    if (bindings_init(&run->inputs, BINDING_INPUT, in->items, in->count,
                      service->inputs, service->inputs_count, fault) ||
        bindings_init(&run->outputs, BINDING_OUTPUT, out->items, out->count,
                      service->outputs, service->outputs_count, fault) ||
        bindings_read(&run->inputs, fault) ||
        bindings_rows(&run->inputs, &run->rows, &run->bare, fault))
        return -1;
    for (int i = 0; i < run->outputs.count; i++) {
        binding_t *output = &run->outputs.items[i];
        shape_t shape = binding_shape(output->spec, run->rows);
        if (tensor_init(&output->tensor, output->spec->dtype, &shape, fault))
            return -1;
    }
    return 0;
}

int
cmd_tensor(const flags_t *flags, link_t *link, fault_t *fault)
{
    if (flags->outputs.count == 0)
        return fault_set(fault, FAULT_USAGE,
                         "--tensor needs --output [NAME=]OUT.npy");
    if (link_connect(link, flags->connect_timeout_ms, fault))
        return -1;
    run_t run = {.flags = flags, .link = link, .service = link_service(link)};
    int result = -1;
    if (s_prepare(&run, fault) == 0 && s_run(&run, fault) == 0)
        result = s_write(&run, fault);
    bindings_release(&run.inputs);
    bindings_release(&run.outputs);
    return result;
}
