/* stb_image under a memory budget; the only file that knows it.
 *
 * Memory comes zeroed, because the decoder may read what no scan wrote. This
 * file is compiled with -fwrapv: hostile coefficients overflow its ints. */
#include "common/image_stb.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/image.h"

static void *s_stb_malloc(size_t bytes);
static void *s_stb_realloc(void *memory, size_t bytes);
static void s_stb_free(void *memory);

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS IMAGE_SIDE_MAX
#define STBI_MALLOC(bytes) s_stb_malloc(bytes)
#define STBI_REALLOC(memory, bytes) s_stb_realloc(memory, bytes)
#define STBI_FREE(memory) s_stb_free(memory)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
/* It declares, as static, functions that PNG and JPEG alone do not define. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>

/* Bytes that the decode under way may still take, and whether it asked for
 * more: a decode runs in one thread from begin to end. */
static _Thread_local size_t budget_left;
static _Thread_local bool budget_exceeded;

static void *
s_stb_malloc(size_t bytes)
{
    void *memory = bytes <= budget_left ? calloc(1, bytes) : NULL;
    size_t real = memory ? malloc_usable_size(memory) : 0;
    budget_exceeded |= bytes > budget_left;
    budget_left -= real < budget_left ? real : budget_left;
    return memory;
}

static void
s_stb_free(void *memory)
{
    budget_left += memory ? malloc_usable_size(memory) : 0;
    free(memory);
}

static void *
s_stb_realloc(void *memory, size_t bytes)
{
    size_t old = memory ? malloc_usable_size(memory) : 0;
    void *grown = s_stb_malloc(bytes);
    if (!grown)
        return NULL;
    if (old)
        memcpy(grown, memory, old < bytes ? old : bytes);
    s_stb_free(memory);
    return grown;
}

/* What an honest file can need: the compressed bytes, four channels of 16 bits
 * before and after unfiltering (or a progressive JPEG's coefficients and
 * planes), and a fixed part. A bomb meets this bound instead of the machine's.
 */
static size_t
s_budget(size_t size, int width, int height)
{
    return (size_t)width * (size_t)height * 16 + 2 * size + (16 << 20);
}

uint8_t *
image_stb_decode(const uint8_t *bytes, size_t size, int width, int height,
                 fault_t *fault)
{
    budget_left = s_budget(size, width, height);
    budget_exceeded = false;
    int got_width = 0, got_height = 0, channels = 0;
    uint8_t *rgb = stbi_load_from_memory(bytes, (int)size, &got_width,
                                         &got_height, &channels, 3);
    if (!rgb && budget_exceeded)
        return fault_null(fault, FAULT_INPUT,
                          "decoding %d x %d pixels takes more memory than an "
                          "honest file would",
                          width, height);
    if (!rgb)
        return fault_null(fault, FAULT_INPUT, "damaged image: %s",
                          stbi_failure_reason());
    if (got_width != width || got_height != height) {
        free(rgb);
        return fault_null(fault, FAULT_INPUT,
                          "damaged image: its size is unclear");
    }
    return rgb;
}
