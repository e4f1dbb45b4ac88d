/* Profiles: what the steps are, that sums are sums, and hostile names. */
#include "tests/support/tests.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/networks.h"
#include "worker/measure.h"
#include "worker/profile_svg.h"

/* A depthwise and an ordinary convolution with their ends, and a Softmax node
 * of that name, whose output is scores. */
static void
s_build(network_t *network, const char *name)
{
    const int64_t dims[] = {DIM_BATCH, 8, 12, 12};
    fault_t fault = {0};
    network_init(network, 70);
    int x = network_input(network, "x", 4, dims);
    int y = network_conv(network, x, 8, 8, 3, 1, 1, 8);
    y = network_unary(network, "Relu", y);
    y = network_conv(network, y, 8, 8, 3, 1, 1, 1);
    y = network_unary(network, "Relu", network_binary(network, "Add", y, x));
    y = network_unary(network, "Softmax", y);
    network_output(network, y);
    assert_ok(graph_rename_value(network->graph, y, "scores", &fault), &fault);
    node_t *last = &network->graph->nodes[network->graph->nodes_count - 1];
    free(last->name);
    last->name = strdup(name);
}

static session_t *
s_session(const network_t *network)
{
    fault_t fault = {0};
    const session_options_t options = {.threads = 1, .batch_max = 2};
    session_t *session = session_new(network->graph, &options, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    return session;
}

typedef struct fixture {
    network_t network;
    session_t *session;
    profile_t profile;
    measure_t measure;
} fixture_t;

static void
s_init(fixture_t *f, const char *name)
{
    fault_t fault = {0};
    s_build(&f->network, name);
    f->session = s_session(&f->network);
    assert_ok(session_watch(f->session, f->network.graph, &fault), &fault);
    measure_fill(f->session, 2);
    assert_ok(profile_init(&f->profile, f->session, &fault), &fault);
    assert_ok(measure_session(f->session, 2, 1, 0.02, &f->profile, &f->measure,
                              &fault),
              &fault);
    profile_settle(&f->profile, 2);
}

static void
s_release(fixture_t *f)
{
    profile_release(&f->profile);
    session_destroy(&f->session);
    network_release(&f->network);
}

static void
steps_say_what_they_compute_and_how(void **state)
{
    (void)state;
    fixture_t f;
    char text[128];
    s_init(&f, "");
    const profile_row_t *rows = f.profile.rows;
    assert_int_equal(f.profile.rows_count, 3);
    assert_string_equal(profile_what(&rows[0], text, sizeof text),
                        "Conv + Relu");
    assert_string_equal(rows[0].lap->way, "depthwise");
    assert_string_equal(profile_what(&rows[1], text, sizeof text),
                        "Conv + residual + Relu");
    assert_true(rows[1].lap->way[0] != '\0');
    assert_string_equal(rows[1].lap->out, "[1, 8, 12, 12]");
    assert_string_equal(profile_what(&rows[2], text, sizeof text), "Softmax");
    assert_string_equal(rows[2].lap->node, "scores");
    /* 8 x 8 x 3 x 3 multiply-adds for each of 12 x 12 pixels, and the bias */
    assert_true(rows[1].lap->flop >= 2.0 * 8 * 8 * 9 * 144);
    assert_true(rows[1].lap->flop < 2.1 * 8 * 8 * 9 * 144);
    s_release(&f);
}

static void
sums_are_those_of_the_steps(void **state)
{
    (void)state;
    fixture_t f;
    s_init(&f, "scores");
    double ms = 0.0, share = 0.0, sums = 0.0;
    int steps = 0;
    for (size_t i = 0; i < f.profile.rows_count; i++) {
        const profile_row_t *row = &f.profile.rows[i];
        assert_true(row->ms > 0.0);
        assert_true(fabs(row->gflops - 2 * row->lap->flop / row->ms / 1e6) <
                    1e-6 * (1.0 + row->gflops));
        ms += row->ms;
        share += row->share;
    }
    for (size_t i = 0; i < f.profile.sums_count; i++) {
        sums += f.profile.sums[i].ms;
        steps += f.profile.sums[i].steps;
        assert_true(i == 0 || f.profile.sums[i].ms <= f.profile.sums[i - 1].ms);
    }
    assert_true(fabs(ms - f.profile.ms) < 1e-9);
    assert_true(fabs(sums - ms) < 1e-9);
    assert_true(fabs(share - 1.0) < 1e-9);
    assert_int_equal(steps, f.profile.rows_count);
    /* Steps take no longer than the runs they are of: medians of both. */
    assert_true(ms < 2.0 * f.measure.median_ms);
    s_release(&f);
}

static void
a_session_nobody_watches_has_no_laps(void **state)
{
    (void)state;
    network_t network;
    fault_t fault = {0};
    size_t count = 9;
    s_build(&network, "scores");
    session_t *session = s_session(&network);
    assert_ok(session_run(session, 1, &fault), &fault);
    session_laps(session, &count);
    assert_int_equal(count, 0);
    session_destroy(&session);
    network_release(&network);
}

static char *
s_text(const char *path)
{
    size_t size;
    char *bytes = tests_read(path, &size);
    assert_non_null(bytes);
    char *text = strndup(bytes, size);
    assert_int_equal(strlen(text), size);
    free(bytes);
    return text;
}

static void
hostile_names_stay_text(void **state)
{
    (void)state;
    fixture_t f;
    fault_t fault = {0};
    s_init(&f, "</text><script>&\"\x1b[31m\xff\xef\xbf\xbf");
    assert_ok(profile_svg(&f.profile, "a <b> & \xc3\xa4\xff", "p.svg", &fault),
              &fault);
    char *text = s_text("p.svg");
    assert_null(strstr(text, "<script"));
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\xff'));
    assert_null(strstr(text, "\xef\xbf\xbf"));
    assert_non_null(strstr(text, "&lt;/text&gt;&lt;script&gt;&amp;\"?[31m?"));
    assert_non_null(strstr(text, ">a &lt;b&gt; &amp; \xc3\xa4?</text>"));
    free(text);

    FILE *file = fopen("p.txt", "w");
    profile_print(&f.profile, file);
    fclose(file);
    text = s_text("p.txt");
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "</text><script>&\"?[31m?"));
    free(text);
    s_release(&f);
}

static void
a_chart_that_cannot_be_written_leaves_nothing(void **state)
{
    (void)state;
    fixture_t f;
    fault_t fault = {0};
    s_init(&f, "scores");
    assert_int_equal(mkdir("taken.svg", 0700), 0);
    assert_int_equal(profile_svg(&f.profile, "t", "taken.svg", &fault), -1);
    assert_int_equal(fault.code, FAULT_SYSTEM);
    assert_non_null(strstr(fault.text, "taken.svg: "));
    DIR *folder = opendir(".");
    for (struct dirent *entry; (entry = readdir(folder));)
        assert_null(strstr(entry->d_name, ".tmp"));
    closedir(folder);
    s_release(&f);
}

static void
long_names_keep_their_ends(void **state)
{
    (void)state;
    fixture_t f;
    char name[301];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = (char)('a' + i % 26);
    name[300] = '\0';
    s_init(&f, name);
    const char *node = f.profile.rows[2].lap->node;
    assert_true(strlen(node) < sizeof f.profile.rows[2].lap->node);
    assert_memory_equal(node, "...", 3);
    assert_string_equal(node + 3, name + 300 - strlen(node + 3));
    assert_string_equal(profile_tail(node), name + 300 - 40);
    /* from within a character on, its end is no text */
    assert_string_equal(profile_tail("\xc3\xa4"
                                     "123456789012345678901234567890123456789"),
                        "123456789012345678901234567890123456789");
    s_release(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_say_what_they_compute_and_how),
        cmocka_unit_test(sums_are_those_of_the_steps),
        cmocka_unit_test(a_session_nobody_watches_has_no_laps),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(a_chart_that_cannot_be_written_leaves_nothing),
        cmocka_unit_test(long_names_keep_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
