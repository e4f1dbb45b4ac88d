/* Bytes of a test as a file. */
#ifndef CONVOY_TESTS_SUPPORT_BYTES_H
#define CONVOY_TESTS_SUPPORT_BYTES_H

#include <stddef.h>

#include "common/model/blob.h"

/* A file of a copy of the bytes, which ends where its memory does, so that a
 * sanitizer sees one byte too far; release it. Aborts where there is no
 * memory. */
blob_t *bytes_file(const void *bytes, size_t size);

#endif
