/* The header of an .npy file: its dict literal, bounded. */
#ifndef CONVOY_COMMON_NPY_HEADER_H
#define CONVOY_COMMON_NPY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/fault.h"
#include "common/tensor.h"

enum {
    NPY_HEADER_MAX = (64 << 10) + 12, /* bytes before the elements */
};

typedef struct npy_header {
    dtype_t dtype;
    bool big_endian;
    bool fortran; /* the first axis is the fastest */
    shape_t shape;
    bool descr_seen, order_seen, shape_seen;
    size_t bytes; /* from the start of the file to the elements */
} npy_header_t;

/* Parse the start of a file of which `size` bytes are here and `file_bytes`
 * exist; the elements fill the rest of it exactly. -1 with FAULT_INPUT, which
 * does not name the file. */
int npy_header_parse(npy_header_t *self, const uint8_t *start, size_t size,
                     size_t file_bytes, fault_t *fault);

/* False for a dtype that the format does not have. */
bool npy_header_knows(dtype_t dtype);

/* Write format 1.0, padded so that the elements are aligned. Errors show in
 * ferror. */
void npy_header_write(FILE *file, dtype_t dtype, const shape_t *shape);

#endif
