/* --plan: what the cut costs and what to expect of it. */
#include "broker/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { MIB = 1 << 20, BAR_MAX = 48 };

/* Of a frame's limit: fuller is worth a note. */
static const double NEAR_FRAME = 0.8;

/* --- the numbers --------------------------------------------------------- */

/* Through memory, for one sample. */
static double
s_part_bytes(const part_t *part)
{
    return (double)(part->weight_bytes + part->activation_bytes);
}

/* Bytes that a sample moves through the broker's link in its busier
 * direction: in from the client and every worker, out to them. */
static double
s_broker_bytes(const model_t *model)
{
    double in = (double)model_first(model)->in_bytes;
    double out = (double)model_last(model)->out_bytes;
    for (int k = 0; k < model->parts_count; k++) {
        in += (double)model->parts[k].out_bytes;
        out += (double)model->parts[k].in_bytes;
    }
    return in > out ? in : out;
}

static void s_note(plan_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
s_note(plan_t *self, const char *format, ...)
{
    assert(self->notes_count < PLAN_NOTES_MAX);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->notes[self->notes_count++], PLAN_WARNING_MAX, format,
              arguments);
    va_end(arguments);
}

static void
s_note_broker(plan_t *self, double slowest)
{
    if (self->broker_s < slowest || self->broker_s == 0)
        return;
    s_note(self,
           "the broker's link is the slowest of all: it carries %.2f MB a "
           "request each way%s",
           self->broker_s * self->rates.link_bytes_per_s / 1e6,
           self->rates.half
               ? ""
               : "; boundary_dtype = \"float16\" would halve what crosses "
                 "between parts");
}

/* Which parts run batches. That of a file which fixes the batch is told once,
 * with its cure. */
static void
s_note_batches(plan_t *self, const model_t *model)
{
    for (int k = 0; k < model->parts_count; k++) {
        if (model->parts[k].batchable)
            continue;
        if (model->fixed_batch) {
            s_note(self, "the file fixes the batch at 1: export it with an "
                         "open one (dynamic_axes) for parts that run batches");
            return;
        }
        s_note(self,
               "part %d computes one sample at a time: its samples cannot be "
               "stacked",
               k);
    }
}

/* Tensors that nearly do not fit a frame. */
static void
s_note_frame(plan_t *self, const part_t *part)
{
    double max = (double)self->rates.boundary_bytes_max;
    const tensor_spec_t *largest = NULL;
    uint64_t bytes = 0;
    for (int i = 0; i < part->outputs_count; i++) {
        const tensor_spec_t *spec = &part->outputs[i];
        uint64_t own = tensor_bytes(spec->dtype, &spec->shape, 1);
        if (own > bytes) {
            bytes = own;
            largest = spec;
        }
    }
    if (largest && max > 0 && (double)bytes > NEAR_FRAME * max)
        s_note(self,
               "'%s' behind part %d has %.1f of the %.0f MiB that "
               "broker.frame_mib allows",
               largest->name, part->index, (double)bytes / MIB, max / MIB);
}

static void
s_warn(plan_t *self, int parts)
{
    double single_per_s = 1 / self->single_s;
    if (parts < 2 || self->requests_per_s > single_per_s)
        return;
    snprintf(self->warning, sizeof self->warning,
             "cutting only loses here: %d machines would do %.1f requests/s, "
             "one alone %.1f, because the link takes more time than cutting "
             "saves; several workers of one part do better, unless the network "
             "is too large for one machine",
             parts, self->requests_per_s, single_per_s);
}

static double
s_strongest(const cut_rates_t *rates, int parts)
{
    double strongest = cut_share(rates, 0);
    for (int k = 1; k < parts; k++)
        if (cut_share(rates, k) > strongest)
            strongest = cut_share(rates, k);
    return strongest;
}

static void
s_add_parts(plan_t *self, const model_t *model)
{
    const cut_rates_t *rates = &self->rates;
    double sum = 0;
    for (int k = 0; k < model->parts_count; k++) {
        const part_t *part = &model->parts[k];
        double bytes = s_part_bytes(part);
        double ends = (double)part->in_bytes + (double)part->out_bytes;
        self->parts[k] = (plan_part_t){
            .seconds = cut_part_s(rates, k, part->flop, bytes, ends),
            .link_s = cut_link_s(rates, ends),
            .share = cut_compute_s(rates, part->flop, bytes)};
        sum += self->parts[k].share;
        self->latency_s += self->parts[k].seconds;
    }
    for (int k = 0; k < model->parts_count && sum > 0; k++)
        self->parts[k].share /= sum;
    self->single_s = sum / s_strongest(rates, model->parts_count);
}

void
plan_init(plan_t *self, const model_t *model, const cut_rates_t *rates)
{
    *self = (plan_t){.rates = *rates};
    self->latency_s = cut_link_s(rates, (double)model_first(model)->in_bytes) +
                      cut_link_s(rates, (double)model_last(model)->out_bytes);
    self->broker_s = cut_link_s(rates, s_broker_bytes(model));
    s_add_parts(self, model);
    double slowest = self->broker_s;
    for (int k = 0; k < model->parts_count; k++)
        if (self->parts[k].seconds > slowest)
            slowest = self->parts[k].seconds;
    self->requests_per_s = slowest > 0 ? 1 / slowest : 0;
    if (self->single_s > 0)
        s_warn(self, model->parts_count);
    s_note_broker(self, slowest);
    s_note_batches(self, model);
    for (int k = 0; k < model->parts_count; k++)
        s_note_frame(self, &model->parts[k]);
}

/* --- for people ----------------------------------------------------------- */

static void
s_print_specs(const char *word, const tensor_spec_t *specs, int count,
              FILE *file)
{
    for (int i = 0; i < count; i++) {
        char shape[128];
        fprintf(file, "        %s %s %s %s, %zu bytes\n", word, specs[i].name,
                dtype_name(specs[i].dtype),
                shape_text(&specs[i].shape, shape, sizeof shape),
                tensor_bytes(specs[i].dtype, &specs[i].shape, 1));
    }
}

static void
s_print_part(const plan_part_t *cost, const part_t *part, FILE *file)
{
    fprintf(file, "%4d %6d %12" PRIu64 " %9.1f %10.2f %6.1f%% %10.3f%s\n",
            part->index, part->nodes, part->parameters,
            (double)part->weight_bytes / MIB, part->flop / 1e6,
            cost->share * 100, cost->seconds * 1e3,
            part->batchable ? "" : "  runs batch 1");
    s_print_specs("in ", part->inputs, part->inputs_count, file);
    s_print_specs("out", part->outputs, part->outputs_count, file);
}

/* "part 0  ######=== 12.3 ms": computing, then the link. */
static void
s_print_bar(const char *name, double compute_s, double link_s, double longest_s,
            FILE *file)
{
    char bar[BAR_MAX + 1];
    double scale = longest_s > 0 ? BAR_MAX / longest_s : 0;
    size_t computing = (size_t)(compute_s * scale + 0.5);
    size_t all = (size_t)((compute_s + link_s) * scale + 0.5);
    all = all > BAR_MAX ? BAR_MAX : all;
    computing = computing > all ? all : computing;
    memset(bar, '#', computing);
    memset(bar + computing, '=', all - computing);
    bar[all] = '\0';
    fprintf(file, "%-8s %-*s %8.3f ms\n", name, BAR_MAX, bar,
            (compute_s + link_s) * 1e3);
}

static void
s_print_bars(const plan_t *self, int parts, FILE *file)
{
    double longest = self->requests_per_s > 0 ? 1 / self->requests_per_s : 0;
    fprintf(file, "\n");
    for (int k = 0; k < parts; k++) {
        const plan_part_t *part = &self->parts[k];
        char name[24];
        snprintf(name, sizeof name, "part %d", k);
        s_print_bar(name, part->seconds - part->link_s, part->link_s, longest,
                    file);
    }
    s_print_bar("broker", 0, self->broker_s, longest, file);
    fprintf(file, "         # computing  = the link, %.6g Mbit/s\n",
            self->rates.link_bytes_per_s * 8 / 1e6);
}

void
plan_print(const plan_t *self, const model_t *model, FILE *file)
{
    fprintf(file, "model %s in %d part%s\n\n", model->name, model->parts_count,
            model->parts_count == 1 ? "" : "s");
    fprintf(file, "part  nodes   parameters       MiB     MFLOP*  share"
                  "         ms\n");
    for (int k = 0; k < model->parts_count; k++)
        s_print_part(&self->parts[k], &model->parts[k], file);
    s_print_bars(self, model->parts_count, file);
    fprintf(file,
            "\npredicted, one worker a part: %.1f requests/s, %.3f ms a "
            "request\none machine alone:            %.1f requests/s, %.3f ms "
            "a request\n",
            self->requests_per_s, self->latency_s * 1e3,
            self->single_s > 0 ? 1 / self->single_s : 0, self->single_s * 1e3);
    if (model->parts_count > 1 && self->single_s > 0)
        fprintf(file,
                "so %d machines do %.2f times the requests of one, and a "
                "request takes %.2f times as long\n",
                model->parts_count, self->requests_per_s * self->single_s,
                self->latency_s / self->single_s);
    if (self->warning[0])
        fprintf(file, "warning: %s\n", self->warning);
    for (int i = 0; i < self->notes_count; i++)
        fprintf(file, "note: %s\n", self->notes[i]);
    fprintf(file,
            "* of one sample, 2 a multiply-add; times are computing and link, "
            "without software,\n  and assume machines of %.6g GFLOP/s and "
            "%.6g GB/s of memory\n",
            self->rates.flop_per_s / 1e9, self->rates.memory_bytes_per_s / 1e9);
}

/* --- for programs --------------------------------------------------------- */

static json_t *
s_encode_specs(const tensor_spec_t *specs, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (int d = 0; d < specs[i].shape.rank; d++) {
            int64_t dim = specs[i].shape.dims[d];
            json_array_append_new(shape, dim == DIM_BATCH ? json_string("N")
                                                          : json_integer(dim));
        }
        size_t bytes = tensor_bytes(specs[i].dtype, &specs[i].shape, 1);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:o, s:I}", "name", specs[i].name,
                            "dtype", dtype_name(specs[i].dtype), "shape", shape,
                            "bytes", (json_int_t)bytes));
    }
    return list;
}

static json_t *
s_encode_part(const plan_t *self, const part_t *part)
{
    char digest[DIGEST_HEX + 1];
    const plan_part_t *cost = &self->parts[part->index];
    return json_pack(
        "{s:i, s:i, s:I, s:f, s:f, s:o, s:o, s:f, s:f, s:f, s:b, s:s, s:I, "
        "s:I}",
        "part", part->index, "nodes", part->nodes, "parameters",
        (json_int_t)part->parameters, "mflop", part->flop / 1e6, "share",
        cost->share, "inputs", s_encode_specs(part->inputs, part->inputs_count),
        "outputs", s_encode_specs(part->outputs, part->outputs_count),
        "seconds", cost->seconds, "link_seconds", cost->link_s, "machine",
        cut_share(&self->rates, part->index), "batchable", part->batchable,
        "digest", digest_text(&part->digest, digest, DIGEST_HEX), "file_bytes",
        (json_int_t)part->bytes, "weight_bytes",
        (json_int_t)part->weight_bytes);
}

json_t *
plan_encode(const plan_t *self, const model_t *model, fault_t *fault)
{
    json_t *parts = json_array(), *notes = json_array();
    for (int k = 0; k < model->parts_count; k++)
        json_array_append_new(parts, s_encode_part(self, &model->parts[k]));
    for (int i = 0; i < self->notes_count; i++)
        json_array_append_new(notes, json_string(self->notes[i]));
    json_t *warning =
        self->warning[0] ? json_string(self->warning) : json_null();
    json_t *plan = json_pack(
        "{s:s, s:o, s:f, s:f, s:{s:f, s:f}, s:o, s:o, s:f, s:f, s:f, s:f}",
        "model", model->name, "parts", parts, "requests_per_s",
        self->requests_per_s, "latency_ms", self->latency_s * 1e3,
        "single_machine", "requests_per_s",
        self->single_s > 0 ? 1 / self->single_s : 0.0, "latency_ms",
        self->single_s * 1e3, "warning", warning, "notes", notes,
        "broker_seconds", self->broker_s, "link_mbps",
        self->rates.link_bytes_per_s * 8 / 1e6, "machine_gflops",
        self->rates.flop_per_s / 1e9, "machine_gbytes_per_s",
        self->rates.memory_bytes_per_s / 1e9);
    if (!plan)
        return fault_null(fault, FAULT_MEMORY,
                          "no memory is left for the plan");
    return plan;
}
