/* Whether a batch is so many samples: where they lie in each tensor, and that
 * no node mixes them.
 *
 * Shapes for two odd batch sizes tell along which axis a tensor grows, and that
 * for one sample, which the engine is built for, it is the same tensor. Within
 * that axis the samples may be apart: [L, N, C] reshaped to [L * N, C] has L
 * blocks of them. A reshape keeps the order of elements, so it is the number
 * of blocks in front of the samples that it hands on.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/shape.h"
#include "common/model/shape_ops.h"

/* Two odd sizes that no network has as another dimension of its own. */
enum { ONE = 3, OTHER = 7 };

typedef struct samples {
    const graph_t *graph;
    const value_type_t *single, *one, *other;
    sample_place_t *places;
} samples_t;

/* The axis that grew with the batch; false where shapes differ otherwise. */
static bool
s_axis(const samples_t *self, int value, int *axis)
{
    const shape_t *single = &self->single[value].shape;
    const shape_t *one = &self->one[value].shape;
    const shape_t *other = &self->other[value].shape;
    *axis = SAMPLE_NOWHERE;
    if (one->rank != other->rank || one->rank != single->rank)
        return false;
    for (int i = 0; i < one->rank; i++) {
        if (one->dims[i] == other->dims[i] && one->dims[i] == single->dims[i])
            continue;
        if (*axis != SAMPLE_NOWHERE || one->dims[i] != single->dims[i] * ONE ||
            other->dims[i] != single->dims[i] * OTHER)
            return false;
        *axis = i;
    }
    return true;
}

static int64_t
s_before(const shape_t *shape, int axis)
{
    int64_t product = 1;
    for (int i = 0; i < axis; i++)
        product *= shape->dims[i];
    return product;
}

static bool
s_keeps_order(const char *op)
{
    return strcmp(op, "Reshape") == 0 || strcmp(op, "Flatten") == 0 ||
           strcmp(op, "Squeeze") == 0 || strcmp(op, "Unsqueeze") == 0;
}

/* The blocks of samples along the axis of an output. */
static bool
s_inner(const samples_t *self, const node_t *node, int output, int64_t *inner)
{
    *inner = 0;
    for (int i = 0; i < node->inputs_count; i++) {
        int input = node->inputs[i];
        if (input == GRAPH_NONE || self->places[input].axis == SAMPLE_NOWHERE)
            continue;
        if (*inner != 0 && *inner != self->places[input].inner)
            return false;
        *inner = self->places[input].inner;
    }
    if (*inner == 0)
        *inner = 1; /* made here, as by Expand */
    if (!s_keeps_order(node->op) || node->inputs[0] == GRAPH_NONE)
        return true;
    int input = node->inputs[0];
    int axis = self->places[input].axis;
    int64_t blocks = *inner * s_before(&self->other[input].shape,
                                       axis == SAMPLE_NOWHERE ? 0 : axis);
    const shape_t *shape = &self->other[output].shape;
    int64_t before = s_before(shape, self->places[output].axis);
    int64_t own = shape->dims[self->places[output].axis] / OTHER;
    if (before == 0 || blocks % before != 0)
        return false;
    *inner = blocks / before;
    return *inner > 0 && own % *inner == 0;
}

static bool
s_is_same(const value_type_t *a, const value_type_t *b)
{
    return a->known && b->known && shape_equal(&a->shape, &b->shape) &&
           memcmp(a->elements, b->elements,
                  tensor_bytes(a->dtype, &a->shape, 0)) == 0;
}

/* What is known may differ with the batch where it is a shape. */
static bool
s_known_fits(const samples_t *self, const node_t *node, unsigned shapes)
{
    bool all_known = true;
    for (int i = 0; i < node->outputs_count; i++)
        all_known &= node->outputs[i] == GRAPH_NONE ||
                     self->other[node->outputs[i]].known;
    for (int i = 0; i < node->inputs_count; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        const value_type_t *other = &self->other[node->inputs[i]];
        if (!other->known)
            continue;
        bool same = s_is_same(&self->one[node->inputs[i]], other) &&
                    s_is_same(&self->single[node->inputs[i]], other);
        if (!same && !all_known && (i >= 32 || !(shapes >> i & 1)))
            return false;
    }
    return true;
}

static bool
s_pass_node(const samples_t *self, const node_t *node)
{
    const shape_row_t *row = shape_row(node->op);
    const shaping_t shaping = {.graph = self->graph,
                               .node = node,
                               .types = (value_type_t *)self->other,
                               .places = self->places};
    bool grows = false;
    for (int i = 0; i < node->inputs_count; i++)
        grows |= node->inputs[i] != GRAPH_NONE &&
                 self->places[node->inputs[i]].axis != SAMPLE_NOWHERE;
    if (!s_known_fits(self, node, row->shapes) ||
        (grows && row->mixes && row->mixes(&shaping)))
        return false;
    for (int i = 0; i < node->outputs_count; i++) {
        int output = node->outputs[i];
        if (output == GRAPH_NONE)
            continue;
        sample_place_t *place = &self->places[output];
        if (!s_axis(self, output, &place->axis))
            return false;
        bool known = self->other[output].known;
        if (grows && !known && place->axis == SAMPLE_NOWHERE)
            return false;
        if (place->axis != SAMPLE_NOWHERE &&
            (known || !s_inner(self, node, output, &place->inner)))
            return false;
    }
    return true;
}

static bool
s_is_batch(const samples_t *self, int value)
{
    return self->places[value].axis == 0 && self->places[value].inner == 1 &&
           self->other[value].shape.dims[0] == OTHER;
}

static bool
s_stacks(const samples_t *self)
{
    const graph_t *graph = self->graph;
    for (size_t v = 0; v < graph->values_count; v++)
        self->places[v] = (sample_place_t){SAMPLE_NOWHERE, 0};
    for (int i = 0; i < graph->inputs_count; i++)
        self->places[graph->inputs[i]] = (sample_place_t){0, 1};
    for (size_t n = 0; n < graph->nodes_count; n++)
        if (!graph->nodes[n].removed && !s_pass_node(self, &graph->nodes[n]))
            return false;
    for (int i = 0; i < graph->outputs_count; i++)
        if (!s_is_batch(self, graph->outputs[i]))
            return false;
    return true;
}

static bool
s_inputs_are_batches(const graph_t *graph)
{
    for (int i = 0; i < graph->inputs_count; i++) {
        const shape_t *shape = &graph->values[graph->inputs[i]].shape;
        if (shape->rank == 0 || shape->dims[0] != DIM_BATCH)
            return false;
    }
    return true;
}

bool
shape_fixes_batch(const graph_t *graph)
{
    for (int i = 0; i < graph->inputs_count; i++) {
        const shape_t *shape = &graph->values[graph->inputs[i]].shape;
        if (shape->rank == 0 || shape->dims[0] != 1)
            return false;
    }
    return graph->inputs_count > 0;
}

int
shape_batchable(const graph_t *graph, bool *batchable, fault_t *fault)
{
    *batchable = false;
    value_type_t *single = shape_types_new(graph, 1, fault);
    sample_place_t *places =
        mem_new(graph->values_count, sizeof *places, fault);
    int result = single && places ? 0 : -1;
    if (result == 0 && s_inputs_are_batches(graph)) {
        fault_t ignored;
        value_type_t *one = shape_types_new(graph, ONE, &ignored);
        value_type_t *other =
            one ? shape_types_new(graph, OTHER, &ignored) : NULL;
        const samples_t samples = {graph, single, one, other, places};
        *batchable = other && s_stacks(&samples);
        free(one);
        free(other);
    }
    free(single);
    free(places);
    return result;
}
