/* Jobs checked against what a part takes. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/checksum.h"
#include "worker/task.h"

static boundary_t
s_boundary(void)
{
    boundary_t boundary = {.inputs_count = 1};
    strcpy(boundary.inputs[0].name, "pixels");
    boundary.inputs[0].dtype = DTYPE_FLOAT32;
    boundary.inputs[0].shape = (shape_t){3, {DIM_BATCH, 2, 3}};
    return boundary;
}

static message_t
s_job(void)
{
    message_t job;
    message_init(&job, MESSAGE_JOB);
    job.job.bytes[3] = 4;
    job.attempt = 1;
    job.part_index = 1;
    job.part_count = 2;
    job.remaining_ms = 250;
    job.tensors_count = 1;
    job.tensors[0] = (tensor_header_t){
        .dtype = DTYPE_FLOAT32, .shape = {3, {1, 2, 3}}, .bytes = 24};
    return job;
}

static payload_t *
s_payload(size_t bytes)
{
    fault_t fault;
    payload_t *payload = payload_new(&fault);
    void *room = payload_add_room(payload, bytes, &fault);
    memset(room, 1, bytes);
    return payload;
}

static void
s_assert_refused(const message_t *job, size_t bytes, fault_code_t code)
{
    boundary_t boundary = s_boundary();
    payload_t *payload = s_payload(bytes);
    fault_t fault = {0};
    assert_int_equal(task_check(job, payload, &boundary, &fault), -1);
    assert_int_equal(fault.code, code);
    if (code != FAULT_BAD_SHAPE)
        assert_non_null(strstr(fault.text, "pixels"));
    payload_destroy(&payload);
}

static void
one_sample_of_the_right_kind_is_taken(void **state)
{
    (void)state;
    boundary_t boundary = s_boundary();
    message_t job = s_job();
    payload_t *payload = s_payload(24);
    fault_t fault;
    assert_ok(task_check(&job, payload, &boundary, &fault), &fault);
    size_t size;
    const void *frame = payload_frame(payload, 0, &size);
    job.tensors[0].checksum = checksum_frame(&job.job, 1, 0, frame, size);
    assert_ok(task_check(&job, payload, &boundary, &fault), &fault);
    payload_destroy(&payload);
}

static void
what_the_part_does_not_take_is_refused_by_name(void **state)
{
    (void)state;
    message_t job = s_job();
    job.tensors[0].dtype = DTYPE_INT32;
    s_assert_refused(&job, 24, FAULT_BAD_DTYPE);
    job = s_job();
    job.tensors[0].shape.dims[0] = 2;
    s_assert_refused(&job, 24, FAULT_BAD_SHAPE);
    job = s_job();
    job.tensors[0].shape.rank = 2;
    s_assert_refused(&job, 24, FAULT_BAD_SHAPE);
    job = s_job();
    s_assert_refused(&job, 20, FAULT_BAD_FRAME);
    job.tensors_count = 2;
    s_assert_refused(&job, 24, FAULT_BAD_SHAPE);
    job = s_job();
    job.tensors[0].checksum = 12345;
    s_assert_refused(&job, 24, FAULT_CHECKSUM);
}

static void
a_job_without_frames_is_refused(void **state)
{
    (void)state;
    boundary_t boundary = s_boundary();
    message_t job = s_job();
    fault_t fault;
    assert_int_equal(task_check(&job, NULL, &boundary, &fault), -1);
    assert_int_equal(fault.code, FAULT_BAD_SHAPE);
}

static void
a_task_remembers_its_job_and_its_deadline(void **state)
{
    (void)state;
    message_t job = s_job();
    payload_t *payload = s_payload(24);
    fault_t fault;
    task_t *task = task_new(&job, &payload, 1000000, &fault);
    assert_null(payload);
    assert_int_equal(task->deadline_ms, 1250);
    fault_set(&task->fault, FAULT_DEADLINE, "too late");
    message_t answer;
    message_init(&answer, MESSAGE_ERROR);
    task_answer(task, &answer);
    uint64_t required = message_required(MESSAGE_ERROR, ROLE_WORKER);
    assert_true(message_has(&answer, required & ~key_bit(KEY_SESSION)));
    assert_int_equal(answer.code, FAULT_DEADLINE);
    task_destroy(&task);
    assert_null(task);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_of_the_right_kind_is_taken),
        cmocka_unit_test(what_the_part_does_not_take_is_refused_by_name),
        cmocka_unit_test(a_job_without_frames_is_refused),
        cmocka_unit_test(a_task_remembers_its_job_and_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
