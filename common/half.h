/* Sixteen-bit floating point: IEEE 754 binary16 and bfloat16.
 *
 * By bit arithmetic, so no CPU support is assumed, and without branches, so
 * the compiler makes vectors of it. Towards 16 bits to nearest, ties to even;
 * what is too large becomes infinite, NaN stays NaN.
 */
#ifndef CONVOY_COMMON_HALF_H
#define CONVOY_COMMON_HALF_H

#include <stddef.h>
#include <stdint.h>

void half_to_floats(float *to, const uint16_t *from, size_t count);
void half_from_floats(uint16_t *to, const float *from, size_t count);

void bfloat_to_floats(float *to, const uint16_t *from, size_t count);
void bfloat_from_floats(uint16_t *to, const float *from, size_t count);

#endif
