/* Which .npy file belongs to which tensor of a network: "[NAME=]FILE" by name
 * or by position, and what the files of the inputs hold.
 */
#ifndef CONVOY_COMMON_BINDING_H
#define CONVOY_COMMON_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

typedef struct binding {
    const tensor_spec_t *spec; /* borrowed */
    const char *path;          /* borrowed */
    bool named;                /* by NAME=, not by position */
    tensor_t tensor;
    int64_t rows; /* of an input that was read: how many of its spec */
    bool bare;    /* the only row came without its batch axis */
} binding_t;

/* In the order of the specs. */
typedef struct bindings {
    int count;
    binding_t items[TENSORS_MAX];
} bindings_t;

typedef enum binding_way {
    BINDING_INPUT,  /* --tensor: one for each spec */
    BINDING_OUTPUT, /* --output: different files for any of the specs */
} binding_way_t;

/* Match "[NAME=]FILE" texts with specs. What stands before '=' must be the
 * name of a spec, unless it holds a '/' or an input file has that whole name.
 * -1 with FAULT_USAGE where there are too many or too few or something is
 * given twice, FAULT_INPUT where there is no tensor of that name. */
int bindings_init(bindings_t *self, binding_way_t way, const char *const *texts,
                  size_t count, const tensor_spec_t *specs, int specs_count,
                  fault_t *fault);

/* Read the files of inputs, as the types of their specs (common/cast.h); a
 * tensor without its batch axis gets it. -1 with FAULT_INPUT naming the file
 * and both shapes or types. */
int bindings_read(bindings_t *self, fault_t *fault);

/* The number of rows that all of them hold (1 where there are none), and
 * whether it came bare. -1 with FAULT_INPUT naming two files that differ. */
int bindings_rows(const bindings_t *self, int64_t *rows, bool *bare,
                  fault_t *fault);

void bindings_release(bindings_t *self);

/* The shape of a spec with `rows` in place of the batch. */
shape_t binding_shape(const tensor_spec_t *spec, int64_t rows);

/* Write an output to its file, without its batch axis if it is bare: as the
 * inputs came. -1 with FAULT_INPUT naming the file. */
int binding_write(binding_t *self, bool bare, fault_t *fault);

#endif
