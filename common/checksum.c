/* Frame checksums by xxHash. */
#include "common/checksum.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
checksum_frame(const job_id_t *job, unsigned part, unsigned index,
               const void *bytes, size_t size)
{
    uint8_t head[sizeof job->bytes + 4];
    memcpy(head, job->bytes, sizeof job->bytes);
    head[16] = (uint8_t)part;
    head[17] = (uint8_t)(part >> 8);
    head[18] = (uint8_t)index;
    head[19] = (uint8_t)(index >> 8);
    /* The head's sum is the seed of the frame's: one pass, no copy. */
    uint64_t sum =
        XXH3_64bits_withSeed(bytes, size, XXH3_64bits(head, sizeof head));
    return sum ? sum : 1;
}

bool
checksum_fits(uint64_t checksum, const job_id_t *job, unsigned part,
              unsigned index, const void *bytes, size_t size)
{
    return checksum == 0 ||
           checksum == checksum_frame(job, part, index, bytes, size);
}
