/* Shape inference: what every tensor of a graph is, for a number of samples,
 * and what each node costs.
 *
 * The graph stays as it is; the result is an array beside its values. Every
 * node is checked on the way (ranks, channels, groups, whether the kernel fits,
 * whether weights match), so what passed here never fails in a kernel.
 */
#ifndef CONVOY_COMMON_MODEL_SHAPE_H
#define CONVOY_COMMON_MODEL_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/graph.h"
#include "common/tensor.h"

enum { KNOWN_BYTES_MAX = 128 }; /* 16 int64: the pads of any tensor */

/* Of one value. Concrete: no DIM_BATCH. dtype is DTYPE_NONE for a value that
 * no node of the graph makes.
 *
 * Small tensors whose elements follow from shapes and constants are known:
 * the arithmetic that an exporter writes around a Reshape is solved for the
 * batch at hand. */
typedef struct value_type {
    dtype_t dtype;
    shape_t shape;
    bool known;
    _Alignas(8) uint8_t elements[KNOWN_BYTES_MAX]; /* where known */
} value_type_t;

/* Of one node, for the number of samples the types were inferred for. */
typedef struct node_cost {
    double flop;         /* 2 a multiply-add, by the direct algorithm */
    uint64_t parameters; /* elements of its constant inputs */
    uint64_t weight_bytes;
    uint64_t activation_bytes; /* read and written, weights not counted */
} node_cost_t;

/* types[graph->values_count] for `batch` samples (>= 1) of a sorted graph
 * whose inputs have shapes. -1 with FAULT_INPUT naming the node, or
 * FAULT_UNSUPPORTED naming an operator that is not known. */
int shape_infer(const graph_t *graph, int64_t batch, value_type_t *types,
                fault_t *fault);

/* The types of inputs and constants alone, and then the same for one node whose
 * inputs have types: for graphs in the making. */
int shape_infer_start(const graph_t *graph, int64_t batch, value_type_t *types,
                      fault_t *fault);
int shape_infer_node(const graph_t *graph, int node, value_type_t *types,
                     fault_t *fault);

/* A new array for the above, to be freed with free(). */
value_type_t *shape_types_new(const graph_t *graph, int64_t batch,
                              fault_t *fault);

/* Whether a batch is so many samples and no more: axis 0 of every input is
 * DIM_BATCH, axis 0 of every output is the batch, and no node on the way mixes
 * samples (wherever their axis is in between). -1 only if the graph is not
 * valid for one sample either. */
int shape_batchable(const graph_t *graph, bool *batchable, fault_t *fault);

/* Whether axis 0 of every input is 1: an exporter that was not told of a batch
 * writes that, and no batch of another size runs. */
bool shape_fixes_batch(const graph_t *graph);

/* The types must be those of this graph. */
node_cost_t shape_cost(const graph_t *graph, const value_type_t *types,
                       int node);

/* Specs of the graph's inputs or outputs with DIM_BATCH as axis 0 where the
 * graph is batchable, else as for one sample. -1 with FAULT_INPUT where a name
 * is too long for a spec. */
int shape_specs(const graph_t *graph, const value_type_t *one_sample,
                bool batchable, const int *values, int count,
                tensor_spec_t *specs, fault_t *fault);

#endif
