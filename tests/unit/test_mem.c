/* Allocation with faults, checked arithmetic. */
#include "tests/support/tests.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static void
new_memory_is_zero_and_never_null(void **state)
{
    (void)state;
    fault_t fault;
    uint32_t *numbers = mem_new(4, sizeof *numbers, &fault);
    for (int i = 0; i < 4; i++)
        assert_int_equal(numbers[i], 0);
    free(numbers);
    void *nothing = mem_new(0, 0, &fault);
    assert_non_null(nothing);
    free(nothing);
}

static void
sizes_that_do_not_fit_are_faults(void **state)
{
    (void)state;
    /* Volatile, lest the compiler warn about what is tested here. */
    volatile size_t huge = SIZE_MAX;
    fault_t fault;
    assert_null(mem_new(huge, 2, &fault));
    assert_int_equal(fault.code, FAULT_MEMORY);
    assert_null(mem_text("x", huge, &fault));
    assert_int_equal(fault.code, FAULT_MEMORY);
    assert_null(mem_aligned(huge, &fault));
    assert_int_equal(fault.code, FAULT_MEMORY);
    assert_null(mem_new(huge, 2, NULL));
}

static void
an_array_grows_and_keeps_what_it_holds(void **state)
{
    (void)state;
    fault_t fault;
    uint16_t *array = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_ok(mem_grow(&array, &capacity, i + 1, sizeof *array, &fault),
                  &fault);
        assert_int_equal(array[i], 0);
        array[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(array[i], i);
    assert_int_equal(capacity, 1024);

    uint16_t *before = array;
    assert_int_equal(
        mem_grow(&array, &capacity, SIZE_MAX, sizeof *array, &fault), -1);
    assert_int_equal(fault.code, FAULT_MEMORY);
    assert_ptr_equal(array, before);
    assert_int_equal(capacity, 1024);
    free(array);
}

static void
text_ends_in_a_nul(void **state)
{
    (void)state;
    fault_t fault;
    char *text = mem_text("abcdef", 3, &fault);
    assert_string_equal(text, "abc");
    free(text);
    text = mem_text(NULL, 0, &fault);
    assert_string_equal(text, "");
    free(text);
}

static void
aligned_memory_is_aligned_to_a_cache_line(void **state)
{
    (void)state;
    fault_t fault;
    for (size_t bytes = 0; bytes < 200; bytes += 33) {
        char *memory = mem_aligned(bytes, &fault);
        assert_int_equal((uintptr_t)memory % 64, 0);
        memset(memory, 1, bytes);
        free(memory);
    }
}

static void
arithmetic_tells_when_it_does_not_fit(void **state)
{
    (void)state;
    size_t result;
    assert_true(mem_mul(3, 4, &result));
    assert_int_equal(result, 12);
    assert_true(mem_mul(0, SIZE_MAX, &result));
    assert_false(mem_mul(SIZE_MAX / 2, 3, &result));
    assert_true(mem_add(SIZE_MAX - 1, 1, &result));
    assert_false(mem_add(SIZE_MAX, 1, &result));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zero_and_never_null),
        cmocka_unit_test(sizes_that_do_not_fit_are_faults),
        cmocka_unit_test(an_array_grows_and_keeps_what_it_holds),
        cmocka_unit_test(text_ends_in_a_nul),
        cmocka_unit_test(aligned_memory_is_aligned_to_a_cache_line),
        cmocka_unit_test(arithmetic_tells_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
