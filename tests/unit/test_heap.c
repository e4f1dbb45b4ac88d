/* The heap whose nodes know their place, and the timers over it. */
#include "tests/support/tests.h"

#include <string.h>

#include "broker/heap.h"
#include "broker/timers.h"

enum { NODES = 200 };

static void
nodes_leave_in_the_order_of_their_keys(void **state)
{
    (void)state;
    heap_t heap;
    heap_node_t nodes[NODES];
    memset(nodes, 0, sizeof nodes);
    assert_int_equal(heap_init(&heap, NODES, NULL), 0);
    for (int i = 0; i < NODES; i++) {
        heap_add(&heap, &nodes[i], i * 7919 % 211);
        heap_verify(&heap);
    }
    int64_t last = INT64_MIN;
    for (heap_node_t *node; (node = heap_first(&heap));) {
        const heap_node_t *second = heap_second(&heap);
        assert_true(node->key >= last);
        last = node->key;
        heap_remove(&heap, node);
        assert_false(heap_holds(node));
        assert_true((second == NULL) == (heap_first(&heap) == NULL));
        if (second)
            assert_int_equal(second->key, heap_first(&heap)->key);
    }
    heap_release(&heap);
}

static void
any_node_can_move_or_leave(void **state)
{
    (void)state;
    heap_t heap;
    heap_node_t nodes[NODES];
    memset(nodes, 0, sizeof nodes);
    assert_int_equal(heap_init(&heap, NODES, NULL), 0);
    for (int i = 0; i < NODES; i++)
        heap_add(&heap, &nodes[i], i);
    for (int i = 0; i < NODES; i++) {
        heap_move(&heap, &nodes[i], i * 31 % 97);
        heap_verify(&heap);
    }
    for (int i = 0; i < NODES; i += 3) {
        heap_remove(&heap, &nodes[i]);
        heap_verify(&heap);
    }
    assert_int_equal(heap.count, NODES - (NODES + 2) / 3);
    heap_release(&heap);
}

static void
a_timer_fires_once_when_it_is_due(void **state)
{
    (void)state;
    timers_t timers;
    alarm_t early, late;
    assert_int_equal(timers_init(&timers, 2, NULL), 0);
    alarm_init(&early, 1, &early);
    alarm_init(&late, 2, &late);
    assert_true(timers_next_us(&timers) == INT64_MAX);
    timers_set(&timers, &late, 50);
    timers_set(&timers, &early, 90);
    timers_set(&timers, &early, 20);
    assert_true(timers_next_us(&timers) == 20);
    assert_null(timers_take(&timers, 19));
    assert_ptr_equal(timers_take(&timers, 60), &early);
    assert_ptr_equal(timers_take(&timers, 60), &late);
    assert_null(timers_take(&timers, 60));
    timers_clear(&timers, &late);
    timers_release(&timers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_leave_in_the_order_of_their_keys),
        cmocka_unit_test(any_node_can_move_or_leave),
        cmocka_unit_test(a_timer_fires_once_when_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
