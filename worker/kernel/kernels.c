/* The table of the CPU level that this build is for, KERNELS_LEVEL. */
#include "worker/kernel/kernels.h"

#include "worker/kernel/vector.h"

#define JOIN(a, b) a##b
#define TABLE(level) JOIN(kernels_, level)
#define QUOTE(level) #level
#define TEXT(level) QUOTE(level)
#define ROW(name) .name = name,

const kernels_t TABLE(KERNELS_LEVEL) = {
    .level = TEXT(KERNELS_LEVEL), .lanes = VECTOR_LANES, KERNELS(ROW)};
