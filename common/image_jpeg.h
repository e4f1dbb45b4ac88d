/* A JPEG file's structure, checked before a decoder sees it.
 *
 * Source: ITU-T T.81, annexes B and C.
 */
#ifndef CONVOY_COMMON_IMAGE_JPEG_H
#define CONVOY_COMMON_IMAGE_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum { IMAGE_JPEG_SCANS_MAX = 64 };

typedef struct image_jpeg {
    int width, height;
    int components; /* 1 (grey) or 3 */
    int scans;
} image_jpeg_t;

bool image_jpeg_is(const void *bytes, size_t size);

/* Every segment from SOI to EOI: lengths, tables, one frame header (baseline,
 * extended or progressive Huffman, 8 bits, 1 or 3 components), scans that use
 * tables and components there are, at most IMAGE_JPEG_SCANS_MAX of them, and
 * a scan for each component. -1 with FAULT_INPUT; the sentence does not name
 * the file. */
int image_jpeg_check(image_jpeg_t *self, const uint8_t *bytes, size_t size,
                     fault_t *fault);

#endif
