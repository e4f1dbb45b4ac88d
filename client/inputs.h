/* The pictures that the operands of --image mean: files as they are, a folder
 * as its *.png, *.jpg and *.jpeg in name order, "-" as standard input.
 */
#ifndef CONVOY_CLIENT_INPUTS_H
#define CONVOY_CLIENT_INPUTS_H

#include <stddef.h>

#include "common/fault.h"

enum { INPUTS_MAX = 10 * 1000 * 1000 };

typedef struct inputs {
    char **paths; /* owned */
    size_t count;
    size_t capacity;
} inputs_t;

/* -1 with FAULT_INPUT: a folder without pictures, one that cannot be read;
 * FAULT_USAGE: "-" twice; nothing to release then. A file that does not exist
 * is not noticed here. */
int inputs_init(inputs_t *self, const char *const *operands, size_t count,
                fault_t *fault);
void inputs_release(inputs_t *self);

#endif
