/* Which .npy file belongs to which tensor of the service: "[NAME=]FILE" by
 * name or by position, and what the files of the inputs hold.
 */
#ifndef CONVOY_CLIENT_BINDING_H
#define CONVOY_CLIENT_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/tensor.h"

typedef struct binding {
    const tensor_spec_t *spec; /* borrowed */
    const char *path;          /* borrowed */
    tensor_t tensor;
} binding_t;

/* Inputs: in the order of the specs once they are read. */
typedef struct bindings {
    int count;
    binding_t items[TENSORS_MAX];
} bindings_t;

typedef enum binding_way {
    BINDING_INPUT,  /* --tensor */
    BINDING_OUTPUT, /* --output */
} binding_way_t;

/* Match "[NAME=]FILE" texts with specs. What stands before '=' must be the
 * name of a spec, unless it holds a '/' or an input file has that whole name.
 * -1 with FAULT_USAGE where there are too many or a tensor is named twice,
 * FAULT_INPUT where there is no tensor of that name. */
int bindings_init(bindings_t *self, binding_way_t way, const char *const *texts,
                  size_t count, const tensor_spec_t *specs, int specs_count,
                  fault_t *fault);

/* Read the files of inputs. They hold the same number of rows: *rows; *bare
 * where the only row came without its batch axis. -1 with FAULT_INPUT naming
 * the file and both shapes or types. */
int bindings_read(bindings_t *self, int64_t *rows, bool *bare, fault_t *fault);

void bindings_release(bindings_t *self);

/* The shape of a spec with `rows` in place of the batch. */
shape_t binding_shape(const tensor_spec_t *spec, int64_t rows);

#endif
