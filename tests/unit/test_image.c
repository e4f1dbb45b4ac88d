/* Images against Pillow's results (tests/data/make_images.py), and hostile
 * files. */
#include "tests/support/tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/digest.h"
#include "common/image.h"

static uint8_t *
s_data(const char *name, size_t *size)
{
    char path[128];
    snprintf(path, sizeof path, "images/%s", name);
    uint8_t *bytes = tests_read(tests_data(path), size);
    if (!bytes)
        fail_msg("tests/data/%s is missing", path);
    return bytes;
}

/* The picture that the script draws too. */
static image_t
s_draw(int width, int height)
{
    image_t image = {width, height, 3, malloc((size_t)width * height * 3)};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                image.pixels[3 * (y * width + x) + c] =
                    (uint8_t)(x * x * 7 + y * 13 + x * y * 5 + c * 91 +
                              (x ^ y) * 3);
    return image;
}

/* The largest difference between a decoded file and NAME.rgb. */
static int
s_difference(const char *name, const char *extension)
{
    char file[64];
    size_t size, expected_size;
    snprintf(file, sizeof file, "%s.%s", name, extension);
    uint8_t *bytes = s_data(file, &size);
    snprintf(file, sizeof file, "%s.rgb", name);
    uint8_t *expected = s_data(file, &expected_size);
    image_t image;
    fault_t fault;
    assert_ok(image_decode(&image, bytes, size, name, &fault), &fault);
    assert_int_equal((size_t)image.width * image.height * 3, expected_size);
    int worst = 0;
    for (size_t i = 0; i < expected_size; i++) {
        int difference = abs(image.pixels[i] - expected[i]);
        worst = difference > worst ? difference : worst;
    }
    image_release(&image);
    free(expected);
    free(bytes);
    return worst;
}

static void
every_kind_of_png_becomes_the_rgb_that_pillow_makes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "grey1",         "grey2",    "grey4",    "grey8",     "grey16",
        "palette1",      "palette2", "palette4", "palette8",  "palette_short",
        "palette_alpha", "rgb8",     "rgb8_key", "rgba8",     "grey_alpha8",
        "rgb16",         "rgba16",   "filters",  "many_idat", "interlaced"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (s_difference(names[i], "png") != 0)
            fail_msg("%s.png differs by %d", names[i],
                     s_difference(names[i], "png"));
}

static void
jpegs_are_near_to_pillows(void **state)
{
    (void)state;
    assert_in_range(s_difference("photo", "jpg"), 0, 4);
    assert_in_range(s_difference("progressive", "jpg"), 0, 4);
    assert_in_range(s_difference("grey", "jpg"), 0, 3);
    assert_in_range(s_difference("subsampled", "jpg"), 0, 24);
}

static void
s_refused(const char *file, const char *sentence)
{
    size_t size;
    uint8_t *bytes = s_data(file, &size);
    image_t image;
    fault_t fault;
    assert_int_equal(image_decode(&image, bytes, size, file, &fault), -1);
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_string_equal(fault.text, sentence);
    assert_null(image.pixels);
    free(bytes);
}

static void
bombs_are_refused_in_a_sentence(void **state)
{
    (void)state;
    s_refused("bomb_side.png", "bomb_side.png: 16385 x 1 pixels; a side may "
                               "have 16384 at most");
    s_refused("bomb_area.png",
              "bomb_area.png: 16384 x 6200 pixels are more than 100 million");
    s_refused("bomb_inflate.png",
              "bomb_inflate.png: decoding 1 x 1 pixels takes more memory than "
              "an honest file would");
    s_refused("cmyk.jpg",
              "cmyk.jpg: JPEG with four inks (CMYK) is not supported");
}

/* Every beginning of a file is refused, the whole is not. */
static void
s_cut_everywhere(const char *file, size_t end)
{
    size_t size;
    uint8_t *bytes = s_data(file, &size);
    image_t image;
    fault_t fault;
    end = end ? end : size;
    for (size_t cut = 0; cut < end; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, bytes, cut);
        if (image_decode(&image, copy, cut, file, &fault) == 0)
            fail_msg("%s cut at %zu of %zu was accepted", file, cut, size);
        assert_int_equal(fault.code, FAULT_INPUT);
        free(copy);
    }
    assert_ok(image_decode(&image, bytes, size, file, &fault), &fault);
    image_release(&image);
    free(bytes);
}

static void
a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    s_cut_everywhere("rgb8.png", 0);
    s_cut_everywhere("palette4.png", 0);
    s_cut_everywhere("interlaced.png", 0);
    s_cut_everywhere("photo.jpg", 0);
    s_cut_everywhere("progressive.jpg", 0);
}

static void
a_changed_byte_of_a_png_is_refused_or_harmless(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = s_data("palette4.png", &size);
    for (size_t i = 0; i < size; i++) {
        image_t image;
        fault_t fault;
        bytes[i] ^= 0x55;
        if (image_decode(&image, bytes, size, "p", &fault) == 0)
            fail_msg("byte %zu was changed unnoticed", i);
        bytes[i] ^= 0x55;
    }
    free(bytes);
}

static void
changed_bytes_of_a_jpeg_never_crash(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x10, 0x80, 0xff};
    size_t size;
    uint8_t *bytes = s_data("progressive.jpg", &size);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < sizeof flips; j++) {
            image_t image;
            fault_t fault;
            bytes[i] ^= flips[j];
            if (image_decode(&image, bytes, size, "p", &fault) == 0)
                image_release(&image);
            bytes[i] ^= flips[j];
        }
    free(bytes);
}

static void
s_text_refused(const char *bytes, size_t size, const char *sentence)
{
    image_t image;
    fault_t fault;
    assert_int_equal(image_decode(&image, bytes, size, "x", &fault), -1);
    assert_string_equal(fault.text, sentence);
}

static void
what_is_no_image_is_refused_in_a_sentence(void **state)
{
    (void)state;
    s_text_refused("", 0, "x: the file is empty");
    s_text_refused("GIF89a", 6, "x: neither PNG nor JPEG");
    s_text_refused("\xff\xd8\xff\xd9", 4, "x: damaged JPEG: it has no pixels");
    s_text_refused("\xff\xd8\xff\xda\0\x02\xff\xd9", 8,
                   "x: damaged JPEG: a scan header is wrong");
    s_text_refused("\x89PNG\r\n\x1a\n", 8,
                   "x: damaged PNG: the file is cut short");
    image_t image;
    fault_t fault;
    assert_int_equal(image_read(&image, "absent.png", &fault), -1);
    assert_string_equal(fault.text, "absent.png: No such file or directory");
    assert_int_equal(fault.code, FAULT_INPUT);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(image_read(&image, "folder", &fault), -1);
    assert_string_equal(fault.text, "folder: a folder, not an image");
    assert_int_equal(fault.code, FAULT_INPUT);
    tests_write("empty.png", "", 0);
    assert_int_equal(image_read(&image, "empty.png", &fault), -1);
    assert_string_equal(fault.text, "empty.png: the file is empty");
}

static void
a_file_is_read_whole(void **state)
{
    (void)state;
    image_t image;
    fault_t fault;
    assert_ok(image_read(&image, tests_data("images/rgb8.png"), &fault),
              &fault);
    assert_int_equal(image.width, 13);
    assert_int_equal(image.height, 7);
    image_release(&image);
    assert_null(image.pixels);
}

static int
s_u16(const uint8_t **at)
{
    int value = (*at)[0] | (*at)[1] << 8;
    *at += 2;
    return value;
}

static void
what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    image_t image;
    fault_t fault;
    assert_int_equal(mkfifo("pipe.png", 0600), 0);
    assert_int_equal(image_read(&image, "pipe.png", &fault), -1);
    assert_string_equal(fault.text,
                        "pipe.png: not a file; - takes an image from a pipe");
    assert_int_equal(image_read(&image, "/dev/zero", &fault), -1);
    assert_non_null(strstr(fault.text, "not a file"));
}

static void
resizing_gives_the_bytes_of_pillow(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = s_data("resize.bin", &size);
    for (const uint8_t *at = bytes; at < bytes + size;) {
        int source_width = s_u16(&at), source_height = s_u16(&at);
        int width = s_u16(&at), height = s_u16(&at);
        image_filter_t filter = s_u16(&at) ? IMAGE_BICUBIC : IMAGE_BILINEAR;
        image_t image = s_draw(source_width, source_height), resized;
        fault_t fault;
        assert_ok(image_resize(&image, width, height, filter, &resized, &fault),
                  &fault);
        size_t count = (size_t)width * height * 3;
        if (memcmp(resized.pixels, at, count) != 0)
            fail_msg("%d x %d to %d x %d by filter %d differs", source_width,
                     source_height, width, height, (int)filter);
        at += count;
        image_release(&image);
        image_release(&resized);
    }
    free(bytes);
}

/* A line of transforms.txt in the words of pipeline.cfg. */
typedef struct transform_line {
    char source[24], resize[8], filter[12], channels[8], layout[8];
    char digest[DIGEST_HEX + 1];
    int shorter, height, width;
    double white;
} transform_line_t;

static void
s_read_transform(const transform_line_t *line, image_transform_t *transform)
{
    static const double means[][3] = {
        {0.485, 0.456, 0.406}, {0.406, 0.456, 0.485}, {0.449}};
    static const double stds[][3] = {
        {0.229, 0.224, 0.225}, {0.225, 0.224, 0.229}, {0.226}};
    image_transform_init(transform, line->height, line->width);
    transform->resize =
        (image_resize_t)image_word_index(IMAGE_RESIZE_NAMES, line->resize);
    transform->shorter = line->shorter;
    transform->filter =
        (image_filter_t)image_word_index(IMAGE_FILTER_NAMES, line->filter);
    transform->channels = (image_channels_t)image_word_index(
        IMAGE_CHANNELS_NAMES, line->channels);
    transform->layout =
        (image_layout_t)image_word_index(IMAGE_LAYOUT_NAMES, line->layout);
    transform->range = line->white;
    for (int i = 0; i < image_transform_channels(transform); i++) {
        transform->mean[i] = means[transform->channels][i] * line->white;
        transform->std[i] = stds[transform->channels][i] * line->white;
    }
}

static image_t
s_source(const char *source)
{
    char path[64];
    int width, height;
    image_t image;
    fault_t fault;
    if (sscanf(source, "%dx%d", &width, &height) == 2)
        return s_draw(width, height);
    snprintf(path, sizeof path, "images/%s", source);
    assert_ok(image_read(&image, tests_data(path), &fault), &fault);
    return image;
}

static void
s_check_transform(const transform_line_t *line)
{
    image_transform_t transform;
    fault_t fault;
    digest_t digest;
    char text[DIGEST_HEX + 1];
    s_read_transform(line, &transform);
    assert_ok(image_transform_check(&transform, &fault), &fault);
    image_t image = s_source(line->source);
    size_t bytes = image_transform_elements(&transform) * sizeof(float);
    float *output = malloc(bytes);
    assert_ok(image_transform_run(&transform, &image, output, &fault), &fault);
    digester_t digester;
    digester_init(&digester);
    digester_add(&digester, output, bytes);
    digester_finish(&digester, &digest);
    if (strcmp(digest_text(&digest, text, DIGEST_HEX), line->digest) != 0)
        fail_msg("%s %s %d [%d, %d] %s %s %s %g differs", line->source,
                 line->resize, line->shorter, line->height, line->width,
                 line->filter, line->channels, line->layout, line->white);
    free(output);
    image_release(&image);
}

static void
tensors_are_those_of_torchvision_bit_by_bit(void **state)
{
    (void)state;
    FILE *file = fopen(tests_data("images/transforms.txt"), "r");
    transform_line_t line;
    int count = 0;
    assert_non_null(file);
    while (fscanf(file, "%23s %7s %d %d %d %11s %7s %7s %lf %64s", line.source,
                  line.resize, &line.shorter, &line.height, &line.width,
                  line.filter, line.channels, line.layout, &line.white,
                  line.digest) == 10) {
        s_check_transform(&line);
        count++;
    }
    assert_true(feof(file));
    assert_int_equal(count, 80);
    fclose(file);
}

static void
an_extreme_aspect_costs_little(void **state)
{
    (void)state;
    image_t image = s_draw(1, 16384);
    image_transform_t transform;
    fault_t fault;
    image_transform_init(&transform, 224, 224);
    transform.resize = IMAGE_CROP;
    assert_ok(image_transform_check(&transform, &fault), &fault);
    float *output =
        malloc(image_transform_elements(&transform) * sizeof *output);
    assert_ok(image_transform_run(&transform, &image, output, &fault), &fault);
    free(output);
    image_release(&image);
}

static void
values_are_scaled_and_normalised_per_channel(void **state)
{
    (void)state;
    uint8_t rgb[] = {0, 51, 255, 102, 204, 153};
    image_t image = {2, 1, 3, rgb};
    image_transform_t transform;
    fault_t fault;
    float output[6];
    image_transform_init(&transform, 1, 2);
    assert_int_equal(image_transform_elements(&transform), 6);
    memcpy(transform.mean, (double[]){0.5, 0.2, 0.0}, sizeof transform.mean);
    memcpy(transform.std, (double[]){0.5, 0.2, 1.0}, sizeof transform.std);
    assert_ok(image_transform_check(&transform, &fault), &fault);
    assert_ok(image_transform_run(&transform, &image, output, &fault), &fault);
    static const float expected[] = {-1.0f, -0.2f, 0.0f, 3.0f, 1.0f, 0.6f};
    for (int i = 0; i < 6; i++)
        assert_float_equal(output[i], expected[i], 1e-6);
}

static void
the_shape_follows_from_channels_and_layout(void **state)
{
    (void)state;
    image_transform_t transform;
    image_transform_init(&transform, 8, 5);
    tensor_spec_t input = {"x", DTYPE_FLOAT32, {4, {DIM_BATCH, 3, 8, 5}}};
    assert_true(image_transform_makes(&transform, &input));
    input.shape.dims[0] = 1;
    assert_true(image_transform_makes(&transform, &input));
    input.shape.dims[0] = 4; /* a batch that is no single picture */
    assert_false(image_transform_makes(&transform, &input));
    transform.layout = IMAGE_NHWC;
    input.shape = (shape_t){4, {DIM_BATCH, 3, 8, 5}};
    assert_false(image_transform_makes(&transform, &input));
    input.shape = (shape_t){4, {DIM_BATCH, 8, 5, 3}};
    assert_true(image_transform_makes(&transform, &input));
    transform.channels = IMAGE_GREY;
    assert_false(image_transform_makes(&transform, &input));
    assert_int_equal(image_transform_elements(&transform), 40);
    input.shape.dims[3] = 1;
    assert_true(image_transform_makes(&transform, &input));
    input.dtype = DTYPE_UINT8;
    assert_false(image_transform_makes(&transform, &input));
}

static void
s_check_refuses(const image_transform_t *transform, fault_code_t code,
                const char *sentence)
{
    fault_t fault;
    assert_int_equal(image_transform_check(transform, &fault), -1);
    assert_int_equal(fault.code, code);
    assert_string_equal(fault.text, sentence);
}

static void
transforms_that_make_no_sense_are_named(void **state)
{
    (void)state;
    image_transform_t plain, t;
    image_transform_init(&plain, 32, 32);
    t = plain;
    t.range = 2.0;
    s_check_refuses(&t, FAULT_CONFIG, "image.range 2 is neither 1.0 nor 255.0");
    t = plain;
    t.std[1] = 0.0;
    s_check_refuses(&t, FAULT_CONFIG,
                    "image.mean and image.std must be finite, and no std may "
                    "be 0");
    t = plain;
    t.width = 0;
    s_check_refuses(&t, FAULT_CONFIG,
                    "image.size [32, 0] is not within 1 to 8192");
    t = plain;
    t.resize = IMAGE_CROP;
    t.shorter = 31;
    s_check_refuses(&t, FAULT_CONFIG,
                    "image.shorter 31 is not within 32 to 8192: the crop is "
                    "cut out of it");
}

static void
words_and_numbers_are_inverse(void **state)
{
    (void)state;
    char word[16];
    assert_int_equal(image_word_index(IMAGE_CHANNELS_NAMES, "bgr"), IMAGE_BGR);
    assert_int_equal(image_word_index(IMAGE_CHANNELS_NAMES, "bg"), -1);
    assert_int_equal(image_word_index(IMAGE_LAYOUT_NAMES, "NHWC"), IMAGE_NHWC);
    assert_string_equal(
        image_word(IMAGE_RESIZE_NAMES, IMAGE_CROP, word, sizeof word), "crop");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_becomes_the_rgb_that_pillow_makes),
        cmocka_unit_test(jpegs_are_near_to_pillows),
        cmocka_unit_test(bombs_are_refused_in_a_sentence),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_changed_byte_of_a_png_is_refused_or_harmless),
        cmocka_unit_test(changed_bytes_of_a_jpeg_never_crash),
        cmocka_unit_test(what_is_no_image_is_refused_in_a_sentence),
        cmocka_unit_test(a_file_is_read_whole),
        cmocka_unit_test(what_is_no_file_is_refused_at_once),
        cmocka_unit_test(resizing_gives_the_bytes_of_pillow),
        cmocka_unit_test(tensors_are_those_of_torchvision_bit_by_bit),
        cmocka_unit_test(an_extreme_aspect_costs_little),
        cmocka_unit_test(values_are_scaled_and_normalised_per_channel),
        cmocka_unit_test(the_shape_follows_from_channels_and_layout),
        cmocka_unit_test(transforms_that_make_no_sense_are_named),
        cmocka_unit_test(words_and_numbers_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
