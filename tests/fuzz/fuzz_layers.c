/* Any text as a layer list over a few weights: a graph or one sentence. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/layers.h"
#include "common/model/shape.h"

/* libconfig 1.5 forgets a string it was reading when it meets a syntax error.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
s_add(weights_t *weights, const char *name, const shape_t *shape)
{
    fault_t fault;
    size_t bytes = tensor_bytes(DTYPE_FLOAT32, shape, 0);
    blob_t *blob = blob_take(calloc(1, bytes), bytes, &fault);
    int added = weights_add(weights, name, strlen(name), DTYPE_FLOAT32, shape,
                            blob, &fault);
    assert(added == 0);
    blob_release(&blob);
}

/* One of each kind: c a convolution, t a transposed one, n and p norms of 4 and
 * 2 channels, l a linear layer. */
static weights_t *
s_weights(void)
{
    fault_t fault;
    weights_t *weights = weights_new(NULL, NULL, &fault);
    s_add(weights, "c.weight", &(shape_t){4, {4, 2, 3, 3}});
    s_add(weights, "c.bias", &(shape_t){1, {4}});
    s_add(weights, "n.weight", &(shape_t){1, {4}});
    s_add(weights, "n.bias", &(shape_t){1, {4}});
    s_add(weights, "n.running_mean", &(shape_t){1, {4}});
    s_add(weights, "n.running_var", &(shape_t){1, {4}});
    s_add(weights, "p.weight", &(shape_t){1, {2}});
    s_add(weights, "p.bias", &(shape_t){1, {2}});
    s_add(weights, "t.weight", &(shape_t){4, {2, 4, 2, 2}});
    s_add(weights, "l.weight", &(shape_t){2, {3, 6}});
    int sealed = weights_seal(weights, &fault);
    assert(sealed == 0);
    return weights;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fault_t fault = {0};
    const layers_options_t options = {.name = "fuzz",
                                      .weights = "fuzz.pth",
                                      .input = {3, {2, 6, 6}},
                                      .ignore_unused = true};
    settings_t *settings =
        settings_parse((const char *)bytes, size, "fuzz.cfg", &fault);
    const setting_t *list =
        settings ? setting_find(settings_root(settings), "layers") : NULL;
    if (list) {
        int parts;
        weights_t *weights = s_weights();
        graph_t *graph = layers_read(list, weights, &options, &parts, &fault);
        assert(graph || strlen(fault.text) > 0);
        /* What was accepted is a valid graph for one sample. */
        value_type_t *types = graph ? shape_types_new(graph, 1, &fault) : NULL;
        assert(types || !graph);
        free(types);
        graph_destroy(&graph);
        weights_destroy(&weights);
    }
    settings_destroy(&settings);
    return 0;
}
