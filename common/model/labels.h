/* Label files: one label a line, in the order of the outputs. */
#ifndef CONVOY_COMMON_MODEL_LABELS_H
#define CONVOY_COMMON_MODEL_LABELS_H

#include <stddef.h>

#include "common/fault.h"

/* The lines of a UTF-8 text file, without their ends; a last empty line is
 * none. -1 with FAULT_INPUT naming file and line. */
int labels_read(const char *path, char ***labels, size_t *count,
                fault_t *fault);
void labels_release(char **labels, size_t count);

#endif
