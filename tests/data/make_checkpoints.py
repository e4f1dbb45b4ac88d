#!/usr/bin/python3
"""Write the checkpoints the readers' tests compare with.

Run by hand with Debian's python3-torch (1.13) in this folder; the files it
writes are committed. Every tensor is a ramp, so the tests know its elements:
element i of the tensor number n is n + i / 8, exact in every float type.
"""
import collections
import json
import shutil
import struct
import zipfile

import torch


def ramp(number, shape, dtype):
    elements = 1
    for dim in shape:
        elements *= dim
    flat = number + torch.arange(elements, dtype=torch.float64) / 8
    return flat.reshape(shape).to(dtype)


def state_dict():
    return collections.OrderedDict([
        ("conv.weight", ramp(1, (2, 1, 2, 2), torch.float32)),
        ("conv.bias", ramp(2, (2,), torch.float16)),
        ("fc.weight", ramp(3, (2, 3), torch.float64)),
        ("fc.bias", ramp(4, (3,), torch.bfloat16)),
        ("norm.num_batches_tracked", torch.tensor(7)),
    ])


def shared():
    """Two tensors in one storage, the second with an offset."""
    base = ramp(1, (8,), torch.float32)
    return {"all": base, "tail": base[4:].reshape(2, 2),
            "parameter": torch.nn.Parameter(base[2:4])}


def safetensors(tensors, metadata):
    names = {torch.float32: "F32", torch.float16: "F16",
             torch.float64: "F64", torch.int64: "I64"}
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        raw = tensor.numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype],
                        "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def with_file(source, target, name, data):
    """A copy of an archive with one more file in it."""
    shutil.copy(source, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{source[:-4]}/{name}", data)


def main():
    model = state_dict()
    torch.save(model, "state_dict.pth")
    torch.save(model, "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(shared(), "shared.pth")
    torch.save({"epoch": 3, "loss": 0.5, "names": ["a", "b"],
                "optimizer": {"state": {0: {"step": 1}}},
                "state_dict": {"module." + k: v for k, v in model.items()}},
               "wrapped.pth")
    torch.save({"w": ramp(1, (2, 3), torch.float32).t()}, "transposed.pth")
    torch.save({"model": torch.nn.Linear(2, 2)}, "module.pth")
    torch.save([1, 2], "list.pth")
    torch.save({"epoch": 3, "nothing": {"a": 1}}, "no_tensors.pth")
    torch.save({"w": ramp(1, (2,), torch.float32), "note": "a"}, "mixed.pth")
    torch.save({3: ramp(1, (2,), torch.float32)}, "numbered.pth")
    with_file("shared.pth", "little.pth", "byteorder", b"little")
    with_file("shared.pth", "big.pth", "byteorder", b"big")
    with_file("shared.pth", "script.pth", "constants.pkl", b"")
    with open("model.safetensors", "wb") as file:
        file.write(safetensors(
            {k: v for k, v in model.items() if v.dtype != torch.bfloat16},
            {"format": "pt"}))


main()
