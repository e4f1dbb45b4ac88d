/* Is the rule for 3x3 convolutions any good? Times every way to compute one,
 * over a grid of shapes, and says which is fastest and which the rule takes.
 *
 *   calibrate [CHANNELS SIDE]   all shapes, or one
 *
 * One thread, one image. Before each run the caches are swept, as the other
 * layers of a network do: weights come from memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "worker/engine/conv_rule.h"
#include "worker/engine/level.h"

enum {
    SWEEP_FLOATS = 64 << 20,
    RUNS_MIN = 3,
    RUNS_MAX = 6,
    RUN_NS = 60000000, /* a shape and way */
    CLOSE_PERCENT = 5
};

static const double most_flop = 8e9;

typedef struct layer {
    conv_shape_t shape;
    float *x, *y, *weights, *bias; /* weights[k][c][3][3] */
} layer_t;

typedef struct way {
    const char *name;
    int tile; /* as conv_rule_tile says */
    int64_t (*time)(const layer_t *layer, int tile);
} way_t;

static volatile float s_sink;

static float *
s_floats(size_t count)
{
    fault_t fault;
    float *floats = mem_aligned(count * sizeof *floats, &fault);
    uint32_t state = 1;
    for (size_t i = 0; floats && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        floats[i] = (float)(state >> 8) * 0x1p-23f - 1.0f;
    }
    if (!floats)
        exit(1);
    return floats;
}

static void
s_sweep(void)
{
    static float *room;
    if (!room)
        room = s_floats(SWEEP_FLOATS);
    float sum = 0.0f;
    for (size_t i = 0; i < SWEEP_FLOATS; i += 16)
        sum += room[i];
    s_sink = sum;
}

/* The median of as many runs as there is time for. */
static int64_t
s_median(void (*run)(void *), void *context)
{
    int64_t times[RUNS_MAX], all = 0;
    int runs = 0;
    s_sweep();
    run(context);
    while (runs < RUNS_MAX && (runs < RUNS_MIN || all < RUN_NS)) {
        s_sweep();
        int64_t begin = clock_ns(), time;
        run(context);
        time = clock_ns() - begin;
        all += time;
        int i = runs++;
        for (; i > 0 && times[i - 1] > time; i--)
            times[i] = times[i - 1];
        times[i] = time;
    }
    return times[runs / 2];
}

typedef struct job {
    const layer_t *layer;
    winograd_t winograd;
    conv_direct_t direct;
    float *packed, *scratch;
} job_t;

static conv_end_t
s_end(const layer_t *layer)
{
    return (conv_end_t){layer->bias, NULL, {ACTIVATION_RELU, 0.0f, 0.0f}};
}

static void
s_run_winograd(void *context)
{
    const job_t *job = context;
    const winograd_t *w = &job->winograd;
    conv_end_t end = s_end(job->layer);
    size_t blocks = (w->vectors + w->block - 1) / w->block;
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * w->vectors / blocks;
        winograd_range_t range = {0, (size_t)w->shape.channels_out, first,
                                  (b + 1) * w->vectors / blocks - first};
        kernels()->winograd(w, &range, &end, job->layer->y, job->layer->x,
                            job->packed, job->scratch);
    }
}

static int64_t
s_time_winograd(const layer_t *layer, int tile)
{
    job_t job = {.layer = layer};
    kernels()->winograd_init(&job.winograd, &layer->shape, tile);
    job.packed = s_floats(job.winograd.weights_floats);
    job.scratch = s_floats(job.winograd.scratch_floats);
    kernels()->winograd_pack(&job.winograd, layer->weights, 0,
                             (size_t)layer->shape.channels_out, job.packed);
    int64_t time = s_median(s_run_winograd, &job);
    free(job.packed);
    free(job.scratch);
    return time;
}

static int
s_smaller(int a, int b)
{
    return a < b ? a : b;
}

static void
s_run_direct(void *context)
{
    const job_t *job = context;
    const conv_direct_t *direct = &job->direct;
    const window_t *w = &direct->shape.window;
    conv_end_t end = s_end(job->layer);
    int rows = direct->block_rows, columns = direct->block_columns;
    for (int y = 0; y < w->out_height; y += rows)
        for (int x = 0; x < w->out_width; x += columns) {
            conv_block_t block = {
                .channels = (size_t)direct->shape.channels_out,
                .y = y,
                .rows = s_smaller(rows, w->out_height - y),
                .x = x,
                .columns = s_smaller(columns, w->out_width - x),
            };
            kernels()->conv_direct(direct, &block, &end, job->layer->y,
                                   job->layer->x, job->packed, job->scratch);
        }
}

static int64_t
s_time_direct(const layer_t *layer, int tile)
{
    (void)tile;
    job_t job = {.layer = layer};
    conv_direct_t *direct = &job.direct;
    kernels()->conv_direct_init(direct, &layer->shape, false);
    size_t offsets = direct->step * direct->taps;
    ptrdiff_t *places = mem_new(offsets, sizeof *places, NULL);
    if (!places)
        abort();
    kernels()->conv_direct_lay_out(direct, places);
    direct->offsets = places;
    job.packed = s_floats(direct->weights_floats);
    job.scratch = s_floats(direct->scratch_floats);
    kernels()->conv_direct_pack(direct, layer->weights, 0,
                                (size_t)layer->shape.channels_out, job.packed);
    int64_t time = s_median(s_run_direct, &job);
    free(job.packed);
    free(job.scratch);
    free(places);
    return time;
}

static const way_t ways[] = {
    {"direct", 0, s_time_direct},
    {"F(2)", 2, s_time_winograd},
    {"F(4)", 4, s_time_winograd},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

static double
s_flop(const conv_shape_t *shape)
{
    return 18.0 * shape->channels_in * shape->channels_out *
           shape->window.out_height * shape->window.out_width;
}

/* Print a row; true where the rule's way is close to the best. */
static bool
s_compare(int channels, int side)
{
    window_t window = {.height = side,
                       .width = side,
                       .out_height = side,
                       .out_width = side,
                       .kernel_y = 3,
                       .kernel_x = 3,
                       .stride_y = 1,
                       .stride_x = 1,
                       .dilation_y = 1,
                       .dilation_x = 1,
                       .pad_top = 1,
                       .pad_left = 1,
                       .pad_bottom = 1,
                       .pad_right = 1};
    size_t c = (size_t)channels, plane = (size_t)side * (size_t)side;
    layer_t layer = {.shape = {channels, channels, window},
                     .x = s_floats(c * plane),
                     .y = s_floats(c * plane),
                     .weights = s_floats(c * c * 9),
                     .bias = s_floats(c)};
    int rule = conv_rule_tile(&layer.shape, kernels()->lanes), best = 0,
        taken = 0;
    int64_t times[WAYS];
    printf("%5d %5d", channels, side);
    for (int i = 0; i < WAYS; i++) {
        times[i] = ways[i].time(&layer, ways[i].tile);
        printf("%9.3f (%4.0f)", (double)times[i] / 1e6,
               s_flop(&layer.shape) / (double)times[i]);
        fflush(stdout);
        best = times[i] < times[best] ? i : best;
        taken = ways[i].tile == rule ? i : taken;
    }
    double behind = (double)times[taken] / (double)times[best] - 1.0;
    printf("  %-5s %-5s %4.0f %%\n", ways[best].name, ways[taken].name,
           100.0 * behind);
    free(layer.x);
    free(layer.y);
    free(layer.weights);
    free(layer.bias);
    return 100.0 * behind <= CLOSE_PERCENT;
}

static void
s_grid(void)
{
    static const int channels[] = {16, 32, 64, 128, 256, 512};
    static const int sides[] = {7, 14, 28, 56, 112, 224};
    int shapes = 0, close = 0;
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        for (size_t j = 0; j < sizeof sides / sizeof sides[0]; j++) {
            double c = channels[i], side = sides[j];
            if (18.0 * c * c * side * side > most_flop)
                continue;
            shapes++;
            close += s_compare(channels[i], sides[j]);
        }
    printf("the rule is within %d %% of the best for %d of %d shapes\n",
           CLOSE_PERCENT, close, shapes);
}

int
main(int argc, char **argv)
{
    printf("level %s; ms (GFLOP/s of the direct sum)\n"
           "   ch  side",
           kernels()->level);
    for (int i = 0; i < WAYS; i++)
        printf("%16s", ways[i].name);
    printf("  best  rule  behind\n");
    if (argc > 2)
        s_compare(atoi(argv[1]), atoi(argv[2]));
    else
        s_grid();
    return 0;
}
