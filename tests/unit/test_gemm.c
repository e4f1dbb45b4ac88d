/* Matrix products against the naive one, and their bits. */
#include "tests/support/tests.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/naive.h"
#include "worker/engine/level.h"
#include "worker/kernel/gemm.h"

static float *
s_aligned(size_t floats)
{
    return aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64 + 64);
}

/* c = a b through packed panels, block by block. */
static void
s_multiply(float *c, const float *a, const float *b, size_t rows, size_t depth,
           size_t columns)
{
    const gemm_side_t *ours = kernels()->gemm_rows(),
                      *theirs = kernels()->gemm_columns();
    float *a_packed =
        s_aligned(kernels()->gemm_packed_floats(ours, rows, depth));
    float *b_packed =
        s_aligned(kernels()->gemm_packed_floats(theirs, columns, depth));
    kernels()->gemm_pack(ours, a, depth, 1, rows, depth, a_packed);
    kernels()->gemm_pack(theirs, b, 1, columns, columns, depth, b_packed);
    size_t step = kernels()->gemm_step(depth);
    for (size_t k = 0; k < depth; k += step)
        kernels()->gemm_block(
            depth - k < step ? depth - k : step,
            a_packed + kernels()->gemm_block_offset(ours, rows, depth, k),
            b_packed + kernels()->gemm_block_offset(theirs, columns, depth, k),
            c, columns, rows, columns, k > 0);
    free(a_packed);
    free(b_packed);
}

/* In a process of its own: BLIS chooses its kernels once. Exits 0 if products
 * are right. */
static void
s_try_kernel(int architecture)
{
    /* cmocka would take a signal for the failure of a test. */
    signal(SIGILL, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    char text[16];
    snprintf(text, sizeof text, "%d", architecture);
    setenv("BLIS_ARCH_TYPE", text, 1);
    if (!freopen("/dev/null", "w", stderr))
        _exit(1);
    naive_random_t random = {5};
    for (int round = 0; round < 20; round++) {
        size_t rows = (size_t)naive_int(&random, 1, 70);
        size_t depth = (size_t)naive_int(&random, 1, 700);
        size_t columns = (size_t)naive_int(&random, 1, 70);
        float *a = naive_floats(&random, rows * depth);
        float *b = naive_floats(&random, depth * columns);
        float *c = naive_floats(&random, rows * columns);
        float *expected = naive_floats(&random, rows * columns);
        s_multiply(c, a, b, rows, depth, columns);
        naive_matmul(expected, a, b, rows, depth, columns);
        if (naive_error(c, expected, rows * columns) >= 1e-6)
            _exit(1);
        free(a);
        free(b);
        free(c);
        free(expected);
    }
    _exit(0);
}

/* BLIS 0.9 on x86 numbers its kernels so, with tiles that prefer columns or
 * rows of many sizes; one that this CPU (or another BLIS) does not have dies
 * by a signal and is passed over. Runs first, before BLIS has chosen. */
static void
every_micro_kernel_of_this_cpu_gives_right_products(void **state)
{
    (void)state;
    enum { SKX, HASWELL = 3, SANDYBRIDGE, PENRYN, ZEN3, STEAMROLLER = 10 };
    static const int kinds[] = {SKX,    HASWELL, SANDYBRIDGE,
                                PENRYN, ZEN3,    STEAMROLLER};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        pid_t child = fork();
        if (child == 0)
            s_try_kernel(kinds[i]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
            fail_msg("the kernel of architecture %d gives wrong products",
                     kinds[i]);
    }
}

static void
products_of_odd_sizes_are_right(void **state)
{
    (void)state;
    naive_random_t random = {1};
    for (int round = 0; round < 60; round++) {
        size_t rows = (size_t)naive_int(&random, 1, 160);
        size_t depth = (size_t)naive_int(&random, 1, 600);
        size_t columns = (size_t)naive_int(&random, 1, 50);
        float *a = naive_floats(&random, rows * depth);
        float *b = naive_floats(&random, depth * columns);
        float *c = naive_floats(&random, rows * columns);
        float *expected = naive_floats(&random, rows * columns);
        s_multiply(c, a, b, rows, depth, columns);
        naive_matmul(expected, a, b, rows, depth, columns);
        assert_true(naive_error(c, expected, rows * columns) < 1e-6);
        free(a);
        free(b);
        free(c);
        free(expected);
    }
}

static void
an_element_has_the_same_bits_wherever_it_lies(void **state)
{
    (void)state;
    enum { ROWS = 40, DEPTH = 700, COLUMNS = 70 };
    naive_random_t random = {2};
    float *a = naive_floats(&random, ROWS * DEPTH);
    float *b = naive_floats(&random, DEPTH * COLUMNS);
    float *whole = naive_floats(&random, ROWS * COLUMNS);
    float *part = naive_floats(&random, ROWS * COLUMNS);
    s_multiply(whole, a, b, ROWS, DEPTH, COLUMNS);
    for (size_t first = 0; first < 20; first++)
        for (size_t count = 1; count < 20; count += 3) {
            s_multiply(part, a + first * DEPTH, b, count, DEPTH, COLUMNS);
            assert_memory_equal(part, whole + first * COLUMNS,
                                count * COLUMNS * sizeof *part);
        }
    free(a);
    free(b);
    free(whole);
    free(part);
}

static void
what_c_held_before_does_not_matter(void **state)
{
    (void)state;
    float a[3] = {1.0f, 2.0f, 3.0f}, b[3] = {4.0f, 5.0f, 6.0f};
    float c[9];
    memset(c, 0xff, sizeof c); /* NaN */
    s_multiply(c, a, b, 3, 1, 3);
    assert_true(c[0] == 4.0f && c[4] == 10.0f && c[8] == 18.0f);
}

static void
panels_are_padded_with_zeros(void **state)
{
    (void)state;
    const gemm_side_t *side = kernels()->gemm_rows();
    float matrix[5] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f};
    size_t floats = kernels()->gemm_packed_floats(side, 1, 5);
    float *packed = s_aligned(floats);
    memset(packed, 0xff, floats * sizeof *packed);
    kernels()->gemm_pack(side, matrix, 5, 1, 1, 5, packed);
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < side->stride; i++)
            assert_true(packed[k * side->stride + i] ==
                        (i == 0 ? matrix[k] : 0.0f));
    free(packed);
}

/* Memory whose last float is followed by a page that may not be touched. */
static float *
s_guarded(size_t floats, void **pages, size_t *size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (floats * sizeof(float) + page - 1) / page * page;
    *size = bytes + page;
    *pages = mmap(NULL, *size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(*pages != MAP_FAILED);
    assert_int_equal(mprotect((char *)*pages + bytes, page, PROT_NONE), 0);
    size_t used = (floats * sizeof(float) + 63) / 64 * 64;
    return (float *)(void *)((char *)*pages + bytes - used);
}

static void
nothing_is_read_past_the_slack(void **state)
{
    (void)state;
    naive_random_t random = {4};
    size_t rows = (size_t)kernels()->gemm_rows()->width;
    size_t columns = (size_t)kernels()->gemm_columns()->width;
    for (size_t depth = 1; depth <= GEMM_DEPTH; depth++) {
        void *a_pages, *b_pages;
        size_t a_size, b_size;
        float *a = s_guarded(
            kernels()->gemm_packed_floats(kernels()->gemm_rows(), rows, depth),
            &a_pages, &a_size);
        float *b = s_guarded(kernels()->gemm_packed_floats(
                                 kernels()->gemm_columns(), columns, depth),
                             &b_pages, &b_size);
        float *c = naive_floats(&random, rows * columns);
        kernels()->gemm_tile(depth, a, b, c, columns, rows, columns, false);
        assert_true(c[0] == 0.0f);
        munmap(a_pages, a_size);
        munmap(b_pages, b_size);
        free(c);
    }
}

static int
s_threads_alive(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; tasks && (e = readdir(tasks));)
        count += e->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

static void
blis_starts_no_threads_of_its_own(void **state)
{
    (void)state;
    enum { SIDE = 300 };
    naive_random_t random = {3};
    int before = s_threads_alive();
    float *a = naive_floats(&random, SIDE * SIDE);
    float *c = naive_floats(&random, SIDE * SIDE);
    s_multiply(c, a, a, SIDE, SIDE, SIDE);
    assert_int_equal(s_threads_alive(), before);
    free(a);
    free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_micro_kernel_of_this_cpu_gives_right_products),
        cmocka_unit_test(products_of_odd_sizes_are_right),
        cmocka_unit_test(an_element_has_the_same_bits_wherever_it_lies),
        cmocka_unit_test(what_c_held_before_does_not_matter),
        cmocka_unit_test(panels_are_padded_with_zeros),
        cmocka_unit_test(nothing_is_read_past_the_slack),
        cmocka_unit_test(blis_starts_no_threads_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
