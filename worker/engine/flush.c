/* Subnormal numbers count as zero while a run computes. */
#include "worker/engine/flush.h"

#if defined(__x86_64__)

enum { MXCSR_RESULTS = 1 << 15, MXCSR_OPERANDS = 1 << 6 };

uint64_t
flush_begin(void)
{
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | MXCSR_RESULTS | MXCSR_OPERANDS);
    return before;
}

void
flush_end(uint64_t before)
{
    __builtin_ia32_ldmxcsr((unsigned)before);
}

#elif defined(__aarch64__)

#define FPCR_FLUSH ((uint64_t)1 << 24)

uint64_t
flush_begin(void)
{
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | FPCR_FLUSH));
    return before;
}

void
flush_end(uint64_t before)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
}

#else

uint64_t
flush_begin(void)
{
    return 0;
}

void
flush_end(uint64_t before)
{
    (void)before;
}

#endif
