/* The worker's commands without a broker, on files. */
#include "tests/support/tests.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/cast.h"
#include "common/model/onnx.h"
#include "common/npy.h"
#include "tests/support/networks.h"
#include "worker/bench.h"
#include "worker/local.h"
#include "worker/measure.h"
#include "worker/whole.h"

/* Two inputs a and b, two outputs: a weights, and its sum with b. */
static void
s_write_model(void)
{
    const int64_t dims[2] = {DIM_BATCH, 6}, outs[2] = {DIM_BATCH, 4};
    fault_t fault = {0};
    network_t network;
    network_init(&network, 50);
    int a = network_input(&network, "a", 2, dims);
    int b = network_input(&network, "b", 2, outs);
    int product = network_linear(&network, a, 6, 4);
    network_output(&network, product);
    int sum = network_binary(&network, "Add", product, b);
    network_output(&network, sum);
    assert_ok(graph_rename_value(network.graph, product, "pro/duct", &fault),
              &fault);
    assert_ok(graph_rename_value(network.graph, sum, "sum", &fault), &fault);
    assert_ok(onnx_write(network.graph, "model.onnx", NULL, 0, NULL, &fault),
              &fault);
    network_release(&network);
}

static void
s_write_tensor(const char *path, dtype_t dtype, int rank, int64_t rows,
               int64_t columns)
{
    fault_t fault = {0};
    shape_t shape = {rank, {rows, columns}};
    if (rank == 1)
        shape.dims[0] = columns;
    tensor_t tensor;
    assert_ok(tensor_init(&tensor, dtype, &shape, &fault), &fault);
    for (size_t i = 0; dtype == DTYPE_FLOAT32 && i < tensor.bytes / 4; i++)
        ((float *)tensor.data)[i] = (float)i - 7.0f;
    assert_ok(npy_write(&tensor, path, &fault), &fault);
    tensor_release(&tensor);
}

static int
s_run(const char *const *tensors, size_t tensors_count,
      const char *const *outputs, size_t outputs_count, fault_t *fault)
{
    local_options_t options = {
        .model = "model.onnx",
        .threads = 2,
        .tensors = tensors,
        .tensors_count = tensors_count,
        .outputs = outputs,
        .outputs_count = outputs_count,
    };
    return local_run(&options, fault);
}

static void
samples_of_files_go_through_in_batches(void **state)
{
    (void)state;
    enum { ROWS = 19 };
    fault_t fault = {0};
    s_write_model();
    s_write_tensor("a.npy", DTYPE_FLOAT32, 2, ROWS, 6);
    s_write_tensor("b.npy", DTYPE_FLOAT32, 2, ROWS, 4);
    const char *tensors[] = {"b=b.npy", "a.npy"};
    const char *outputs[] = {"product.npy", "sum.npy"};
    assert_ok(s_run(tensors, 2, outputs, 2, &fault), &fault);

    tensor_t product, sum, b;
    assert_ok(npy_read(&product, "product.npy", &fault), &fault);
    assert_ok(npy_read(&sum, "sum.npy", &fault), &fault);
    assert_ok(npy_read(&b, "b.npy", &fault), &fault);
    assert_int_equal(product.shape.rank, 2);
    assert_int_equal(product.shape.dims[0], ROWS);
    assert_int_equal(product.shape.dims[1], 4);
    for (size_t i = 0; i < ROWS * 4; i++)
        assert_true(((float *)sum.data)[i] ==
                    ((float *)product.data)[i] + ((float *)b.data)[i]);
    tensor_release(&product);
    tensor_release(&sum);
    tensor_release(&b);
}

static void
one_sample_may_omit_the_batch(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_write_model();
    s_write_tensor("a.npy", DTYPE_FLOAT32, 1, 0, 6);
    s_write_tensor("b.npy", DTYPE_FLOAT32, 1, 0, 4);
    const char *tensors[] = {"a.npy", "b.npy"}, *outputs[] = {"pro/duct=y.npy"};
    assert_ok(s_run(tensors, 2, outputs, 1, &fault), &fault);
    tensor_t y;
    assert_ok(npy_read(&y, "y.npy", &fault), &fault);
    assert_int_equal(y.shape.rank, 1);
    assert_int_equal(y.shape.dims[0], 4);
    tensor_release(&y);
}

/* y: the rows of x, each column divided by the sum of its exponentials. */
static void
s_write_mixing_model(void)
{
    const int64_t dims[2] = {DIM_BATCH, 4};
    fault_t fault = {0};
    network_t network;
    int node;
    network_init(&network, 52);
    int x = network_input(&network, "x", 2, dims);
    int y = network_node(&network, "Softmax", 1, &x, &node);
    assert_ok(graph_set_int(network.graph, node, "axis", 0, &fault), &fault);
    network_output(&network, y);
    assert_ok(graph_rename_value(network.graph, y, "y", &fault), &fault);
    assert_ok(onnx_write(network.graph, "model.onnx", NULL, 0, NULL, &fault),
              &fault);
    network_release(&network);
}

static void
samples_that_mix_run_together(void **state)
{
    (void)state;
    enum { ROWS = 19 };
    fault_t fault = {0};
    s_write_mixing_model();
    s_write_tensor("x.npy", DTYPE_FLOAT32, 2, ROWS, 4);
    const char *tensors[] = {"x.npy"}, *outputs[] = {"y.npy"};
    assert_ok(s_run(tensors, 1, outputs, 1, &fault), &fault);
    tensor_t y;
    assert_ok(npy_read(&y, "y.npy", &fault), &fault);
    assert_int_equal(y.shape.dims[0], ROWS);
    for (int column = 0; column < 4; column++) {
        double sum = 0, expected = 0;
        for (int row = 0; row < ROWS; row++) {
            sum += (double)((float *)y.data)[row * 4 + column];
            expected += exp(4.0 * (row - ROWS + 1));
        }
        assert_true(fabs(sum - 1) < 1e-6);
        float last = ((float *)y.data)[(ROWS - 1) * 4 + column];
        assert_true(fabs((double)last - 1 / expected) < 1e-6);
    }
    tensor_release(&y);
}

static void
no_rows_give_no_rows(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_write_model();
    s_write_tensor("a.npy", DTYPE_FLOAT32, 2, 0, 6);
    s_write_tensor("b.npy", DTYPE_FLOAT32, 2, 0, 4);
    const char *tensors[] = {"a.npy", "b.npy"}, *outputs[] = {"sum=y.npy"};
    assert_ok(s_run(tensors, 2, outputs, 1, &fault), &fault);
    tensor_t y;
    assert_ok(npy_read(&y, "y.npy", &fault), &fault);
    assert_int_equal(y.shape.rank, 2);
    assert_int_equal(y.shape.dims[0], 0);
    assert_int_equal(y.shape.dims[1], 4);
    tensor_release(&y);
}

static void
numpys_own_float64_will_do(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_write_model();
    s_write_tensor("a.npy", DTYPE_FLOAT32, 2, 3, 6);
    s_write_tensor("b.npy", DTYPE_FLOAT32, 2, 3, 4);
    tensor_t a, given, same;
    assert_ok(npy_read(&a, "a.npy", &fault), &fault);
    assert_ok(cast_tensor(&a, DTYPE_FLOAT64, &fault), &fault);
    assert_ok(npy_write(&a, "wide.npy", &fault), &fault);
    tensor_release(&a);
    const char *tensors[] = {"a.npy", "b.npy"}, *wide[] = {"wide.npy", "b.npy"};
    const char *outputs[] = {"sum=y.npy"}, *others[] = {"sum=z.npy"};
    assert_ok(s_run(tensors, 2, outputs, 1, &fault), &fault);
    assert_ok(s_run(wide, 2, others, 1, &fault), &fault);
    assert_ok(npy_read(&given, "y.npy", &fault), &fault);
    assert_ok(npy_read(&same, "z.npy", &fault), &fault);
    assert_memory_equal(given.data, same.data, given.bytes);
    tensor_release(&given);
    tensor_release(&same);
}

static void
s_refused(const char *const *tensors, size_t tensors_count,
          const char *const *outputs, size_t outputs_count, const char *said)
{
    fault_t fault = {0};
    unlink("y.npy");
    assert_int_equal(
        s_run(tensors, tensors_count, outputs, outputs_count, &fault), -1);
    if (!strstr(fault.text, said))
        fail_msg("\"%s\" does not say \"%s\"", fault.text, said);
    assert_int_not_equal(access("y.npy", F_OK), 0);
}

static void
what_does_not_fit_is_named(void **state)
{
    (void)state;
    s_write_model();
    s_write_tensor("a.npy", DTYPE_FLOAT32, 2, 3, 6);
    s_write_tensor("b.npy", DTYPE_FLOAT32, 2, 3, 4);
    s_write_tensor("wide.npy", DTYPE_FLOAT32, 2, 3, 5);
    s_write_tensor("more.npy", DTYPE_FLOAT32, 2, 4, 4);
    s_write_tensor("whole.npy", DTYPE_INT32, 2, 3, 4);
    const char *y[] = {"sum=y.npy"}, *one[] = {"y.npy"};
    const char *odd[] = {"y.npy", "sum=z.npy", "x.npy"};
    const char *few[] = {"a.npy"}, *wide[] = {"a.npy", "wide.npy"};
    const char *more[] = {"a.npy", "more.npy"};
    const char *whole[] = {"a.npy", "whole.npy"};
    const char *named[] = {"a.npy", "c=b.npy"};
    const char *twice[] = {"a=a.npy", "a=b.npy"};
    const char *many[] = {"a.npy", "b.npy", "b.npy"};
    const char *missing[] = {"a.npy", "missing.npy"};
    s_refused(few, 1, y, 1, "'b' needs a --tensor");
    s_refused(wide, 2, y, 1, "wide.npy has shape [3, 5]");
    s_refused(more, 2, y, 1, "more.npy holds 4 rows, a.npy holds 3");
    s_refused(whole, 2, y, 1,
              "whole.npy holds int32, the input 'b' takes "
              "float32");
    s_refused(named, 2, y, 1, "there is no tensor c, the first input is 'a'");
    tests_write("c=b.npy", "", 0); /* now it is the name of a file */
    s_refused(named, 2, y, 1, "c=b.npy: ");
    s_refused(twice, 2, y, 1, "given twice");
    s_refused(many, 3, y, 1, "3 files are given, the network has 2");
    s_refused(missing, 2, y, 1, "missing.npy");
    const char *good[] = {"a.npy", "b.npy"};
    s_refused(good, 2, NULL, 0, "needs an --output");
    s_refused(good, 2, one, 1,
              "1 --output for 2 outputs: give one for each, or NAME=PATH for "
              "those you want, of 'pro/duct', 'sum'");
    const char *same[] = {"pro/duct=y.npy", "sum=y.npy"};
    s_refused(good, 2, same, 2, "y.npy is given twice");
    s_refused(good, 2, odd, 3, "3 files are given, the network has 2");
}

static void
a_file_that_is_no_model_is_named(void **state)
{
    (void)state;
    fault_t fault = {0};
    tests_write("broken.onnx", "not a model", 11);
    assert_null(whole_open("broken.onnx", 1, 1, &fault));
    assert_string_equal(fault.text,
                        "broken.onnx: a text file, not an ONNX model");
    assert_int_equal(fault_exit_status(fault.code), 65);
    tests_write("broken.onnx", ":\010z\006sparse", 10);
    assert_null(whole_open("broken.onnx", 1, 1, &fault));
    assert_string_equal(fault.text, "broken.onnx: sparse weights are not read");
    tests_write("broken.onnx", "# :\nz: \303\244\n", 10);
    assert_null(whole_open("broken.onnx", 1, 1, &fault));
    assert_string_equal(fault.text,
                        "broken.onnx: a text file, not an ONNX model");
    tests_write("broken.onnx", "PK\3\4\0\0\10\10", 8);
    assert_null(whole_open("broken.onnx", 1, 1, &fault));
    assert_non_null(strstr(fault.text,
                           "broken.onnx: a zip archive such as a PyTorch "
                           "checkpoint, not an ONNX model"));
    assert_null(whole_open("missing.onnx", 1, 1, &fault));
    assert_non_null(strstr(fault.text, "missing.onnx"));
    assert_int_equal(fault_exit_status(fault.code), 65);
}

/* Refused for a batch of two with a first axis of `first`. */
static void
s_no_batch(int64_t first, fault_t *fault)
{
    const int64_t dims[2] = {first, 6};
    network_t network;
    network_init(&network, 51);
    int x = network_input(&network, "x", 2, dims);
    network_output(&network, network_linear(&network, x, 6, 4));
    assert_ok(onnx_write(network.graph, "fixed.onnx", NULL, 0, NULL, fault),
              fault);
    network_release(&network);
    bench_options_t options = {.model = "fixed.onnx", .batch = 2, .threads = 1};
    assert_int_equal(bench_run(&options, fault), -1);
    assert_non_null(strstr(fault->text, "one sample at a time"));
}

static void
a_model_without_batch_runs_no_batch(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_no_batch(2, &fault);
    assert_null(strstr(fault.text, "dynamic_axes"));
    s_no_batch(1, &fault);
    assert_non_null(strstr(fault.text, "the file fixes the batch at 1, export "
                                       "it with an open one (dynamic_axes)"));
}

/* A few hundred nanoseconds, which a clock of microseconds shows as none. */
static void
a_run_of_a_tiny_model_takes_time(void **state)
{
    (void)state;
    fault_t fault = {0};
    s_write_model();
    session_t *session = whole_open("model.onnx", 1, 2, &fault);
    if (!session)
        fail_msg("%s", fault.text);
    measure_t measure;
    assert_ok(measure_session(session, 2, 1, 0.001, NULL, &measure, &fault),
              &fault);
    assert_true(measure.runs >= 3);
    assert_true(measure.min_ms > 0);
    assert_true(measure.median_ms >= measure.min_ms);
    assert_true(measure.gflops > 0);
    session_destroy(&session);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_files_go_through_in_batches),
        cmocka_unit_test(one_sample_may_omit_the_batch),
        cmocka_unit_test(samples_that_mix_run_together),
        cmocka_unit_test(no_rows_give_no_rows),
        cmocka_unit_test(numpys_own_float64_will_do),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(a_file_that_is_no_model_is_named),
        cmocka_unit_test(a_model_without_batch_runs_no_batch),
        cmocka_unit_test(a_run_of_a_tiny_model_takes_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
