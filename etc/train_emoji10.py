#!/usr/bin/env python3
"""Train emoji10, the network of the demo, on pictures drawn from a font.

The ten classes are CIFAR-10's; the pictures are glyphs of Noto Color Emoji
(Debian's fonts-noto-color-emoji) in random pose, before random backgrounds and
with noise, so the whole data set is made here and nothing is fetched. The
network is the small CNN of the framework Convoy replaces. Held-out pictures
are drawn with seeds the training never saw, from the same glyphs: the figure
says how well poses, backgrounds and noise are coped with, not new drawings.

    apt-get install python3-torch python3-pil fonts-noto-color-emoji
    etc/train_emoji10.py [--epochs 12] [--train 24000] [--held-out 4000]

writes etc/emoji10.pth (a state_dict, float16), etc/emoji10.txt (labels) and
the example pictures in etc/demo/.
"""
import argparse
import pathlib
import random
import time

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import nn

ETC = pathlib.Path(__file__).resolve().parent
FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
FONT_PX = 109  # the one size this bitmap font has
SIZE = 32
CANVAS = 128  # pictures are drawn at this size, then shrunk like a photograph

GLYPHS = {
    "airplane": "✈🛩🛫🛬",
    "automobile": "🚗🚙🚘🏎🚖",
    "bird": "🐦🦜🦅🕊🦆🦉",
    "cat": "🐱🐈😺😸",
    "deer": "🦌",
    "dog": "🐶🐕🐩🦮",
    "frog": "🐸",
    "horse": "🐴🐎",
    "ship": "🚢⛴🛳⛵🚤",
    "truck": "🚚🚛🛻",
}
LABELS = list(GLYPHS)


class Net(nn.Module):
    """conv, pool, conv, pool, fully connected, fully connected."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 8 * 8, 512)
        self.fc2 = nn.Linear(512, len(LABELS))

    def forward(self, x, drop=0.0):
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc2(nn.functional.dropout(x, drop, self.training))


def glyph(font, character):
    """One glyph, cropped to its ink, as RGBA."""
    image = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(image).text((10, 10), character, font=font,
                               embedded_color=True)
    return image.crop(image.getbbox())


def background(rng):
    """A plain, graded or patchy picture of CANVAS x CANVAS."""
    def colour():
        return tuple(rng.randrange(256) for _ in range(3))

    image = Image.new("RGB", (CANVAS, CANVAS), colour())
    kind = rng.randrange(3)
    draw = ImageDraw.Draw(image)
    if kind == 1:
        mask = Image.linear_gradient("L").resize((CANVAS, CANVAS))
        mask = mask.rotate(rng.choice((0, 90, 180, 270)))
        image = Image.composite(Image.new("RGB", image.size, colour()), image,
                                mask)
    elif kind == 2:
        for _ in range(rng.randrange(3, 9)):
            x, y = rng.randrange(CANVAS), rng.randrange(CANVAS)
            radius = rng.randrange(8, 48)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius),
                         fill=colour())
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 8)))
    return image


def draw(glyphs, label, rng, canvas=CANVAS):
    """A picture of a class: a glyph in a random pose before a background."""
    image = background(rng)
    mark = rng.choice(glyphs[label])
    if rng.random() < 0.5:
        mark = mark.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = rng.uniform(0.6, 0.95) * CANVAS / max(mark.size)
    width, height = (max(1, round(s * scale)) for s in mark.size)
    mark = mark.resize((max(1, round(width * rng.uniform(0.85, 1.15))),
                        height), Image.Resampling.BILINEAR)
    mark = mark.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR,
                       expand=True)
    free_x, free_y = CANVAS - mark.width, CANVAS - mark.height
    image.paste(mark, (round(free_x / 2 + rng.uniform(-12, 12)),
                       round(free_y / 2 + rng.uniform(-12, 12))), mark)
    pixels = np.asarray(image, np.float32)
    noise = np.random.default_rng(rng.getrandbits(32))
    pixels = pixels * rng.uniform(0.75, 1.2) + noise.normal(
        0, rng.uniform(0, 14), pixels.shape)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image.resize((canvas, canvas), Image.Resampling.BILINEAR)


def pictures(glyphs, count, seed):
    """count pictures, all classes alike, as float32 NCHW, and labels."""
    rng = random.Random(seed)
    x = np.empty((count, SIZE, SIZE, 3), np.uint8)
    y = np.arange(count) % len(LABELS)
    for i in range(count):
        x[i] = np.asarray(draw(glyphs, LABELS[y[i]], rng, SIZE))
    x = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
    return (x - 0.5) / 0.5, torch.from_numpy(y)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        found = torch.cat([net(part).argmax(1) for part in x.split(500)])
    return (found == y).float().mean().item(), found


def train(net, x, y, epochs):
    batch = 64
    steps = epochs * (len(x) // batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    for epoch in range(epochs):
        net.train()
        total, started = 0.0, time.monotonic()
        order = torch.randperm(len(x))
        for rows in order.split(batch):
            if len(rows) < batch:
                continue
            loss = nn.functional.cross_entropy(
                net(x[rows], 0.3), y[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2}  loss {total * batch / len(x):.4f}  "
              f"{time.monotonic() - started:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--train", type=int, default=24000)
    parser.add_argument("--held-out", type=int, default=4000)
    arguments = parser.parse_args()

    torch.manual_seed(10)
    font = ImageFont.truetype(FONT, FONT_PX)
    glyphs = {label: [glyph(font, c) for c in characters]
              for label, characters in GLYPHS.items()}
    started = time.monotonic()
    x, y = pictures(glyphs, arguments.train, seed=1)
    held_x, held_y = pictures(glyphs, arguments.held_out, seed=2)
    print(f"drew {len(x)} + {len(held_x)} pictures in "
          f"{time.monotonic() - started:.0f} s", flush=True)

    net = Net()
    train(net, x, y, arguments.epochs)
    net.half().float()  # what is written, and measured, has float16 weights
    score, found = accuracy(net, held_x, held_y)
    print(f"held-out accuracy {score:.4f} on {len(held_x)} pictures")
    for index, label in enumerate(LABELS):
        rows = held_y == index
        print(f"  {label:10} {(found[rows] == index).float().mean():.3f}")

    torch.save({k: v.half() for k, v in net.state_dict().items()},
               ETC / "emoji10.pth")
    (ETC / "emoji10.txt").write_text("".join(f"{l}\n" for l in LABELS))
    rng = random.Random(3)
    (ETC / "demo").mkdir(exist_ok=True)
    for label in ("cat", "dog", "frog", "ship", "truck", "airplane"):
        draw(glyphs, label, rng, 256).save(ETC / "demo" / f"{label}.png",
                                           optimize=True)


if __name__ == "__main__":
    main()
