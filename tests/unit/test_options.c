/* Command lines. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"

typedef struct flags {
    bool json;
    int64_t timeout_ms;
    const char *config, *colour;
    options_list_t brokers, images, outputs, keys;
} flags_t;

static const option_t rows[] = {
    {.name = "json",
     .kind = OPTION_FLAG,
     .environment = "CONVOY_JSON",
     .offset = offsetof(flags_t, json),
     .help = "for scripts"},
    {.name = "timeout",
     .kind = OPTION_INT,
     .value = "MS",
     .environment = "CONVOY_TIMEOUT",
     .fallback = "30000",
     .min = 1,
     .max = 86400000,
     .offset = offsetof(flags_t, timeout_ms),
     .help = "give a job up after this long, counted from the moment at which "
             "it was first sent to any of the brokers"},
    {.name = "config",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .value = "FILE",
     .offset = offsetof(flags_t, config),
     .help = "the file"},
    {.name = "colour",
     .kind = OPTION_TEXT,
     .choices = "red|green",
     .offset = offsetof(flags_t, colour),
     .help = "which"},
    {.name = "broker",
     .kind = OPTION_LIST,
     .value = "ENDPOINT",
     .environment = "CONVOY_BROKER",
     .fallback = "tcp://127.0.0.1:5570",
     .offset = offsetof(flags_t, brokers),
     .help = "where"},
    {.name = "image",
     .kind = OPTION_OPERANDS,
     .value = "FILE",
     .offset = offsetof(flags_t, images),
     .help = "what"},
    {.name = "output",
     .kind = OPTION_OPERANDS,
     .value = "[NAME=]OUT.npy",
     .belongs = "tensor",
     .offset = offsetof(flags_t, outputs),
     .help = "to"},
    {.name = "key",
     .kind = OPTION_LIST,
     .value = "FILE",
     .environment = "CONVOY_KEY",
     .max = 1,
     .belongs = "image|tensor|status",
     .offset = offsetof(flags_t, keys),
     .help = "with"},
};

static const char *const usages[] = {
    "--image FILE...   say what it shows",
    "--image FILE... [--timeout MS] [--broker ENDPOINT] [--colour red|green] "
    "[--json]",
    NULL};
static const program_t program = {.name = "tool",
                                  .summary = "Does things.",
                                  .usages = usages,
                                  .options = rows,
                                  .count = sizeof rows / sizeof rows[0],
                                  .brief = true,
                                  .log_level = "warning"};

typedef struct fixture {
    options_t options;
    flags_t flags;
    fault_t fault;
} fixture_t;

/* Parse a line whose words are separated by blanks. */
static int
s_parse(fixture_t *self, const char *line)
{
    static char copy[512];
    char *argv[32], *rest = copy;
    int argc = 0;
    *self = (fixture_t){0};
    snprintf(copy, sizeof copy, "tool %s", line);
    while (rest && *rest)
        argv[argc++] = strsep(&rest, " ");
    return options_parse(&self->options, &program, &self->flags, argc, argv,
                         &self->fault);
}

#define PARSES(line)                                                           \
    fixture_t f;                                                               \
    assert_ok(s_parse(&f, line), &f.fault)

static void
s_refused(const char *line, const char *sentence)
{
    fixture_t f;
    assert_int_equal(s_parse(&f, line), -1);
    assert_int_equal(f.fault.code, FAULT_USAGE);
    assert_string_equal(f.fault.text, sentence);
    options_release(&f.options);
}

static void
without_options_the_table_gives_the_defaults(void **state)
{
    (void)state;
    PARSES("");
    assert_int_equal(f.flags.timeout_ms, 30000);
    assert_null(f.flags.config);
    assert_false(f.flags.json);
    assert_int_equal(f.flags.brokers.count, 1);
    assert_string_equal(f.flags.brokers.items[0], "tcp://127.0.0.1:5570");
    assert_int_equal(f.flags.images.count, 0);
    assert_false(options_given(&f.options, "timeout"));
    options_release(&f.options);
}

static void
values_follow_after_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    PARSES("--timeout=5 --config a.cfg --json");
    assert_int_equal(f.flags.timeout_ms, 5);
    assert_string_equal(f.flags.config, "a.cfg");
    assert_true(f.flags.json);
    assert_true(options_given(&f.options, "timeout"));
    options_release(&f.options);
}

static void
a_letter_stands_for_the_long_name(void **state)
{
    (void)state;
    PARSES("-c a.cfg");
    assert_string_equal(f.flags.config, "a.cfg");
    options_release(&f.options);
    assert_ok(s_parse(&f, "-cb.cfg"), &f.fault);
    assert_string_equal(f.flags.config, "b.cfg");
    options_release(&f.options);
}

static void
operands_go_on_to_the_end_of_the_line(void **state)
{
    (void)state;
    PARSES("--image a - --timeout 7 b --output c d --json -- --odd");
    assert_int_equal(f.flags.images.count, 3);
    assert_string_equal(f.flags.images.items[1], "-");
    assert_string_equal(f.flags.images.items[2], "b");
    assert_int_equal(f.flags.outputs.count, 3);
    assert_string_equal(f.flags.outputs.items[2], "--odd");
    assert_int_equal(f.flags.timeout_ms, 7);
    options_release(&f.options);
}

static void
a_list_grows_each_time_it_is_given(void **state)
{
    (void)state;
    PARSES("--broker a --broker=b");
    assert_int_equal(f.flags.brokers.count, 2);
    assert_string_equal(f.flags.brokers.items[1], "b");
    options_release(&f.options);
}

static void
the_environment_stands_between_option_and_default(void **state)
{
    (void)state;
    setenv("CONVOY_TIMEOUT", "44", 1);
    setenv("CONVOY_BROKER", "x,y,,z", 1);
    setenv("CONVOY_JSON", "yes", 1);
    PARSES("");
    assert_int_equal(f.flags.timeout_ms, 44);
    assert_int_equal(f.flags.brokers.count, 3);
    assert_string_equal(f.flags.brokers.items[2], "z");
    assert_true(f.flags.json);
    options_release(&f.options);
    assert_ok(s_parse(&f, "--timeout 3 --broker w"), &f.fault);
    assert_int_equal(f.flags.timeout_ms, 3);
    assert_int_equal(f.flags.brokers.count, 1);
    options_release(&f.options);
    setenv("CONVOY_TIMEOUT", "soon", 1);
    s_refused("", "CONVOY_TIMEOUT: 'soon' is not a whole number");
    unsetenv("CONVOY_TIMEOUT");
    unsetenv("CONVOY_BROKER");
    unsetenv("CONVOY_JSON");
}

static void
a_wrong_line_is_refused_in_a_sentence(void **state)
{
    (void)state;
    s_refused("--timeot 3", "unknown option --timeot; did you mean --timeout? "
                            "(see --help)");
    s_refused("--zebra", "unknown option --zebra (see --help)");
    s_refused("-x", "unknown option -x (see --help)");
    s_refused("--timeout", "--timeout needs a value: MS");
    s_refused("--timeout --json", "--timeout needs a value: MS");
    s_refused("--timeout 0", "--timeout: 0 is not within 1 to 86400000");
    s_refused("--timeout -4", "--timeout: -4 is not within 1 to 86400000");
    s_refused("--timeout 99999999999999999999",
              "--timeout: 99999999999999999999 is not within 1 to 86400000");
    s_refused("--timeout 3s", "--timeout: '3s' is not a whole number");
    s_refused("--json=1", "--json takes no value");
    s_refused("--colour blue", "--colour: 'blue' is not one of red|green");
    s_refused("--broker=", "--broker: the value is empty");
    s_refused("--image --json", "--image needs a value: FILE");
    s_refused("cat.png --json", "'cat.png' belongs to no option (see --help)");
    s_refused("--log-level loud",
              "--log-level: 'loud' is not one of error|warning|info|debug");
}

static void
a_list_may_be_bounded_on_the_line_and_in_the_environment(void **state)
{
    (void)state;
    s_refused("--key a --key b", "--key: only 1 FILE is possible for now");
    setenv("CONVOY_KEY", "a,b", 1);
    s_refused("", "CONVOY_KEY: only 1 FILE is possible for now");
    setenv("CONVOY_KEY", ",", 1);
    s_refused("", "CONVOY_KEY: the value is empty");
    unsetenv("CONVOY_KEY");
}

static void
an_option_of_another_command_is_refused(void **state)
{
    (void)state;
    PARSES("--image a --json --key k");
    assert_ok(options_check(&f.options, &program, "image", &f.fault), &f.fault);
    assert_int_equal(options_check(&f.options, &program, "bench", &f.fault),
                     -1);
    assert_int_equal(f.fault.code, FAULT_USAGE);
    assert_string_equal(f.fault.text,
                        "--key belongs to --image, --tensor or --status, not "
                        "to --bench");
    options_release(&f.options);
    assert_ok(s_parse(&f, "--output o"), &f.fault);
    assert_int_equal(options_check(&f.options, &program, "image", &f.fault),
                     -1);
    assert_string_equal(f.fault.text, "--output belongs to --tensor, not to "
                                      "--image");
    options_release(&f.options);
    setenv("CONVOY_KEY", "a", 1);
    assert_ok(s_parse(&f, ""), &f.fault);
    assert_ok(options_check(&f.options, &program, "bench", &f.fault), &f.fault);
    options_release(&f.options);
    unsetenv("CONVOY_KEY");
}

static void
help_fits_eighty_columns_and_shows_every_row(void **state)
{
    (void)state;
    fault_t fault;
    char *help = options_help(&program, &fault);
    assert_non_null(help);
    assert_non_null(strstr(help, "usage: tool --image FILE...   say what"));
    assert_non_null(
        strstr(help, "ENDPOINT]\n            [--colour red|green] [--json]\n"));
    assert_non_null(strstr(help, "\n  -c, --config FILE"));
    assert_non_null(strstr(help, "\n      --output [NAME=]OUT.npy...\n"));
    assert_non_null(strstr(help, "default 30000"));
    assert_non_null(strstr(help, "$CONVOY_TIMEOUT"));
    assert_non_null(strstr(help, "repeatable"));
    assert_non_null(strstr(help, "one for now"));
    assert_non_null(strstr(help, "default warning"));
    assert_non_null(strstr(help, "--log-format FORMAT"));
    for (char *rest = help, *line; (line = strsep(&rest, "\n"));)
        assert_in_range(strlen(line), 0, 79);
    free(help);
}

static void
help_and_version_end_the_program_well(void **state)
{
    (void)state;
    fixture_t f;
    assert_int_equal(s_parse(&f, "--help --zebra"), 1);
    options_release(&f.options);
    assert_int_equal(s_parse(&f, "--version"), 1);
    options_release(&f.options);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_the_table_gives_the_defaults),
        cmocka_unit_test(values_follow_after_a_blank_or_an_equals_sign),
        cmocka_unit_test(a_letter_stands_for_the_long_name),
        cmocka_unit_test(operands_go_on_to_the_end_of_the_line),
        cmocka_unit_test(a_list_grows_each_time_it_is_given),
        cmocka_unit_test(the_environment_stands_between_option_and_default),
        cmocka_unit_test(a_wrong_line_is_refused_in_a_sentence),
        cmocka_unit_test(
            a_list_may_be_bounded_on_the_line_and_in_the_environment),
        cmocka_unit_test(an_option_of_another_command_is_refused),
        cmocka_unit_test(help_fits_eighty_columns_and_shows_every_row),
        cmocka_unit_test(help_and_version_end_the_program_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
