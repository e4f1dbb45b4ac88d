/* What clients are told of a model, and what a model does not fit. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/welcome.h"
#include "common/info.h"
#include "common/service.h"

static part_t parts[2];
static model_t model;
static broker_config_t config;

static tensor_spec_t
s_spec(const char *name, shape_t shape)
{
    tensor_spec_t spec = {.dtype = DTYPE_FLOAT32, .shape = shape};
    snprintf(spec.name, sizeof spec.name, "%s", name);
    return spec;
}

/* Pictures of 8 x 8 become 5 scores; 300 numbers go from part to part. */
static int
s_model(void **state)
{
    (void)state;
    static char name[] = "made-up";
    memset(parts, 0, sizeof parts);
    parts[0].inputs_count = parts[0].outputs_count = 1;
    parts[1].inputs_count = parts[1].outputs_count = 1;
    parts[0].inputs[0] =
        s_spec("x", (shape_t){.rank = 4, .dims = {DIM_BATCH, 3, 8, 8}});
    parts[0].outputs[0] = parts[1].inputs[0] =
        s_spec("h", (shape_t){.rank = 2, .dims = {DIM_BATCH, 300}});
    parts[1].outputs[0] =
        s_spec("y", (shape_t){.rank = 2, .dims = {DIM_BATCH, 5}});
    model = (model_t){.name = name,
                      .parts = parts,
                      .parts_count = 2,
                      .scores = MODEL_SCORES_LOGITS};
    config = (broker_config_t){.takes_images = true};
    image_transform_init(&config.image, 8, 8);
    config.core.window_jobs = 7;
    config.core.window_bytes = 9000;
    return 0;
}

static void
the_largest_tensor_is_found_at_any_boundary(void **state)
{
    (void)state;
    assert_int_equal(welcome_frame_bytes(&model), 1200);
    parts[0].outputs[0].shape.dims[1] = 100;
    parts[1].inputs[0].shape.dims[1] = 100;
    assert_int_equal(welcome_frame_bytes(&model), 3 * 8 * 8 * 4);
    parts[1].outputs[0].shape.dims[1] = 1000;
    assert_int_equal(welcome_frame_bytes(&model), 4000);
}

static void
clients_learn_everything_from_one_frame(void **state)
{
    (void)state;
    fault_t fault = {0};
    static char texts[5][2] = {"a", "b", "c", "d", "e"};
    static char *labels[5];
    for (int i = 0; i < 5; i++)
        labels[i] = texts[i];
    model.labels = labels;
    model.labels_count = 5;
    payload_t *payload = welcome_encode(&config, &model, 1200, &fault);
    assert_ok(payload ? 0 : -1, &fault);
    assert_int_equal(payload_count(payload), 1);

    size_t size;
    service_t service;
    const void *bytes = payload_frame(payload, 0, &size);
    json_t *object = info_decode(bytes, size, &fault);
    assert_non_null(object);
    assert_ok(service_decode(&service, object, &fault), &fault);
    assert_string_equal(service.model, "made-up");
    assert_int_equal(service.parts_count, 2);
    assert_string_equal(service.inputs[0].name, "x");
    assert_string_equal(service.outputs[0].name, "y");
    assert_true(service.has_image);
    assert_int_equal(service.image.height, 8);
    assert_int_equal(service.scores, SCORES_LOGITS);
    assert_int_equal(service.labels_count, 5);
    assert_string_equal(service.labels[4], "e");
    assert_int_equal(service.frame_bytes_max, 1200);
    assert_int_equal(service.window_jobs, 7);
    assert_int_equal(service.window_bytes, 9000);
    service_release(&service);
    json_decref(object);
    payload_destroy(&payload);
}

static void
pictures_of_another_shape_are_refused(void **state)
{
    (void)state;
    fault_t fault = {0};
    config.image.width = 9;
    assert_null(welcome_encode(&config, &model, 1200, &fault));
    assert_int_equal(fault.code, FAULT_CONFIG);
    assert_non_null(strstr(fault.text, "[3, 8, 9]"));
    assert_non_null(strstr(fault.text, "[N, 3, 8, 8]"));

    config.image.width = 8;
    parts[0].inputs[0].dtype = DTYPE_UINT8;
    assert_null(welcome_encode(&config, &model, 1200, &fault));
    assert_non_null(strstr(fault.text, "uint8"));

    parts[0].inputs[0].dtype = DTYPE_FLOAT32;
    parts[0].inputs[0].shape.dims[0] = 2; /* a job is one picture */
    assert_null(welcome_encode(&config, &model, 1200, &fault));
    assert_non_null(strstr(fault.text, "[2, 3, 8, 8]"));
}

static void
more_labels_than_a_frame_holds_are_a_sentence(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    static char label[] = "a label of exactly forty bytes, no more.";
    static char *labels[COUNT];
    fault_t fault = {0};
    for (int i = 0; i < COUNT; i++)
        labels[i] = label;
    model.labels = labels;
    model.labels_count = COUNT;
    assert_null(welcome_encode(&config, &model, 1200, &fault));
    assert_int_equal(fault_exit_status(fault.code), 78);
    assert_non_null(strstr(fault.text, "what clients are told"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_largest_tensor_is_found_at_any_boundary,
                               s_model),
        cmocka_unit_test_setup(clients_learn_everything_from_one_frame,
                               s_model),
        cmocka_unit_test_setup(pictures_of_another_shape_are_refused, s_model),
        cmocka_unit_test_setup(more_labels_than_a_frame_holds_are_a_sentence,
                               s_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
