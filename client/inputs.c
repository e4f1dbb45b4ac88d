/* The pictures that the operands of --image mean. */
#include "client/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/mem.h"

/* Takes over path. */
static int
s_add(inputs_t *self, char *path, fault_t *fault)
{
    if (!path)
        return -1;
    if (self->count == INPUTS_MAX ||
        mem_grow(&self->paths, &self->capacity, self->count + 1,
                 sizeof *self->paths, fault)) {
        free(path);
        return fault_set(fault, FAULT_INPUT, "more than %zu pictures",
                         self->count);
    }
    self->paths[self->count++] = path;
    return 0;
}

static int
s_is_picture(const struct dirent *entry)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(entry->d_name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0 && entry->d_name[0] != '.')
            return 1;
    return 0;
}

/* By bytes, whatever the locale says. */
static int
s_by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
s_add_folder(inputs_t *self, const char *folder, fault_t *fault)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, s_is_picture, s_by_name);
    if (count < 0)
        return fault_set(fault, FAULT_INPUT, "%s: %s", folder, strerror(errno));
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    int result = 0;
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (result == 0 &&
            asprintf(&path, "%s%s%s", folder, slash, entries[i]->d_name) < 0)
            path = NULL;
        if (result == 0)
            result = path ? s_add(self, path, fault)
                          : fault_set(fault, FAULT_MEMORY,
                                      "out of memory: the files of %s", folder);
        free(entries[i]);
    }
    free(entries);
    if (count == 0)
        return fault_set(fault, FAULT_INPUT,
                         "%s: no *.png, *.jpg or *.jpeg in this folder",
                         folder);
    return result;
}

static int
s_add_operand(inputs_t *self, const char *operand, fault_t *fault)
{
    struct stat status;
    if (stat(operand, &status) == 0 && S_ISDIR(status.st_mode))
        return s_add_folder(self, operand, fault);
    for (size_t i = 0; strcmp(operand, "-") == 0 && i < self->count; i++)
        if (strcmp(self->paths[i], "-") == 0)
            return fault_set(fault, FAULT_USAGE,
                             "--image: - (standard input) is given twice");
    return s_add(self, mem_text(operand, strlen(operand), fault), fault);
}

int
inputs_init(inputs_t *self, const char *const *operands, size_t count,
            fault_t *fault)
{
    *self = (inputs_t){0};
    for (size_t i = 0; i < count; i++)
        if (s_add_operand(self, operands[i], fault)) {
            inputs_release(self);
            return -1;
        }
    return 0;
}

void
inputs_release(inputs_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->paths[i]);
    free(self->paths);
    *self = (inputs_t){0};
}
