/* The compute thread with a scripted runner. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/logger.h"
#include "worker/executor.h"
#include "tests/support/sockets.h"

/* Adds one to a byte; fails a run that holds a 13, and a part that begins
 * with an 'x'. */
typedef struct script {
    int runs;
    atomic_uint progress;
} script_t;

static int
s_load(void *context, blob_t *part, loaded_t *loaded, fault_t *fault)
{
    script_t *self = context;
    char first;
    if (blob_read(part, 0, &first, 1, fault))
        return -1;
    if (first == 'x')
        return fault_set(fault, FAULT_UNSUPPORTED, "node n: operator Foo");
    loaded->batch_max = 4;
    loaded->progress = &self->progress;
    return 0;
}

static int
s_run(void *context, task_t **tasks, size_t count, fault_t *fault)
{
    script_t *self = context;
    self->runs++;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *in = payload_frame(tasks[i]->input, 0, &size);
        if (*in == 13)
            return fault_set(fault, FAULT_SYSTEM, "13 brings bad luck");
        if (*in == 99)
            return fault_set(fault, FAULT_INPUT, "99 is out of range");
        tasks[i]->output = payload_new(fault);
        uint8_t out = (uint8_t)(*in + 1);
        if (payload_add_copy(tasks[i]->output, &out, 1, fault))
            return -1;
        tasks[i]->outputs_count = 1;
        tasks[i]->outputs[0] = (tensor_header_t){
            .dtype = DTYPE_UINT8, .shape = {1, {1}}, .bytes = 1};
    }
    return 0;
}

static void
s_destroy(void *context)
{
    free(context);
}

typedef struct rig {
    script_t *script;
    cache_t *cache;
    executor_t *executor;
} rig_t;

static rig_t
s_rig(const char *folder)
{
    rig_t rig = {.script = calloc(1, sizeof(script_t))};
    fault_t fault;
    runner_t runner = {rig.script, s_load, s_run, s_destroy};
    rig.cache = cache_open(folder, &fault);
    rig.executor = executor_new(&runner, rig.cache, &fault);
    assert_non_null(rig.executor);
    return rig;
}

static void
s_end(rig_t *rig)
{
    executor_destroy(&rig->executor);
    cache_close(&rig->cache);
}

static report_t *
s_wait(const rig_t *rig)
{
    zmq_pollitem_t item = {zsock_resolve(executor_socket(rig->executor)), 0,
                           ZMQ_POLLIN, 0};
    assert_int_equal(zmq_poll(&item, 1, 20000), 1);
    report_t *report = executor_report(rig->executor);
    assert_non_null(report);
    return report;
}

static digest_t
s_digest(const char *bytes)
{
    digester_t digester;
    digest_t digest;
    digester_init(&digester);
    digester_add(&digester, bytes, strlen(bytes));
    digester_finish(&digester, &digest);
    return digest;
}

static download_t *
s_download(const rig_t *rig, const digest_t *digest, const char *bytes)
{
    fault_t fault;
    download_t *download =
        cache_begin(rig->cache, digest, strlen(bytes), &fault);
    assert_ok(download_write(download, 0, bytes, strlen(bytes), &fault),
              &fault);
    return download;
}

static task_t *
s_task(uint8_t value)
{
    message_t message;
    message_init(&message, MESSAGE_JOB);
    message.job.bytes[0] = value;
    message.attempt = 1;
    message.part_index = 2;
    message.part_count = 5;
    fault_t fault;
    payload_t *payload = payload_new(&fault);
    assert_ok(payload_add_copy(payload, &value, 1, &fault), &fault);
    return task_new(&message, &payload, 0, &fault);
}

static void
a_part_is_looked_up_fetched_and_found(void **state)
{
    (void)state;
    rig_t rig = s_rig("one");
    digest_t digest = s_digest("good part");
    executor_load(rig.executor, &digest, NULL);
    report_t *report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_MISSING);
    assert_true(digest_equal(&report->digest, &digest));
    free(report);

    download_t *download = s_download(&rig, &digest, "good part");
    executor_load(rig.executor, &digest, &download);
    assert_null(download);
    report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_LOADED);
    assert_int_equal(report->loaded.batch_max, 4);
    free(report);

    executor_load(rig.executor, &digest, NULL);
    report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_LOADED);
    free(report);
    s_end(&rig);
}

static void
a_damaged_download_and_a_bad_part_fail_in_their_own_words(void **state)
{
    (void)state;
    rig_t rig = s_rig("two");
    digest_t digest = s_digest("good part");
    download_t *download = s_download(&rig, &digest, "goof part");
    executor_load(rig.executor, &digest, &download);
    report_t *report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_FAILED);
    assert_int_equal(report->fault.code, FAULT_DIGEST);
    free(report);

    digest = s_digest("xpart");
    download = s_download(&rig, &digest, "xpart");
    executor_load(rig.executor, &digest, &download);
    report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_FAILED);
    assert_int_equal(report->fault.code, FAULT_UNSUPPORTED);
    free(report);
    s_end(&rig);
}

static void
a_bad_job_does_not_fail_its_batch_mates(void **state)
{
    (void)state;
    rig_t rig = s_rig("three");
    enum { COUNT = 4 };
    task_t *tasks[COUNT] = {s_task(7), s_task(13), s_task(99), s_task(9)};
    executor_run(rig.executor, tasks, COUNT);
    report_t *report = s_wait(&rig);
    assert_int_equal(report->kind, REPORT_DONE);
    assert_int_equal(report->count, COUNT);
    assert_int_equal(rig.script->runs, 1 + COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        task_t *task = report->tasks[i];
        assert_ptr_equal(task, tasks[i]);
        message_t answer;
        message_init(&answer, MESSAGE_RESULT);
        task_answer(task, &answer);
        assert_int_equal(answer.part_index, 2);
        if (i == 1) {
            /* SYSTEM never leaves the process. */
            assert_int_equal(answer.code, FAULT_INTERNAL);
            assert_string_equal(answer.text, "13 brings bad luck");
            assert_null(task->output);
        } else if (i == 2) {
            /* No other worker would compute these numbers either. */
            assert_int_equal(answer.code, FAULT_BAD_VALUE);
            assert_false(fault_is_retriable((fault_code_t)answer.code));
        } else {
            size_t size;
            const uint8_t *out = payload_frame(task->output, 0, &size);
            assert_int_equal(*out, i == 0 ? 8 : 10);
            assert_int_not_equal(answer.tensors[0].checksum, 0);
            assert_true(message_has(&answer, key_bit(KEY_TIMINGS)));
        }
        task_destroy(&task);
    }
    free(report);
    s_end(&rig);
}

static void
it_stops_after_the_run_in_progress(void **state)
{
    (void)state;
    rig_t rig = s_rig("four");
    task_t *task = s_task(1);
    executor_run(rig.executor, &task, 1);
    s_end(&rig);
    task_destroy(&task);
}

int
main(void)
{
    logger_setup("test", LOGGER_ERROR, LOGGER_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_looked_up_fetched_and_found),
        cmocka_unit_test(
            a_damaged_download_and_a_bad_part_fail_in_their_own_words),
        cmocka_unit_test(a_bad_job_does_not_fail_its_batch_mates),
        cmocka_unit_test(it_stops_after_the_run_in_progress),
    };
    return cmocka_run_group_tests(tests, sockets_start, sockets_stop);
}
