/* Shapes of Resize. */
#include "common/model/eval_numbers.h"
#include "common/model/resizing.h"
#include "common/model/shape_ops.h"

/* The numbers of a floating-point input that does not change from job to job;
 * how many, 0 where it is absent, -1 with a fault. */
static int
s_floats(const shaping_t *self, int index, float *values, int max)
{
    const value_type_t *input = shaping_input(self, index);
    int64_t count = input ? shape_elements(&input->shape) : 0;
    if (count == 0)
        return 0;
    int value = self->node->inputs[index];
    if (numbers_are_whole(input->dtype) || count > max)
        return shaping_fault(self,
                             "its input %d is not a list of at most %d "
                             "floating-point numbers",
                             index, max);
    if (input->known)
        tensor_convert(DTYPE_FLOAT32, values, input->dtype, input->elements,
                       (size_t)count);
    else if (!self->graph->values[value].constant)
        return shaping_fault(self,
                             "its input %d is computed while the model "
                             "runs",
                             index);
    else if (graph_read_constant(self->graph, value, DTYPE_FLOAT32, values,
                                 self->fault) != 0)
        return -1;
    return (int)count;
}

static int
s_resizing(const shaping_t *self, resizing_t *resizing)
{
    float region[2 * TENSOR_RANK_MAX], scales[TENSOR_RANK_MAX];
    int64_t sizes[TENSOR_RANK_MAX];
    resizing_lists_t lists = {
        .region_count = s_floats(self, 1, region, 2 * TENSOR_RANK_MAX),
        .scales_count = s_floats(self, 2, scales, TENSOR_RANK_MAX),
    };
    if (shaping_input(self, 3))
        lists.sizes_count = shaping_constant(self, 3, sizes, TENSOR_RANK_MAX);
    if (lists.region_count < 0 || lists.scales_count < 0 ||
        lists.sizes_count < 0)
        return -1;
    lists.region = lists.region_count ? region : NULL;
    lists.scales = lists.scales_count ? scales : NULL;
    lists.sizes = lists.sizes_count ? sizes : NULL;
    const char *why = resizing_resolve(resizing, self->node,
                                       &shaping_input(self, 0)->shape, &lists);
    return why ? shaping_fault(self, "%s", why) : 0;
}

int
shape_resize(const shaping_t *self)
{
    resizing_t resizing;
    if (shaping_arity(self, 1, 4) != 0 || s_resizing(self, &resizing) != 0 ||
        (resizing.taps > 1 && shaping_floats(self, 1) != 0))
        return -1;
    return shaping_give(self, 0, shaping_input(self, 0)->dtype,
                        &resizing.shape);
}

bool
mixes_resize(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    resizing_t resizing;
    return samples != SAMPLE_NOWHERE &&
           (s_resizing(self, &resizing) != 0 ||
            !resizing_is_still(&resizing, samples));
}

/* A product and a sum for each place that an element is made of. */
double
flop_resize(const shaping_t *self)
{
    resizing_t resizing;
    if (s_resizing(self, &resizing) != 0)
        return 0.0;
    double places = 1.0;
    for (int i = 0; i < resizing.shape.rank; i++)
        places *= resizing_is_still(&resizing, i) ? 1 : resizing.taps;
    return 2.0 * places * (double)shape_elements(&resizing.shape);
}
