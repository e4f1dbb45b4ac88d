/* A look at a config file before libconfig sees it. */
#ifndef CONVOY_COMMON_SETTINGS_SCAN_H
#define CONVOY_COMMON_SETTINGS_SCAN_H

#include <stddef.h>

#include "common/fault.h"

enum { SETTINGS_VALUES_MAX = 32768 };

/* Refuse what libconfig 1.5 accepts but should not, or cannot bear: NUL bytes,
 * @include, integers that it would wrap, deep nesting, more values than
 * SETTINGS_VALUES_MAX (its check for duplicates is quadratic), strings and
 * comments without an end. -1 with FAULT_CONFIG, "FILE:LINE: ...". */
int settings_scan(const char *text, size_t size, const char *path,
                  fault_t *fault);

#endif
