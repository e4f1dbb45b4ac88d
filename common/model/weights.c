/* The named tensors of a checkpoint, whatever format they come in. */
#include "common/model/weights.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/pth.h"
#include "common/model/safetensors.h"

struct weights {
    weight_t *weights; /* in the order of the file */
    size_t count;
    size_t capacity;
    weight_t **sorted; /* by name, from weights_seal on */
    weights_note_fn *note;
    void *context;
};

weights_t *
weights_new(weights_note_fn *note, void *context, fault_t *fault)
{
    weights_t *self = mem_new(1, sizeof *self, fault);
    if (self)
        *self = (weights_t){.note = note, .context = context};
    return self;
}

void
weights_destroy(weights_t **self)
{
    weights_t *weights = *self;
    *self = NULL;
    if (!weights)
        return;
    for (size_t i = 0; i < weights->count; i++) {
        free(weights->weights[i].name);
        blob_release(&weights->weights[i].blob);
    }
    free(weights->weights);
    free(weights->sorted);
    free(weights);
}

void
weights_note(const weights_t *self, const char *format, ...)
{
    if (!self->note)
        return;
    char text[FAULT_TEXT_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->note(self->context, text);
}

int
weights_add(weights_t *self, const char *name, size_t name_size, dtype_t dtype,
            const shape_t *shape, blob_t *blob, fault_t *fault)
{
    assert(!self->sorted);
    if (name_size == 0 || name_size > WEIGHT_NAME_MAX ||
        memchr(name, '\0', name_size))
        return fault_set(fault, FAULT_INPUT,
                         "weight %zu has no name of 1 to %d bytes", self->count,
                         WEIGHT_NAME_MAX);
    if (self->count == WEIGHTS_MAX)
        return fault_set(fault, FAULT_INPUT, "more than %d weights",
                         WEIGHTS_MAX);
    size_t bytes;
    int64_t elements = shape_elements(shape);
    if (elements < 0 || !mem_mul((size_t)elements, dtype_size(dtype), &bytes) ||
        bytes != blob_bytes(blob)) {
        char text[128];
        return fault_set(
            fault, FAULT_INPUT, "%.*s: %llu bytes stored for %s of %s",
            (int)name_size, name, (unsigned long long)blob_bytes(blob),
            shape_text(shape, text, sizeof text), dtype_name(dtype));
    }
    if (mem_grow(&self->weights, &self->capacity, self->count + 1,
                 sizeof *self->weights, fault))
        return -1;
    char *copy = mem_text(name, name_size, fault);
    if (!copy)
        return -1;
    self->weights[self->count++] = (weight_t){.name = copy,
                                              .dtype = dtype,
                                              .shape = *shape,
                                              .blob = blob_share(blob)};
    return 0;
}

static int
s_compare(const void *a, const void *b)
{
    const weight_t *const *left = a;
    const weight_t *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int
weights_seal(weights_t *self, fault_t *fault)
{
    self->sorted = mem_new(self->count, sizeof(weight_t *), fault);
    if (!self->sorted)
        return -1;
    for (size_t i = 0; i < self->count; i++)
        self->sorted[i] = &self->weights[i];
    qsort(self->sorted, self->count, sizeof(weight_t *), s_compare);
    for (size_t i = 1; i < self->count; i++)
        if (strcmp(self->sorted[i - 1]->name, self->sorted[i]->name) == 0)
            return fault_set(fault, FAULT_INPUT, "%s is there twice",
                             self->sorted[i]->name);
    return 0;
}

/* DataParallel puts "module." in front of every name. */
static void
s_strip_prefix(weights_t *self)
{
    static const char prefix[] = "module.";
    size_t size = sizeof prefix - 1;
    for (size_t i = 0; i < self->count; i++)
        if (strncmp(self->weights[i].name, prefix, size) != 0 ||
            !self->weights[i].name[size])
            return;
    for (size_t i = 0; i < self->count; i++) {
        char *name = self->weights[i].name;
        memmove(name, name + size, strlen(name + size) + 1);
    }
    if (self->count)
        weights_note(self, "every weight's name began with \"%s\": taken off",
                     prefix);
}

typedef struct format {
    uint64_t offset; /* of the magic bytes */
    const char *magic;
    size_t magic_size;
    int (*read)(weights_t *into, blob_t *file, fault_t *fault);
    const char *refusal;
} format_t;

#define OLD_HINT                                                               \
    "load it in a current PyTorch and torch.save(model.state_dict()) again"

static const format_t formats[] = {
    {0, "PK\003\004", 4, pth_read, NULL},
    {0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14,
     pth_read_legacy, NULL},
    {8, "{", 1, safetensors_read, NULL},
    {0, "PYTORCH1", 8, NULL, "a PYTORCH1 file is not supported: " OLD_HINT},
    {257, "ustar", 5, NULL, "a tar checkpoint is not supported: " OLD_HINT},
};

static const format_t *
s_detect(blob_t *file, fault_t *fault)
{
    char head[262] = {0};
    uint64_t bytes = blob_bytes(file);
    size_t size = bytes < sizeof head ? (size_t)bytes : sizeof head;
    if (size == 0)
        return fault_null(fault, FAULT_INPUT, "the file is empty");
    if (blob_read(file, 0, head, size, fault))
        return NULL;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const format_t *format = &formats[i];
        if (memcmp(head + format->offset, format->magic, format->magic_size))
            continue;
        if (!format->read)
            return fault_null(fault, FAULT_INPUT, "%s", format->refusal);
        return format;
    }
    return fault_null(fault, FAULT_INPUT,
                      "not a checkpoint: neither .pth nor .safetensors");
}

weights_t *
weights_read(blob_t *file, weights_note_fn *note, void *context, fault_t *fault)
{
    const format_t *format = s_detect(file, fault);
    weights_t *self = format ? weights_new(note, context, fault) : NULL;
    if (!self)
        return NULL;
    if (format->read(self, file, fault) == 0) {
        s_strip_prefix(self);
        if (weights_seal(self, fault) == 0)
            return self;
    }
    weights_destroy(&self);
    return NULL;
}

weights_t *
weights_open(const char *path, weights_note_fn *note, void *context,
             fault_t *fault)
{
    blob_t *file = blob_open(path, fault);
    if (!file)
        return NULL;
    weights_t *self = weights_read(file, note, context, fault);
    if (!self)
        fault_prefix(fault, "%s", path);
    blob_release(&file);
    return self;
}

size_t
weights_count(const weights_t *self)
{
    return self->count;
}

const weight_t *
weights_at(const weights_t *self, size_t index)
{
    assert(index < self->count);
    return &self->weights[index];
}

static weight_t *
s_find(const weights_t *self, const char *name)
{
    assert(self->sorted);
    weight_t key = {.name = (char *)(uintptr_t)name};
    const weight_t *wanted = &key;
    weight_t **found = bsearch(&wanted, self->sorted, self->count,
                               sizeof(weight_t *), s_compare);
    return found ? *found : NULL;
}

const weight_t *
weights_find(const weights_t *self, const char *name)
{
    return s_find(self, name);
}

const weight_t *
weights_use(weights_t *self, const char *name)
{
    weight_t *weight = s_find(self, name);
    if (weight)
        weight->used = true;
    return weight;
}

static bool
s_is_counter(const weight_t *weight)
{
    static const char counter[] = "num_batches_tracked";
    size_t size = strlen(weight->name), tail = sizeof counter - 1;
    return size >= tail && strcmp(weight->name + size - tail, counter) == 0;
}

const weight_t *
weights_unused(const weights_t *self, size_t *index)
{
    while (*index < self->count) {
        const weight_t *weight = &self->weights[(*index)++];
        if (!weight->used && !s_is_counter(weight))
            return weight;
    }
    return NULL;
}
