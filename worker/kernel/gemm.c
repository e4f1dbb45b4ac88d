/* Matrix products on BLIS's micro-kernel: packing, tiles, blocks.
 *
 * BLIS's kernels write rows or columns of C well; where they prefer columns
 * the two operands change places, so that C's contiguous axis is always the
 * one the kernel likes.
 */
#include "worker/kernel/gemm.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blis.h>

enum { ALIGNMENT_FLOATS = 16, ROWS_BLOCK = 144, STEP_MULTIPLE = 4 };

/* BLIS knows CPUs by their model numbers and takes a virtual machine's or a
 * newer one's for an older: its micro-kernel is chosen by our level. */
#if defined(__AVX512F__)
enum { ARCHITECTURE = BLIS_ARCH_SKX };
#elif defined(__AVX2__)
enum { ARCHITECTURE = BLIS_ARCH_HASWELL };
#elif defined(__aarch64__)
enum { ARCHITECTURE = BLIS_ARCH_CORTEXA57 };
#else
enum { ARCHITECTURE = BLIS_ARCH_GENERIC };
#endif

typedef struct micro {
    sgemm_ukr_ft kernel;
    cntx_t *context;
    bool swapped; /* our rows are BLIS's columns */
    gemm_side_t rows;
    gemm_side_t columns;
    char name[64];
} micro_t;

static micro_t s_micro;

static gemm_side_t
s_side(bszid_t id, cntx_t *context)
{
    return (gemm_side_t){
        .width = (int)bli_cntx_get_blksz_def_dt(BLIS_FLOAT, id, context),
        .stride = (int)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, id, context)};
}

void
gemm_init(void)
{
    char architecture[16];
    snprintf(architecture, sizeof architecture, "%d", ARCHITECTURE);
    setenv("BLIS_ARCH_TYPE", architecture, 0);
    bli_init();
    cntx_t *context = bli_gks_query_cntx();
    gemm_side_t m = s_side(BLIS_MR, context);
    gemm_side_t n = s_side(BLIS_NR, context);
    bool by_rows =
        bli_cntx_l3_nat_ukr_prefers_rows_dt(BLIS_FLOAT, BLIS_GEMM_UKR, context);

    s_micro.kernel = (sgemm_ukr_ft)bli_cntx_get_l3_nat_ukr_dt(
        BLIS_FLOAT, BLIS_GEMM_UKR, context);
    s_micro.context = context;
    s_micro.swapped = !by_rows;
    s_micro.rows = by_rows ? m : n;
    s_micro.columns = by_rows ? n : m;
    assert(s_micro.rows.stride <= GEMM_WIDTH_MAX);
    assert(s_micro.columns.stride <= GEMM_WIDTH_MAX);
    snprintf(s_micro.name, sizeof s_micro.name, "%s-%dx%d",
             bli_arch_string(bli_arch_query_id()), m.width, n.width);
}

const gemm_side_t *
gemm_rows(void)
{
    return &s_micro.rows;
}

const gemm_side_t *
gemm_columns(void)
{
    return &s_micro.columns;
}

const char *
gemm_name(void)
{
    return s_micro.name;
}

size_t
gemm_panels(const gemm_side_t *side, size_t count)
{
    return (count + (size_t)side->width - 1) / (size_t)side->width;
}

size_t
gemm_panel_floats(const gemm_side_t *side, size_t depth)
{
    size_t floats = depth * (size_t)side->stride;
    return (floats + ALIGNMENT_FLOATS - 1) / ALIGNMENT_FLOATS *
           ALIGNMENT_FLOATS;
}

size_t
gemm_step(size_t depth)
{
    size_t blocks = (depth + GEMM_DEPTH - 1) / GEMM_DEPTH;
    size_t step = blocks ? (depth + blocks - 1) / blocks : 1;
    return (step + STEP_MULTIPLE - 1) / STEP_MULTIPLE * STEP_MULTIPLE;
}

size_t
gemm_packed_floats(const gemm_side_t *side, size_t count, size_t depth)
{
    size_t step = gemm_step(depth);
    return gemm_panels(side, count) *
               (depth / step * gemm_panel_floats(side, step) +
                gemm_panel_floats(side, depth % step)) +
           GEMM_SLACK;
}

size_t
gemm_block_offset(const gemm_side_t *side, size_t count, size_t depth,
                  size_t first)
{
    size_t step = gemm_step(depth);
    return first / step * gemm_panels(side, count) *
           gemm_panel_floats(side, step);
}

/* Constant sizes become two or four vector moves. */
static void
s_copy(float *to, const float *from, size_t count)
{
    if (count == 16)
        memcpy(to, from, 16 * sizeof *to);
    else
        memcpy(to, from, count * sizeof *to);
}

void
gemm_pack_block(const gemm_side_t *side, const float *matrix,
                size_t item_stride, size_t depth_stride, size_t count,
                size_t depth, float *panels)
{
    size_t width = (size_t)side->width, stride = (size_t)side->stride;
    for (size_t first = 0; first < count; first += width) {
        size_t used = count - first < width ? count - first : width;
        const float *from = matrix + first * item_stride;
        if (used < stride)
            memset(panels, 0, depth * stride * sizeof *panels);
        if (item_stride == 1) {
            for (size_t k = 0; k < depth; k++)
                s_copy(panels + k * stride, from + k * depth_stride, used);
        } else {
            for (size_t i = 0; i < used; i++)
                for (size_t k = 0; k < depth; k++)
                    panels[k * stride + i] =
                        from[i * item_stride + k * depth_stride];
        }
        panels += gemm_panel_floats(side, depth);
    }
}

void
gemm_pack_items(const gemm_side_t *side, const float *matrix,
                size_t item_stride, size_t depth_stride, size_t first,
                size_t some, size_t count, size_t depth, float *packed)
{
    size_t step = gemm_step(depth);
    for (size_t k = 0; k < depth; k += step) {
        size_t steps = depth - k < step ? depth - k : step;
        float *block = packed + gemm_block_offset(side, count, depth, k);
        gemm_pack_block(side, matrix + k * depth_stride, item_stride,
                        depth_stride, some, steps,
                        block + first / (size_t)side->width *
                                    gemm_panel_floats(side, steps));
    }
}

void
gemm_pack(const gemm_side_t *side, const float *matrix, size_t item_stride,
          size_t depth_stride, size_t count, size_t depth, float *packed)
{
    gemm_pack_items(side, matrix, item_stride, depth_stride, 0, count, count,
                    depth, packed);
}

static void
s_full_tile(const micro_t *micro, size_t depth, const float *a, const float *b,
            float *c, size_t c_stride, bool add)
{
    /* BLIS does not write to panels, its prototypes only do not say so. */
    float *rows = (float *)(uintptr_t)a, *columns = (float *)(uintptr_t)b;
    float one = 1.0f, beta = add ? 1.0f : 0.0f;
    auxinfo_t next = {0};
    bli_auxinfo_set_next_a(micro->swapped ? columns : rows, &next);
    bli_auxinfo_set_next_b(micro->swapped ? rows : columns, &next);
    if (micro->swapped)
        micro->kernel(micro->columns.width, micro->rows.width, (dim_t)depth,
                      &one, columns, rows, &beta, c, 1, (inc_t)c_stride, &next,
                      micro->context);
    else
        micro->kernel(micro->rows.width, micro->columns.width, (dim_t)depth,
                      &one, rows, columns, &beta, c, (inc_t)c_stride, 1, &next,
                      micro->context);
}

void
gemm_tile(size_t depth, const float *a, const float *b, float *c,
          size_t c_stride, size_t rows, size_t columns, bool add)
{
    const micro_t *micro = &s_micro;
    size_t height = (size_t)micro->rows.width;
    size_t width = (size_t)micro->columns.width;
    if (rows == height && columns == width) {
        s_full_tile(micro, depth, a, b, c, c_stride, add);
        return;
    }

    /* The kernel's own code for edges might round differently. */
    _Alignas(64) float edge[GEMM_WIDTH_MAX * GEMM_WIDTH_MAX];
    if (add) {
        memset(edge, 0, height * width * sizeof *edge);
        for (size_t i = 0; i < rows; i++)
            memcpy(edge + i * width, c + i * c_stride, columns * sizeof *edge);
    }
    s_full_tile(micro, depth, a, b, edge, width, add);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * c_stride, edge + i * width, columns * sizeof *edge);
}

void
gemm_block(size_t depth, const float *a, const float *b, float *c,
           size_t c_stride, size_t rows, size_t columns, bool add)
{
    const micro_t *micro = &s_micro;
    size_t height = (size_t)micro->rows.width;
    size_t width = (size_t)micro->columns.width;
    size_t a_panel = gemm_panel_floats(&micro->rows, depth);
    size_t b_panel = gemm_panel_floats(&micro->columns, depth);
    size_t rows_block = ROWS_BLOCK / height * height;

    /* A block of A's panels stays in the second-level cache while one panel
     * of B after the other sits in the first. */
    for (size_t top = 0; top < rows; top += rows_block)
        for (size_t j = 0; j < columns; j += width)
            for (size_t i = top; i < rows && i < top + rows_block; i += height)
                gemm_tile(depth, a + i / height * a_panel,
                          b + j / width * b_panel, c + i * c_stride + j,
                          c_stride, rows - i < height ? rows - i : height,
                          columns - j < width ? columns - j : width, add);
}
