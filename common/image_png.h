/* A PNG file's structure, checked before a decoder sees it.
 *
 * Source: PNG specification, third edition, sections 5 and 11.
 */
#ifndef CONVOY_COMMON_IMAGE_PNG_H
#define CONVOY_COMMON_IMAGE_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

typedef struct image_png {
    int width, height;
    uint8_t header[13];     /* the IHDR chunk's data */
    const uint8_t *palette; /* borrowed from the file; NULL without one */
    size_t palette_bytes;
    size_t data_bytes; /* of all IDAT chunks */
} image_png_t;

bool image_png_is(const void *bytes, size_t size);

/* The order and the lengths of chunks, the checksums of the critical ones, a
 * valid header, a palette where one is needed, IEND. -1 with FAULT_INPUT; the
 * sentence does not name the file. */
int image_png_check(image_png_t *self, const uint8_t *bytes, size_t size,
                    fault_t *fault);

/* A new file with the same pixels and nothing else: header, palette filled up
 * to 256 colours (with greys, as Pillow does, so that no index is undefined),
 * one IDAT, IEND. NULL with FAULT_MEMORY. Free it. */
uint8_t *image_png_reduce(const image_png_t *self, const uint8_t *bytes,
                          size_t size, size_t *reduced_size, fault_t *fault);

#endif
