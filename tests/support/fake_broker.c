/* A broker played by a thread. */
#include "tests/support/fake_broker.h"

#include <stdlib.h>
#include <string.h>

#include "common/checksum.h"
#include "common/info.h"
#include "tests/support/tests.h"

enum { SEND_TRIES_MAX = 10000, POLL_MS = 5 };

static payload_t *
s_info(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    void *bytes;
    size_t size;
    payload_t *payload = payload_new(NULL);
    info_encode(object, &bytes, &size, NULL);
    payload_add_copy(payload, bytes, size, NULL);
    json_decref(object);
    free(bytes);
    return payload;
}

static void
s_say(fake_broker_t *fake, message_t *message, uint64_t keys,
      const payload_t *payload)
{
    message->session = fake->session;
    message->present |= keys | key_bit(KEY_SESSION);
    for (int i = 0; i < SEND_TRIES_MAX; i++) {
        if (wire_send(fake->router, &fake->routing, message, payload) !=
            WIRE_FULL)
            break;
        zmq_poll(NULL, 0, 1);
    }
}

static void
s_hello(fake_broker_t *fake)
{
    message_t message;
    atomic_fetch_add(&fake->hellos, 1);
    if (fake->play == PLAY_REJECT || fake->play == PLAY_FULL) {
        message_init(&message, MESSAGE_REJECT);
        message.code =
            fake->play == PLAY_FULL ? FAULT_REJECT_FULL : FAULT_REJECT_VERSION;
        strcpy(message.text, "because");
        s_say(fake, &message, key_bit(KEY_CODE) | key_bit(KEY_TEXT), NULL);
        return;
    }
    payload_t *info = s_info(
        fake->play == PLAY_NONSENSE
            ? "{\"model\": 1}"
            : "{\"model\":\"echo\",\"digest\":\""
              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
              "\",\"parts\":2,\"inputs\":[{\"name\":\"x\",\"dtype\":"
              "\"float32\",\"shape\":[\"N\",4]}],\"outputs\":[{\"name\":"
              "\"y\",\"dtype\":\"float32\",\"shape\":[\"N\",4]}],"
              "\"image\":null,\"labels\":null,\"scores\":\"probabilities\","
              "\"limits\":{\"frame_bytes\":1000,\"window_jobs\":32,"
              "\"window_bytes\":100000}}");
    message_init(&message, MESSAGE_WELCOME);
    fake->session++;
    message.heartbeat_ms = 400;
    message.misses = 10;
    message.credit_total = 8;
    message.total_bytes_max = 4096;
    s_say(fake, &message,
          message_required(MESSAGE_WELCOME, ROLE_NONE) |
              key_bit(KEY_CREDIT_TOTAL) | key_bit(KEY_MODEL_DIGEST),
          info);
    payload_destroy(&info);
}

static void
s_busy(fake_broker_t *fake, const message_t *submit)
{
    message_t message;
    message_init(&message, MESSAGE_BUSY);
    message.job = submit->job;
    message.code = FAULT_BUSY_QUEUE;
    message.retry_after_ms = 1;
    message.part_index = 1;
    strcpy(message.text, "part 1 has no worker");
    s_say(fake, &message,
          message_required(MESSAGE_BUSY, ROLE_NONE) | key_bit(KEY_PART) |
              key_bit(KEY_TEXT),
          NULL);
}

static void
s_error(fake_broker_t *fake, const message_t *submit, fault_code_t code)
{
    message_t message;
    message_init(&message, MESSAGE_ERROR);
    message.code = (uint16_t)code;
    message.part_index = 1;
    strcpy(message.text, "a reason");
    uint64_t keys = key_bit(KEY_CODE) | key_bit(KEY_TEXT);
    if (submit) {
        message.job = submit->job;
        keys |= key_bit(KEY_JOB) | key_bit(KEY_PART);
    }
    s_say(fake, &message, keys, NULL);
}

static void
s_result(fake_broker_t *fake, const message_t *submit, const payload_t *payload)
{
    message_t message;
    size_t size;
    const void *bytes = payload_frame(payload, 0, &size);
    message_init(&message, MESSAGE_RESULT);
    message.job = submit->job;
    message.tensors_count = 1;
    message.tensors[0] = submit->tensors[0];
    message.tensors[0].checksum =
        checksum_frame(&submit->job, 2, 0, bytes, size);
    if (fake->play == PLAY_DAMAGE)
        message.tensors[0].checksum ^= 1;
    if (fake->play == PLAY_SHAPE)
        message.tensors[0].shape = (shape_t){1, {4}};
    message.path_count = 1;
    message.path[0] = (path_step_t){.part = 1, .attempt = 1, .name = "w"};
    s_say(fake, &message,
          key_bit(KEY_JOB) | key_bit(KEY_TENSORS) | key_bit(KEY_PATH), payload);
}

static void
s_submit(fake_broker_t *fake, const message_t *submit, const payload_t *payload)
{
    message_t message;
    int number = atomic_fetch_add(&fake->submits, 1);
    if (number == 0)
        fake->first = submit->job;
    else if (job_id_equal(&fake->first, &submit->job))
        atomic_fetch_add(&fake->same_ids, 1);
    bool once = number == 0;
    if (fake->play == PLAY_SILENT)
        return;
    if (fake->play == PLAY_BUSY_ALWAYS ||
        (fake->play == PLAY_BUSY_TWICE && number < 2)) {
        s_busy(fake, submit);
    } else if (fake->play == PLAY_REHELLO && once) {
        message_init(&message, MESSAGE_REHELLO);
        s_say(fake, &message, key_bit(KEY_BOOT_ID), NULL);
    } else if (fake->play == PLAY_BYE && once) {
        message_init(&message, MESSAGE_BYE);
        message.code = FAULT_SHUTDOWN;
        s_say(fake, &message, key_bit(KEY_CODE), NULL);
    } else if (fake->play == PLAY_SHUTDOWN && once) {
        s_error(fake, submit, FAULT_SHUTDOWN);
    } else if (fake->play == PLAY_ERROR) {
        s_error(fake, submit, FAULT_POISON);
    } else {
        s_result(fake, submit, payload);
        if (fake->play == PLAY_DOUBLE)
            s_result(fake, submit, payload);
    }
}

static void
s_answer(fake_broker_t *fake, const message_t *message,
         const payload_t *payload)
{
    message_t reply;
    payload_t *info;
    switch (message->type) {
    case MESSAGE_HELLO:
        s_hello(fake);
        break;
    case MESSAGE_SUBMIT:
        s_submit(fake, message, payload);
        break;
    case MESSAGE_CANCEL:
        atomic_fetch_add(&fake->cancels, 1);
        break;
    case MESSAGE_BYE:
        atomic_fetch_add(&fake->byes, 1);
        break;
    case MESSAGE_STATUS:
        info = s_info("{\"queued\": 3}");
        message_init(&reply, MESSAGE_STATUS_REPLY);
        s_say(fake, &reply, 0, info);
        payload_destroy(&info);
        break;
    case MESSAGE_DRAIN:
        if (fake->play == PLAY_AUTH) {
            s_error(fake, NULL, FAULT_AUTH);
            break;
        }
        message_init(&reply, MESSAGE_DRAIN);
        strcpy(reply.name, message->name);
        s_say(fake, &reply, key_bit(KEY_NAME), NULL);
        break;
    default: /* the heartbeat is answered by one */
        atomic_fetch_add(&fake->beats, 1);
        message_init(&reply, MESSAGE_HEARTBEAT);
        s_say(fake, &reply, key_bit(KEY_SEQ), NULL);
        break;
    }
}

static void *
s_play(void *argument)
{
    fake_broker_t *fake = argument;
    while (!atomic_load(&fake->stop)) {
        zmq_pollitem_t item = {zsock_resolve(fake->router), 0, ZMQ_POLLIN, 0};
        message_t message;
        payload_t *payload;
        fault_t fault;
        zmq_poll(&item, 1, POLL_MS);
        while (wire_receive(fake->router, &fake->routing, &message, &payload,
                            &fault) == WIRE_OK) {
            s_answer(fake, &message, payload);
            payload_destroy(&payload);
        }
    }
    return NULL;
}

void
fake_broker_start(fake_broker_t *self, play_t play)
{
    fault_t fault;
    memset(self, 0, sizeof *self);
    self->play = play;
    self->router = wire_bind("tcp://127.0.0.1:0", 1 << 20, &fault);
    assert_non_null(self->router);
    wire_bound(self->router, self->endpoint, sizeof self->endpoint);
    assert_int_equal(pthread_create(&self->thread, NULL, s_play, self), 0);
}

void
fake_broker_stop(fake_broker_t *self)
{
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
    wire_close(&self->router, 0);
}
