/* Layer lists: torch's words, shapes, and what is refused. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/shape.h"
#include "tests/support/net.h"

static const shape_t image = {3, {3, 13, 10}};

#define CONV "conv.weight 4 3 3 3; conv.bias 4"

/* The output's shape for a batch of 2. */
static void
s_expect(const char *layers, const char *weights, const shape_t *input,
         const char *shape)
{
    net_t net;
    net_init(&net, layers, weights, input);
    if (!net.graph)
        fail_msg("%s: %s", layers, net.fault.text);
    value_type_t *types = shape_types_new(net.graph, 2, &net.fault);
    if (!types)
        fail_msg("%s: %s", layers, net.fault.text);
    char text[128];
    assert_string_equal(
        shape_text(&types[net.graph->outputs[0]].shape, text, sizeof text),
        shape);
    free(types);
    net_release(&net);
}

static void
s_refuse(const char *layers, const char *weights, fault_code_t code,
         const char *part)
{
    net_t net;
    net_init(&net, layers, weights, &image);
    assert_null(net.graph);
    if (net.fault.code != code || !strstr(net.fault.text, part))
        fail_msg("%d: %s", (int)net.fault.code, net.fault.text);
    net_release(&net);
}

static void
convolutions_have_the_shapes_of_torch(void **state)
{
    (void)state;
    s_expect("({ op = \"Conv2d\"; weights = \"conv\"; })", CONV, &image,
             "[2, 4, 11, 8]");
    s_expect("({ op = \"Conv2d\"; weights = \"conv\"; stride = [2, 3];"
             " padding = [1, 2]; dilation = 2; })",
             CONV, &image, "[2, 4, 6, 4]");
    s_expect("({ op = \"Conv2d\"; weights = \"conv\"; padding = \"same\"; })",
             CONV, &image, "[2, 4, 13, 10]");
    s_expect("({ op = \"Conv2d\"; weights = \"c\"; groups = 3;"
             " in_channels = 3; out_channels = 6; kernel_size = [2, 4];"
             " padding = \"same\"; bias = false; })",
             "c.weight 6 1 2 4", &image, "[2, 6, 13, 10]");
}

static void
pools_have_the_shapes_of_torch(void **state)
{
    (void)state;
    s_expect("({ op = \"MaxPool2d\"; kernel_size = 2; })", NULL, &image,
             "[2, 3, 6, 5]");
    s_expect("({ op = \"MaxPool2d\"; kernel_size = 3; stride = 2;"
             " ceil_mode = true; })",
             NULL, &image, "[2, 3, 6, 5]");
    s_expect("({ op = \"MaxPool2d\"; kernel_size = 2; stride = 3;"
             " padding = 1; ceil_mode = true; })",
             NULL, &image, "[2, 3, 5, 4]");
    s_expect("({ op = \"AvgPool2d\"; kernel_size = [3, 2]; padding = 1;"
             " ceil_mode = true; })",
             NULL, &image, "[2, 3, 5, 6]");
    s_expect("({ op = \"AdaptiveAvgPool2d\"; output_size = 1; })", NULL, &image,
             "[2, 3, 1, 1]");
    s_expect("({ op = \"AdaptiveAvgPool2d\"; output_size = [13, 5]; })", NULL,
             &image, "[2, 3, 13, 5]");
    s_expect("({ op = \"AdaptiveAvgPool2d\"; output_size = [7, 11]; })", NULL,
             &image, "[2, 3, 7, 11]");
}

static void
an_adaptive_pool_to_the_size_there_is_does_nothing(void **state)
{
    (void)state;
    net_t net;
    net_init(&net, "({ op = \"AdaptiveAvgPool2d\"; output_size = [13, 10]; })",
             NULL, &image);
    assert_non_null(net.graph);
    assert_int_equal(net.graph->nodes_count, 1);
    assert_string_equal(net.graph->nodes[0].op, "Identity");
    net_release(&net);
}

static void
flattening_takes_any_axes(void **state)
{
    (void)state;
    s_expect("({ op = \"Flatten\"; })", NULL, &image, "[2, 390]");
    s_expect("({ op = \"Flatten\"; start_dim = 2; })", NULL, &image,
             "[2, 3, 130]");
    s_expect("({ op = \"Flatten\"; start_dim = 1; end_dim = 2; })", NULL,
             &image, "[2, 39, 10]");
    s_expect("({ op = \"Flatten\"; start_dim = -1; })", NULL, &image,
             "[2, 3, 13, 10]");
}

static void
linear_works_on_the_last_axis(void **state)
{
    (void)state;
    s_expect("({ op = \"Linear\"; weights = \"fc\"; })",
             "fc.weight 7 10; fc.bias 7", &image, "[2, 3, 13, 7]");
    s_expect("({ op = \"Flatten\"; }, { op = \"Linear\"; weights = \"fc\"; "
             "in_features = 390; })",
             "fc.weight 7 390", &image, "[2, 7]");
}

static void
branches_join(void **state)
{
    (void)state;
    s_expect("({ op = \"ReLU\"; name = \"a\"; }, { op = \"Tanh\"; },"
             " { op = \"Add\"; inputs = [\"tanh_1\", \"a\", \"input\"]; },"
             " { op = \"Concat\"; inputs = [\"a\", \"add_2\"]; },"
             " { op = \"Concat\"; inputs = [\"a\", \"a\"]; dim = -1; },"
             " { op = \"Softmax\"; dim = 1; })",
             NULL, &image, "[2, 3, 13, 20]");
}

static void
every_activation_keeps_the_shape(void **state)
{
    (void)state;
    s_expect("({ op = \"ReLU\"; inplace = true; }, { op = \"ReLU6\"; },"
             " { op = \"LeakyReLU\"; negative_slope = 1; },"
             " { op = \"GELU\"; approximate = \"tanh\"; }, { op = \"GELU\"; },"
             " { op = \"Sigmoid\"; }, { op = \"Tanh\"; }, { op = \"SiLU\"; },"
             " { op = \"Hardswish\"; }, { op = \"Dropout\"; p = 0.2; },"
             " { op = \"BatchNorm2d\"; weights = \"bn\"; eps = 1e-3; })",
             "bn.weight 3; bn.bias 3; bn.running_mean 3; bn.running_var 3",
             &image, "[2, 3, 13, 10]");
}

static void
counters_of_batches_are_no_surplus(void **state)
{
    (void)state;
    s_expect("({ op = \"BatchNorm2d\"; weights = \"bn\"; affine = false; })",
             "bn.running_mean 3; bn.running_var 3; bn.num_batches_tracked",
             &image, "[2, 3, 13, 10]");
}

static void
a_list_of_lists_numbers_the_parts(void **state)
{
    (void)state;
    net_t net;
    net_init(&net, "(({ op = \"ReLU\"; }), ({ op = \"Tanh\"; }))", NULL,
             &image);
    assert_non_null(net.graph);
    assert_int_equal(net.parts, 2);
    assert_int_equal(net.graph->nodes[0].part, 0);
    assert_int_equal(net.graph->nodes[1].part, 1);
    net_release(&net);
}

static void
what_a_list_says_wrongly_is_named(void **state)
{
    (void)state;
    s_refuse("({ op = \"Relu\"; })", NULL, FAULT_CONFIG,
             "net.cfg:1: model.layers[0].op: there is no layer Relu; did you "
             "mean ReLU?");
    s_refuse("({ op = \"ReLU\"; }, ({ op = \"ReLU\"; }))", NULL, FAULT_CONFIG,
             "do not mix");
    s_refuse("()", NULL, FAULT_CONFIG, "list of layers");
    s_refuse("(())", NULL, FAULT_CONFIG, "no layers");
    s_refuse("({ name = \"a\"; })", NULL, FAULT_CONFIG, "op");
    s_refuse("({ op = \"MaxPool2d\"; kernal_size = 2; })", NULL, FAULT_CONFIG,
             "did you mean kernel_size?");
    s_refuse("({ op = \"MaxPool2d\"; })", NULL, FAULT_CONFIG, "kernel_size");
    s_refuse("({ op = \"MaxPool2d\"; kernel_size = 2; padding = 2; })", NULL,
             FAULT_CONFIG, "half");
    s_refuse("({ op = \"Add\"; })", NULL, FAULT_CONFIG, "inputs");
    s_refuse("({ op = \"ReLU\"; inputs = [\"later\"]; })", NULL, FAULT_CONFIG,
             "'later'");
    s_refuse("({ op = \"ReLU\"; name = \"a\"; },"
             " { op = \"ReLU\"; name = \"a\"; })",
             NULL, FAULT_CONFIG, "'a' is taken");
    s_refuse("({ op = \"Conv2d\"; })", CONV, FAULT_CONFIG, "weights");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; stride = 2;"
             " padding = \"same\"; })",
             CONV, FAULT_CONFIG, "stride 1");
    s_refuse("({ op = \"Softmax\"; })", NULL, FAULT_CONFIG, "dim");
    s_refuse("({ op = \"Softmax\"; dim = 4; })", NULL, FAULT_CONFIG, "dim");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; })", NULL, FAULT_CONFIG,
             "names no file");
}

static void
arguments_that_do_not_fit_the_input_are_named(void **state)
{
    (void)state;
    s_refuse("({ op = \"Hardtanh\"; min_val = 2; })", NULL, FAULT_CONFIG,
             "min_val is more than max_val");
    s_refuse("({ op = \"Permute\"; dims = [1, 0, 2, 3]; })", NULL, FAULT_CONFIG,
             "the samples stay first");
    s_refuse("({ op = \"Permute\"; dims = [0, 2, 2, 3]; })", NULL, FAULT_CONFIG,
             "in any order");
    s_refuse("({ op = \"Permute\"; dims = [0, 1, 2]; })", NULL, FAULT_CONFIG,
             "dims");
    s_refuse("({ op = \"Permute\"; })", NULL, FAULT_CONFIG, "dims");
    s_refuse("({ op = \"Unflatten\"; dim = 0; unflattened_size = [1, 1]; })",
             NULL, FAULT_CONFIG, "axis 0");
    s_refuse("({ op = \"Unflatten\"; dim = 1; unflattened_size = [2, -1]; })",
             NULL, FAULT_INPUT, "unflatten_0");
    s_refuse("({ op = \"Unflatten\"; dim = 1; "
             "unflattened_size = [1, 3, 1, 1, 1, 1, 1, 1, 1]; })",
             NULL, FAULT_CONFIG, "1 to 8 numbers");
    s_refuse("({ op = \"ChannelShuffle\"; groups = 2; })", NULL, FAULT_INPUT,
             "groups = 2 does not go into 3");
    s_refuse("({ op = \"PixelShuffle\"; upscale_factor = 2; })", NULL,
             FAULT_INPUT, "= 4 does not go into 3");
    s_refuse("({ op = \"PixelUnshuffle\"; downscale_factor = 2; })", NULL,
             FAULT_INPUT, "does not go into 13");
    s_refuse("({ op = \"AdaptiveMaxPool2d\"; output_size = [13, 3]; })", NULL,
             FAULT_INPUT, "divide");
    s_refuse("({ op = \"PReLU\"; weights = \"p\"; })", "p.weight 2",
             FAULT_INPUT, "2 slopes for an input with 3 channels");
    s_refuse("({ op = \"BatchNorm1d\"; weights = \"p\"; })", "p.weight 3",
             FAULT_INPUT, "its input is [1, 3, 13, 10]");
    s_refuse("({ op = \"Flatten\"; }, { op = \"BatchNorm2d\";"
             " weights = \"p\"; })",
             "p.weight 3", FAULT_INPUT,
             "BatchNorm2d wants [N, channels, height, width], its input is [1, "
             "390]");
    s_refuse("({ op = \"Narrow\"; start = 1; length = 3; })", NULL, FAULT_INPUT,
             "3 from place 1 on, but axis 1 has 3");
    s_refuse("({ op = \"Narrow\"; start = 5; })", NULL, FAULT_INPUT,
             "axis 1 has 3");
    s_refuse("({ op = \"Narrow\"; dim = 0; })", NULL, FAULT_CONFIG, "samples");
    s_refuse("({ op = \"Conv1d\"; weights = \"conv\"; })", CONV, FAULT_INPUT,
             "Conv1d wants [N, channels, length]");
    s_refuse("({ op = \"ConvTranspose2d\"; weights = \"conv\"; })", CONV,
             FAULT_INPUT, "'conv.weight' is [4, 3, 3, 3]");
    s_refuse("({ op = \"ConvTranspose2d\"; weights = \"t\"; groups = 2; })",
             "t.weight 3 4 2 2", FAULT_INPUT, "groups = 2 does not divide");
    s_refuse(
        "({ op = \"ConvTranspose2d\"; weights = \"t\"; kernel_size = 3; })",
        "t.weight 3 4 2 2", FAULT_INPUT, "kernel_size = 3");
}

static void
arguments_of_norms_and_sizes_that_do_not_fit_are_named(void **state)
{
    (void)state;
    s_refuse("({ op = \"LayerNorm\"; normalized_shape = [13, 9]; })", NULL,
             FAULT_INPUT, "has 9 where its input has 10");
    s_refuse("({ op = \"LayerNorm\"; normalized_shape = [1, 3, 13, 10]; })",
             NULL, FAULT_INPUT, "4 axes");
    s_refuse("({ op = \"LayerNorm\"; weights = \"p\"; })", "p.weight 3",
             FAULT_INPUT, "wants [10]");
    s_refuse("({ op = \"LayerNorm\"; weights = \"p\"; })", "q.weight 10",
             FAULT_INPUT, "needs the weight 'p.weight'");
    s_refuse("({ op = \"InstanceNorm2d\"; affine = true; })", NULL,
             FAULT_CONFIG, "affine needs weights");
    s_refuse("({ op = \"LayerNorm\"; weights = \"p\";"
             " elementwise_affine = false; })",
             "p.weight 10", FAULT_CONFIG, "elementwise_affine is false");
    s_refuse("({ op = \"GroupNorm\"; })", NULL, FAULT_CONFIG, "num_groups");
    s_refuse("({ op = \"GroupNorm\"; num_groups = 2; })", NULL, FAULT_INPUT,
             "does not divide the 3 channels");
    s_refuse("({ op = \"InstanceNorm2d\"; track_running_stats = true; })", NULL,
             FAULT_CONFIG, "BatchNorm2d");
    s_refuse("({ op = \"LocalResponseNorm\"; size = 4; })", NULL, FAULT_CONFIG,
             "odd size");
    s_refuse("({ op = \"ZeroPad2d\"; padding = [1, 2, 3]; })", NULL,
             FAULT_CONFIG, "1 or 4 numbers");
    s_refuse("({ op = \"ReflectionPad2d\"; padding = 12; })", NULL, FAULT_INPUT,
             "ends at the last of 10 elements");
    s_refuse("({ op = \"Upsample\"; })", NULL, FAULT_CONFIG,
             "needs size or scale_factor");
    s_refuse("({ op = \"Upsample\"; size = 4; scale_factor = 2; })", NULL,
             FAULT_CONFIG, "needs size or scale_factor");
    s_refuse("({ op = \"Upsample\"; size = 4; align_corners = true; })", NULL,
             FAULT_CONFIG, "align_corners goes with");
    s_refuse("({ op = \"Upsample\"; scale_factor = [2.0, 2.0, 2.0]; })", NULL,
             FAULT_CONFIG, "one for each of 2 axes");
    s_refuse("({ op = \"Mul\"; })", NULL, FAULT_CONFIG, "inputs");
}

static void
axes_move_as_in_torch(void **state)
{
    (void)state;
    static const shape_t square = {3, {8, 6, 4}};
    s_expect("({ op = \"Permute\"; dims = [0, 2, 3, 1]; })", NULL, &image,
             "[2, 13, 10, 3]");
    s_expect("({ op = \"Unflatten\"; dim = -3; unflattened_size = [2, -1]; })",
             NULL, &square, "[2, 2, 4, 6, 4]");
    s_expect("({ op = \"ChannelShuffle\"; groups = 4; })", NULL, &square,
             "[2, 8, 6, 4]");
    s_expect("({ op = \"PixelShuffle\"; upscale_factor = 2; })", NULL, &square,
             "[2, 2, 12, 8]");
    s_expect("({ op = \"ZeroPad2d\"; padding = [1, 2, 3, 0]; })", NULL, &square,
             "[2, 8, 9, 7]");
    s_expect("({ op = \"Upsample\"; scale_factor = [2.0, 1.5]; })", NULL,
             &square, "[2, 8, 12, 6]");
    s_expect("({ op = \"Upsample\"; size = [5, 9]; mode = \"bicubic\"; })",
             NULL, &square, "[2, 8, 5, 9]");
    s_expect("({ op = \"Narrow\"; dim = -2; start = 2; })", NULL, &square,
             "[2, 8, 4, 4]");
    s_expect("({ op = \"ConvTranspose2d\"; weights = \"t\"; stride = 2;"
             " out_channels = 10; in_channels = 8; kernel_size = [3, 2]; })",
             "t.weight 8 10 3 2; t.bias 10", &square, "[2, 10, 13, 8]");
    s_expect("({ op = \"PixelUnshuffle\"; downscale_factor = 2; })", NULL,
             &square, "[2, 32, 3, 2]");
}

static void
a_weight_that_is_missing_surplus_or_misshaped_is_named(void **state)
{
    (void)state;
    s_refuse("({ op = \"Conv2d\"; weights = \"first\"; })", CONV, FAULT_INPUT,
             "Conv2d needs the weight 'first.weight', which net.pth does not "
             "have");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; bias = true; })",
             "conv.weight 4 3 3 3", FAULT_INPUT, "'conv.bias'");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; })",
             "conv.weight 4 5 3 3", FAULT_INPUT,
             "'conv.weight' is [4, 5, 3, 3], but Conv2d on an input [1, 3, 13, "
             "10] wants [any, 3, any, any]");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; })",
             "conv.weight 4 3 3 3; conv.bias 5", FAULT_INPUT,
             "'conv.bias' is [5]");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; })",
             CONV "; fc.weight 10 4; fc.bias 10", FAULT_INPUT,
             "no layer uses the weight 'fc.weight' [10, 4] (and 1 more)");
    s_refuse("({ op = \"Conv2d\"; weights = \"conv\"; out_channels = 8; })",
             CONV, FAULT_INPUT, "out_channels = 8");
}

static void
surplus_weights_may_be_ignored(void **state)
{
    (void)state;
    net_t net;
    int parts;
    const layers_options_t options = {
        .name = "net", .input = image, .ignore_unused = true};
    net_init(&net, "({ op = \"ReLU\"; })", "fc.weight 2 2", &image);
    assert_null(net.graph);
    const setting_t *model = setting_find(settings_root(net.settings), "model");
    net.graph = layers_read(setting_find(model, "layers"), net.weights,
                            &options, &parts, &net.fault);
    assert_non_null(net.graph);
    net_release(&net);
}

static void
shapes_that_do_not_fit_name_the_layer(void **state)
{
    (void)state;
    s_refuse("({ op = \"MaxPool2d\"; kernel_size = 14; })", NULL, FAULT_INPUT,
             "model.layers[0]: node 'maxpool2d_0' (MaxPool): a kernel of 14 "
             "does not fit an input of 13");
    s_refuse("({ op = \"Flatten\"; name = \"f\"; },"
             " { op = \"Add\"; inputs = [\"f\", \"input\"]; })",
             NULL, FAULT_INPUT, "node 'add_1' (Add): shapes");
    s_refuse("({ op = \"Flatten\"; },"
             " { op = \"MaxPool2d\"; kernel_size = 2; })",
             NULL, FAULT_INPUT, "its input is [1, 390]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_have_the_shapes_of_torch),
        cmocka_unit_test(pools_have_the_shapes_of_torch),
        cmocka_unit_test(an_adaptive_pool_to_the_size_there_is_does_nothing),
        cmocka_unit_test(flattening_takes_any_axes),
        cmocka_unit_test(linear_works_on_the_last_axis),
        cmocka_unit_test(branches_join),
        cmocka_unit_test(every_activation_keeps_the_shape),
        cmocka_unit_test(counters_of_batches_are_no_surplus),
        cmocka_unit_test(a_list_of_lists_numbers_the_parts),
        cmocka_unit_test(what_a_list_says_wrongly_is_named),
        cmocka_unit_test(arguments_that_do_not_fit_the_input_are_named),
        cmocka_unit_test(
            arguments_of_norms_and_sizes_that_do_not_fit_are_named),
        cmocka_unit_test(axes_move_as_in_torch),
        cmocka_unit_test(
            a_weight_that_is_missing_surplus_or_misshaped_is_named),
        cmocka_unit_test(surplus_weights_may_be_ignored),
        cmocka_unit_test(shapes_that_do_not_fit_name_the_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
