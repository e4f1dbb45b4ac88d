/* Images: from PNG or JPEG bytes to the float32 tensor a network wants.
 *
 * Decoding gives what Pillow's Image.open(..).convert("RGB") gives: grey is
 * repeated, palettes are looked up, alpha is dropped (not blended), 16-bit
 * samples keep their high byte (for 16-bit grey Pillow clips to white instead),
 * EXIF orientation is ignored. CMYK JPEG is refused. Resizing is Pillow's
 * antialiased bilinear, bit by bit.
 */
#ifndef CONVOY_COMMON_IMAGE_H
#define CONVOY_COMMON_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum {
    IMAGE_SIDE_MAX = 16384,
    IMAGE_PIXELS_MAX = 100 * 1000 * 1000,
    IMAGE_FILE_BYTES_MAX = 64 << 20,
    IMAGE_INPUT_SIDE_MAX = 8192, /* of what a network takes */
};

/* Interleaved RGB, 8 bits, rows from the top. */
typedef struct image {
    int width, height;
    uint8_t *rgb; /* owned */
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

/* How a picture becomes a tensor: x = pixel / 255 * range, then
 * (x - mean) / std for each channel. A plain value. */
typedef struct image_transform {
    int height, width; /* of the tensor */
    image_resize_t resize;
    int shorter; /* for IMAGE_CROP */
    image_filter_t filter;
    image_channels_t channels;
    image_layout_t layout;
    double range; /* 1.0 or 255.0 */
    double mean[3], std[3];
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

/* Decode a PNG or JPEG. -1 with FAULT_INPUT and a sentence that begins with
 * `name`; nothing to release then. A damaged or truncated file is a failure,
 * never a partly grey picture. */
int image_decode(image_t *image, const void *bytes, size_t size,
                 const char *name, fault_t *fault);

/* The same from a file; path "-" is stdin. */
int image_read(image_t *image, const char *path, fault_t *fault);

void image_release(image_t *image);

/* A new image of this size by antialiased bilinear filtering. -1 with
 * FAULT_INPUT or FAULT_MEMORY. */
int image_resize(const image_t *image, int width, int height, image_t *resized,
                 fault_t *fault);

/* Defaults: stretch, 256, bilinear, rgb, NCHW, range 1, mean 0, std 1. */
void image_transform_init(image_transform_t *transform, int height, int width);

/* -1 with FAULT_UNSUPPORTED for what is not supported yet (bicubic, bgr, grey,
 * NHWC) and FAULT_CONFIG for what makes no sense, in a sentence that names the
 * key. The caller knows the file or the peer it came from. */
int image_transform_check(const image_transform_t *transform, fault_t *fault);

/* Elements of the tensor of one image: 3 * height * width. */
size_t image_transform_elements(const image_transform_t *transform);

/* One image into output[image_transform_elements()], axes C, H, W. The
 * transform was checked. */
int image_transform_run(const image_transform_t *transform,
                        const image_t *image, float *output, fault_t *fault);

#endif
