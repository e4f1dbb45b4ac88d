/* Messages over real sockets on loopback; every wait is bounded. */
#include "tests/support/tests.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "common/wire.h"

enum { WAIT_MS = 5000 };

typedef struct pair {
    zsock_t *router;
    zsock_t *dealer;
    char endpoint[128];
} pair_t;

static int
s_setup(void **state)
{
    static pair_t pair;
    fault_t fault;
    pair.router = wire_bind("tcp://127.0.0.1:0", 1 << 20, &fault);
    assert_non_null(pair.router);
    wire_bound(pair.router, pair.endpoint, sizeof pair.endpoint);
    pair.dealer = wire_connect(pair.endpoint, 1 << 20, &fault);
    assert_non_null(pair.dealer);
    *state = &pair;
    return 0;
}

static int
s_teardown(void **state)
{
    pair_t *pair = *state;
    wire_close(&pair->dealer, 0);
    wire_close(&pair->router, 0);
    return 0;
}

static bool
s_wait(zsock_t *socket, short events)
{
    zmq_pollitem_t item = {zsock_resolve(socket), 0, events, 0};
    return zmq_poll(&item, 1, WAIT_MS) == 1;
}

static wire_status_t
s_receive(zsock_t *socket, routing_t *routing, message_t *message,
          payload_t **payload, fault_t *fault)
{
    assert_true(s_wait(socket, ZMQ_POLLIN));
    return wire_receive(socket, routing, message, payload, fault);
}

static void
s_greet(pair_t *pair, routing_t *routing)
{
    message_t message;
    payload_t *payload;
    fault_t fault;
    message_init(&message, MESSAGE_BYE);
    assert_true(s_wait(pair->dealer, ZMQ_POLLOUT));
    assert_int_equal(wire_send(pair->dealer, NULL, &message, NULL), WIRE_OK);
    assert_int_equal(
        s_receive(pair->router, routing, &message, &payload, &fault), WIRE_OK);
    assert_int_equal(message.type, MESSAGE_BYE);
    assert_null(payload);
    assert_int_equal(routing->size, 5);
}

static void
frames_travel_both_ways_and_are_shared(void **state)
{
    pair_t *pair = *state;
    routing_t routing;
    message_t message;
    payload_t *payload = payload_new(NULL), *got, *shared;
    fault_t fault;
    s_greet(pair, &routing);
    assert_ok(payload_add_copy(payload, "abc", 3, &fault), &fault);
    memset(payload_add_room(payload, 100000, &fault), 7, 100000);
    assert_ok(payload_add_copy(payload, NULL, 0, &fault), &fault);
    assert_int_equal(payload_bytes(payload), 100003);
    shared = payload_share(payload, &fault);
    size_t size, again;
    assert_ptr_equal(payload_frame(payload, 1, &size),
                     payload_frame(shared, 1, &again));
    payload_destroy(&payload);

    for (int i = 0; i < 2; i++) {
        message_init(&message, MESSAGE_STATUS_REPLY);
        message.session = 42;
        message.present = key_bit(KEY_SESSION);
        assert_int_equal(wire_send(pair->router, &routing, &message, shared),
                         WIRE_OK);
        assert_int_equal(s_receive(pair->dealer, NULL, &message, &got, &fault),
                         WIRE_OK);
        assert_int_equal(message.session, 42);
        assert_int_equal(payload_count(got), 3);
        assert_memory_equal(payload_frame(got, 0, &size), "abc", 3);
        const char *frame = payload_frame(got, 1, &size);
        assert_int_equal(size, 100000);
        assert_int_equal(frame[99999], 7);
        payload_frame(got, 2, &size);
        assert_int_equal(size, 0);
        payload_destroy(&got);
    }
    payload_destroy(&shared);
    assert_int_equal(wire_receive(pair->dealer, NULL, &message, &got, &fault),
                     WIRE_EMPTY);
}

static void
a_seventeenth_frame_is_refused(void **state)
{
    (void)state;
    fault_t fault;
    payload_t *payload = payload_new(&fault);
    for (int i = 0; i < TENSORS_MAX; i++)
        assert_ok(payload_add_copy(payload, "x", 1, &fault), &fault);
    assert_int_equal(payload_add_copy(payload, "x", 1, &fault), -1);
    assert_int_equal(fault.code, FAULT_TOO_LARGE);
    payload_destroy(&payload);
}

/* Frames of any content straight to the router. */
static void
s_send_raw(zsock_t *socket, const uint8_t *header, size_t size, int frames)
{
    assert_true(s_wait(socket, ZMQ_POLLOUT));
    zmq_send(zsock_resolve(socket), header, size, frames ? ZMQ_SNDMORE : 0);
    for (int i = 1; i <= frames; i++)
        zmq_send(zsock_resolve(socket), "f", 1, i < frames ? ZMQ_SNDMORE : 0);
}

static void
malformed_messages_are_dropped_whole(void **state)
{
    pair_t *pair = *state;
    routing_t routing;
    message_t message;
    payload_t *payload;
    fault_t fault;
    const struct {
        uint8_t header[9];
        size_t size;
        int frames;
    } cases[] = {
        {{0}, 0, 0},
        {{'C', 'V'}, 2, 3},
        {{'X', 'V', 1, 5, 1, 0, 0, 0, 0x80}, 9, 0},
        {{'C', 'V', 1, 5, 1, 0, 2, 0, 0x80}, 9, 1},
        {{'C', 'V', 1, 5, 1, 0, 2, 0, 0x80}, 9, 3},
        {{'C', 'V', 1, 5, 1, 0, 0, 0, 0x80}, 9, 1},
        {{'C', 'V', 1, 5, 1, 0, 16, 0, 0x80}, 9, 17},
        {{'C', 'V', 1, 5, 1, 0, 16, 0, 0x80}, 9, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s_send_raw(pair->dealer, cases[i].header, cases[i].size,
                   cases[i].frames);
        assert_int_equal(
            s_receive(pair->router, &routing, &message, &payload, &fault),
            WIRE_MALFORMED);
        assert_null(payload);
        assert_int_equal(routing.size, 5);
        s_greet(pair, &routing);
    }
}

static void
a_peer_that_names_itself_gets_no_routing(void **state)
{
    pair_t *pair = *state;
    routing_t routing;
    message_t message;
    payload_t *payload;
    fault_t fault;
    zsock_t *named = zsock_new(ZMQ_DEALER);
    zsock_set_identity(named, "admin");
    zmq_connect(zsock_resolve(named), pair->endpoint);
    const uint8_t header[] = {'C', 'V', 1, 5, 1, 0, 0, 0, 0x80};
    s_send_raw(named, header, sizeof header, 0);
    assert_int_equal(
        s_receive(pair->router, &routing, &message, &payload, &fault),
        WIRE_MALFORMED);
    assert_int_equal(routing.size, 0);
    zsock_destroy(&named);
}

static void
sending_to_a_peer_that_left_says_gone(void **state)
{
    pair_t *pair = *state;
    routing_t routing;
    message_t message;
    s_greet(pair, &routing);
    wire_close(&pair->dealer, 0);
    message_init(&message, MESSAGE_BYE);
    wire_status_t status = WIRE_OK;
    for (int i = 0; i < WAIT_MS && status == WIRE_OK; i++) {
        status = wire_send(pair->router, &routing, &message, NULL);
        zmq_poll(NULL, 0, 1);
    }
    assert_int_equal(status, WIRE_GONE);
}

static void
a_peer_that_does_not_read_fills_up(void **state)
{
    pair_t *pair = *state;
    routing_t routing;
    message_t message;
    fault_t fault;
    s_greet(pair, &routing);
    payload_t *payload = payload_new(&fault);
    memset(payload_add_room(payload, 1 << 20, &fault), 1, 1 << 20);
    message_init(&message, MESSAGE_BYE);
    int sent = 0;
    while (sent < 200 &&
           wire_send(pair->router, &routing, &message, payload) == WIRE_OK)
        sent++;
    assert_in_range(sent, 1, 199);
    payload_destroy(&payload);
}

static void
without_a_broker_sending_is_full(void **state)
{
    (void)state;
    fault_t fault;
    message_t message;
    zsock_t *dealer = wire_connect("ipc://nobody", 0, &fault);
    message_init(&message, MESSAGE_BYE);
    assert_int_equal(wire_send(dealer, NULL, &message, NULL), WIRE_FULL);
    wire_close(&dealer, 0);
}

static void
a_port_in_use_is_named(void **state)
{
    pair_t *pair = *state;
    fault_t fault;
    assert_null(wire_bind(pair->endpoint, 0, &fault));
    assert_int_equal(fault.code, FAULT_CONFIG);
    assert_non_null(strstr(fault.text, pair->endpoint));
    assert_non_null(strstr(fault.text, "in use"));
}

static void
a_file_at_an_ipc_path_is_not_deleted(void **state)
{
    (void)state;
    fault_t fault;
    struct stat status;
    tests_write("precious", "x", 1);
    assert_null(wire_bind("ipc://precious", 0, &fault));
    assert_int_equal(stat("precious", &status), 0);

    zsock_t *first = wire_bind("ipc://socket", 0, &fault);
    assert_non_null(first);
    assert_null(wire_bind("ipc://socket", 0, &fault));
    wire_close(&first, 0);
}

static void
a_socket_left_by_a_dead_broker_is_replaced(void **state)
{
    (void)state;
    fault_t fault;
    struct sockaddr_un address = {AF_UNIX, "stale"};
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address),
                     0);
    close(stale);
    zsock_t *router = wire_bind("ipc://stale", 0, &fault);
    assert_non_null(router);
    wire_close(&router, 0);
}

static void
zsys_variables_are_cleared(void **state)
{
    (void)state;
    setenv("ZSYS_SNDHWM", "1", 1);
    setenv("ZSYS_LINGER", "99999", 1);
    setenv("CONVOY_KEPT", "1", 1);
    wire_start();
    assert_null(getenv("ZSYS_SNDHWM"));
    assert_null(getenv("ZSYS_LINGER"));
    assert_non_null(getenv("CONVOY_KEPT"));
}

#define WITH_PAIR(test)                                                        \
    cmocka_unit_test_setup_teardown(test, s_setup, s_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zsys_variables_are_cleared),
        WITH_PAIR(frames_travel_both_ways_and_are_shared),
        cmocka_unit_test(a_seventeenth_frame_is_refused),
        WITH_PAIR(malformed_messages_are_dropped_whole),
        WITH_PAIR(a_peer_that_names_itself_gets_no_routing),
        WITH_PAIR(sending_to_a_peer_that_left_says_gone),
        WITH_PAIR(a_peer_that_does_not_read_fills_up),
        cmocka_unit_test(without_a_broker_sending_is_full),
        WITH_PAIR(a_port_in_use_is_named),
        cmocka_unit_test(a_file_at_an_ipc_path_is_not_deleted),
        cmocka_unit_test(a_socket_left_by_a_dead_broker_is_replaced),
    };
    wire_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wire_stop();
    return failed;
}
