/* Waiting at a gate: awake, then asleep, and for how long. */
#include "tests/support/tests.h"

#include <pthread.h>
#include <sched.h>

#include "worker/engine/gate.h"

typedef struct visit {
    gate_t gate;
    atomic_bool open;
    int64_t awake_ns;
    pthread_t thread;
} visit_t;

static bool
s_is_open(void *context)
{
    visit_t *visit = context;
    return atomic_load(&visit->open);
}

static void *
s_pass(void *context)
{
    visit_t *visit = context;
    gate_wait(&visit->gate, s_is_open, visit, &visit->awake_ns);
    return NULL;
}

static void
s_begin(visit_t *visit, int64_t awake_ns)
{
    gate_init(&visit->gate);
    atomic_init(&visit->open, false);
    visit->awake_ns = awake_ns;
    assert_int_equal(pthread_create(&visit->thread, NULL, s_pass, visit), 0);
}

/* Open, and see the thread through; returns how long it will look next. */
static int64_t
s_end(visit_t *visit)
{
    atomic_store(&visit->open, true);
    gate_wake(&visit->gate);
    pthread_join(visit->thread, NULL);
    assert_int_equal(atomic_load(&visit->gate.sleepers), 0);
    gate_release(&visit->gate);
    return visit->awake_ns;
}

static void
s_until_asleep(visit_t *visit)
{
    while (atomic_load(&visit->gate.sleepers) == 0)
        sched_yield();
}

static void
an_open_gate_is_passed(void **state)
{
    (void)state;
    visit_t visit = {.open = true, .awake_ns = 7};
    gate_init(&visit.gate);
    s_pass(&visit);
    assert_int_equal(visit.awake_ns, 7);
    gate_release(&visit.gate);
}

static void
who_looked_in_vain_sleeps_and_looks_for_half_as_long(void **state)
{
    (void)state;
    visit_t visit;
    s_begin(&visit, GATE_AWAKE_NS);
    s_until_asleep(&visit);
    assert_int_equal(s_end(&visit), GATE_AWAKE_NS / 2);
}

static void
who_need_not_sleep_looks_for_long_again(void **state)
{
    (void)state;
    visit_t visit;
    int64_t long_ns = 60 * (int64_t)1000000000;
    s_begin(&visit, long_ns);
    int64_t next_ns = s_end(&visit);
    assert_true(next_ns == GATE_AWAKE_NS ||
                next_ns == long_ns); /* open before it came */
}

static void
who_never_looks_keeps_to_it(void **state)
{
    (void)state;
    visit_t visit;
    s_begin(&visit, GATE_NEVER_AWAKE);
    s_until_asleep(&visit);
    assert_int_equal(s_end(&visit), GATE_NEVER_AWAKE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_gate_is_passed),
        cmocka_unit_test(who_looked_in_vain_sleeps_and_looks_for_half_as_long),
        cmocka_unit_test(who_need_not_sleep_looks_for_long_again),
        cmocka_unit_test(who_never_looks_keeps_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
