/* A network as a graph in ONNX's terms: values and the nodes between them.
 *
 * A plain, open structure: readers build it with the functions below, passes
 * walk the arrays. Indices stay valid while things are added; passes that
 * remove finish with graph_compact.
 *
 *   values[]  a tensor each: a graph input, a constant, or a node's output
 *   nodes[]   in topological order after graph_sort
 *
 * Semantics are those of the newest ONNX opset Convoy supports (21), whatever
 * opset a file had: readers translate. Ops of the default domain only, plus
 * nothing of our own.
 */
#ifndef CONVOY_COMMON_MODEL_GRAPH_H
#define CONVOY_COMMON_MODEL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/blob.h"
#include "common/tensor.h"

enum {
    GRAPH_NONE = -1,       /* an absent optional input; no producer */
    GRAPH_NAME_MAX = 1024, /* bytes of a value's or a node's name */
    GRAPH_NODES_MAX = 100000,
    GRAPH_VALUES_MAX = 400000,
    GRAPH_NODE_INPUTS_MAX = 1024,
    GRAPH_ATTRIBUTES_MAX = 64,
};

/* A constant's elements as stored; stored may differ from the value's dtype
 * (a float16 checkpoint of a float32 network), reading converts. */
typedef struct constant {
    dtype_t stored;
    blob_t *blob;
} constant_t;

typedef struct value {
    char *name; /* unique in the graph */
    dtype_t dtype;
    bool shaped;          /* of inputs and constants; else shape_infer tells */
    shape_t shape;        /* DIM_BATCH only as axis 0 of graph inputs */
    int producer;         /* node index or GRAPH_NONE */
    constant_t *constant; /* or NULL */
} value_t;

typedef enum attribute_kind {
    ATTRIBUTE_INT = 2, /* numbers of ONNX's AttributeProto.AttributeType */
    ATTRIBUTE_FLOAT = 1,
    ATTRIBUTE_TEXT = 3,
    ATTRIBUTE_TENSOR = 4,
    ATTRIBUTE_FLOATS = 6,
    ATTRIBUTE_INTS = 7,
} attribute_kind_t;

typedef struct attribute {
    char *name;
    attribute_kind_t kind;
    size_t count; /* elements of ints or floats */
    int64_t i;
    float f;
    char *text;
    int64_t *ints;
    float *floats;
    tensor_t tensor;
} attribute_t;

typedef struct node {
    char *name;  /* "" where the source had none */
    char *op;    /* ONNX op_type: "Conv" */
    int *inputs; /* value indices or GRAPH_NONE */
    int *outputs;
    int inputs_count;
    int outputs_count;
    attribute_t *attributes;
    size_t attributes_count;
    bool removed; /* until graph_compact */
    int part;     /* where the cut puts it, 0 before */
} node_t;

typedef struct graph {
    char *name;
    value_t *values;
    size_t values_count;
    size_t values_capacity;
    node_t *nodes;
    size_t nodes_count;
    size_t nodes_capacity;
    int inputs[TENSORS_MAX];
    int inputs_count;
    int outputs[TENSORS_MAX];
    int outputs_count;
    int *index; /* of value names: open addressing, kept by graph.c */
    size_t index_slots;
    uint64_t index_seed;
    bool direct; /* convolutions as the plain sum alone, never Winograd's way */
} graph_t;

graph_t *graph_new(const char *name, fault_t *fault);
void graph_destroy(graph_t **self);

/* Add a value; its name must be new (FAULT_INPUT). Returns its index, or -1.
 * shape NULL: not known yet. */
int graph_add_value(graph_t *self, const char *name, dtype_t dtype,
                    const shape_t *shape, fault_t *fault);

/* Add a constant whose elements are in blob (shared) as `stored`. */
int graph_add_constant(graph_t *self, const char *name, dtype_t dtype,
                       const shape_t *shape, dtype_t stored, blob_t *blob,
                       fault_t *fault);

/* Add a constant from memory; the elements are copied. */
int graph_add_elements(graph_t *self, const char *name, dtype_t dtype,
                       const shape_t *shape, const void *elements,
                       fault_t *fault);

/* Declare a value an input or an output of the whole; at most TENSORS_MAX
 * (FAULT_INPUT). */
int graph_add_input(graph_t *self, int value, fault_t *fault);
int graph_add_output(graph_t *self, int value, fault_t *fault);

/* Give a value another new name. */
int graph_rename_value(graph_t *self, int value, const char *name,
                       fault_t *fault);

/* Append a node; each output value must have no producer yet. Returns its
 * index, or -1. The name is for messages. */
int graph_add_node(graph_t *self, const char *op, const char *name,
                   const int *inputs, int inputs_count, const int *outputs,
                   int outputs_count, fault_t *fault);

/* Make a node one of another operator: its name, its outputs and its part
 * stay, its attributes go. */
int graph_rewrite_node(graph_t *self, int node, const char *op,
                       const int *inputs, int inputs_count, fault_t *fault);

/* Attributes of a node; adding one that is there replaces it. */
int graph_set_int(graph_t *self, int node, const char *name, int64_t value,
                  fault_t *fault);
int graph_set_float(graph_t *self, int node, const char *name, float value,
                    fault_t *fault);
int graph_set_ints(graph_t *self, int node, const char *name,
                   const int64_t *values, size_t count, fault_t *fault);
int graph_set_floats(graph_t *self, int node, const char *name,
                     const float *values, size_t count, fault_t *fault);
int graph_set_text(graph_t *self, int node, const char *name, const char *value,
                   fault_t *fault);

int graph_set_tensor(graph_t *self, int node, const char *name,
                     const tensor_t *value, fault_t *fault);

/* Take an attribute away; one that is not there is fine. */
void graph_drop_attribute(graph_t *self, int node, const char *name);

/* Give a node every attribute of another one (of any graph). */
int graph_copy_attributes(graph_t *self, int node, const node_t *from,
                          fault_t *fault);

/* FAULT_INPUT: "node 'NAME' (OP): " and a sentence. Returns -1. */
int node_fault(const node_t *node, fault_t *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Borrowed, or NULL if the node has none of that name. */
const attribute_t *node_attribute(const node_t *node, const char *name);
/* The attribute, or a default where it is absent (or of another kind). */
int64_t node_int(const node_t *node, const char *name, int64_t absent);
float node_float(const node_t *node, const char *name, float absent);
const char *node_text(const node_t *node, const char *name, const char *absent);

/* The value's index, or GRAPH_NONE. O(1). */
int graph_find(const graph_t *self, const char *name);

/* How many node inputs and graph outputs read a value. */
int graph_uses(const graph_t *self, int value);

/* The same for every value at once: values_count counts, to be freed. */
int *graph_count_uses(const graph_t *self, fault_t *fault);

/* Mark a node removed and orphan its outputs. */
void graph_remove_node(graph_t *self, int node);

/* Every element of a constant, converted to `dtype`, into to (room for all).
 * -1 with FAULT_INPUT if the value is no constant or its bytes are gone. */
int graph_read_constant(const graph_t *self, int value, dtype_t dtype, void *to,
                        fault_t *fault);

/* The same for elements [first, first + count) in C order. */
int graph_read_elements(const graph_t *self, int value, size_t first,
                        size_t count, dtype_t dtype, void *to, fault_t *fault);

/* Topological order, keeping the given order where it is one. -1 with
 * FAULT_INPUT naming a node on a cycle or an input nobody makes. */
int graph_sort(graph_t *self, fault_t *fault);

/* Drop removed nodes, then values nobody reads or makes. Indices change. */
int graph_compact(graph_t *self, fault_t *fault);

/* Mark nodes removed whose outputs nobody needs. */
int graph_prune(graph_t *self, fault_t *fault);

/* Replace the tensor an output slot of a node makes; the old one is orphaned,
 * the new one must have no producer. */
void graph_set_output(graph_t *self, int node, int slot, int value);

/* Let an input slot of a node read a value (or GRAPH_NONE); slots between the
 * last one and this one are absent. */
int graph_set_input(graph_t *self, int node, int slot, int value,
                    fault_t *fault);

/* Make a node another operator. */
int graph_set_op(graph_t *self, int node, const char *op, fault_t *fault);

/* "NAME.suffix", numbered further where that is taken, into a new text. */
char *graph_fresh_name(const graph_t *self, const char *name,
                       const char *suffix, fault_t *fault);

/* Between the files of this module: release what a value or node owns, build
 * the index of names anew. */
void graph_value_release(value_t *value);
void graph_node_release(node_t *node);
void graph_attributes_release(node_t *node);
int graph_index(graph_t *self, fault_t *fault);

#endif
