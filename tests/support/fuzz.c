/* What fuzz targets share. */
#include "tests/support/fuzz.h"

#include <stdlib.h>

#include "common/model/weights.h"
#include "tests/support/bytes.h"

static void
s_read_all(const weights_t *weights)
{
    for (size_t i = 0; i < weights_count(weights); i++) {
        const weight_t *weight = weights_at(weights, i);
        size_t weight_bytes = (size_t)blob_bytes(weight->blob);
        void *to = malloc(weight_bytes ? weight_bytes : 1);
        if (blob_read(weight->blob, 0, to, weight_bytes, NULL))
            abort();
        free(to);
    }
}

void
fuzz_weights(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    blob_t *file = bytes_file(bytes, size);
    weights_t *weights = weights_read(file, NULL, NULL, &fault);
    if (weights)
        s_read_all(weights);
    else if (fault.code == FAULT_NONE)
        abort();
    weights_destroy(&weights);
    blob_release(&file);
}
