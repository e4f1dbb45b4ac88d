/* NumPy's .npy files, formats 1.0 to 3.0, as untrusted input.
 *
 * Source: numpy.lib.format. Layout: 93 'NUMPY', major, minor, the header's
 * length (u16, from 2.0 on u32), the header (a Python dict literal with descr,
 * fortran_order and shape, padded with spaces), then the elements.
 */
#ifndef CONVOY_COMMON_NPY_H
#define CONVOY_COMMON_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

#define NPY_BYTES_MAX ((size_t)4 << 30) /* of a file */

/* A whole file into a new tensor, little endian and in C order whatever the
 * file's. -1 with FAULT_INPUT and a sentence that names the file. Structured
 * and complex elements are refused. */
int npy_read(tensor_t *tensor, const char *path, fault_t *fault);

/* The same from bytes; `name` stands for the file in sentences. */
int npy_decode(tensor_t *tensor, const void *bytes, size_t size,
               const char *name, fault_t *fault);

/* Write format 1.0, little endian, C order; bfloat16, which NumPy does not
 * have, is written as float32. -1 with FAULT_SYSTEM naming the file. */
int npy_write(const tensor_t *tensor, const char *path, fault_t *fault);

#endif
