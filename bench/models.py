#!/usr/bin/python3
"""Write the networks of bench/engine.py as PyTorch runs them fastest.

    models.py FOLDER MODEL...

For each of make_zoo.py's models FOLDER gets MODEL.pt, a traced and frozen
TorchScript module with the weights of MODEL.onnx; for emoji10, the small CNN
of the framework that Convoy replaces, emoji10.onnx too. The extra file
"optimize" in it says whether PyTorch's optimize_for_inference may follow: not
where it changes the result, as it does with mobilenet_v3_small in 1.13. What
has its stamp is not built again.
"""
import hashlib
import pathlib
import sys
import warnings

import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/zoo"))
import make_zoo  # noqa: E402  (the path comes first)

SCRIPTS = (__file__, make_zoo.__file__)
SAME = 1e-3


def emoji10():
    """The network of etc/pipeline.cfg with its weights, and a batch of two."""
    model = nn.Sequential()
    for name, module in (
            ("conv1", nn.Conv2d(3, 32, 3, padding=1)), ("relu1", nn.ReLU()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(32, 64, 3, padding=1)), ("relu2", nn.ReLU()),
            ("pool2", nn.MaxPool2d(2)), ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(64 * 8 * 8, 512)), ("relu3", nn.ReLU()),
            ("fc2", nn.Linear(512, 10)), ("softmax", nn.Softmax(1))):
        model.add_module(name, module)
    weights = torch.load(ROOT / "etc/emoji10.pth")
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    generator = torch.Generator().manual_seed(10)
    return model.eval(), torch.randn(2, 3, 32, 32, generator=generator)


def stays_the_same(path, x):
    """Whether the network computes the same after optimisation."""
    plain = torch.jit.load(path)(x)
    optimized = torch.jit.optimize_for_inference(torch.jit.load(path))(x)
    return bool((optimized - plain).norm() <= SAME * plain.norm())


def make(name, folder):
    if name == "emoji10":
        model, pair = emoji10()
        make_zoo.export(model, make_zoo.Recipe(), pair[:1],
                        folder / f"{name}.onnx")
    else:
        model, pair = make_zoo.build(name, make_zoo.ZOO[name])
    path = str(folder / f"{name}.pt")
    frozen = torch.jit.freeze(torch.jit.trace(model, pair, check_trace=False))
    torch.jit.save(frozen, path)
    same = stays_the_same(path, pair)
    torch.jit.save(frozen, path,
                   _extra_files={"optimize": "yes" if same else "no"})
    print(f"{name}: frozen{'' if same else ', not to be optimised'}",
          flush=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    scripts = b"".join(pathlib.Path(path).read_bytes() for path in SCRIPTS)
    digest = hashlib.sha256(scripts).hexdigest()
    for name in sys.argv[2:]:
        stamp = folder / f"{name}.pt.stamp"
        if stamp.exists() and stamp.read_text() == digest:
            continue
        stamp.unlink(missing_ok=True)
        with torch.no_grad():
            make(name, folder)
        stamp.write_text(digest)


if __name__ == "__main__":
    main()
