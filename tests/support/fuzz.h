/* What fuzz targets share. */
#ifndef CONVOY_TESTS_SUPPORT_FUZZ_H
#define CONVOY_TESTS_SUPPORT_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Read the bytes as a file of weights, and every element of what is accepted:
 * it must be there. Aborts on a refusal without a reason. */
void fuzz_weights(const uint8_t *bytes, size_t size);

#endif
