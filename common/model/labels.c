/* Label files. */
#include "common/model/labels.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/blob.h"
#include "common/model/model.h"
#include "common/pack.h"

static char *
s_read(const char *path, size_t *size, fault_t *fault)
{
    blob_t *blob = blob_open(path, fault);
    if (!blob)
        return NULL;
    char *text = NULL;
    if (blob_bytes(blob) > MODEL_LABELS_FILE_BYTES_MAX)
        fault_set(fault, FAULT_INPUT, "%s: more than %d bytes of labels", path,
                  MODEL_LABELS_FILE_BYTES_MAX);
    else
        text = mem_new((size_t)blob_bytes(blob) + 1, 1, fault);
    *size = (size_t)blob_bytes(blob);
    if (text && blob_read(blob, 0, text, *size, fault) != 0) {
        fault_prefix(fault, "%s", path);
        free(text);
        text = NULL;
    }
    blob_release(&blob);
    return text;
}

static int
s_add(char ***labels, size_t *count, size_t *capacity, const char *line,
      size_t size, const char *path, fault_t *fault)
{
    if (size > 0 && line[size - 1] == '\r')
        size--;
    if (*count == MODEL_LABELS_MAX)
        return fault_set(fault, FAULT_INPUT, "%s: more than %d labels", path,
                         MODEL_LABELS_MAX);
    if (size == 0 || size > MODEL_LABEL_BYTES_MAX ||
        !pack_printable(line, size))
        return fault_set(fault, FAULT_INPUT,
                         "%s:%zu: a label is 1 to %d bytes of UTF-8 text", path,
                         *count + 1, MODEL_LABEL_BYTES_MAX);
    if (mem_grow(labels, capacity, *count + 1, sizeof **labels, fault) != 0)
        return -1;
    (*labels)[*count] = mem_text(line, size, fault);
    return (*labels)[(*count)++] ? 0 : -1;
}

int
labels_read(const char *path, char ***labels, size_t *count, fault_t *fault)
{
    size_t size, capacity = 0;
    *labels = NULL;
    *count = 0;
    char *text = s_read(path, &size, fault);
    int result = text ? 0 : -1;
    for (size_t at = 0; result == 0 && at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        result =
            s_add(labels, count, &capacity, text + at, length, path, fault);
        at += length + 1;
    }
    free(text);
    if (result != 0) {
        labels_release(*labels, *count);
        *labels = NULL;
        *count = 0;
    }
    return result;
}

void
labels_release(char **labels, size_t count)
{
    for (size_t i = 0; labels && i < count; i++)
        free(labels[i]);
    free(labels);
}
