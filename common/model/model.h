/* A model ready to be served: read, checked, simplified, cut, written.
 *
 *   layers + weights, or an .onnx file -> graph -> simplify -> cut -> part
 * files
 */
#ifndef CONVOY_COMMON_MODEL_MODEL_H
#define CONVOY_COMMON_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/model/cut.h"
#include "common/model/part.h"
#include "common/settings.h"
#include "common/tensor.h"

enum {
    MODEL_LABELS_MAX = 100000,
    MODEL_LABEL_BYTES_MAX = 256,
    MODEL_LABELS_FILE_BYTES_MAX = 4 << 20,
};

typedef enum model_scores {
    MODEL_SCORES_DEFAULT, /* by the last node: a Softmax gives probabilities */
    MODEL_SCORES_PROBABILITIES,
    MODEL_SCORES_LOGITS,
} model_scores_t;

#define MODEL_SCORES_NAMES "probabilities|logits"

/* What pipeline.cfg says. Borrowed during model_build only. Either file, or
 * weights and layers. */
typedef struct model_options {
    const char *name;
    const char *file;        /* .onnx, or NULL */
    const char *weights;     /* .pth or .safetensors, or NULL */
    const setting_t *layers; /* or NULL */
    bool ignore_unused;      /* surplus weights are no error */
    bool direct;             /* graph_t's: no Winograd */
    int parts;               /* 0: not given */
    const char *const *cuts; /* tensor names; count + 1 parts */
    size_t cuts_count;       /* 0: not given */
    shape_t input;           /* one sample, [3, 32, 32]; rank 0: from file */
    const char *labels;      /* a file, one a line, or NULL */
    model_scores_t scores;
    cut_rates_t rates;  /* cut_rates_init gives the defaults */
    const char *folder; /* for the part files; exists */
} model_options_t;

typedef struct model {
    char *name;
    part_t *parts;
    int parts_count;
    char **labels; /* UTF-8; NULL where there are none */
    size_t labels_count;
    model_scores_t scores; /* never DEFAULT */
    bool fixed_batch;      /* shape_fixes_batch */
    digest_t digest;       /* SHA-256 over the manifest */
    char *note;            /* for the log, or NULL: wrapped checkpoints */
} model_t;

/* -1/NULL with FAULT_CONFIG (exit 78) for what the config says wrongly,
 * FAULT_INPUT (65) for model, weights and labels, FAULT_SYSTEM for files that
 * cannot be written. */
model_t *model_build(const model_options_t *options, fault_t *fault);
void model_destroy(model_t **self);

/* The options that cut nothing and say nothing, with the default rates. */
void model_options_init(model_options_t *options);

/* "probabilities" or "logits". */
const char *model_scores_text(model_scores_t scores);

/* Inputs of the first part, outputs of the last. Borrowed. */
const part_t *model_first(const model_t *self);
const part_t *model_last(const model_t *self);

#endif
