/* Config files: any bytes are a tree or a sentence. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "common/settings.h"

typedef struct values {
    const char *text, *path;
    settings_floats_t floats;
    const setting_t *tree;
    int choice;
    int64_t integer;
} values_t;

static const settings_key_t keys[] = {
    {.path = "a.text",
     .type = SETTINGS_TEXT,
     .offset = offsetof(values_t, text),
     .help = ""},
    {.path = "a.path",
     .type = SETTINGS_PATH,
     .offset = offsetof(values_t, path),
     .help = ""},
    {.path = "a.floats",
     .type = SETTINGS_FLOATS,
     .offset = offsetof(values_t, floats),
     .min = -1,
     .max = 1,
     .count_max = 3,
     .help = ""},
    {.path = "model",
     .type = SETTINGS_TREE,
     .offset = offsetof(values_t, tree),
     .help = ""},
    {.path = "choice",
     .type = SETTINGS_CHOICE,
     .offset = offsetof(values_t, choice),
     .choices = "b|c",
     .fallback = "\"c\"",
     .help = ""},
    {.path = "integer",
     .type = SETTINGS_INT,
     .offset = offsetof(values_t, integer),
     .max = 9,
     .help = ""},
};

static size_t
s_walk(const setting_t *node)
{
    char path[SETTINGS_PATH_MAX];
    setting_path_text(node, path);
    size_t count = 1;
    for (size_t i = 0; i < setting_count(node); i++)
        count += s_walk(setting_at(node, i));
    return count;
}

/* libconfig 1.5 forgets a string it was reading when it meets a syntax error,
 * and a look for leaks after each such text would make the fuzzer a hundred
 * times slower. The unit test looks for ours. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    settings_t *settings =
        settings_parse((const char *)bytes, size, "etc/fuzz.cfg", &fault);
    if (!settings) {
        assert(fault.code != FAULT_NONE);
        return 0;
    }
    values_t values = {0};
    size_t nodes = s_walk(settings_root(settings));
    assert(nodes <= size + 1);
    settings_read(settings, keys, sizeof keys / sizeof keys[0], &values, NULL,
                  &fault);
    settings_destroy(&settings);
    return 0;
}
