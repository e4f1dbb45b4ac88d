/* .npy files: any bytes are a tensor or a sentence, in any type allowed. */
#include <assert.h>
#include <stdint.h>

#include "common/cast.h"
#include "common/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    tensor_t tensor;
    if (npy_decode(&tensor, bytes, size, "fuzz.npy", &fault) != 0) {
        assert(fault.code == FAULT_INPUT);
        return 0;
    }
    assert(tensor.bytes <= size);
    assert(tensor_bytes(tensor.dtype, &tensor.shape, 1) == tensor.bytes);
    for (dtype_t to = DTYPE_FLOAT32; to <= DTYPE_BFLOAT16; to++) {
        if (!cast_allowed(tensor.dtype, to))
            continue;
        dtype_t held = tensor.dtype;
        if (cast_tensor(&tensor, to, &fault) != 0)
            assert(tensor.dtype == held);
        else
            assert(tensor.dtype == to);
        assert(tensor_bytes(tensor.dtype, &tensor.shape, 1) == tensor.bytes);
    }
    tensor_release(&tensor);
    return 0;
}
