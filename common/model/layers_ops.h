/* Inside layer lists: one layer at work, and the ops by family. */
#ifndef CONVOY_COMMON_MODEL_LAYERS_OPS_H
#define CONVOY_COMMON_MODEL_LAYERS_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/layers.h"
#include "common/model/shape.h"
#include "common/model/weights.h"
#include "common/settings.h"

enum {
    LAYER_EXTENT_MAX = 1 << 16, /* of kernels, strides, padding */
    LAYER_AXES_MAX = 2,         /* spatial ones */
    LAYER_INPUTS_MAX = 64,
    LAYER_ANY = -1, /* any size, in the shape a weight should have */
};

struct layering;

/* A function a layer: adds its nodes, the last making the tensor that is
 * called as the layer. The index of that value, or -1. */
typedef int layer_fn(struct layering *self);

typedef enum layer_kind {
    LAYER_PLAIN,    /* one input, no weights */
    LAYER_WEIGHTED, /* one input, needs `weights` */
    LAYER_MAYBE,    /* one input, may have `weights` */
    LAYER_JOINS,    /* two inputs or more */
} layer_kind_t;

enum { LAYER_ARGUMENTS_MAX = 10 };

/* What is known of an op before it is read. */
typedef struct layer_row {
    const char *op; /* as in torch.nn */
    layer_fn *emit;
    layer_kind_t kind;
    int rank;         /* of input 0; 0 for any */
    const char *node; /* the ONNX operator, where `emit` serves several */
    const char *arguments[LAYER_ARGUMENTS_MAX];
} layer_row_t;

extern const layer_row_t layer_rows[];
extern const size_t layer_rows_count;

/* The layer at work, and the graph so far. */
typedef struct layering {
    graph_t *graph;
    value_type_t *types; /* of the graph's values, for one sample */
    size_t types_capacity;
    weights_t *weights;
    const layers_options_t *options;
    fault_t *fault;

    const setting_t *setting;
    const layer_row_t *row;
    const char *prefix; /* of its weights, or NULL */
    char name[GRAPH_NAME_MAX + 1];
    int part;
    int inputs[LAYER_INPUTS_MAX];
    int inputs_count;
} layering_t;

/* FAULT_CONFIG or FAULT_INPUT, "FILE:LINE: model.layers[..]: " and a sentence.
 */
int layering_wrong(layering_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int layering_unfit(layering_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The shape of input 0, and how many of its axes are spatial. */
const shape_t *layering_shape(const layering_t *self);
int layering_axes(const layering_t *self);

/* Arguments with defaults. */
int layering_int(layering_t *self, const char *name, int64_t absent,
                 int64_t min, int64_t max, int64_t *value);
int layering_float(layering_t *self, const char *name, double absent,
                   double min, double max, double *value);
int layering_bool(layering_t *self, const char *name, bool absent, bool *value);
/* A number for each spatial axis, which may be written as one. Without `absent`
 * it has to be given. */
int layering_extents(layering_t *self, const char *name, const int64_t *absent,
                     int64_t min, int64_t *values);
/* 1 to TENSOR_RANK_MAX numbers; one may be written without a list. */
int layering_ints(layering_t *self, const char *name, int64_t min, int64_t max,
                  int64_t values[TENSOR_RANK_MAX], int *count);
/* An axis of the input, negative ones from the end. */
int layering_axis(layering_t *self, const char *name, int64_t absent,
                  int *axis);
/* What follows from the weights anyway may be given, but must agree. */
int layering_agree(layering_t *self, const char *name, int64_t actual);

/* The weight PREFIX.suffix as a constant; its shape must be `wanted`, where
 * LAYER_ANY fits all. *value is GRAPH_NONE where it is absent and not
 * required. */
int layering_weight(layering_t *self, const char *suffix, const shape_t *wanted,
                    bool required, int *value);

/* The weight PREFIX.bias of this size, or GRAPH_NONE: as the argument `bias`
 * says, else as the checkpoint has it. */
int layering_bias(layering_t *self, int64_t size, int *value);

/* Keep the type of a value just added (shape NULL: not known yet). Returns
 * value, or -1 also where value is one. */
int layering_type(layering_t *self, int value, dtype_t dtype,
                  const shape_t *shape);

/* A constant called NAME.suffix. */
int layering_constant(layering_t *self, const char *suffix, dtype_t dtype,
                      const shape_t *shape, const void *elements);
/* Another float32 constant's elements in another shape of as many. */
int layering_shaped(layering_t *self, const char *suffix, int constant,
                    const shape_t *shape);
int layering_scalar(layering_t *self, const char *suffix, float number);

/* A node; its output is called NAME.suffix, or NAME where suffix is NULL.
 * Returns its index. */
int layering_node(layering_t *self, const char *op, const char *suffix,
                  const int *inputs, int inputs_count);

/* Infer a node after its attributes are set: its output's index. */
int layering_finish(layering_t *self, int node);

/* Both in one for a node without attributes. */
int layering_simple(layering_t *self, const char *op, const char *suffix,
                    const int *inputs, int inputs_count);

/* A node along the axis `dim`. */
int layering_along(layering_t *self, const char *op, int64_t absent,
                   int inputs_count);

/* What slides over the spatial axes. */
typedef struct layer_window {
    int64_t kernel[LAYER_AXES_MAX], stride[LAYER_AXES_MAX];
    int64_t dilation[LAYER_AXES_MAX];
    int64_t pads[2 * LAYER_AXES_MAX]; /* all begins, then all ends */
} layer_window_t;

/* The attributes of a node that say so. */
int layering_window(layering_t *self, int node, const layer_window_t *window,
                    bool dilates);

/* An Identity, for what changes nothing. */
int layering_nothing(layering_t *self);

layer_fn layer_conv, layer_conv_transpose;
layer_fn layer_max_pool, layer_average_pool;
layer_fn layer_adaptive_average_pool, layer_adaptive_max_pool;
layer_fn layer_linear, layer_concat, layer_identity, layer_chain;
layer_fn layer_batch_norm, layer_batch_norm_1d, layer_instance_norm;
layer_fn layer_layer_norm, layer_group_norm, layer_local_response_norm;
layer_fn layer_unary, layer_leaky_relu, layer_relu6, layer_hardtanh, layer_elu;
layer_fn layer_hard_sigmoid, layer_prelu, layer_gelu, layer_silu, layer_softmax;
layer_fn layer_flatten, layer_unflatten, layer_permute, layer_channel_shuffle;
layer_fn layer_pixel_shuffle, layer_pixel_unshuffle, layer_narrow, layer_pad;
layer_fn layer_upsample;

#endif
