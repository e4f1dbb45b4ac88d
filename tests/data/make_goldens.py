#!/usr/bin/python3
"""Write small networks with PyTorch's answers: tests/data/goldens.

Run by hand with Debian's python3-torch (1.13); what it writes is committed.
Each golden is NAME.cfg (a pipeline.cfg), NAME.pth where it has weights,
NAME.in.npy (nine samples) and NAME.out.npy (what PyTorch makes of them).
"""
import pathlib

import numpy
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = pathlib.Path(__file__).resolve().parent / "goldens"
SAMPLES = 9


def conv(prefix, more=""):
    return f'{{ op = "Conv2d"; weights = "{prefix}"; {more}}}'


def norm(prefix, more=""):
    return f'{{ op = "BatchNorm2d"; weights = "{prefix}"; {more}}}'


def linear(prefix, more=""):
    return f'{{ op = "Linear"; weights = "{prefix}"; {more}}}'


def plain(op, more=""):
    return f'{{ op = "{op}"; {more}}}'


def one(module, layer):
    """A network of one layer, whose weights are called "layer"."""
    network = nn.Sequential()
    network.add_module("layer", module)
    return network, [layer]


def chain(*pairs):
    """(module, layer text with %s for its prefix) one after the other."""
    network = nn.Sequential(*[module for module, _ in pairs])
    return network, [text.replace("%s", str(i))
                     for i, (_, text) in enumerate(pairs)]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.left = nn.Conv2d(8, 8, 3, padding=1)
        self.right = nn.Conv2d(8, 4, 1)
        self.fc = nn.Linear(20, 6)

    def forward(self, x):
        stem = F.relu(self.norm(self.stem(x)))
        left = F.relu(self.left(stem) + stem)
        right = F.silu(self.right(stem))
        joined = torch.cat([left, right, left], 1)
        pooled = F.adaptive_avg_pool2d(joined, 1)
        return F.softmax(self.fc(torch.flatten(pooled, 1)), 1)


RESIDUAL = [
    conv("stem", 'padding = 1; '),
    norm("norm"),
    plain("ReLU", 'name = "trunk"; '),
    conv("left", 'padding = 1; '),
    plain("Add", 'inputs = ["left", "trunk"]; '),
    plain("ReLU", 'name = "sum"; '),
    conv("right", 'inputs = "trunk"; '),
    plain("SiLU", 'name = "gate"; '),
    plain("Concat", 'inputs = ["sum", "gate", "sum"]; '),
    plain("AdaptiveAvgPool2d", 'output_size = 1; '),
    plain("Flatten"),
    linear("fc"),
    plain("Softmax"),
]


class Permute(nn.Module):
    def __init__(self, *dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)


class Arithmetic(nn.Module):
    def forward(self, x):
        a, b = torch.sigmoid(x), torch.tanh(x)
        return (a * b * x - b) / a


ARITHMETIC = [
    plain("Sigmoid", 'name = "a"; '),
    plain("Tanh", 'name = "b"; inputs = "input"; '),
    plain("Mul", 'inputs = ["a", "b", "input"]; '),
    plain("Sub", 'inputs = ["mul_2", "b"]; '),
    plain("Div", 'inputs = ["sub_3", "a"]; '),
]


def cases():
    image = (3, 11, 8)
    wide = (6, 9, 7)

    def single(name, shape, module, layer):
        return name, shape, *one(module, layer), ""

    yield single("conv", image, nn.Conv2d(3, 5, 3), conv("layer"))
    yield single("conv_stride", image,
                 nn.Conv2d(3, 7, (3, 2), stride=(2, 3), padding=(2, 1)),
                 conv("layer", "stride = [2, 3]; padding = [2, 1]; "))
    yield single("conv_dilation", image,
                 nn.Conv2d(3, 4, 3, padding=2, dilation=(2, 3), bias=False),
                 conv("layer", "padding = 2; dilation = [2, 3]; "))
    yield single("conv_same", image,
                 nn.Conv2d(3, 4, (4, 3), padding="same", dilation=(1, 2)),
                 conv("layer", 'padding = "same"; dilation = [1, 2]; '))
    yield single("conv_groups", wide,
                 nn.Conv2d(6, 8, 3, padding=1, groups=2),
                 conv("layer", "padding = 1; groups = 2; "))
    yield single("conv_depthwise", wide,
                 nn.Conv2d(6, 12, 3, stride=2, padding=1, groups=6),
                 conv("layer", "stride = 2; padding = 1; groups = 6; "))
    yield single("conv_1x1", wide, nn.Conv2d(6, 17, 1), conv("layer"))
    yield single("conv_large", image,
                 nn.Conv2d(3, 4, 7, stride=2, padding=3),
                 conv("layer", "stride = 2; padding = 3; "))
    yield single("linear", (23,), nn.Linear(23, 9), linear("layer"))
    yield single("linear_rows", (5, 7), nn.Linear(7, 11), linear("layer"))
    yield single("norm", image, nn.BatchNorm2d(3, eps=1e-3),
                 norm("layer", "eps = 1e-3; "))
    yield single("norm_plain", image, nn.BatchNorm2d(3, affine=False),
                 norm("layer", "affine = false; "))

    for op, module, more in [
            ("ReLU", nn.ReLU(), ""),
            ("ReLU6", nn.ReLU6(), ""),
            ("LeakyReLU", nn.LeakyReLU(0.2), "negative_slope = 0.2; "),
            ("GELU", nn.GELU(), ""),
            ("GELU_tanh", nn.GELU(approximate="tanh"),
             'approximate = "tanh"; '),
            ("Sigmoid", nn.Sigmoid(), ""),
            ("Tanh", nn.Tanh(), ""),
            ("SiLU", nn.SiLU(), ""),
            ("Hardswish", nn.Hardswish(), ""),
            ("Dropout", nn.Dropout(0.3), "p = 0.3; ")]:
        yield single(op.lower(), (2, 5, 7), module,
                     plain(op.split("_")[0], more))

    yield single("max_pool", image, nn.MaxPool2d(2),
                 plain("MaxPool2d", "kernel_size = 2; "))
    yield single("max_pool_window", image,
                 nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 1),
                              dilation=(2, 1)),
                 plain("MaxPool2d", "kernel_size = [3, 2]; stride = [1, 2]; "
                       "padding = 1; dilation = [2, 1]; "))
    yield single("max_pool_ceil", image,
                 nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
                 plain("MaxPool2d", "kernel_size = 3; stride = 2; "
                       "padding = 1; ceil_mode = true; "))
    yield single("average_pool", image, nn.AvgPool2d(3, stride=2),
                 plain("AvgPool2d", "kernel_size = 3; stride = 2; "))
    yield single("average_pool_padded", image,
                 nn.AvgPool2d(3, stride=2, padding=1),
                 plain("AvgPool2d",
                       "kernel_size = 3; stride = 2; padding = 1; "))
    yield single("average_pool_uncounted", image,
                 nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True,
                              count_include_pad=False),
                 plain("AvgPool2d", "kernel_size = 3; stride = 2; "
                       "padding = 1; ceil_mode = true; "
                       "count_include_pad = false; "))
    yield single("average_pool_ceil", image,
                 nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
                 plain("AvgPool2d", "kernel_size = 3; stride = 2; "
                       "padding = 1; ceil_mode = true; "))
    yield single("adaptive_one", image, nn.AdaptiveAvgPool2d(1),
                 plain("AdaptiveAvgPool2d", "output_size = 1; "))
    yield single("adaptive_even", (3, 12, 8), nn.AdaptiveAvgPool2d((4, 2)),
                 plain("AdaptiveAvgPool2d", "output_size = [4, 2]; "))
    yield single("adaptive_uneven", image, nn.AdaptiveAvgPool2d((7, 9)),
                 plain("AdaptiveAvgPool2d", "output_size = [7, 9]; "))
    yield single("flatten", image, nn.Flatten(), plain("Flatten"))
    yield single("flatten_inner", image, nn.Flatten(1, 2),
                 plain("Flatten", "start_dim = 1; end_dim = 2; "))
    yield single("softmax", (19,), nn.Softmax(1), plain("Softmax"))
    yield single("softmax_channels", image, nn.Softmax(1),
                 plain("Softmax", "dim = 1; "))

    yield ("norm_behind", image, *chain(
        (nn.Conv2d(3, 6, 3, bias=False), conv("%s")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.ReLU(), plain("ReLU"))), "")
    yield ("norm_behind_groups", wide, *chain(
        (nn.Conv2d(6, 6, 3, padding=1, groups=3), conv(
            "%s", "padding = 1; groups = 3; ")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.Dropout(), plain("Dropout")),
        (nn.Hardswish(), plain("Hardswish"))), "")
    yield ("norm_past_activation", image, *chain(
        (nn.Conv2d(3, 6, 3), conv("%s")),
        (nn.ReLU(), plain("ReLU")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.Conv2d(6, 4, 3, groups=2), conv("%s", "groups = 2; "))), "")
    yield ("norm_past_activation_padded", image, *chain(
        (nn.Conv2d(3, 6, 3), conv("%s")),
        (nn.Tanh(), plain("Tanh")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.Conv2d(6, 4, 3, padding=1), conv("%s", "padding = 1; "))), "")
    yield ("norm_past_pool", image, *chain(
        (nn.Conv2d(3, 6, 3), conv("%s")),
        (nn.ReLU(), plain("ReLU")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.MaxPool2d(2), plain("MaxPool2d", "kernel_size = 2; ")),
        (nn.Flatten(), plain("Flatten")),
        (nn.Linear(72, 10), linear("%s"))), "")
    yield ("half_weights", image, *chain(
        (nn.Conv2d(3, 6, 3), conv("%s")),
        (nn.BatchNorm2d(6), norm("%s")),
        (nn.Flatten(), plain("Flatten")),
        (nn.Linear(324, 8), linear("%s"))), "")
    network, layers = Residual(), RESIDUAL
    yield "residual", (3, 10, 9), network, layers, ""
    yield ("residual_cut", (3, 10, 9), Residual(), RESIDUAL,
           'cuts = ["trunk", "sum"]; ')
    yield "residual_parts", (3, 10, 9), Residual(), RESIDUAL, "parts = 4; "

    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16 * 4 * 4, 20), nn.ReLU(), nn.Linear(20, 10),
        nn.Softmax(1))
    lists = ["( " + ", ".join(part) + " )" for part in [
        [conv("0", "padding = 1; "), plain("ReLU"),
         plain("MaxPool2d", "kernel_size = 2; ")],
        [conv("3", "padding = 1; "), plain("ReLU"),
         plain("MaxPool2d", "kernel_size = 2; ")],
        [plain("Flatten"), linear("7"), plain("ReLU"), linear("9"),
         plain("Softmax")]]]
    yield "three_parts", (3, 16, 16), network, lists, ""
    yield from more_layers(single)


def more_layers(single):
    image = (4, 6, 8)
    for op, module, more in [
            ("ELU", nn.ELU(0.7), "alpha = 0.7; "),
            ("Hardsigmoid", nn.Hardsigmoid(), ""),
            ("Hardtanh", nn.Hardtanh(-0.5, 0.8),
             "min_val = -0.5; max_val = 0.8; "),
            ("LogSoftmax", nn.LogSoftmax(1), "dim = 1; "),
            ("AdaptiveMaxPool2d", nn.AdaptiveMaxPool2d(1),
             "output_size = 1; "),
            ("AdaptiveMaxPool2d_even", nn.AdaptiveMaxPool2d((2, 4)),
             "output_size = [2, 4]; "),
            ("Unflatten", nn.Unflatten(1, (2, 2)),
             "dim = 1; unflattened_size = [2, -1]; "),
            ("Permute", Permute(0, 2, 3, 1), "dims = [0, 2, 3, 1]; "),
            ("ChannelShuffle", nn.ChannelShuffle(2), "groups = 2; "),
            ("PixelShuffle", nn.PixelShuffle(2), "upscale_factor = 2; "),
            ("PixelUnshuffle", nn.PixelUnshuffle(2),
             "downscale_factor = 2; ")]:
        yield single(op.lower(), image, module, plain(op.split("_")[0], more))
    yield single("prelu", image, nn.PReLU(4),
                 '{ op = "PReLU"; weights = "layer"; }')
    yield single("prelu_one", image, nn.PReLU(),
                 '{ op = "PReLU"; weights = "layer"; num_parameters = 1; }')
    for name, shape in (("norm_rows", (5,)), ("norm_line", (5, 7))):
        yield single(name, shape, nn.BatchNorm1d(5),
                     '{ op = "BatchNorm1d"; weights = "layer"; }')
    yield "arithmetic", (5, 7), Arithmetic(), ARITHMETIC, ""
    yield from lines(single)
    yield from norms(single)
    yield from sizes(single)


def weighted(op, more=""):
    return plain(op, f'weights = "layer"; {more}')


def lines(single):
    """What works on [N, channels, length], and transposed convolutions."""
    line, image = (4, 13), (4, 6, 5)
    yield single("conv_line", line,
                 nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2),
                 weighted("Conv1d", "stride = 2; padding = 1; groups = 2; "))
    yield single("conv_line_same", line,
                 nn.Conv1d(4, 5, 4, padding="same", dilation=2),
                 weighted("Conv1d", 'padding = "same"; dilation = 2; '))
    yield single("transposed_line", line,
                 nn.ConvTranspose1d(4, 3, 4, stride=3, padding=1),
                 weighted("ConvTranspose1d", "stride = 3; padding = 1; "))
    yield single("transposed", image, nn.ConvTranspose2d(4, 3, 2, stride=2),
                 weighted("ConvTranspose2d", "stride = 2; "))
    yield single("transposed_groups", image,
                 nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3),
                                    padding=(1, 0), output_padding=(1, 2),
                                    groups=2, dilation=(2, 1), bias=False),
                 weighted("ConvTranspose2d", "stride = [2, 3]; "
                          "padding = [1, 0]; output_padding = [1, 2]; "
                          "groups = 2; dilation = [2, 1]; "))
    for op, module, more in [
            ("MaxPool1d", nn.MaxPool1d(3, stride=2, padding=1, ceil_mode=True),
             "kernel_size = 3; stride = 2; padding = 1; ceil_mode = true; "),
            ("AvgPool1d", nn.AvgPool1d(4, stride=3, padding=1, ceil_mode=True),
             "kernel_size = 4; stride = 3; padding = 1; ceil_mode = true; "),
            ("AdaptiveAvgPool1d", nn.AdaptiveAvgPool1d(5), "output_size = 5; "),
            ("AdaptiveMaxPool1d", nn.AdaptiveMaxPool1d(1),
             "output_size = 1; ")]:
        yield single(op.lower(), line, module, plain(op, more))


def norms(single):
    image = (6, 5, 4)
    yield single("layer_norm", (5, 12), nn.LayerNorm(12, eps=1e-3),
                 weighted("LayerNorm", "eps = 1e-3; "))
    yield single("layer_norm_axes", image, nn.LayerNorm((5, 4)),
                 weighted("LayerNorm", "normalized_shape = [5, 4]; "))
    yield single("layer_norm_plain", image,
                 nn.LayerNorm(4, elementwise_affine=False),
                 plain("LayerNorm"))
    yield single("group_norm", image, nn.GroupNorm(3, 6),
                 weighted("GroupNorm", "num_groups = 3; "))
    yield single("group_norm_plain", image, nn.GroupNorm(2, 6, affine=False),
                 plain("GroupNorm", "num_groups = 2; "))
    yield single("instance_norm", image, nn.InstanceNorm2d(6),
                 plain("InstanceNorm2d"))
    yield single("instance_norm_affine", image,
                 nn.InstanceNorm2d(6, affine=True, eps=1e-2),
                 weighted("InstanceNorm2d", "eps = 1e-2; "))
    yield single("local_norm", image,
                 nn.LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
                 plain("LocalResponseNorm",
                       "size = 3; alpha = 0.5; beta = 0.6; k = 1.5; "))
    for op, module, more in [
            ("CELU", nn.CELU(0.7), "alpha = 0.7; "), ("SELU", nn.SELU(), ""),
            ("Mish", nn.Mish(), ""), ("Softplus", nn.Softplus(), "")]:
        yield single(op.lower(), (3, 5, 7), module, plain(op, more))


class Narrow(nn.Module):
    def forward(self, x):
        return x.narrow(2, 1, 3)


def sizes(single):
    image = (2, 6, 5)
    yield single("narrow", image, Narrow(),
                 plain("Narrow", "dim = 2; start = 1; length = 3; "))
    for op, module, more in [
            ("ZeroPad2d", nn.ZeroPad2d((1, 2, 3, 0)), "padding = [1, 2, 3, 0]; "),
            ("ConstantPad2d", nn.ConstantPad2d(1, 0.25),
             "padding = 1; value = 0.25; "),
            ("ReflectionPad2d", nn.ReflectionPad2d((3, 1, 0, 2)),
             "padding = [3, 1, 0, 2]; "),
            ("ReplicationPad2d", nn.ReplicationPad2d(2), "padding = 2; ")]:
        yield single(op.lower(), image, module, plain(op, more))
    for name, module, more in [
            ("nearest", nn.Upsample(scale_factor=2), "scale_factor = 2; "),
            ("nearest_size", nn.Upsample(size=(7, 11)), "size = [7, 11]; "),
            ("nearest_exact", nn.Upsample(size=(4, 9), mode="nearest-exact"),
             'size = [4, 9]; mode = "nearest-exact"; '),
            ("bilinear", nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"),
             'scale_factor = [2.0, 1.5]; mode = "bilinear"; '),
            ("bilinear_down", nn.Upsample(size=(4, 3), mode="bilinear"),
             'size = [4, 3]; mode = "bilinear"; '),
            ("bilinear_aligned", nn.Upsample(size=(11, 9), mode="bilinear",
                                             align_corners=True),
             'size = [11, 9]; mode = "bilinear"; align_corners = true; '),
            ("bicubic", nn.Upsample(scale_factor=2, mode="bicubic"),
             'scale_factor = 2; mode = "bicubic"; ')]:
        yield single(f"upsample_{name}", image, module, plain("Upsample", more))


def settle(network):
    """Weights and statistics that no layer can ignore."""
    for name, tensor in network.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 2)
        elif "running_mean" in name:
            tensor.normal_(0, 0.5)
        elif tensor.is_floating_point() and tensor.dim() == 1:
            tensor.normal_(0.2, 0.5)


def write(name, shape, network, layers, cut):
    settle(network)
    network.eval()
    weights = network.state_dict()
    if name == "half_weights":  # stored so; the network computes in float32
        weights = {key: tensor.half() for key, tensor in weights.items()}
        network.load_state_dict(weights)
    inputs = torch.randn(SAMPLES, *shape)
    with torch.no_grad():
        outputs = network(inputs)
    if weights:
        torch.save(weights, FOLDER / f"{name}.pth")
    numpy.save(FOLDER / f"{name}.in.npy", inputs.numpy())
    numpy.save(FOLDER / f"{name}.out.npy", outputs.numpy())
    lines = ["model: {", f'  name = "{name}";']
    if weights:
        lines.append(f'  weights = "{name}.pth";')
    lines.append(f"  input = [{', '.join(map(str, shape))}];")
    if cut:
        lines.append(f"  {cut.strip()}")
    lines.append("  layers = (\n    " + ",\n    ".join(layers) + "\n  );")
    lines.append("};")
    (FOLDER / f"{name}.cfg").write_text("\n".join(lines) + "\n")


def main():
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    for number, case in enumerate(cases(), 1):
        write(*case)
        torch.manual_seed(number)  # for the next, whose layers come now


if __name__ == "__main__":
    main()
