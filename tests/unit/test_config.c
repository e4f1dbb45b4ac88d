/* pipeline.cfg: what is taken, and what is refused in which sentence. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/config.h"

#define LAYERS                                                                 \
    "weights = \"a.pth\"; image = { size = [32, 32]; };\n"                     \
    "layers = ( { op = \"ReLU\"; } );\n"

/* A good model group, more of it, and the rest of the file. */
#define MODEL(more) "model: { name = \"m\";\n" LAYERS more "};\n"

typedef struct bad {
    const char *text;
    const char *sentence; /* a piece of what must be said */
} bad_t;

static void
s_refused(const bad_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        broker_config_t config;
        fault_t fault = {0};
        int result = broker_config_parse(&config, rows[i].text,
                                         strlen(rows[i].text), "p.cfg", &fault);
        if (result == 0)
            fail_msg("row %zu was taken: %s", i, rows[i].text);
        if (!strstr(fault.text, rows[i].sentence) ||
            !strstr(fault.text, "p.cfg"))
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, fault.text,
                     rows[i].sentence);
        assert_int_equal(fault_exit_status(fault.code), 78);
    }
}

#define REFUSED(rows) s_refused(rows, sizeof(rows) / sizeof((rows)[0]))

static void
s_parse(broker_config_t *config, const char *text)
{
    fault_t fault = {0};
    assert_ok(
        broker_config_parse(config, text, strlen(text), "dir/p.cfg", &fault),
        &fault);
}

static void
defaults_are_those_of_the_design(void **state)
{
    (void)state;
    broker_config_t config;
    s_parse(&config, MODEL(""));
    assert_string_equal(config.clients, "tcp://127.0.0.1:5570");
    assert_string_equal(config.workers, "tcp://127.0.0.1:5571");
    assert_int_equal(config.core.frame_bytes, 64 << 20);
    assert_int_equal(config.core.queue_jobs, 1024);
    assert_int_equal(config.core.window_jobs, 32);
    assert_int_equal(config.core.window_bytes, 64 << 20);
    assert_int_equal(config.core.sessions_clients, 256);
    assert_int_equal(config.core.sessions_workers, 256);
    assert_int_equal(config.core.heartbeat_ms, 1000);
    assert_int_equal(config.core.misses, 3);
    assert_int_equal(config.core.lease_min_ms, 2000);
    assert_int_equal(config.core.lease_max_ms, 60000);
    assert_int_equal(config.core.attempts, 3);
    assert_int_equal(config.core.drain_ms, 30000);
    assert_true(config.core.clients_may_drain);
    assert_true(config.core.memory_bytes >= 1 << 20);
    assert_true(config.core.memory_bytes <= (uint64_t)2048 << 20);
    assert_int_equal(config.model.scores, MODEL_SCORES_DEFAULT);
    assert_int_equal(config.model.parts, 0);
    assert_int_equal(config.model.cuts_count, 0);
    assert_false(config.model.ignore_unused);
    assert_false(config.model.direct);
    broker_config_release(&config);
}

static void
values_arrive_where_they_are_used(void **state)
{
    (void)state;
    broker_config_t config;
    s_parse(&config,
            "model: { name = \"cifar-10.v2\"; weights = \"w/a.pth\";\n"
            "labels = \"/abs/l.txt\"; scores = \"logits\";\n"
            "ignore_unused = true; winograd = false; cuts = (\"a\", \"b\");\n"
            "image = { size = (24, 32); resize = \"crop\"; shorter = 40;\n"
            "range = 255; mean = (1, 2.5, 3); std = (1, 1, 0.5); };\n"
            "layers = ( { op = \"ReLU\"; } ); };\n"
            "broker: { clients = \"tcp://localhost\"; workers = "
            "\"tcp://127.0.0.1:0\"; memory_mib = 100; frame_mib = 2; "
            "link_mbps = 100; drain_ms = 5; };\n"
            "security: { plain_networks = []; };\n");
    assert_string_equal(config.model.name, "cifar-10.v2");
    assert_string_equal(config.model.weights, "dir/w/a.pth");
    assert_string_equal(config.model.labels, "/abs/l.txt");
    assert_int_equal(config.model.scores, MODEL_SCORES_LOGITS);
    assert_true(config.model.ignore_unused);
    assert_true(config.model.direct);
    assert_int_equal(config.model.cuts_count, 2);
    assert_string_equal(config.model.cuts[1], "b");
    assert_int_equal(config.model.input.rank, 3);
    assert_int_equal(config.model.input.dims[1], 24);
    assert_int_equal(config.model.input.dims[2], 32);
    assert_true(config.takes_images);
    assert_int_equal(config.image.height, 24);
    assert_int_equal(config.image.resize, IMAGE_CROP);
    assert_int_equal(config.image.shorter, 40);
    assert_true(config.image.range == 255 && config.image.mean[1] == 2.5 &&
                config.image.std[2] == 0.5);
    assert_string_equal(config.clients, "tcp://127.0.0.1:5570");
    assert_string_equal(config.workers, "tcp://127.0.0.1:0");
    assert_int_equal(config.core.memory_bytes, 100 << 20);
    assert_int_equal(config.core.frame_bytes, 2 << 20);
    assert_int_equal(config.core.drain_ms, 5);
    assert_true(config.model.rates.boundary_bytes_max == 2 << 20);
    assert_true(config.model.rates.link_bytes_per_s == 12.5e6);
    broker_config_release(&config);
}

static void
pictures_may_be_grey_or_turned_and_their_axes_last(void **state)
{
    (void)state;
    broker_config_t config;
    s_parse(&config,
            "model: { name = \"m\"; file = \"a\";\n"
            "image = { size = [24, 32]; filter = \"bicubic\";\n"
            "channels = \"grey\"; mean = [0.5]; std = [0.25]; }; };\n");
    assert_int_equal(config.image.filter, IMAGE_BICUBIC);
    assert_int_equal(config.image.channels, IMAGE_GREY);
    assert_true(config.image.mean[0] == 0.5 && config.image.std[0] == 0.25);
    assert_int_equal(config.model.input.dims[0], 1);
    broker_config_release(&config);
    s_parse(&config, "model: { name = \"m\"; file = \"a\";\n"
                     "image = { size = [24, 32]; channels = \"bgr\";\n"
                     "layout = \"NHWC\"; }; };\n");
    assert_int_equal(config.image.channels, IMAGE_BGR);
    assert_true(config.image.mean[2] == 0.0 && config.image.std[2] == 1.0);
    assert_int_equal(config.model.input.dims[0], 24);
    assert_int_equal(config.model.input.dims[1], 32);
    assert_int_equal(config.model.input.dims[2], 3);
    broker_config_release(&config);
}

static void
a_sample_without_pictures_has_a_shape_of_its_own(void **state)
{
    (void)state;
    broker_config_t config;
    s_parse(&config, "model: { name = \"m\"; weights = \"a.pth\"; input = [7];"
                     "layers = ( { op = \"ReLU\"; } ); };");
    assert_false(config.takes_images);
    assert_int_equal(config.model.input.rank, 1);
    assert_int_equal(config.model.input.dims[0], 7);
    broker_config_release(&config);
    s_parse(&config, "model: { name = \"m\"; file = \"a.onnx\"; parts = 3; };");
    assert_int_equal(config.model.input.rank, 0);
    assert_int_equal(config.model.parts, 3);
    broker_config_release(&config);
}

static void
unknown_keys_are_named_with_their_line(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("") "broker: {\n  heartbeat = 5; };", "heartbeat"},
        {MODEL("") "broker: {\n  client = \"tcp://127.0.0.1\"; };", "clients"},
        {MODEL("lables = \"x\";"), "labels"},
        {MODEL("") "brocker: { };", "broker"},
        {"model: { name = \"m\"; image = { sise = [1, 1]; }; };", "size"},
        {MODEL("") "answer = 42;", "answer"},
    };
    REFUSED(rows);
    broker_config_t config;
    fault_t fault = {0};
    const char *text = MODEL("") "broker: {\n  heartbeat = 5; };";
    assert_int_equal(
        broker_config_parse(&config, text, strlen(text), "p.cfg", &fault), -1);
    assert_non_null(strstr(fault.text, "p.cfg:6"));
}

static void
wrong_types_are_refused(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("parts = \"2\";"), "model.parts"},
        {MODEL("parts = 2.5;"), "model.parts"},
        {MODEL("ignore_unused = 1;"), "model.ignore_unused"},
        {MODEL("labels = 5;"), "model.labels"},
        {MODEL("cuts = 5;"), "model.cuts"},
        {MODEL("cuts = [5];"), "model.cuts"},
        {MODEL("") "broker = 5;", "broker"},
        {MODEL("") "broker: { clients = 5570; };", "broker.clients"},
        {MODEL("") "broker: { link_mbps = \"fast\"; };", "broker.link_mbps"},
        {MODEL("") "broker: { frame_mib = 64.0; };", "broker.frame_mib"},
        {"model = 5;", "model"},
        {"model: { name = \"m\"; weights = \"a\"; layers = 5; };",
         "model.layers"},
        {"model: { name = \"m\"; file = \"a\"; image = 5; };", "model.image"},
        {"model: { name = 5; };", "model.name"},
    };
    REFUSED(rows);
}

static void
numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("parts = 0;"), "model.parts"},
        {MODEL("parts = 33;"), "model.parts"},
        {MODEL("") "broker: { frame_mib = 0; };", "broker.frame_mib"},
        {MODEL("") "broker: { frame_mib = 1025; };", "broker.frame_mib"},
        {MODEL("") "broker: { memory_mib = -1; };", "broker.memory_mib"},
        {MODEL("") "broker: { queue_jobs = 0; };", "broker.queue_jobs"},
        {MODEL("") "broker: { window_jobs = 0; };", "broker.window_jobs"},
        {MODEL("") "broker: { window_mib = 0; };", "broker.window_mib"},
        {MODEL("") "broker: { heartbeat_ms = 1; };", "broker.heartbeat_ms"},
        {MODEL("") "broker: { misses = 0; };", "broker.misses"},
        {MODEL("") "broker: { attempts = 0; };", "broker.attempts"},
        {MODEL("") "broker: { drain_ms = -1; };", "broker.drain_ms"},
        {MODEL("") "broker: { link_mbps = 0; };", "broker.link_mbps"},
        {MODEL("") "broker: { stall_ms = 0; };", "broker.stall_ms"},
        {MODEL("") "broker: { sessions_clients = 0; };", "sessions_clients"},
        {MODEL("") "broker: { sessions_workers = 99999; };",
         "sessions_workers"},
        {MODEL("") "broker: { lease_min_ms = 9000; lease_max_ms = 8000; };",
         "lease_max_ms"},
        {"model: { name = \"m\"; file = \"a\"; image = { size = [0, 5]; }; };",
         "model.image.size"},
        {"model: { name = \"m\"; file = \"a\"; image = { size = [5]; }; };",
         "model.image.size"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; std = [1, 1, 0]; }; };",
         "model.image.std"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; mean = [1, 1]; }; };",
         "model.image.mean: one number for each channel of the tensor: 3"
         ", not 2"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; std = [0.5]; }; };",
         "model.image.std: one number for each channel of the tensor: 3"
         ", not 1"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; channels = \"grey\"; std = [1, 1, 1]; }; };",
         "model.image.std: one number for each channel of the tensor: 1"
         ", not 3"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; range = 2; }; };",
         "range"},
        {"model: { name = \"m\"; weights = \"a\"; layers = (); input = [-1]; "
         "};",
         "model.input"},
    };
    REFUSED(rows);
}

static void
integers_over_32_bits_are_not_wrapped(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("") "broker: { drain_ms = 4294967297; };", "4294967297"},
        {MODEL("") "broker: { drain_ms = 2147483648; };", "2147483648"},
        {MODEL("") "broker: { drain_ms = 0x1ffffffff; };", "p.cfg:5"},
        {MODEL("") "broker: { drain_ms = 4294967297L; };", "broker.drain_ms"},
    };
    REFUSED(rows);
}

static void
words_outside_of_a_choice_are_refused(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("scores = \"odds\";"), "probabilities"},
        {MODEL("boundary_dtype = \"int8\";"), "float16"},
        {"model: { name = \"m\"; file = \"a\";\n"
         "image = { size = [5, 5]; resize = \"fit\"; }; };",
         "stretch|crop"},
    };
    REFUSED(rows);
}

static void
what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("file = \"x.onnx\";"), "ONNX"},
        {"model: { name = \"m\"; file = \"x\"; layers = (); };", "not both"},
        {MODEL("parts = 2; cuts = [\"a\"];"), "model.cuts"},
        {MODEL("parts = 3; shares = [2, 1];"), "model.shares"},
        {MODEL("cuts = [\"a\"]; shares = [2, 1, 1];"), "3 machines, but"},
        {MODEL("input = [3, 32, 32];"), "model.input"},
        {"model: { name = \"m\"; };", "what the network is"},
        {"model: { name = \"m\"; weights = \"a\"; };", "what the network is"},
        {"model: { name = \"m\"; layers = (); input = [3]; };", "weights"},
        {"model: { name = \"m\"; weights = \"a\"; layers = (); };", "shape"},
        {"model: { name = \"m\"; weights = \"a\"; layers = (); image = { }; };",
         "size = [height, width]"},
        {"model: { weights = \"a\"; };", "model.name is missing"},
        {"", "model.name is missing"},
        {"model: { name = \"two words\"; };", "model.name"},
        {"model: { name = \"\"; };", "model.name"},
        {MODEL("") MODEL(""), "p.cfg:5"},
        {MODEL("labels = \"a\"; labels = \"b\";"), "p.cfg:4"},
    };
    REFUSED(rows);
}

static void
shares_and_halves_reach_the_cut(void **state)
{
    (void)state;
    broker_config_t config;
    s_parse(&config, MODEL("shares = (2, 1.5);"
                           "boundary_dtype = \"float16\";"));
    assert_int_equal(config.model.rates.shares_count, 2);
    assert_true(config.model.rates.shares[1] == 1.5);
    assert_true(config.model.rates.half);
    broker_config_release(&config);
    s_parse(&config, MODEL("parts = 2; shares = [2, 1];"));
    assert_int_equal(config.model.parts, 2);
    assert_false(config.model.rates.half);
    broker_config_release(&config);
}

static void
what_is_not_built_yet_is_said(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("") "security: { keys = \"keys\"; };", "encryption"},
        {MODEL("") "security: { plain_networks = [\"10.0.0.0/8\"]; };",
         "not built yet"},
    };
    REFUSED(rows);
}

static void
endpoints_stay_on_loopback(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {MODEL("") "broker: { clients = \"tcp://0.0.0.0:5570\"; };",
         "encryption"},
        {MODEL("") "broker: { clients = \"tcp://*:5570\"; };",
         "broker.clients"},
        {MODEL("") "broker: { workers = \"tcp://10.0.0.5\"; };", "encryption"},
        {MODEL("") "broker: { workers = \"tcp://example.org:1\"; };",
         "encryption"},
        {MODEL("") "broker: { workers = \"tcp://[::]:1\"; };", "encryption"},
        {MODEL("") "broker: { workers = \"tcp://127.0.0.1:70000\"; };",
         "broker.workers"},
        {MODEL("") "broker: { workers = \"5571\"; };", "broker.workers"},
        {MODEL("") "broker: { workers = \"\"; };", "broker.workers"},
        {MODEL("") "broker: { workers = \"udp://127.0.0.1:5\"; };",
         "broker.workers"},
    };
    REFUSED(rows);
}

static void
broken_syntax_and_includes_name_their_line(void **state)
{
    (void)state;
    static const bad_t rows[] = {
        {"model: {\n name = \"m\"\n weights 5", "p.cfg:3"},
        {"model: { name = \"m\"; layers = (1, 2,); };", "p.cfg:1"},
        {MODEL("") "@include \"other.cfg\"\n", "include"},
        {"model: { name = \"unfinished", "p.cfg"},
    };
    REFUSED(rows);
}

static void
files_that_cannot_be_trusted_are_refused(void **state)
{
    (void)state;
    broker_config_t config;
    fault_t fault = {0};
    assert_int_equal(broker_config_load(&config, "missing.cfg", &fault), -1);
    assert_non_null(strstr(fault.text, "missing.cfg"));
    assert_int_equal(fault_exit_status(fault.code), 78);

    const char *text = MODEL("");
    tests_write("open.cfg", text, strlen(text));
    assert_int_equal(chmod("open.cfg", 0666), 0);
    assert_int_equal(broker_config_load(&config, "open.cfg", &fault), -1);
    assert_non_null(strstr(fault.text, "open.cfg"));
    assert_int_equal(fault_exit_status(fault.code), 78);

    assert_int_equal(mkdir("folder.cfg", 0700), 0);
    assert_int_equal(broker_config_load(&config, "folder.cfg", &fault), -1);
    assert_non_null(strstr(fault.text, "folder.cfg"));

    assert_int_equal(chmod("open.cfg", 0600), 0);
    assert_ok(broker_config_load(&config, "open.cfg", &fault), &fault);
    broker_config_release(&config);
}

/* The reference with the comments taken off its examples. */
static char *
s_reference(size_t *size)
{
    char *text = NULL;
    fault_t fault = {0};
    FILE *file = open_memstream(&text, size);
    assert_non_null(file);
    assert_ok(broker_config_write_reference(file, &fault), &fault);
    fclose(file);
    return text;
}

static void
the_committed_reference_is_the_generated_one(void **state)
{
    (void)state;
    size_t size = 0, committed_size = 0;
    char *generated = s_reference(&size);
    char path[4096];
    snprintf(path, sizeof path, "%s/etc/reference.cfg", getenv("CONVOY_ROOT"));
    char *committed = tests_read(path, &committed_size);
    assert_non_null(committed);
    if (committed_size != size || memcmp(committed, generated, size) != 0)
        fail_msg("etc/reference.cfg is out of date: make it anew with "
                 "`bin/broker --reference > etc/reference.cfg`");
    free(committed);
    free(generated);
}

static void
the_reference_is_a_config_file(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = s_reference(&size);
    fault_t fault = {0};
    settings_t *settings = settings_parse(text, size, "reference.cfg", &fault);
    assert_ok(settings ? 0 : -1, &fault);
    settings_destroy(&settings);

    /* It lacks nothing but a network. */
    broker_config_t config;
    assert_int_equal(
        broker_config_parse(&config, text, size, "reference.cfg", &fault), -1);
    assert_non_null(strstr(fault.text, "size = [height, width]") != NULL
                        ? fault.text
                        : strstr(fault.text, "what the network is"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_design),
        cmocka_unit_test(values_arrive_where_they_are_used),
        cmocka_unit_test(pictures_may_be_grey_or_turned_and_their_axes_last),
        cmocka_unit_test(a_sample_without_pictures_has_a_shape_of_its_own),
        cmocka_unit_test(unknown_keys_are_named_with_their_line),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(integers_over_32_bits_are_not_wrapped),
        cmocka_unit_test(words_outside_of_a_choice_are_refused),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(shares_and_halves_reach_the_cut),
        cmocka_unit_test(what_is_not_built_yet_is_said),
        cmocka_unit_test(endpoints_stay_on_loopback),
        cmocka_unit_test(broken_syntax_and_includes_name_their_line),
        cmocka_unit_test(files_that_cannot_be_trusted_are_refused),
        cmocka_unit_test(the_committed_reference_is_the_generated_one),
        cmocka_unit_test(the_reference_is_a_config_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
