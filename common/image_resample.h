/* Antialiased filtering of a part of an image. */
#ifndef CONVOY_COMMON_IMAGE_RESAMPLE_H
#define CONVOY_COMMON_IMAGE_RESAMPLE_H

#include "common/image.h"

typedef struct image_window {
    int left, top, width, height;
} image_window_t;

/* What `window` shows of the image resized to width x height, as a new image.
 * -1 with FAULT_MEMORY. */
int image_resample(const image_t *image, int width, int height,
                   image_filter_t filter, const image_window_t *window,
                   image_t *out, fault_t *fault);

#endif
