/* The table-driven reader of a settings tree, and the reference it yields. */
#include "common/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"
#include "common/settings_tree.h"

/* --- words --- */

/* The word at position `index` of "stretch|crop": its size, 0 at the end. */
static size_t
s_word(const char *choices, int index, const char **word)
{
    *word = choices;
    while (index-- > 0) {
        *word = strchr(*word, '|');
        if (!*word)
            return 0;
        ++*word;
    }
    return strcspn(*word, "|");
}

int
setting_get_choice(const setting_t *self, const char *choices, int *value,
                   fault_t *fault)
{
    const char *text, *word;
    if (setting_get_text(self, &text, fault) != 0)
        return -1;
    size_t size;
    for (int i = 0; (size = s_word(choices, i, &word)) > 0; i++)
        if (strlen(text) == size && strncmp(word, text, size) == 0) {
            *value = i;
            return 0;
        }
    return setting_fault(self, fault, "\"%.40s\" is not one of %s", text,
                         choices);
}

static int
s_unknown(const setting_t *child, const nearest_t *nearest, fault_t *fault)
{
    const char *known = nearest_answer(nearest);
    return setting_fault(child, fault, "unknown key%s%s%s",
                         known ? "; did you mean " : "", known ? known : "",
                         known ? "?" : "");
}

int
setting_only(const setting_t *group, const char *const *names, size_t count,
             fault_t *fault)
{
    for (size_t i = 0; i < group->count; i++) {
        const setting_t *child = &group->children[i];
        nearest_t nearest = {0};
        bool known = group->kind != SETTING_GROUP;
        for (size_t j = 0; j < count && !known; j++) {
            known = strcmp(child->name, names[j]) == 0;
            nearest_offer(&nearest, child->name, names[j]);
        }
        if (!known)
            return s_unknown(child, &nearest, fault);
    }
    return 0;
}

/* --- one key --- */

typedef struct reading {
    settings_t *settings;
    const settings_key_t *keys;
    size_t count;
    char *values;
    fault_t *fault;
} reading_t;

typedef int (*take_t)(reading_t *reading, const settings_key_t *key,
                      const setting_t *node, void *place);

static int
s_take_int(reading_t *reading, const settings_key_t *key, const setting_t *node,
           void *place)
{
    return setting_get_int(node, (int64_t)key->min, (int64_t)key->max, place,
                           reading->fault);
}

static int
s_take_float(reading_t *reading, const settings_key_t *key,
             const setting_t *node, void *place)
{
    return setting_get_float(node, key->min, key->max, place, reading->fault);
}

static int
s_take_bool(reading_t *reading, const settings_key_t *key,
            const setting_t *node, void *place)
{
    (void)key;
    return setting_get_bool(node, place, reading->fault);
}

static int
s_take_text(reading_t *reading, const settings_key_t *key,
            const setting_t *node, void *place)
{
    (void)key;
    return setting_get_text(node, place, reading->fault);
}

static int
s_take_path(reading_t *reading, const settings_key_t *key,
            const setting_t *node, void *place)
{
    (void)key;
    const char *path;
    if (setting_get_text(node, &path, reading->fault) != 0)
        return -1;
    if (!*path)
        return setting_fault(node, reading->fault, "the path is empty");
    path = settings_resolve(reading->settings, path, reading->fault);
    memcpy(place, &path, sizeof path);
    return path ? 0 : -1;
}

static int
s_take_choice(reading_t *reading, const settings_key_t *key,
              const setting_t *node, void *place)
{
    return setting_get_choice(node, key->choices, place, reading->fault);
}

static int
s_check_count(reading_t *reading, const settings_key_t *key,
              const setting_t *node)
{
    size_t max = key->count_max ? key->count_max : SETTINGS_VECTOR_MAX;
    assert(max <= SETTINGS_VECTOR_MAX);
    if (node->kind != SETTING_LIST)
        return setting_fault(node, reading->fault, "a list [ ] is expected");
    if (node->count >= key->count_min && node->count <= max)
        return 0;
    if (key->count_min == max)
        return setting_fault(node, reading->fault,
                             "%zu values are expected, not %zu", max,
                             node->count);
    return setting_fault(node, reading->fault,
                         "%zu to %zu values are expected, not %zu",
                         key->count_min, max, node->count);
}

static int
s_take_ints(reading_t *reading, const settings_key_t *key,
            const setting_t *node, void *place)
{
    settings_ints_t *ints = place;
    if (s_check_count(reading, key, node) != 0)
        return -1;
    for (size_t i = 0; i < node->count; i++)
        if (s_take_int(reading, key, &node->children[i], &ints->items[i]) != 0)
            return -1;
    ints->count = node->count;
    return 0;
}

static int
s_take_floats(reading_t *reading, const settings_key_t *key,
              const setting_t *node, void *place)
{
    settings_floats_t *floats = place;
    if (s_check_count(reading, key, node) != 0)
        return -1;
    for (size_t i = 0; i < node->count; i++)
        if (s_take_float(reading, key, &node->children[i], &floats->items[i]) !=
            0)
            return -1;
    floats->count = node->count;
    return 0;
}

static int
s_take_texts(reading_t *reading, const settings_key_t *key,
             const setting_t *node, void *place)
{
    settings_texts_t *texts = place;
    if (node->kind == SETTING_TEXT) {
        texts->items[0] = node->text;
        texts->count = 1;
        return 0;
    }
    if (s_check_count(reading, key, node) != 0)
        return -1;
    for (size_t i = 0; i < node->count; i++)
        if (setting_get_text(&node->children[i], &texts->items[i],
                             reading->fault) != 0)
            return -1;
    texts->count = node->count;
    return 0;
}

static int
s_take_tree(reading_t *reading, const settings_key_t *key,
            const setting_t *node, void *place)
{
    (void)key;
    if (node->kind != SETTING_LIST && node->kind != SETTING_GROUP)
        return setting_fault(node, reading->fault,
                             "a list ( ) or a group { } is expected");
    memcpy(place, &node, sizeof node);
    return 0;
}

static const take_t takes[] = {
    [SETTINGS_INT] = s_take_int,     [SETTINGS_FLOAT] = s_take_float,
    [SETTINGS_BOOL] = s_take_bool,   [SETTINGS_TEXT] = s_take_text,
    [SETTINGS_PATH] = s_take_path,   [SETTINGS_CHOICE] = s_take_choice,
    [SETTINGS_INTS] = s_take_ints,   [SETTINGS_FLOATS] = s_take_floats,
    [SETTINGS_TEXTS] = s_take_texts, [SETTINGS_TREE] = s_take_tree,
};

/* --- the whole tree --- */

/* The component of a key's path behind the group's own path, in name[]; false
 * if the key is not of that group. *last: it is the key itself. */
static bool
s_component(const settings_key_t *key, const char *group, char *name,
            bool *last)
{
    size_t skip = strlen(group);
    if (strncmp(key->path, group, skip) != 0 ||
        (skip && key->path[skip] != '.'))
        return false;
    const char *rest = key->path + skip + (skip ? 1 : 0);
    size_t size = strcspn(rest, ".");
    assert(size < SETTINGS_PATH_MAX);
    memcpy(name, rest, size);
    name[size] = '\0';
    *last = rest[size] == '\0';
    return true;
}

static int s_check_group(reading_t *reading, const setting_t *group);

static int
s_check_child(reading_t *reading, const setting_t *child, const char *path)
{
    nearest_t nearest = {0};
    char *names = mem_new(reading->count, SETTINGS_PATH_MAX, reading->fault);
    if (!names)
        return -1;
    bool leaf = false, inner = false;
    for (size_t i = 0; i < reading->count; i++) {
        char *name = names + i * SETTINGS_PATH_MAX;
        bool last;
        if (!s_component(&reading->keys[i], path, name, &last))
            continue;
        bool same = strcmp(name, child->name) == 0;
        leaf |= same && last;
        inner |= same && !last;
        nearest_offer(&nearest, child->name, name);
    }
    int result = 0;
    if (!leaf && !inner)
        result = s_unknown(child, &nearest, reading->fault);
    else if (inner && child->kind != SETTING_GROUP)
        result =
            setting_fault(child, reading->fault, "a group { } is expected");
    else if (inner)
        result = s_check_group(reading, child);
    free(names);
    return result;
}

static int
s_check_group(reading_t *reading, const setting_t *group)
{
    char path[SETTINGS_PATH_MAX];
    setting_path_text(group, path);
    for (size_t i = 0; i < group->count; i++)
        if (s_check_child(reading, &group->children[i], path) != 0)
            return -1;
    return 0;
}

static const setting_t *
s_find_path(const setting_t *node, const char *path)
{
    char name[SETTINGS_PATH_MAX];
    while (node && *path) {
        size_t size = strcspn(path, ".");
        assert(size < sizeof name);
        memcpy(name, path, size);
        name[size] = '\0';
        node = setting_find(node, name);
        path += size + (path[size] == '.');
    }
    return node;
}

/* The defaults of the table go through the same reader: k0 = 3; k1 = ... */
static int
s_parse_defaults(reading_t *reading)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return fault_set(reading->fault, FAULT_MEMORY,
                         "out of memory for the defaults");
    for (size_t i = 0; i < reading->count; i++)
        if (reading->keys[i].fallback)
            fprintf(out, "k%zu = %s;\n", i, reading->keys[i].fallback);
    if (fclose(out) != 0) {
        free(text);
        return fault_set(reading->fault, FAULT_MEMORY,
                         "out of memory for the defaults");
    }
    settings_destroy(&reading->settings->defaults);
    reading->settings->defaults =
        settings_parse(text, size, "(defaults)", reading->fault);
    free(text);
    return reading->settings->defaults ? 0 : -1;
}

static int
s_read_key(reading_t *reading, size_t index, bool *given)
{
    const settings_key_t *key = &reading->keys[index];
    const setting_t *node = s_find_path(&reading->settings->root, key->path);
    if (given)
        given[index] = node != NULL;
    if (!node && key->required)
        return fault_set(reading->fault, FAULT_CONFIG, "%s: %s is missing",
                         reading->settings->path, key->path);
    if (!node && key->fallback) {
        char name[32];
        snprintf(name, sizeof name, "k%zu", index);
        node = setting_find(&reading->settings->defaults->root, name);
    }
    if (!node)
        return 0;
    return takes[key->type](reading, key, node, reading->values + key->offset);
}

int
settings_read(settings_t *self, const settings_key_t *keys, size_t count,
              void *values, bool *given, fault_t *fault)
{
    reading_t reading = {self, keys, count, values, fault};
    if (s_check_group(&reading, &self->root) != 0 ||
        s_parse_defaults(&reading) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (s_read_key(&reading, i, given) != 0)
            return -1;
    return 0;
}
