"""Workers with a planted error each, to see whether the check notices.

Each patch in plants/ is one mistake in one kernel. It is applied to a copy of
the sources, in which make builds the worker anew.
"""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))
from planting import plant  # noqa: E402  (the path comes first)

DEPTHWISE = ("mobilenet_v2", "mobilenet_v3_small", "mnasnet1_0",
             "shufflenet_v2_x1_0", "efficientnet_b0", "convnext_tiny")
MAXIMA = ("alexnet", "vgg16", "squeezenet1_1", "resnet18", "resnet50",
          "resnext50_32x4d", "googlenet", "inception_v3", "densenet121",
          "shufflenet_v2_x1_0")
NO_POOLED_MEAN = ("alexnet", "vgg16", "inception_v3", "mnasnet1_0",
                  "shufflenet_v2_x1_0", "vit_b_16")
ATTENTION = ("vit_b_16", "swin_t")
NO_LAST_COLUMN = ("squeezenet1_1",)  # its one copied image is a column wider
SQUARES = ("alexnet", "densenet121", "googlenet", "inception_v3", "resnet18",
           "resnet50", "squeezenet1_1", "vgg16")
TRANSFORMERS = (*ATTENTION, "convnext_tiny")

# Which models run through the line that a patch changes.
CONCERNS = {
    "conv-bias": lambda model: True,
    "conv-column": lambda model: model not in NO_LAST_COLUMN,
    "depthwise-edge": lambda model: model in DEPTHWISE,
    "gelu-quick": lambda model: model in TRANSFORMERS,
    "linear-block": lambda model: model in TRANSFORMERS,
    "mean-tail": lambda model: model not in NO_POOLED_MEAN,
    "norm-unbiased": lambda model: model in TRANSFORMERS,
    "pool-column": lambda model: model in MAXIMA,
    "softmax-tail": lambda model: model in ATTENTION,
    "winograd-pad": lambda model: model in SQUARES,
}

SOURCES = ("Makefile", "broker", "client", "common", "worker", "build/gen",
           "build/release/lib", "build/release/obj")


def concerning(model, programs):
    """The workers of the patches that concern a model, by patch."""
    return {patch: program for patch, program in programs.items()
            if CONCERNS[patch](model)}


def copy_sources(folder):
    """The sources and what is built of them; times stay, make goes on."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        elif (ROOT / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder)


def make_worker(folder):
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    subprocess.run(["make", "-s", "-j2", "-C", folder, "bin/worker"],
                   env=env, check=True, stdout=subprocess.DEVNULL)
    return folder / "bin/worker"


def workers(folder):
    """Build a worker for each patch: {name of the patch: its program}."""
    sources = folder / "sources"
    copy_sources(sources)
    programs = {}
    for patch in sorted((HERE / "plants").glob("*.patch")):
        changed = plant(patch, sources)
        programs[patch.stem] = folder / patch.stem
        shutil.copy2(make_worker(sources), programs[patch.stem])
        for path in changed:  # a new time: make has to notice
            shutil.copyfile(ROOT / path, sources / path)
    shutil.rmtree(sources)
    return programs
