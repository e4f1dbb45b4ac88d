#!/usr/bin/python3
"""Compare the table of operators in common/model/onnx_schema.c with the one of
python3-onnx, for every opset from 7 on that both know.

Run by hand, from anywhere; Debian's python3-onnx 1.12 knows opsets up to 17.
"""
import pathlib
import re
import sys

import onnx.defs

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent / \
    "common/model/onnx_schema.c"
LETTERS = {"FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t",
           "FLOATS": "F", "INTS": "I", "STRINGS": "S", "SPARSE_TENSOR": "x"}


def ours():
    """Each operator's rows, as (since, attributes); None: gone."""
    text = SOURCE.read_text()
    table = text[text.index("schemas[] = {"):text.index("};")]
    table = re.sub(r'"\s*\n\s*"', "", table)  # strings in pieces
    rows = {}
    for op, since, attributes in re.findall(
            r'\{"(\w+)", (\d+),\s*(NULL|"[^"]*")\}', table):
        words = None if attributes == "NULL" else set(attributes[1:-1].split())
        rows.setdefault(op, []).append((int(since), words))
    return rows


def theirs(op, opset):
    """The attributes at that opset; None: no such operator."""
    try:
        schema = onnx.defs.get_schema(op, opset, "")
    except onnx.defs.SchemaError:
        return None
    if schema.deprecated:
        return None
    return {f"{name}:{LETTERS[str(a.type).split('.')[-1]]}"
            for name, a in schema.attributes.items()}


def main():
    newest = min(onnx.defs.onnx_opset_version(), 21)
    wrong = 0
    rows = ours()
    for op, versions in sorted(rows.items()):
        for opset in range(7, newest + 1):
            here = [words for since, words in versions if since <= opset]
            expected = theirs(op, opset)
            if (here[-1] if here else None) != expected:
                print(f"{op} at opset {opset}: {here[-1:]}, ONNX has "
                      f"{expected}")
                wrong += 1
    print(f"{len(rows)} operators at opsets 7 to {newest}: "
          f"{wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
