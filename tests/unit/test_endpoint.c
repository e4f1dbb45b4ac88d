/* Endpoints as people write them. */
#include "tests/support/tests.h"

#include <string.h>

#include "common/endpoint.h"

static void
endpoints_on_loopback_become_canonical(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"tcp://127.0.0.1", "tcp://127.0.0.1:5570"},
        {"tcp://127.0.0.1:6000", "tcp://127.0.0.1:6000"},
        {"tcp://127.8.9.1:0", "tcp://127.8.9.1:0"},
        {"tcp://127.0.0.1:*", "tcp://127.0.0.1:0"},
        {"tcp://localhost", "tcp://127.0.0.1:5570"},
        {"tcp://localhost:65535", "tcp://127.0.0.1:65535"},
        {"tcp://[::1]", "tcp://[::1]:5570"},
        {"tcp://[::1]:1", "tcp://[::1]:1"},
        {"ipc:///run/convoy/clients", "ipc:///run/convoy/clients"},
        {"ipc://here.sock", "ipc://here.sock"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[ENDPOINT_MAX];
        fault_t fault;
        assert_ok(endpoint_parse(cases[i][0], 5570, text, sizeof text, &fault),
                  &fault);
        assert_string_equal(text, cases[i][1]);
    }
}

static void
everything_else_is_refused_by_name(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"tcp://10.0.0.5", "encryption does not exist yet"},
        {"tcp://0.0.0.0:5570", "encryption does not exist yet"},
        {"tcp://*:5570", "encryption does not exist yet"},
        {"tcp://example.org", "encryption does not exist yet"},
        {"tcp://[::ffff:127.0.0.1]:1", "encryption does not exist yet"},
        {"tcp://[::]:1", "encryption does not exist yet"},
        {"tcp://128.0.0.1", "encryption does not exist yet"},
        {"tcp://127.0.0.1.evil", "encryption does not exist yet"},
        {"tcp://[::1", "port"},
        {"tcp://[]:1", "encryption does not exist yet"},
        {"tcp://", "no host"},
        {"tcp://:5570", "no host"},
        {"tcp://127.0.0.1:", "no port"},
        {"tcp://127.0.0.1:65536", "port"},
        {"tcp://127.0.0.1:-1", "port"},
        {"tcp://127.0.0.1:1x", "port"},
        {"tcp://127.0.0.1:000001", "port"},
        {"127.0.0.1:5570", "tcp://HOST"},
        {"", "tcp://HOST"},
        {"udp://127.0.0.1", "tcp://HOST"},
        {"ipc://", "file path"},
        {"ipc://@abstract", "file path"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[ENDPOINT_MAX];
        fault_t fault = {0};
        assert_int_equal(
            endpoint_parse(cases[i][0], 5570, text, sizeof text, &fault), -1);
        assert_int_equal(fault.code, FAULT_CONFIG);
        if (!strstr(fault.text, cases[i][1]) ||
            !strstr(fault.text, cases[i][0]))
            fail_msg("%s: %s", cases[i][0], fault.text);
    }
}

static void
a_path_too_long_for_a_socket_is_refused(void **state)
{
    (void)state;
    char endpoint[300] = "ipc:///", text[ENDPOINT_MAX];
    fault_t fault;
    memset(endpoint + 7, 'x', 200);
    assert_int_equal(endpoint_parse(endpoint, 1, text, sizeof text, &fault),
                     -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_on_loopback_become_canonical),
        cmocka_unit_test(everything_else_is_refused_by_name),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
