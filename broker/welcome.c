/* What a client learns in WELCOME. */
#include "broker/welcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/info.h"
#include "common/service.h"

static uint64_t
s_largest(const tensor_spec_t *specs, int count)
{
    uint64_t largest = 0;
    for (int i = 0; i < count; i++) {
        uint64_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        largest = bytes > largest ? bytes : largest;
    }
    return largest;
}

uint64_t
welcome_frame_bytes(const model_t *model)
{
    uint64_t largest = 0;
    for (int k = 0; k < model->parts_count; k++) {
        const part_t *part = &model->parts[k];
        uint64_t in = s_largest(part->inputs, part->inputs_count);
        uint64_t out = s_largest(part->outputs, part->outputs_count);
        largest = in > largest ? in : largest;
        largest = out > largest ? out : largest;
    }
    return largest;
}

/* With an ONNX file the image group says nothing about the graph's input. */
static int
s_check_image(const image_transform_t *image, const model_t *model,
              fault_t *fault)
{
    const part_t *first = model_first(model);
    const tensor_spec_t *input = &first->inputs[0];
    const shape_t sample = image_transform_shape(image);
    char has[128], gets[128];
    if (first->inputs_count == 1 && image_transform_makes(image, input))
        return 0;
    return fault_set(fault, FAULT_CONFIG,
                     "model.image makes one float32 %s of a picture; the "
                     "network has %d input%s, %s %s of %s",
                     shape_text(&sample, gets, sizeof gets),
                     first->inputs_count, first->inputs_count == 1 ? "" : "s",
                     input->name, shape_text(&input->shape, has, sizeof has),
                     dtype_name(input->dtype));
}

static int
s_fill(service_t *service, const broker_config_t *config, const model_t *model,
       uint64_t frame_bytes_max, fault_t *fault)
{
    const part_t *first = model_first(model), *last = model_last(model);
    snprintf(service->model, sizeof service->model, "%s", model->name);
    service->digest = model->digest;
    service->parts_count = model->parts_count;
    service->inputs_count = first->inputs_count;
    service->outputs_count = last->outputs_count;
    memcpy(service->inputs, first->inputs, sizeof service->inputs);
    memcpy(service->outputs, last->outputs, sizeof service->outputs);
    service->has_image = config->takes_images;
    service->image = config->image;
    service->scores = model->scores == MODEL_SCORES_LOGITS
                          ? SCORES_LOGITS
                          : SCORES_PROBABILITIES;
    service->frame_bytes_max = frame_bytes_max;
    service->window_jobs = config->core.window_jobs;
    service->window_bytes = config->core.window_bytes;
    for (size_t i = 0; i < model->labels_count; i++)
        if (service_add_label(service, model->labels[i],
                              strlen(model->labels[i]), fault) != 0)
            return -1;
    return 0;
}

static payload_t *
s_frame(const service_t *service, fault_t *fault)
{
    void *bytes = NULL;
    size_t size = 0;
    json_t *object = service_encode(service, fault);
    if (!object)
        return NULL;
    int failed = info_encode(object, &bytes, &size, fault);
    json_decref(object);
    if (failed) {
        fault_prefix(fault, "what clients are told of the model");
        return NULL;
    }
    payload_t *payload = payload_new(fault);
    if (payload && payload_add_copy(payload, bytes, size, fault) != 0)
        payload_destroy(&payload);
    free(bytes);
    return payload;
}

payload_t *
welcome_encode(const broker_config_t *config, const model_t *model,
               uint64_t frame_bytes_max, fault_t *fault)
{
    service_t service;
    if (config->takes_images && s_check_image(&config->image, model, fault))
        return NULL;
    service_init(&service);
    payload_t *payload = NULL;
    if (s_fill(&service, config, model, frame_bytes_max, fault) == 0)
        payload = s_frame(&service, fault);
    service_release(&service);
    if (!payload && fault && fault->code != FAULT_MEMORY)
        fault->code = FAULT_CONFIG;
    return payload;
}
