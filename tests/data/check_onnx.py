#!/usr/bin/python3
"""Let onnx.checker look at ONNX files that Convoy wrote: check_onnx.py FILE...

Run by hand with Debian's python3-onnx (1.12, so up to opset 17), on what
`broker -c etc/pipeline.cfg --export DIR` writes, for instance.
"""
import sys

import onnx

for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    print(f"{path}: opset {model.opset_import[0].version}, "
          f"{len(model.graph.node)} nodes, fine")
