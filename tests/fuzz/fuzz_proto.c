/* Headers of messages: what decodes encodes again, to the same. */
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
s_try(const uint8_t *bytes, size_t size)
{
    static message_t first, second;
    uint8_t there[PROTO_HEADER_MAX], back[PROTO_HEADER_MAX];
    fault_t fault = {0};
    if (message_decode(&first, bytes, size, &fault)) {
        if (fault.code == FAULT_NONE || fault.text[0] == '\0')
            abort();
        return;
    }
    size_t there_size = message_encode(&first, there, &fault);
    if (there_size == 0 || message_decode(&second, there, there_size, &fault) ||
        message_encode(&second, back, &fault) != there_size ||
        memcmp(there, back, there_size) != 0 || first.type != second.type ||
        first.present != second.present)
        abort();
}

/* Once as it is, and once behind a prefix that fits, which mutations seldom
 * hit. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    s_try(bytes, size);
    if (size < PROTO_PREFIX_BYTES || size > PROTO_HEADER_MAX)
        return 0;
    uint8_t *fitting = malloc(size);
    if (!fitting)
        return 0;
    size_t map_bytes = size - PROTO_PREFIX_BYTES;
    memcpy(fitting, bytes, size);
    memcpy(fitting, "CV", 2);
    fitting[2] = PROTO_MAJOR;
    fitting[4] = (uint8_t)map_bytes;
    fitting[5] = (uint8_t)(map_bytes >> 8);
    fitting[6] %= TENSORS_MAX + 1;
    fitting[7] = 0;
    s_try(fitting, size);
    free(fitting);
    return 0;
}
