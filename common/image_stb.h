/* The decoder behind common/image: stb_image under a memory budget. */
#ifndef CONVOY_COMMON_IMAGE_STB_H
#define CONVOY_COMMON_IMAGE_STB_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

/* Decode a PNG or JPEG into a new block of width * height * 3 bytes. The
 * caller checked the structure of the file and its dimensions. NULL with
 * FAULT_INPUT; the sentence does not name the file. Free it with free(). */
uint8_t *image_stb_decode(const uint8_t *bytes, size_t size, int width,
                          int height, fault_t *fault);

#endif
