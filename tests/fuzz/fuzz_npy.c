/* .npy files: any bytes are a tensor or a sentence. */
#include <assert.h>
#include <stdint.h>

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
    tensor_release(&tensor);
    return 0;
}
