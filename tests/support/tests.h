/* What every unit test includes: cmocka in the order it wants. */
#ifndef CONVOY_TESTS_SUPPORT_TESTS_H
#define CONVOY_TESTS_SUPPORT_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/fault.h"

/* The path of a file under tests/data, in a static buffer. */
const char *tests_data(const char *name);

/* A whole file, or NULL; free it. */
void *tests_read(const char *path, size_t *size);

/* Write a file in the current (temporary) directory. */
void tests_write(const char *path, const void *bytes, size_t size);

/* Fail the test with the fault's sentence unless result is 0. */
#define assert_ok(result, fault)                                               \
    do {                                                                       \
        if ((result) != 0)                                                     \
            fail_msg("%s", (fault)->text);                                     \
    } while (0)

#endif
