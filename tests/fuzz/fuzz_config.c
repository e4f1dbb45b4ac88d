/* Any bytes as pipeline.cfg: a config or one sentence, never more. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "broker/config.h"

/* libconfig 1.5 forgets a string it was reading when it meets a syntax error.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    broker_config_t config;
    fault_t fault = {0};
    if (broker_config_parse(&config, (const char *)bytes, size, "fuzz.cfg",
                            &fault) == 0)
        broker_config_release(&config);
    else
        assert(fault.code != FAULT_NONE && strlen(fault.text) > 0);
    return 0;
}
