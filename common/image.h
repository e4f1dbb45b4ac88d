/* Images: from PNG or JPEG bytes to the float32 tensor a network wants.
 *
 * Decoding gives what Pillow's Image.open(..).convert("RGB") gives: grey is
 * repeated, palettes are looked up, alpha is dropped (not blended), 16-bit
 * samples keep their high byte (for 16-bit grey Pillow clips to white instead),
 * EXIF orientation is ignored. CMYK JPEG is refused. Resizing is Pillow's
 * antialiased bilinear or bicubic, bit by bit; grey is its convert("L").
 */
#ifndef CONVOY_COMMON_IMAGE_H
#define CONVOY_COMMON_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

enum {
    IMAGE_SIDE_MAX = 16384,
    IMAGE_PIXELS_MAX = 100 * 1000 * 1000,
    IMAGE_FILE_BYTES_MAX = 64 << 20,
    IMAGE_INPUT_SIDE_MAX = 8192, /* of what a network takes */
    IMAGE_CHANNELS_MAX = 3,
};

/* Interleaved channels (red, green, blue, or grey alone), 8 bits, rows from the
 * top. */
typedef struct image {
    int width, height, channels; /* 3 or 1 */
    uint8_t *pixels;             /* owned */
} image_t;

typedef enum image_resize {
    IMAGE_STRETCH, /* to the size, whatever the aspect */
    IMAGE_CROP,    /* the shorter side to `shorter`, then the centre */
} image_resize_t;

typedef enum image_filter { IMAGE_BILINEAR, IMAGE_BICUBIC } image_filter_t;
typedef enum image_channels {
    IMAGE_RGB,
    IMAGE_BGR,
    IMAGE_GREY
} image_channels_t;
typedef enum image_layout { IMAGE_NCHW, IMAGE_NHWC } image_layout_t;

/* How a picture becomes a tensor: grey where that is wanted, resized, then
 * x = pixel / 255 * range and (x - mean) / std for each channel. mean and std
 * go with the channels of the tensor: of bgr, number 0 is blue's; of grey there
 * is number 0 alone. A plain value. */
typedef struct image_transform {
    int height, width; /* of the tensor */
    image_resize_t resize;
    int shorter; /* for IMAGE_CROP */
    image_filter_t filter;
    image_channels_t channels;
    image_layout_t layout;
    double range; /* 1.0 or 255.0 */
    double mean[IMAGE_CHANNELS_MAX], std[IMAGE_CHANNELS_MAX];
} image_transform_t;

/* The names used in pipeline.cfg and on the wire, in the order of the enums,
 * separated by '|'. */
#define IMAGE_RESIZE_NAMES "stretch|crop"
#define IMAGE_FILTER_NAMES "bilinear|bicubic"
#define IMAGE_CHANNELS_NAMES "rgb|bgr|grey"
#define IMAGE_LAYOUT_NAMES "NCHW|NHWC"

/* The position of a word in such a list, -1 where it is not in it; and the
 * inverse into word[size], which returns word. */
int image_word_index(const char *names, const char *word);
const char *image_word(const char *names, int index, char *word, size_t size);

/* Decode a PNG or JPEG to three channels. -1 with FAULT_INPUT and a sentence
 * that begins with `name`; nothing to release then. A damaged or truncated file
 * is a failure, never a partly grey picture. */
int image_decode(image_t *image, const void *bytes, size_t size,
                 const char *name, fault_t *fault);

/* The same from a file; path "-" is stdin. */
int image_read(image_t *image, const char *path, fault_t *fault);

void image_release(image_t *image);

/* A new image of this size by antialiased filtering. -1 with FAULT_INPUT or
 * FAULT_MEMORY. */
int image_resize(const image_t *image, int width, int height,
                 image_filter_t filter, image_t *resized, fault_t *fault);

/* A new image of the luma of a coloured one, weighted as ITU-R 601-2 and
 * rounded as Pillow's convert("L"). -1 with FAULT_MEMORY. */
int image_grey(const image_t *image, image_t *grey, fault_t *fault);

/* Defaults: stretch, 256, bilinear, rgb, NCHW, range 1, mean 0, std 1. */
void image_transform_init(image_transform_t *transform, int height, int width);

/* -1 with FAULT_CONFIG for what makes no sense, in a sentence that names the
 * key. The caller knows the file or the peer it came from. */
int image_transform_check(const image_transform_t *transform, fault_t *fault);

/* Channels of the tensor: 1 of grey, else 3. */
int image_transform_channels(const image_transform_t *transform);

/* The shape of one sample, [C, H, W] or [H, W, C], and its elements. */
shape_t image_transform_shape(const image_transform_t *transform);
size_t image_transform_elements(const image_transform_t *transform);

/* Whether one sample is what this input takes. */
bool image_transform_makes(const image_transform_t *transform,
                           const tensor_spec_t *input);

/* One coloured image into output[image_transform_elements()], axes as in
 * image_transform_shape. The transform was checked. */
int image_transform_run(const image_transform_t *transform,
                        const image_t *image, float *output, fault_t *fault);

#endif
