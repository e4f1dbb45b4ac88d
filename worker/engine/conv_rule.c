/* Which way a convolution is computed. */
#include "worker/engine/conv_rule.h"

#include <stdbool.h>

enum { CHANNELS_MIN = 16, SIDE_MIN = 8 };

static bool
s_is_3x3(const window_t *w)
{
    return w->kernel_y == 3 && w->kernel_x == 3 && w->stride_y == 1 &&
           w->stride_x == 1 && w->dilation_y == 1 && w->dilation_x == 1;
}

int
conv_rule_tile(const conv_shape_t *shape)
{
    const window_t *w = &shape->window;
    if (!s_is_3x3(w) || shape->channels_in < CHANNELS_MIN ||
        shape->channels_out < CHANNELS_MIN || w->out_height < SIDE_MIN ||
        w->out_width < SIDE_MIN)
        return 0;
    return 4;
}
