/* One operator on small tensors, through shape inference and evaluation: for
 * tests that know what must come out. */
#ifndef CONVOY_TESTS_SUPPORT_EVALUATE_H
#define CONVOY_TESTS_SUPPORT_EVALUATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/tensor.h"

enum { EVALUATE_OUTPUTS_MAX = 4, EVALUATE_BYTES_MAX = 1 << 18 };

/* Where a node's outputs are after evaluate(). */
typedef struct evaluated {
    dtype_t dtype;
    shape_t shape;
    _Alignas(8) char data[EVALUATE_BYTES_MAX];
} evaluated_t;

extern evaluated_t evaluated[EVALUATE_OUTPUTS_MAX];

/* Every dtype there is. */
extern const dtype_t evaluate_dtypes[10];

#define SHAPE(...)                                                             \
    (&(shape_t){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),            \
                {__VA_ARGS__}})
#define SCALAR (&(shape_t){.rank = 0})

/* A new node of `outputs` outputs; it ends the one before. */
void evaluate_op(const char *op, int outputs);
void evaluate_end(void);

/* evaluate_end as the teardown of a group of tests. */
int evaluate_teardown(void **state);

/* Its next input: constant elements, a list or a single of int64, numbers
 * 0, 1, 2, ... of any dtype (bool: is not 0), or none. */
void evaluate_input(dtype_t dtype, const shape_t *shape, const void *elements);
void evaluate_list(int count, const int64_t *numbers);
void evaluate_count_up(dtype_t dtype, const shape_t *shape);
void evaluate_absent(void);

/* A constant input of these numbers, repeated as often as needed; the same for
 * an input that only a run knows. */
void evaluate_numbers(dtype_t dtype, const shape_t *shape,
                      const double *numbers, size_t count);
void evaluate_computed(dtype_t dtype, const shape_t *shape,
                       const double *numbers, size_t count);

#define NUMBERS(...)                                                           \
    (const double[]){__VA_ARGS__},                                             \
        sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

/* An input as the node gets it. */
const tensor_t *evaluate_operand(int input);

#define LIST(...)                                                              \
    evaluate_list(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),          \
                  (int64_t[]){__VA_ARGS__})

/* Its attributes. */
void evaluate_int(const char *name, int64_t value);
void evaluate_ints(const char *name, int count, const int64_t *values);
void evaluate_float(const char *name, float value);
void evaluate_text(const char *name, const char *value);
void evaluate_tensor(const char *name, dtype_t dtype, const void *element);

/* Infer and run; a fault fails the test. */
void evaluate(void);

/* Infer and run; the test fails unless that ends in a fault that says this. */
void evaluate_refuses(const char *part);

/* Infer and run: NULL, or what the fault says. */
const char *evaluate_attempt(void);

/* Element i of an output. */
double evaluate_element(int output, size_t i);

/* Compare output 0 with a dtype, a shape and elements of that dtype. */
void evaluate_expect(dtype_t dtype, const shape_t *shape, const void *elements);

/* The same for numbers, as many as the output has. */
void evaluate_expect_numbers(dtype_t dtype, const shape_t *shape,
                             const double *numbers, size_t count);

/* The same where the elements are those of a count-up input at these places;
 * -1 stands for zero. */
void evaluate_expect_places(dtype_t dtype, const shape_t *shape,
                            const int64_t *places);

#endif
