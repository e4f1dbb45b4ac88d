/* Which way a convolution is computed: a model of the time each takes. */
#include "worker/engine/conv_rule.h"

#include <stdbool.h>
#include <stdint.h>

/* As bench/calibrate found them. Machines differ more in how much they multiply
 * than in what memory gives, so it is the lanes that the rule asks for. */
static const double direct_multiplications = 5; /* of a lane, a nanosecond */
static const double point_multiplications = 6.25;
static const double weight_ns = 0.3; /* a weight's way from memory */
static const double pixel_ns = 0.65; /* to transform, a channel */
static const double plane_ns = 270;  /* and more for each channel */

/* The budget: how many times what a layer's tensors hold its weights may grow
 * by. Where images are small, weights are what a network's memory is; F(2) at
 * least never doubles them. */
static const double growth_max[] = {[2] = 10, [4] = 5};

enum { TAPS = 9 };

static bool
s_is_3x3(const window_t *w)
{
    return w->kernel_y == 3 && w->kernel_x == 3 && w->stride_y == 1 &&
           w->stride_x == 1 && w->dilation_y == 1 && w->dilation_x == 1;
}

static double
s_pairs(const conv_shape_t *shape)
{
    return (double)shape->channels_in * shape->channels_out;
}

static double
s_pixels(const conv_shape_t *shape)
{
    return (double)shape->window.out_height * shape->window.out_width;
}

static double
s_direct_ns(const conv_shape_t *shape, int lanes)
{
    double multiply_ns = s_pixels(shape) / (lanes * direct_multiplications);
    return s_pairs(shape) * TAPS * (multiply_ns + weight_ns);
}

/* Weights are fetched while others are multiplied. */
static double
s_winograd_ns(const conv_shape_t *shape, int lanes, int tile)
{
    const window_t *w = &shape->window;
    int tiles_y = (w->out_height + tile - 1) / tile;
    int tiles_x = (w->out_width + tile - 1) / tile;
    double vectors = (double)(((int64_t)tiles_y * tiles_x + lanes - 1) / lanes);
    double multiply_ns = vectors / point_multiplications;
    double channels = (double)shape->channels_in + shape->channels_out;
    return s_pairs(shape) * (tile + 2) * (tile + 2) *
               (multiply_ns > weight_ns ? multiply_ns : weight_ns) +
           channels * (s_pixels(shape) * pixel_ns + plane_ns);
}

static bool
s_is_affordable(const conv_shape_t *shape, int tile)
{
    double channels = (double)shape->channels_in + shape->channels_out;
    double growth = s_pairs(shape) * ((tile + 2) * (tile + 2) - TAPS);
    return growth <= growth_max[tile] * channels * s_pixels(shape);
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
        if (ns < best_ns && s_is_affordable(shape, tile)) {
            best = tile;
            best_ns = ns;
        }
    }
    return best;
}
