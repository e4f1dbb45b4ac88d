/* A look at a config file before libconfig sees it. */
#ifndef CONVOY_COMMON_SETTINGS_SCAN_H
#define CONVOY_COMMON_SETTINGS_SCAN_H

#include <stddef.h>

#include "common/fault.h"

enum {
    SETTINGS_VALUES_MAX = 32768, /* and brackets and commas */
    SETTINGS_NAMES_MAX = 1024,   /* in one group */
};

/* Refuse what libconfig 1.5 accepts but should not, or cannot bear: NUL bytes,
 * @include, integers that it would wrap, deep nesting, more values than
 * SETTINGS_VALUES_MAX, more names in a group than SETTINGS_NAMES_MAX (its check
 * for duplicates is quadratic), strings and comments without an end; and what
 * it refuses without a useful word: a comma too many or too few in a list,
 * groups in [ ]. -1 with FAULT_CONFIG, "FILE:LINE: ...". */
int settings_scan(const char *text, size_t size, const char *path,
                  fault_t *fault);

#endif
