/* --plan: what the cut costs and what to expect of it. */
#include "broker/plan.h"

#include <inttypes.h>
#include <string.h>

enum { SPEC_TEXT_MAX = TENSOR_NAME_MAX + 128 };

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

static void
s_warn(plan_t *self, int parts)
{
    double single_per_s = 1 / self->single_s;
    self->warning[0] = '\0';
    if (parts < 2 || self->requests_per_s > single_per_s)
        return;
    snprintf(self->warning, sizeof self->warning,
             "cutting only loses here: %d machines would do %.1f requests/s, "
             "one alone %.1f, because the link takes more time than cutting "
             "saves; several workers of one part do better, unless the network "
             "is too large for one machine",
             parts, self->requests_per_s, single_per_s);
}

void
plan_init(plan_t *self, const model_t *model, const cut_rates_t *rates)
{
    *self = (plan_t){0};
    double slowest = cut_link_s(rates, s_broker_bytes(model));
    self->latency_s = cut_link_s(rates, (double)model_first(model)->in_bytes) +
                      cut_link_s(rates, (double)model_last(model)->out_bytes);
    for (int k = 0; k < model->parts_count; k++) {
        const part_t *part = &model->parts[k];
        double compute = cut_compute_s(rates, part->flop, s_part_bytes(part));
        double seconds =
            cut_part_s(rates, k, part->flop, s_part_bytes(part),
                       (double)part->in_bytes + (double)part->out_bytes);
        self->parts[k].seconds = seconds;
        self->parts[k].share = compute;
        self->single_s += compute;
        self->latency_s += seconds;
        if (seconds > slowest)
            slowest = seconds;
    }
    for (int k = 0; k < model->parts_count; k++)
        self->parts[k].share =
            self->single_s > 0 ? self->parts[k].share / self->single_s : 0;
    self->requests_per_s = slowest > 0 ? 1 / slowest : 0;
    if (self->single_s > 0)
        s_warn(self, model->parts_count);
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
    fprintf(file, "%4d %6d %12" PRIu64 " %10.2f %6.1f%% %10.3f%s\n",
            part->index, part->nodes, part->parameters, part->flop / 1e6,
            cost->share * 100, cost->seconds * 1e3,
            part->batchable ? "" : "  runs batch 1");
    s_print_specs("in ", part->inputs, part->inputs_count, file);
    s_print_specs("out", part->outputs, part->outputs_count, file);
}

void
plan_print(const plan_t *self, const model_t *model, FILE *file)
{
    fprintf(file, "model %s in %d part%s\n\n", model->name, model->parts_count,
            model->parts_count == 1 ? "" : "s");
    fprintf(file, "part  nodes   parameters     MFLOP*  share         ms\n");
    for (int k = 0; k < model->parts_count; k++)
        s_print_part(&self->parts[k], &model->parts[k], file);
    fprintf(file,
            "\npredicted, one worker a part: %.1f requests/s, %.3f ms a "
            "request\none machine alone:            %.1f requests/s, %.3f ms "
            "a request\n",
            self->requests_per_s, self->latency_s * 1e3,
            self->single_s > 0 ? 1 / self->single_s : 0, self->single_s * 1e3);
    if (self->warning[0])
        fprintf(file, "warning: %s\n", self->warning);
    fprintf(file, "* of one sample, 2 a multiply-add; times are computing and "
                  "link, without software\n");
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
s_encode_part(const plan_part_t *cost, const part_t *part)
{
    char digest[DIGEST_HEX + 1];
    return json_pack(
        "{s:i, s:i, s:I, s:f, s:f, s:o, s:o, s:f, s:b, s:s, s:I}", "part",
        part->index, "nodes", part->nodes, "parameters",
        (json_int_t)part->parameters, "mflop", part->flop / 1e6, "share",
        cost->share, "inputs", s_encode_specs(part->inputs, part->inputs_count),
        "outputs", s_encode_specs(part->outputs, part->outputs_count),
        "seconds", cost->seconds, "batchable", part->batchable, "digest",
        digest_text(&part->digest, digest, DIGEST_HEX), "file_bytes",
        (json_int_t)part->bytes);
}

json_t *
plan_encode(const plan_t *self, const model_t *model, fault_t *fault)
{
    json_t *parts = json_array();
    for (int k = 0; k < model->parts_count; k++)
        json_array_append_new(parts,
                              s_encode_part(&self->parts[k], &model->parts[k]));
    json_t *warning =
        self->warning[0] ? json_string(self->warning) : json_null();
    json_t *plan = json_pack(
        "{s:s, s:o, s:f, s:f, s:{s:f, s:f}, s:o}", "model", model->name,
        "parts", parts, "requests_per_s", self->requests_per_s, "latency_ms",
        self->latency_s * 1e3, "single_machine", "requests_per_s",
        self->single_s > 0 ? 1 / self->single_s : 0.0, "latency_ms",
        self->single_s * 1e3, "warning", warning);
    if (!plan)
        return fault_null(fault, FAULT_MEMORY,
                          "no memory is left for the plan");
    return plan;
}
