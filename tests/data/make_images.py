#!/usr/bin/env python3
"""Write the goldens of tests/unit/test_image.c with Pillow and torchvision.

Needs Debian's python3-pil and python3-torchvision. Writes beside itself, in
images/: each case as NAME.png or NAME.jpg with NAME.rgb, the bytes of
convert("RGB"); resize.bin, whose sources the test draws itself;
transforms.txt, digests of whole tensors; and damaged or hostile files.
"""
import hashlib
import io
import pathlib
import struct
import zlib

import torch
import torchvision.transforms as T
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor, to_tensor

OUT = pathlib.Path(__file__).resolve().parent / "images"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def drawn(width, height):
    """The picture that the test draws too: s_draw() there."""
    return bytes((x * x * 7 + y * 13 + x * y * 5 + c * 91 + (x ^ y) * 3) & 255
                 for y in range(height) for x in range(width)
                 for c in range(3))


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def png(width, height, depth, colour, raw, *extra, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0,
                         interlace)
    return (SIGNATURE + chunk(b"IHDR", header) +
            b"".join(chunk(*e) for e in extra) +
            chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def rows(width, height, bits, start=0):
    """Filtered rows (filter 0) of a pattern with `bits` a pixel."""
    size = (width * bits + 7) // 8
    return b"".join(b"\0" + bytes((start + y * 37 + x * 11) & 255
                                  for x in range(size))
                    for y in range(height))


def write(name, data, expected=None):
    (OUT / name).write_bytes(data)
    if expected is not False:
        if expected is None:
            expected = Image.open(io.BytesIO(data)).convert("RGB").tobytes()
        (OUT / name).with_suffix(".rgb").write_bytes(expected)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoding():
    width, height = 13, 7
    for depth in (1, 2, 4, 8):
        write(f"grey{depth}.png",
              png(width, height, depth, 0, rows(width, height, depth)))
        colours = bytes(i * 29 & 255 for i in range(3 * (1 << depth)))
        write(f"palette{depth}.png",
              png(width, height, depth, 3, rows(width, height, depth),
                  (b"PLTE", colours)))
    # A palette that ends before the indices do.
    write("palette_short.png",
          png(width, height, 8, 3, rows(width, height, 8),
              (b"PLTE", bytes(range(30)))))
    write("palette_alpha.png",
          png(width, height, 8, 3, rows(width, height, 8),
              (b"PLTE", bytes(i * 29 & 255 for i in range(768))),
              (b"tRNS", bytes(range(0, 250, 10)))))
    write("rgb8.png", png(width, height, 8, 2, rows(width, height, 24)))
    write("rgb8_key.png", png(width, height, 8, 2, rows(width, height, 24),
                              (b"tRNS", bytes([0, 0, 0, 11, 0, 22]))))
    write("rgba8.png", png(width, height, 8, 6, rows(width, height, 32)))
    write("grey_alpha8.png", png(width, height, 8, 4, rows(width, height, 16)))
    write("rgb16.png", png(width, height, 16, 2, rows(width, height, 48)))
    write("rgba16.png", png(width, height, 16, 6, rows(width, height, 64)))
    # Pillow clips 16-bit grey to white; Convoy keeps the high byte.
    raw = rows(width, height, 16)
    high = b"".join(raw[y * (2 * width + 1) + 1 + 2 * x:][:1] * 3
                    for y in range(height) for x in range(width))
    write("grey16.png", png(width, height, 16, 0, raw), high)

    picture = Image.frombytes("RGB", (width, height), drawn(width, height))
    write("filters.png", saved(picture, "PNG", optimize=True))
    many = saved(picture, "PNG")
    at = many.index(b"IDAT") - 4
    size = struct.unpack(">I", many[at:at + 4])[0]
    data = many[at + 8:at + 8 + size]
    parts = b"".join(chunk(b"IDAT", data[i:i + 40])
                     for i in range(0, len(data), 40))
    write("many_idat.png",
          many[:at] + chunk(b"tEXt", b"Comment\0x") + parts +
          chunk(b"tIME", bytes(7)) + chunk(b"IEND", b"") + b"trailing")


def interlaced():
    """Adam7: the seven passes of a drawn picture."""
    width, height = 9, 11
    pixels = drawn(width, height)
    raw = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8),
                           (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                           (0, 1, 1, 2)):
        if x0 >= width:
            continue
        for y in range(y0, height, dy):
            raw += b"\0" + b"".join(
                pixels[3 * (y * width + x):][:3]
                for x in range(x0, width, dx))
    write("interlaced.png", png(width, height, 8, 2, raw, interlace=1), pixels)


def smooth(width, height):
    return Image.frombytes("RGB", (width, height), bytes(
        v for y in range(height) for x in range(width)
        for v in (x * 255 // width, y * 255 // height, (x + y) * 2 & 255)))


def jpegs():
    picture = smooth(40, 24)
    write("photo.jpg", saved(picture, "JPEG", quality=92, subsampling=0))
    write("progressive.jpg",
          saved(picture, "JPEG", quality=92, subsampling=0, progressive=True))
    write("subsampled.jpg", saved(picture, "JPEG", quality=92, subsampling=2))
    write("grey.jpg", saved(picture.convert("L"), "JPEG", quality=92))
    write("cmyk.jpg", saved(picture.convert("CMYK"), "JPEG"), False)


def hostile():
    write("bomb_side.png", png(16385, 1, 8, 0, rows(16385, 1, 8)), False)
    write("bomb_area.png", png(16384, 6200, 1, 0, b""), False)
    # One pixel whose compressed bytes swell to 40 MiB.
    bomb = zlib.compressobj(9)
    swollen = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(40))
    swollen += bomb.flush()
    write("bomb_inflate.png",
          SIGNATURE +
          chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) +
          chunk(b"IDAT", swollen) + chunk(b"IEND", b""), False)


def resizing():
    """Records of u16: source width, height, width, height, 1 for bicubic; then
    the pixels."""
    sizes = [(37, 23, 8, 8), (37, 23, 37, 23), (37, 23, 37, 5),
             (37, 23, 5, 23), (37, 23, 36, 22), (37, 23, 38, 24),
             (37, 23, 61, 47), (37, 23, 1, 1), (1, 1, 7, 5), (2, 3, 9, 10),
             (101, 67, 32, 32), (101, 67, 33, 31), (64, 64, 32, 32),
             (97, 3, 11, 13), (3, 97, 13, 11), (255, 2, 32, 17),
             (160, 120, 7, 9), (48, 80, 24, 40), (33, 33, 65, 17)]
    data = b""
    for cubic, kind in enumerate((Image.BILINEAR, Image.BICUBIC)):
        for sw, sh, w, h in sizes:
            picture = Image.frombytes("RGB", (sw, sh), drawn(sw, sh))
            data += struct.pack("<5H", sw, sh, w, h, cubic)
            data += picture.resize((w, h), kind).tobytes()
    (OUT / "resize.bin").write_bytes(data)


STATISTICS = {"rgb": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
              "bgr": ([0.406, 0.456, 0.485], [0.225, 0.224, 0.229]),
              "grey": ([0.449], [0.226])}


def transformed(picture, resize, shorter, size, kind, channels, layout, white):
    """A tensor in torchvision's own words."""
    kind = getattr(T.InterpolationMode, kind.upper())
    picture = picture.convert("L" if channels == "grey" else "RGB")
    if resize == "crop":
        picture = T.CenterCrop(size)(T.Resize(shorter, kind)(picture))
    else:
        picture = T.Resize(size, kind)(picture)
    tensor = (to_tensor(picture) if white == 1
              else pil_to_tensor(picture).float())
    if channels == "bgr":
        tensor = tensor.flip(0)
    mean, std = STATISTICS[channels]
    tensor = T.Normalize([m * white for m in mean],
                         [s * white for s in std])(tensor)
    return tensor.permute(1, 2, 0) if layout == "NHWC" else tensor


def transforming():
    """A line a case: the source (WIDTHxHEIGHT drawn, or a file), the transform
    in the words of pipeline.cfg, and the SHA-256 of the float32 tensor."""
    torch.set_num_threads(1)
    cases = []
    for source in ("101x67", "67x101", "50x50", "37x90", "91x13", "32x32"):
        for kind in ("bilinear", "bicubic"):
            for channels in STATISTICS:
                cases.append((source, "crop", 40, (32, 27), kind, channels,
                              "NCHW", 1))
    # The way of ImageNet: sides under, at and over 256, odd, tall and wide.
    for source in ("500x375", "333x499", "256x256", "256x301", "257x256",
                   "224x224", "255x639", "97x41", "1023x256", "225x337",
                   "1x9"):
        for kind in ("bilinear", "bicubic"):
            cases.append((source, "crop", 256, (224, 224), kind, "rgb",
                          "NCHW", 1))
    for layout in ("NCHW", "NHWC"):
        for channels in STATISTICS:
            for white in (1, 255):
                cases.append(("61x47", "stretch", 256, (33, 40), "bicubic",
                              channels, layout, white))
    for name in ("grey1", "grey8", "palette2", "palette8", "palette_alpha",
                 "rgb8", "rgba8", "grey_alpha8", "rgb16", "filters"):
        cases.append((f"{name}.png", "stretch", 256, (7, 13), "bilinear",
                      "grey", "NCHW", 255))
    lines = []
    for source, resize, shorter, size, kind, channels, layout, white in cases:
        if source.endswith(".png"):
            picture = Image.open(OUT / source)
        else:
            width, height = map(int, source.split("x"))
            picture = Image.frombytes("RGB", (width, height),
                                      drawn(width, height))
        tensor = transformed(picture, resize, shorter, size, kind, channels,
                             layout, white)
        digest = hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        lines.append(f"{source} {resize} {shorter} {size[0]} {size[1]} {kind} "
                     f"{channels} {layout} {white} {digest}\n")
    (OUT / "transforms.txt").write_text("".join(lines))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    decoding()
    interlaced()
    jpegs()
    hostile()
    resizing()
    transforming()
