/* Which .npy file belongs to which tensor. */
#include "common/binding.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "common/cast.h"
#include "common/logger.h"
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

/* The files of the specs that are named. */
static int
s_take_named(const char *paths[TENSORS_MAX], binding_way_t way,
             const char *const *texts, size_t count, const tensor_spec_t *specs,
             int specs_count, fault_t *fault)
{
    for (size_t i = 0; i < count; i++) {
        const tensor_spec_t *spec = s_named(texts[i], specs, specs_count);
        if (s_check_name(texts[i], way, specs, specs_count, fault))
            return -1;
        if (!spec)
            continue;
        if (paths[spec - specs])
            return fault_set(fault, FAULT_USAGE, "%s: '%.60s' is given twice",
                             options[way], spec->name);
        paths[spec - specs] = texts[i] + strlen(spec->name) + 1;
    }
    return 0;
}

/* Every input has a file, no two outputs have the same. */
static int
s_check_all(const bindings_t *self, binding_way_t way,
            const tensor_spec_t *specs, int specs_count, fault_t *fault)
{
    for (int i = 0; way == BINDING_INPUT && i < specs_count; i++)
        if (i >= self->count || self->items[i].spec != &specs[i])
            return fault_set(fault, FAULT_USAGE,
                             "the network's input '%.60s' needs a --tensor",
                             specs[i].name);
    for (int i = 0; way == BINDING_OUTPUT && i < self->count; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(self->items[i].path, self->items[j].path) == 0)
                return fault_set(fault, FAULT_USAGE,
                                 "--output: %s is given twice, for '%.60s' "
                                 "and for '%.60s'",
                                 self->items[i].path, self->items[j].spec->name,
                                 self->items[i].spec->name);
    return 0;
}

int
bindings_init(bindings_t *self, binding_way_t way, const char *const *texts,
              size_t count, const tensor_spec_t *specs, int specs_count,
              fault_t *fault)
{
    *self = (bindings_t){0};
    const char *named[TENSORS_MAX] = {0};
    if (count > (size_t)specs_count)
        return fault_set(fault, FAULT_USAGE,
                         "%s: %zu files are given, the network has %d",
                         options[way], count, specs_count);
    if (s_take_named(named, way, texts, count, specs, specs_count, fault))
        return -1;
    const char *paths[TENSORS_MAX];
    memcpy(paths, named, sizeof paths);
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
            self->items[self->count++] = (binding_t){
                .spec = &specs[i], .path = paths[i], .named = named[i] != NULL};
    return s_check_all(self, way, specs, specs_count, fault);
}

/* How many rows of its spec a tensor holds, its batch axis added where it came
 * without; -1 where it does not fit. */
static int64_t
s_rows(binding_t *input)
{
    const shape_t *declared = &input->spec->shape;
    shape_t *actual = &input->tensor.shape;
    bool batch = declared->rank && declared->dims[0] == DIM_BATCH;
    bool single = batch || (declared->rank && declared->dims[0] == 1);
    if (single && actual->rank == declared->rank - 1) {
        memmove(actual->dims + 1, actual->dims,
                (size_t)actual->rank * sizeof actual->dims[0]);
        actual->dims[0] = 1;
        actual->rank++;
        input->bare = batch;
    }
    if (!shape_matches(declared, actual))
        return -1;
    return batch ? actual->dims[0] : 1;
}

static int
s_read_elements(binding_t *input, fault_t *fault)
{
    dtype_t wanted = input->spec->dtype;
    if (npy_read(&input->tensor, input->path, fault))
        return -1;
    dtype_t held = input->tensor.dtype;
    if (!cast_allowed(held, wanted))
        return fault_set(
            fault, FAULT_INPUT,
            "%s holds %s, the input '%.60s' takes %s: save x.astype('%s')",
            input->path, dtype_name(held), input->spec->name,
            dtype_name(wanted),
            dtype_name(wanted == DTYPE_BFLOAT16 ? DTYPE_FLOAT32 : wanted));
    if (cast_tensor(&input->tensor, wanted, fault))
        return fault_prefix(fault, "%s holds %s, the input '%.60s' takes %s",
                            input->path, dtype_name(held), input->spec->name,
                            dtype_name(wanted));
    if (held != wanted)
        logger_info("%s holds %s, read as %s", input->path, dtype_name(held),
                    dtype_name(wanted));
    return 0;
}

int
bindings_read(bindings_t *self, fault_t *fault)
{
    char takes[96], holds[96];
    for (int i = 0; i < self->count; i++) {
        binding_t *input = &self->items[i];
        if (s_read_elements(input, fault))
            return -1;
        const shape_t shape = input->tensor.shape;
        input->rows = s_rows(input);
        if (input->rows < 0)
            return fault_set(
                fault, FAULT_INPUT,
                "%s has shape %s, the input '%.60s' takes %s", input->path,
                shape_text(&shape, holds, sizeof holds), input->spec->name,
                shape_text(&input->spec->shape, takes, sizeof takes));
    }
    return 0;
}

int
bindings_rows(const bindings_t *self, int64_t *rows, bool *bare, fault_t *fault)
{
    *rows = 1;
    *bare = false;
    for (int i = 0; i < self->count; i++) {
        const binding_t *first = &self->items[0], *input = &self->items[i];
        if (input->rows != first->rows)
            return fault_set(fault, FAULT_INPUT,
                             "%s holds %lld rows, %s holds %lld", input->path,
                             (long long)input->rows, first->path,
                             (long long)first->rows);
        *rows = input->rows;
        *bare = input->bare;
    }
    return 0;
}

int
binding_write(binding_t *self, bool bare, fault_t *fault)
{
    shape_t *shape = &self->tensor.shape;
    if (bare && self->spec->shape.rank &&
        self->spec->shape.dims[0] == DIM_BATCH) {
        shape->rank--;
        memmove(shape->dims, shape->dims + 1,
                (size_t)shape->rank * sizeof shape->dims[0]);
    }
    return npy_write(&self->tensor, self->path, fault);
}

void
bindings_release(bindings_t *self)
{
    for (int i = 0; i < self->count; i++)
        tensor_release(&self->items[i].tensor);
    self->count = 0;
}
