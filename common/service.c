/* What a broker serves: a typed struct to JSON and back. */
#include "common/service.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/pack.h"

#define SCORES_NAMES "probabilities|logits"

void
service_init(service_t *self)
{
    memset(self, 0, sizeof *self);
}

void
service_release(service_t *self)
{
    for (size_t i = 0; i < self->labels_count; i++)
        free(self->labels[i]);
    free(self->labels);
    service_init(self);
}

int
service_add_label(service_t *self, const char *label, size_t size,
                  fault_t *fault)
{
    if (size == 0 || size > SERVICE_LABEL_MAX || !pack_printable(label, size))
        return fault_set(fault, FAULT_INPUT,
                         "label %zu is empty, longer than %d bytes or not "
                         "printable UTF-8",
                         self->labels_count, SERVICE_LABEL_MAX);
    if (self->labels_count == SERVICE_LABELS_MAX)
        return fault_set(fault, FAULT_INPUT, "there are more than %d labels",
                         SERVICE_LABELS_MAX);
    if (mem_grow(&self->labels, &self->labels_capacity, self->labels_count + 1,
                 sizeof *self->labels, fault))
        return -1;
    char *copy = mem_text(label, size, fault);
    if (!copy)
        return -1;
    self->labels[self->labels_count++] = copy;
    return 0;
}

/* --- encoding --- */

static json_t *
s_word(const char *names, int index)
{
    char word[32];
    return json_string(image_word(names, index, word, sizeof word));
}

static json_t *
s_encode_specs(const tensor_spec_t *specs, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (int axis = 0; axis < specs[i].shape.rank; axis++) {
            int64_t dim = specs[i].shape.dims[axis];
            json_array_append_new(shape, dim == DIM_BATCH ? json_string("N")
                                                          : json_integer(dim));
        }
        json_array_append_new(
            array, json_pack("{s:s, s:s, s:o}", "name", specs[i].name, "dtype",
                             dtype_name(specs[i].dtype), "shape", shape));
    }
    return array;
}

static json_t *
s_encode_numbers(const double *numbers, int count)
{
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, json_real(numbers[i]));
    return array;
}

static json_t *
s_encode_image(const image_transform_t *image)
{
    int channels = image_transform_channels(image);
    return json_pack("{s:[i,i], s:o, s:i, s:o, s:o, s:o, s:f, s:o, s:o}",
                     "size", image->height, image->width, "resize",
                     s_word(IMAGE_RESIZE_NAMES, (int)image->resize), "shorter",
                     image->shorter, "filter",
                     s_word(IMAGE_FILTER_NAMES, (int)image->filter), "channels",
                     s_word(IMAGE_CHANNELS_NAMES, (int)image->channels),
                     "layout", s_word(IMAGE_LAYOUT_NAMES, (int)image->layout),
                     "range", image->range, "mean",
                     s_encode_numbers(image->mean, channels), "std",
                     s_encode_numbers(image->std, channels));
}

static json_t *
s_encode_labels(const service_t *self)
{
    if (self->labels_count == 0)
        return json_null();
    json_t *labels = json_array();
    for (size_t i = 0; i < self->labels_count; i++)
        json_array_append_new(labels, json_string(self->labels[i]));
    return labels;
}

json_t *
service_encode(const service_t *self, fault_t *fault)
{
    char digest[DIGEST_HEX + 1];
    json_t *object = json_pack(
        "{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}}", "model",
        self->model, "digest", digest_text(&self->digest, digest, DIGEST_HEX),
        "parts", self->parts_count, "inputs",
        s_encode_specs(self->inputs, self->inputs_count), "outputs",
        s_encode_specs(self->outputs, self->outputs_count), "image",
        self->has_image ? s_encode_image(&self->image) : json_null(), "labels",
        s_encode_labels(self), "scores",
        s_word(SCORES_NAMES, (int)self->scores), "limits", "frame_bytes",
        (json_int_t)self->frame_bytes_max, "window_jobs",
        (json_int_t)self->window_jobs, "window_bytes",
        (json_int_t)self->window_bytes);
    if (!object)
        return fault_null(fault, FAULT_MEMORY,
                          "out of memory: the description of the service");
    return object;
}

/* --- decoding --- */

static int
s_bad(fault_t *fault, const char *key)
{
    return fault_set(fault, FAULT_BAD_FRAME,
                     "the broker's description: %s is missing or not valid",
                     key);
}

static int
s_integer(const json_t *object, const char *key, int64_t low, int64_t high,
          int64_t *value, fault_t *fault)
{
    const json_t *json = json_object_get(object, key);
    *value = json_integer_value(json);
    if (!json_is_integer(json) || *value < low || *value > high)
        return s_bad(fault, key);
    return 0;
}

static int
s_text(const json_t *object, const char *key, char *text, size_t size,
       fault_t *fault)
{
    const json_t *json = json_object_get(object, key);
    size_t length = json_string_length(json);
    if (!json_is_string(json) || length >= size ||
        !pack_printable(json_string_value(json), length))
        return s_bad(fault, key);
    memcpy(text, json_string_value(json), length + 1);
    return 0;
}

static int
s_choice(const json_t *object, const char *key, const char *names, int *index,
         fault_t *fault)
{
    const char *word = json_string_value(json_object_get(object, key));
    *index = word ? image_word_index(names, word) : -1;
    return *index < 0 ? s_bad(fault, key) : 0;
}

static int
s_numbers(const json_t *object, const char *key, double *numbers, size_t count,
          fault_t *fault)
{
    const json_t *array = json_object_get(object, key);
    if (json_array_size(array) != count)
        return s_bad(fault, key);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        numbers[i] = json_number_value(item);
        if (!json_is_number(item) || !isfinite(numbers[i]))
            return s_bad(fault, key);
    }
    return 0;
}

static int
s_decode_shape(const json_t *object, shape_t *shape, fault_t *fault)
{
    const json_t *dims = json_object_get(object, "shape");
    if (!json_is_array(dims) || json_array_size(dims) > TENSOR_RANK_MAX)
        return s_bad(fault, "shape");
    shape->rank = (int)json_array_size(dims);
    for (int axis = 0; axis < shape->rank; axis++) {
        const json_t *dim = json_array_get(dims, (size_t)axis);
        const char *word = json_string_value(dim);
        bool batch = axis == 0 && word && strcmp(word, "N") == 0;
        int64_t size = json_integer_value(dim);
        if (!batch && (!json_is_integer(dim) || size < 0))
            return s_bad(fault, "shape");
        shape->dims[axis] = batch ? DIM_BATCH : size;
    }
    return 0;
}

static int
s_decode_specs(const json_t *object, const char *key, tensor_spec_t *specs,
               int *count, fault_t *fault)
{
    const json_t *array = json_object_get(object, key);
    size_t size = json_array_size(array);
    if (size < 1 || size > TENSORS_MAX)
        return s_bad(fault, key);
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_array_get(array, i);
        char dtype[16];
        if (s_text(item, "name", specs[i].name, sizeof specs[i].name, fault) ||
            s_text(item, "dtype", dtype, sizeof dtype, fault) ||
            s_decode_shape(item, &specs[i].shape, fault))
            return fault_prefix(fault, "%s", key);
        specs[i].dtype = dtype_parse(dtype);
        size_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        if (bytes == 0 || bytes > PROTO_FRAME_MAX)
            return s_bad(fault, key);
    }
    *count = (int)size;
    return 0;
}

/* The first input must be what the transform makes. */
static int
s_check_image(const service_t *self, fault_t *fault)
{
    if (self->inputs_count != 1 ||
        !image_transform_makes(&self->image, &self->inputs[0]))
        return fault_set(fault, FAULT_BAD_FRAME,
                         "the broker's description: the image transform does "
                         "not make the network's input");
    return 0;
}

static int
s_decode_image(service_t *self, const json_t *object, fault_t *fault)
{
    const json_t *json = json_object_get(object, "image");
    image_transform_t *image = &self->image;
    double size[2];
    int64_t shorter;
    int resize, filter, channels, layout;
    if (!json || json_is_null(json))
        return 0;
    if (s_numbers(json, "size", size, 2, fault) ||
        s_integer(json, "shorter", 1, IMAGE_INPUT_SIDE_MAX, &shorter, fault) ||
        s_choice(json, "resize", IMAGE_RESIZE_NAMES, &resize, fault) ||
        s_choice(json, "filter", IMAGE_FILTER_NAMES, &filter, fault) ||
        s_choice(json, "channels", IMAGE_CHANNELS_NAMES, &channels, fault) ||
        s_choice(json, "layout", IMAGE_LAYOUT_NAMES, &layout, fault))
        return fault_prefix(fault, "image");
    for (int i = 0; i < 2; i++)
        if (size[i] < 1 || size[i] > IMAGE_INPUT_SIDE_MAX)
            return s_bad(fault, "image: size");
    image->height = (int)size[0];
    image->width = (int)size[1];
    image->shorter = (int)shorter;
    image->resize = (image_resize_t)resize;
    image->filter = (image_filter_t)filter;
    image->channels = (image_channels_t)channels;
    image->layout = (image_layout_t)layout;
    image->range = json_number_value(json_object_get(json, "range"));
    size_t count = (size_t)image_transform_channels(image);
    if (s_numbers(json, "mean", image->mean, count, fault) ||
        s_numbers(json, "std", image->std, count, fault))
        return fault_prefix(fault, "image");
    if (image_transform_check(image, fault)) {
        if (fault && fault->code == FAULT_CONFIG)
            fault->code = FAULT_BAD_FRAME; /* not a config of ours */
        return fault_prefix(fault, "the broker's description");
    }
    self->has_image = true;
    return s_check_image(self, fault);
}

static int
s_decode_labels(service_t *self, const json_t *object, fault_t *fault)
{
    const json_t *labels = json_object_get(object, "labels");
    const shape_t *output = &self->outputs[0].shape;
    size_t elements = tensor_bytes(self->outputs[0].dtype, output, 1) /
                      dtype_size(self->outputs[0].dtype);
    if (!labels || json_is_null(labels))
        return 0;
    if (!json_is_array(labels) || json_array_size(labels) != elements)
        return s_bad(fault, "labels");
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const json_t *label = json_array_get(labels, i);
        if (!json_is_string(label))
            return s_bad(fault, "labels");
        if (service_add_label(self, json_string_value(label),
                              json_string_length(label), fault)) {
            if (fault && fault->code == FAULT_INPUT)
                fault->code = FAULT_BAD_FRAME;
            return fault_prefix(fault, "the broker's description");
        }
    }
    return 0;
}

static int
s_decode_limits(service_t *self, const json_t *object, fault_t *fault)
{
    const json_t *limits = json_object_get(object, "limits");
    int64_t frame_bytes, window_jobs, window_bytes;
    if (s_integer(limits, "frame_bytes", 1, INT64_MAX, &frame_bytes, fault) ||
        s_integer(limits, "window_jobs", 1, INT32_MAX, &window_jobs, fault) ||
        s_integer(limits, "window_bytes", 1, INT64_MAX, &window_bytes, fault))
        return fault_prefix(fault, "limits");
    self->frame_bytes_max = (uint64_t)frame_bytes;
    self->window_jobs = (uint64_t)window_jobs;
    self->window_bytes = (uint64_t)window_bytes;
    return 0;
}

static int
s_decode(service_t *self, const json_t *object, fault_t *fault)
{
    char digest[DIGEST_HEX + 1];
    int64_t parts;
    int scores;
    if (s_text(object, "model", self->model, sizeof self->model, fault) ||
        s_text(object, "digest", digest, sizeof digest, fault) ||
        s_integer(object, "parts", 1, PROTO_PARTS_MAX, &parts, fault) ||
        s_decode_specs(object, "inputs", self->inputs, &self->inputs_count,
                       fault) ||
        s_decode_specs(object, "outputs", self->outputs, &self->outputs_count,
                       fault) ||
        s_choice(object, "scores", SCORES_NAMES, &scores, fault) ||
        s_decode_image(self, object, fault) ||
        s_decode_labels(self, object, fault) ||
        s_decode_limits(self, object, fault))
        return -1;
    if (!digest_parse(&self->digest, digest))
        return s_bad(fault, "digest");
    self->parts_count = (int)parts;
    self->scores = (scores_t)scores;
    return 0;
}

int
service_decode(service_t *self, const json_t *object, fault_t *fault)
{
    service_init(self);
    if (s_decode(self, object, fault) == 0)
        return 0;
    service_release(self);
    return -1;
}
