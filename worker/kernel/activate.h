/* Functions of one element: activations and the like. */
#ifndef CONVOY_WORKER_KERNEL_ACTIVATE_H
#define CONVOY_WORKER_KERNEL_ACTIVATE_H

#include <stddef.h>

typedef enum activation_kind {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_CLIP,       /* min(max(x, alpha), beta) */
    ACTIVATION_LEAKY_RELU, /* x < 0 ? alpha x : x */
    ACTIVATION_SIGMOID,    /* 1 / (1 + exp(-x)) */
    ACTIVATION_TANH,
    ACTIVATION_ERF,
    ACTIVATION_SILU,      /* x sigmoid(x) */
    ACTIVATION_GELU,      /* x (1 + erf(x / sqrt 2)) / 2 */
    ACTIVATION_GELU_TANH, /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */
    ACTIVATION_HARD_SIGMOID, /* min(max(alpha x + beta, 0), 1) */
    ACTIVATION_HARD_SWISH,   /* x min(max(x / 6 + 1/2, 0), 1) */
    ACTIVATION_ELU,          /* x < 0 ? alpha (exp(x) - 1) : x */
    ACTIVATION_SELU,         /* beta elu(x) */
    ACTIVATION_CELU,         /* x < 0 ? alpha (exp(x / alpha) - 1) : x */
    ACTIVATION_SOFTPLUS,     /* log(1 + exp(x)) */
    ACTIVATION_MISH,         /* x tanh(softplus(x)) */
    ACTIVATION_EXP,
    ACTIVATION_LOG,
    ACTIVATION_FLOOR,
    ACTIVATION_CEIL,
    ACTIVATION_SQRT,
    ACTIVATION_NEGATE,
    ACTIVATION_ABS,
    ACTIVATION_RECIPROCAL,
    ACTIVATIONS
} activation_kind_t;

typedef struct activation {
    activation_kind_t kind;
    float alpha;
    float beta;
} activation_t;

/* y[i] = f(x[i]) for count elements; y may be x. A NaN stays a NaN. */
void activate(const activation_t *f, float *y, const float *x, size_t count);

/* y[i] = f(y[i] + bias + residual[i]), the end of a convolution's row;
 * residual may be NULL. */
void activate_row(const activation_t *f, float *y, float bias,
                  const float *residual, size_t count);

/* y[i] = f(y[i] + bias[i] + residual[i]), the end of a matrix product's row;
 * residual may be NULL. */
void activate_column(const activation_t *f, float *y, const float *bias,
                     const float *residual, size_t count);

#endif
