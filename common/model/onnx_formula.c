/* Formulas of operators that an opset lacks. */
#include "common/model/onnx_formula.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* to = op(a, b); names but x (the input) and y (the output) are local. An op
 * of NULL makes a scalar constant. */
typedef struct step {
    const char *op;
    const char *a;
    const char *b;
    const char *to;
    double scalar;
} step_t;

static const step_t gelu_erf[] = {
    {NULL, NULL, NULL, "sqrt2", 1.4142135623730951},
    {"Div", "x", "sqrt2", "scaled", 0},
    {"Erf", "scaled", NULL, "erf", 0},
    {NULL, NULL, NULL, "one", 1},
    {"Add", "erf", "one", "sum", 0},
    {"Mul", "x", "sum", "weighted", 0},
    {NULL, NULL, NULL, "half", 0.5},
    {"Mul", "weighted", "half", "y", 0},
    {0},
};

static const step_t gelu_tanh[] = {
    {"Mul", "x", "x", "square", 0},
    {"Mul", "x", "square", "cube", 0},
    {NULL, NULL, NULL, "beta", 0.044715},
    {"Mul", "beta", "cube", "bent", 0},
    {"Add", "x", "bent", "inner", 0},
    {NULL, NULL, NULL, "alpha", 0.7978845608028654}, /* sqrt(2 / pi) */
    {"Mul", "alpha", "inner", "scaled", 0},
    {"Tanh", "scaled", NULL, "tanh", 0},
    {NULL, NULL, NULL, "one", 1},
    {"Add", "tanh", "one", "sum", 0},
    {"Mul", "x", "sum", "weighted", 0},
    {NULL, NULL, NULL, "half", 0.5},
    {"Mul", "weighted", "half", "y", 0},
    {0},
};

static const step_t silu[] = {
    {"Sigmoid", "x", NULL, "sigmoid", 0},
    {"Mul", "x", "sigmoid", "y", 0},
    {0},
};

static const step_t mish[] = {
    {"Softplus", "x", NULL, "softplus", 0},
    {"Tanh", "softplus", NULL, "tanh", 0},
    {"Mul", "x", "tanh", "y", 0},
    {0},
};

/* A row with an attribute is for nodes whose attribute has that text. */
typedef struct formula {
    const char *op;
    int since; /* the opset that has the operator */
    const char *attribute;
    const char *text;
    const step_t *steps;
} formula_t;

enum { NEVER = INT_MAX };

static const formula_t formulas[] = {
    {"Gelu", 20, "approximate", "tanh", gelu_tanh},
    {"Gelu", 20, NULL, NULL, gelu_erf},
    {"Mish", 18, NULL, NULL, mish},
    {"Silu", NEVER, NULL, NULL, silu},
};

static const formula_t *
s_formula(const node_t *node)
{
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        const formula_t *row = &formulas[i];
        if (strcmp(row->op, node->op) == 0 &&
            (!row->attribute ||
             strcmp(node_text(node, row->attribute, ""), row->text) == 0))
            return row;
    }
    return NULL;
}

bool
onnx_formula_has(const node_t *node, int opset)
{
    const formula_t *formula = s_formula(node);
    return formula && opset < formula->since;
}

/* A decomposition under way. */
typedef struct chain {
    const graph_t *graph;
    const char *x;
    const char *y;
    dtype_t dtype;
    onnx_emit_fn *emit;
    void *context;
} chain_t;

/* The name in the file of a local name: "y/local", and more slashes where the
 * graph has that already. Owned by the caller; NULL with a fault. */
static char *
s_local(const chain_t *self, const char *local, fault_t *fault)
{
    if (strcmp(local, "x") == 0 || strcmp(local, "y") == 0) {
        const char *name = *local == 'x' ? self->x : self->y;
        return mem_text(name, strlen(name), fault);
    }
    enum { SLASHES_MAX = 8 };
    size_t size = strlen(self->y) + strlen(local) + SLASHES_MAX + 1;
    char *name = mem_new(1, size, fault);
    for (int slashes = 1; name && slashes <= SLASHES_MAX; slashes++) {
        snprintf(name, size, "%s%.*s%s", self->y, slashes, "////////", local);
        if (graph_find(self->graph, name) == GRAPH_NONE)
            return name;
    }
    free(name);
    return fault_null(fault, FAULT_INPUT, "%s: no name left for its %s",
                      self->y, local);
}

static int
s_emit_scalar(const chain_t *self, const step_t *step, char *to, fault_t *fault)
{
    (void)fault;
    uint8_t raw[8];
    tensor_convert(self->dtype, raw, DTYPE_FLOAT64, &step->scalar, 1);
    Onnx__TensorProto tensor = ONNX__TENSOR_PROTO__INIT;
    tensor.has_data_type = 1;
    tensor.data_type = self->dtype;
    tensor.has_raw_data = 1;
    tensor.raw_data.data = raw;
    tensor.raw_data.len = dtype_size(self->dtype);
    Onnx__AttributeProto attribute = ONNX__ATTRIBUTE_PROTO__INIT;
    char name[] = "value", op[] = "Constant";
    attribute.name = name;
    attribute.has_type = 1;
    attribute.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    attribute.t = &tensor;
    Onnx__AttributeProto *attributes[] = {&attribute};
    char *outputs[] = {to};
    Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
    node.n_output = 1;
    node.output = outputs;
    node.op_type = op;
    node.n_attribute = 1;
    node.attribute = attributes;
    return self->emit(self->context, &node, fault);
}

static int
s_emit_step(const chain_t *self, const step_t *step, fault_t *fault)
{
    char *to = s_local(self, step->to, fault);
    char *a = to && step->a ? s_local(self, step->a, fault) : NULL;
    char *b = to && step->b ? s_local(self, step->b, fault) : NULL;
    int result = -1;
    if (to && !step->op) {
        result = s_emit_scalar(self, step, to, fault);
    } else if (to && a && (b || !step->b)) {
        char *inputs[] = {a, b}, *outputs[] = {to};
        char op[16];
        snprintf(op, sizeof op, "%s", step->op);
        Onnx__NodeProto node = ONNX__NODE_PROTO__INIT;
        node.n_input = b ? 2 : 1;
        node.input = inputs;
        node.n_output = 1;
        node.output = outputs;
        node.op_type = op;
        result = self->emit(self->context, &node, fault);
    }
    free(to);
    free(a);
    free(b);
    return result;
}

int
onnx_formula_emit(const graph_t *graph, const node_t *node, onnx_emit_fn *emit,
                  void *context, fault_t *fault)
{
    if (node->inputs_count != 1 || node->outputs_count != 1 ||
        node->inputs[0] == GRAPH_NONE || node->outputs[0] == GRAPH_NONE)
        return fault_set(fault, FAULT_INPUT, "%s %s needs one input", node->op,
                         node->name);
    const value_t *x = &graph->values[node->inputs[0]];
    chain_t chain = {.graph = graph,
                     .x = x->name,
                     .y = graph->values[node->outputs[0]].name,
                     .dtype = x->dtype ? x->dtype : DTYPE_FLOAT32,
                     .emit = emit,
                     .context = context};
    for (const step_t *step = s_formula(node)->steps; step->to; step++)
        if (s_emit_step(&chain, step, fault))
            return -1;
    return 0;
}
