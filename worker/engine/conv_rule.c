/* Which way a convolution is computed: a model of the time each takes. */
#include "worker/engine/conv_rule.h"

#include <stdbool.h>

/* Nanoseconds, as bench/calibrate found them; machines differ more in how many
 * multiplications they do than in what memory gives, so it is the lanes that
 * the rule asks for. */
static const double lane_multiplications = 6.25; /* of one lane, a nanosecond */
static const double weight_ns = 0.4; /* one weight's way from memory */
static const double pixel_ns = 0.65; /* to transform, a channel */
static const double plane_ns = 270;  /* and more for each channel */

static bool
s_is_3x3(const window_t *w)
{
    return w->kernel_y == 3 && w->kernel_x == 3 && w->stride_y == 1 &&
           w->stride_x == 1 && w->dilation_y == 1 && w->dilation_x == 1;
}

/* Weights are fetched while others are multiplied. */
static double
s_products_ns(const conv_shape_t *shape, int lanes, double weights,
              double results)
{
    double pairs = (double)shape->channels_in * shape->channels_out;
    double multiply_ns = results / (lanes * lane_multiplications);
    return pairs * weights *
           (multiply_ns > weight_ns ? multiply_ns : weight_ns);
}

static double
s_direct_ns(const conv_shape_t *shape, int lanes)
{
    const window_t *w = &shape->window;
    return s_products_ns(shape, lanes, 9, (double)w->out_height * w->out_width);
}

static double
s_winograd_ns(const conv_shape_t *shape, int lanes, int tile)
{
    const window_t *w = &shape->window;
    int tiles_y = (w->out_height + tile - 1) / tile;
    int tiles_x = (w->out_width + tile - 1) / tile;
    int vectors = (tiles_y * tiles_x + lanes - 1) / lanes;
    double pixels = (double)w->out_height * w->out_width;
    return s_products_ns(shape, lanes, (tile + 2) * (tile + 2),
                         (double)vectors * lanes) +
           ((double)shape->channels_in + shape->channels_out) *
               (pixels * pixel_ns + plane_ns);
}

int
conv_rule_tile(const conv_shape_t *shape, int lanes)
{
    if (!s_is_3x3(&shape->window))
        return 0;
    int best = 0;
    double best_ns = s_direct_ns(shape, lanes);
    for (int tile = 2; tile <= 4; tile += 2) {
        double ns = s_winograd_ns(shape, lanes, tile);
        if (ns < best_ns) {
            best = tile;
            best_ns = ns;
        }
    }
    return best;
}
