/* The monotonic clock. Wall time appears in log lines alone, and no time is
 * ever compared between machines. */
#ifndef CONVOY_COMMON_CLOCK_H
#define CONVOY_COMMON_CLOCK_H

#include <stdint.h>

/* Time since an arbitrary moment, never going back. */
int64_t clock_ms(void);
int64_t clock_us(void);
int64_t clock_ns(void);

#endif
