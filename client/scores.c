/* Softmax and the best K. */
#include "client/scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"

static int
s_check(const double *values, size_t count, fault_t *fault)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return fault_set(fault, FAULT_INTERNAL,
                             "the network's output %zu is not a finite number",
                             i);
    return 0;
}

int
scores_softmax(double *values, size_t count, fault_t *fault)
{
    if (s_check(values, count, fault))
        return -1;
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, values[i]);
    for (size_t i = 0; i < count; i++)
        sum += values[i] = exp(values[i] - most);
    for (size_t i = 0; i < count; i++)
        values[i] /= sum;
    return 0;
}

size_t
scores_top(const double *values, size_t count, score_t *best, size_t top)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = found < top ? found++ : top;
        if (at == top && (top == 0 || values[i] <= best[top - 1].probability))
            continue;
        if (at == top)
            at = top - 1;
        for (; at > 0 && values[i] > best[at - 1].probability; at--)
            best[at] = best[at - 1];
        best[at] = (score_t){i, values[i]};
    }
    return found;
}

int
scores_classify(const service_t *service, const payload_t *payload, size_t top,
                score_t **best, size_t *count, fault_t *fault)
{
    const tensor_spec_t *spec = &service->outputs[0];
    size_t bytes;
    const void *frame = payload_frame(payload, 0, &bytes);
    size_t elements = bytes / dtype_size(spec->dtype);
    if (top > elements)
        top = elements;
    double *values = mem_new(elements, sizeof *values, fault);
    *best = mem_new(top, sizeof **best, fault);
    int result = -1;
    if (values && *best) {
        tensor_convert(DTYPE_FLOAT64, values, spec->dtype, frame, elements);
        result = service->scores == SCORES_LOGITS
                     ? scores_softmax(values, elements, fault)
                     : s_check(values, elements, fault);
    }
    if (result == 0)
        *count = scores_top(values, elements, *best, top);
    free(values);
    if (result) {
        free(*best);
        *best = NULL;
    }
    return result;
}

const char *
scores_label(const service_t *service, size_t index, char *text, size_t size)
{
    if (index < service->labels_count)
        return service->labels[index];
    snprintf(text, size, "%zu", index);
    return text;
}
