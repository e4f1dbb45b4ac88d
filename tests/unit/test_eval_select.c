/* Operators that choose elements, against index loops and the examples of the
 * ONNX documentation. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/evaluate.h"

enum { PLACES_MAX = 4096, DTYPES = 10 };

static int64_t s_places[PLACES_MAX];

static void
slice_takes_ranges_with_any_step(void **state)
{
    (void)state;
    const int64_t max = INT64_MAX, min = INT64_MIN;
    const struct {
        int64_t start, end, step; /* of numbers 0..9 */
        int count;
        int64_t expected[10];
    } rows[] = {
        {2, 7, 1, 5, {2, 3, 4, 5, 6}},
        {0, max, 3, 4, {0, 3, 6, 9}},
        {-3, max, 1, 3, {7, 8, 9}},
        {min, -8, 1, 2, {0, 1}},
        {-1, min, -4, 3, {9, 5, 1}},
        {max, min, -9, 2, {9, 0}},
        {5, 2, -1, 3, {5, 4, 3}},
        {5, 2, 1, 0, {0}},
        {2, 5, -1, 0, {0}},
        {10, max, 1, 0, {0}},
        {max, max, 1, 0, {0}},
        {0, max, max, 1, {0}},
        {9, min, min, 1, {9}},
        {min, min, -1, 1, {0}}, /* clamped to 0, not to before it */
        {-10, -1, 4, 3, {0, 4, 8}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Slice", 1);
        evaluate_count_up(DTYPE_INT32, SHAPE(10));
        LIST(rows[i].start);
        LIST(rows[i].end);
        LIST(0);
        LIST(rows[i].step);
        evaluate();
        evaluate_expect_places(DTYPE_INT32, SHAPE(rows[i].count),
                               rows[i].expected);
    }
}

static void
slice_works_on_several_axes(void **state)
{
    (void)state;
    int n = 0;
    for (int64_t i = 3; i >= 1; i -= 2)
        for (int64_t j = 0; j < 3; j++)
            for (int64_t k = 1; k < 7; k += 3)
                s_places[n++] = (i * 3 + j) * 7 + k;
    for (int d = 0; d < DTYPES; d++) {
        evaluate_op("Slice", 1);
        evaluate_count_up(evaluate_dtypes[d], SHAPE(4, 3, 7));
        LIST(1, -1);
        LIST(7, 0);
        LIST(-1, 0);
        LIST(3, -2);
        evaluate();
        evaluate_expect_places(evaluate_dtypes[d], SHAPE(2, 3, 2), s_places);
    }
    evaluate_op("Slice", 1); /* the example of the documentation */
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 4));
    LIST(0, 1);
    LIST(-1, 1000);
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SHAPE(1, 3), (int64_t[]){1, 2, 3});
    evaluate_op("Slice", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 0));
    LIST(INT64_MIN);
    LIST(INT64_MAX);
    LIST(1);
    LIST(-1);
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SHAPE(2, 0), NULL);
}

static void
slices_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const struct {
        int64_t axes[2], steps[2];
        const char *part;
    } rows[] = {
        {{0, 0}, {1, 1}, "it names an axis twice"},
        {{0, -2}, {1, 1}, "it names an axis twice"},
        {{0, 2}, {1, 1}, "an axis that its input does not have"},
        {{INT64_MIN, 1}, {1, 1}, "an axis that its input does not have"},
        {{0, 1}, {1, 0}, "one of its steps is 0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Slice", 1);
        evaluate_count_up(DTYPE_INT8, SHAPE(3, 4));
        LIST(0, 0);
        LIST(2, 2);
        evaluate_list(2, rows[i].axes);
        evaluate_list(2, rows[i].steps);
        evaluate_refuses(rows[i].part);
    }
    evaluate_op("Slice", 1);
    evaluate_count_up(DTYPE_INT8, SHAPE(3, 4));
    LIST(0, 0);
    LIST(2);
    evaluate_refuses("2 starts, but 1 in its input 2");
}

static void
gather_picks_along_an_axis(void **state)
{
    (void)state;
    int64_t indices[] = {0, -1, 2, -5, 4, 4};
    for (int64_t i = 0, n = 0; i < 3; i++)
        for (int64_t p = 0; p < 6; p++)
            for (int64_t k = 0; k < 7; k++)
                s_places[n++] = (i * 5 + (indices[p] + 5) % 5) * 7 + k;
    for (int d = 0; d < DTYPES; d++) {
        evaluate_op("Gather", 1);
        evaluate_count_up(evaluate_dtypes[d], SHAPE(3, 5, 7));
        evaluate_input(DTYPE_INT64, SHAPE(2, 3), indices);
        evaluate_int("axis", -2);
        evaluate();
        evaluate_expect_places(evaluate_dtypes[d], SHAPE(3, 2, 3, 7), s_places);
    }
    evaluate_op("Gather", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(4));
    evaluate_input(DTYPE_INT32, SCALAR, (int32_t[]){-2});
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SCALAR, (int64_t[]){2});
}

static void
indices_out_of_range_are_refused(void **state)
{
    (void)state;
    const int64_t wrong[] = {4, -5, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        evaluate_op("Gather", 1);
        evaluate_count_up(DTYPE_INT64, SHAPE(4));
        LIST(0, wrong[i]);
        evaluate_refuses("node 'n' (Gather): an index is out of range");
    }
    evaluate_op("Gather", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 0));
    LIST(0);
    evaluate_int("axis", 1);
    evaluate_refuses("there is nothing along axis 1");
    evaluate_op("Gather", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(1));
    evaluate_refuses("its indices are float32");
}

static void
where_chooses_with_broadcasting(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++) {
        evaluate_op("Where", 1);
        evaluate_input(DTYPE_BOOL, SHAPE(2, 1), (char[]){1, 0});
        evaluate_count_up(evaluate_dtypes[d], SHAPE(3));
        evaluate_count_up(evaluate_dtypes[d], SHAPE(3, 1, 1));
        evaluate();
        evaluate_expect_places(
            evaluate_dtypes[d], SHAPE(3, 2, 3),
            (int64_t[]){0, 1, 2, 0, 0, 0, 0, 1, 2, 1, 1, 1, 0, 1, 2, 2, 2, 2});
    }
    evaluate_op("Where", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_refuses("its condition is int64");
    evaluate_op("Where", 1);
    evaluate_count_up(DTYPE_BOOL, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_INT32, SHAPE(2));
    evaluate_refuses("int64 and int32 do not mix");
    evaluate_op("Where", 1);
    evaluate_count_up(DTYPE_BOOL, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(1));
    evaluate_count_up(DTYPE_INT64, SHAPE(3));
    evaluate_refuses("do not fit");
}

static void
scatter_puts_slices_where_tuples_say(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++) { /* the documentation's first example */
        evaluate_op("ScatterND", 1);
        evaluate_count_up(evaluate_dtypes[d], SHAPE(8));
        evaluate_input(DTYPE_INT64, SHAPE(4, 1), (int64_t[]){4, 3, 1, -1});
        evaluate_count_up(evaluate_dtypes[d], SHAPE(4));
        evaluate();
        evaluate_expect_places(evaluate_dtypes[d], SHAPE(8),
                               (int64_t[]){0, 2, 2, 1, 0, 5, 6, 3});
    }
    evaluate_op("ScatterND", 1); /* a row of a matrix */
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 3));
    evaluate_input(DTYPE_INT32, SHAPE(1, 1), (int32_t[]){-1});
    evaluate_input(DTYPE_INT64, SHAPE(1, 3), (int64_t[]){7, 8, 9});
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(2, 3), (int64_t[]){0, 1, 2, 7, 8, 9});
}

static void
scatter_combines_what_meets(void **state)
{
    (void)state;
    const struct {
        const char *name;
        float expected[3];
    } rows[] = {
        {"none", {4, 8, -1}}, {"add", {12, 10, 2}}, {"mul", {24, 16, -3}},
        {"max", {6, 8, 3}},   {"min", {2, 2, -1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int16_t expected[3];
        evaluate_op("ScatterND", 1);
        evaluate_input(DTYPE_FLOAT32, SHAPE(3), (float[]){2, 2, 3});
        evaluate_input(DTYPE_INT64, SHAPE(4, 1), (int64_t[]){0, 1, 2, 0});
        if (i == 0)
            evaluate_input(DTYPE_FLOAT32, SHAPE(4), (float[]){6, 8, -1, 4});
        else
            evaluate_input(DTYPE_FLOAT32, SHAPE(4),
                           i == 2 ? (float[]){3, 8, -1, 4}
                                  : (float[]){6, 8, -1, 4});
        evaluate_text("reduction", rows[i].name);
        evaluate();
        evaluate_expect(DTYPE_FLOAT32, SHAPE(3), rows[i].expected);
        evaluate_op("ScatterND", 1);
        evaluate_input(DTYPE_INT16, SHAPE(3), (int16_t[]){2, 2, 3});
        evaluate_input(DTYPE_INT64, SHAPE(4, 1), (int64_t[]){0, 1, 2, 0});
        evaluate_input(DTYPE_INT16, SHAPE(4),
                       i == 2 ? (int16_t[]){3, 8, -1, 4}
                              : (int16_t[]){6, 8, -1, 4});
        evaluate_text("reduction", rows[i].name);
        evaluate();
        for (int k = 0; k < 3; k++)
            expected[k] = (int16_t)rows[i].expected[k];
        evaluate_expect(DTYPE_INT16, SHAPE(3), expected);
    }
}

static void
scatters_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const int64_t wrong[] = {3, -4, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        evaluate_op("ScatterND", 1);
        evaluate_count_up(DTYPE_INT64, SHAPE(2, 3));
        evaluate_input(DTYPE_INT64, SHAPE(1, 2), (int64_t[]){1, wrong[i]});
        evaluate_count_up(DTYPE_INT64, SHAPE(1));
        evaluate_refuses("(ScatterND): an index is out of range");
    }
    evaluate_op("ScatterND", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 3));
    evaluate_count_up(DTYPE_INT64, SHAPE(1, 3));
    evaluate_count_up(DTYPE_INT64, SHAPE(1));
    evaluate_refuses("indices [1, 3] do not place updates [1]");
    evaluate_op("ScatterND", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2, 3));
    evaluate_count_up(DTYPE_INT64, SHAPE(1, 1));
    evaluate_count_up(DTYPE_INT64, SHAPE(1, 2));
    evaluate_refuses("indices [1, 1] do not place updates [1, 2]");
    evaluate_op("ScatterND", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(1, 1));
    evaluate_count_up(DTYPE_INT64, SHAPE(1));
    evaluate_text("reduction", "sum");
    evaluate_refuses("its reduction 'sum' is not supported");
}

static void
arg_max_finds_the_first_or_the_last(void **state)
{
    (void)state;
    const float x[] = {1, 3, 3, NAN, 0, NAN, -2, -2, -5};
    const int64_t first[] = {1, 0, 0}, last[] = {2, 2, 1};
    const int64_t down[] = {1, 0, 1};
    evaluate_op("ArgMax", 1);
    evaluate_input(DTYPE_FLOAT32, SHAPE(3, 3), x);
    evaluate_int("axis", -1);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(3, 1), first);
    evaluate_int("select_last_index", 1);
    evaluate_int("keepdims", 0);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(3), last);
    evaluate_int("axis", 0);
    evaluate_int("select_last_index", 0);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(3), down);
    evaluate_op("ArgMax", 1);
    evaluate_input(DTYPE_INT64, SHAPE(3),
                   (int64_t[]){INT64_MAX - 1, INT64_MAX, INT64_MIN});
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(1), (int64_t[]){1});
    evaluate_op("ArgMax", 1);
    evaluate_count_up(DTYPE_INT8, SHAPE(2, 0));
    evaluate_int("axis", 1);
    evaluate_refuses("there is nothing along axis 1");
    evaluate_int("axis", 0);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(1, 0), NULL);
}

/* More neighbours than are compared at a time, against a loop. */
static void
arg_max_works_on_wide_tensors(void **state)
{
    (void)state;
    enum { OUTER = 3, DIM = 7, INNER = 301 };
    static float x[OUTER * DIM * INNER];
    static int64_t expected[OUTER * INNER];
    uint32_t random = 1;
    for (int i = 0; i < OUTER * DIM * INNER; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = (float)(random >> 20);
    }
    for (int o = 0; o < OUTER; o++)
        for (int i = 0; i < INNER; i++)
            for (int64_t d = DIM - 1, best = DIM - 1; d >= 0; d--) {
                const float *at = x + (o * DIM) * INNER + i;
                best = at[d * INNER] >= at[best * INNER] ? d : best;
                expected[o * INNER + i] = best;
            }
    evaluate_op("ArgMax", 1);
    evaluate_input(DTYPE_FLOAT32, SHAPE(OUTER, DIM, INNER), x);
    evaluate_int("axis", 1);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(OUTER, 1, INNER), expected);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slice_takes_ranges_with_any_step),
        cmocka_unit_test(slice_works_on_several_axes),
        cmocka_unit_test(slices_that_make_no_sense_are_refused),
        cmocka_unit_test(gather_picks_along_an_axis),
        cmocka_unit_test(indices_out_of_range_are_refused),
        cmocka_unit_test(where_chooses_with_broadcasting),
        cmocka_unit_test(scatter_puts_slices_where_tuples_say),
        cmocka_unit_test(scatter_combines_what_meets),
        cmocka_unit_test(scatters_that_do_not_fit_are_refused),
        cmocka_unit_test(arg_max_finds_the_first_or_the_last),
        cmocka_unit_test(arg_max_works_on_wide_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
