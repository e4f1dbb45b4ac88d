/* CPU levels: which there are, and that each has all its kernels. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "worker/engine/level.h"
#include "worker/engine/session.h"

static void
an_unknown_level_is_refused_with_those_there_are(void **state)
{
    (void)state;
    fault_t fault = {0};
    assert_int_equal(level_choose("sse9", &fault), -1);
    assert_int_equal(fault.code, FAULT_USAGE);
    assert_non_null(strstr(fault.text, "sse9"));
    assert_non_null(strstr(fault.text, "baseline"));
    assert_int_equal(level_choose("", &fault), -1);
}

static void
the_environment_chooses_where_nobody_did(void **state)
{
    (void)state;
    const char *name = getenv("CONVOY_CPU");
    if (name)
        assert_string_equal(kernels()->level, name);
    assert_non_null(kernels()->level);
}

/* By itself BLIS takes a virtual machine's CPU for an older one. */
static void
blis_takes_the_micro_kernel_of_the_level(void **state)
{
    (void)state;
    static const struct {
        const char *level, *architecture;
    } rows[] = {
        {"avx512", "skx-"},
        {"avx2", "haswell-"},
#if defined(__aarch64__)
        {"baseline", "cortexa57-"},
#else
        {"baseline", "generic-"},
#endif
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].level, kernels()->level) == 0)
            assert_ptr_equal(
                strstr(kernels()->gemm_name(), rows[i].architecture),
                kernels()->gemm_name());
}

static void
a_session_names_level_and_micro_kernel(void **state)
{
    (void)state;
    const char *text = session_cpu();
    size_t size = strlen(kernels()->level);
    assert_memory_equal(text, kernels()->level, size);
    assert_int_equal(text[size], ' ');
    assert_string_equal(text + size + 1, kernels()->gemm_name());
}

static void
every_level_of_this_machine_has_all_kernels(void **state)
{
    (void)state;
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fault_t fault = {0};
        if (level_choose(names[i], &fault))
            continue;
        assert_string_equal(kernels()->level, names[i]);
        assert_true(kernels()->lanes >= 4);
#define CHECK(name) assert_non_null((void *)(uintptr_t)kernels()->name);
        KERNELS(CHECK)
#undef CHECK
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_level_is_refused_with_those_there_are),
        cmocka_unit_test(the_environment_chooses_where_nobody_did),
        cmocka_unit_test(blis_takes_the_micro_kernel_of_the_level),
        cmocka_unit_test(a_session_names_level_and_micro_kernel),
        cmocka_unit_test(every_level_of_this_machine_has_all_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
