#!/usr/bin/env python3
"""The layer lists of etc/models against checkpoints of torchvision's shapes,
and pictures in every form that a network may want."""
import json
import math
import re
import struct

from fleet import BIN, ETC, png, run_tests


def checkpoint(path, shapes):
    """A .safetensors file of zeros, which takes no room on a disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


def norm(prefix, channels):
    return {f"{prefix}.{key}": [channels] for key in
            ("weight", "bias", "running_mean", "running_var")}


def linear(prefix, outputs, inputs):
    return {f"{prefix}.weight": [outputs, inputs], f"{prefix}.bias": [outputs]}


def resnet18():
    shapes = {"conv1.weight": [64, 3, 7, 7], **norm("bn1", 64)}
    inputs = 64
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            p = f"layer{stage}.{block}"
            shapes[f"{p}.conv1.weight"] = [channels, inputs, 3, 3]
            shapes |= norm(f"{p}.bn1", channels)
            shapes[f"{p}.conv2.weight"] = [channels, channels, 3, 3]
            shapes |= norm(f"{p}.bn2", channels)
            if inputs != channels:
                shapes[f"{p}.downsample.0.weight"] = [channels, inputs, 1, 1]
                shapes |= norm(f"{p}.downsample.1", channels)
            inputs = channels
    return shapes | linear("fc", 1000, 512)


def mobilenet_v2():
    shapes = {"features.0.0.weight": [32, 3, 3, 3],
              **norm("features.0.1", 32)}
    inputs, number = 32, 1
    for wider, channels, count in ((1, 16, 1), (6, 24, 2), (6, 32, 3),
                                   (6, 64, 4), (6, 96, 3), (6, 160, 3),
                                   (6, 320, 1)):
        for _ in range(count):
            p, hidden, at = f"features.{number}.conv", inputs * wider, 0
            if wider != 1:
                shapes[f"{p}.0.0.weight"] = [hidden, inputs, 1, 1]
                shapes |= norm(f"{p}.0.1", hidden)
                at = 1
            shapes[f"{p}.{at}.0.weight"] = [hidden, 1, 3, 3]
            shapes |= norm(f"{p}.{at}.1", hidden)
            shapes[f"{p}.{at + 1}.weight"] = [channels, hidden, 1, 1]
            shapes |= norm(f"{p}.{at + 2}", channels)
            inputs, number = channels, number + 1
    shapes |= {"features.18.0.weight": [1280, 320, 1, 1],
               **norm("features.18.1", 1280)}
    return shapes | linear("classifier.1", 1000, 1280)


def vgg16(thinner):
    shapes, inputs, number = {}, 3, 0
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            outputs = channels // thinner
            shapes[f"features.{number}.weight"] = [outputs, inputs, 3, 3]
            shapes[f"features.{number}.bias"] = [outputs]
            inputs, number = outputs, number + 2
        number += 1
    wide = 4096 // thinner
    return (shapes | linear("classifier.0", wide, inputs * 49) |
            linear("classifier.3", wide, wide) |
            linear("classifier.6", 1000, wide))


def plan(fleet, name, shapes):
    """--check a copy of a file beside its checkpoint, then --plan it."""
    text = (ETC / f"models/{name}.cfg").read_text()
    assert re.search(r'weights = "\S+\.pth";', text), text[:400]
    text = re.sub(r'weights = "\S+\.pth";',
                  'weights = "zeros.safetensors";', text, count=1)
    (fleet.folder / f"{name}.cfg").write_text(text)
    checkpoint(fleet.folder / "zeros.safetensors", shapes)
    command = (BIN / "broker", "-c", fleet.folder / f"{name}.cfg")
    code, out, err = fleet.run(*command, "--check")
    assert code == 0, err
    assert "224 x 224" in out and "scores are logits" in out, out
    code, out, err = fleet.run(*command, "--plan", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["model"] == name and len(found["parts"]) == 2, found
    first, last = found["parts"]
    assert first["inputs"][0]["shape"] == ["N", 3, 224, 224], first
    assert last["outputs"][0]["shape"] == ["N", 1000], last
    return found


def mflop(found):
    return sum(part["mflop"] for part in found["parts"])


def resnet18_takes_the_keys_of_torchvision(fleet):
    shapes = resnet18()
    norms = sum(shape[0] for key, shape in shapes.items() if "running" in key)
    weights = sum(math.prod(shape) for shape in shapes.values())
    assert weights - norms == 11689512  # the model's parameters, as published
    assert 3620 < mflop(plan(fleet, "resnet18", shapes)) < 3660  # 1.81 GMAC


def mobilenet_v2_takes_the_keys_of_torchvision(fleet):
    shapes = mobilenet_v2()
    norms = sum(shape[0] for key, shape in shapes.items() if "running" in key)
    weights = sum(math.prod(shape) for shape in shapes.values())
    assert weights - norms == 3504872
    assert 600 < mflop(plan(fleet, "mobilenet_v2", shapes)) < 625  # 0.30 GMAC


def vgg16_takes_the_keys_of_torchvision(fleet):
    """The whole has 528 MiB, so a thinner one: sizes follow from weights."""
    full = vgg16(1)
    assert sum(math.prod(shape) for shape in full.values()) == 138357544
    thin = vgg16(16)
    assert thin.keys() == full.keys()
    plan(fleet, "vgg16", thin)


def the_models_name_their_checkpoint(fleet):
    for path in sorted((ETC / "models").glob("*.cfg")):
        code, _, err = fleet.run(BIN / "broker", "-c", path, "--check")
        assert code == 65 and f"models/{path.stem}-" in err, err


def pictures_come_as_the_network_wants_them(fleet):
    """A network that hands its input through shows it as scores."""
    checkpoint(fleet.folder / "none.safetensors", {"unused": [1]})
    png(fleet.folder / "red.png", pixel=(250, 40, 90))

    def scores(image):
        config = fleet.config(
            'model: { name = "glass"; weights = "none.safetensors"; '
            'ignore_unused = true; scores = "probabilities";\n'
            f"image = {{ size = [1, 2]; range = 255; {image} }};\n"
            'layers = ({ op = "Flatten"; }); };\n')
        process = fleet.broker(config)
        worker = fleet.worker(0)
        code, out, err = fleet.client("--image", "red.png", "--json", "--top",
                                      6)
        assert code == 0, err
        worker.stop()
        process.stop()
        top = json.loads(out)["top"]
        return [one["probability"] for one in
                sorted(top, key=lambda one: one["index"])]

    assert scores("") == [250, 250, 40, 40, 90, 90]
    assert scores('layout = "NHWC";') == [250, 40, 90] * 2
    assert scores('channels = "bgr"; layout = "NHWC";') == [90, 40, 250] * 2
    assert scores('channels = "bgr"; mean = [1, 2, 3];') == [89, 89, 38, 38,
                                                             247, 247]
    assert scores('channels = "grey"; filter = "bicubic"; std = [2];') == [
        54.0, 54.0]


if __name__ == "__main__":
    run_tests(resnet18_takes_the_keys_of_torchvision,
              mobilenet_v2_takes_the_keys_of_torchvision,
              vgg16_takes_the_keys_of_torchvision,
              the_models_name_their_checkpoint,
              pictures_come_as_the_network_wants_them)
