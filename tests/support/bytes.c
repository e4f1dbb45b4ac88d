/* Bytes of a test as a file. */
#include "tests/support/bytes.h"

#include <stdlib.h>
#include <string.h>

blob_t *
bytes_file(const void *bytes, size_t size)
{
    void *copy = malloc(size ? size : 1);
    blob_t *file = NULL;
    if (copy && size)
        memcpy(copy, bytes, size);
    if (copy)
        file = blob_take(copy, size, NULL);
    if (!file)
        abort();
    return file;
}
