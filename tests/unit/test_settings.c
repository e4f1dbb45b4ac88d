/* Config files: what is refused, the tree, the table and its reference. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/logger.h"
#include "common/settings.h"

static settings_t *
s_parse(const char *text, fault_t *fault)
{
    return settings_parse(text, strlen(text), "etc/a.cfg", fault);
}

static void
s_refused(const char *text, const char *sentence)
{
    fault_t fault;
    settings_t *settings = s_parse(text, &fault);
    assert_null(settings);
    assert_int_equal(fault.code, FAULT_CONFIG);
    assert_string_equal(fault.text, sentence);
}

static void
the_tree_keeps_names_lines_and_values(void **state)
{
    (void)state;
    fault_t fault;
    settings_t *settings = s_parse("a = 1;\n"
                                   "b: {\n"
                                   "  c = [1.5, 2.0];\n"
                                   "  d = ( { op = \"x\"; on = true; },\n"
                                   "        ( 7, \"y\" \"z\" ) );\n"
                                   "  big = 5000000000L;\n"
                                   "};\n",
                                   &fault);
    if (!settings)
        fail_msg("%s", fault.text);
    const setting_t *root = settings_root(settings);
    assert_int_equal(setting_kind(root), SETTING_GROUP);
    assert_int_equal(setting_count(root), 2);
    const setting_t *a = setting_find(root, "a"), *b = setting_find(root, "b");
    assert_int_equal(setting_int(a), 1);
    assert_true(setting_float(a) == 1.0);
    assert_int_equal(setting_line(a), 1);
    const setting_t *c = setting_find(b, "c"), *d = setting_find(b, "d");
    assert_int_equal(setting_kind(c), SETTING_LIST);
    assert_true(setting_float(setting_at(c, 0)) == 1.5);
    assert_string_equal(setting_text(setting_find(setting_at(d, 0), "op")),
                        "x");
    assert_true(setting_bool(setting_find(setting_at(d, 0), "on")));
    const setting_t *text = setting_at(setting_at(d, 1), 1);
    assert_string_equal(setting_text(text), "yz");
    assert_int_equal(setting_line(text), 5);
    assert_null(setting_name(text));
    char path[SETTINGS_PATH_MAX];
    assert_string_equal(setting_path_text(text, path), "b.d[1][1]");
    assert_int_equal(setting_int(setting_find(b, "big")), 5000000000);
    assert_null(setting_find(b, "nothing"));
    assert_int_equal(setting_fault(text, &fault, "is %d", 3), -1);
    assert_string_equal(fault.text, "etc/a.cfg:5: b.d[1][1]: is 3");
    settings_destroy(&settings);
    assert_null(settings);
}

static void
integers_that_libconfig_would_wrap_are_refused(void **state)
{
    (void)state;
    s_refused("# 99999999999\n/* 99999999999\n*/ s = \"99999999999 \\\" 1\";\n"
              "a = 2147483648;\n",
              "etc/a.cfg:4: 2147483648 does not fit 32 bits (an L behind it "
              "makes it 64)");
    s_refused("a = -2147483649;", "etc/a.cfg:1: -2147483649 does not fit 32 "
                                  "bits (an L behind it makes it 64)");
    s_refused("a = 0x80000000;", "etc/a.cfg:1: 0x80000000 does not fit 32 "
                                 "bits (an L behind it makes it 64)");
    s_refused("a = [1, 9223372036854775808L];",
              "etc/a.cfg:1: 9223372036854775808 does not fit 64 bits");
    fault_t fault;
    settings_t *settings =
        s_parse("a = -2147483648; b = 2147483647; c = 3000000000L; "
                "d = 1e300; e = 99999999999.5; f = 0x7fffffff;",
                &fault);
    assert_non_null(settings);
    settings_destroy(&settings);
}

/* What a beginner gets wrong, and libconfig calls a syntax error. */
static void
commas_of_lists_are_explained(void **state)
{
    (void)state;
    const char *surplus = ": syntax error; lists take no comma after the last "
                          "item";
    const char *missing = ": syntax error; the items of a list need commas "
                          "between them";
    const char *plain =
        ": syntax error; [ ] takes only numbers or texts, a list "
        "of groups or lists is in ( )";
    static const struct {
        const char *text;
        int line;
        char kind;
    } cases[] = {
        {"a = (\n { b = 1; },\n { b = 2; },\n);", 3, 's'},
        {"a = [1, 2,];", 1, 's'},
        {"a = (1, 2, # none\n /* more */ // at all\n\n );", 1, 's'},
        {"a = (\n { b = 1; }\n { b = 2; });", 3, 'm'},
        {"a = [1 2];", 1, 'm'},
        {"a = (\"x\" 2);", 1, 'm'},
        {"a = (2 \"x\");", 1, 'm'},
        {"a = ((1) (2));", 1, 'm'},
        {"a = [ { b = 1; } ];", 1, 'p'},
        {"a = [\n(1), (2)];", 2, 'p'},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[160];
        snprintf(wanted, sizeof wanted, "etc/a.cfg:%d%s", cases[i].line,
                 cases[i].kind == 's'   ? surplus
                 : cases[i].kind == 'm' ? missing
                                        : plain);
        s_refused(cases[i].text, wanted);
    }
    fault_t fault;
    settings_t *settings =
        s_parse("a = (\"x\" \"y\", { b = 1, c = 2, }, [1, 2], ()), "
                "d = [ ]; e = ( 1 /* , */ ); f = { g = [\"),\"] }",
                &fault);
    assert_ok(settings ? 0 : -1, &fault);
    settings_destroy(&settings);
}

static void
hostile_texts_are_refused_in_a_sentence(void **state)
{
    (void)state;
    s_refused("a = ;", "etc/a.cfg:1: syntax error");
    s_refused("a = 1;\nb = [1, \"x\"];\n", "etc/a.cfg:2: mismatched element "
                                           "type in array");
    s_refused("a = 1;\na = 2;\n", "etc/a.cfg:2: duplicate setting name");
    s_refused("a = 1;\n@include \"/etc/passwd\"\n",
              "etc/a.cfg:2: @include is not allowed");
    s_refused("a = \"b;\n\n", "etc/a.cfg:1: a string has no end");
    s_refused("\n/* b;\n\n", "etc/a.cfg:2: a comment has no end");
    s_refused("a = ((((((((((((((((( 1 )))))))))))))))));",
              "etc/a.cfg:1: nested deeper than 16");
    fault_t fault;
    assert_null(settings_parse("a = 1;\0b", 8, "etc/a.cfg", &fault));
    assert_string_equal(fault.text, "etc/a.cfg: not a text file");

    size_t size = SETTINGS_FILE_BYTES_MAX + 1;
    char *text = malloc(size);
    memset(text, '\n', size);
    assert_null(settings_parse(text, size, "etc/a.cfg", &fault));
    assert_string_equal(fault.text, "etc/a.cfg: larger than 1024 KiB");
    memset(text, ',', size - 1);
    assert_null(settings_parse(text, size - 1, "etc/a.cfg", &fault));
    assert_string_equal(fault.text, "etc/a.cfg: more than 32768 values");
    char *at = text;
    for (int i = 0; i <= 1024; i++)
        at += sprintf(at, "n%d=%d;\n", i, i);
    assert_null(settings_parse(text, (size_t)(at - text), "etc/a.cfg", &fault));
    assert_string_equal(fault.text,
                        "etc/a.cfg:1025: more than 1024 names in a group");
    free(text);
}

static void
a_file_that_anyone_may_write_is_refused(void **state)
{
    (void)state;
    fault_t fault;
    tests_write("a.cfg", "a = 1;\n", 7);
    assert_int_equal(chmod("a.cfg", 0606), 0);
    assert_null(settings_open("a.cfg", &fault));
    assert_string_equal(fault.text,
                        "a.cfg: anyone may write this file; chmod o-w it");
    assert_int_equal(chmod("a.cfg", 0660), 0);
    logger_setup("broker", LOGGER_ERROR, LOGGER_BRIEF);
    settings_t *settings = settings_open("a.cfg", &fault);
    assert_non_null(settings);
    settings_destroy(&settings);
    assert_null(settings_open("absent.cfg", &fault));
    assert_string_equal(fault.text, "absent.cfg: No such file or directory");
    assert_null(settings_open(".", &fault));
    assert_string_equal(fault.text, ".: not a file");
    assert_int_equal(fault.code, FAULT_CONFIG);
}

static void
relative_paths_start_at_the_folder_of_the_file(void **state)
{
    (void)state;
    fault_t fault;
    settings_t *settings = s_parse("", &fault);
    assert_string_equal(settings_resolve(settings, "w.pth", &fault),
                        "etc/w.pth");
    assert_string_equal(settings_resolve(settings, "/w.pth", &fault), "/w.pth");
    settings_destroy(&settings);
    settings = settings_parse("", 0, "a.cfg", &fault);
    assert_string_equal(settings_resolve(settings, "w.pth", &fault), "w.pth");
    settings_destroy(&settings);
}

/* --- the table --- */

typedef struct values {
    const char *name, *weights, *clients;
    int resize;
    settings_ints_t size;
    settings_floats_t mean;
    settings_texts_t cuts;
    const setting_t *layers;
    int64_t memory_mib;
    bool ignore;
    double rate;
} values_t;

static const settings_key_t keys[] = {
    {.path = "model.name",
     .type = SETTINGS_TEXT,
     .offset = offsetof(values_t, name),
     .required = true,
     .example = "\"cifar10\"",
     .help = "what status shows"},
    {.path = "model.weights",
     .type = SETTINGS_PATH,
     .offset = offsetof(values_t, weights),
     .example = "\"w.pth\"",
     .help =
         "the checkpoint, a file made by torch.save of a state_dict or of a "
         "dict that holds one"},
    {.path = "model.image.size",
     .type = SETTINGS_INTS,
     .offset = offsetof(values_t, size),
     .min = 1,
     .max = 8192,
     .count_min = 2,
     .count_max = 2,
     .example = "[32, 32]",
     .help = "height and width"},
    {.path = "model.image.resize",
     .type = SETTINGS_CHOICE,
     .offset = offsetof(values_t, resize),
     .choices = "stretch|crop",
     .fallback = "\"stretch\"",
     .help = "how"},
    {.path = "model.image.mean",
     .type = SETTINGS_FLOATS,
     .offset = offsetof(values_t, mean),
     .min = -1000,
     .max = 1000,
     .count_min = 1,
     .count_max = 3,
     .fallback = "[0.0, 0.0, 0.0]",
     .help = "subtracted"},
    {.path = "model.layers",
     .type = SETTINGS_TREE,
     .offset = offsetof(values_t, layers),
     .example = "(\n  { op = \"ReLU\"; }\n)",
     .help = "the network"},
    {.path = "model.ignore_unused",
     .type = SETTINGS_BOOL,
     .offset = offsetof(values_t, ignore),
     .fallback = "false",
     .help = "of weights"},
    {.path = "model.cuts",
     .type = SETTINGS_TEXTS,
     .offset = offsetof(values_t, cuts),
     .example = "[\"relu2\"]",
     .help = "tensors"},
    {.path = "broker.clients",
     .type = SETTINGS_TEXT,
     .offset = offsetof(values_t, clients),
     .fallback = "\"tcp://127.0.0.1:5570\"",
     .help = "where"},
    {.path = "broker.memory_mib",
     .type = SETTINGS_INT,
     .offset = offsetof(values_t, memory_mib),
     .min = 1,
     .max = 1048576,
     .fallback = "1024",
     .help = "of jobs"},
    {.path = "broker.rate",
     .type = SETTINGS_FLOAT,
     .offset = offsetof(values_t, rate),
     .min = 0,
     .max = 1,
     .fallback = "0.5",
     .help = "of things"},
};

enum { KEYS = sizeof keys / sizeof keys[0] };

static void
s_table_refuses(const char *text, const char *sentence)
{
    fault_t fault;
    values_t values = {0};
    settings_t *settings = s_parse(text, &fault);
    if (!settings)
        fail_msg("%s", fault.text);
    assert_int_equal(settings_read(settings, keys, KEYS, &values, NULL, &fault),
                     -1);
    assert_int_equal(fault.code, FAULT_CONFIG);
    assert_string_equal(fault.text, sentence);
    settings_destroy(&settings);
}

static void
the_table_fills_the_struct(void **state)
{
    (void)state;
    fault_t fault;
    values_t values = {0};
    bool given[KEYS];
    settings_t *settings =
        s_parse("model: { name = \"n\"; weights = \"w.pth\"; cuts = \"c\"; "
                "image = { size = (24, 32); resize = \"crop\"; "
                "mean = [1, 2]; }; layers = ( { op = \"ReLU\"; } ); };\n"
                "broker: { rate = 1; };",
                &fault);
    assert_non_null(settings);
    assert_ok(settings_read(settings, keys, KEYS, &values, given, &fault),
              &fault);
    assert_string_equal(values.name, "n");
    assert_string_equal(values.weights, "etc/w.pth");
    assert_int_equal(values.size.items[1], 32);
    assert_int_equal(values.resize, 1);
    assert_int_equal(values.mean.count, 2);
    assert_true(values.mean.items[1] == 2.0);
    assert_int_equal(values.cuts.count, 1);
    assert_int_equal(setting_count(values.layers), 1);
    assert_string_equal(values.clients, "tcp://127.0.0.1:5570");
    assert_int_equal(values.memory_mib, 1024);
    assert_true(values.rate == 1.0);
    assert_true(given[0]);
    assert_false(given[KEYS - 2]);
    settings_destroy(&settings);
}

static void
what_the_table_does_not_know_is_refused(void **state)
{
    (void)state;
    s_table_refuses("model: {\n name = \"n\";\n wieghts = \"w\"; };",
                    "etc/a.cfg:3: model.wieghts: unknown key; did you mean "
                    "weights?");
    s_table_refuses("modle: {};",
                    "etc/a.cfg:1: modle: unknown key; did you mean model?");
    s_table_refuses("zebra = 1;", "etc/a.cfg:1: zebra: unknown key");
    s_table_refuses("model = 1;",
                    "etc/a.cfg:1: model: a group { } is expected");
    s_table_refuses("model: { name = 3; };",
                    "etc/a.cfg:1: model.name: a text in quotes is expected, "
                    "not a whole number");
    s_table_refuses("broker: {};", "etc/a.cfg: model.name is missing");
    s_table_refuses("model: { name = \"n\"; image = { size = [3]; }; };",
                    "etc/a.cfg:1: model.image.size: 2 values are expected, "
                    "not 1");
    s_table_refuses("model: { name = \"n\"; image = { size = [3, 0]; }; };",
                    "etc/a.cfg:1: model.image.size[1]: 0 is not within 1 to "
                    "8192");
    s_table_refuses("model: { name = \"n\"; image = { resize = \"cro\"; }; };",
                    "etc/a.cfg:1: model.image.resize: \"cro\" is not one of "
                    "stretch|crop");
    s_table_refuses("model: { name = \"n\"; layers = 3; };",
                    "etc/a.cfg:1: model.layers: a list ( ) or a group { } is "
                    "expected");
    s_table_refuses("model: { name = \"n\"; }; broker: { rate = 1.5; };",
                    "etc/a.cfg:1: broker.rate: 1.5 is not within 0 to 1");
    s_table_refuses("model: { name = \"n\"; }; broker: { memory_mib = 1.0; };",
                    "etc/a.cfg:1: broker.memory_mib: a whole number is "
                    "expected, not a number");
}

static void
the_reference_shows_every_key_and_can_be_read(void **state)
{
    (void)state;
    fault_t fault;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_ok(settings_write_reference(out, "Every key.", keys, KEYS, &fault),
              &fault);
    fclose(out);
    assert_non_null(strstr(text, "# Every key.\n"));
    assert_non_null(strstr(text, "\nmodel: {\n"));
    assert_non_null(strstr(text, "\n  # weights = \"w.pth\";\n"));
    assert_non_null(strstr(text, "\n  image: {\n"));
    assert_non_null(strstr(text, "\n    resize = \"stretch\";\n"));
    assert_non_null(strstr(text, "\n  };\n  # the network (optional)\n"
                                 "  # layers = (\n  #   { op = \"ReLU\"; }\n"));
    assert_non_null(strstr(text, "\n};\n\nbroker: {\n"));
    settings_t *settings = s_parse(text, &fault);
    if (!settings)
        fail_msg("%s", fault.text);
    values_t values = {0};
    assert_ok(settings_read(settings, keys, KEYS, &values, NULL, &fault),
              &fault);
    settings_destroy(&settings);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        assert_in_range(strlen(line), 0, 79);
    free(text);
}

static void
a_group_passed_through_can_be_held_to_its_names(void **state)
{
    (void)state;
    fault_t fault;
    static const char *const names[] = {"op", "padding"};
    settings_t *settings = s_parse("op = \"x\";\npading = 1;", &fault);
    assert_int_equal(setting_only(settings_root(settings), names, 2, &fault),
                     -1);
    assert_string_equal(fault.text, "etc/a.cfg:2: pading: unknown key; did you "
                                    "mean padding?");
    settings_destroy(&settings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_keeps_names_lines_and_values),
        cmocka_unit_test(integers_that_libconfig_would_wrap_are_refused),
        cmocka_unit_test(commas_of_lists_are_explained),
        cmocka_unit_test(hostile_texts_are_refused_in_a_sentence),
        cmocka_unit_test(a_file_that_anyone_may_write_is_refused),
        cmocka_unit_test(relative_paths_start_at_the_folder_of_the_file),
        cmocka_unit_test(the_table_fills_the_struct),
        cmocka_unit_test(what_the_table_does_not_know_is_refused),
        cmocka_unit_test(the_reference_shows_every_key_and_can_be_read),
        cmocka_unit_test(a_group_passed_through_can_be_held_to_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
