/* Group set-up and teardown of tests that use sockets. */
#include "tests/support/sockets.h"

#include "common/wire.h"

int
sockets_start(void **state)
{
    (void)state;
    wire_start();
    return 0;
}

int
sockets_stop(void **state)
{
    (void)state;
    wire_stop();
    return 0;
}
