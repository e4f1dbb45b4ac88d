/* Parts in the engine: tasks stacked as rows, rows given back as frames. */
#include "tests/support/tests.h"

#include "common/model/onnx.h"
#include "worker/compute.h"

enum { WIDTH = 3 };

/* y = max(0, x + [1, 2, 3]); a fixed number of samples instead of the batch
 * where `samples` is not DIM_BATCH. */
static blob_t *
s_part(int64_t samples)
{
    fault_t fault = {0};
    graph_t *graph = graph_new("part", &fault);
    shape_t shape = {2, {samples, WIDTH}}, row = {1, {WIDTH}};
    const float bias[WIDTH] = {1, 2, 3};
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &shape, &fault);
    int b = graph_add_elements(graph, "b", DTYPE_FLOAT32, &row, bias, &fault);
    int sum = graph_add_value(graph, "sum", DTYPE_FLOAT32, NULL, &fault);
    int y = graph_add_value(graph, "y", DTYPE_FLOAT32, NULL, &fault);
    int added[] = {x, b};
    assert_true(graph_add_node(graph, "Add", "", added, 2, &sum, 1, &fault) >=
                0);
    assert_true(graph_add_node(graph, "Relu", "", &sum, 1, &y, 1, &fault) >= 0);
    graph->inputs[graph->inputs_count++] = x;
    graph->outputs[graph->outputs_count++] = y;
    assert_ok(onnx_write(graph, "part.onnx", NULL, 0, NULL, &fault), &fault);
    graph_destroy(&graph);
    blob_t *blob = blob_open("part.onnx", &fault);
    assert_non_null(blob);
    return blob;
}

static runner_t
s_loaded(int64_t samples, loaded_t *loaded)
{
    fault_t fault = {0};
    runner_t runner;
    blob_t *part = s_part(samples);
    assert_ok(compute_init(&runner, 1, 4, &fault), &fault);
    assert_ok(runner.load(runner.context, part, loaded, &fault), &fault);
    blob_release(&part);
    return runner;
}

static task_t *
s_task(float first)
{
    message_t message;
    message_init(&message, MESSAGE_JOB);
    fault_t fault;
    payload_t *payload = payload_new(&fault);
    const float x[WIDTH] = {first, -10, first};
    assert_ok(payload_add_copy(payload, x, sizeof x, &fault), &fault);
    return task_new(&message, &payload, 0, &fault);
}

static void
s_assert_answer(task_t *task, float first)
{
    assert_int_equal(task->outputs_count, 1);
    assert_int_equal(task->outputs[0].dtype, DTYPE_FLOAT32);
    shape_t one_sample = {2, {1, WIDTH}};
    assert_true(shape_equal(&task->outputs[0].shape, &one_sample));
    size_t bytes;
    const float *y = payload_frame(task->output, 0, &bytes);
    assert_int_equal(bytes, WIDTH * sizeof *y);
    assert_int_equal(task->outputs[0].bytes, bytes);
    assert_true(y[0] == first + 1 && y[1] == 0 && y[2] == first + 3);
    task_destroy(&task);
}

static void
a_loaded_part_says_what_it_takes(void **state)
{
    (void)state;
    loaded_t loaded = {0};
    runner_t runner = s_loaded(DIM_BATCH, &loaded);
    assert_int_equal(loaded.batch_max, 4);
    assert_non_null(loaded.progress);
    assert_int_equal(loaded.boundary.inputs_count, 1);
    assert_string_equal(loaded.boundary.inputs[0].name, "x");
    assert_true(loaded.boundary.inputs[0].shape.dims[0] == DIM_BATCH);
    assert_string_equal(loaded.boundary.outputs[0].name, "y");
    runner.destroy(runner.context);
}

static void
each_task_of_a_batch_gets_its_own_row(void **state)
{
    (void)state;
    loaded_t loaded = {0};
    runner_t runner = s_loaded(DIM_BATCH, &loaded);
    fault_t fault = {0};
    for (size_t count = 1; count <= 4; count++) {
        task_t *tasks[4];
        for (size_t i = 0; i < count; i++)
            tasks[i] = s_task((float)i);
        assert_ok(runner.run(runner.context, tasks, count, &fault), &fault);
        for (size_t i = 0; i < count; i++)
            s_assert_answer(tasks[i], (float)i);
    }
    runner.destroy(runner.context);
}

static void
a_part_with_a_fixed_batch_runs_one_by_one(void **state)
{
    (void)state;
    loaded_t loaded = {0};
    runner_t runner = s_loaded(1, &loaded);
    assert_int_equal(loaded.batch_max, 1);
    task_t *task = s_task(5);
    fault_t fault = {0};
    assert_ok(runner.run(runner.context, &task, 1, &fault), &fault);
    s_assert_answer(task, 5);
    runner.destroy(runner.context);
}

static void
a_part_can_be_replaced_and_a_bad_one_is_refused(void **state)
{
    (void)state;
    loaded_t loaded = {0};
    runner_t runner = s_loaded(1, &loaded);
    blob_t *part = s_part(DIM_BATCH);
    fault_t fault = {0};
    assert_ok(runner.load(runner.context, part, &loaded, &fault), &fault);
    blob_release(&part);
    assert_int_equal(loaded.batch_max, 4);

    tests_write("bad.onnx", "this is no part", 15);
    part = blob_open("bad.onnx", &fault);
    assert_int_equal(runner.load(runner.context, part, &loaded, &fault), -1);
    assert_true(fault.text[0] != '\0');
    blob_release(&part);
    runner.destroy(runner.context);
}

/* y = f(x) of `floats` numbers a sample. */
static blob_t *
s_large(int64_t floats)
{
    fault_t fault = {0};
    graph_t *graph = graph_new("part", &fault);
    shape_t shape = {2, {DIM_BATCH, floats}};
    int x = graph_add_value(graph, "x", DTYPE_FLOAT32, &shape, &fault);
    int y = graph_add_value(graph, "y", DTYPE_FLOAT32, NULL, &fault);
    graph_add_node(graph, "Relu", "", &x, 1, &y, 1, &fault);
    graph->inputs[graph->inputs_count++] = x;
    graph->outputs[graph->outputs_count++] = y;
    assert_ok(onnx_write(graph, "large.onnx", NULL, 0, NULL, &fault), &fault);
    graph_destroy(&graph);
    blob_t *blob = blob_open("large.onnx", &fault);
    assert_non_null(blob);
    return blob;
}

/* An input and an output of 4 bytes a number, 24 MiB in all. */
static void
large_samples_run_in_smaller_batches_unless_it_is_said(void **state)
{
    (void)state;
    static const struct {
        int64_t floats;
        int asked, batch;
    } rows[] = {{1 << 10, 0, COMPUTE_BATCH},
                {3 << 17, 0, COMPUTE_BATCH},
                {1 << 20, 0, 3},
                {3 << 19, 0, 2},
                {1 << 23, 0, 1},
                {1 << 20, 6, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fault_t fault = {0};
        loaded_t loaded = {0};
        runner_t runner;
        blob_t *part = s_large(rows[i].floats);
        assert_ok(compute_init(&runner, 1, rows[i].asked, &fault), &fault);
        assert_ok(runner.load(runner.context, part, &loaded, &fault), &fault);
        assert_int_equal(loaded.batch_max, rows[i].batch);
        blob_release(&part);
        runner.destroy(runner.context);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loaded_part_says_what_it_takes),
        cmocka_unit_test(each_task_of_a_batch_gets_its_own_row),
        cmocka_unit_test(a_part_with_a_fixed_batch_runs_one_by_one),
        cmocka_unit_test(a_part_can_be_replaced_and_a_bad_one_is_refused),
        cmocka_unit_test(
            large_samples_run_in_smaller_batches_unless_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
