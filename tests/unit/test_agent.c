/* The agent against a broker that is played by the test: real sockets on
 * loopback, a scripted runner, no waiting for a time. */
#include "tests/support/tests.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/logger.h"
#include "worker/agent.h"
#include "tests/support/sockets.h"

enum { PATIENCE_MS = 20000, SESSION = 4711, PART_BYTES = 40 };

/* --- the runner: doubles a byte, when it is let --- */

typedef struct script {
    sem_t may_run; /* one permit a run */
    atomic_uint progress;
} script_t;

static int
s_load(void *context, blob_t *part, loaded_t *loaded, fault_t *fault)
{
    (void)part, (void)fault;
    script_t *self = context;
    boundary_t *boundary = &loaded->boundary;
    boundary->inputs_count = boundary->outputs_count = 1;
    strcpy(boundary->inputs[0].name, "in");
    boundary->inputs[0].dtype = DTYPE_UINT8;
    boundary->inputs[0].shape = (shape_t){1, {DIM_BATCH}};
    boundary->outputs[0] = boundary->inputs[0];
    loaded->batch_max = 2;
    loaded->progress = &self->progress;
    return 0;
}

static int
s_run(void *context, task_t **tasks, size_t count, fault_t *fault)
{
    script_t *self = context;
    while (sem_wait(&self->may_run) != 0)
        ;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *in = payload_frame(tasks[i]->input, 0, &size);
        uint8_t out = (uint8_t)(*in * 2);
        tasks[i]->output = payload_new(fault);
        if (payload_add_copy(tasks[i]->output, &out, 1, fault))
            return -1;
        tasks[i]->outputs_count = 1;
        tasks[i]->outputs[0] = (tensor_header_t){
            .dtype = DTYPE_UINT8, .shape = {1, {1}}, .bytes = 1};
    }
    return 0;
}

static void
s_no_destroy(void *context)
{
    (void)context;
}

/* --- the stage --- */

typedef struct stage {
    zsock_t *socket;
    char endpoint[128];
    char cache[32];
    routing_t worker;
    char part[PART_BYTES]; /* its bytes; nobody looks into them */
    digest_t digest;
    message_t message; /* the last one received */
    payload_t *payload;
    uint16_t job_part; /* what JOBs say, 3 */
    script_t script;
    pthread_t thread;
    int result;
    fault_t fault;
} stage_t;

static void *
s_agent(void *argument)
{
    stage_t *self = argument;
    runner_t runner = {&self->script, s_load, s_run, s_no_destroy};
    agent_options_t options = {.broker = self->endpoint,
                               .part = 3,
                               .name = "w1",
                               .batch = 8,
                               .cache = self->cache,
                               .build = "test"};
    self->result = agent_run(&options, &runner, &self->fault);
    return NULL;
}

static void
s_digest(stage_t *self)
{
    digester_t digester;
    digester_init(&digester);
    digester_add(&digester, self->part, PART_BYTES);
    digester_finish(&digester, &self->digest);
}

static stage_t *
s_begin(bool fresh_cache)
{
    static int caches;
    caches += fresh_cache;
    stage_t *self = calloc(1, sizeof *self);
    snprintf(self->cache, sizeof self->cache, "cache-%d", caches);
    self->job_part = 3;
    strcpy(self->part, "the bytes of a part");
    fault_t fault;
    self->socket = wire_bind("tcp://127.0.0.1:*", 1 << 20, &fault);
    assert_non_null(self->socket);
    wire_bound(self->socket, self->endpoint, sizeof self->endpoint);
    sem_init(&self->script.may_run, 0, 0);
    s_digest(self);
    assert_int_equal(pthread_create(&self->thread, NULL, s_agent, self), 0);
    return self;
}

/* The agent has ended or does so, with this exit status. */
static void
s_end(stage_t *self, int status)
{
    pthread_join(self->thread, NULL);
    assert_int_equal(self->result, status ? -1 : 0);
    assert_int_equal(fault_exit_status(self->fault.code), status);
    payload_destroy(&self->payload);
    wire_close(&self->socket, 0);
    sem_destroy(&self->script.may_run);
    free(self);
}

/* The next message of a type; heartbeats and credit in between are skipped. */
static void
s_expect(stage_t *self, message_type_t type)
{
    for (;;) {
        zmq_pollitem_t item = {zsock_resolve(self->socket), 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, PATIENCE_MS) != 1)
            fail_msg("no %s came", message_name(type));
        fault_t fault;
        payload_destroy(&self->payload);
        wire_status_t status =
            wire_receive(self->socket, &self->worker, &self->message,
                         &self->payload, &fault);
        assert_int_equal(status, WIRE_OK);
        uint64_t required = message_required(self->message.type, ROLE_WORKER);
        assert_true(message_has(&self->message, required));
        if (self->message.type == type)
            return;
        if (self->message.type != MESSAGE_HEARTBEAT &&
            self->message.type != MESSAGE_CREDIT)
            fail_msg("%s came instead of %s", message_name(self->message.type),
                     message_name(type));
    }
}

static void
s_send(stage_t *self, message_t *message, const payload_t *payload)
{
    assert_int_equal(wire_send(self->socket, &self->worker, message, payload),
                     WIRE_OK);
}

static void
s_welcome(stage_t *self, uint64_t total)
{
    message_t message;
    message_init(&message, MESSAGE_WELCOME);
    message.session = SESSION;
    message.boot_id = 1;
    message.heartbeat_ms = 1000;
    message.misses = 3;
    message.frame_bytes_max = 1 << 20;
    message.total_bytes_max = 1 << 20;
    message.part_index = 3;
    message.part_count = 5;
    message.part_digest = self->digest;
    message.total = total;
    message.present = key_bit(KEY_SESSION) | key_bit(KEY_BOOT_ID) |
                      key_bit(KEY_LIVENESS) | key_bit(KEY_LIMITS) |
                      key_bit(KEY_PART) | key_bit(KEY_PART_DIGEST) |
                      key_bit(KEY_TOTAL);
    s_send(self, &message, NULL);
}

static void
s_chunk(stage_t *self, const char *bytes)
{
    s_expect(self, MESSAGE_FETCH);
    assert_true(digest_equal(&self->message.part_digest, &self->digest));
    assert_int_equal(self->message.offset, 0);
    message_t message;
    message_init(&message, MESSAGE_CHUNK);
    message.session = SESSION;
    message.part_digest = self->digest;
    message.total = PART_BYTES;
    message.present = key_bit(KEY_SESSION) | key_bit(KEY_PART_DIGEST) |
                      key_bit(KEY_OFFSET) | key_bit(KEY_TOTAL);
    payload_t *payload = payload_new(NULL);
    payload_add_copy(payload, bytes, PART_BYTES, NULL);
    s_send(self, &message, payload);
    payload_destroy(&payload);
}

static void
s_job(stage_t *self, uint8_t value, uint32_t remaining_ms, int64_t dim)
{
    message_t message;
    message_init(&message, MESSAGE_JOB);
    message.session = SESSION;
    message.job.bytes[15] = value;
    message.attempt = 1;
    message.part_index = self->job_part;
    message.part_count = 5;
    message.remaining_ms = remaining_ms;
    message.tensors_count = 1;
    message.tensors[0] = (tensor_header_t){
        .dtype = DTYPE_UINT8, .shape = {1, {dim}}, .bytes = (uint64_t)dim};
    message.present = key_bit(KEY_SESSION) | key_bit(KEY_JOB) |
                      key_bit(KEY_ATTEMPT) | key_bit(KEY_PART) |
                      key_bit(KEY_REMAINING_MS) | key_bit(KEY_TENSORS);
    payload_t *payload = payload_new(NULL);
    memset(payload_add_room(payload, (size_t)dim, NULL), value, (size_t)dim);
    s_send(self, &message, payload);
    payload_destroy(&payload);
}

static void
s_say(stage_t *self, message_type_t type, uint64_t session)
{
    message_t message;
    message_init(&message, type);
    message.session = session;
    message.boot_id = 1;
    message.present = session ? key_bit(KEY_SESSION) : key_bit(KEY_BOOT_ID);
    s_send(self, &message, NULL);
}

static void
s_expect_result(stage_t *self, uint8_t value)
{
    s_expect(self, MESSAGE_RESULT);
    assert_int_equal(self->message.job.bytes[15], value);
    assert_int_equal(self->message.part_index, 3);
    size_t size;
    const uint8_t *out = payload_frame(self->payload, 0, &size);
    assert_int_equal(size, 1);
    assert_int_equal(*out, value * 2);
}

/* Up to the first credit, with a part out of nobody's cache. */
static stage_t *
s_serving(void)
{
    stage_t *self = s_begin(true);
    s_expect(self, MESSAGE_HELLO);
    s_welcome(self, PART_BYTES);
    s_chunk(self, self->part);
    s_expect(self, MESSAGE_CREDIT);
    return self;
}

/* The broker asks it to leave; it leaves. */
static void
s_dismiss(stage_t *self)
{
    s_say(self, MESSAGE_DRAIN, SESSION);
    s_expect(self, MESSAGE_DRAIN);
    s_expect(self, MESSAGE_BYE);
    s_end(self, 0);
}

/* --- the tests --- */

static void
a_worker_fetches_its_part_serves_it_and_leaves(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    assert_true(digest_equal(&self->message.part_digest, &self->digest));
    assert_int_equal(self->message.credit_total, 3);
    s_job(self, 21, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    assert_true(message_has(&self->message, key_bit(KEY_JOB)));
    assert_int_equal(self->message.job.bytes[15], 21);
    sem_post(&self->script.may_run);
    s_expect_result(self, 21);
    s_expect(self, MESSAGE_CREDIT);
    assert_int_equal(self->message.credit_total, 4);
    s_dismiss(self);
}

static void
a_part_in_the_cache_is_not_fetched_again(void **state)
{
    (void)state;
    s_dismiss(s_serving());
    stage_t *self = s_begin(false);
    s_expect(self, MESSAGE_HELLO);
    assert_string_equal(self->message.name, "w1");
    assert_string_equal(self->message.build, "test");
    s_welcome(self, PART_BYTES);
    s_expect(self, MESSAGE_CREDIT);
    s_dismiss(self);
}

static void
a_damaged_part_is_fetched_once_more(void **state)
{
    (void)state;
    stage_t *self = s_begin(true);
    s_expect(self, MESSAGE_HELLO);
    s_welcome(self, PART_BYTES);
    char damaged[PART_BYTES];
    memcpy(damaged, self->part, PART_BYTES);
    damaged[7] ^= 4;
    s_chunk(self, damaged);
    s_chunk(self, self->part);
    s_expect(self, MESSAGE_CREDIT);
    s_dismiss(self);
}

static void
a_part_damaged_twice_ends_the_worker(void **state)
{
    (void)state;
    stage_t *self = s_begin(true);
    s_expect(self, MESSAGE_HELLO);
    s_welcome(self, PART_BYTES);
    char damaged[PART_BYTES] = "wrong";
    s_chunk(self, damaged);
    s_chunk(self, damaged);
    s_expect(self, MESSAGE_BYE);
    s_end(self, 65);
}

static void
a_part_beyond_the_memory_is_refused_in_a_sentence(void **state)
{
    (void)state;
    stage_t *self = s_begin(false);
    s_expect(self, MESSAGE_HELLO);
    self->digest.bytes[0] ^= 1;
    s_welcome(self, (uint64_t)1 << 60);
    s_expect(self, MESSAGE_BYE);
    s_end(self, 65);
}

static void
a_job_that_does_not_fit_the_part_is_answered_at_once(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 5, 10000, 2);
    s_expect(self, MESSAGE_ERROR);
    assert_int_equal(self->message.code, FAULT_BAD_SHAPE);
    assert_non_null(strstr(self->message.text, "in"));
    s_dismiss(self);
}

static void
a_job_of_another_part_is_left_to_another_worker(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    self->job_part = 4;
    s_job(self, 5, 10000, 1);
    s_expect(self, MESSAGE_ERROR);
    assert_true(fault_is_retriable((fault_code_t)self->message.code));
    s_dismiss(self);
}

static void
a_job_that_waits_past_its_deadline_is_not_started(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_job(self, 2, 1, 1);
    s_expect(self, MESSAGE_ERROR);
    assert_int_equal(self->message.job.bytes[15], 2);
    assert_int_equal(self->message.code, FAULT_DEADLINE);
    sem_post(&self->script.may_run);
    s_expect_result(self, 1);
    s_dismiss(self);
}

static void
what_waits_while_one_runs_becomes_one_batch(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_job(self, 2, 10000, 1);
    s_job(self, 3, 10000, 1);
    /* A job that is refused shows that the two before it have arrived. */
    s_job(self, 9, 10000, 3);
    s_expect(self, MESSAGE_ERROR);
    sem_post(&self->script.may_run);
    s_expect_result(self, 1);
    sem_post(&self->script.may_run);
    s_expect_result(self, 2);
    s_expect_result(self, 3);
    s_dismiss(self);
}

static void
a_cancelled_job_is_not_answered(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_job(self, 2, 10000, 1);
    s_job(self, 3, 10000, 1);
    message_t cancel;
    for (uint8_t job = 1; job <= 2; job++) {
        message_init(&cancel, MESSAGE_CANCEL);
        cancel.session = SESSION;
        cancel.job.bytes[15] = job;
        cancel.attempt = 1;
        cancel.present =
            key_bit(KEY_SESSION) | key_bit(KEY_JOB) | key_bit(KEY_ATTEMPT);
        s_send(self, &cancel, NULL);
    }
    s_job(self, 9, 10000, 3);
    s_expect(self, MESSAGE_ERROR);
    sem_post(&self->script.may_run);
    sem_post(&self->script.may_run);
    s_expect_result(self, 3);
    s_dismiss(self);
}

static void
a_running_job_outlives_its_session_and_is_announced(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_job(self, 2, 10000, 1);
    s_say(self, MESSAGE_REHELLO, 0);
    s_expect(self, MESSAGE_HELLO);
    assert_int_equal(self->message.held_count, 1);
    assert_int_equal(self->message.held[0].job.bytes[15], 1);
    assert_int_equal(self->message.held[0].part, 3);
    assert_true(digest_equal(&self->message.part_digest, &self->digest));
    sem_post(&self->script.may_run);
    s_welcome(self, PART_BYTES);
    s_expect(self, MESSAGE_CREDIT);
    s_expect_result(self, 1);
    s_dismiss(self);
}

static void
the_result_of_a_part_no_longer_served_is_dropped(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_say(self, MESSAGE_REHELLO, 0);
    s_expect(self, MESSAGE_HELLO);
    strcpy(self->part, "another part");
    s_digest(self);
    s_welcome(self, PART_BYTES);
    sem_post(&self->script.may_run);
    s_chunk(self, self->part);
    s_expect(self, MESSAGE_CREDIT);
    sem_post(&self->script.may_run);
    s_job(self, 2, 10000, 1);
    s_expect_result(self, 2);
    s_dismiss(self);
}

static void
a_changed_model_is_fetched_in_the_running_session(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    strcpy(self->part, "a new model's part");
    s_digest(self);
    s_welcome(self, PART_BYTES);
    s_chunk(self, self->part);
    s_expect(self, MESSAGE_CREDIT);
    assert_true(digest_equal(&self->message.part_digest, &self->digest));
    sem_post(&self->script.may_run);
    s_job(self, 8, 10000, 1);
    s_expect_result(self, 8);
    s_dismiss(self);
}

static void
leaving_finishes_what_runs_and_hands_back_what_waits(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    s_job(self, 1, 10000, 1);
    s_expect(self, MESSAGE_HEARTBEAT);
    s_job(self, 2, 10000, 1);
    s_say(self, MESSAGE_DRAIN, SESSION);
    s_expect(self, MESSAGE_DRAIN);
    s_expect(self, MESSAGE_ERROR);
    assert_int_equal(self->message.job.bytes[15], 2);
    assert_int_equal(self->message.code, FAULT_SHUTDOWN);
    sem_post(&self->script.may_run);
    s_expect_result(self, 1);
    s_expect(self, MESSAGE_BYE);
    s_end(self, 0);
}

static void
what_is_no_message_is_ignored(void **state)
{
    (void)state;
    stage_t *self = s_serving();
    void *socket = zsock_resolve(self->socket);
    const char *bytes[] = {"", "CV", "nonsense", "CV\x01\x10\xff\xff\x01\x01"};
    for (size_t i = 0; i < 4; i++) {
        zmq_send(socket, self->worker.bytes, self->worker.size, ZMQ_SNDMORE);
        zmq_send(socket, bytes[i], strlen(bytes[i]), ZMQ_SNDMORE);
        zmq_send(socket, "rest", 4, 0);
    }
    sem_post(&self->script.may_run);
    s_job(self, 4, 10000, 1);
    s_expect_result(self, 4);
    s_dismiss(self);
}

int
main(void)
{
    logger_setup("test", LOGGER_ERROR, LOGGER_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_fetches_its_part_serves_it_and_leaves),
        cmocka_unit_test(a_part_in_the_cache_is_not_fetched_again),
        cmocka_unit_test(a_damaged_part_is_fetched_once_more),
        cmocka_unit_test(a_part_damaged_twice_ends_the_worker),
        cmocka_unit_test(a_part_beyond_the_memory_is_refused_in_a_sentence),
        cmocka_unit_test(a_job_that_does_not_fit_the_part_is_answered_at_once),
        cmocka_unit_test(a_job_of_another_part_is_left_to_another_worker),
        cmocka_unit_test(a_job_that_waits_past_its_deadline_is_not_started),
        cmocka_unit_test(what_waits_while_one_runs_becomes_one_batch),
        cmocka_unit_test(a_cancelled_job_is_not_answered),
        cmocka_unit_test(a_running_job_outlives_its_session_and_is_announced),
        cmocka_unit_test(the_result_of_a_part_no_longer_served_is_dropped),
        cmocka_unit_test(a_changed_model_is_fetched_in_the_running_session),
        cmocka_unit_test(leaving_finishes_what_runs_and_hands_back_what_waits),
        cmocka_unit_test(what_is_no_message_is_ignored),
    };
    return cmocka_run_group_tests(tests, sockets_start, sockets_stop);
}
