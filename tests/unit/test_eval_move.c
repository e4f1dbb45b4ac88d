/* Operators that move, make or select elements: shapes and elements against
 * index loops and the examples of the ONNX documentation. */
#include "tests/support/tests.h"

#include <math.h>

#include "tests/support/evaluate.h"

enum { PLACES_MAX = 4096, DTYPES = 10 };

static int64_t s_places[PLACES_MAX];

/* Of the element of [a, b, c] at this index. */
static int64_t
s_at3(const int64_t *dims, int64_t a, int64_t b, int64_t c)
{
    return (a * dims[1] + b) * dims[2] + c;
}

static void
views_keep_their_elements(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 6; i++)
        s_places[i] = i;
    for (int d = 0; d < DTYPES; d++) {
        dtype_t dtype = evaluate_dtypes[d];
        evaluate_op("Identity", 1);
        evaluate_count_up(dtype, SHAPE(2, 3));
        evaluate();
        evaluate_expect_places(dtype, SHAPE(2, 3), s_places);
        evaluate_op("Reshape", 1);
        evaluate_count_up(dtype, SHAPE(2, 3));
        LIST(3, -1);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(3, 2), s_places);
        evaluate_op("Flatten", 1);
        evaluate_count_up(dtype, SHAPE(1, 2, 3));
        evaluate_int("axis", -1);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(2, 3), s_places);
        evaluate_op("Squeeze", 1);
        evaluate_count_up(dtype, SHAPE(1, 6, 1));
        LIST(-1);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(1, 6), s_places);
        evaluate_op("Unsqueeze", 1);
        evaluate_count_up(dtype, SHAPE(2, 3));
        LIST(-1, 0);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(1, 2, 3, 1), s_places);
    }
}

static void
squeeze_without_axes_drops_every_one(void **state)
{
    (void)state;
    evaluate_op("Squeeze", 1);
    evaluate_count_up(DTYPE_INT16, SHAPE(1, 2, 1, 2, 1));
    evaluate();
    evaluate_expect_places(DTYPE_INT16, SHAPE(2, 2), (int64_t[]){0, 1, 2, 3});
    evaluate_op("Squeeze", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(1));
    evaluate_absent();
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SCALAR, (int64_t[]){0});
}

static void
reshape_follows_zeros_and_minus_one(void **state)
{
    (void)state;
    const struct {
        const shape_t *from;
        int64_t wanted[3];
        int allow_zero;
        const shape_t *to; /* NULL: refused */
    } rows[] = {
        {SHAPE(2, 3, 4), {0, -1, 2}, 0, SHAPE(2, 6, 2)},
        {SHAPE(2, 3, 4), {0, 0, 0}, 0, SHAPE(2, 3, 4)},
        {SHAPE(2, 3, 4), {-1, -1, 1}, 0, NULL},
        {SHAPE(2, 3, 4), {5, -1, 1}, 0, NULL},
        {SHAPE(2, 3, 4), {-2, 3, 4}, 0, NULL},
        {SHAPE(2, 3, 4), {0, 3, 4}, 1, NULL},
        {SHAPE(0, 3, 4), {3, 4, 0}, 1, SHAPE(3, 4, 0)},
        {SHAPE(0, 3, 4), {0, 7, 5}, 0, SHAPE(0, 7, 5)},
        {SHAPE(0, 3, 4), {-1, 7, 5}, 0, SHAPE(0, 7, 5)},
        {SHAPE(0, 3, 4), {0, -1, 5}, 1, NULL},
        {SHAPE(0, 3, 4), {0, 1LL << 40, 1LL << 40}, 0, NULL},
        {SHAPE(2, 3, 4), {1LL << 62, 4, 24}, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Reshape", 1);
        evaluate_count_up(DTYPE_UINT8, rows[i].from);
        evaluate_list(3, rows[i].wanted);
        evaluate_int("allowzero", rows[i].allow_zero);
        for (int64_t n = 0; n < 24; n++)
            s_places[n] = n;
        if (!rows[i].to) {
            evaluate_refuses("node 'n' (Reshape)");
            continue;
        }
        evaluate();
        evaluate_expect_places(DTYPE_UINT8, rows[i].to, s_places);
    }
}

static void
casts_truncate_wrap_and_compare_with_zero(void **state)
{
    (void)state;
    evaluate_op("Cast", 1);
    evaluate_input(DTYPE_FLOAT32, SHAPE(5),
                   (float[]){-1.9f, 0.0f, 0.5f, 2.9f, 300.0f});
    evaluate_int("to", DTYPE_INT32);
    evaluate();
    evaluate_expect(DTYPE_INT32, SHAPE(5), (int32_t[]){-1, 0, 0, 2, 300});
    evaluate_int("to", DTYPE_BOOL);
    evaluate();
    evaluate_expect(DTYPE_BOOL, SHAPE(5), (char[]){1, 0, 1, 1, 1});
    evaluate_op("Cast", 1);
    evaluate_input(DTYPE_INT16, SHAPE(4), (int16_t[]){200, -1, 0, 256});
    evaluate_int("to", DTYPE_INT8);
    evaluate();
    evaluate_expect(DTYPE_INT8, SHAPE(4), (int8_t[]){-56, -1, 0, 0});
    evaluate_int("to", DTYPE_INT64);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(4), (int64_t[]){200, -1, 0, 256});
    evaluate_int("to", DTYPE_BOOL);
    evaluate();
    evaluate_expect(DTYPE_BOOL, SHAPE(4), (char[]){1, 1, 0, 1});
    evaluate_int("to", 8); /* strings */
    evaluate_refuses("its type 8 is not supported");
    evaluate_int("to", INT64_MIN);
    evaluate_refuses("is not supported");
}

static void
casts_know_every_pair_of_types(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 7; i++)
        s_places[i] = i;
    for (int from = 0; from < DTYPES; from++)
        for (int to = 0; to < DTYPES; to++) {
            evaluate_op("Cast", 1);
            evaluate_count_up(evaluate_dtypes[from], SHAPE(7));
            evaluate_int("to", evaluate_dtypes[to]);
            evaluate();
            for (int64_t i = 2; i < 7; i++)
                s_places[i] = evaluate_dtypes[from] == DTYPE_BOOL ? 1 : i;
            evaluate_expect_places(evaluate_dtypes[to], SHAPE(7), s_places);
        }
}

static void
concat_joins_along_any_axis(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++)
        for (int64_t axis = -3; axis < 3; axis++) {
            dtype_t dtype = evaluate_dtypes[d];
            int64_t own = axis < 0 ? axis + 3 : axis;
            shape_t a = {3, {2, 3, 5}}, b = a, y = a;
            b.dims[own] = 4;
            y.dims[own] = a.dims[own] + 4;
            for (int64_t i = 0, n = 0; i < y.dims[0]; i++)
                for (int64_t j = 0; j < y.dims[1]; j++)
                    for (int64_t k = 0; k < y.dims[2]; k++) {
                        int64_t at[] = {i, j, k};
                        bool second = at[own] >= a.dims[own];
                        at[own] -= second ? a.dims[own] : 0;
                        s_places[n++] = s_at3(second ? b.dims : a.dims, at[0],
                                              at[1], at[2]);
                    }
            evaluate_op("Concat", 1);
            evaluate_count_up(dtype, &a);
            evaluate_count_up(dtype, &b);
            evaluate_int("axis", axis);
            evaluate();
            evaluate_expect_places(dtype, &y, s_places);
        }
    evaluate_op("Concat", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(0));
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    evaluate_count_up(DTYPE_INT64, SHAPE(0));
    evaluate_int("axis", 0);
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SHAPE(2), (int64_t[]){0, 1});
}

static void
transpose_turns_axes_in_every_order(void **state)
{
    (void)state;
    static const int64_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const int64_t from[] = {3, 5, 7};
    for (int d = 0; d < DTYPES; d++)
        for (int o = 0; o < 6; o++) {
            const int64_t *order = orders[o];
            shape_t y = {3, {from[order[0]], from[order[1]], from[order[2]]}};
            for (int64_t n = 0; n < 105; n++) {
                int64_t at[] = {n / 35, n / 7 % 5, n % 7};
                s_places[s_at3(y.dims, at[order[0]], at[order[1]],
                               at[order[2]])] = n;
            }
            evaluate_op("Transpose", 1);
            evaluate_count_up(evaluate_dtypes[d], SHAPE(3, 5, 7));
            if (o < 5) /* the last is what no perm means */
                evaluate_ints("perm", 3, order);
            evaluate();
            evaluate_expect_places(evaluate_dtypes[d], &y, s_places);
        }
    evaluate_op("Transpose", 1);
    evaluate_count_up(DTYPE_FLOAT32, SCALAR);
    evaluate();
    evaluate_expect_places(DTYPE_FLOAT32, SCALAR, (int64_t[]){0});
    evaluate_op("Transpose", 1);
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(3, 0, 2));
    evaluate();
    evaluate_expect_places(DTYPE_FLOAT32, SHAPE(2, 0, 3), NULL);
}

static void
expand_repeats_what_is_single(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 2 * 3 * 4 * 5; i++)
        s_places[i] = i / 20 % 3 * 5 + i % 5;
    for (int d = 0; d < DTYPES; d++) {
        evaluate_op("Expand", 1);
        evaluate_count_up(evaluate_dtypes[d], SHAPE(3, 1, 5));
        LIST(2, 1, 4, 1);
        evaluate();
        evaluate_expect_places(evaluate_dtypes[d], SHAPE(2, 3, 4, 5), s_places);
    }
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SCALAR);
    LIST(0, 3);
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SHAPE(0, 3), NULL);
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    LIST(-1);
    evaluate_refuses("dim -1 is not possible");
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    LIST(INT64_MAX, 1);
    evaluate_refuses("too large");
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    LIST(3);
    evaluate_refuses("[2] does not expand to [3]");
}

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
a_shape_and_a_number_make_a_tensor(void **state)
{
    (void)state;
    evaluate_op("ConstantOfShape", 1);
    LIST(2, 2);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(2, 2), (float[4]){0});
    evaluate_tensor("value", DTYPE_INT16, (int16_t[]){-7});
    evaluate();
    evaluate_expect(DTYPE_INT16, SHAPE(2, 2), (int16_t[]){-7, -7, -7, -7});
    evaluate_op("ConstantOfShape", 1);
    evaluate_list(0, NULL);
    evaluate_tensor("value", DTYPE_BOOL, (char[]){1});
    evaluate();
    evaluate_expect(DTYPE_BOOL, SCALAR, (char[]){1});
    evaluate_op("ConstantOfShape", 1);
    LIST(3, 0);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(3, 0), NULL);
    evaluate_op("ConstantOfShape", 1);
    LIST(-1);
    evaluate_refuses("dim -1 is not possible");
    evaluate_op("ConstantOfShape", 1);
    LIST(1LL << 40, 1LL << 40);
    evaluate_refuses("too large");
}

static void
s_range(dtype_t dtype, const void *start, const void *limit, const void *delta)
{
    evaluate_op("Range", 1);
    evaluate_input(dtype, SCALAR, start);
    evaluate_input(dtype, SCALAR, limit);
    evaluate_input(dtype, SCALAR, delta);
}

#define RANGE(dtype, type, start, limit, delta)                                \
    s_range(dtype, &(type){start}, &(type){limit}, &(type){delta})

static void
range_counts_up_and_down(void **state)
{
    (void)state;
    RANGE(DTYPE_INT64, int64_t, 3, 10, 3);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(3), (int64_t[]){3, 6, 9});
    RANGE(DTYPE_INT32, int32_t, 10, 4, -2);
    evaluate();
    evaluate_expect(DTYPE_INT32, SHAPE(3), (int32_t[]){10, 8, 6});
    RANGE(DTYPE_INT16, int16_t, 1, 1, 1);
    evaluate();
    evaluate_expect(DTYPE_INT16, SHAPE(0), NULL);
    RANGE(DTYPE_INT64, int64_t, 5, 1, 2);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(0), NULL);
    RANGE(DTYPE_FLOAT32, float, 1.0f, 2.0f, 0.25f);
    evaluate();
    evaluate_expect(DTYPE_FLOAT32, SHAPE(4),
                    (float[]){1.0f, 1.25f, 1.5f, 1.75f});
    RANGE(DTYPE_FLOAT64, double, 0.5, -1.0, -1.0);
    evaluate();
    evaluate_expect(DTYPE_FLOAT64, SHAPE(2), (double[]){0.5, -0.5});
    const int64_t quarter = 1LL << 62;
    RANGE(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX, quarter);
    evaluate();
    evaluate_expect(DTYPE_INT64, SHAPE(4),
                    (int64_t[]){INT64_MIN, -quarter, 0, quarter});
}

static void
ranges_without_an_end_are_refused(void **state)
{
    (void)state;
    RANGE(DTYPE_INT64, int64_t, 0, 5, 0);
    evaluate_refuses("never gets on by 0");
    RANGE(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX, 1);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, 0.0f, INFINITY, 1.0f);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, NAN, 1.0f, 1.0f);
    evaluate_refuses("too large");
    RANGE(DTYPE_FLOAT32, float, 0.0f, 1.0f, 1e-30f);
    evaluate_refuses("too large");
    RANGE(DTYPE_BOOL, char, 0, 1, 1);
    evaluate_refuses("does not work on bool");
}

static int
s_teardown(void **state)
{
    (void)state;
    evaluate_end();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_keep_their_elements),
        cmocka_unit_test(squeeze_without_axes_drops_every_one),
        cmocka_unit_test(reshape_follows_zeros_and_minus_one),
        cmocka_unit_test(casts_truncate_wrap_and_compare_with_zero),
        cmocka_unit_test(casts_know_every_pair_of_types),
        cmocka_unit_test(concat_joins_along_any_axis),
        cmocka_unit_test(transpose_turns_axes_in_every_order),
        cmocka_unit_test(expand_repeats_what_is_single),
        cmocka_unit_test(slice_takes_ranges_with_any_step),
        cmocka_unit_test(slice_works_on_several_axes),
        cmocka_unit_test(slices_that_make_no_sense_are_refused),
        cmocka_unit_test(gather_picks_along_an_axis),
        cmocka_unit_test(indices_out_of_range_are_refused),
        cmocka_unit_test(where_chooses_with_broadcasting),
        cmocka_unit_test(a_shape_and_a_number_make_a_tensor),
        cmocka_unit_test(range_counts_up_and_down),
        cmocka_unit_test(ranges_without_an_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, s_teardown);
}
