/* The thread pool: every task once, loop after loop. */
#include "tests/support/tests.h"

#include <stdatomic.h>
#include <string.h>

#include "worker/engine/threads.h"

enum { TASKS = 1000, COUNT = 4 };

typedef struct tally {
    atomic_int done[TASKS];
    atomic_int threads[COUNT];
    int plain[TASKS]; /* written by tasks, read after the loop */
} tally_t;

static void
s_count(void *context, size_t task, int thread)
{
    tally_t *tally = context;
    tally->done[task]++;
    tally->threads[thread]++;
    tally->plain[task]++;
}

static threads_t *
s_new(int count)
{
    fault_t fault = {0};
    threads_t *threads = threads_new(count, &fault);
    if (!threads)
        fail_msg("%s", fault.text);
    return threads;
}

static void
every_task_is_done_once(void **state)
{
    (void)state;
    static tally_t tally;
    for (int count = 1; count <= COUNT; count++) {
        threads_t *threads = s_new(count);
        assert_int_equal(threads_count(threads), count);
        for (size_t tasks = 0; tasks < TASKS; tasks += 37) {
            memset(&tally, 0, sizeof tally);
            threads_run(threads, s_count, &tally, tasks);
            int sum = 0;
            for (size_t i = 0; i < TASKS; i++) {
                assert_int_equal(tally.done[i], i < tasks ? 1 : 0);
                assert_int_equal(tally.plain[i], i < tasks ? 1 : 0);
            }
            for (int i = 0; i < COUNT; i++)
                sum += tally.threads[i];
            assert_int_equal(sum, tasks);
            for (int i = count; i < COUNT; i++)
                assert_int_equal(tally.threads[i], 0);
        }
        threads_destroy(&threads);
        assert_null(threads);
    }
}

static void
many_short_loops_follow_each_other(void **state)
{
    (void)state;
    static tally_t tally;
    memset(&tally, 0, sizeof tally);
    threads_t *threads = s_new(3);
    for (int round = 0; round < 2000; round++)
        threads_run(threads, s_count, &tally, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tally.plain[i], 2000);
    threads_destroy(&threads);
}

/* Loops one after the other, whose helpers may be late: nobody is waited for,
 * and no task is lost. */
static void
loops_of_any_size_follow_each_other(void **state)
{
    (void)state;
    static tally_t tally;
    threads_t *threads = s_new(COUNT);
    for (size_t round = 0; round < 3000; round++) {
        size_t tasks = round * 7 % 29;
        memset(&tally, 0, sizeof tally);
        threads_run(threads, s_count, &tally, tasks);
        for (size_t i = 0; i < 29; i++)
            assert_int_equal(tally.plain[i], i < tasks ? 1 : 0);
    }
    threads_destroy(&threads);
}

static void
a_pool_that_never_ran_ends(void **state)
{
    (void)state;
    threads_t *threads = s_new(COUNT);
    threads_destroy(&threads);
    threads_destroy(&threads);
}

static void
there_is_a_cpu(void **state)
{
    (void)state;
    assert_in_range(threads_online(), 1, THREADS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_done_once),
        cmocka_unit_test(many_short_loops_follow_each_other),
        cmocka_unit_test(loops_of_any_size_follow_each_other),
        cmocka_unit_test(a_pool_that_never_ran_ends),
        cmocka_unit_test(there_is_a_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
