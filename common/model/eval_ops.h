/* Inside evaluation: one node at work, and the operators by family.
 *
 * Adding an operator: a function in the file of its family and a row in that
 * file's table. Shape inference went first, so ranks, shapes and dtypes fit;
 * numbers that it could not see are checked here.
 */
#ifndef CONVOY_COMMON_MODEL_EVAL_OPS_H
#define CONVOY_COMMON_MODEL_EVAL_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fault.h"
#include "common/model/eval.h"

/* The node at work. */
typedef struct evaluation {
    const node_t *node;
    const array_t *const *inputs;
    array_t *const *outputs;
    const void *detail; /* the row's */
    fault_t *fault;
} evaluation_t;

typedef int eval_fn(const evaluation_t *self);

typedef struct eval_row {
    const char *op;
    eval_fn *run;
    bool types_only;    /* no element of an input is looked at */
    const void *detail; /* what distinguishes rows of one function */
} eval_row_t;

/* The rows of each family; a row without an op ends a list. */
extern const eval_row_t eval_rows_make[];   /* from types and numbers alone */
extern const eval_row_t eval_rows_move[];   /* all elements, laid out anew */
extern const eval_row_t eval_rows_select[]; /* some elements */
extern const eval_row_t eval_rows_pad[];
extern const eval_row_t eval_rows_resize[];
extern const eval_row_t eval_rows_items[]; /* element by element */
extern const eval_row_t eval_rows_activate[];
extern const eval_row_t eval_rows_math[];
extern const eval_row_t eval_rows_reduce[];
extern const eval_row_t eval_rows_norm[];
extern const eval_row_t eval_rows_window[];

/* An input, or NULL where it is absent. */
const array_t *eval_input(const evaluation_t *self, int index);

/* An element of int64 or int32, and all of at most max; their number. */
int64_t eval_int(const array_t *list, int64_t index);
int eval_ints(const array_t *list, int64_t *values, int max);

/* FAULT_INPUT: "node 'NAME' (OP): sentence". Returns -1. */
int eval_fault(const evaluation_t *self, const char *sentence);

#endif
