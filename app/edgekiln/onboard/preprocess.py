"""How a decoded picture becomes the model's input, on a box as on the laptop: Python 3.7 and numpy,
nothing of ours.

    preprocess = load("preprocessing.json")
    x = preprocess(picture, shape)   # uint8 RGB [height, width, channels] of any size

`shape` is that of the model's input without its batch: get_input_details()[0]["shape"][1:].

The laptop uses Pillow; what is here says the same bit by bit (tests compare the two), so accuracy
measured there holds here. A picture's alpha channel is left out.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Tuple

import numpy as np

BITS = 22  # of a weight, as in Pillow's Resample.c
Box = Tuple[float, float, float, float]
Options = Dict[str, Any]


def load(path: str) -> Callable[..., Any]:
    """The preprocessing that a bundle's `preprocessing.json` tells."""
    with open(path, encoding="utf-8") as file:
        options = json.load(file)
    return lambda picture, shape: preprocess(options, picture, shape)


def preprocess(options: Options, picture: Any, shape: Tuple[int, ...]) -> Any:
    """float32 of `shape`, real values (a quantized input's scale comes after): value =
    pixel * scale + offset per channel, after size, framing and the order of colours."""
    sides = [int(size) for size in shape] + [1] * (3 - len(shape))
    first = options["layout"] == "nchw"
    if options["layout"] == "model":
        first = sides[0] in (1, 3) and sides[2] not in (1, 3, 4)
    height, width, channels = sides[1:] + sides[:1] if first else sides
    if options["sound"] is not None or channels not in (1, 3):
        raise ValueError("this preprocessing is not for pictures of 1 or 3 channels")
    pixels = fit(options, _with_channels(np.asarray(picture, np.uint8), channels), height, width)
    if channels == 3 and options["channels"] == "bgr":
        pixels = pixels[:, :, ::-1]
    elif channels == 3 and options["channels"] == "gray":
        pixels = np.repeat(_with_channels(pixels, 1), 3, axis=2)
    scale, offset = (np.asarray(options[name], np.float32) for name in ("scale", "offset"))
    value = pixels.astype(np.float32) * scale + offset
    if options["dtype"] != "float32":
        limits = np.iinfo(options["dtype"])
        value = np.rint(value).clip(limits.min, limits.max)
    return (value.transpose(2, 0, 1) if first else value).reshape([int(size) for size in shape])


def _with_channels(picture: Any, channels: int) -> Any:
    """Colour becomes gray (ITU-R 601), gray is repeated."""
    picture = picture[:, :, None] if picture.ndim == 2 else picture
    picture = picture[:, :, :3] if picture.shape[2] == 4 else picture
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    red, green, blue = (picture[:, :, i : i + 1].astype(np.int32) for i in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def fit(options: Options, pixels: Any, height: int, width: int) -> Any:
    """Stretched; its middle (crop); or whole on a ground (letterbox)."""
    own, framing = pixels.shape[:2], options["framing"]
    if own == (height, width) and (framing != "crop" or options["central"] == 1.0):
        return pixels
    whole = (0.0, 0.0, float(own[1]), float(own[0]))
    factors = (width / own[1], height / own[0])
    if framing == "stretch":
        return resize(pixels, height, width, whole, options["resize"])
    if framing == "crop":
        scale = max(factors) / options["central"]
        part = (min(width / scale, own[1]), min(height / scale, own[0]))
        left, top = (own[1] - part[0]) / 2, (own[0] - part[1]) / 2
        box = (left, top, min(left + part[0], own[1]), min(top + part[1], own[0]))
        return resize(pixels, height, width, box, options["resize"])
    scale = min(factors)
    wide, high = max(1, round(own[1] * scale)), max(1, round(own[0] * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    ground = np.full((height, width, pixels.shape[2]), options["fill"], np.uint8)
    ground[top : top + high, left : left + wide] = resize(
        pixels, high, wide, whole, options["resize"]
    )
    return ground


def resize(pixels: Any, height: int, width: int, box: Box, method: str) -> Any:
    """The part `box` (left, top, right, bottom) of a picture at another size, as Pillow does it:
    two passes, weights of 22 bits, each pass rounded to whole values."""
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    if method == "nearest":
        rows = _nearest(top, bottom, height, pixels.shape[0])
        return pixels[rows][:, _nearest(left, right, width, pixels.shape[1])]
    if (left, right, width) != (0, pixels.shape[1], pixels.shape[1]):
        pixels = _pass(pixels.swapaxes(0, 1), left, right, width, method).swapaxes(0, 1)
    if (top, bottom, height) != (0, pixels.shape[0], pixels.shape[0]):
        pixels = _pass(pixels, top, bottom, height, method)
    return pixels


def _nearest(start: float, end: float, count: int, size: int) -> Any:
    step = float(np.float32(end) - np.float32(start)) / count
    steps = np.full(count, step)
    steps[0] = start + step * 0.5
    return np.cumsum(steps).astype(np.int64).clip(0, size - 1)


def _pass(pixels: Any, start: float, end: float, count: int, method: str) -> Any:
    """Along the first axis."""
    reach, weight = METHODS[method]
    scale = float(np.float32(end) - np.float32(start)) / count
    wide = max(scale, 1.0)
    support = reach * wide
    centre = start + (np.arange(count) + 0.5) * scale
    low = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    high = np.minimum((centre + support + 0.5).astype(np.int64), len(pixels))
    taps = np.arange(int((high - low).max()))
    places = low[:, None] + taps
    weights = weight((places - centre[:, None] + 0.5) * (1.0 / wide))
    weights[places >= high[:, None]] = 0.0
    total = np.cumsum(weights, axis=1)[:, -1:]  # summed in order, as there
    weights = weights / np.where(total == 0, 1.0, total) * (1 << BITS)
    whole = np.trunc(weights + np.where(weights < 0, -0.5, 0.5)).astype(np.int32)
    places = np.minimum(places, len(pixels) - 1)
    found = np.full((count, *pixels.shape[1:]), 1 << (BITS - 1), np.int32)
    for tap in taps:
        found += pixels[places[:, tap]] * whole[:, tap].reshape((-1,) + (1,) * (pixels.ndim - 1))
    return (found >> BITS).clip(0, 255).astype(np.uint8)


def _box(x: Any) -> Any:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _triangle(x: Any) -> Any:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: Any) -> Any:
    x, a = np.abs(x), -0.5
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


METHODS = {
    "area": (0.5, _box),
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _cubic),
}  # type: Dict[str, Tuple[float, Callable[[Any], Any]]]
