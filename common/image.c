/* Images: reading and decoding. */
#include "common/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/image_jpeg.h"
#include "common/image_png.h"
#include "common/image_stb.h"
#include "common/mem.h"

/* --- decoding --- */

static int
s_check_size(int width, int height, fault_t *fault)
{
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "%d x %d pixels; a side may have %d at most", width,
                         height, IMAGE_SIDE_MAX);
    if ((int64_t)width * height > IMAGE_PIXELS_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "%d x %d pixels are more than %d million", width,
                         height, IMAGE_PIXELS_MAX / 1000000);
    return 0;
}

static int
s_decode_png(image_t *image, const uint8_t *bytes, size_t size, fault_t *fault)
{
    image_png_t png;
    if (image_png_check(&png, bytes, size, fault) != 0 ||
        s_check_size(png.width, png.height, fault) != 0)
        return -1;
    size_t reduced_size;
    uint8_t *reduced =
        image_png_reduce(&png, bytes, size, &reduced_size, fault);
    if (!reduced)
        return -1;
    *image = (image_t){png.width, png.height, 3, NULL};
    image->pixels =
        image_stb_decode(reduced, reduced_size, png.width, png.height, fault);
    free(reduced);
    return image->pixels ? 0 : -1;
}

static int
s_decode_jpeg(image_t *image, const uint8_t *bytes, size_t size, fault_t *fault)
{
    image_jpeg_t jpeg;
    if (image_jpeg_check(&jpeg, bytes, size, fault) != 0 ||
        s_check_size(jpeg.width, jpeg.height, fault) != 0)
        return -1;
    *image = (image_t){jpeg.width, jpeg.height, 3, NULL};
    image->pixels =
        image_stb_decode(bytes, size, jpeg.width, jpeg.height, fault);
    return image->pixels ? 0 : -1;
}

int
image_decode(image_t *image, const void *bytes, size_t size, const char *name,
             fault_t *fault)
{
    *image = (image_t){0};
    int result;
    if (size == 0)
        result = fault_set(fault, FAULT_INPUT, "the file is empty");
    else if (size > IMAGE_FILE_BYTES_MAX)
        result = fault_set(fault, FAULT_INPUT, "larger than %d MiB",
                           IMAGE_FILE_BYTES_MAX >> 20);
    else if (image_png_is(bytes, size))
        result = s_decode_png(image, bytes, size, fault);
    else if (image_jpeg_is(bytes, size))
        result = s_decode_jpeg(image, bytes, size, fault);
    else
        result = fault_set(fault, FAULT_INPUT, "neither PNG nor JPEG");
    if (result == 0)
        return 0;
    *image = (image_t){0};
    return fault_prefix(fault, "%s", name);
}

/* --- reading --- */

/* All bytes up to one more than may be; NULL with a fault. */
static uint8_t *
s_read_all(int file, size_t *size, fault_t *fault)
{
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    *size = 0;
    for (;;) {
        size_t needed = capacity ? capacity + 1 : 1 << 16;
        if (*size == capacity &&
            mem_grow(&bytes, &capacity, needed, 1, fault) != 0)
            break;
        ssize_t got = read(file, bytes + *size, capacity - *size);
        if (got == 0 || *size > IMAGE_FILE_BYTES_MAX)
            return bytes;
        if (got < 0 && errno != EINTR) {
            fault_set(fault, FAULT_INPUT, "%s", strerror(errno));
            break;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    free(bytes);
    return NULL;
}

static int
s_open(const char *path, fault_t *fault)
{
    if (strcmp(path, "-") == 0)
        return dup(STDIN_FILENO);
    /* A fifo in a folder of pictures would hold everything up. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (file < 0)
        return fault_set(fault, FAULT_INPUT, "%s", strerror(errno));
    if (fstat(file, &status) != 0 || S_ISDIR(status.st_mode)) {
        close(file);
        return fault_set(fault, FAULT_INPUT, "a folder, not an image");
    }
    if (!S_ISREG(status.st_mode)) {
        close(file);
        return fault_set(fault, FAULT_INPUT,
                         "not a file; - takes an image from a pipe");
    }
    return file;
}

int
image_read(image_t *image, const char *path, fault_t *fault)
{
    const char *name = strcmp(path, "-") == 0 ? "stdin" : path;
    *image = (image_t){0};
    fault_t own = {0};
    int file = s_open(path, &own);
    size_t size = 0;
    uint8_t *bytes = file >= 0 ? s_read_all(file, &size, &own) : NULL;
    if (file >= 0)
        close(file);
    if (!bytes)
        return fault_set(fault, FAULT_INPUT, "%s: %s", name,
                         own.text[0] ? own.text : "cannot be read");
    int result = image_decode(image, bytes, size, name, fault);
    free(bytes);
    return result;
}

void
image_release(image_t *image)
{
    free(image->pixels);
    *image = (image_t){0};
}
