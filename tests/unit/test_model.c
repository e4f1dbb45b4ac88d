/* Building a model: what goes together, labels, scores, files, digests. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/model/labels.h"
#include "common/model/model.h"
#include "common/model/onnx.h"
#include "common/model/shape.h"
#include "common/settings.h"
#include "tests/support/sketch.h"

#define FLAT                                                                   \
    "({ op = \"ReLU\"; name = \"r\"; }, { op = \"Flatten\"; name = \"f\"; },"  \
    " { op = \"Softmax\"; name = \"s\"; })"

typedef struct recipe {
    settings_t *settings;
    model_options_t options;
    fault_t fault;
} recipe_t;

static void
s_recipe(recipe_t *self, const char *layers)
{
    char text[2048];
    snprintf(text, sizeof text, "layers = %s;", layers);
    self->settings = settings_parse(text, strlen(text), "m.cfg", &self->fault);
    if (!self->settings)
        fail_msg("%s", self->fault.text);
    model_options_init(&self->options);
    self->options.name = "m";
    self->options.layers =
        setting_find(settings_root(self->settings), "layers");
    self->options.input = (shape_t){3, {1, 2, 2}};
}

static model_t *
s_build(recipe_t *self)
{
    model_t *model = model_build(&self->options, &self->fault);
    if (!model)
        fail_msg("%s", self->fault.text);
    return model;
}

static void
s_refuse(recipe_t *self, fault_code_t code, const char *part)
{
    model_t *model = model_build(&self->options, &self->fault);
    assert_null(model);
    if (self->fault.code != code || !strstr(self->fault.text, part))
        fail_msg("%d: %s", (int)self->fault.code, self->fault.text);
}

static void
parts_are_files_under_their_digest(void **state)
{
    (void)state;
    recipe_t recipe;
    char hex[DIGEST_HEX + 1];
    digest_t digest;
    s_recipe(&recipe, "(({ op = \"ReLU\"; name = \"r\"; }),"
                      " ({ op = \"Flatten\"; }, { op = \"Softmax\"; }))");
    model_t *model = s_build(&recipe);
    assert_int_equal(model->parts_count, 2);
    for (int k = 0; k < 2; k++) {
        const part_t *part = &model->parts[k];
        assert_ok(digest_file(&digest, part->path, &recipe.fault),
                  &recipe.fault);
        assert_true(digest_equal(&digest, &part->digest));
        digest_text(&digest, hex, DIGEST_HEX);
        assert_non_null(strstr(part->path, hex));
        assert_true(part->batchable);
        onnx_model_t *file = onnx_open(part->path, &recipe.fault);
        assert_non_null(file);
        assert_string_equal(onnx_property(file, "convoy.model"), "m");
        assert_string_equal(onnx_property(file, "convoy.parts"), "2");
        assert_string_equal(onnx_property(file, "convoy.part"),
                            k == 0 ? "0" : "1");
        onnx_destroy(&file);
    }
    assert_string_equal(model->parts[0].outputs[0].name, "r");
    assert_string_equal(model->parts[1].inputs[0].name, "r");
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

static void
one_flat_list_without_a_cut_is_one_part(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    model_t *model = s_build(&recipe);
    assert_int_equal(model->parts_count, 1);
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

static void
scores_follow_the_last_node_unless_they_are_said(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    model_t *model = s_build(&recipe);
    assert_string_equal(model_scores_text(model->scores), "probabilities");
    model_destroy(&model);
    recipe.options.scores = MODEL_SCORES_LOGITS;
    model = s_build(&recipe);
    assert_string_equal(model_scores_text(model->scores), "logits");
    model_destroy(&model);
    settings_destroy(&recipe.settings);

    s_recipe(&recipe, "({ op = \"Flatten\"; })");
    model = s_build(&recipe);
    assert_string_equal(model_scores_text(model->scores), "logits");
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

static void
another_cut_is_another_digest(void **state)
{
    (void)state;
    recipe_t recipe;
    const char *const cuts[] = {"r"};
    s_recipe(&recipe, FLAT);
    model_t *whole = s_build(&recipe);
    recipe.options.cuts = cuts;
    recipe.options.cuts_count = 1;
    model_t *cut = s_build(&recipe);
    assert_int_equal(cut->parts_count, 2);
    assert_false(digest_equal(&whole->digest, &cut->digest));
    model_destroy(&whole);
    model_destroy(&cut);
    settings_destroy(&recipe.settings);
}

static void
options_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    recipe_t recipe;
    const char *const cuts[] = {"r"};
    s_recipe(&recipe, FLAT);
    recipe.options.cuts = cuts;
    recipe.options.cuts_count = 1;
    recipe.options.parts = 2;
    s_refuse(&recipe, FAULT_CONFIG, "model.parts and model.cuts");
    recipe.options.cuts_count = 0;
    recipe.options.file = "x.onnx";
    s_refuse(&recipe, FAULT_CONFIG, "one or the other");
    recipe.options.layers = NULL;
    recipe.options.file = NULL;
    s_refuse(&recipe, FAULT_CONFIG, "neither layers nor a file");
    settings_destroy(&recipe.settings);

    s_recipe(&recipe, "(({ op = \"ReLU\"; }), ({ op = \"Tanh\"; }))");
    recipe.options.parts = 2;
    s_refuse(&recipe, FAULT_CONFIG, "cut already");
    recipe.options.parts = 0;
    recipe.options.input.rank = 0;
    s_refuse(&recipe, FAULT_CONFIG, "model.image or model.input");
    settings_destroy(&recipe.settings);
}

/* model.image and model.input are about one tensor. */
static void
a_picture_for_two_inputs_is_refused(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    recipe.options.layers = NULL;
    recipe.options.file = tests_data("local/pairs.onnx");
    recipe.options.input = (shape_t){1, {4}};
    s_refuse(&recipe, FAULT_CONFIG, "it has 2 inputs");
    settings_destroy(&recipe.settings);
}

static void
files_that_are_not_there_are_named(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    recipe.options.weights = "nowhere.pth";
    s_refuse(&recipe, FAULT_INPUT, "nowhere.pth");
    recipe.options.weights = NULL;
    recipe.options.folder = "nofolder";
    s_refuse(&recipe, FAULT_SYSTEM, "nofolder");
    recipe.options.folder = ".";
    recipe.options.labels = "nolabels.txt";
    s_refuse(&recipe, FAULT_INPUT, "nolabels.txt");
    settings_destroy(&recipe.settings);
}

static void
a_frame_over_the_limit_is_refused(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, "(({ op = \"ReLU\"; name = \"r\"; }),"
                      " ({ op = \"Flatten\"; }))");
    recipe.options.rates.boundary_bytes_max = 15;
    s_refuse(&recipe, FAULT_CONFIG, "frame_mib");
    settings_destroy(&recipe.settings);
}

static void
a_model_of_an_onnx_file_is_cut_again(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    model_t *whole = s_build(&recipe);
    char path[256];
    snprintf(path, sizeof path, "%s", whole->parts[0].path);
    model_destroy(&whole);

    recipe.options.layers = NULL;
    recipe.options.file = path;
    recipe.options.parts = 3;
    model_t *model = s_build(&recipe);
    assert_int_equal(model->parts_count, 3);
    assert_string_equal(model_first(model)->inputs[0].name, "input");
    assert_string_equal(model_last(model)->outputs[0].name, "s");
    model_destroy(&model);
    recipe.options.input = (shape_t){3, {1, 2, 3}};
    s_refuse(&recipe, FAULT_CONFIG, "is [1, 2, 2], but");
    settings_destroy(&recipe.settings);
}

/* Workers know it from their part, and from a part that is cut again. */
static void
part_files_say_that_winograd_is_not_wanted(void **state)
{
    (void)state;
    recipe_t recipe;
    fault_t fault;
    s_recipe(&recipe, FLAT);
    for (int direct = 0; direct < 2; direct++) {
        recipe.options.direct = direct;
        model_t *model = s_build(&recipe);
        graph_t *graph = part_read(model->parts[0].path, &fault);
        assert_non_null(graph);
        assert_int_equal(graph->direct, direct);
        graph_destroy(&graph);
        recipe.options.layers = NULL;
        recipe.options.file = model->parts[0].path;
        recipe.options.direct = false;
        recipe.options.parts = 2;
        model_t *again = s_build(&recipe);
        graph = part_read(again->parts[1].path, &fault);
        assert_non_null(graph);
        assert_int_equal(graph->direct, direct);
        graph_destroy(&graph);
        model_destroy(&again);
        model_destroy(&model);
        settings_destroy(&recipe.settings);
        s_recipe(&recipe, FLAT);
    }
    settings_destroy(&recipe.settings);
}

static void
an_onnx_file_is_cut_behind_the_tensors_it_names(void **state)
{
    (void)state;
    recipe_t recipe;
    const char *const cuts[] = {"r", "f"}, *const none[] = {"g"};
    char path[256];
    s_recipe(&recipe, FLAT);
    model_t *whole = s_build(&recipe);
    snprintf(path, sizeof path, "%s", whole->parts[0].path);
    model_destroy(&whole);

    recipe.options.layers = NULL;
    recipe.options.file = path;
    recipe.options.cuts = cuts;
    recipe.options.cuts_count = 2;
    model_t *model = s_build(&recipe);
    assert_int_equal(model->parts_count, 3);
    assert_string_equal(model->parts[0].outputs[0].name, "r");
    assert_string_equal(model->parts[1].outputs[0].name, "f");
    model_destroy(&model);
    recipe.options.cuts = none;
    recipe.options.cuts_count = 1;
    s_refuse(&recipe, FAULT_CONFIG, "nothing makes a tensor 'g'");
    settings_destroy(&recipe.settings);
}

static void
a_file_that_fixes_its_batch_is_known(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    model_t *model = s_build(&recipe);
    assert_false(model->fixed_batch);
    onnx_model_t *file = onnx_open(model->parts[0].path, &recipe.fault);
    assert_non_null(file);
    model_destroy(&model);
    file->graph->values[file->graph->inputs[0]].shape.dims[0] = 1;
    assert_ok(
        onnx_write(file->graph, "fixed.onnx", NULL, 0, NULL, &recipe.fault),
        &recipe.fault);
    onnx_destroy(&file);
    recipe.options.layers = NULL;
    recipe.options.file = "fixed.onnx";
    model = s_build(&recipe);
    assert_true(model->fixed_batch);
    assert_false(model->parts[0].batchable);
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

static void
shares_alone_say_how_many_parts_there_are(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    recipe.options.rates.shares_count = 2;
    recipe.options.rates.shares[0] = 1;
    recipe.options.rates.shares[1] = 2;
    model_t *model = s_build(&recipe);
    assert_int_equal(model->parts_count, 2);
    model_destroy(&model);
    recipe.options.parts = 3;
    s_refuse(&recipe, FAULT_CONFIG,
             "model.shares names 2 machines, but there are 3 parts");
    settings_destroy(&recipe.settings);
}

static void
halves_are_what_the_part_files_say(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    recipe.options.parts = 2;
    recipe.options.rates.half = true;
    recipe.options.rates.boundary_bytes_max = 16;
    model_t *model = s_build(&recipe);
    const part_t *first = model_first(model), *last = model_last(model);
    assert_int_equal(first->inputs[0].dtype, DTYPE_FLOAT32);
    assert_int_equal(first->outputs[0].dtype, DTYPE_FLOAT16);
    assert_int_equal(first->out_bytes, 8);
    assert_string_equal(first->outputs[0].name, last->inputs[0].name);
    assert_int_equal(last->inputs[0].dtype, DTYPE_FLOAT16);
    assert_int_equal(last->outputs[0].dtype, DTYPE_FLOAT32);
    assert_string_equal(last->outputs[0].name, "s");
    assert_string_equal(model_scores_text(model->scores), "probabilities");
    onnx_model_t *file = onnx_open(first->path, &recipe.fault);
    assert_non_null(file);
    value_type_t *types = shape_types_new(file->graph, 1, &recipe.fault);
    assert_non_null(types);
    assert_int_equal(types[file->graph->outputs[0]].dtype, DTYPE_FLOAT16);
    free(types);
    onnx_destroy(&file);
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

static void
s_labels(const char *text, size_t size, size_t count, const char *part)
{
    fault_t fault;
    char **labels;
    size_t read;
    tests_write("labels.txt", text, size);
    int result = labels_read("labels.txt", &labels, &read, &fault);
    if (part) {
        assert_int_equal(result, -1);
        assert_null(labels);
        assert_non_null(strstr(fault.text, part));
        return;
    }
    assert_ok(result, &fault);
    assert_int_equal(read, count);
    assert_string_equal(labels[0], "cat");
    labels_release(labels, read);
}

static void
labels_are_lines_of_text(void **state)
{
    (void)state;
    s_labels("cat\ndog\n", 8, 2, NULL);
    s_labels("cat\r\ndog", 8, 2, NULL);
    s_labels("cat\n\ndog", 8, 0, "labels.txt:2");
    s_labels("cat\nd\0g\n", 8, 0, "labels.txt:2");
    s_labels("cat\n\xff\xfe\n", 7, 0, "labels.txt:2");
}

static void
the_config_says_what_an_open_axis_is(void **state)
{
    (void)state;
    recipe_t recipe;
    size_t size;
    uint8_t *bytes = sketch_bytes("opset 17\nin x float32 [N,3,N,N]\n"
                                  "node Relu x -> y\nout y\n",
                                  &size);
    tests_write("open.onnx", bytes, size);
    free(bytes);
    s_recipe(&recipe, FLAT);
    recipe.options.layers = NULL;
    recipe.options.file = "open.onnx";
    recipe.options.input = (shape_t){3, {3, 6, 9}};
    model_t *model = s_build(&recipe);
    const shape_t expected = {4, {DIM_BATCH, 3, 6, 9}};
    assert_true(shape_equal(&model->parts[0].inputs[0].shape, &expected));
    model_destroy(&model);

    recipe.options.input = (shape_t){3, {4, 6, 9}};
    s_refuse(&recipe, FAULT_CONFIG, "is [3, 6, 9], but model.image or");
    recipe.options.input = (shape_t){0};
    s_refuse(&recipe, FAULT_INPUT, "axis 2 has no size");
    settings_destroy(&recipe.settings);
}

static void
labels_of_another_number_than_the_outputs_are_refused(void **state)
{
    (void)state;
    recipe_t recipe;
    s_recipe(&recipe, FLAT);
    tests_write("three.txt", "a\nb\nc\n", 6);
    tests_write("four.txt", "a\nb\nc\nd\n", 8);
    recipe.options.labels = "three.txt";
    s_refuse(&recipe, FAULT_INPUT, "three.txt: 3 labels for the 4 outputs");
    recipe.options.labels = "four.txt";
    model_t *model = s_build(&recipe);
    assert_int_equal(model->labels_count, 4);
    assert_string_equal(model->labels[3], "d");
    model_destroy(&model);
    settings_destroy(&recipe.settings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_files_under_their_digest),
        cmocka_unit_test(one_flat_list_without_a_cut_is_one_part),
        cmocka_unit_test(scores_follow_the_last_node_unless_they_are_said),
        cmocka_unit_test(another_cut_is_another_digest),
        cmocka_unit_test(options_that_do_not_go_together_are_refused),
        cmocka_unit_test(a_picture_for_two_inputs_is_refused),
        cmocka_unit_test(files_that_are_not_there_are_named),
        cmocka_unit_test(a_frame_over_the_limit_is_refused),
        cmocka_unit_test(the_config_says_what_an_open_axis_is),
        cmocka_unit_test(a_model_of_an_onnx_file_is_cut_again),
        cmocka_unit_test(part_files_say_that_winograd_is_not_wanted),
        cmocka_unit_test(an_onnx_file_is_cut_behind_the_tensors_it_names),
        cmocka_unit_test(a_file_that_fixes_its_batch_is_known),
        cmocka_unit_test(shares_alone_say_how_many_parts_there_are),
        cmocka_unit_test(halves_are_what_the_part_files_say),
        cmocka_unit_test(labels_are_lines_of_text),
        cmocka_unit_test(labels_of_another_number_than_the_outputs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
