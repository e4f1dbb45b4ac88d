/* Operators that put elements elsewhere: shapes and elements against index
 * loops and the examples of the ONNX documentation. */
#include "tests/support/tests.h"

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
    evaluate_refuses("-1 in its input 1 is not possible");
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    LIST(INT64_MAX, 1);
    evaluate_refuses("too large");
    evaluate_op("Expand", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(2));
    LIST(3);
    evaluate_refuses("[2] does not expand to [3]");
}

/* Output `slot` of the last node as if it were the only one. */
static void
s_expect_slot(int slot, dtype_t dtype, const shape_t *shape,
              const int64_t *places)
{
    evaluated_t first = evaluated[0];
    evaluated[0] = evaluated[slot];
    evaluate_expect_places(dtype, shape, places);
    evaluated[0] = first;
}

static void
split_cuts_an_axis_into_pieces(void **state)
{
    (void)state;
    for (int d = 0; d < DTYPES; d++) {
        dtype_t dtype = evaluate_dtypes[d];
        evaluate_op("Split", 3);
        evaluate_count_up(dtype, SHAPE(2, 5));
        LIST(1, 0, 4);
        evaluate_int("axis", -1);
        evaluate();
        s_expect_slot(0, dtype, SHAPE(2, 1), (int64_t[]){0, 5});
        s_expect_slot(1, dtype, SHAPE(2, 0), NULL);
        s_expect_slot(2, dtype, SHAPE(2, 4),
                      (int64_t[]){1, 2, 3, 4, 6, 7, 8, 9});
    }
    evaluate_op("Split", 4); /* the last one is smaller */
    evaluate_count_up(DTYPE_INT64, SHAPE(7));
    evaluate_int("num_outputs", 4);
    evaluate();
    s_expect_slot(0, DTYPE_INT64, SHAPE(2), (int64_t[]){0, 1});
    s_expect_slot(2, DTYPE_INT64, SHAPE(2), (int64_t[]){4, 5});
    s_expect_slot(3, DTYPE_INT64, SHAPE(1), (int64_t[]){6});
}

static void
splits_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct {
        int64_t sizes[2];
        const char *part;
    } rows[] = {
        {{3, 1}, "its split leaves out 1 of 5"},
        {{3, 3}, "an axis of 5 does not split so"},
        {{6, -1}, "an axis of 5 does not split so"},
        {{INT64_MAX, INT64_MAX}, "an axis of 5 does not split so"},
        {{INT64_MIN, 5}, "an axis of 5 does not split so"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Split", 2);
        evaluate_count_up(DTYPE_INT64, SHAPE(5));
        evaluate_list(2, rows[i].sizes);
        evaluate_refuses(rows[i].part);
    }
    evaluate_op("Split", 2);
    evaluate_count_up(DTYPE_INT64, SHAPE(5));
    LIST(5);
    evaluate_refuses("1 sizes for 2 outputs");
    evaluate_op("Split", 2);
    evaluate_count_up(DTYPE_INT64, SHAPE(5));
    evaluate_int("num_outputs", 3);
    evaluate_refuses("num_outputs is not 2");
    evaluate_op("Split", 4);
    evaluate_count_up(DTYPE_INT64, SHAPE(5)); /* 2, 2, 2 and less than none */
    evaluate_refuses("an axis of 5 does not split so");
}

static void
tile_repeats_every_axis(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 6 * 5 * 4; n++)
        s_places[n] = n / 20 % 3 * 10 + n / 4 % 5 * 2 + n % 2;
    for (int d = 0; d < DTYPES; d++) {
        evaluate_op("Tile", 1);
        evaluate_count_up(evaluate_dtypes[d], SHAPE(3, 5, 2));
        LIST(2, 1, 2);
        evaluate();
        evaluate_expect_places(evaluate_dtypes[d], SHAPE(6, 5, 4), s_places);
    }
    evaluate_op("Tile", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(3, 2));
    LIST(0, 7);
    evaluate();
    evaluate_expect_places(DTYPE_INT64, SHAPE(0, 14), NULL);
    evaluate_op("Tile", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(3));
    LIST(INT64_MAX);
    evaluate_refuses("too large");
    evaluate_op("Tile", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(3));
    LIST(-1);
    evaluate_refuses("-1 in its input 1 is not possible");
    evaluate_op("Tile", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(3));
    LIST(1, 1);
    evaluate_refuses("2 repeats for a tensor of rank 1");
}

/* By the formulas of the documentation, written as loops over the input. */
static void
blocks_of_depth_become_space_and_back(void **state)
{
    (void)state;
    enum { N = 2, C = 3, H = 2, W = 5, B = 2, WIDE = W * B, HIGH = H * B };
    static int64_t dcr[N * C * HIGH * WIDE], crd[N * C * HIGH * WIDE];
    static int64_t back[N * C * HIGH * WIDE];
    int from = 0;
    for (int n = 0; n < N; n++)
        for (int depth = 0; depth < C * B * B; depth++)
            for (int h = 0; h < H; h++)
                for (int w = 0; w < W; w++, from++) {
                    int block = depth / C, rest = depth % (B * B);
                    int y = ((n * C + depth % C) * HIGH + h * B + block / B) *
                                WIDE +
                            w * B + block % B;
                    int z =
                        ((n * C + depth / (B * B)) * HIGH + h * B + rest / B) *
                            WIDE +
                        w * B + rest % B;
                    dcr[y] = crd[z] = from;
                    back[from] = y;
                }
    for (int d = 0; d < DTYPES; d++) {
        dtype_t dtype = evaluate_dtypes[d];
        evaluate_op("DepthToSpace", 1);
        evaluate_count_up(dtype, SHAPE(N, C * B * B, H, W));
        evaluate_int("blocksize", B);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(N, C, HIGH, WIDE), dcr);
        evaluate_text("mode", "CRD");
        evaluate();
        evaluate_expect_places(dtype, SHAPE(N, C, HIGH, WIDE), crd);
        evaluate_op("SpaceToDepth", 1);
        evaluate_count_up(dtype, SHAPE(N, C, HIGH, WIDE));
        evaluate_int("blocksize", B);
        evaluate();
        evaluate_expect_places(dtype, SHAPE(N, C * B * B, H, W), back);
    }
    const int64_t wrong[] = {0, -1, 3, INT64_MAX};
    for (int i = 0; i < 4; i++) {
        evaluate_op("DepthToSpace", 1);
        evaluate_count_up(DTYPE_INT8, SHAPE(1, 4, 4, 4));
        evaluate_int("blocksize", wrong[i]);
        evaluate_refuses("node 'n' (DepthToSpace)");
        evaluate_op("SpaceToDepth", 1);
        evaluate_count_up(DTYPE_INT8, SHAPE(1, 1 << 20, 0, 0));
        evaluate_int("blocksize", wrong[i] == 3 ? 1 << 20 : wrong[i]);
        evaluate_refuses("node 'n' (SpaceToDepth)");
    }
}

static void
dropout_keeps_everything(void **state)
{
    (void)state;
    evaluate_op("Dropout", 2);
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(3));
    evaluate();
    evaluate_expect_places(DTYPE_FLOAT32, SHAPE(3), (int64_t[]){0, 1, 2});
    s_expect_slot(1, DTYPE_BOOL, SHAPE(3), (int64_t[]){1, 1, 1});
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
        cmocka_unit_test(split_cuts_an_axis_into_pieces),
        cmocka_unit_test(splits_that_do_not_fit_are_refused),
        cmocka_unit_test(tile_repeats_every_axis),
        cmocka_unit_test(blocks_of_depth_become_space_and_back),
        cmocka_unit_test(dropout_keeps_everything),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
