/* Loops of independent multiply-adds, one a vector width.
 *
 * Ten accumulators hide the latency of two units of four or five cycles.
 */
#include "worker/kernel/peak.h"

#include <string.h>

enum { ACCUMULATORS = 10 };

#define LOOP(name, lanes, attributes)                                          \
    typedef float name##_t __attribute__((vector_size((lanes)*4)));            \
    attributes static float name(size_t rounds, float seed)                    \
    {                                                                          \
        name##_t sums[ACCUMULATORS], factor = {0}, term = {0};                 \
        for (int i = 0; i < (lanes); i++) {                                    \
            factor[i] = 0.5f + seed;                                           \
            term[i] = 1.0f + seed;                                             \
        }                                                                      \
        for (int k = 0; k < ACCUMULATORS; k++)                                 \
            sums[k] = term * (float)k;                                         \
        for (size_t r = 0; r < rounds; r++)                                    \
            _Pragma("GCC unroll 10") for (int k = 0; k < ACCUMULATORS; k++)    \
                sums[k] = sums[k] * factor + term;                             \
        float sum = 0.0f;                                                      \
        for (int k = 0; k < ACCUMULATORS; k++)                                 \
            sum += sums[k][0] + sums[k][(lanes)-1];                            \
        return sum;                                                            \
    }

static int
s_always(void)
{
    return 1;
}

LOOP(s_plain, 4, )

#if defined(__x86_64__)
LOOP(s_avx2, 8, __attribute__((target("avx2,fma"))))
LOOP(s_avx512, 16, __attribute__((target("avx512f"))))

static int
s_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int
s_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}
#endif

const peak_loop_t *
peak_loops(void)
{
    static const peak_loop_t loops[] = {
        {"plain", s_always, s_plain, (size_t)2 * 4 * ACCUMULATORS},
#if defined(__x86_64__)
        {"avx2", s_has_avx2, s_avx2, (size_t)2 * 8 * ACCUMULATORS},
        {"avx512", s_has_avx512, s_avx512, (size_t)2 * 16 * ACCUMULATORS},
#endif
        {0},
    };
    return loops;
}
