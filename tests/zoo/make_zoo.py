#!/usr/bin/python3
"""Build torchvision's architectures and what PyTorch says they compute.

    make_zoo.py FOLDER [MODEL...]

For each model FOLDER gets MODEL.onnx, MODEL.in.b1.npy and MODEL.out.b1.npy,
the same with b2 for a batch of two, MODEL.pth where the .pth route is
compared too, and MODEL.stamp: what has its stamp is not built again. Nothing
is downloaded. Needs Debian's python3-torch, python3-torchvision, python3-onnx.
"""
import dataclasses
import hashlib
import pathlib
import sys
import time
import warnings
import zlib

import numpy as np
import torch
import torchvision

TELLS_APART = 0.02


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is exported: what users' own exports differ in."""
    opset: int = 17
    size: int = 224
    norms: bool = False  # keep batch norms beside their convolutions
    fold: bool = True    # let the exporter fold constants
    save: bool = False   # a .pth file too
    options: tuple = ()


ZOO = {
    "alexnet": Recipe(),
    "vgg16": Recipe(save=True),
    "squeezenet1_1": Recipe(opset=11),
    "resnet18": Recipe(save=True),
    "resnet50": Recipe(norms=True),
    "resnext50_32x4d": Recipe(opset=9),
    "googlenet": Recipe(options=(("transform_input", True),
                                 ("aux_logits", False),
                                 ("init_weights", False))),
    "inception_v3": Recipe(size=299, options=(("transform_input", True),
                                              ("aux_logits", False),
                                              ("init_weights", False))),
    "densenet121": Recipe(opset=12),
    "mobilenet_v2": Recipe(norms=True, save=True),
    "mobilenet_v3_small": Recipe(opset=13),
    "mnasnet1_0": Recipe(),
    "shufflenet_v2_x1_0": Recipe(fold=False),
    "efficientnet_b0": Recipe(norms=True),
    "regnet_y_400mf": Recipe(opset=15),
    "convnext_tiny": Recipe(opset=12),
    "vit_b_16": Recipe(),
    "swin_t": Recipe(opset=14),
}


def wake(model, generator):
    """Give every parameter a seeded value of a size that matters.

    PyTorch's own start values would hide errors: zeros in heads and class
    tokens, 0.02 in position tables, 1e-6 in ConvNeXt's layer_scale.
    """
    for name, parameter in model.named_parameters():
        kind = name.rsplit(".", 1)[-1]
        if kind.endswith("weight") and parameter.dim() > 1:
            spread = (2 / parameter[0].numel()) ** 0.5
            parameter.normal_(0, spread, generator=generator)
        elif kind.endswith("weight"):
            parameter.uniform_(0.5, 1.5, generator=generator)
        elif kind == "layer_scale":
            parameter.uniform_(0.5, 1, generator=generator)
        elif kind.endswith("bias"):
            parameter.normal_(0, 0.1, generator=generator)
        else:
            parameter.normal_(0, 0.5, generator=generator)


def pictures(count, size, generator):
    """Normalised pictures: blots over finer blots over grain, each its own."""
    x = 0.3 * torch.randn(count, 3, size, size, generator=generator)
    for cells in (2, 5, 16, 50):
        blots = torch.randn(count, 3, cells, cells, generator=generator)
        x += torch.nn.functional.interpolate(blots, size, mode="bilinear")
    return x


def calibrate(model, x):
    """Let the batch norms' statistics be those of data."""
    norms = [m for m in model.modules()
             if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    if norms:
        model(x)
    model.eval()


def build(name, recipe):
    """The model, and a batch of two for it."""
    torch.manual_seed(zlib.crc32(name.encode()))
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    model = torchvision.models.get_model(name, weights=None,
                                         **dict(recipe.options)).eval()
    wake(model, generator)
    calibrate(model, pictures(8, recipe.size, generator))
    return model, pictures(2, recipe.size, generator)


def export(model, recipe, x, path):
    modes = torch.onnx.TrainingMode
    torch.onnx.export(
        model, x, str(path), opset_version=recipe.opset,
        input_names=["input"], output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        do_constant_folding=recipe.fold,
        training=modes.PRESERVE if recipe.norms else modes.EVAL)


def check_eloquent(name, out):
    """Outputs that hardly depend on the picture would hide errors."""
    assert torch.isfinite(out).all(), name
    apart = ((out[0] - out[1]).norm() / out[0].norm()).item()
    assert apart > TELLS_APART, f"{name} tells pictures apart by {apart:.4f}"
    return apart


def make(name, folder):
    started = time.monotonic()
    recipe = ZOO[name]
    with torch.no_grad():
        model, pair = build(name, recipe)
        for x in (pair[:1], pair):
            out = model(x)
            np.save(folder / f"{name}.in.b{len(x)}.npy", x.numpy())
            np.save(folder / f"{name}.out.b{len(x)}.npy", out.numpy())
    apart = check_eloquent(name, out)
    export(model, recipe, pair[:1], folder / f"{name}.onnx")
    if recipe.save:
        torch.save(model.state_dict(), folder / f"{name}.pth")
    print(f"{name}: opset {recipe.opset}, the two pictures' outputs differ by "
          f"{apart:.2f}, {time.monotonic() - started:.0f} s", flush=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    script = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    for name in sys.argv[2:] or ZOO:
        stamp = folder / f"{name}.stamp"
        if stamp.exists() and stamp.read_text() == script:
            continue
        stamp.unlink(missing_ok=True)
        make(name, folder)
        stamp.write_text(script)


if __name__ == "__main__":
    main()
