/* Walking over elements whose sources lie elsewhere. */
#include "common/model/walk.h"

#include <assert.h>
#include <string.h>

void
shape_strides(const shape_t *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}

walk_t
walk_over(const shape_t *shape)
{
    walk_t walk = {.rank = shape->rank};
    memcpy(walk.dims, shape->dims, sizeof shape->dims);
    if (walk.rank == 0)
        walk.dims[walk.rank++] = 1;
    walk.last = walk.rank - 1;
    return walk;
}

void
walk_add_axis(walk_t *self, int64_t dim, int64_t stride)
{
    assert(self->rank < WALK_RANK_MAX);
    self->sources = 1;
    self->last = self->rank;
    self->dims[self->rank] = dim;
    self->strides[0][self->rank++] = stride;
}

void
walk_add_broadcast(walk_t *self, const shape_t *shape)
{
    int64_t strides[TENSOR_RANK_MAX];
    int source = self->sources++, skipped = self->rank - shape->rank;
    assert(source < WALK_SOURCES_MAX);
    assert(skipped >= 0);
    shape_strides(shape, strides);
    for (int i = 0; i < shape->rank; i++)
        self->strides[source][skipped + i] =
            shape->dims[i] == 1 ? 0 : strides[i];
}

bool
walk_start(walk_t *self)
{
    memset(self->index, 0, sizeof self->index);
    for (int i = 0; i < self->rank; i++)
        if (self->dims[i] == 0)
            return false;
    return true;
}

bool
walk_next(walk_t *self)
{
    for (int axis = self->last - 1; axis >= 0; axis--) {
        bool ends = ++self->index[axis] == self->dims[axis];
        int64_t steps = ends ? 1 - self->dims[axis] : 1;
        for (int s = 0; s < self->sources; s++)
            self->at[s] += steps * self->strides[s][axis];
        if (!ends)
            return true;
        self->index[axis] = 0;
    }
    return false;
}

void
walk_simplify(walk_t *self)
{
    int64_t *dims = self->dims, *strides = self->strides[0];
    int rank = 0;
    assert(self->sources == 1);
    for (int i = 0; i < self->rank; i++) {
        if (dims[i] == 1)
            continue;
        if (rank > 0 && strides[rank - 1] == strides[i] * dims[i]) {
            dims[rank - 1] *= dims[i];
            strides[rank - 1] = strides[i];
        } else {
            dims[rank] = dims[i];
            strides[rank++] = strides[i];
        }
    }
    if (rank == 0) { /* a single element */
        dims[0] = 1;
        strides[rank++] = 1;
    }
    self->rank = rank;
    self->last = rank - 1;
}

/* count elements of one size; memcpy of a constant size is one move. */
#define COPY_ROW(bytes)                                                        \
    for (int64_t i = 0; i < count; i++, to += (bytes), from += step)           \
    memcpy(to, from, (bytes))

static void
s_copy_row(char *to, const char *from, int64_t count, int64_t stride,
           size_t size)
{
    int64_t step = stride * (int64_t)size;
    if (stride == 1) {
        memcpy(to, from, (size_t)count * size);
        return;
    }
    switch (size) {
    case 1:
        COPY_ROW(1);
        break;
    case 2:
        COPY_ROW(2);
        break;
    case 4:
        COPY_ROW(4);
        break;
    default:
        assert(size == 8);
        COPY_ROW(8);
    }
}

void
walk_copy(walk_t *self, void *to, const void *from, size_t size)
{
    char *y = to;
    assert(self->sources == 1);
    int64_t count = self->dims[self->last];
    for (bool more = walk_start(self); more; more = walk_next(self)) {
        s_copy_row(y, (const char *)from + self->at[0] * (int64_t)size, count,
                   self->strides[0][self->last], size);
        y += (size_t)count * size;
    }
}
