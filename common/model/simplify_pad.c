/* A Pad with zeroes goes into the window behind it. */
#include "common/model/simplify_pad.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/model/padding.h"
#include "common/model/shape.h"

enum {
    SPATIAL_FIRST = 2,
    SPATIAL_MAX = TENSOR_RANK_MAX - SPATIAL_FIRST,
    PAD_MAX = 1 << 16, /* elements on one side */
};

/* Zeroes in front of and behind each spatial axis. */
typedef struct frame {
    int axes;
    int64_t begin[SPATIAL_MAX], end[SPATIAL_MAX];
} frame_t;

static int
s_input(const node_t *node, int index)
{
    return index < node->inputs_count ? node->inputs[index] : GRAPH_NONE;
}

/* How many whole numbers a constant has, which are read; -1: it is no list of
 * at most `most`. */
static int
s_read_list(const graph_t *graph, int value, int64_t *numbers, int most)
{
    if (value == GRAPH_NONE || !graph->values[value].constant)
        return -1;
    int64_t count = shape_elements(&graph->values[value].shape);
    if (count < 0 || count > most ||
        graph_read_constant(graph, value, DTYPE_INT64, numbers, NULL) != 0)
        return -1;
    return (int)count;
}

static bool
s_is_zero(const graph_t *graph, int value)
{
    if (value == GRAPH_NONE)
        return true;
    double number;
    return graph->values[value].constant &&
           shape_elements(&graph->values[value].shape) == 1 &&
           graph_read_constant(graph, value, DTYPE_FLOAT64, &number, NULL) ==
               0 &&
           number == 0.0;
}

/* Whether a node only puts zeroes around images. */
static bool
s_find_frame(const graph_t *graph, const node_t *node,
             const value_type_t *types, frame_t *frame)
{
    int64_t pads[2 * TENSOR_RANK_MAX], axes[TENSOR_RANK_MAX];
    padding_t padding;
    if (node->removed || strcmp(node->op, "Pad") != 0)
        return false;
    const shape_t *shape = &types[node->inputs[0]].shape;
    int count = s_read_list(graph, s_input(node, 1), pads, 2 * TENSOR_RANK_MAX);
    int chosen =
        s_input(node, 3) == GRAPH_NONE
            ? 0
            : s_read_list(graph, s_input(node, 3), axes, TENSOR_RANK_MAX);
    if (count < 0 || chosen < 0 || shape->rank <= SPATIAL_FIRST ||
        !s_is_zero(graph, s_input(node, 2)) ||
        padding_resolve(&padding, node, shape, pads, count / 2,
                        chosen ? axes : NULL) ||
        padding.mode != PADDING_CONSTANT)
        return false;
    *frame = (frame_t){.axes = shape->rank - SPATIAL_FIRST};
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i], begin = padding.begin[i];
        int64_t end = padding.shape.dims[i] - dim - begin;
        if (padding.kept[i] != dim || begin > PAD_MAX || end > PAD_MAX ||
            (i < SPATIAL_FIRST && (begin || end)))
            return false;
        if (i >= SPATIAL_FIRST) {
            frame->begin[i - SPATIAL_FIRST] = begin;
            frame->end[i - SPATIAL_FIRST] = end;
        }
    }
    return true;
}

/* Add the padding that a window has itself to a frame. */
static bool
s_add_own(const node_t *node, frame_t *frame, bool *padded)
{
    const attribute_t *own = node_attribute(node, "pads");
    const char *automatic = node_text(node, "auto_pad", "NOTSET");
    *padded = false;
    if (strcmp(automatic, "VALID") == 0)
        return true;
    if (strcmp(automatic, "NOTSET") != 0)
        return false;
    if (own && own->count != 2 * (size_t)frame->axes)
        return false;
    for (int i = 0; own && i < frame->axes; i++) {
        int64_t begin = own->ints[i], end = own->ints[frame->axes + i];
        if (begin < 0 || begin > PAD_MAX || end < 0 || end > PAD_MAX)
            return false;
        *padded = *padded || begin > 0 || end > 0;
        frame->begin[i] += begin;
        frame->end[i] += end;
    }
    return true;
}

/* An average has to count its padding, and no window may lie in it alone. */
static bool
s_is_average(const node_t *node, const frame_t *frame, bool padded)
{
    const attribute_t *kernel = node_attribute(node, "kernel_shape");
    if (strcmp(node->op, "AveragePool") != 0 ||
        node_int(node, "ceil_mode", 0) != 0 ||
        (padded && node_int(node, "count_include_pad", 0) == 0) || !kernel ||
        kernel->count != (size_t)frame->axes)
        return false;
    for (int i = 0; i < frame->axes; i++)
        if (frame->begin[i] >= kernel->ints[i] ||
            frame->end[i] >= kernel->ints[i])
            return false;
    return true;
}

static int
s_take(graph_t *graph, int pad, int reader, const frame_t *frame,
       fault_t *fault)
{
    int64_t pads[2 * SPATIAL_MAX];
    size_t axes = (size_t)frame->axes;
    memcpy(pads, frame->begin, axes * sizeof *pads);
    memcpy(pads + axes, frame->end, axes * sizeof *pads);
    graph_drop_attribute(graph, reader, "auto_pad");
    if (graph_set_ints(graph, reader, "pads", pads, 2 * axes, fault) != 0)
        return -1;
    if (strcmp(graph->nodes[reader].op, "AveragePool") == 0 &&
        graph_set_int(graph, reader, "count_include_pad", 1, fault) != 0)
        return -1;
    graph->nodes[reader].inputs[0] = graph->nodes[pad].inputs[0];
    graph_remove_node(graph, pad);
    return 0;
}

/* readers[v]: the last node whose first input is v, or GRAPH_NONE. */
static int *
s_find_readers(const graph_t *graph, fault_t *fault)
{
    int *readers = mem_new(graph->values_count, sizeof *readers, fault);
    for (size_t v = 0; readers && v < graph->values_count; v++)
        readers[v] = GRAPH_NONE;
    for (size_t n = 0; readers && n < graph->nodes_count; n++) {
        int value = s_input(&graph->nodes[n], 0);
        if (!graph->nodes[n].removed && value != GRAPH_NONE)
            readers[value] = (int)n;
    }
    return readers;
}

int
simplify_pads(graph_t *graph, fault_t *fault)
{
    value_type_t *types = shape_types_new(graph, 1, fault);
    int *uses = graph_count_uses(graph, fault);
    int *readers = s_find_readers(graph, fault);
    int result = types && uses && readers ? 0 : -1;
    for (size_t n = 0; result == 0 && n < graph->nodes_count; n++) {
        frame_t frame;
        bool padded;
        if (!s_find_frame(graph, &graph->nodes[n], types, &frame))
            continue;
        int made = graph->nodes[n].outputs[0], reader = readers[made];
        if (uses[made] != 1 || reader == GRAPH_NONE)
            continue;
        const node_t *window = &graph->nodes[reader];
        if (s_add_own(window, &frame, &padded) &&
            (strcmp(window->op, "Conv") == 0 ||
             s_is_average(window, &frame, padded)))
            result = s_take(graph, (int)n, reader, &frame, fault);
    }
    free(types);
    free(uses);
    free(readers);
    return result;
}
