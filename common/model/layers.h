/* Layer lists: a network as pipeline.cfg tells it, in torch.nn's words.
 *
 *   layers = ( { op = "Conv2d"; weights = "conv1"; padding = 1; }, ... );
 *
 * A layer reads the one before it unless it has `inputs`; its output tensor is
 * called by its `name`, else by its weights, else by its op and place
 * ("relu_2"). The network's own input is called "input". A list of lists gives
 * the parts; node_t.part says which one a node came from.
 */
#ifndef CONVOY_COMMON_MODEL_LAYERS_H
#define CONVOY_COMMON_MODEL_LAYERS_H

#include <stdbool.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/weights.h"
#include "common/settings.h"
#include "common/tensor.h"

enum { LAYERS_MAX = 10000 };

#define LAYERS_INPUT "input"

typedef struct layers_options {
    const char *name;    /* of the model */
    const char *weights; /* the checkpoint's path, for sentences */
    shape_t input;       /* one sample, without the batch axis */
    bool ignore_unused;  /* surplus weights are no error */
} layers_options_t;

/* A sorted graph. *parts is the number of lists in the list, 0 for a flat one.
 * weights may be NULL where no layer has any. NULL with FAULT_CONFIG for what
 * the list says wrongly, FAULT_INPUT for a weight that is missing, surplus or
 * of another shape; sentences begin with FILE:LINE: model.layers[..]. */
graph_t *layers_read(const setting_t *list, weights_t *weights,
                     const layers_options_t *options, int *parts,
                     fault_t *fault);

#endif
