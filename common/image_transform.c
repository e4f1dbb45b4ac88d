/* From a decoded image to the tensor that a network wants. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/image.h"
#include "common/image_resample.h"

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
image_resize(const image_t *image, int width, int height, image_t *resized,
             fault_t *fault)
{
    *resized = (image_t){0};
    if (width < 1 || height < 1 || width > IMAGE_SIDE_MAX ||
        height > IMAGE_SIDE_MAX || (int64_t)width * height > IMAGE_PIXELS_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "an image cannot be resized to %d x %d", width,
                         height);
    image_window_t whole = {0, 0, width, height};
    return image_resample(image, width, height, &whole, resized, fault);
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
s_unsupported(fault_t *fault, const char *key, const char *names, int index)
{
    char word[32];
    return fault_set(fault, FAULT_UNSUPPORTED,
                     "image.%s \"%s\" is not supported yet", key,
                     image_word(names, index, word, sizeof word));
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
    if (transform->filter != IMAGE_BILINEAR)
        return s_unsupported(fault, "filter", IMAGE_FILTER_NAMES,
                             transform->filter);
    if (transform->channels != IMAGE_RGB)
        return s_unsupported(fault, "channels", IMAGE_CHANNELS_NAMES,
                             transform->channels);
    if (transform->layout != IMAGE_NCHW)
        return s_unsupported(fault, "layout", IMAGE_LAYOUT_NAMES,
                             transform->layout);
    if (transform->range != 1.0 && transform->range != 255.0)
        return fault_set(fault, FAULT_CONFIG,
                         "image.range %g is neither 1.0 nor 255.0",
                         transform->range);
    for (int i = 0; i < 3; i++)
        if (!isfinite(transform->mean[i]) || !isfinite(transform->std[i]) ||
            (float)transform->std[i] == 0.0f)
            return fault_set(fault, FAULT_CONFIG,
                             "image.mean and image.std must be finite, and no "
                             "std may be 0");
    return s_check_sizes(transform, fault);
}

size_t
image_transform_elements(const image_transform_t *transform)
{
    return (size_t)3 * (size_t)transform->height * (size_t)transform->width;
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
    return image_resample(image, width, height, &window, out, fault);
}

/* Interleaved bytes to planes of floats; in the arithmetic of PyTorch's
 * ToTensor and Normalize, which is float32 at each step. */
static void
s_spread(const image_transform_t *transform, const image_t *image,
         float *output)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t channel = 0; channel < 3; channel++) {
        float mean = (float)transform->mean[channel];
        float std = (float)transform->std[channel];
        float values[256];
        for (int i = 0; i < 256; i++) {
            float x = transform->range == 1.0 ? (float)i / 255.0f : (float)i;
            values[i] = (x - mean) / std;
        }
        float *plane = output + channel * pixels;
        for (size_t i = 0; i < pixels; i++)
            plane[i] = values[image->rgb[3 * i + channel]];
    }
}

int
image_transform_run(const image_transform_t *transform, const image_t *image,
                    float *output, fault_t *fault)
{
    image_t resized = {0};
    int result = transform->resize == IMAGE_CROP
                     ? s_crop(transform, image, &resized, fault)
                     : image_resize(image, transform->width, transform->height,
                                    &resized, fault);
    if (result == 0)
        s_spread(transform, &resized, output);
    image_release(&resized);
    return result;
}
