/* From a decoded image to the tensor that a network wants. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/image.h"
#include "common/image_resample.h"
#include "common/mem.h"

int
image_word_index(const char *names, const char *word)
{
    size_t size = strlen(word);
    int index = 0;
    for (const char *at = names;; index++) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, word, size) == 0)
            return index;
        if (!at[length])
            return -1;
        at += length + 1;
    }
}

const char *
image_word(const char *names, int index, char *word, size_t size)
{
    while (index-- > 0) {
        names += strcspn(names, "|");
        assert(*names == '|');
        names++;
    }
    snprintf(word, size, "%.*s", (int)strcspn(names, "|"), names);
    return word;
}

int
image_resize(const image_t *image, int width, int height, image_filter_t filter,
             image_t *resized, fault_t *fault)
{
    *resized = (image_t){0};
    if (width < 1 || height < 1 || width > IMAGE_SIDE_MAX ||
        height > IMAGE_SIDE_MAX || (int64_t)width * height > IMAGE_PIXELS_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "an image cannot be resized to %d x %d", width,
                         height);
    image_window_t whole = {0, 0, width, height};
    return image_resample(image, width, height, filter, &whole, resized, fault);
}

int
image_grey(const image_t *image, image_t *grey, fault_t *fault)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    assert(image->channels == 3);
    *grey = (image_t){image->width, image->height, 1, NULL};
    grey->pixels = mem_new(pixels, 1, fault);
    if (!grey->pixels)
        return -1;
    const uint8_t *in = image->pixels;
    for (size_t i = 0; i < pixels; i++, in += 3)
        grey->pixels[i] = (uint8_t)((19595u * in[0] + 38470u * in[1] +
                                     7471u * in[2] + 0x8000u) >>
                                    16);
    return 0;
}

void
image_transform_init(image_transform_t *transform, int height, int width)
{
    *transform = (image_transform_t){
        .height = height,
        .width = width,
        .shorter = 256,
        .range = 1.0,
        .std = {1.0, 1.0, 1.0},
    };
}

static int
s_check_sizes(const image_transform_t *transform, fault_t *fault)
{
    int height = transform->height, width = transform->width;
    int longer = height > width ? height : width;
    if (height < 1 || width < 1 || longer > IMAGE_INPUT_SIDE_MAX)
        return fault_set(fault, FAULT_CONFIG,
                         "image.size [%d, %d] is not within 1 to %d", height,
                         width, IMAGE_INPUT_SIDE_MAX);
    if (transform->resize == IMAGE_CROP &&
        (transform->shorter < longer ||
         transform->shorter > IMAGE_INPUT_SIDE_MAX))
        return fault_set(fault, FAULT_CONFIG,
                         "image.shorter %d is not within %d to %d: the crop "
                         "is cut out of it",
                         transform->shorter, longer, IMAGE_INPUT_SIDE_MAX);
    return 0;
}

int
image_transform_check(const image_transform_t *transform, fault_t *fault)
{
    if (transform->range != 1.0 && transform->range != 255.0)
        return fault_set(fault, FAULT_CONFIG,
                         "image.range %g is neither 1.0 nor 255.0",
                         transform->range);
    for (int i = 0; i < image_transform_channels(transform); i++)
        if (!isfinite(transform->mean[i]) || !isfinite(transform->std[i]) ||
            (float)transform->std[i] == 0.0f)
            return fault_set(fault, FAULT_CONFIG,
                             "image.mean and image.std must be finite, and no "
                             "std may be 0");
    return s_check_sizes(transform, fault);
}

int
image_transform_channels(const image_transform_t *transform)
{
    return transform->channels == IMAGE_GREY ? 1 : 3;
}

shape_t
image_transform_shape(const image_transform_t *transform)
{
    int64_t channels = image_transform_channels(transform);
    int64_t height = transform->height, width = transform->width;
    return transform->layout == IMAGE_NCHW
               ? (shape_t){3, {channels, height, width}}
               : (shape_t){3, {height, width, channels}};
}

size_t
image_transform_elements(const image_transform_t *transform)
{
    const shape_t shape = image_transform_shape(transform);
    return (size_t)shape_elements(&shape);
}

bool
image_transform_makes(const image_transform_t *transform,
                      const tensor_spec_t *input)
{
    shape_t wanted = {4, {1}}, sample = image_transform_shape(transform);
    memcpy(&wanted.dims[1], sample.dims, 3 * sizeof sample.dims[0]);
    return input->dtype == DTYPE_FLOAT32 &&
           shape_matches(&input->shape, &wanted);
}

/* Half of a difference, rounded as Python's round() does: ties to even. */
static int
s_half(int difference)
{
    int half = difference / 2;
    return difference % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* torchvision's Resize(shorter) and CenterCrop(size) as one resampling. */
static int
s_crop(const image_transform_t *transform, const image_t *image, image_t *out,
       fault_t *fault)
{
    bool tall = image->width <= image->height;
    int from = tall ? image->width : image->height;
    int to = tall ? image->height : image->width;
    int longer = (int)((double)((int64_t)transform->shorter * to) / from);
    int width = tall ? transform->shorter : longer;
    int height = tall ? longer : transform->shorter;
    image_window_t window = {
        .left = s_half(width - transform->width),
        .top = s_half(height - transform->height),
        .width = transform->width,
        .height = transform->height,
    };
    return image_resample(image, width, height, transform->filter, &window, out,
                          fault);
}

/* Bytes to floats, a channel at a time; in the arithmetic of PyTorch's ToTensor
 * and Normalize, which is float32 at each step. */
static void
s_spread(const image_transform_t *transform, const image_t *image,
         float *output)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    size_t channels = (size_t)image->channels;
    bool planes = transform->layout == IMAGE_NCHW;
    for (size_t channel = 0; channel < channels; channel++) {
        float mean = (float)transform->mean[channel];
        float std = (float)transform->std[channel];
        float values[256];
        for (int i = 0; i < 256; i++) {
            float x = transform->range == 1.0 ? (float)i / 255.0f : (float)i;
            values[i] = (x - mean) / std;
        }
        bool turned = transform->channels == IMAGE_BGR;
        const uint8_t *in =
            image->pixels + (turned ? channels - 1 - channel : channel);
        float *out = output + channel * (planes ? pixels : 1);
        size_t step = planes ? 1 : channels;
        for (size_t i = 0; i < pixels; i++)
            out[i * step] = values[in[i * channels]];
    }
}

static int
s_run(const image_transform_t *transform, const image_t *image, float *output,
      fault_t *fault)
{
    image_t resized = {0};
    int result = transform->resize == IMAGE_CROP
                     ? s_crop(transform, image, &resized, fault)
                     : image_resize(image, transform->width, transform->height,
                                    transform->filter, &resized, fault);
    if (result == 0)
        s_spread(transform, &resized, output);
    image_release(&resized);
    return result;
}

int
image_transform_run(const image_transform_t *transform, const image_t *image,
                    float *output, fault_t *fault)
{
    if (transform->channels != IMAGE_GREY)
        return s_run(transform, image, output, fault);
    image_t grey;
    int result = image_grey(image, &grey, fault);
    if (result == 0)
        result = s_run(transform, &grey, output, fault);
    image_release(&grey);
    return result;
}
