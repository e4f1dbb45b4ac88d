/* Pad: what numpy.pad gives, and what is left after a cut. */
#include "tests/support/tests.h"

#include "tests/support/evaluate.h"

enum { PLACES_MAX = 4096, DTYPES = 10 };

static int64_t s_places[PLACES_MAX];

/* By hand, of 0 1 2 3: what numpy.pad gives, and what is left after a cut. */
static void
pad_surrounds_in_every_mode(void **state)
{
    (void)state;
    const struct {
        const char *mode;
        int64_t begin, end;
        int count;
        int64_t expected[14];
    } rows[] = {
        {"constant", 2, 1, 7, {-1, -1, 0, 1, 2, 3, -1}},
        {"reflect", 2, 1, 7, {2, 1, 0, 1, 2, 3, 2}},
        {"reflect", 5, 3, 12, {1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0}},
        {"edge", 2, 1, 7, {0, 0, 0, 1, 2, 3, 3}},
        {"wrap", 2, 1, 7, {2, 3, 0, 1, 2, 3, 0}},
        {"wrap", 5, 5, 14, {3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0}},
        {"constant", -1, -2, 1, {1}},
        {"constant", -1, 2, 5, {1, 2, 3, -1, -1}},
        {"reflect", -1, 2, 5, {1, 2, 3, 2, 1}},
        {"edge", 2, -3, 3, {0, 0, 0}},
        {"wrap", -2, 3, 5, {2, 3, 2, 3, 2}},
        {"constant", -9, 7, 2, {-1, -1}},
        {"constant", -4, 0, 0, {0}},
        {"edge", -2, -2, 0, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int d = 0; d < DTYPES; d++) {
            evaluate_op("Pad", 1);
            evaluate_count_up(evaluate_dtypes[d], SHAPE(4));
            LIST(rows[i].begin, rows[i].end);
            evaluate_text("mode", rows[i].mode);
            evaluate();
            evaluate_expect_places(evaluate_dtypes[d], SHAPE(rows[i].count),
                                   rows[i].expected);
        }
}

static void
pad_takes_axes_and_a_constant(void **state)
{
    (void)state;
    evaluate_op("Pad", 1);
    evaluate_input(DTYPE_INT16, SHAPE(2, 1, 2), (int16_t[]){1, 2, 3, 4});
    LIST(1, 0, 0, 1);
    evaluate_input(DTYPE_INT16, SCALAR, (int16_t[]){9});
    LIST(-1, 0);
    evaluate();
    evaluate_expect(DTYPE_INT16, SHAPE(3, 1, 3),
                    (int16_t[]){9, 1, 2, 9, 3, 4, 9, 9, 9});
    int n = 0;
    for (int64_t i = -1; i < 3; i++)
        for (int64_t j = -1; j < 4; j++)
            s_places[n++] = (i < 0   ? 1
                             : i > 1 ? 0
                                     : i) *
                                3 +
                            (j < 0   ? 1
                             : j > 2 ? 1
                                     : j);
    evaluate_op("Pad", 1);
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(2, 3));
    LIST(1, 1, 1, 1);
    evaluate_text("mode", "reflect");
    evaluate();
    evaluate_expect_places(DTYPE_FLOAT32, SHAPE(4, 5), s_places);
}

static void
pads_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *mode;
        int64_t begin, end;
        const char *part;
    } rows[] = {
        {"constant", INT64_MAX, 0, "its pads are too large"},
        {"constant", INT64_MIN, INT64_MAX, "its pads are too large"},
        {"constant", 1LL << 40, 1LL << 40, "too large"},
        {"constant", -3, -2, "its pads leave less than nothing"},
        {"edge", -5, 2, "its pads leave nothing to repeat"},
        {"circular", 0, 0, "its mode is not known"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Pad", 1);
        evaluate_count_up(DTYPE_INT64, SHAPE(4));
        LIST(rows[i].begin, rows[i].end);
        evaluate_text("mode", rows[i].mode);
        evaluate_refuses(rows[i].part);
    }
    evaluate_op("Pad", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(4, 4));
    LIST(1, 1);
    evaluate_refuses("fewer pads than its input has axes");
    evaluate_op("Pad", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(4, 4));
    LIST(1, 1, 1, 1);
    evaluate_absent();
    LIST(0, -2);
    evaluate_refuses("it names an axis twice");
    evaluate_op("Pad", 1);
    evaluate_count_up(DTYPE_INT64, SHAPE(4));
    LIST(1, 1);
    evaluate_count_up(DTYPE_FLOAT32, SCALAR);
    evaluate_refuses("its constant is not a single int64");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pad_surrounds_in_every_mode),
        cmocka_unit_test(pad_takes_axes_and_a_constant),
        cmocka_unit_test(pads_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
