/* A worker's service: what it says while it has no session. */
#include "tests/support/tests.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/service.h"

/* What a service says in its first three seconds and later, if calling goes on
 * for the reason of `fault`. */
static char *
s_said(const fault_t *fault)
{
    service_t service;
    memset(&service, 0, sizeof service);
    uplink_init(&service.uplink, "tcp://127.0.0.1:1", "test", 0, "w1", 0);
    membership_t *membership = &service.uplink.membership;
    membership->wake_ms = INT64_MAX; /* no socket */
    membership->fault = *fault;

    int saved = dup(STDERR_FILENO);
    int file = open("said", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(file, STDERR_FILENO);
    for (int64_t now = 0; now < 9000; now += 500)
        service_work(&service, now);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    uplink_release(&service.uplink);

    size_t size;
    char *bytes = tests_read("said", &size);
    char *text = calloc(1, size + 1);
    if (bytes)
        memcpy(text, bytes, size);
    free(bytes);
    return text;
}

static void
a_worker_says_once_that_it_waits_for_a_broker(void **state)
{
    (void)state;
    fault_t fault = {0};
    char *text = s_said(&fault);
    char *at = strstr(text, "waiting for a broker at tcp://127.0.0.1:1");
    assert_non_null(at);
    assert_null(strstr(at + 1, "waiting"));
    free(text);
}

static void
a_worker_that_was_refused_does_not_say_that_nobody_is_there(void **state)
{
    (void)state;
    fault_t fault;
    fault_set(&fault, FAULT_REJECT_FULL, "a worker named w1 is already here");
    char *text = s_said(&fault);
    assert_null(strstr(text, "waiting for a broker"));
    assert_non_null(strstr(text, "has refused so far; trying again"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_says_once_that_it_waits_for_a_broker),
        cmocka_unit_test(
            a_worker_that_was_refused_does_not_say_that_nobody_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
