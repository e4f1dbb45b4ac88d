/* xoshiro256**: all chance of a simulation comes from one 64-bit seed.
 *
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021; seeded by splitmix64.
 */
#ifndef CONVOY_TESTS_SIM_RANDOM_H
#define CONVOY_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct random {
    uint64_t state[4];
} random_t;

static inline void
random_seed(random_t *self, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        self->state[i] = z ^ z >> 31;
    }
}

static inline uint64_t
random_u64(random_t *self)
{
    uint64_t *s = self->state;
    uint64_t product = s[1] * 5;
    uint64_t result = (product << 7 | product >> 57) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* From low to high, both included. */
static inline int64_t
random_range(random_t *self, int64_t low, int64_t high)
{
    return low + (int64_t)(random_u64(self) % (uint64_t)(high - low + 1));
}

static inline bool
random_chance(random_t *self, int permille)
{
    return random_range(self, 0, 999) < permille;
}

#endif
