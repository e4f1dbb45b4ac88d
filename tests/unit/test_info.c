/* Info frames and the typed description of a service. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/info.h"
#include "common/service.h"

static void
s_service(service_t *service)
{
    fault_t fault;
    service_init(service);
    strcpy(service->model, "emoji10");
    memset(service->digest.bytes, 0x5c, sizeof service->digest.bytes);
    service->parts_count = 2;
    service->inputs_count = service->outputs_count = 1;
    service->inputs[0] =
        (tensor_spec_t){"input", DTYPE_FLOAT32, {4, {DIM_BATCH, 3, 32, 24}}};
    service->outputs[0] =
        (tensor_spec_t){"probabilities", DTYPE_FLOAT32, {2, {DIM_BATCH, 3}}};
    service->has_image = true;
    image_transform_init(&service->image, 32, 24);
    service->image.mean[1] = 0.456;
    service->image.std[2] = 0.225;
    service->scores = SCORES_LOGITS;
    assert_ok(service_add_label(service, "cat", 3, &fault), &fault);
    assert_ok(service_add_label(service, "dog", 3, &fault), &fault);
    assert_ok(service_add_label(service, "\xc3\xa4pfel", 6, &fault), &fault);
    service->frame_bytes_max = 64 << 20;
    service->window_jobs = 32;
    service->window_bytes = (uint64_t)1 << 40;
}

static void
a_service_survives_the_way_there_and_back(void **state)
{
    (void)state;
    service_t there, back;
    fault_t fault;
    void *bytes;
    size_t size;
    s_service(&there);
    json_t *object = service_encode(&there, &fault);
    assert_ok(info_encode(object, &bytes, &size, &fault), &fault);
    json_decref(object);
    object = info_decode(bytes, size, &fault);
    assert_non_null(object);
    assert_ok(service_decode(&back, object, &fault), &fault);
    assert_string_equal(back.model, "emoji10");
    assert_true(digest_equal(&back.digest, &there.digest));
    assert_int_equal(back.parts_count, 2);
    assert_true(shape_equal(&back.inputs[0].shape, &there.inputs[0].shape));
    assert_string_equal(back.outputs[0].name, "probabilities");
    assert_true(back.has_image);
    assert_int_equal(back.image.height, 32);
    assert_int_equal(back.image.width, 24);
    assert_true(back.image.mean[1] == 0.456);
    assert_true(back.image.std[2] == 0.225);
    assert_int_equal(back.scores, SCORES_LOGITS);
    assert_int_equal(back.labels_count, 3);
    assert_string_equal(back.labels[2], "\xc3\xa4pfel");
    assert_true(back.window_bytes == (uint64_t)1 << 40);
    json_decref(object);
    free(bytes);
    service_release(&there);
    service_release(&back);
}

static void
a_grey_transform_has_one_mean(void **state)
{
    (void)state;
    service_t there, back;
    fault_t fault;
    s_service(&there);
    there.image.channels = IMAGE_GREY;
    there.image.layout = IMAGE_NHWC;
    there.image.filter = IMAGE_BICUBIC;
    there.image.range = 255.0;
    there.image.mean[0] = 127.5;
    there.inputs[0].shape = (shape_t){4, {DIM_BATCH, 32, 24, 1}};
    json_t *object = service_encode(&there, &fault);
    json_t *image = json_object_get(object, "image");
    assert_int_equal(json_array_size(json_object_get(image, "mean")), 1);
    assert_ok(service_decode(&back, object, &fault), &fault);
    assert_int_equal(back.image.channels, IMAGE_GREY);
    assert_int_equal(back.image.layout, IMAGE_NHWC);
    assert_int_equal(back.image.filter, IMAGE_BICUBIC);
    assert_true(back.image.range == 255.0 && back.image.mean[0] == 127.5);
    service_release(&back);
    json_array_append_new(json_object_get(image, "std"), json_real(1));
    assert_int_equal(service_decode(&back, object, &fault), -1);
    assert_non_null(strstr(fault.text, "std"));
    json_decref(object);
    service_release(&there);
}

static void
a_service_needs_neither_image_nor_labels(void **state)
{
    (void)state;
    service_t there, back;
    fault_t fault;
    s_service(&there);
    service_release(&there);
    s_service(&there);
    there.has_image = false;
    json_t *object = service_encode(&there, &fault);
    json_object_set_new(object, "labels", json_null());
    assert_ok(service_decode(&back, object, &fault), &fault);
    assert_false(back.has_image);
    assert_int_equal(back.labels_count, 0);
    json_decref(object);
    service_release(&there);
    service_release(&back);
}

static void
wrong_descriptions_are_refused_by_key(void **state)
{
    (void)state;
    const struct {
        const char *change; /* merged over a good description */
        const char *why;
    } cases[] = {
        {"{\"model\": 5}", "model"},
        {"{\"model\": \"a\\u0007b\"}", "model"},
        {"{\"digest\": \"5c\"}", "digest"},
        {"{\"parts\": 0}", "parts"},
        {"{\"parts\": 2.0}", "parts"},
        {"{\"inputs\": []}", "inputs"},
        {"{\"inputs\": {}}", "inputs"},
        {"{\"inputs\": [{\"name\":\"x\",\"dtype\":\"complex64\","
         "\"shape\":[1]}]}",
         "inputs"},
        {"{\"inputs\": [{\"name\":\"x\",\"dtype\":\"float32\","
         "\"shape\":[1,\"N\"]}]}",
         "shape"},
        {"{\"inputs\": [{\"name\":\"x\",\"dtype\":\"float32\","
         "\"shape\":[-1]}]}",
         "shape"},
        {"{\"inputs\": [{\"name\":\"x\",\"dtype\":\"float32\","
         "\"shape\":[9223372036854775807, 9]}]}",
         "inputs"},
        {"{\"outputs\": [{\"name\":\"y\",\"dtype\":\"float32\","
         "\"shape\":[\"N\",268435457]}], \"labels\": null}",
         "outputs"},
        {"{\"inputs\": [{\"name\":\"x\",\"dtype\":\"float32\","
         "\"shape\":[\"N\",3,32,25]}]}",
         "image transform"},
        {"{\"image\": {\"size\": [32]}}", "size"},
        {"{\"image\": 7}", "image"},
        {"{\"labels\": [\"cat\", \"dog\"]}", "labels"},
        {"{\"labels\": [\"cat\", \"dog\", 5]}", "labels"},
        {"{\"labels\": [\"cat\", \"dog\", \"\"]}", "label 2"},
        {"{\"scores\": \"guesses\"}", "scores"},
        {"{\"limits\": null}", "limits"},
        {"{\"limits\": {\"frame_bytes\": -1}}", "frame_bytes"},
    };
    service_t there, back;
    fault_t fault;
    s_service(&there);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *object = service_encode(&there, &fault);
        json_t *change = json_loads(cases[i].change, 0, NULL);
        assert_non_null(change);
        json_object_update(object, change);
        if (service_decode(&back, object, &fault) == 0 ||
            fault.code != FAULT_BAD_FRAME || !strstr(fault.text, cases[i].why))
            fail_msg("case %zu: %s", i, fault.text);
        json_decref(change);
        json_decref(object);
    }
    service_release(&there);
}

static void
every_kind_of_value_survives(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,-1,0.5,true,false,null,\"x\",[],{}],"
                       "\"\":{\"b\":9223372036854775807,\"d\":\"\","
                       "\"c\":-9223372036854775808}}";
    json_t *object = json_loads(text, 0, NULL), *again;
    void *bytes;
    size_t size;
    fault_t fault;
    assert_ok(info_encode(object, &bytes, &size, &fault), &fault);
    again = info_decode(bytes, size, &fault);
    assert_true(json_equal(object, again));
    for (size_t cut = 0; cut < size; cut++) {
        void *exact = test_malloc(cut ? cut : 1);
        memcpy(exact, bytes, cut);
        assert_null(info_decode(exact, cut, &fault));
        assert_int_equal(fault.code, FAULT_BAD_FRAME);
        test_free(exact);
    }
    json_decref(object);
    json_decref(again);
    free(bytes);
}

static void
bytes_that_break_a_rule_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {"\xdf\xff\xff\xff\xff", 5, "too many entries"},
        {"\x81\xa1x\xdd\xff\xff\xff\xff", 8, "more is announced"},
        {"\x81\xa1x\xc4\x01\x00", 6, "byte string"},
        {"\x81\x01\x01", 3, "key"},
        {"\x82\xa1x\x01\xa1x\x01", 7, "twice"},
        {"\x81\xa1\x00\x01", 4, "key"},
        {"\x81\xa1x\xa1\x1b", 5, "printable"},
        {"\x81\xa1x\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", 12, "finite"},
        {"\x81\xa1x\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 12, "63 bits"},
        {"\x81\xa1x\x91\x91\x91\x91\x91\x91\x01", 10, "deeply"},
        {"\x01", 1, "not a map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fault_t fault = {0};
        json_t *object = info_decode(cases[i].bytes, cases[i].size, &fault);
        if (object || !strstr(fault.text, cases[i].why))
            fail_msg("case %zu: %s", i, fault.text);
    }
}

static void
a_description_that_is_too_large_is_not_encoded(void **state)
{
    (void)state;
    void *bytes;
    size_t size;
    fault_t fault;
    json_t *list = json_array();
    char text[1000];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 1100; i++)
        json_array_append_new(list, json_stringn(text, sizeof text));
    json_t *object = json_pack("{s:o}", "list", list);
    assert_int_equal(info_encode(object, &bytes, &size, &fault), -1);
    assert_int_equal(fault.code, FAULT_TOO_LARGE);
    json_decref(object);

    object = json_loads("{\"a\":[[[[[[1]]]]]]}", 0, NULL);
    assert_int_equal(info_encode(object, &bytes, &size, &fault), -1);
    json_decref(object);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_survives_the_way_there_and_back),
        cmocka_unit_test(a_grey_transform_has_one_mean),
        cmocka_unit_test(a_service_needs_neither_image_nor_labels),
        cmocka_unit_test(wrong_descriptions_are_refused_by_key),
        cmocka_unit_test(every_kind_of_value_survives),
        cmocka_unit_test(bytes_that_break_a_rule_are_refused),
        cmocka_unit_test(a_description_that_is_too_large_is_not_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
