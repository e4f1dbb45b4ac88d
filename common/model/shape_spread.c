/* Shapes of what repeats elements or trades axes: Expand, Tile, Pad,
 * DepthToSpace, SpaceToDepth. */
#include "common/model/padding.h"
#include "common/model/shape_ops.h"

#include <string.h>

int
shape_expand(const shaping_t *self)
{
    char text[128], other[128];
    shape_t wanted, shape;
    if (shaping_arity(self, 2, 2) != 0 || shaping_dims(self, 1, &wanted) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    if (!shape_broadcast(&x->shape, &wanted, &shape))
        return shaping_fault(self, "%s does not expand to %s",
                             shape_text(&x->shape, text, sizeof text),
                             shape_text(&wanted, other, sizeof other));
    return shaping_give(self, 0, x->dtype, &shape);
}

/* --- Tile -----------------------------------------------------------------
 */

int
shape_tile(const shaping_t *self)
{
    shape_t repeats;
    if (shaping_arity(self, 2, 2) != 0 || shaping_dims(self, 1, &repeats) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    shape_t shape = x->shape;
    if (repeats.rank != shape.rank)
        return shaping_fault(self, "%d repeats for a tensor of rank %d",
                             repeats.rank, shape.rank);
    for (int i = 0; i < shape.rank; i++)
        if (__builtin_mul_overflow(shape.dims[i], repeats.dims[i],
                                   &shape.dims[i]))
            return shaping_fault(self, "its output is too large");
    return shaping_give(self, 0, x->dtype, &shape);
}

/* A repeated batch is another one. */
bool
mixes_tile(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    shape_t repeats;
    return samples != SAMPLE_NOWHERE &&
           (shaping_dims(self, 1, &repeats) != 0 || repeats.dims[samples] != 1);
}

/* --- Pad ------------------------------------------------------------------
 */

static int
s_padding(const shaping_t *self, padding_t *padding)
{
    int64_t pads[2 * TENSOR_RANK_MAX], axes[TENSOR_RANK_MAX];
    bool some = shaping_input(self, 3) != NULL;
    int count = shaping_constant(self, 1, pads, 2 * TENSOR_RANK_MAX);
    int named = some ? shaping_constant(self, 3, axes, TENSOR_RANK_MAX) : 0;
    if (count < 0 || named < 0)
        return -1;
    if (count % 2 != 0 || (some && named != count / 2))
        return shaping_fault(self, "%d pads for %d axes", count,
                             some ? named : shaping_input(self, 0)->shape.rank);
    const char *why =
        padding_resolve(padding, self->node, &shaping_input(self, 0)->shape,
                        pads, count / 2, some ? axes : NULL);
    return why ? shaping_fault(self, "%s", why) : 0;
}

int
shape_pad(const shaping_t *self)
{
    padding_t padding;
    if (shaping_arity(self, 2, 4) != 0 || s_padding(self, &padding) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const value_type_t *constant = shaping_input(self, 2);
    if (constant &&
        (constant->dtype != x->dtype || shape_elements(&constant->shape) != 1))
        return shaping_fault(self, "its constant is not a single %s",
                             dtype_name(x->dtype));
    return shaping_give(self, 0, x->dtype, &padding.shape);
}

bool
mixes_pad(const shaping_t *self)
{
    int samples = shaping_sample_axis(self, 0);
    padding_t padding;
    if (samples == SAMPLE_NOWHERE)
        return false;
    int64_t dim = shaping_input(self, 0)->shape.dims[samples];
    return s_padding(self, &padding) != 0 || padding.kept[samples] != dim ||
           padding.shape.dims[samples] != dim;
}

/* --- DepthToSpace, SpaceToDepth -------------------------------------------
 */

/* An image and the size of its blocks. */
static int
s_blocks(const shaping_t *self, int64_t *block)
{
    *block = node_int(self->node, "blocksize", 0);
    if (shaping_arity(self, 1, 1) != 0)
        return -1;
    if (shaping_input(self, 0)->shape.rank != 4)
        return shaping_fault(self, "its input has %d axes, not 4",
                             shaping_input(self, 0)->shape.rank);
    if (*block < 1 || *block > SHAPING_EXTENT_MAX)
        return shaping_fault(self, "blocksize is %lld", (long long)*block);
    return 0;
}

int
shape_depth_to_space(const shaping_t *self)
{
    int64_t block;
    if (s_blocks(self, &block) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    const char *mode = node_text(self->node, "mode", "DCR");
    shape_t shape = x->shape;
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        return shaping_fault(self, "its mode '%.20s' is not known", mode);
    if (shape.dims[1] % (block * block) != 0)
        return shaping_fault(self, "%lld channels are no blocks of %lld x %lld",
                             (long long)shape.dims[1], (long long)block,
                             (long long)block);
    shape.dims[1] /= block * block;
    shape.dims[2] *= block;
    shape.dims[3] *= block;
    return shaping_give(self, 0, x->dtype, &shape);
}

int
shape_space_to_depth(const shaping_t *self)
{
    int64_t block;
    if (s_blocks(self, &block) != 0)
        return -1;
    const value_type_t *x = shaping_input(self, 0);
    shape_t shape = x->shape;
    if (shape.dims[2] % block != 0 || shape.dims[3] % block != 0)
        return shaping_fault(self, "%lld x %lld are no blocks of %lld x %lld",
                             (long long)shape.dims[2], (long long)shape.dims[3],
                             (long long)block, (long long)block);
    if (__builtin_mul_overflow(shape.dims[1], block * block, &shape.dims[1]))
        return shaping_fault(self, "its output is too large");
    shape.dims[2] /= block;
    shape.dims[3] /= block;
    return shaping_give(self, 0, x->dtype, &shape);
}
