#!/usr/bin/env python3
"""Hold the include directions, who may know whom, and the fixed top level.

A folder may include its own headers and those of the folders listed for it;
a third-party header has the owners listed for it, and nobody else.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

TOP = {
    ".ci", ".clang-format", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", "Makefile", "README.md", "bench", "broker", "client", "common",
    "docs", "etc", "tests", "worker",
}

FOLDERS = {
    "common": [],
    "common/model": ["common"],
    "broker": ["common", "common/model"],
    "worker": ["common", "common/model", "worker/engine"],
    "worker/engine": ["common", "common/model", "worker/kernel"],
    "worker/kernel": [],
    "client": ["common"],
}

# Modules below a folder's general rule.
PURE = {
    "broker/core", "broker/core_messages", "broker/core_hello",
    "broker/core_peers", "broker/core_clients", "broker/core_workers",
    "broker/core_jobs", "broker/core_outcome", "broker/core_status",
    "broker/core_state", "broker/registry", "broker/jobs", "broker/done",
    "broker/sched", "broker/timers", "broker/strikes", "broker/list",
    "broker/heap", "broker/index", "broker/siphash", "broker/metrics",
}
PURE_FORBIDDEN = {
    "common/wire.h", "common/clock.h", "zmq.h", "czmq.h", "time.h",
    "pthread.h", "stdio.h", "unistd.h",
}
ENGINE_FORBIDDEN = {"common/wire.h", "common/proto.h",
                    "worker/kernel/vector.h"}

OWNERS = {
    r"msgpack.*": ["common/proto", "common/info"],
    r"czmq\.h|zmq\.h": ["common/wire", "common/payload"],
    r"libconfig\.h": ["common/settings"],
    r"stb_image\.h": ["common/image_stb"],
    r"xxhash\.h": ["common/checksum", "common/model/graph"],
    r"blis\.h": ["worker/kernel/gemm"],
    r"onnx\.pb-c\.h": ["common/model/onnx", "common/model/onnx_read",
                       "common/model/onnx_write", "common/model/onnx_walk",
                       "common/model/onnx_lower",
                       "common/model/onnx_tensor", "common/model/onnx_external",
                       "common/model/onnx_schema",
                       "common/model/onnx_formula", "common/model/onnx_nodes"],
    r"zip\.h": ["common/model/archive_check"],
    r"sodium\.h": ["common/digest", "broker/broker", "client/link",
                   "worker/agent"],
}


def complaints(path):
    name = path.relative_to(ROOT)
    folder, module = str(name.parent), str(name.with_suffix(""))
    text = path.read_text()
    for ours in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.M):
        target = str(pathlib.PurePath(ours).parent)
        if target != folder and ours != "onnx.pb-c.h" and \
                target not in FOLDERS[folder]:
            yield f"{name}: may not include {ours}"
        if module in PURE and ours in PURE_FORBIDDEN:
            yield f"{name}: the pure core may not include {ours}"
        if folder == "worker/engine" and ours in ENGINE_FORBIDDEN:
            yield f"{name}: the engine may not include {ours}"
    for header in re.findall(r'^\s*#\s*include [<"]([^">]+)[">]', text, re.M):
        if module in PURE and header in PURE_FORBIDDEN:
            yield f"{name}: the pure core may not include <{header}>"
        for pattern, owners in OWNERS.items():
            if re.fullmatch(pattern, header) and module not in owners:
                yield f"{name}: <{header}> belongs to {', '.join(owners)}"


def strays():
    """What lies at the top level and is none of the fixed entries."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines()}
    return [f"{name}: does not belong at the top level"
            for name in sorted(top - TOP)]


def main():
    found = strays() + [line for folder in FOLDERS
                        for path in sorted((ROOT / folder).glob("*.[ch]"))
                        for line in complaints(path)]
    print("\n".join(found) if found else "include directions: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
