/* Descriptions: msgpack to JSON, on to a service, and back to the same. */
#include <stdlib.h>
#include <string.h>

#include "common/info.h"
#include "common/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
s_check_service(const json_t *object)
{
    service_t service, again;
    fault_t fault = {0};
    if (service_decode(&service, object, &fault)) {
        if (fault.code == FAULT_NONE)
            abort();
        return;
    }
    json_t *encoded = service_encode(&service, &fault);
    if (!encoded || service_decode(&again, encoded, &fault) ||
        again.inputs_count != service.inputs_count ||
        again.labels_count != service.labels_count)
        abort();
    json_decref(encoded);
    service_release(&again);
    service_release(&service);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    json_t *object = info_decode(bytes, size, &fault);
    if (!object) {
        if (fault.code == FAULT_NONE || fault.text[0] == '\0')
            abort();
        return 0;
    }
    void *encoded;
    size_t encoded_size;
    if (info_encode(object, &encoded, &encoded_size, &fault) == 0) {
        json_t *again = info_decode(encoded, encoded_size, &fault);
        if (!again || !json_equal(object, again))
            abort();
        json_decref(again);
        free(encoded);
    } else if (fault.code != FAULT_TOO_LARGE) {
        abort();
    }
    s_check_service(object);
    json_decref(object);
    return 0;
}
