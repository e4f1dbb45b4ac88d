/* --plan: the numbers of a made-up model, by hand. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/plan.h"

/* A gigaflop and a gigabyte a second, a megabyte a second between machines. */
static const cut_rates_t rates = {
    .flop_per_s = 1e9, .memory_bytes_per_s = 1e9, .link_bytes_per_s = 1e6};

static part_t parts[2];
static model_t model;

static tensor_spec_t
s_spec(const char *name, int64_t columns)
{
    tensor_spec_t spec = {.dtype = DTYPE_FLOAT32,
                          .shape = {.rank = 2, .dims = {DIM_BATCH, columns}}};
    snprintf(spec.name, sizeof spec.name, "%s", name);
    return spec;
}

/* Two parts: 1000 bytes in, `middle` bytes between, 2000 bytes out. */
static void
s_model(double flop_0, double flop_1, int64_t middle)
{
    memset(parts, 0, sizeof parts);
    for (int k = 0; k < 2; k++) {
        parts[k].index = k;
        parts[k].count = 2;
        parts[k].batchable = true;
        parts[k].inputs_count = parts[k].outputs_count = 1;
        parts[k].nodes = 3 + k;
        parts[k].parameters = 100;
    }
    parts[0].flop = flop_0;
    parts[1].flop = flop_1;
    parts[0].inputs[0] = s_spec("x", 250);
    parts[0].outputs[0] = parts[1].inputs[0] = s_spec("h", middle / 4);
    parts[1].outputs[0] = s_spec("y", 500);
    parts[0].in_bytes = 1000;
    parts[0].out_bytes = parts[1].in_bytes = (uint64_t)middle;
    parts[1].out_bytes = 2000;
    static char name[] = "made-up";
    model = (model_t){.name = name, .parts = parts, .parts_count = 2};
}

static void
s_near(double value, double wanted)
{
    if (fabs(value - wanted) > 1e-9 * fabs(wanted))
        fail_msg("%.12g is not %.12g", value, wanted);
}

static void
the_slowest_part_gives_the_throughput(void **state)
{
    (void)state;
    plan_t plan;
    s_model(40e6, 60e6, 4000);
    plan_init(&plan, &model, &rates);
    s_near(plan.parts[0].share, 0.4);
    s_near(plan.parts[1].share, 0.6);
    s_near(plan.parts[0].seconds, 0.040 + 0.005);
    s_near(plan.parts[1].seconds, 0.060 + 0.006);
    s_near(plan.requests_per_s, 1 / 0.066);
    s_near(plan.latency_s, 0.001 + 0.045 + 0.066 + 0.002);
    s_near(plan.single_s, 0.100);
    assert_string_equal(plan.warning, "");
}

static void
memory_bound_parts_cost_their_bytes(void **state)
{
    (void)state;
    plan_t plan;
    s_model(1e6, 1e6, 4);
    parts[1].weight_bytes = 90e6;
    parts[1].activation_bytes = 10e6;
    plan_init(&plan, &model, &rates);
    s_near(plan.single_s, 0.001 + 0.100);
}

static void
the_brokers_link_bounds_the_throughput(void **state)
{
    (void)state;
    plan_t plan;
    s_model(1e3, 1e3, 8000);
    plan_init(&plan, &model, &rates);
    /* in: 1000 + 8000 + 2000; out: 1000 + 8000 + 2000 */
    s_near(plan.requests_per_s, 1 / 0.011);
}

static void
cutting_that_only_loses_is_said(void **state)
{
    (void)state;
    plan_t plan;
    s_model(1e6, 1e6, 400000);
    plan_init(&plan, &model, &rates);
    assert_non_null(strstr(plan.warning, "cutting only loses here"));

    model.parts_count = 1;
    plan_init(&plan, &model, &rates);
    assert_string_equal(plan.warning, "");
}

static void
a_stronger_machine_computes_faster(void **state)
{
    (void)state;
    plan_t plan;
    cut_rates_t unequal = rates;
    unequal.shares_count = 2;
    unequal.shares[0] = 2;
    unequal.shares[1] = 0.5;
    s_model(40e6, 60e6, 4000);
    plan_init(&plan, &model, &unequal);
    s_near(plan.parts[0].seconds, 0.020 + 0.005);
    s_near(plan.parts[1].seconds, 0.120 + 0.006);
    s_near(plan.parts[0].share, 0.4); /* of the work, not of the time */
    s_near(plan.single_s, 0.050);     /* the strongest alone */
}

/* Whether a note has a text in it. */
static bool
s_noted(const plan_t *plan, const char *text)
{
    for (int i = 0; i < plan->notes_count; i++)
        if (strstr(plan->notes[i], text))
            return true;
    return false;
}

static void
what_to_know_of_a_part_is_noted(void **state)
{
    (void)state;
    plan_t plan;
    cut_rates_t limited = rates;
    s_model(40e6, 60e6, 4000);
    limited.boundary_bytes_max = 1 << 20;
    plan_init(&plan, &model, &limited);
    assert_int_equal(plan.notes_count, 0);
    parts[1].batchable = false;
    parts[0].outputs[0] = s_spec("h", 900 << 8);
    plan_init(&plan, &model, &limited);
    assert_int_equal(plan.notes_count, 2);
    assert_true(s_noted(&plan, "part 1 computes one sample at a time"));
    assert_true(s_noted(&plan, "'h' behind part 0 has 0.9 of the 1 MiB"));

    s_model(1e3, 1e3, 8000);
    plan_init(&plan, &model, &rates);
    assert_true(s_noted(&plan, "the broker's link is the slowest of all"));
    assert_true(s_noted(&plan, "float16"));
    limited.half = true;
    plan_init(&plan, &model, &limited);
    assert_false(s_noted(&plan, "float16"));
}

static void
a_batch_that_the_file_fixes_is_noted_once(void **state)
{
    (void)state;
    plan_t plan;
    s_model(40e6, 60e6, 4000);
    model.fixed_batch = true;
    plan_init(&plan, &model, &rates);
    assert_int_equal(plan.notes_count, 0);
    parts[0].batchable = parts[1].batchable = false;
    plan_init(&plan, &model, &rates);
    assert_int_equal(plan.notes_count, 1);
    assert_true(s_noted(&plan, "the file fixes the batch at 1: export it with "
                               "an open one (dynamic_axes)"));
}

static void
the_json_has_every_key_of_the_contract(void **state)
{
    (void)state;
    plan_t plan;
    fault_t fault = {0};
    s_model(40e6, 60e6, 4000);
    cut_rates_t machine = rates;
    machine.memory_bytes_per_s = 2e9;
    plan_init(&plan, &model, &machine);
    json_t *object = plan_encode(&plan, &model, &fault);
    assert_non_null(object);
    const char *name, *tensor, *dtype;
    json_t *list, *shape, *warning;
    double requests, latency, alone, alone_ms, share, mflop, seconds;
    int part, nodes, parameters, bytes;
    json_t *inputs, *outputs;
    assert_int_equal(
        json_unpack(object, "{s:s, s:o, s:F, s:F, s:{s:F, s:F}, s:o}", "model",
                    &name, "parts", &list, "requests_per_s", &requests,
                    "latency_ms", &latency, "single_machine", "requests_per_s",
                    &alone, "latency_ms", &alone_ms, "warning", &warning),
        0);
    assert_string_equal(name, "made-up");
    assert_int_equal(json_array_size(list), 2);
    s_near(latency, plan.latency_s * 1e3);
    s_near(alone, 10);
    assert_true(json_is_null(warning));
    assert_int_equal(json_array_size(json_object_get(object, "notes")), 0);
    s_near(json_real_value(json_object_get(object, "link_mbps")), 8);
    s_near(json_real_value(json_object_get(object, "machine_gflops")), 1);
    s_near(json_real_value(json_object_get(object, "machine_gbytes_per_s")), 2);
    assert_int_equal(json_unpack(json_array_get(list, 1),
                                 "{s:i, s:i, s:i, s:F, s:F, s:o, s:o, s:F}",
                                 "part", &part, "nodes", &nodes, "parameters",
                                 &parameters, "mflop", &mflop, "share", &share,
                                 "inputs", &inputs, "outputs", &outputs,
                                 "seconds", &seconds),
                     0);
    assert_int_equal(part, 1);
    assert_int_equal(nodes, 4);
    s_near(mflop, 60);
    s_near(share, 0.6);
    s_near(json_real_value(
               json_object_get(json_array_get(list, 1), "link_seconds")),
           0.006);
    assert_int_equal(
        json_unpack(json_array_get(outputs, 0), "{s:s, s:s, s:o, s:i}", "name",
                    &tensor, "dtype", &dtype, "shape", &shape, "bytes", &bytes),
        0);
    assert_string_equal(tensor, "y");
    assert_string_equal(dtype, "float32");
    assert_string_equal(json_string_value(json_array_get(shape, 0)), "N");
    assert_int_equal(json_integer_value(json_array_get(shape, 1)), 500);
    assert_int_equal(bytes, 2000);
    json_decref(object);
}

static void
the_table_shows_each_part(void **state)
{
    (void)state;
    plan_t plan;
    char *text = NULL;
    size_t size = 0;
    s_model(40e6, 60e6, 4000);
    parts[1].batchable = false;
    plan_init(&plan, &model, &rates);
    FILE *file = open_memstream(&text, &size);
    plan_print(&plan, &model, file);
    fclose(file);
    assert_non_null(strstr(text, "model made-up in 2 parts"));
    assert_non_null(strstr(text, "40.00"));
    assert_non_null(strstr(text, "60.0%"));
    assert_non_null(strstr(text, "in  x float32 [N, 250], 1000 bytes"));
    assert_non_null(strstr(text, "runs batch 1"));
    assert_non_null(strstr(text, "one machine alone"));
    assert_non_null(strstr(text, "machines of 1 GFLOP/s and 1 GB/s of memory"));
    /* 100 ms on one; 66 ms in the slower part, 114 ms all the way */
    assert_non_null(strstr(text, "2 machines do 1.52 times the requests of "
                                 "one, and a request takes 1.14 times"));
    free(text);
}

/* The longest is 48 wide: 60 ms of computing and 6 ms of the link. */
static void
a_bar_shows_computing_and_the_link(void **state)
{
    (void)state;
    plan_t plan;
    char *text = NULL;
    size_t size = 0;
    s_model(40e6, 60e6, 4000);
    plan_init(&plan, &model, &rates);
    FILE *file = open_memstream(&text, &size);
    plan_print(&plan, &model, file);
    fclose(file);
    assert_non_null(strstr(text, "part 0   #############################==== "
                                 "                 45.000 ms\n"));
    assert_non_null(strstr(text, "part 1   ################################"
                                 "############====   66.000 ms\n"));
    assert_non_null(strstr(text, "broker   ===== "));
    assert_non_null(strstr(text, "= the link, 8 Mbit/s"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slowest_part_gives_the_throughput),
        cmocka_unit_test(memory_bound_parts_cost_their_bytes),
        cmocka_unit_test(the_brokers_link_bounds_the_throughput),
        cmocka_unit_test(cutting_that_only_loses_is_said),
        cmocka_unit_test(a_stronger_machine_computes_faster),
        cmocka_unit_test(what_to_know_of_a_part_is_noted),
        cmocka_unit_test(a_batch_that_the_file_fixes_is_noted_once),
        cmocka_unit_test(the_json_has_every_key_of_the_contract),
        cmocka_unit_test(the_table_shows_each_part),
        cmocka_unit_test(a_bar_shows_computing_and_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
