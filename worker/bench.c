/* How fast this machine runs a model. */
#include "worker/bench.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "common/model/shape.h"
#include "worker/engine/threads.h"
#include "worker/host.h"
#include "worker/measure.h"
#include "worker/profile_svg.h"
#include "worker/whole.h"

static int
s_print_json(const bench_options_t *options, const measure_t *measure,
             const profile_t *profile, fault_t *fault)
{
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:i}", "model",
                  options->model, "batch", options->batch, "threads",
                  options->threads, "median_ms", measure->median_ms, "min_ms",
                  measure->min_ms, "gflops", measure->gflops, "peak_share",
                  measure->peak_share, "rss_mib", host_rss_mib());
    if (object && options->profile)
        json_object_set_new(object, "profile", profile_json(profile));
    char *text = object ? json_dumps(object, JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text)
        return fault_set(fault, FAULT_INPUT, "%s: the name is not UTF-8",
                         options->model);
    puts(text);
    free(text);
    return 0;
}

static void
s_print_text(const bench_options_t *options, const measure_t *measure,
             const profile_t *profile)
{
    if (options->profile) {
        profile_print(profile, stdout);
        putchar('\n');
    }
    printf("%s: batch %d, %d threads, %d runs: median %.3f ms, minimum %.3f "
           "ms, %.1f GFLOP/s, %.0f %% of peak, %u MiB\n",
           options->model, options->batch, options->threads, measure->runs,
           measure->median_ms, measure->min_ms, measure->gflops,
           100.0 * measure->peak_share, host_rss_mib());
}

static int
s_draw(const bench_options_t *options, const measure_t *measure,
       const profile_t *profile, fault_t *fault)
{
    char title[512];
    snprintf(title, sizeof title,
             "%.300s: batch %d, %d threads, %.3f ms, %.1f GFLOP/s; %s",
             options->model, options->batch, options->threads,
             measure->median_ms, measure->gflops, session_cpu());
    return profile_svg(profile, title, options->svg, fault);
}

/* A session that runs the batch that was asked for. */
static session_t *
s_open(const bench_options_t *options, fault_t *fault)
{
    graph_t *graph = whole_read(options->model, fault);
    if (!graph)
        return NULL;
    graph->direct = graph->direct || options->direct;
    session_t *session =
        whole_load(graph, options->threads, options->batch, fault);
    if (!session) {
        fault_prefix(fault, "%s", options->model);
    } else if (session_batch_max(session) < options->batch) {
        fault_set(fault, FAULT_INPUT,
                  "%s: this model runs one sample at a time, --batch %d is not "
                  "possible%s",
                  options->model, options->batch,
                  shape_fixes_batch(graph)
                      ? "; the file fixes the batch at 1, export it with an "
                        "open one (dynamic_axes)"
                      : "");
        session_destroy(&session);
    } else if (options->profile && session_watch(session, graph, fault)) {
        session_destroy(&session);
    }
    graph_destroy(&graph);
    return session;
}

static int
s_measure(session_t *session, const bench_options_t *options, fault_t *fault)
{
    measure_t measure;
    profile_t profile;
    measure_fill(session, options->batch);
    int result = profile_init(&profile, session, fault);
    if (result == 0)
        result = measure_session(session, options->batch, options->threads,
                                 options->seconds, &profile, &measure, fault);
    profile_settle(&profile, options->batch);
    if (result == 0 && options->svg)
        result = s_draw(options, &measure, &profile, fault);
    if (result == 0 && options->json)
        result = s_print_json(options, &measure, &profile, fault);
    else if (result == 0)
        s_print_text(options, &measure, &profile);
    profile_release(&profile);
    return result;
}

int
bench_run(const bench_options_t *given, fault_t *fault)
{
    bench_options_t options = *given;
    if (options.batch == 0)
        options.batch = 1;
    if (options.threads == 0)
        options.threads = threads_online();
    if (options.seconds <= 0.0)
        options.seconds = 3.0;
    options.profile |= options.svg != NULL;

    session_t *session = s_open(&options, fault);
    if (!session)
        return -1;
    int result = s_measure(session, &options, fault);
    session_destroy(&session);
    return result;
}
