/* Nodes that hand on what they get. */
#include "common/model/simplify_idle.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"

/* What an operator's numbers in input 1 (or 4) are where it does nothing, given
 * that its output has the type of its input. */
typedef struct idle {
    const char *op;
    int input; /* whose elements all have to be `number`; 0: none */
    int64_t number;
    bool may_lack; /* that input: then the number is taken for granted */
} idle_t;

static const idle_t idles[] = {
    {"Cast", 0, 0, true},    /* to the type it has */
    {"Expand", 0, 0, true},  /* to the shape it has */
    {"Pad", 1, 0, false},    /* cutting here and adding there would not be */
    {"Reshape", 0, 0, true}, /* to the shape it has */
    {"Slice", 4, 1, true},   /* forwards; all of it, or it would be shorter */
    {"Tile", 1, 1, false},
};

/* Operators of any number of tensors that are nothing over one. */
static const char *const joins[] = {"Concat", "Max", "Mean", "Min", "Sum"};

static bool
s_are_all(const value_type_t *type, int64_t number)
{
    enum { ITEMS_MAX = KNOWN_BYTES_MAX / 4 };
    int64_t items[ITEMS_MAX], count = shape_elements(&type->shape);
    bool whole = type->dtype == DTYPE_INT64 || type->dtype == DTYPE_INT32;
    if (!type->known || !whole)
        return false;
    tensor_convert(DTYPE_INT64, items, type->dtype, type->elements,
                   (size_t)count);
    for (int64_t i = 0; i < count; i++)
        if (items[i] != number)
            return false;
    return true;
}

static bool
s_is_idle(const node_t *node, const value_type_t *types)
{
    if (node->removed || node->inputs_count < 1 || node->outputs_count != 1 ||
        node->inputs[0] == GRAPH_NONE || node->outputs[0] == GRAPH_NONE)
        return false;
    const value_type_t *x = &types[node->inputs[0]];
    const value_type_t *y = &types[node->outputs[0]];
    if (x->dtype != y->dtype || !shape_equal(&x->shape, &y->shape))
        return false;
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++)
        if (strcmp(node->op, joins[i]) == 0)
            return node->inputs_count == 1;
    for (size_t i = 0; i < sizeof idles / sizeof idles[0]; i++) {
        const idle_t *row = &idles[i];
        if (strcmp(node->op, row->op) != 0)
            continue;
        bool lacks = row->input >= node->inputs_count ||
                     node->inputs[row->input] == GRAPH_NONE;
        return row->input == 0 || (lacks && row->may_lack) ||
               (!lacks &&
                s_are_all(&types[node->inputs[row->input]], row->number));
    }
    return false;
}

/* For one sample a shape may be the same by chance (an Expand to the batch), so
 * another size is asked too, if the model takes one. */
int
simplify_idle(graph_t *graph, fault_t *fault)
{
    enum { MANY = 7 };
    fault_t ignored;
    value_type_t *one = shape_types_new(graph, 1, fault);
    value_type_t *many = one ? shape_types_new(graph, MANY, &ignored) : NULL;
    int result = one ? 0 : -1;
    for (size_t n = 0; result == 0 && n < graph->nodes_count; n++) {
        const node_t *node = &graph->nodes[n];
        if (!s_is_idle(node, one) || (many && !s_is_idle(node, many)))
            continue;
        int x = node->inputs[0];
        result = graph_rewrite_node(graph, (int)n, "Identity", &x, 1, fault);
    }
    free(one);
    free(many);
    return result;
}
