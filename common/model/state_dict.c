/* The tensors of a pickled state_dict. */
#include "common/model/state_dict.h"

static bool
s_holds_tensors(const pickle_t *pickle, int node)
{
    int item = -1, value;
    if (pickle_kind(pickle, node) != PICKLE_IS_DICT)
        return false;
    while (pickle_next(pickle, node, &item, NULL, &value))
        if (pickle_kind(pickle, value) == PICKLE_IS_TENSOR)
            return true;
    return false;
}

/* The dict that holds tensors: the root, or what a training script put around
 * it. */
static int
s_state_dict(const weights_t *into, const pickle_t *pickle, fault_t *fault)
{
    static const char *const wrappers[] = {"state_dict", "model_state_dict",
                                           "model"};
    int root = pickle_root(pickle);
    if (pickle_kind(pickle, root) != PICKLE_IS_DICT)
        return fault_set(fault, FAULT_INPUT,
                         "the checkpoint is no state_dict, save "
                         "model.state_dict()");
    if (s_holds_tensors(pickle, root))
        return root;
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        int inner = pickle_get(pickle, root, wrappers[i]);
        if (inner < 0 || !s_holds_tensors(pickle, inner))
            continue;
        weights_note(into, "the weights are those under \"%s\"", wrappers[i]);
        return inner;
    }
    return fault_set(fault, FAULT_INPUT,
                     "no tensors in the checkpoint, nor under state_dict, "
                     "model_state_dict or model");
}

static int
s_add_tensor(weights_t *into, const char *name, size_t name_size,
             const pickle_tensor_t *tensor, storage_fn *find, void *context,
             fault_t *fault)
{
    const pickle_storage_t *storage = &tensor->storage;
    blob_t *whole = find(context, storage, fault);
    if (!whole)
        return fault_prefix(fault, "%.*s", (int)name_size, name);
    uint64_t size = dtype_size(storage->dtype);
    /* elements <= storage->elements, whose bytes are those of the blob */
    int64_t elements = shape_elements(&tensor->shape);
    uint64_t offset = elements ? (uint64_t)tensor->offset * size : 0;
    blob_t *blob = blob_slice(whole, offset, (uint64_t)elements * size, fault);
    if (!blob)
        return fault_prefix(fault, "%.*s", (int)name_size, name);
    int result = weights_add(into, name, name_size, storage->dtype,
                             &tensor->shape, blob, fault);
    blob_release(&blob);
    return result;
}

int
state_dict_add(weights_t *into, const pickle_t *pickle, storage_fn *find,
               void *context, fault_t *fault)
{
    int dict = s_state_dict(into, pickle, fault);
    if (dict < 0)
        return -1;
    int item = -1, key, value;
    while (pickle_next(pickle, dict, &item, &key, &value)) {
        size_t size;
        if (pickle_kind(pickle, key) != PICKLE_IS_TEXT)
            return fault_set(fault, FAULT_INPUT,
                             "a weight whose name is a number");
        const char *name = pickle_text(pickle, key, &size);
        if (pickle_kind(pickle, value) != PICKLE_IS_TENSOR) {
            weights_note(into, "%.*s is no tensor: left out", (int)size, name);
            continue;
        }
        if (s_add_tensor(into, name, size, pickle_tensor(pickle, value), find,
                         context, fault))
            return -1;
    }
    return 0;
}
