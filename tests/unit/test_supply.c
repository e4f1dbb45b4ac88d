/* How a worker comes by its part, with the executor's reports made up. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/logger.h"
#include "worker/host.h"
#include "worker/supply.h"
#include "tests/support/sockets.h"

enum { BYTES = 100 };

/* A runner that loads anything. */
static int
s_load(void *context, blob_t *part, loaded_t *loaded, fault_t *fault)
{
    (void)context, (void)part, (void)fault;
    loaded->batch_max = 2;
    return 0;
}

static int
s_run(void *context, task_t **tasks, size_t count, fault_t *fault)
{
    (void)context, (void)tasks, (void)count;
    return fault_set(fault, FAULT_INTERNAL, "never called");
}

static void
s_destroy(void *context)
{
    (void)context;
}

typedef struct rig {
    cache_t *cache;
    executor_t *executor;
    supply_t supply;
    fault_t fault;
    char part[2][BYTES];
    digest_t digest[2];
} rig_t;

static rig_t *
s_rig(const char *folder)
{
    rig_t *rig = calloc(1, sizeof *rig);
    runner_t runner = {NULL, s_load, s_run, s_destroy};
    rig->cache = cache_open(folder, &rig->fault);
    rig->executor = executor_new(&runner, rig->cache, &rig->fault);
    supply_init(&rig->supply, rig->executor, rig->cache);
    for (int i = 0; i < 2; i++) {
        memset(rig->part[i], 'a' + i, BYTES);
        digester_t digester;
        digester_init(&digester);
        digester_add(&digester, rig->part[i], BYTES);
        digester_finish(&digester, &rig->digest[i]);
    }
    return rig;
}

static void
s_end(rig_t *rig)
{
    executor_destroy(&rig->executor);
    supply_release(&rig->supply);
    cache_close(&rig->cache);
    free(rig);
}

/* Hand the executor's next report to the supply. */
static int
s_step(rig_t *rig)
{
    zmq_pollitem_t item = {zsock_resolve(executor_socket(rig->executor)), 0,
                           ZMQ_POLLIN, 0};
    assert_int_equal(zmq_poll(&item, 1, 20000), 1);
    report_t *report = executor_report(rig->executor);
    int result = supply_report(&rig->supply, report, 0, &rig->fault);
    free(report);
    return result;
}

static int
s_chunk(rig_t *rig, int part, const char *bytes)
{
    uint64_t offset;
    assert_true(supply_wants(&rig->supply, &offset, 0));
    assert_int_equal(offset, 0);
    supply_asked(&rig->supply);
    message_t message;
    message_init(&message, MESSAGE_CHUNK);
    message.part_digest = rig->digest[part];
    message.total = BYTES;
    payload_t *payload = payload_new(NULL);
    payload_add_copy(payload, bytes, BYTES, NULL);
    int result = supply_chunk(&rig->supply, &message, payload, 0, &rig->fault);
    payload_destroy(&payload);
    return result;
}

static void
a_missing_part_is_fetched_and_loaded(void **state)
{
    (void)state;
    rig_t *rig = s_rig("fetched");
    uint64_t offset;
    assert_ok(supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault),
              &rig->fault);
    assert_false(supply_wants(&rig->supply, &offset, 0));
    assert_ok(s_step(rig), &rig->fault);
    assert_ok(s_chunk(rig, 0, rig->part[0]), &rig->fault);
    assert_false(supply_is_ready(&rig->supply));
    assert_ok(s_step(rig), &rig->fault);
    assert_true(supply_is_ready(&rig->supply));
    assert_int_equal(rig->supply.loaded.batch_max, 2);
    s_end(rig);
}

static void
wanting_what_is_there_costs_nothing(void **state)
{
    (void)state;
    rig_t *rig = s_rig("fetched");
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_true(supply_is_ready(&rig->supply));
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_true(supply_is_ready(&rig->supply));
    s_end(rig);
}

static void
another_part_may_be_wanted_while_one_is_looked_up(void **state)
{
    (void)state;
    rig_t *rig = s_rig("switched");
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    supply_want(&rig->supply, &rig->digest[1], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_int_equal(rig->supply.stage, SUPPLY_LOOKING);
    assert_ok(s_step(rig), &rig->fault);
    assert_int_equal(rig->supply.stage, SUPPLY_FETCHING);
    assert_ok(s_chunk(rig, 1, rig->part[1]), &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_true(supply_has(&rig->supply, &rig->digest[1]));
    s_end(rig);
}

static void
another_part_may_be_wanted_while_one_is_fetched(void **state)
{
    (void)state;
    rig_t *rig = s_rig("replaced");
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_int_equal(rig->supply.stage, SUPPLY_FETCHING);
    supply_want(&rig->supply, &rig->digest[1], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_ok(s_chunk(rig, 1, rig->part[1]), &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_true(supply_is_ready(&rig->supply));
    s_end(rig);
}

static void
a_forgotten_part_is_fetched_anew(void **state)
{
    (void)state;
    rig_t *rig = s_rig("forgotten");
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_ok(s_chunk(rig, 0, rig->part[0]), &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    supply_forget(&rig->supply);
    assert_false(supply_is_ready(&rig->supply));
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_int_equal(rig->supply.stage, SUPPLY_FETCHING);
    s_end(rig);
}

static void
two_damaged_downloads_are_enough(void **state)
{
    (void)state;
    rig_t *rig = s_rig("damaged");
    supply_want(&rig->supply, &rig->digest[0], BYTES, &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_ok(s_chunk(rig, 0, rig->part[1]), &rig->fault);
    assert_ok(s_step(rig), &rig->fault);
    assert_int_equal(rig->supply.stage, SUPPLY_FETCHING);
    assert_ok(s_chunk(rig, 0, rig->part[1]), &rig->fault);
    assert_int_equal(s_step(rig), -1);
    assert_int_equal(fault_exit_status(rig->fault.code), 65);
    char hex[DIGEST_HEX + 1];
    assert_non_null(
        strstr(rig->fault.text, digest_text(&rig->digest[0], hex, 12)));
    s_end(rig);
}

static void
a_part_larger_than_the_free_memory_is_refused(void **state)
{
    (void)state;
    fault_t fault;
    assert_ok(host_fits(1000, 1000, &fault), &fault);
    assert_int_equal(host_fits(3 << 20, 2 << 20, &fault), -1);
    assert_int_equal(fault_exit_status(fault.code), 65);
    assert_non_null(strstr(fault.text, "3.0 MiB"));
    assert_non_null(strstr(fault.text, "2.0 MiB"));
    assert_true(host_memory_free() > 1 << 20);

    rig_t *rig = s_rig("large");
    const uint64_t large[] = {(uint64_t)1 << 40, (uint64_t)1 << 60, UINT64_MAX};
    for (int i = 0; i < 3; i++) {
        int result =
            supply_want(&rig->supply, &rig->digest[0], large[i], &rig->fault);
        assert_int_equal(result, -1);
    }
    assert_int_equal(rig->supply.stage, SUPPLY_NOTHING);
    s_end(rig);
}

int
main(void)
{
    logger_setup("test", LOGGER_ERROR, LOGGER_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_part_is_fetched_and_loaded),
        cmocka_unit_test(wanting_what_is_there_costs_nothing),
        cmocka_unit_test(another_part_may_be_wanted_while_one_is_looked_up),
        cmocka_unit_test(another_part_may_be_wanted_while_one_is_fetched),
        cmocka_unit_test(a_forgotten_part_is_fetched_anew),
        cmocka_unit_test(two_damaged_downloads_are_enough),
        cmocka_unit_test(a_part_larger_than_the_free_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, sockets_start, sockets_stop);
}
