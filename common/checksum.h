/* The checksum of a tensor frame: made where the frame is made, checked where
 * it is used, so that a frame damaged or mixed up in between is noticed.
 *
 * XXH3-64 of the frame's bytes; its seed is the XXH3-64 of the job id (16
 * bytes), the part that takes the frame as its input (u16 le; the number of
 * parts for the last result) and the frame's index (u16 le). 0 on the wire
 * means that none was made, so a sum of 0 is sent as 1.
 */
#ifndef CONVOY_COMMON_CHECKSUM_H
#define CONVOY_COMMON_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

uint64_t checksum_frame(const job_id_t *job, unsigned part, unsigned index,
                        const void *bytes, size_t size);

/* True where `checksum` is 0 or fits. */
bool checksum_fits(uint64_t checksum, const job_id_t *job, unsigned part,
                   unsigned index, const void *bytes, size_t size);

#endif
