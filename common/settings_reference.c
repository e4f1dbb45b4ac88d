/* The documented config file that shows every key, from the table that reads
 * it. Keys without a default are commented out, required ones are not. */
#include "common/settings.h"

#include <errno.h>
#include <string.h>

enum { COLUMNS = 79 };

/* Groups are opened and closed as the paths of the table change. */
typedef struct writer {
    FILE *out;
    const char *group; /* path of the open group, its first `size` bytes */
    size_t size;
    int depth;
} writer_t;

static void
s_indent(const writer_t *self)
{
    fprintf(self->out, "%*s", 2 * self->depth, "");
}

/* Text as a comment of whole lines. */
static void
s_comment(const writer_t *self, const char *text)
{
    size_t room = (size_t)(COLUMNS - 2 * self->depth - 2);
    while (*text) {
        size_t size = strcspn(text, "\n");
        if (size > room) {
            size = room;
            while (size > 0 && text[size] != ' ')
                size--;
            size = size ? size : room;
        }
        s_indent(self);
        fprintf(self->out, "# %.*s\n", (int)size, text);
        text += size;
        text += *text == '\n' || *text == ' ';
    }
}

static size_t
s_group_size(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? (size_t)(dot - path) : 0;
}

static void
s_close(writer_t *self)
{
    self->depth--;
    s_indent(self);
    fputs("};\n", self->out);
    while (self->size > 0 && self->group[--self->size] != '.')
        continue;
}

/* Leave and enter groups until the one of this path is open. */
static void
s_enter(writer_t *self, const char *path)
{
    size_t wanted = s_group_size(path);
    while (self->size > 0 &&
           (self->size > wanted ||
            strncmp(self->group, path, self->size) != 0 ||
            (path[self->size] != '.' && path[self->size] != '\0')))
        s_close(self);
    self->group = path;
    while (self->size < wanted) {
        size_t start = self->size + (self->size > 0);
        size_t size = strcspn(path + start, ".");
        fputc('\n', self->out);
        s_indent(self);
        fprintf(self->out, "%.*s: {\n", (int)size, path + start);
        self->size = start + size;
        self->depth++;
    }
}

static void
s_facts(const settings_key_t *key, char *text, size_t size)
{
    bool number = key->type == SETTINGS_INT || key->type == SETTINGS_FLOAT ||
                  key->type == SETTINGS_INTS || key->type == SETTINGS_FLOATS;
    bool bounded = key->max < 1e15 && key->min > -1e15;
    const char *state = key->required   ? "; required"
                        : key->fallback ? ""
                                        : "; optional";
    if (key->choices)
        snprintf(text, size, "%s (%s%s)", key->help, key->choices, state);
    else if (number && bounded)
        snprintf(text, size, "%s (%.15g to %.15g%s)", key->help, key->min,
                 key->max, state);
    else if (*state)
        snprintf(text, size, "%s (%s)", key->help, state + 2);
    else
        snprintf(text, size, "%s", key->help);
}

static void
s_key(writer_t *self, const settings_key_t *key)
{
    char text[1024];
    size_t skip = s_group_size(key->path);
    const char *name = key->path + skip + (skip > 0);
    s_facts(key, text, sizeof text);
    s_comment(self, text);
    const char *example = key->example ? key->example : "...";
    if (key->fallback || (key->required && key->example)) {
        s_indent(self);
        fprintf(self->out, "%s = %s;\n", name,
                key->fallback ? key->fallback : example);
        return;
    }
    snprintf(text, sizeof text, "%s = %s;", name, example);
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        s_indent(self);
        fprintf(self->out, "# %s\n", line);
    }
}

int
settings_write_reference(FILE *file, const char *intro,
                         const settings_key_t *keys, size_t count,
                         fault_t *fault)
{
    writer_t writer = {.out = file};
    s_comment(&writer, intro);
    for (size_t i = 0; i < count; i++) {
        s_enter(&writer, keys[i].path);
        s_key(&writer, &keys[i]);
    }
    while (writer.size > 0)
        s_close(&writer);
    if (fflush(file) != 0 || ferror(file))
        return fault_set(fault, FAULT_SYSTEM, "the reference: %s",
                         strerror(errno));
    return 0;
}
