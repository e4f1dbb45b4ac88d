/* Images: any bytes are a picture or a sentence. Pictures over 65536 pixels are
 * left alone: they are right, but slow. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/image.h"
#include "common/image_jpeg.h"
#include "common/image_png.h"

enum { PIXELS_MAX = 1 << 16 };

static int
s_is_small(const uint8_t *bytes, size_t size)
{
    image_png_t png = {0};
    image_jpeg_t jpeg = {0};
    fault_t fault;
    if (image_png_is(bytes, size))
        image_png_check(&png, bytes, size, &fault);
    if (image_jpeg_is(bytes, size))
        image_jpeg_check(&jpeg, bytes, size, &fault);
    return (int64_t)png.width * png.height <= PIXELS_MAX &&
           (int64_t)jpeg.width * jpeg.height <= PIXELS_MAX;
}

static uint32_t
s_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Make the checksums of a PNG right, or mutations would end there. */
static void
s_mend(uint8_t *bytes, size_t size)
{
    size_t at = 8;
    while (at + 12 <= size) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12)
            return;
        uint32_t crc = s_crc(bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

static void
s_try(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    image_t image;
    image_transform_t transform;
    float output[3 * 8 * 5];
    if (!s_is_small(bytes, size))
        return;
    if (image_decode(&image, bytes, size, "fuzz.png", &fault) != 0) {
        assert(fault.code == FAULT_INPUT);
        assert(!image.pixels);
        return;
    }
    image_transform_init(&transform, 8, 5);
    transform.resize = IMAGE_CROP;
    transform.shorter = 9;
    transform.filter = bytes[size - 1] & 1 ? IMAGE_BICUBIC : IMAGE_BILINEAR;
    transform.channels = (image_channels_t)((bytes[size - 1] >> 1) % 3);
    transform.layout = bytes[size - 1] & 8 ? IMAGE_NHWC : IMAGE_NCHW;
    assert(image_transform_check(&transform, &fault) == 0);
    assert(image_transform_run(&transform, &image, output, &fault) == 0);
    image_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!image_png_is(bytes, size)) {
        s_try(bytes, size);
        return 0;
    }
    uint8_t *mended = malloc(size);
    memcpy(mended, bytes, size);
    s_mend(mended, size);
    s_try(mended, size);
    free(mended);
    return 0;
}
