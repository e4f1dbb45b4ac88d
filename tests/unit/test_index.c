/* The hash index and the hash under it. */
#include "tests/support/tests.h"

#include "broker/index.h"
#include "broker/siphash.h"

enum { ROWS = 500 };

static uint64_t s_keys[ROWS];

static bool
s_match(const void *table, uint32_t row, const void *key)
{
    return ((const uint64_t *)table)[row] == *(const uint64_t *)key;
}

/* Few different hashes, so that runs of neighbours collide. */
static uint64_t
s_hash(uint64_t key)
{
    return key % 37;
}

static uint32_t
s_find(const index_t *index, uint64_t key)
{
    return index_find(index, s_hash(key), s_match, s_keys, &key);
}

static void
rows_are_found_among_colliding_hashes(void **state)
{
    (void)state;
    index_t index;
    assert_int_equal(index_init(&index, ROWS, NULL), 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        s_keys[i] = i * 3;
        index_add(&index, s_hash(s_keys[i]), i);
    }
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(s_find(&index, i * 3), i);
    assert_int_equal(s_find(&index, 1), INDEX_NONE);
    index_release(&index);
}

static void
a_removed_row_hides_no_other(void **state)
{
    (void)state;
    index_t index;
    assert_int_equal(index_init(&index, ROWS, NULL), 0);
    for (uint32_t i = 0; i < ROWS; i++) {
        s_keys[i] = i * 3;
        index_add(&index, s_hash(s_keys[i]), i);
    }
    for (uint32_t i = 0; i < ROWS; i += 2)
        index_remove(&index, s_hash(s_keys[i]), i);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(s_find(&index, i * 3), i % 2 ? i : INDEX_NONE);
    assert_int_equal(index.count, ROWS / 2);
    index_release(&index);
}

static void
siphash_gives_the_values_of_its_paper(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_BYTES], input[64];
    for (int i = 0; i < 64; i++)
        input[i] = (uint8_t)i;
    for (int i = 0; i < SIPHASH_KEY_BYTES; i++)
        key[i] = (uint8_t)i;
    assert_true(siphash(key, input, 0) == 0x726fdb47dd0e0e31);
    assert_true(siphash(key, input, 1) == 0x74f839c593dc67fd);
    assert_true(siphash(key, input, 8) == 0x93f5f5799a932462);
    assert_true(siphash(key, input, 15) == 0xa129ca6149be45e5);
    assert_true(siphash(key, input, 63) == 0x958a324ceb064572);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_among_colliding_hashes),
        cmocka_unit_test(a_removed_row_hides_no_other),
        cmocka_unit_test(siphash_gives_the_values_of_its_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
