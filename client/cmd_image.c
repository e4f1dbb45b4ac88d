/* client --image: pictures in, classes out, in the order of the inputs. */
#include "client/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/inputs.h"
#include "client/output.h"
#include "client/progress.h"
#include "common/clock.h"
#include "common/image.h"
#include "common/logger.h"
#include "common/mem.h"
#include "common/utf8.h"

enum { JOBS_MAX = 64, WAIT_MS = 1000 };

/* One picture on its way; a slot lives from decoding until its line is
 * printed, so memory does not grow with the number of pictures. */
typedef struct slot {
    bool done;
    prediction_t prediction;
} slot_t;

typedef struct run {
    const flags_t *flags;
    link_t *link;
    const service_t *service;
    inputs_t inputs;
    progress_t progress;
    slot_t slots[JOBS_MAX]; /* of input i: slots[i % JOBS_MAX] */
    size_t started;
    size_t printed;
    size_t failed;
    int status; /* of the first failed input */
} run_t;

static slot_t *
s_slot(run_t *run, size_t input)
{
    return &run->slots[input % JOBS_MAX];
}

static const char *
s_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

/* Take the name of the picture off a sentence: its line names it already. */
static void
s_strip(fault_t *fault, const char *name)
{
    char start[FAULT_TEXT_MAX + 1];
    snprintf(start, sizeof start, "%s: ", name);
    utf8_clean(start);
    size_t size = strlen(start);
    if (strncmp(fault->text, start, size) == 0)
        memmove(fault->text, fault->text + size,
                strlen(fault->text + size) + 1);
}

/* Decode a picture straight into the frame that is sent. */
static int
s_prepare(const run_t *run, const char *path, request_t *request,
          fault_t *fault)
{
    const image_transform_t *transform = &run->service->image;
    const tensor_spec_t *input = &run->service->inputs[0];
    size_t bytes = tensor_bytes(input->dtype, &input->shape, 1);
    image_t image;
    if (image_read(&image, path, fault)) {
        s_strip(fault, s_name(path));
        return -1;
    }
    request->payload = payload_new(fault);
    void *frame = request->payload
                      ? payload_add_room(request->payload, bytes, fault)
                      : NULL;
    float *pixels = mem_aligned(bytes, fault);
    int result = -1;
    if (frame && pixels)
        result = image_transform_run(transform, &image, pixels, fault);
    if (result == 0)
        memcpy(frame, pixels, bytes);
    else
        payload_destroy(&request->payload);
    free(pixels);
    image_release(&image);
    return result;
}

static void
s_start(run_t *run, size_t input)
{
    const tensor_spec_t *spec = &run->service->inputs[0];
    slot_t *slot = s_slot(run, input);
    *slot = (slot_t){.prediction.part = -1};
    request_t request = {.tensors_count = 1,
                         .timeout_ms = run->flags->timeout_ms,
                         .priority = (int)run->flags->priority,
                         .tag = input};
    fault_t *fault = &slot->prediction.fault;
    if (s_prepare(run, run->inputs.paths[input], &request, fault)) {
        slot->done = true;
        return;
    }
    tensor_header_t *tensor = &request.tensors[0];
    tensor->dtype = spec->dtype;
    tensor->shape = spec->shape;
    if (tensor->shape.rank && tensor->shape.dims[0] == DIM_BATCH)
        tensor->shape.dims[0] = 1;
    tensor->bytes = tensor_bytes(spec->dtype, &spec->shape, 1);
    if (link_submit(run->link, &request, fault))
        slot->done = true;
}

static void
s_print(run_t *run, const char *path, const prediction_t *prediction)
{
    progress_hide(&run->progress);
    if (prediction->fault.code) {
        fault_t fault = prediction->fault;
        fault_prefix(&fault, "%s", s_name(path));
        logger_fault(&fault);
        if (run->failed++ == 0)
            run->status = fault_exit_status(prediction->fault.code);
    }
    if (run->flags->json)
        output_json(stdout, path, run->service, prediction);
    else
        output_text(stdout, path, run->service, prediction);
    if (run->flags->verbose && !prediction->fault.code) {
        char text[800];
        logger_info("%s: %.2f ms in all; %s", path,
                    (double)prediction->latency_us / 1000,
                    output_path(text, sizeof text, prediction));
    }
}

/* What is done and whose turn it is. */
static int
s_print_ready(run_t *run, fault_t *fault)
{
    while (run->printed < run->started) {
        slot_t *slot = s_slot(run, run->printed);
        if (!slot->done)
            break;
        s_print(run, run->inputs.paths[run->printed], &slot->prediction);
        prediction_release(&slot->prediction);
        run->printed++;
    }
    progress_show(&run->progress, run->printed, run->failed, clock_ms());
    if (fflush(stdout) != 0)
        return fault_set(fault, FAULT_SYSTEM, "standard output: %s",
                         strerror(errno));
    return 0;
}

static void
s_take(run_t *run, outcome_t *outcome)
{
    size_t top = run->flags->json ? OUTPUT_JSON_TOP : 1;
    if (run->flags->top)
        top = (size_t)run->flags->top;
    slot_t *slot = s_slot(run, outcome->tag);
    prediction_take(&slot->prediction, run->service, outcome, top);
    slot->done = true;
    outcome_release(outcome);
}

static int
s_run(run_t *run, fault_t *fault)
{
    size_t window = link_window(run->link);
    if (window > JOBS_MAX)
        window = JOBS_MAX;
    while (run->printed < run->inputs.count) {
        bool room = run->started < run->inputs.count &&
                    run->started - run->printed < window;
        if (room)
            s_start(run, run->started++);
        if (s_print_ready(run, fault))
            return -1;
        if (link_open(run->link) == 0)
            continue;
        outcome_t outcome;
        int got = link_wait(run->link, room ? 0 : WAIT_MS, &outcome, fault);
        if (got < 0)
            return -1;
        if (got)
            s_take(run, &outcome);
    }
    return run->status;
}

/* The objects of the inputs that have none, where all of them failed for one
 * reason. */
static void
s_print_rest(run_t *run, const fault_t *fault)
{
    const prediction_t failed = {.fault = *fault, .part = -1};
    for (size_t i = run->printed; i < run->inputs.count; i++) {
        slot_t *slot = s_slot(run, i);
        bool known = i < run->started && slot->done;
        output_json(stdout, run->inputs.paths[i], run->service,
                    known ? &slot->prediction : &failed);
    }
}

int
cmd_image(const flags_t *flags, link_t *link, fault_t *fault)
{
    run_t *run = mem_new(1, sizeof *run, fault);
    if (!run)
        return -1;
    run->flags = flags;
    run->link = link;
    int status = -1;
    if (inputs_init(&run->inputs, flags->images.items, flags->images.count,
                    fault) == 0 &&
        link_connect(link, flags->connect_timeout_ms, fault) == 0) {
        run->service = link_service(link);
        progress_init(&run->progress, run->inputs.count);
        if (run->service->has_image)
            status = s_run(run, fault);
        else
            fault_set(fault, FAULT_INPUT,
                      "%s takes no pictures: its config has no image group "
                      "(use --tensor)",
                      run->service->model);
        progress_hide(&run->progress);
    }
    if (status < 0 && flags->json && !ferror(stdout))
        s_print_rest(run, fault);
    for (size_t i = 0; i < JOBS_MAX; i++)
        prediction_release(&run->slots[i].prediction);
    inputs_release(&run->inputs);
    free(run);
    return status;
}
