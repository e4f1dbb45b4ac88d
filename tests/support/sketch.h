/* ONNX models written as a text, a line a thing, for tests of the reader:
 *
 *   opset 9
 *   in x float32 [N,3,4,4]         (an input; N is the batch)
 *   floats s [4] 1 1 2 2           (an initializer; also: ints, bools, halves)
 *   floats ones [8,3] 1            (one number for all elements)
 *   external w float32 [4] location=w.bin offset=16
 *   node Upsample x s -> y mode=nearest scales=[1.0,2.0] axis=1
 *   out y
 *
 * "_" is an input that is left out. "name=up" names the node. Numbers with a
 * dot are floats. A line "ir 3" and "domain com.example 1" may be there too. A
 * mistake in the text aborts.
 */
#ifndef CONVOY_TESTS_SUPPORT_SKETCH_H
#define CONVOY_TESTS_SUPPORT_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"
#include "common/model/onnx.h"

/* The bytes of the file; free them. */
uint8_t *sketch_bytes(const char *text, size_t *size);

/* The same read by onnx_read. */
onnx_model_t *sketch_read(const char *text, fault_t *fault);

/* The first node of that op, or NULL. */
const node_t *sketch_node(const graph_t *graph, const char *op);

#endif
