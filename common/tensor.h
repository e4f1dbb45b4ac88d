/* Element types, shapes and tensor specs: what a frame, a file or a buffer
 * holds. Tensors are dense, C order (last axis fastest), little endian.
 */
#ifndef CONVOY_COMMON_TENSOR_H
#define CONVOY_COMMON_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

enum {
    TENSOR_RANK_MAX = 8,
    TENSOR_NAME_MAX = 128, /* bytes of a tensor's name, without the NUL */
    TENSORS_MAX = 16,      /* tensors across one boundary, frames of a job */
};

/* A dimension that is the batch: any number of samples. Only axis 0 of a
 * boundary tensor can be one. */
#define DIM_BATCH ((int64_t)-1)

/* The numbers are those of ONNX's TensorProto.DataType; they are used on the
 * wire too. */
typedef enum dtype {
    DTYPE_NONE = 0,
    DTYPE_FLOAT32 = 1,
    DTYPE_UINT8 = 2,
    DTYPE_INT8 = 3,
    DTYPE_INT16 = 5,
    DTYPE_INT32 = 6,
    DTYPE_INT64 = 7,
    DTYPE_BOOL = 9,
    DTYPE_FLOAT16 = 10,
    DTYPE_FLOAT64 = 11,
    DTYPE_BFLOAT16 = 16,
} dtype_t;

typedef struct shape {
    int rank; /* 0 is a scalar */
    int64_t dims[TENSOR_RANK_MAX];
} shape_t;

/* What is known about a tensor without its elements. */
typedef struct tensor_spec {
    char name[TENSOR_NAME_MAX + 1];
    dtype_t dtype;
    shape_t shape;
} tensor_spec_t;

/* A tensor in memory. data is owned: tensor_release frees it. */
typedef struct tensor {
    dtype_t dtype;
    shape_t shape; /* every dim >= 0 */
    void *data;
    size_t bytes;
} tensor_t;

/* Bytes of one element; 0 for a dtype that Convoy does not know. */
size_t dtype_size(dtype_t dtype);

/* "float32", ...; "unknown" for what is not in the list. dtype_parse is the
 * inverse and gives DTYPE_NONE for an unknown name. */
const char *dtype_name(dtype_t dtype);
dtype_t dtype_parse(const char *name);

bool shape_equal(const shape_t *a, const shape_t *b);

/* The number of elements, 1 for a scalar; -1 if a dim is negative or the
 * product does not fit. */
int64_t shape_elements(const shape_t *shape);

/* True if `actual` is `declared` with DIM_BATCH replaced by some number. */
bool shape_matches(const shape_t *declared, const shape_t *actual);

/* "[3, 32, 32]" with "N" for the batch, into text[size]; returns text. */
const char *shape_text(const shape_t *shape, char *text, size_t size);

/* Bytes of a dense tensor of this shape with `batch` in place of DIM_BATCH;
 * 0 where dtype or shape are not valid or the size does not fit. */
size_t tensor_bytes(dtype_t dtype, const shape_t *shape, int64_t batch);

/* Zeroed elements (64-byte aligned), or -1 with FAULT_BAD_SHAPE,
 * FAULT_BAD_DTYPE or FAULT_MEMORY. */
int tensor_init(tensor_t *self, dtype_t dtype, const shape_t *shape,
                fault_t *fault);
void tensor_release(tensor_t *self);

/* Convert `count` elements between any two of the dtypes above. Floating
 * point to float16 and bfloat16 rounds to nearest even; to integers truncates
 * and saturates; to bool is != 0. The ranges may not overlap. */
void tensor_convert(dtype_t to, void *destination, dtype_t from,
                    const void *source, size_t count);

#endif
