/* Resize: against PyTorch, the examples of the ONNX documentation, and by
 * hand. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>

#include "tests/support/evaluate.h"

static const float image[15] = {-4, 3, -1, 6,  2, -2, 5, 1,
                                -3, 4, 0,  -4, 3, -1, 6};

static void
s_expect_close(const shape_t *shape, const float *expected)
{
    char text[128], other[128];
    const float *y = (const float *)(const void *)evaluated[0].data;
    assert_string_equal(shape_text(&evaluated[0].shape, text, sizeof text),
                        shape_text(shape, other, sizeof other));
    for (int64_t i = 0; i < shape_elements(shape); i++)
        if (!(fabsf(y[i] - expected[i]) <= 2e-6f * (1 + fabsf(expected[i]))))
            fail_msg("element %lld is %g, not %g", (long long)i, (double)y[i],
                     (double)expected[i]);
}

/* A Resize of x to sizes along all its axes. */
static void
s_begin(const shape_t *x, const float *elements, const shape_t *sizes,
        const char *mode, const char *place)
{
    evaluate_op("Resize", 1);
    evaluate_input(DTYPE_FLOAT32, x, elements);
    evaluate_absent();
    evaluate_absent();
    evaluate_list(sizes->rank, sizes->dims);
    evaluate_text("mode", mode);
    evaluate_text("coordinate_transformation_mode", place);
}

/* F.interpolate(image.double(), size, mode=..., align_corners=...). */
static void
what_pytorch_interpolates(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *place;
        float tall[20], wide[18]; /* 5 x 4, 2 x 9 */
    } rows[] = {
        {"linear",
         "half_pixel",
         {-3.125f, 1.5f,    3.375f, 2.5f,    -2.325f, 2.3f,   1.425f,
          2.75f,   -1.125f, 3.5f,   -1.5f,   3.125f,  -0.75f, 0.575f,
          -0.3f,   4.325f,  -0.5f,  -1.375f, 0.5f,    5.125f},
         {-3.5f, -1.166667f, 2.722222f, 1.722222f, -0.5f, 1.861111f, 3.611111f,
          2.916667f, 2.5f, -0.5f, -0.9166667f, -1.611111f, 0.1388889f, 2.5f,
          0.2777778f, -0.7222222f, 3.166667f, 5.5f}},
        {"linear",
         "align_corners",
         {-4, 1.666667f,  3.666667f,  2, -3, 2.666667f, 1,           3,
          -2, 3.666667f,  -1.666667f, 4, -1, 1,         -0.6666667f, 5,
          0,  -1.666667f, 0.3333333f, 6},
         {-4, -0.5f, 3, 1, -1, 2.5f, 6, 4, 2, 0, -2, -4, -0.5f, 3, 1, -1, 2.5f,
          6}},
        {"cubic",
         "half_pixel",
         {-3.419539f, 1.604602f,  4.252805f,   2.418918f,  -2.50466f,
          3.373162f,  1.034197f,  2.63201f,    -1.227539f, 4.591309f,
          -2.591309f, 3.227539f,  -0.6320098f, 0.9658027f, -1.373162f,
          4.50466f,   -0.418918f, -2.252805f,  0.3953984f, 5.419539f},
         {-4.361939f, -1.048032f, 3.37948f, 2.238903f, -0.6171875f, 1.712148f,
          4.048858f, 3.107928f, 2.23079f, -0.2307903f, -1.107928f, -2.048858f,
          0.2878515f, 2.617188f, -0.2389028f, -1.37948f, 3.048032f, 6.361939f}},
        {"cubic",
         "align_corners",
         {-4,         2.12963f,   4.018519f,  2,           -3.1875f,
          4.068866f,  0.3940972f, 2.8125f,    -2,          4.740741f,
          -2.740741f, 4,          -0.8125f,   1.605903f,   -2.068866f,
          5.1875f,    0,          -2.018519f, -0.1296296f, 6},
         {-4, -0.125f, 3, 1, -1, 2.5f, 6, 4.65625f, 2, 0, -2.65625f, -4, -0.5f,
          3, 1, -1, 2.125f, 6}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s_begin(SHAPE(1, 1, 3, 5), image, SHAPE(1, 1, 5, 4), rows[i].mode,
                rows[i].place);
        evaluate();
        s_expect_close(SHAPE(1, 1, 5, 4), rows[i].tall);
        s_begin(SHAPE(1, 1, 3, 5), image, SHAPE(1, 1, 2, 9), rows[i].mode,
                rows[i].place);
        evaluate();
        s_expect_close(SHAPE(1, 1, 2, 9), rows[i].wide);
    }
}

/* mode="nearest" is asymmetric and floor, "nearest-exact" half_pixel. */
static void
what_pytorch_takes_as_nearest(void **state)
{
    (void)state;
    s_begin(SHAPE(1, 1, 3, 5), image, SHAPE(1, 1, 5, 4), "nearest",
            "asymmetric");
    evaluate_text("nearest_mode", "floor");
    evaluate();
    s_expect_close(SHAPE(1, 1, 5, 4),
                   (float[]){-4, 3,  -1, 6, -4, 3,  -1, 6,  -2, 5,
                             1,  -3, -2, 5, 1,  -3, 0,  -4, 3,  -1});
    s_begin(SHAPE(1, 1, 3, 5), image, SHAPE(1, 1, 5, 4), "nearest",
            "half_pixel");
    evaluate_text("nearest_mode", "round_prefer_ceil");
    evaluate();
    s_expect_close(SHAPE(1, 1, 5, 4),
                   (float[]){-4, 3, 6, 2,  -4, 3, 6, 2,  -2, 5,
                             -3, 4, 0, -4, -1, 6, 0, -4, -1, 6});
}

/* 0 0.5 1 1.5 ... by every way to round, in every dtype. */
static void
halves_go_where_the_mode_says(void **state)
{
    (void)state;
    const struct {
        const char *nearest;
        int64_t expected[8];
    } rows[] = {
        {"round_prefer_floor", {0, 0, 1, 1, 2, 2, 3, 3}},
        {"round_prefer_ceil", {0, 1, 1, 2, 2, 3, 3, 3}},
        {"floor", {0, 0, 1, 1, 2, 2, 3, 3}},
        {"ceil", {0, 1, 1, 2, 2, 3, 3, 3}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int d = 0; d < 10; d++) {
            evaluate_op("Resize", 1);
            evaluate_count_up(evaluate_dtypes[d], SHAPE(4));
            evaluate_absent();
            evaluate_input(DTYPE_FLOAT32, SHAPE(1), (float[]){2.0f});
            evaluate_text("coordinate_transformation_mode", "asymmetric");
            evaluate_text("nearest_mode", rows[i].nearest);
            evaluate();
            evaluate_expect_places(evaluate_dtypes[d], SHAPE(8),
                                   rows[i].expected);
        }
}

/* One axis after the other gives what all at once give. */
static void
axes_are_resized_on_their_own(void **state)
{
    (void)state;
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static float x[2 * 3 * 5], step[512], whole[512];
    const shape_t *from = SHAPE(2, 3, 5), *to = SHAPE(3, 2, 7);
    for (int i = 0; i < 30; i++)
        x[i] = (float)((i * 13) % 17) - 8.0f;
    for (int m = 0; m < 3; m++) {
        shape_t shape = *from;
        s_begin(from, x, to, modes[m], "half_pixel");
        evaluate();
        memcpy(whole, evaluated[0].data, 42 * sizeof *whole);
        memcpy(step, x, sizeof x);
        for (int axis = 0; axis < 3; axis++) {
            shape_t next = shape;
            next.dims[axis] = to->dims[axis];
            s_begin(&shape, step, &next, modes[m], "half_pixel");
            evaluate();
            shape = next;
            memcpy(step, evaluated[0].data,
                   (size_t)shape_elements(&shape) * sizeof *step);
        }
        s_expect_close(to, whole);
    }
}

static void
places_beyond_the_edge_may_count_for_nothing(void **state)
{
    (void)state;
    /* test_resize_upsample_scales_cubic_A_n0p5_exclude_outside, row 0 */
    float x[16];
    for (int i = 0; i < 16; i++)
        x[i] = (float)(i + 1);
    evaluate_op("Resize", 1);
    evaluate_input(DTYPE_FLOAT32, SHAPE(1, 1, 4, 4), x);
    evaluate_absent();
    evaluate_input(DTYPE_FLOAT32, SHAPE(4), (float[]){1, 1, 2, 2});
    evaluate_text("mode", "cubic");
    evaluate_float("cubic_coeff_a", -0.5f);
    evaluate_int("exclude_outside", 1);
    evaluate();
    const float expected[] = {0.55882353f, 0.81494204f, 1.35698249f,
                              1.89705882f, 2.39705882f, 2.93713516f,
                              3.47917561f, 3.73529412f};
    evaluated[0].shape.dims[2] = 1;
    s_expect_close(SHAPE(1, 1, 1, 8), expected);
}

static void
a_rounded_output_stays_in_the_middle(void **state)
{
    (void)state;
    const struct {
        const char *place;
        float expected[2];
    } rows[] = {
        {"half_pixel_symmetric", {1.6666667f, 3.3333333f}},
        {"half_pixel", {1.3333333f, 3.0f}},
        {"pytorch_half_pixel", {1.3333333f, 3.0f}},
        {"asymmetric", {1.0f, 2.6666667f}},
        {"align_corners", {1.0f, 4.0f}}, /* whole elements, as PyTorch has it */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Resize", 1);
        evaluate_input(DTYPE_FLOAT32, SHAPE(4), (float[]){1, 2, 3, 4});
        evaluate_absent();
        evaluate_input(DTYPE_FLOAT32, SHAPE(1), (float[]){0.6f});
        evaluate_text("mode", "linear");
        evaluate_text("coordinate_transformation_mode", rows[i].place);
        evaluate();
        s_expect_close(SHAPE(2), rows[i].expected);
    }
    s_begin(SHAPE(4), (float[]){1, 2, 3, 4}, SHAPE(1), "linear",
            "pytorch_half_pixel");
    evaluate();
    s_expect_close(SHAPE(1), (float[]){1});
    s_begin(SHAPE(4), (float[]){1, 2, 3, 4}, SHAPE(1), "linear", "half_pixel");
    evaluate();
    s_expect_close(SHAPE(1), (float[]){2.5f});
}

/* From 0 1 2 ... 8. */
static void
a_region_is_cropped_and_resized(void **state)
{
    (void)state;
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    const float inner[] = {0.25f, 0.75f}, outer[] = {-0.25f, 1.25f};
    const float far[] = {-3e38f, 3e38f}, none[] = {NAN, INFINITY};
    float x[9];
    for (int i = 0; i < 9; i++)
        x[i] = (float)i;
    for (int m = 0; m < 3; m++) {
        evaluate_op("Resize", 1);
        evaluate_input(DTYPE_FLOAT32, SHAPE(9), x);
        evaluate_input(DTYPE_FLOAT32, SHAPE(2), inner);
        evaluate_absent();
        LIST(5);
        evaluate_text("mode", modes[m]);
        evaluate_text("coordinate_transformation_mode", "tf_crop_and_resize");
        evaluate();
        s_expect_close(SHAPE(5), (float[]){2, 3, 4, 5, 6});
        evaluate_op("Resize", 1);
        evaluate_input(DTYPE_FLOAT32, SHAPE(9), x);
        evaluate_input(DTYPE_FLOAT32, SHAPE(2), outer);
        evaluate_absent();
        LIST(7);
        evaluate_text("mode", modes[m]);
        evaluate_text("coordinate_transformation_mode", "tf_crop_and_resize");
        evaluate_float("extrapolation_value", 42.0f);
        evaluate();
        s_expect_close(SHAPE(7), (float[]){42, 0, 2, 4, 6, 8, 42});
        for (int i = 0; i < 2; i++) {
            evaluate_op("Resize", 1);
            evaluate_input(DTYPE_FLOAT32, SHAPE(9), x);
            evaluate_input(DTYPE_FLOAT32, SHAPE(2), i ? none : far);
            evaluate_absent();
            LIST(2);
            evaluate_text("mode", modes[m]);
            evaluate_text("coordinate_transformation_mode",
                          "tf_crop_and_resize");
            evaluate();
            s_expect_close(SHAPE(2), (float[]){0, 0});
        }
    }
}

static void
sizes_keep_the_aspect_where_they_should(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        int64_t sizes[2];
        const shape_t *shape;
    } rows[] = {
        {"stretch", {7, 8}, SHAPE(1, 8, 7)},
        {"not_larger", {7, 8}, SHAPE(1, 8, 4)},
        {"not_smaller", {7, 7}, SHAPE(1, 14, 7)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        evaluate_op("Resize", 1);
        evaluate_count_up(DTYPE_FLOAT32, SHAPE(1, 4, 2));
        evaluate_absent();
        evaluate_absent();
        evaluate_list(2, rows[i].sizes);
        evaluate_ints("axes", 2, (int64_t[]){-1, 1});
        evaluate_text("keep_aspect_ratio_policy", rows[i].policy);
        evaluate();
        assert_true(shape_equal(&evaluated[0].shape, rows[i].shape));
    }
}

static void
s_refuse_scale(float scale)
{
    evaluate_op("Resize", 1);
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(4));
    evaluate_absent();
    evaluate_input(DTYPE_FLOAT32, SHAPE(1), &scale);
    evaluate_refuses("node 'n' (Resize)");
}

static void
resizes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const int64_t sizes[] = {0, -1, INT64_MAX, INT64_MIN, 1LL << 37};
    s_refuse_scale(0.0f);
    s_refuse_scale(-1.0f);
    s_refuse_scale(NAN);
    s_refuse_scale(INFINITY);
    s_refuse_scale(0.1f);
    s_refuse_scale(3e38f);
    for (int i = 0; i < 5; i++) {
        s_begin(SHAPE(4), image, SHAPE(sizes[i]), "linear", "half_pixel");
        evaluate_refuses("an axis would become empty or too large");
    }
    s_begin(SHAPE(4), image, SHAPE(2, 2), "linear", "half_pixel");
    evaluate_refuses("have another number of axes");
    s_begin(SHAPE(4), image, SHAPE(2), "linear", "tf_crop_and_resize");
    evaluate_refuses("its region has another number of axes");
    s_begin(SHAPE(4), image, SHAPE(2), "spline", "half_pixel");
    evaluate_refuses("its mode is not known");
    s_begin(SHAPE(4), image, SHAPE(2), "linear", "sideways");
    evaluate_refuses("its mode is not known");
    s_begin(SHAPE(4), image, SHAPE(2), "linear", "half_pixel");
    evaluate_int("antialias", 1);
    evaluate_refuses("antialias is not supported");
    s_begin(SHAPE(2, 2), image, SHAPE(2, 2), "linear", "half_pixel");
    evaluate_ints("axes", 2, (int64_t[]){1, -1});
    evaluate_refuses("its axes are not axes of its input");
    evaluate_op("Resize", 1);
    evaluate_count_up(DTYPE_FLOAT32, SHAPE(4));
    evaluate_refuses("it wants either scales or sizes");
    evaluate_op("Resize", 1);
    evaluate_count_up(DTYPE_INT32, SHAPE(4));
    evaluate_absent();
    evaluate_absent();
    LIST(2);
    evaluate_text("mode", "linear");
    evaluate_refuses("input 0 is int32, not floating point");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_pytorch_interpolates),
        cmocka_unit_test(what_pytorch_takes_as_nearest),
        cmocka_unit_test(halves_go_where_the_mode_says),
        cmocka_unit_test(axes_are_resized_on_their_own),
        cmocka_unit_test(places_beyond_the_edge_may_count_for_nothing),
        cmocka_unit_test(a_rounded_output_stays_in_the_middle),
        cmocka_unit_test(a_region_is_cropped_and_resized),
        cmocka_unit_test(sizes_keep_the_aspect_where_they_should),
        cmocka_unit_test(resizes_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, evaluate_teardown);
}
