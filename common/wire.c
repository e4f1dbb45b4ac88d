/* Messages over ZeroMQ sockets: options, sending and receiving without
 * waiting, shared frames. */
#include "common/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "common/endpoint.h"
#include "common/mem.h"

/* --- sockets --- */

typedef struct wire_option {
    int option;
    int value;
} wire_option_t;

/* ZMTP heartbeats stay off: with a full queue they cut the link and lose
 * messages. docs/protocol.md gives the reason of each value. */
static const wire_option_t common_options[] = {
    {ZMQ_SNDTIMEO, 0},
    {ZMQ_SNDHWM, WIRE_SEND_QUEUE},
    {ZMQ_RCVHWM, WIRE_RECEIVE_QUEUE},
    {ZMQ_HANDSHAKE_IVL, 3000},
    {ZMQ_LINGER, 0},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 30},
    {ZMQ_TCP_KEEPALIVE_INTVL, 10},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_TCP_MAXRT, 30000},
    {ZMQ_HEARTBEAT_IVL, 0},
};

static const wire_option_t router_options[] = {
    {ZMQ_ROUTER_MANDATORY, 1},
    {ZMQ_ROUTER_HANDOVER, 0},
};

static const wire_option_t dealer_options[] = {
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_RECONNECT_IVL, 250},
    {ZMQ_RECONNECT_IVL_MAX, 8000},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int
s_set_options(void *handle, const wire_option_t *options, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        failed |= zmq_setsockopt(handle, options[i].option, &options[i].value,
                                 sizeof options[i].value);
    return failed;
}

static zsock_t *
s_socket(int type, const char *endpoint, size_t frame_bytes_max, fault_t *fault)
{
    zsock_t *socket = zsock_new(type);
    if (!socket)
        return fault_null(fault, FAULT_SYSTEM, "%s: no socket: %s", endpoint,
                          zmq_strerror(errno));
    void *handle = zsock_resolve(socket);
    int64_t frame_max = PROTO_INFO_MAX;
    if (frame_bytes_max > PROTO_INFO_MAX)
        frame_max = (int64_t)frame_bytes_max;
    frame_max += WIRE_OVERHEAD;
    int ipv6 = strchr(endpoint, '[') != NULL;
    int failed = s_set_options(handle, common_options, COUNT(common_options));
    failed |=
        type == ZMQ_ROUTER
            ? s_set_options(handle, router_options, COUNT(router_options))
            : s_set_options(handle, dealer_options, COUNT(dealer_options));
    failed |= zmq_setsockopt(handle, ZMQ_IPV6, &ipv6, sizeof ipv6);
    failed |=
        zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max);
    if (failed) {
        zsock_destroy(&socket);
        return fault_null(fault, FAULT_SYSTEM,
                          "%s: libzmq refuses an option: %s", endpoint,
                          zmq_strerror(errno));
    }
    return socket;
}

/* libzmq unlinks whatever lies at an ipc path before it binds: keep it from
 * deleting a file or taking a living broker's socket. */
static int
s_check_ipc(const char *endpoint, fault_t *fault)
{
    const char *path = endpoint + strlen("ipc://");
    struct stat status;
    if (lstat(path, &status))
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return fault_set(fault, FAULT_CONFIG,
                         "%s: there is a file that is no socket", endpoint);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int answered = probe >= 0 && connect(probe, (struct sockaddr *)&address,
                                         sizeof address) == 0;
    if (probe >= 0)
        close(probe);
    if (answered)
        return fault_set(fault, FAULT_CONFIG, "%s: already in use", endpoint);
    return 0;
}

zsock_t *
wire_bind(const char *endpoint, size_t frame_bytes_max, fault_t *fault)
{
    if (strncmp(endpoint, "ipc://", 6) == 0 && s_check_ipc(endpoint, fault))
        return NULL;
    zsock_t *socket = s_socket(ZMQ_ROUTER, endpoint, frame_bytes_max, fault);
    if (socket && zmq_bind(zsock_resolve(socket), endpoint)) {
        fault_set(fault, FAULT_CONFIG, "%s: %s", endpoint,
                  errno == EADDRINUSE ? "the port is already in use"
                                      : zmq_strerror(errno));
        zsock_destroy(&socket);
    }
    return socket;
}

zsock_t *
wire_connect(const char *endpoint, size_t frame_bytes_max, fault_t *fault)
{
    zsock_t *socket = s_socket(ZMQ_DEALER, endpoint, frame_bytes_max, fault);
    if (socket && zmq_connect(zsock_resolve(socket), endpoint)) {
        fault_set(fault, FAULT_CONFIG, "%s: cannot connect: %s", endpoint,
                  zmq_strerror(errno));
        zsock_destroy(&socket);
    }
    return socket;
}

const char *
wire_bound(zsock_t *socket, char *text, size_t size)
{
    size_t wrote = size;
    text[0] = '\0';
    zmq_getsockopt(zsock_resolve(socket), ZMQ_LAST_ENDPOINT, text, &wrote);
    return text;
}

void
wire_close(zsock_t **socket, int linger_ms)
{
    if (*socket)
        zmq_setsockopt(zsock_resolve(*socket), ZMQ_LINGER, &linger_ms,
                       sizeof linger_ms);
    zsock_destroy(socket);
}

int
wire_endpoint(const char *endpoint, int default_port, char *text, size_t size,
              fault_t *fault)
{
    return endpoint_parse(endpoint, default_port, text, size, fault);
}

/* ZSYS_* variables would change queue lengths and message sizes behind our
 * back. */
static void
s_clear_environment(void)
{
    for (char **entry = environ; *entry;) {
        const char *equals = strchr(*entry, '=');
        char name[64];
        size_t length = equals ? (size_t)(equals - *entry) : 0;
        if (strncmp(*entry, "ZSYS_", 5) || length >= sizeof name) {
            entry++;
            continue;
        }
        memcpy(name, *entry, length);
        name[length] = '\0';
        unsetenv(name);
        entry = environ;
    }
}

int
wire_allow_files(uint64_t needed, fault_t *fault)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return 0;
    uint64_t allowed = limit.rlim_max;
    limit.rlim_cur = needed;
    if (allowed >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return 0;
    return fault_set(fault, FAULT_SYSTEM,
                     "%llu open files are needed, %llu are allowed (ulimit -n)",
                     (unsigned long long)needed, (unsigned long long)allowed);
}

void
wire_start(void)
{
    s_clear_environment();
    zsys_handler_set(NULL);
    zsys_init();
}

void
wire_stop(void)
{
    zsys_shutdown();
}

/* --- receiving --- */

/* One frame without waiting; WIRE_OK and a frame to close, or why not. */
static wire_status_t
s_receive_frame(void *handle, zmq_msg_t *frame)
{
    zmq_msg_init(frame);
    int received;
    do {
        received = zmq_msg_recv(frame, handle, ZMQ_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    if (received >= 0)
        return WIRE_OK;
    wire_status_t status = errno == EAGAIN ? WIRE_EMPTY : WIRE_CLOSED;
    zmq_msg_close(frame);
    return status;
}

/* Throw away what is left of a message, a frame at a time. */
static void
s_drop_rest(void *handle, bool more)
{
    while (more) {
        zmq_msg_t frame;
        if (s_receive_frame(handle, &frame) != WIRE_OK)
            return;
        more = zmq_msg_more(&frame) != 0;
        zmq_msg_close(&frame);
    }
}

static wire_status_t
s_malformed(void *handle, bool more)
{
    s_drop_rest(handle, more);
    return WIRE_MALFORMED;
}

/* ROUTER names its peers with five bytes, the first of them 0; a peer that
 * chose its own name gets no routing, and so no answer. */
static wire_status_t
s_receive_routing(void *handle, routing_t *routing, fault_t *fault)
{
    zmq_msg_t frame;
    routing->size = 0;
    wire_status_t status = s_receive_frame(handle, &frame);
    if (status != WIRE_OK)
        return status;
    size_t size = zmq_msg_size(&frame);
    const uint8_t *bytes = zmq_msg_data(&frame);
    bool more = zmq_msg_more(&frame) != 0;
    bool ours = size == 5 && bytes[0] == 0;
    if (ours) {
        memcpy(routing->bytes, bytes, size);
        routing->size = (uint8_t)size;
    }
    zmq_msg_close(&frame);
    if (ours && more)
        return WIRE_OK;
    fault_set(fault, FAULT_BAD_FRAME,
              ours ? "a message without frames" : "a routing id of its own");
    return s_malformed(handle, more);
}

/* The frames behind a header, as many as it announced. */
static wire_status_t
s_receive_payload(void *handle, bool more, size_t announced,
                  payload_t **payload, fault_t *fault)
{
    *payload = more ? payload_new(fault) : NULL;
    if (more && !*payload)
        return s_malformed(handle, more);
    size_t count = 0;
    while (more && count < announced) {
        zmq_msg_t *frame = payload_add_message(*payload);
        wire_status_t status = s_receive_frame(handle, frame);
        if (status != WIRE_OK)
            return status;
        more = zmq_msg_more(frame) != 0;
        count++;
    }
    if (!more && count == announced)
        return WIRE_OK;
    fault_set(fault, FAULT_BAD_FRAME,
              "%zu frames are announced, %s follow the header", announced,
              more ? "more" : "fewer");
    return s_malformed(handle, more);
}

wire_status_t
wire_receive(zsock_t *socket, routing_t *routing, message_t *message,
             payload_t **payload, fault_t *fault)
{
    void *handle = zsock_resolve(socket);
    wire_status_t status;
    *payload = NULL;
    if (routing && (status = s_receive_routing(handle, routing, fault)))
        return status;
    zmq_msg_t header;
    if ((status = s_receive_frame(handle, &header)))
        return status;
    bool more = zmq_msg_more(&header) != 0;
    int failed = message_decode(message, zmq_msg_data(&header),
                                zmq_msg_size(&header), fault);
    zmq_msg_close(&header);
    if (failed)
        return s_malformed(handle, more);
    status =
        s_receive_payload(handle, more, message->frames_count, payload, fault);
    if (status != WIRE_OK)
        payload_destroy(payload);
    return status;
}

/* --- sending --- */

static int
s_send_frame(void *handle, zmq_msg_t *frame, bool more)
{
    int sent;
    do {
        sent = zmq_msg_send(frame, handle,
                            ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        int error = errno;
        zmq_msg_close(frame);
        errno = error;
    }
    return sent < 0 ? -1 : 0;
}

static int
s_send_bytes(void *handle, const void *bytes, size_t size, bool more)
{
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size))
        return -1;
    memcpy(zmq_msg_data(&frame), bytes, size);
    return s_send_frame(handle, &frame, more);
}

static wire_status_t
s_refusal(void)
{
    return errno == EHOSTUNREACH                ? WIRE_GONE
           : errno == EAGAIN || errno == ENOMEM ? WIRE_FULL
                                                : WIRE_CLOSED;
}

wire_status_t
wire_send(zsock_t *socket, const routing_t *routing, message_t *message,
          const payload_t *payload)
{
    void *handle = zsock_resolve(socket);
    size_t count = payload ? payload_count(payload) : 0;
    uint8_t header[PROTO_HEADER_MAX];
    message->frames_count = (uint8_t)count;
    size_t header_bytes = message_encode(message, header, NULL);
    assert(header_bytes);

    /* The first frame decides whether there is room; later ones fail only
     * where the connection just died. Then the rest must be pushed on all the
     * same, or libzmq would take the next message for its continuation. */
    int failed = 0;
    if (routing) {
        if (s_send_bytes(handle, routing->bytes, routing->size, true))
            return s_refusal();
        failed |= s_send_bytes(handle, header, header_bytes, count > 0);
    } else if (s_send_bytes(handle, header, header_bytes, count > 0)) {
        return s_refusal();
    }
    for (size_t i = 0; i < count; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        zmq_msg_copy(&frame, payload_message(payload, i));
        failed |= s_send_frame(handle, &frame, i + 1 < count);
    }
    return failed ? WIRE_GONE : WIRE_OK;
}
