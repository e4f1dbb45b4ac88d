/* safetensors files: the header and the ranges. */
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_weights(bytes, size);
    return 0;
}
