/* TensorProtos of the skeleton as constants and tensors. */
#include "common/model/onnx_tensor.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/onnx_walk.h"

enum { ATTRIBUTE_BYTES_MAX = 16 << 20 };

static const char *const type_names[] = {
    "none",           "float32",      "uint8",          "int8",
    "uint16",         "int16",        "int32",          "int64",
    "string",         "bool",         "float16",        "float64",
    "uint32",         "uint64",       "complex64",      "complex128",
    "bfloat16",       "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
    "float8e5m2fnuz", "uint4",        "int4",           "float4e2m1",
};

int
onnx_dtype(int32_t data_type, const char *name, dtype_t *dtype, fault_t *fault)
{
    enum { NAMES = sizeof type_names / sizeof type_names[0] };
    *dtype = (dtype_t)data_type;
    if (data_type > 0 && dtype_size(*dtype))
        return 0;
    if (data_type >= 0 && data_type < NAMES)
        return fault_set(fault, FAULT_INPUT,
                         "tensor %s: element type %s is not read", name,
                         type_names[data_type]);
    return fault_set(fault, FAULT_INPUT,
                     "tensor %s: element type %d is not read", name, data_type);
}

/* --- typed data --- */

/* The elements that stand in int32_data: all but 32 and 64 bit ones there are
 * widened, floats of 16 bits as their bits. */
static bool
s_is_in_int32_data(dtype_t dtype)
{
    return dtype == DTYPE_INT32 || dtype == DTYPE_INT16 ||
           dtype == DTYPE_INT8 || dtype == DTYPE_UINT8 || dtype == DTYPE_BOOL ||
           dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

/* Copy `count` elements from the field of the dtype; false if it has another
 * number of them. */
static bool
s_copy_typed(const Onnx__TensorProto *proto, dtype_t dtype, size_t count,
             uint8_t *to)
{
    size_t size = dtype_size(dtype);
    const void *from = NULL;
    size_t has = 0;
    if (dtype == DTYPE_FLOAT32) {
        from = proto->float_data;
        has = proto->n_float_data;
    } else if (dtype == DTYPE_FLOAT64) {
        from = proto->double_data;
        has = proto->n_double_data;
    } else if (dtype == DTYPE_INT64) {
        from = proto->int64_data;
        has = proto->n_int64_data;
    } else if (s_is_in_int32_data(dtype) && proto->n_int32_data == count) {
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * size, &proto->int32_data[i], size);
        return true;
    }
    if (has != count)
        return false;
    if (count)
        memcpy(to, from, count * size);
    return true;
}

static bool
s_has_typed(const Onnx__TensorProto *proto)
{
    return proto->n_float_data || proto->n_double_data || proto->n_int32_data ||
           proto->n_int64_data || proto->n_uint64_data || proto->n_string_data;
}

static blob_t *
s_typed_blob(const Onnx__TensorProto *proto, dtype_t dtype, size_t bytes,
             const char *name, fault_t *fault)
{
    size_t count = bytes / dtype_size(dtype);
    /* Every element took a byte of the file at least: a hostile shape without
     * data allocates nothing. */
    if (count && !s_has_typed(proto))
        return fault_null(fault, FAULT_INPUT, "tensor %s has no elements",
                          name);
    if (count > ONNX_SKELETON_BYTES_MAX)
        return fault_null(fault, FAULT_INPUT,
                          "tensor %s: another number of elements than its "
                          "shape has",
                          name);
    uint8_t *memory = mem_new(1, bytes, fault);
    if (!memory)
        return NULL;
    if (!s_copy_typed(proto, dtype, count, memory)) {
        free(memory);
        return fault_null(fault, FAULT_INPUT,
                          "tensor %s: another number of elements than its "
                          "shape has",
                          name);
    }
    return blob_take(memory, bytes, fault);
}

/* --- any tensor --- */

static int
s_read_shape(const Onnx__TensorProto *proto, const char *name, dtype_t *dtype,
             shape_t *shape, size_t *bytes, fault_t *fault)
{
    if (onnx_dtype(proto->has_data_type ? proto->data_type : 0, name, dtype,
                   fault))
        return -1;
    if (proto->n_dims > TENSOR_RANK_MAX)
        return fault_set(fault, FAULT_INPUT,
                         "tensor %s has %zu axes, at most %d are read", name,
                         proto->n_dims, TENSOR_RANK_MAX);
    *shape = (shape_t){.rank = (int)proto->n_dims};
    for (int i = 0; i < shape->rank; i++)
        shape->dims[i] = proto->dims[i];
    int64_t elements = shape_elements(shape);
    if (elements < 0 || !mem_mul((size_t)elements, dtype_size(*dtype), bytes))
        return fault_set(fault, FAULT_INPUT, "tensor %s: the shape has no size",
                         name);
    return 0;
}

/* Elements in another file. */
static blob_t *
s_external(const Onnx__TensorProto *proto, const char *name,
           onnx_external_t *external, size_t bytes, fault_t *fault)
{
    if (proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL ||
        proto->has_raw_data || s_has_typed(proto))
        return fault_null(fault, FAULT_INPUT,
                          "tensor %s: elements here and in another file", name);
    blob_t *blob = onnx_external_open(external, proto, bytes, fault);
    if (!blob)
        fault_prefix(fault, "tensor %.100s", name);
    return blob;
}

/* The elements, or NULL with a fault. */
static blob_t *
s_elements(const Onnx__TensorProto *proto, const char *name,
           const onnx_source_t *source, dtype_t *dtype, shape_t *shape,
           fault_t *fault)
{
    size_t bytes;
    onnx_place_t place;
    if (s_read_shape(proto, name, dtype, shape, &bytes, fault))
        return NULL;
    if ((proto->has_data_location &&
         proto->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT) ||
        proto->n_external_data)
        return s_external(proto, name, source->external, bytes, fault);
    if (!proto->has_raw_data)
        return s_typed_blob(proto, *dtype, bytes, name, fault);
    if (!onnx_place_decode(&place, proto->raw_data.data, proto->raw_data.len) ||
        s_has_typed(proto) ||
        (place.typed != DTYPE_NONE && place.typed != *dtype))
        return fault_null(fault, FAULT_INPUT,
                          "tensor %s: elements of another type than it says",
                          name);
    if (place.bytes != bytes) {
        char text[128];
        return fault_null(
            fault, FAULT_INPUT, "tensor %s: %llu bytes for %s of %s", name,
            (unsigned long long)place.bytes,
            shape_text(shape, text, sizeof text), dtype_name(*dtype));
    }
    return blob_slice(source->file, place.offset, bytes, fault);
}

int
onnx_add_constant(graph_t *graph, const Onnx__TensorProto *proto,
                  const char *name, const onnx_source_t *source, fault_t *fault)
{
    dtype_t dtype;
    shape_t shape;
    blob_t *blob = s_elements(proto, name, source, &dtype, &shape, fault);
    if (!blob)
        return -1;
    int value =
        graph_add_constant(graph, name, dtype, &shape, dtype, blob, fault);
    blob_release(&blob);
    return value;
}

int
onnx_read_tensor(tensor_t *tensor, const Onnx__TensorProto *proto,
                 const char *name, const onnx_source_t *source, fault_t *fault)
{
    dtype_t dtype;
    shape_t shape;
    blob_t *blob = s_elements(proto, name, source, &dtype, &shape, fault);
    if (!blob)
        return -1;
    int result = 0;
    if (blob_bytes(blob) > ATTRIBUTE_BYTES_MAX)
        result =
            fault_set(fault, FAULT_INPUT, "attribute %s: a tensor over %d MiB",
                      name, ATTRIBUTE_BYTES_MAX >> 20);
    if (result == 0)
        result = tensor_init(tensor, dtype, &shape, fault);
    if (result == 0 && blob_read(blob, 0, tensor->data, tensor->bytes, fault)) {
        tensor_release(tensor);
        result = -1;
    }
    blob_release(&blob);
    return result;
}
