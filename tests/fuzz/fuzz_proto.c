/* Headers of messages: what decodes encodes again, to the same. */
#include <stdlib.h>
#include <string.h>

#include "common/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static message_t first, second;
    uint8_t there[PROTO_HEADER_MAX], back[PROTO_HEADER_MAX];
    fault_t fault = {0};
    if (message_decode(&first, bytes, size, &fault)) {
        if (fault.code == FAULT_NONE || fault.text[0] == '\0')
            abort();
        return 0;
    }
    size_t there_size = message_encode(&first, there, &fault);
    if (there_size == 0 || message_decode(&second, there, there_size, &fault) ||
        message_encode(&second, back, &fault) != there_size ||
        memcmp(there, back, there_size) != 0 || first.type != second.type ||
        first.present != second.present)
        abort();
    return 0;
}
