/* How a convolution is divided among threads. */
#include "worker/engine/conv_division.h"

enum {
    TASKS_A_THREAD = 8,
    TASK_COST = 20000, /* of beginning a task, some 0.2 microseconds */
};

static size_t
s_ceiling(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* What the thread with most to do has to do. */
static double
s_busiest(const conv_work_t *work, size_t threads, conv_cut_t cut)
{
    size_t tasks = work->images * s_ceiling(work->pixels, cut.pixels) *
                   s_ceiling(work->channels, cut.channels);
    double pixels = (double)cut.pixels, channels = (double)cut.channels;
    double task = pixels * channels * work->unit_cost +
                  pixels * work->pixel_cost + channels * work->channel_cost +
                  TASK_COST;
    return (double)s_ceiling(tasks, threads) * task;
}

conv_cut_t
conv_divide(const conv_work_t *work, size_t threads)
{
    size_t least = s_ceiling(work->pixels, work->pixels_most);
    conv_cut_t best = {s_ceiling(work->pixels, least), work->channels};
    size_t most = threads * TASKS_A_THREAD;
    if (threads == 1 || work->images * least >= most)
        return best;

    double cost = s_busiest(work, threads, best);
    for (size_t i = 1; i <= work->channels && work->images * i <= most; i++)
        for (size_t j = least;
             j <= work->pixels && (j == least || work->images * i * j <= most);
             j++) {
            conv_cut_t cut = {s_ceiling(work->pixels, j),
                              s_ceiling(work->channels, i)};
            double its = s_busiest(work, threads, cut);
            if (its < cost) {
                cost = its;
                best = cut;
            }
        }
    return best;
}
