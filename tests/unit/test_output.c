/* From scores to lines: softmax, the best K, text and JSON. */
#include "tests/support/tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "client/output.h"
#include "client/progress.h"
#include "client/table.h"

static void
s_service(service_t *service, scores_t scores)
{
    fault_t fault;
    service_init(service);
    service->outputs_count = 1;
    service->outputs[0] =
        (tensor_spec_t){"y", DTYPE_FLOAT32, {2, {DIM_BATCH, 3}}};
    service->scores = scores;
    assert_ok(service_add_label(service, "cat", 3, &fault), &fault);
    assert_ok(service_add_label(service, "dog", 3, &fault), &fault);
    assert_ok(service_add_label(service, "frog", 4, &fault), &fault);
}

static outcome_t
s_outcome(const float values[3])
{
    outcome_t outcome = {.part = -1, .latency_us = 12345, .sends = 1};
    outcome.payload = payload_new(NULL);
    payload_add_copy(outcome.payload, values, 3 * sizeof *values, NULL);
    outcome.path_count = 1;
    outcome.path[0] = (path_step_t){0, 1, 1500, 2500, "left"};
    return outcome;
}

static void
softmax_survives_large_scores(void **state)
{
    (void)state;
    double values[] = {1000, 1001, -5000};
    fault_t fault;
    assert_ok(scores_softmax(values, 3, &fault), &fault);
    assert_true(fabs(values[0] - 1 / (1 + M_E)) < 1e-12);
    assert_true(fabs(values[0] + values[1] + values[2] - 1) < 1e-12);
}

static void
scores_that_are_not_finite_are_no_prediction(void **state)
{
    (void)state;
    const float bad[][3] = {{1, NAN, 0}, {INFINITY, 0, 0}, {0, 0, -INFINITY}};
    for (size_t i = 0; i < 3; i++)
        for (int scores = 0; scores < 2; scores++) {
            service_t service;
            prediction_t prediction;
            s_service(&service, (scores_t)scores);
            outcome_t outcome = s_outcome(bad[i]);
            prediction_take(&prediction, &service, &outcome, 3);
            assert_int_equal(prediction.fault.code, FAULT_INTERNAL);
            assert_int_equal(prediction.best_count, 0);
            prediction_release(&prediction);
            outcome_release(&outcome);
            service_release(&service);
        }
}

static void
the_best_k_come_in_order_and_ties_by_index(void **state)
{
    (void)state;
    const double values[] = {0.1, 0.4, 0.1, 0.4, 0.0, 0.7};
    const size_t order[] = {5, 1, 3, 0, 2, 4};
    for (size_t top = 0; top <= 8; top++) {
        score_t best[8];
        size_t count = scores_top(values, 6, best, top);
        assert_int_equal(count, top < 6 ? top : 6);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(best[i].index, order[i]);
    }
}

/* What a function printed, into text. */
typedef void (*print_t)(FILE *file, const char *image, const service_t *service,
                        const prediction_t *prediction);

static const char *
s_printed(print_t print, const char *image, const service_t *service,
          const prediction_t *prediction, char *text, size_t size)
{
    FILE *file = fmemopen(text, size, "w");
    print(file, image, service, prediction);
    fclose(file);
    return text;
}

static void
text_and_json_are_those_of_the_contract(void **state)
{
    (void)state;
    service_t service;
    prediction_t prediction;
    char text[4096];
    const float values[] = {0.9294f, 0.0006f, 0.07f};
    s_service(&service, SCORES_PROBABILITIES);
    outcome_t outcome = s_outcome(values);
    outcome.job.bytes[15] = 0xab;
    prediction_take(&prediction, &service, &outcome, 2);
    assert_string_equal(s_printed(output_text, "cat.png", &service, &prediction,
                                  text, sizeof text),
                        "cat.png: cat 0.9294\ncat.png: frog 0.0700\n");

    s_printed(output_json, "cat.png", &service, &prediction, text, sizeof text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *object = json_loads(text, 0, NULL);
    json_t *wanted = json_loads(
        "{\"image\":\"cat.png\",\"id\":\"000000000000000000000000000000ab\","
        "\"label\":\"cat\",\"index\":0,\"probability\":0.929400027,\"top\":["
        "{\"label\":\"cat\",\"index\":0,\"probability\":0.929400027},"
        "{\"label\":\"frog\",\"index\":2,\"probability\":0.0700000003}],"
        "\"latency_ms\":12.345,\"parts\":[{\"part\":0,\"worker\":\"left\","
        "\"attempt\":1,\"queue_ms\":1.5,\"compute_ms\":2.5}]}",
        0, NULL);
    assert_non_null(wanted);
    if (!json_equal(object, wanted))
        fail_msg("%s", text);
    json_decref(object);
    json_decref(wanted);
    prediction_release(&prediction);
    outcome_release(&outcome);
    service_release(&service);
}

static void
a_failure_shows_code_sentence_and_part_but_no_label(void **state)
{
    (void)state;
    service_t service;
    prediction_t prediction;
    char text[4096];
    s_service(&service, SCORES_LOGITS);
    outcome_t outcome = {.part = 1};
    fault_set(&outcome.fault, FAULT_DEADLINE, "too \"late\"");
    prediction_take(&prediction, &service, &outcome, 5);
    assert_string_equal(
        s_printed(output_json, "\xff.png", &service, &prediction, text,
                  sizeof text),
        "{\"image\":\"?.png\",\"error\":{\"code\":\"DEADLINE\",\"message\":"
        "\"too \\\"late\\\"\",\"part\":1}}\n");
    prediction.part = -1;
    s_printed(output_json, "a", &service, &prediction, text, sizeof text);
    assert_non_null(strstr(text, "\"part\":null"));
    memset(text, 0, sizeof text);
    assert_string_equal(
        s_printed(output_text, "a", &service, &prediction, text, sizeof text),
        "");
    service_release(&service);
}

static void
without_labels_the_index_is_the_label(void **state)
{
    (void)state;
    service_t service;
    char number[24];
    service_init(&service);
    assert_string_equal(scores_label(&service, 42, number, sizeof number),
                        "42");
}

static void
the_progress_bar_fills(void **state)
{
    (void)state;
    char line[128];
    assert_string_equal(progress_line(line, sizeof line, 0, 50, 0),
                        "[..............................] 0 of 50");
    assert_string_equal(progress_line(line, sizeof line, 25, 50, 2),
                        "[###############...............] 25 of 50, 2 failed");
    assert_string_equal(progress_line(line, sizeof line, 50, 50, 0),
                        "[##############################] 50 of 50");
}

static void
a_table_is_aligned(void **state)
{
    (void)state;
    const table_column_t columns[] = {
        {"worker", "name", -10}, {"ms", "ms", 1}, {"state", "state", -5}};
    char text[512] = "";
    json_t *rows = json_loads("[{\"name\":\"l\xc3\xa4nge\",\"ms\":1234.56,"
                              "\"state\":\"ready and more\"},"
                              "{\"name\":\"b\",\"ms\":2}]",
                              0, NULL);
    FILE *file = fmemopen(text, sizeof text, "w");
    table_print(file, rows, columns, 3);
    fclose(file);
    assert_string_equal(text, "worker      ms  state\n"
                              "l\xc3\xa4nge   1234.6  ready\n"
                              "b          2.0  -\n");
    json_decref(rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_survives_large_scores),
        cmocka_unit_test(scores_that_are_not_finite_are_no_prediction),
        cmocka_unit_test(the_best_k_come_in_order_and_ties_by_index),
        cmocka_unit_test(text_and_json_are_those_of_the_contract),
        cmocka_unit_test(a_failure_shows_code_sentence_and_part_but_no_label),
        cmocka_unit_test(without_labels_the_index_is_the_label),
        cmocka_unit_test(the_progress_bar_fills),
        cmocka_unit_test(a_table_is_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
