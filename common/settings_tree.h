/* The insides of a settings tree, shared by the files of the module. */
#ifndef CONVOY_COMMON_SETTINGS_TREE_H
#define CONVOY_COMMON_SETTINGS_TREE_H

#include "common/settings.h"

struct setting {
    settings_t *file;
    setting_t *parent; /* NULL for the root */
    char *name;        /* NULL for the root and in lists */
    int line;
    setting_kind_t kind;
    int64_t integer; /* of SETTING_INT and SETTING_BOOL */
    double number;
    char *text;
    setting_t *children;
    size_t count;
};

struct settings {
    char *path;
    setting_t root;
    settings_t *defaults; /* of the table it was read by, as one more tree */
    char **owned;         /* what settings_resolve made */
    size_t owned_count, owned_capacity;
};

#endif
