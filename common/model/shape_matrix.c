/* Shapes of matrix products. */
#include "common/model/shape_ops.h"

/* a against b, aligned at the last axis; false where they do not fit. */
bool
shape_broadcast(const shape_t *a, const shape_t *b, shape_t *result)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    result->rank = rank;
    for (int i = 0; i < rank; i++) {
        int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dims[ia];
        int64_t db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1)
            return false;
        result->dims[i] = da == 1 ? db : da;
    }
    return true;
}

int
shape_gemm(const shaping_t *self)
{
    char as[128], bs[128];
    if (shaping_arity(self, 2, 3) != 0 || shaping_floats(self, 3) != 0)
        return -1;
    const value_type_t *a = shaping_input(self, 0);
    const value_type_t *b = shaping_input(self, 1);
    const value_type_t *c = shaping_input(self, 2);
    shape_text(&a->shape, as, sizeof as);
    shape_text(&b->shape, bs, sizeof bs);
    if (a->shape.rank != 2 || b->shape.rank != 2)
        return shaping_fault(self, "%s times %s is no product of matrices", as,
                             bs);
    int ta = node_int(self->node, "transA", 0) != 0;
    int tb = node_int(self->node, "transB", 0) != 0;
    if (a->shape.dims[!ta] != b->shape.dims[tb])
        return shaping_fault(self, "%s%s times %s%s does not fit", as,
                             ta ? " transposed" : "", bs,
                             tb ? " transposed" : "");
    shape_t shape = {.rank = 2,
                     .dims = {a->shape.dims[ta], b->shape.dims[!tb]}};
    shape_t sum;
    if (c && (!shape_broadcast(&c->shape, &shape, &sum) ||
              !shape_equal(&sum, &shape)))
        return shaping_fault(self, "a bias %s for a product %s",
                             shape_text(&c->shape, as, sizeof as),
                             shape_text(&shape, bs, sizeof bs));
    return shaping_output(self, a->dtype, &shape);
}

int
shape_matmul(const shaping_t *self)
{
    char as[128], bs[128];
    if (shaping_arity(self, 2, 2) != 0 || shaping_floats(self, 2) != 0)
        return -1;
    const value_type_t *a = shaping_input(self, 0);
    const value_type_t *b = shaping_input(self, 1);
    shape_text(&a->shape, as, sizeof as);
    shape_text(&b->shape, bs, sizeof bs);
    int ra = a->shape.rank, rb = b->shape.rank;
    if (ra < 1 || rb < 1)
        return shaping_fault(self, "%s times %s", as, bs);
    /* A vector is a row on the left, a column on the right. */
    shape_t left = a->shape, right = b->shape;
    if (ra == 1)
        left = (shape_t){2, {1, a->shape.dims[0]}};
    if (rb == 1)
        right = (shape_t){2, {b->shape.dims[0], 1}};
    int64_t rows = left.dims[left.rank - 2];
    int64_t columns = right.dims[right.rank - 1];
    if (left.dims[left.rank - 1] != right.dims[right.rank - 2])
        return shaping_fault(self, "%s times %s does not fit", as, bs);
    left.rank -= 2;
    right.rank -= 2;
    shape_t shape;
    if (!shape_broadcast(&left, &right, &shape))
        return shaping_fault(self, "%s times %s does not fit", as, bs);
    if (ra > 1)
        shape.dims[shape.rank++] = rows;
    if (rb > 1)
        shape.dims[shape.rank++] = columns;
    return shaping_output(self, a->dtype, &shape);
}

double
flop_gemm(const shaping_t *self)
{
    const shape_t *a = &shaping_input(self, 0)->shape;
    int ta = node_int(self->node, "transA", 0) != 0;
    return 2 *
           (double)shape_elements(&self->types[self->node->outputs[0]].shape) *
           (double)a->dims[!ta];
}

double
flop_matmul(const shaping_t *self)
{
    const shape_t *a = &shaping_input(self, 0)->shape;
    return 2 *
           (double)shape_elements(&self->types[self->node->outputs[0]].shape) *
           (double)a->dims[a->rank - 1];
}

/* Samples may lie along the rows of the product, or its columns. */
bool
mixes_gemm(const shaping_t *self)
{
    int a = shaping_sample_axis(self, 0), b = shaping_sample_axis(self, 1);
    int inner_a = node_int(self->node, "transA", 0) != 0 ? 0 : 1;
    int inner_b = node_int(self->node, "transB", 0) != 0 ? 1 : 0;
    return a == inner_a || b == inner_b;
}

/* What is summed over is the last axis on the left, the last but one (or the
 * only one) on the right. */
bool
mixes_matmul(const shaping_t *self)
{
    int left = shaping_input(self, 0)->shape.rank - 1;
    int rank = shaping_input(self, 1)->shape.rank;
    return shaping_sample_axis(self, 0) == left ||
           shaping_sample_axis(self, 1) == (rank > 1 ? rank - 2 : 0);
}
