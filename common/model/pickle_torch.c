/* The objects of PyTorch that a pickle may name, and how they are recognised.
 *
 * Source: torch/_utils.py and torch/serialization.py of PyTorch 1.13. */
#include "common/model/pickle_torch.h"

#include <string.h>

typedef enum callee {
    CALLEE_NONE, /* a storage type: only named in persistent ids */
    CALLEE_ORDERED_DICT,
    CALLEE_TENSOR,
    CALLEE_PARAMETER,
} callee_t;

typedef struct global {
    const char *module;
    const char *name;
    callee_t callee;
    dtype_t storage;
} global_t;

static const global_t globals[] = {
    {"collections", "OrderedDict", CALLEE_ORDERED_DICT, DTYPE_NONE},
    {"torch._utils", "_rebuild_tensor_v2", CALLEE_TENSOR, DTYPE_NONE},
    {"torch._utils", "_rebuild_parameter", CALLEE_PARAMETER, DTYPE_NONE},
    {"torch", "FloatStorage", CALLEE_NONE, DTYPE_FLOAT32},
    {"torch", "HalfStorage", CALLEE_NONE, DTYPE_FLOAT16},
    {"torch", "BFloat16Storage", CALLEE_NONE, DTYPE_BFLOAT16},
    {"torch", "DoubleStorage", CALLEE_NONE, DTYPE_FLOAT64},
    {"torch", "LongStorage", CALLEE_NONE, DTYPE_INT64},
    {"torch", "IntStorage", CALLEE_NONE, DTYPE_INT32},
    {"torch", "ShortStorage", CALLEE_NONE, DTYPE_INT16},
    {"torch", "CharStorage", CALLEE_NONE, DTYPE_INT8},
    {"torch", "ByteStorage", CALLEE_NONE, DTYPE_UINT8},
    {"torch", "BoolStorage", CALLEE_NONE, DTYPE_BOOL},
};

enum { GLOBALS = sizeof globals / sizeof globals[0] };

int
pickle_find_global(const char *module, size_t module_size, const char *name,
                   size_t name_size)
{
    for (int i = 0; i < GLOBALS; i++)
        if (strlen(globals[i].module) == module_size &&
            strlen(globals[i].name) == name_size &&
            memcmp(globals[i].module, module, module_size) == 0 &&
            memcmp(globals[i].name, name, name_size) == 0)
            return i;
    return -1;
}

static bool
s_is(const pickle_t *self, int node, pickle_kind_t kind)
{
    return node >= 0 && self->nodes[node].kind == kind;
}

static const global_t *
s_as_global(const pickle_t *self, int node)
{
    return s_is(self, node, PICKLE_IS_GLOBAL)
               ? &globals[self->nodes[node].index]
               : NULL;
}

static bool
s_as_int(const pickle_t *self, int node, int64_t *value)
{
    if (!s_is(self, node, PICKLE_IS_INT))
        return false;
    *value = self->nodes[node].number;
    return true;
}

/* ("storage", type, key, location, elements), and None in legacy files. */
int
pickle_make_storage(pickle_t *self, int id, fault_t *fault)
{
    int field[6] = {-1, -1, -1, -1, -1, PICKLE_NONE};
    int count =
        s_is(self, id, PICKLE_IS_TUPLE) ? pickle_values(self, id, field, 6) : 0;
    const global_t *type = s_as_global(self, field[1]);
    pickle_storage_t storage = {.dtype = type ? type->storage : DTYPE_NONE};
    size_t tag_size = 0;
    const char *tag = s_is(self, field[0], PICKLE_IS_TEXT)
                          ? pickle_text(self, field[0], &tag_size)
                          : NULL;
    if (count < 5 || count > 6 || storage.dtype == DTYPE_NONE ||
        tag_size != 7 || memcmp(tag, "storage", 7) != 0 ||
        !s_is(self, field[2], PICKLE_IS_TEXT) ||
        !s_is(self, field[3], PICKLE_IS_TEXT) ||
        !s_as_int(self, field[4], &storage.elements) || storage.elements < 0 ||
        field[5] != PICKLE_NONE)
        return fault_set(fault, FAULT_INPUT,
                         "a persistent id that is no storage");
    storage.key = pickle_text(self, field[2], &storage.key_size);
    return pickle_add_storage(self, &storage, fault);
}

/* Sizes and strides; false where they are no rank of integers >= 0. */
static bool
s_axes(const pickle_t *self, int node, shape_t *axes)
{
    int values[TENSOR_RANK_MAX];
    if (!s_is(self, node, PICKLE_IS_TUPLE))
        return false;
    axes->rank = pickle_values(self, node, values, TENSOR_RANK_MAX);
    if (axes->rank > TENSOR_RANK_MAX)
        return false;
    for (int i = 0; i < axes->rank; i++)
        if (!s_as_int(self, values[i], &axes->dims[i]) || axes->dims[i] < 0)
            return false;
    return true;
}

/* The element behind the last one the tensor touches, checked. */
static bool
s_extent(const pickle_tensor_t *tensor, const shape_t *strides, int64_t *end)
{
    *end = tensor->offset;
    int64_t elements = shape_elements(&tensor->shape);
    if (elements <= 0)
        return elements == 0;
    for (int i = 0; i < strides->rank; i++) {
        int64_t reach;
        if (__builtin_mul_overflow(tensor->shape.dims[i] - 1, strides->dims[i],
                                   &reach) ||
            __builtin_add_overflow(*end, reach, end))
            return false;
    }
    return !__builtin_add_overflow(*end, 1, end);
}

static bool
s_contiguous(const shape_t *shape, const shape_t *strides)
{
    int64_t expected = 1;
    for (int i = shape->rank; i-- > 0;) {
        if (shape->dims[i] > 1 && strides->dims[i] != expected)
            return false;
        expected *= shape->dims[i]; /* elements of the shape fit */
    }
    return true;
}

/* (storage, offset, size, stride, requires_grad, hooks [, metadata]) */
static int
s_make_tensor(pickle_t *self, const int *field, int count, const char *name,
              fault_t *fault)
{
    pickle_tensor_t tensor;
    shape_t strides;
    if (count < 6 || count > 7 || !s_is(self, field[0], PICKLE_IS_STORAGE) ||
        !s_as_int(self, field[1], &tensor.offset) || tensor.offset < 0 ||
        !s_axes(self, field[2], &tensor.shape) ||
        !s_axes(self, field[3], &strides) ||
        strides.rank != tensor.shape.rank ||
        !s_is(self, field[4], PICKLE_IS_BOOL))
        return fault_set(
            fault, FAULT_INPUT,
            "%s: a tensor whose offset, sizes or strides are wrong", name);
    tensor.storage = self->storages[self->nodes[field[0]].index];
    int64_t end;
    if (!s_extent(&tensor, &strides, &end) || end > tensor.storage.elements)
        return fault_set(fault, FAULT_INPUT,
                         "%s: outside its storage of %lld elements", name,
                         (long long)tensor.storage.elements);
    if (shape_elements(&tensor.shape) > 0 &&
        !s_contiguous(&tensor.shape, &strides))
        return fault_set(fault, FAULT_INPUT,
                         "%s: not contiguous in memory, save it after "
                         ".contiguous()",
                         name);
    return pickle_add_tensor(self, &tensor, fault);
}

int
pickle_make(pickle_t *self, int callee, int arguments, const char *name,
            fault_t *fault)
{
    int field[7];
    int count = s_is(self, arguments, PICKLE_IS_TUPLE)
                    ? pickle_values(self, arguments, field, 7)
                    : -1;
    const global_t *global = s_as_global(self, callee);
    callee_t kind = global ? global->callee : CALLEE_NONE;
    const pickle_node_t dict = {.kind = PICKLE_IS_DICT, .ordered = true};
    if (kind == CALLEE_ORDERED_DICT && count == 0)
        return pickle_add(self, &dict, fault);
    if (kind == CALLEE_TENSOR)
        return s_make_tensor(self, field, count, name, fault);
    if (kind == CALLEE_PARAMETER && count == 3 &&
        s_is(self, field[0], PICKLE_IS_TENSOR) &&
        s_is(self, field[1], PICKLE_IS_BOOL))
        return field[0];
    return fault_set(fault, FAULT_INPUT, "refuses to call %s",
                     global ? global->name : "what is no global");
}
