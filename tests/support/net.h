/* Small networks for tests: a layer list as text, weights out of thin air. */
#ifndef CONVOY_TESTS_SUPPORT_NET_H
#define CONVOY_TESTS_SUPPORT_NET_H

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/model/layers.h"
#include "common/model/weights.h"
#include "common/settings.h"

typedef struct net {
    settings_t *settings;
    weights_t *weights;
    graph_t *graph; /* NULL where it was refused */
    int parts;
    fault_t fault;
} net_t;

/* layers: what stands behind `layers = `. weights: "conv1.weight 4 3 3 3;
 * conv1.bias 4", of numbers in -1..1 (variances in 0.5..1.5), always the same
 * ones; NULL for none. input: the dims of a sample. */
void net_init(net_t *self, const char *layers, const char *weights,
              const shape_t *input);
void net_release(net_t *self);

/* The only weight value of that name as floats; free them. */
float *net_floats(const graph_t *graph, const char *name);

#endif
