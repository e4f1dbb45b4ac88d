/* Which .npy file belongs to which tensor. */
#include "client/binding.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "common/npy.h"

static const char *const options[] = {"--tensor", "--output"};
static const char *const words[] = {"input", "output"};

shape_t
binding_shape(const tensor_spec_t *spec, int64_t rows)
{
    shape_t shape = spec->shape;
    if (shape.rank && shape.dims[0] == DIM_BATCH)
        shape.dims[0] = rows;
    return shape;
}

/* The spec that "NAME=FILE" names, or NULL: a file name may hold '=' too. */
static const tensor_spec_t *
s_named(const char *text, const tensor_spec_t *specs, int specs_count)
{
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0;
    for (int i = 0; equals && i < specs_count; i++)
        if (strlen(specs[i].name) == size &&
            memcmp(specs[i].name, text, size) == 0)
            return &specs[i];
    return NULL;
}

/* -1 where "NAME=" is there and is neither a spec nor a part of a path. */
static int
s_check_name(const char *text, binding_way_t way, const tensor_spec_t *specs,
             int specs_count, fault_t *fault)
{
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0;
    if (!equals || memchr(text, '/', size) ||
        s_named(text, specs, specs_count) ||
        (way == BINDING_INPUT && access(text, F_OK) == 0))
        return 0;
    return fault_set(fault, FAULT_INPUT,
                     "%s %.80s: there is no tensor %.*s, the %s%s is '%.60s'",
                     options[way], text, size < 60 ? (int)size : 60, text,
                     specs_count > 1 ? "first " : "", words[way],
                     specs[0].name);
}

int
bindings_init(bindings_t *self, binding_way_t way, const char *const *texts,
              size_t count, const tensor_spec_t *specs, int specs_count,
              fault_t *fault)
{
    const char *option = options[way];
    *self = (bindings_t){0};
    const char *paths[TENSORS_MAX] = {0};
    if (count > (size_t)specs_count)
        return fault_set(fault, FAULT_USAGE,
                         "%s: %zu files are given, the network has %d", option,
                         count, specs_count);
    for (size_t i = 0; i < count; i++) {
        const tensor_spec_t *spec = s_named(texts[i], specs, specs_count);
        if (s_check_name(texts[i], way, specs, specs_count, fault))
            return -1;
        if (!spec)
            continue;
        if (paths[spec - specs])
            return fault_set(fault, FAULT_USAGE, "%s: %s is given twice",
                             option, spec->name);
        paths[spec - specs] = texts[i] + strlen(spec->name) + 1;
    }
    for (size_t i = 0, at = 0; i < count; i++) {
        if (s_named(texts[i], specs, specs_count))
            continue;
        while (paths[at])
            at++;
        assert(at < (size_t)specs_count);
        paths[at] = texts[i];
    }
    for (int i = 0; i < specs_count; i++)
        if (paths[i])
            self->items[self->count++] =
                (binding_t){.spec = &specs[i], .path = paths[i]};
    return 0;
}

/* How many rows of its spec a tensor holds; 0 where it does not fit. */
static int64_t
s_rows(const binding_t *input, bool *bare)
{
    const shape_t *declared = &input->spec->shape;
    const shape_t *actual = &input->tensor.shape;
    bool batch = declared->rank && declared->dims[0] == DIM_BATCH;
    *bare = false;
    if (shape_matches(declared, actual))
        return batch ? actual->dims[0] : 1;
    if (!batch || actual->rank != declared->rank - 1)
        return 0;
    for (int axis = 0; axis < actual->rank; axis++)
        if (actual->dims[axis] != declared->dims[axis + 1])
            return 0;
    *bare = true;
    return 1;
}

static int
s_read(binding_t *input, int64_t *rows, bool *bare, fault_t *fault)
{
    char takes[96], holds[96];
    if (npy_read(&input->tensor, input->path, fault))
        return -1;
    if (input->tensor.dtype != input->spec->dtype)
        return fault_set(fault, FAULT_INPUT,
                         "%s holds %s, the input \"%s\" takes %s", input->path,
                         dtype_name(input->tensor.dtype), input->spec->name,
                         dtype_name(input->spec->dtype));
    *rows = s_rows(input, bare);
    if (*rows == 0)
        return fault_set(
            fault, FAULT_INPUT, "%s has shape %s, the input \"%s\" takes %s",
            input->path, shape_text(&input->tensor.shape, holds, sizeof holds),
            input->spec->name,
            shape_text(&input->spec->shape, takes, sizeof takes));
    return 0;
}

int
bindings_read(bindings_t *self, int64_t *rows, bool *bare, fault_t *fault)
{
    for (int i = 0; i < self->count; i++) {
        int64_t held;
        bool without_batch;
        if (s_read(&self->items[i], &held, &without_batch, fault))
            return -1;
        if (i && held != *rows)
            return fault_set(fault, FAULT_INPUT,
                             "%s holds %lld rows, %s holds %lld",
                             self->items[i].path, (long long)held,
                             self->items[0].path, (long long)*rows);
        *rows = held;
        *bare = without_batch;
    }
    return 0;
}

void
bindings_release(bindings_t *self)
{
    for (int i = 0; i < self->count; i++)
        tensor_release(&self->items[i].tensor);
    self->count = 0;
}
