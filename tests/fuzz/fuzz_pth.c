/* Whole .pth files: the zip directory, the pickle, the storages. */
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_weights(bytes, size);
    return 0;
}
