/* Predictions as lines. */
#include "client/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/mem.h"
#include "common/pack.h"

/* Nine digits bring a float32 back bit by bit. */
#define JSON_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(9))

enum { NUMBER_MAX = 24 };

static int
s_take(prediction_t *self, const service_t *service, const outcome_t *outcome,
       size_t top)
{
    if (scores_classify(service, outcome->payload, top, &self->best,
                        &self->best_count, &self->fault))
        return -1;
    self->path =
        mem_new((size_t)outcome->path_count, sizeof *self->path, &self->fault);
    if (!self->path)
        return -1;
    memcpy(self->path, outcome->path,
           (size_t)outcome->path_count * sizeof *self->path);
    self->path_count = outcome->path_count;
    return 0;
}

void
prediction_take(prediction_t *self, const service_t *service,
                const outcome_t *outcome, size_t top)
{
    *self = (prediction_t){.fault = outcome->fault,
                           .part = outcome->part,
                           .job = outcome->job,
                           .latency_us = outcome->latency_us};
    if (self->fault.code == FAULT_NONE && s_take(self, service, outcome, top))
        prediction_release(self);
}

void
prediction_release(prediction_t *self)
{
    free(self->best);
    free(self->path);
    self->best = NULL;
    self->path = NULL;
    self->best_count = 0;
    self->path_count = 0;
}

void
output_text(FILE *file, const char *image, const service_t *service,
            const prediction_t *prediction)
{
    char number[NUMBER_MAX];
    for (size_t i = 0; i < prediction->best_count; i++) {
        const score_t *score = &prediction->best[i];
        fprintf(file, "%s: %s %.4f\n", image,
                scores_label(service, score->index, number, sizeof number),
                score->probability);
    }
}

/* A file name may be any bytes; JSON takes UTF-8 only. */
static json_t *
s_name(const char *image)
{
    size_t size = strlen(image);
    char copy[4096];
    if (pack_printable(image, size) || size >= sizeof copy)
        return json_string(image);
    for (size_t i = 0; i <= size; i++) {
        unsigned char byte = (unsigned char)image[i];
        copy[i] = byte && (byte < 0x20 || byte > 0x7e) ? '?' : (char)byte;
    }
    return json_string(copy);
}

static json_t *
s_ms(int64_t us)
{
    return json_real((double)us / 1000);
}

static json_t *
s_error(const prediction_t *prediction)
{
    return json_pack(
        "{s:s, s:s, s:o}", "code", fault_name(prediction->fault.code),
        "message", prediction->fault.text, "part",
        prediction->part < 0 ? json_null() : json_integer(prediction->part));
}

static json_t *
s_top(const service_t *service, const prediction_t *prediction)
{
    char number[NUMBER_MAX];
    json_t *top = json_array();
    for (size_t i = 0; i < prediction->best_count; i++) {
        const score_t *score = &prediction->best[i];
        const char *label =
            scores_label(service, score->index, number, sizeof number);
        json_array_append_new(top,
                              json_pack("{s:s, s:I, s:f}", "label", label,
                                        "index", (json_int_t)score->index,
                                        "probability", score->probability));
    }
    return top;
}

static json_t *
s_parts(const prediction_t *prediction)
{
    json_t *parts = json_array();
    for (int i = 0; i < prediction->path_count; i++) {
        const path_step_t *step = &prediction->path[i];
        json_array_append_new(
            parts,
            json_pack("{s:i, s:s, s:i, s:o, s:o}", "part", step->part, "worker",
                      step->name, "attempt", step->attempt, "queue_ms",
                      s_ms(step->queue_us), "compute_ms", s_ms(step->exec_us)));
    }
    return parts;
}

static json_t *
s_prediction(const char *image, const service_t *service,
             const prediction_t *prediction)
{
    char id[33], number[NUMBER_MAX];
    const score_t *best = &prediction->best[0];
    return json_pack(
        "{s:o, s:s, s:s, s:I, s:f, s:o, s:o, s:o}", "image", s_name(image),
        "id", job_id_text(&prediction->job, id), "label",
        scores_label(service, best->index, number, sizeof number), "index",
        (json_int_t)best->index, "probability", best->probability, "top",
        s_top(service, prediction), "latency_ms", s_ms(prediction->latency_us),
        "parts", s_parts(prediction));
}

void
output_json(FILE *file, const char *image, const service_t *service,
            const prediction_t *prediction)
{
    json_t *object = prediction->fault.code
                         ? json_pack("{s:o, s:o}", "image", s_name(image),
                                     "error", s_error(prediction))
                         : s_prediction(image, service, prediction);
    if (object)
        json_dumpf(object, file, JSON_FORMAT);
    fputc('\n', file);
    json_decref(object);
}

const char *
output_path(char *text, size_t size, const prediction_t *prediction)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < prediction->path_count && used < size; i++) {
        const path_step_t *step = &prediction->path[i];
        int wrote = snprintf(text + used, size - used,
                             "%spart %d by %s: waited %.2f ms, computed %.2f "
                             "ms",
                             i ? "; " : "", step->part, step->name,
                             (double)step->queue_us / 1000,
                             (double)step->exec_us / 1000);
        used += wrote > 0 ? (size_t)wrote : size;
    }
    return text;
}
