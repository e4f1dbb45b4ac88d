/* Endpoints: parsing, and the fence around loopback. */
#include "common/endpoint.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum {
    PORT_MAX = 65535,
    HOST_MAX = 64,
    IPC_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1,
};

static int
s_bad(fault_t *fault, const char *endpoint, const char *why)
{
    return fault_set(fault, FAULT_CONFIG, "endpoint %s: %s", endpoint, why);
}

static int
s_write(char *text, size_t size, const char *endpoint, fault_t *fault,
        const char *head, const char *host, int port)
{
    int wrote = port < 0 ? snprintf(text, size, "%s%s", head, host)
                         : snprintf(text, size, "%s%s:%d", head, host, port);
    if (wrote < 0 || (size_t)wrote >= size)
        return s_bad(fault, endpoint, "too long");
    return 0;
}

/* "5570", "*" or nothing; -1 for what is no port. */
static int
s_port(const char *text, int default_port)
{
    if (*text == '\0')
        return default_port;
    if (strcmp(text, "*") == 0)
        return 0;
    if (strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
        return -1;
    int port = atoi(text);
    return port > PORT_MAX ? -1 : port;
}

/* 127.0.0.0/8, [::1] or the word localhost; host becomes what to connect to. */
static bool
s_is_loopback(char host[HOST_MAX])
{
    struct in_addr v4;
    struct in6_addr v6;
    size_t length = strlen(host);
    if (strcmp(host, "localhost") == 0) {
        snprintf(host, HOST_MAX, "127.0.0.1");
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (host[0] != '[' || host[length - 1] != ']')
        return false;
    char inner[HOST_MAX];
    snprintf(inner, sizeof inner, "%.*s", (int)length - 2, host + 1);
    return inet_pton(AF_INET6, inner, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int
s_parse_tcp(const char *endpoint, int default_port, char *text, size_t size,
            fault_t *fault)
{
    const char *rest = endpoint + strlen("tcp://");
    const char *bracket = rest[0] == '[' ? strchr(rest, ']') : NULL;
    const char *colon = strchr(bracket ? bracket : rest, ':');
    size_t length = colon ? (size_t)(colon - rest) : strlen(rest);
    char host[HOST_MAX];
    if (length == 0 || length >= sizeof host)
        return s_bad(fault, endpoint, "there is no host in it");
    memcpy(host, rest, length);
    host[length] = '\0';

    if (colon && colon[1] == '\0')
        return s_bad(fault, endpoint, "there is no port behind the colon");
    int port = s_port(colon ? colon + 1 : "", default_port);
    if (port < 0)
        return s_bad(fault, endpoint, "the port is not a number up to 65535");
    if (!s_is_loopback(host))
        return s_bad(fault, endpoint,
                     "not on loopback, and encryption does not exist yet in "
                     "this version: use tcp://127.0.0.1, localhost or ipc://");
    return s_write(text, size, endpoint, fault, "tcp://", host, port);
}

int
endpoint_parse(const char *endpoint, int default_port, char *text, size_t size,
               fault_t *fault)
{
    if (strncmp(endpoint, "tcp://", 6) == 0)
        return s_parse_tcp(endpoint, default_port, text, size, fault);
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return s_bad(fault, endpoint,
                     "an endpoint is tcp://HOST[:PORT] or ipc://PATH");
    const char *path = endpoint + 6;
    /* '@' would be an abstract name, which no file mode protects. */
    if (path[0] == '\0' || path[0] == '@' || path[0] == '*')
        return s_bad(fault, endpoint, "there is no file path in it");
    if (strlen(path) > IPC_PATH_MAX)
        return s_bad(fault, endpoint, "the path is too long for a socket");
    return s_write(text, size, endpoint, fault, "ipc://", path, -1);
}
