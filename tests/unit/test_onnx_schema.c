/* What Convoy does not know is named with its node. */
#include "tests/support/tests.h"

#include <string.h>

#include "tests/support/sketch.h"

static void
s_refused(const char *text, const char *sentence)
{
    fault_t fault = {0};
    assert_null(sketch_read(text, &fault));
    assert_int_equal(fault.code, FAULT_INPUT);
    if (strcmp(fault.text, sentence) != 0)
        fail_msg("%s, where %s was expected", fault.text, sentence);
}

static void
s_read(const char *text)
{
    fault_t fault = {0};
    onnx_model_t *model = sketch_read(text, &fault);
    assert_ok(model ? 0 : -1, &fault);
    onnx_destroy(&model);
}

#define MODEL(opset, node)                                                     \
    "opset " #opset "\nin x float32 [N,4,6,6]\nnode Relu x -> r\n" node        \
    "\nout y\n"

static void
operators_that_are_not_known(void **state)
{
    (void)state;
    s_refused(MODEL(17, "node LSTM r -> y name=rnn"),
              "node 'rnn' (LSTM): the operator LSTM is not supported");
    s_refused(MODEL(17, "node LSTM r -> y"),
              "node 'y' (LSTM): the operator LSTM is not supported");
    s_refused(MODEL(13, "node HardSwish r -> y name=act"),
              "node 'act' (HardSwish): the operator came with opset 14, the "
              "model says 13");
    s_read(MODEL(14, "node HardSwish r -> y"));
    s_refused(MODEL(10, "floats s [4] 1 1 2 2\nnode Upsample r s -> y name=up"),
              "node 'up' (Upsample): the operator went with opset 10, the "
              "model says 10");
    s_refused(MODEL(17, "domain com.microsoft 1\n"
                        "node FusedConv r -> y domain=com.microsoft name=c"),
              "node 'c' (FusedConv): the operator is of domain com.microsoft, "
              "only ONNX's own are read");
    s_read(MODEL(17, "domain com.microsoft 1\nnode Relu r -> y "
                     "domain=ai.onnx"));
}

static void
attributes_that_are_not_known(void **state)
{
    (void)state;
    s_refused(MODEL(17, "node LeakyRelu r -> y name=leak beta=1.0"),
              "node 'leak' (LeakyRelu): it has no attribute 'beta' at opset "
              "17");
    s_refused(MODEL(17, "node LeakyRelu r -> y name=leak alpha=1.0 alpha=2.0"),
              "node 'leak' (LeakyRelu): its alpha comes twice");
    s_refused(MODEL(9, "node MaxPool r -> y name=p kernel_shape=[2,2] "
                       "ceil_mode=1"),
              "node 'p' (MaxPool): it has no attribute 'ceil_mode' at opset "
              "9");
    s_read(MODEL(10, "node MaxPool r -> y kernel_shape=[2,2] ceil_mode=1"));
    s_refused(MODEL(18, "ints a [1] 2\nnode ReduceMean r a -> y name=m "
                        "axes=[2]"),
              "node 'm' (ReduceMean): it has no attribute 'axes' at opset 18");
}

static void
attributes_of_another_type(void **state)
{
    (void)state;
    s_refused(MODEL(17, "node LeakyRelu r -> y name=leak alpha=1"),
              "node 'leak' (LeakyRelu): its attribute alpha should be a "
              "number");
    s_refused(MODEL(17, "node Transpose r -> y name=t perm=2"),
              "node 't' (Transpose): its attribute perm should be integers");
    s_refused(MODEL(17, "node Softmax r -> y name=s axis=last"),
              "node 's' (Softmax): its attribute axis should be an integer");
    s_refused(MODEL(17, "node MaxPool r -> y name=p auto_pad=[1,1]"),
              "node 'p' (MaxPool): its attribute auto_pad should be a text");
}

static void
values_that_are_not_supported(void **state)
{
    (void)state;
    s_refused(MODEL(18, "floats s [4] 1 1 2 2\nnode Resize r _ s -> y name=z "
                        "antialias=1"),
              "node 'z' (Resize): its antialias 1 is not supported");
    s_refused(MODEL(11, "floats s [4] 1 1 2 2\nnode Resize r _ s -> y name=z "
                        "coordinate_transformation_mode=tf_half_pixel_for_nn"),
              "node 'z' (Resize): its coordinate_transformation_mode "
              "'tf_half_pixel_for_nn' is not supported");
    s_refused(MODEL(17, "node MaxPool r -> y name=p auto_pad=SAME"),
              "node 'p' (MaxPool): its auto_pad 'SAME' is not supported");
    s_refused(MODEL(15, "floats s [4] 1\nnode BatchNormalization r s s s s -> "
                        "y name=b training_mode=1"),
              "node 'b' (BatchNormalization): its training_mode 1 is not "
              "supported: export for inference");
}

static void
constants_that_are_not_read(void **state)
{
    (void)state;
    s_refused(MODEL(17, "node Constant -> c name=c value_string=word\n"
                        "node Add r c -> y"),
              "node 'c' (Constant): its value_string is not read");
    s_refused(MODEL(11, "node Constant -> c name=c value_float=1.0\n"
                        "node Add r c -> y"),
              "node 'c' (Constant): it has no attribute 'value_float' at "
              "opset 11");
    s_refused(MODEL(17, "node Constant -> c name=c\nnode Add r c -> y"),
              "node 'c' (Constant): a Constant without one value");
    s_read(MODEL(17, "node Constant -> c value_ints=[]\n"
                     "node Reshape r c -> y"));
}

/* All nodes are looked at before any tensor is. */
static void
the_graph_is_checked_before_its_weights(void **state)
{
    (void)state;
    s_refused(MODEL(17, "external w float32 [4] location=none.bin\n"
                        "node Add r w -> z\nnode Einsum z -> y name=e"),
              "node 'e' (Einsum): the operator Einsum is not supported");
}

static void
a_weight_that_cannot_be_read_is_named_with_its_node(void **state)
{
    (void)state;
    s_refused(MODEL(17, "external w float32 [4] location=none.bin\n"
                        "node Add r w -> y name=add"),
              "node 'add' (Add): tensor w: its weights are in another file, "
              "which is not here");
}

static void
ends_of_the_graph(void **state)
{
    (void)state;
    s_read("opset 17\nin x float32 [N,4]\nout x\n");
    s_read("opset 17\nin x float32 [N,4]\nfloats c [1,4] 1\n"
           "node Relu x -> y\nout y\nout c\n");
    s_refused("opset 17\nin x float32 [N,4]\nnode Relu x -> y\nout y\nout y\n",
              "the output y comes twice");
    s_refused("opset 17\nin x float32 [N,1,1,1,1,1,1,1,1]\n"
              "node Relu x -> y\nout y\n",
              "input x has 9 axes, at most 8 are read");
    s_refused("opset 17\nin x float32 [N,3,N,N]\nnode Relu x -> y\nout y\n",
              "input x: axis 2 has no size; only the batch (axis 0) may be "
              "open, unless model.image or model.input of a config says "
              "the rest");
    s_refused("opset 17\nin x float32 [0,4]\nnode Relu x -> y\nout y\n",
              "input x has no elements: its axis 0 is 0");
    s_refused("opset 17\nin x\nnode Relu x -> y\nout y\n",
              "input x is no tensor with a shape");
    s_refused("opset 17\nin x float32 [N,4]\nnode Relu x -> y\nout z\n",
              "nothing makes the output z");
    s_refused("opset 17\nin x float32 [N,4]\nin x float32 [N,4]\n"
              "node Relu x -> y\nout y\n",
              "two tensors are called 'x'");
    s_refused("opset 17\nin x float32 [N,4]\nnode Relu x -> x\nout x\n",
              "node 'x' (Relu): it makes the tensor 'x', which is there");
    s_refused("opset 17\nin x float32 [N,4]\nfloats c [4] 1\n"
              "node Relu x -> c\nout c\n",
              "node 'c' (Relu): it makes the tensor 'c', which is there");
    s_refused("opset 17\nin x float32 [N,4]\nnode Relu x -> y\n"
              "node Tanh x -> y\nout y\n",
              "node 'y' (Tanh): node 'y' (Tanh) makes the tensor 'y', which "
              "exists already");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_that_are_not_known),
        cmocka_unit_test(attributes_that_are_not_known),
        cmocka_unit_test(attributes_of_another_type),
        cmocka_unit_test(values_that_are_not_supported),
        cmocka_unit_test(constants_that_are_not_read),
        cmocka_unit_test(the_graph_is_checked_before_its_weights),
        cmocka_unit_test(a_weight_that_cannot_be_read_is_named_with_its_node),
        cmocka_unit_test(ends_of_the_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
