/* The pickle machine alone, and a walk over what it made. */
#include <stdint.h>
#include <stdlib.h>

#include "common/model/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
s_look(const pickle_t *pickle, int node, int depth)
{
    int item = -1, key, value;
    size_t size;
    switch (pickle_kind(pickle, node)) {
    case PICKLE_IS_TEXT: {
        const char *text = pickle_text(pickle, node, &size);
        volatile char seen = 0;
        for (size_t i = 0; i < size; i++)
            seen = (char)(seen ^ text[i]);
        return;
    }
    case PICKLE_IS_TENSOR: {
        const pickle_tensor_t *tensor = pickle_tensor(pickle, node);
        int64_t elements = shape_elements(&tensor->shape);
        if (elements < 0 || elements > tensor->storage.elements ||
            tensor->offset > tensor->storage.elements - elements)
            abort();
        return;
    }
    case PICKLE_IS_DICT:
    case PICKLE_IS_LIST:
    case PICKLE_IS_TUPLE:
        for (int seen = 0; depth > 0 && seen < 64 &&
                           pickle_next(pickle, node, &item, &key, &value);
             seen++) {
            s_look(pickle, key, depth - 1);
            s_look(pickle, value, depth - 1);
        }
        return;
    default:
        return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    size_t used;
    pickle_t *pickle = pickle_read(bytes, size, &used, &fault);
    if (pickle && used <= size)
        s_look(pickle, pickle_root(pickle), 3);
    else if (pickle || fault.code == FAULT_NONE)
        abort();
    pickle_destroy(&pickle);
    return 0;
}
