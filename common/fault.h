/* One description of what went wrong: a code and a bounded sentence.
 *
 * Convoy knows two kinds of errors. A mistake of ours is an assert, kept in
 * release builds. A mistake of the world (a peer, a file, a user) is a fault:
 * the function returns -1 or NULL and fills the fault_t passed last. The codes
 * below 700 travel on the wire (protocol key 9), so a client sees what the
 * worker saw; the codes from 700 on never leave the process.
 */
#ifndef CONVOY_COMMON_FAULT_H
#define CONVOY_COMMON_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum { FAULT_TEXT_MAX = 256 }; /* bytes of text, not counting the NUL */

typedef enum fault_code {
    FAULT_NONE = 0,

    /* 1xx: this attempt failed, another worker may succeed. */
    FAULT_WORKER_LOST = 101,
    FAULT_STALLED = 102,
    FAULT_OOM = 103,
    FAULT_CHECKSUM = 104,
    FAULT_INTERNAL = 105,

    /* 2xx: this job can never succeed. */
    FAULT_BAD_SHAPE = 201,
    FAULT_BAD_DTYPE = 202,
    FAULT_DIGEST = 203,
    FAULT_BAD_FRAME = 204,
    FAULT_UNSUPPORTED = 205,
    FAULT_TOO_LARGE = 206,
    FAULT_BAD_VALUE = 207,

    /* 3xx: how the broker ended a job. */
    FAULT_DEADLINE = 301,
    FAULT_CANCELLED = 302,
    FAULT_POISON = 303,
    FAULT_ATTEMPTS = 304,
    FAULT_NO_WORKER = 305,
    FAULT_SHUTDOWN = 306,

    /* 4xx: policy. */
    FAULT_AUTH = 401,
    FAULT_OWNER = 402,
    FAULT_QUOTA = 403,
    FAULT_SLOW_CLIENT = 404,

    /* 5xx: the reasons of BUSY; the job was not accepted, try again. */
    FAULT_BUSY_MEMORY = 501,
    FAULT_BUSY_QUEUE = 502,
    FAULT_BUSY_WINDOW = 503,
    FAULT_BUSY_NO_WORKER = 504,
    FAULT_BUSY_DRAINING = 505,

    /* 6xx: the reasons of REJECT; this session is refused. */
    FAULT_REJECT_VERSION = 601,
    FAULT_REJECT_DIGEST = 602,
    FAULT_REJECT_PART = 603,
    FAULT_REJECT_AUTH = 604,
    FAULT_REJECT_FULL = 605,
    FAULT_REJECT_BANNED = 606,
    FAULT_REJECT_DRAINING = 607,

    /* 7xx: local to a process. */
    FAULT_USAGE = 701,     /* command line */
    FAULT_INPUT = 702,     /* model, weights, image or tensor */
    FAULT_CONFIG = 703,    /* config file, key, endpoint, port */
    FAULT_NO_BROKER = 704, /* nobody answered */
    FAULT_TIMEOUT = 705,   /* still BUSY, or drain not finished in time */
    FAULT_SYSTEM = 706,    /* a system call failed */
    FAULT_MEMORY = 707,    /* an allocation failed or a limit was met */
} fault_code_t;

typedef struct fault {
    fault_code_t code;
    char text[FAULT_TEXT_MAX + 1]; /* one sentence, printable, no newline */
} fault_t;

/* Fill fault (NULL is allowed) and return -1, so that a failing function ends
 * in `return fault_set(fault, code, "...")`. Bytes of the text that are not
 * printable become '?', and a text that is too long is cut. */
int fault_set(fault_t *fault, fault_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for functions that return a pointer. */
#define fault_null(...) ((void)fault_set(__VA_ARGS__), NULL)

/* Put "context: " in front of the text, for a caller that knows more (the
 * name of the file, say). Returns -1. */
int fault_prefix(fault_t *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget what was filled in. */
void fault_clear(fault_t *fault);

/* The name of a code as JSON and logs show it, "DEADLINE"; for codes without
 * a name "UNKNOWN". BUSY and REJECT reasons drop their prefix: "MEMORY". */
const char *fault_name(fault_code_t code);

/* What a peer's code (protocol key 9) means: INTERNAL where it is 0 or one
 * that never leaves a process. */
fault_code_t fault_from_wire(uint16_t code);

/* True for 1xx: the broker tries the job again elsewhere. */
bool fault_is_retriable(fault_code_t code);

/* The exit status of the contract: 0, 1, 64, 65, 69, 75, 77, 78. */
int fault_exit_status(fault_code_t code);

#endif
