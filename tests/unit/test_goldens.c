/* The numbers are PyTorch's, and the same bits whatever the batch or the
 * threads: every golden from its config through part files to the engine. */
#include "tests/support/tests.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/model.h"
#include "common/npy.h"
#include "common/settings.h"
#include "worker/engine/session.h"

enum { SAMPLES = 9, THREADS_MAX = 2, GOLDENS_MAX = 128 };

static const double ERROR_MAX = 1e-4;

typedef struct golden {
    char name[64];
    model_t *model;
    tensor_t input, output;
    size_t in_bytes, out_bytes; /* of a sample */
    session_t *sessions[CUT_PARTS_MAX];
} golden_t;

static const char *
s_file(const golden_t *golden, const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "goldens/%s%s", golden->name, suffix);
    return tests_data(name);
}

static const setting_t *
s_find(const setting_t *model, const char *name)
{
    return setting_find(model, name);
}

/* What broker/config does, in short. */
static void
s_build(golden_t *golden)
{
    fault_t fault;
    const char *cuts[8];
    settings_t *settings = settings_open(s_file(golden, ".cfg"), &fault);
    if (!settings)
        fail_msg("%s", fault.text);
    const setting_t *model = s_find(settings_root(settings), "model");
    const setting_t *weights = s_find(model, "weights");
    const setting_t *input = s_find(model, "input");
    const setting_t *list = s_find(model, "cuts");
    const setting_t *parts = s_find(model, "parts");

    model_options_t options;
    model_options_init(&options);
    options.name = golden->name;
    options.layers = s_find(model, "layers");
    if (weights)
        options.weights =
            settings_resolve(settings, setting_text(weights), &fault);
    for (size_t i = 0; i < setting_count(input); i++)
        options.input.dims[options.input.rank++] =
            setting_int(setting_at(input, i));
    for (size_t i = 0; list && i < setting_count(list); i++)
        cuts[options.cuts_count++] = setting_text(setting_at(list, i));
    options.cuts = cuts;
    options.parts = parts ? (int)setting_int(parts) : 0;
    golden->model = model_build(&options, &fault);
    if (!golden->model)
        fail_msg("%s: %s", golden->name, fault.text);
    settings_destroy(&settings);
}

static void
s_open(golden_t *golden)
{
    fault_t fault;
    s_build(golden);
    assert_ok(npy_read(&golden->input, s_file(golden, ".in.npy"), &fault),
              &fault);
    assert_ok(npy_read(&golden->output, s_file(golden, ".out.npy"), &fault),
              &fault);
    golden->in_bytes = golden->input.bytes / SAMPLES;
    golden->out_bytes = golden->output.bytes / SAMPLES;
}

static void
s_close(golden_t *golden)
{
    model_destroy(&golden->model);
    tensor_release(&golden->input);
    tensor_release(&golden->output);
}

static void
s_start(golden_t *golden, int threads, int batch)
{
    fault_t fault;
    const session_options_t options = {threads, batch};
    for (int k = 0; k < golden->model->parts_count; k++) {
        graph_t *graph = part_read(golden->model->parts[k].path, &fault);
        if (!graph)
            fail_msg("%s: %s", golden->name, fault.text);
        golden->sessions[k] = session_new(graph, &options, &fault);
        if (!golden->sessions[k])
            fail_msg("%s part %d: %s", golden->name, k, fault.text);
        assert_int_equal(session_batch_max(golden->sessions[k]), batch);
        graph_destroy(&graph);
    }
}

static void
s_stop(golden_t *golden)
{
    for (int k = 0; k < golden->model->parts_count; k++)
        session_destroy(&golden->sessions[k]);
}

/* From the outputs of a part to the inputs of the next. */
static void
s_hand_on(session_t *from, session_t *to, int batch)
{
    assert_int_equal(session_outputs_count(from), session_inputs_count(to));
    for (int i = 0; i < session_inputs_count(to); i++) {
        assert_string_equal(session_output(from, i)->name,
                            session_input(to, i)->name);
        for (int s = 0; s < batch; s++) {
            size_t made, taken;
            const void *row = session_output_row(from, i, s, &made);
            void *place = session_input_row(to, i, s, &taken);
            assert_int_equal(made, taken);
            memcpy(place, row, made);
        }
    }
}

/* Samples first .. first + batch - 1 through all parts, into results. */
static void
s_run(golden_t *golden, int first, int batch, char *results)
{
    fault_t fault;
    int parts = golden->model->parts_count;
    const char *input = golden->input.data;
    size_t bytes;
    for (int s = 0; s < batch; s++) {
        void *row = session_input_row(golden->sessions[0], 0, s, &bytes);
        assert_int_equal(bytes, golden->in_bytes);
        memcpy(row, input + (size_t)(first + s) * bytes, bytes);
    }
    for (int k = 0; k < parts; k++) {
        if (k > 0)
            s_hand_on(golden->sessions[k - 1], golden->sessions[k], batch);
        assert_ok(session_run(golden->sessions[k], batch, &fault), &fault);
    }
    for (int s = 0; s < batch; s++) {
        const void *row =
            session_output_row(golden->sessions[parts - 1], 0, s, &bytes);
        assert_int_equal(bytes, golden->out_bytes);
        memcpy(results + (size_t)(first + s) * bytes, row, bytes);
    }
}

static double
s_error(const golden_t *golden, const char *results)
{
    const float *ours = (const float *)(const void *)results;
    const float *theirs = golden->output.data;
    double difference = 0, norm = 0;
    for (size_t i = 0; i < golden->output.bytes / sizeof(float); i++) {
        double d = (double)ours[i] - (double)theirs[i];
        difference += d * d;
        norm += (double)theirs[i] * (double)theirs[i];
    }
    return sqrt(difference / norm);
}

static void
s_check(golden_t *golden)
{
    char *first = malloc(golden->output.bytes);
    char *again = malloc(golden->output.bytes);
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        s_start(golden, threads, SAMPLES);
        for (int batch = 1; batch <= SAMPLES; batch++) {
            bool reference = threads == 1 && batch == 1;
            char *results = reference ? first : again;
            memset(results, 0xff, golden->output.bytes);
            for (int s = 0; s < SAMPLES; s += batch)
                s_run(golden, s, s + batch > SAMPLES ? SAMPLES - s : batch,
                      results);
            if (memcmp(first, results, golden->output.bytes) != 0)
                fail_msg("%s: other bits with batch %d and %d threads",
                         golden->name, batch, threads);
        }
        s_stop(golden);
    }
    double error = s_error(golden, first);
    if (!(error < ERROR_MAX))
        fail_msg("%s: the relative error is %g", golden->name, error);
    free(first);
    free(again);
}

static int
s_compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The goldens in the folder, in the order of their names. */
static size_t
s_names(char names[GOLDENS_MAX][64])
{
    size_t count = 0;
    DIR *folder = opendir(tests_data("goldens"));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".cfg") != 0)
            continue;
        assert_true(count < GOLDENS_MAX);
        snprintf(names[count++], 64, "%.*s", (int)size - 4, entry->d_name);
    }
    closedir(folder);
    qsort(names, count, 64, s_compare_names);
    return count;
}

static void
every_golden_gives_the_numbers_of_pytorch_in_the_same_bits(void **state)
{
    (void)state;
    char names[GOLDENS_MAX][64];
    size_t count = s_names(names);
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        golden_t golden = {0};
        memcpy(golden.name, names[i], sizeof golden.name);
        s_open(&golden);
        s_check(&golden);
        s_close(&golden);
    }
}

static void
the_same_golden_gives_the_same_digests(void **state)
{
    (void)state;
    golden_t one = {.name = "residual_cut"}, other = {.name = "residual_cut"};
    s_build(&one);
    s_build(&other);
    assert_int_equal(one.model->parts_count, 3);
    assert_true(digest_equal(&one.model->digest, &other.model->digest));
    s_close(&one);
    s_close(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_golden_gives_the_numbers_of_pytorch_in_the_same_bits),
        cmocka_unit_test(the_same_golden_gives_the_same_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
