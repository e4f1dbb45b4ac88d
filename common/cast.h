/* Elements of one type where another one is wanted, without surprises.
 *
 * NumPy makes float64 and int64 where nothing else is said, networks take
 * float32 and what they were exported with. So floating-point types stand for
 * each other and integers stand for each other; anything else (a picture's
 * bytes for a normalised input, say) is more likely the wrong file.
 */
#ifndef CONVOY_COMMON_CAST_H
#define CONVOY_COMMON_CAST_H

#include "common/tensor.h"

/* Whether both are floating point, or both are integers; bool is neither. */
bool cast_allowed(dtype_t from, dtype_t to);

/* Convert a tensor to a type that its own may stand for. Floating point rounds
 * to nearest even; -1 with FAULT_INPUT and the tensor as it was where a finite
 * number would become infinite or an integer another one. */
int cast_tensor(tensor_t *self, dtype_t dtype, fault_t *fault);

#endif
