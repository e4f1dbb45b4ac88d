/* What ONNX says of the operators Convoy reads: since which opset there is one,
 * and which attributes it has from there on. Private to the ONNX reader and
 * writer.
 *
 * Adding an operator: a row in onnx_schema.c's table for each opset in which
 * its attributes changed. Source: onnx/docs/Operators.md and Changelog.md;
 * tests/data/check_schema.py compares the table with python3-onnx.
 */
#ifndef CONVOY_COMMON_MODEL_ONNX_SCHEMA_H
#define CONVOY_COMMON_MODEL_ONNX_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "onnx.pb-c.h"

#include "common/fault.h"

/* Whether there is such an operator at that opset. */
bool onnx_schema_knows(const char *op, int64_t opset);

/* The type of an attribute of it, UNDEFINED where it has none of that name. */
Onnx__AttributeProto__AttributeType
onnx_schema_type(const char *op, int64_t opset, const char *attribute);

/* The operator is known, and so are the names, types and (where there is a
 * choice) values of its attributes. -1 with FAULT_INPUT, not naming the
 * node. */
int onnx_schema_check(const Onnx__NodeProto *node, int64_t opset,
                      fault_t *fault);

#endif
