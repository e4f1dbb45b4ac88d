/* Group set-up and teardown of tests that use sockets. */
#ifndef CONVOY_TESTS_SUPPORT_SOCKETS_H
#define CONVOY_TESTS_SUPPORT_SOCKETS_H

int sockets_start(void **state);
int sockets_stop(void **state);

#endif
