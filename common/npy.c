/* NumPy's .npy files, as untrusted input. */
#include "common/npy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/npy_header.h"

/* Elements as they stand in a file to elements as Convoy holds them. */
static void
s_settle_elements(tensor_t *tensor, bool big_endian)
{
    size_t size = dtype_size(tensor->dtype);
    uint8_t *bytes = tensor->data;
    for (size_t at = 0; big_endian && size > 1 && at < tensor->bytes;
         at += size)
        for (size_t i = 0; i < size / 2; i++) {
            uint8_t swap = bytes[at + i];
            bytes[at + i] = bytes[at + size - 1 - i];
            bytes[at + size - 1 - i] = swap;
        }
    for (size_t i = 0; tensor->dtype == DTYPE_BOOL && i < tensor->bytes; i++)
        bytes[i] = bytes[i] != 0;
}

/* Elements with the first axis fastest to ones with the last axis fastest. */
static int
s_reorder(tensor_t *tensor, fault_t *fault)
{
    const shape_t *shape = &tensor->shape;
    size_t size = dtype_size(tensor->dtype), strides[TENSOR_RANK_MAX];
    size_t at[TENSOR_RANK_MAX] = {0}, from = 0, stride = size;
    char *bytes = mem_aligned(tensor->bytes, fault);
    if (!bytes)
        return -1;
    for (int axis = 0; axis < shape->rank; axis++) {
        strides[axis] = stride;
        stride *= (size_t)shape->dims[axis];
    }
    for (size_t to = 0; to < tensor->bytes; to += size) {
        memcpy(bytes + to, (char *)tensor->data + from, size);
        int axis = shape->rank - 1;
        for (; axis > 0 && at[axis] + 1 == (size_t)shape->dims[axis]; axis--) {
            from -= at[axis] * strides[axis];
            at[axis] = 0;
        }
        at[axis]++;
        from += strides[axis];
    }
    free(tensor->data);
    tensor->data = bytes;
    return 0;
}

static int
s_settle(tensor_t *tensor, const npy_header_t *header, fault_t *fault)
{
    s_settle_elements(tensor, header->big_endian);
    return header->fortran && tensor->shape.rank > 1 ? s_reorder(tensor, fault)
                                                     : 0;
}

int
npy_decode(tensor_t *tensor, const void *bytes, size_t size, const char *name,
           fault_t *fault)
{
    *tensor = (tensor_t){0};
    npy_header_t header;
    if (npy_header_parse(&header, bytes, size, size, fault) != 0 ||
        tensor_init(tensor, header.dtype, &header.shape, fault) != 0)
        return fault_prefix(fault, "%s", name);
    if (tensor->bytes)
        memcpy(tensor->data, (const uint8_t *)bytes + header.bytes,
               tensor->bytes);
    if (s_settle(tensor, &header, fault) == 0)
        return 0;
    tensor_release(tensor);
    return fault_prefix(fault, "%s", name);
}

/* --- reading --- */

static int
s_read_at(int file, void *bytes, size_t size, size_t offset, size_t *got,
          fault_t *fault)
{
    *got = 0;
    while (*got < size) {
        ssize_t some = pread(file, (char *)bytes + *got, size - *got,
                             (off_t)(offset + *got));
        if (some == 0)
            break;
        if (some < 0 && errno != EINTR)
            return fault_set(fault, FAULT_INPUT, "%s", strerror(errno));
        *got += some > 0 ? (size_t)some : 0;
    }
    return 0;
}

static int
s_read_header(npy_header_t *header, int file, size_t file_bytes, fault_t *fault)
{
    size_t got;
    uint8_t *start = mem_new(NPY_HEADER_MAX, 1, fault);
    if (!start)
        return -1;
    int result = s_read_at(file, start, NPY_HEADER_MAX, 0, &got, fault);
    if (result == 0)
        result = npy_header_parse(header, start, got, file_bytes, fault);
    free(start);
    return result;
}

static int
s_read(tensor_t *tensor, int file, fault_t *fault)
{
    struct stat status;
    npy_header_t header;
    if (fstat(file, &status) != 0)
        return fault_set(fault, FAULT_INPUT, "%s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fault_set(fault, FAULT_INPUT, "not a file");
    if (s_read_header(&header, file, (size_t)status.st_size, fault) != 0 ||
        tensor_init(tensor, header.dtype, &header.shape, fault) != 0)
        return -1;
    size_t got;
    int result =
        s_read_at(file, tensor->data, tensor->bytes, header.bytes, &got, fault);
    if (result == 0 && got < tensor->bytes)
        result = fault_set(fault, FAULT_INPUT, "the file is cut short");
    if (result == 0)
        result = s_settle(tensor, &header, fault);
    if (result != 0)
        tensor_release(tensor);
    return result;
}

int
npy_read(tensor_t *tensor, const char *path, fault_t *fault)
{
    *tensor = (tensor_t){0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fault_set(fault, FAULT_INPUT, "%s: %s", path, strerror(errno));
    int result = s_read(tensor, file, fault);
    close(file);
    return result == 0 ? 0 : fault_prefix(fault, "%s", path);
}

/* --- writing --- */

static int
s_write(const tensor_t *tensor, const char *path, fault_t *fault)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return fault_set(fault, FAULT_SYSTEM, "%s: %s", path, strerror(errno));
    npy_header_write(file, tensor->dtype, &tensor->shape);
    errno = 0;
    fwrite(tensor->data, 1, tensor->bytes, file);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return fault_set(fault, FAULT_SYSTEM, "%s: %s", path,
                         errno ? strerror(errno) : "cannot be written");
    return 0;
}

int
npy_write(const tensor_t *tensor, const char *path, fault_t *fault)
{
    if (npy_header_knows(tensor->dtype))
        return s_write(tensor, path, fault);
    assert(tensor->dtype == DTYPE_BFLOAT16);
    tensor_t wide;
    if (tensor_init(&wide, DTYPE_FLOAT32, &tensor->shape, fault) != 0)
        return -1;
    tensor_convert(DTYPE_FLOAT32, wide.data, DTYPE_BFLOAT16, tensor->data,
                   tensor->bytes / dtype_size(DTYPE_BFLOAT16));
    int result = s_write(&wide, path, fault);
    tensor_release(&wide);
    return result;
}
