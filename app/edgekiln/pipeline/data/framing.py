"""A picture at the size of the model: stretched, its middle, or whole on a ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edgekiln.core.data import Preprocessing
from edgekiln.pipeline.data.arrays import Array

_METHODS = {
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Placement:
    """Which part of a picture goes where: `source` (left, top, right, bottom) of the picture, in
    pixels, onto `target` (left, top, right, bottom) of the model's input."""

    source: tuple[float, float, float, float]
    target: tuple[int, int, int, int]

    def place(self, corners: Array) -> Array:
        """Boxes [n, 4] (x0, y0, x1, y1) of the picture, in pixels of the model's input."""
        scale, shift = self._line()
        return np.asarray(corners * np.tile(scale, 2) + np.tile(shift, 2), np.float32)

    def back(self, corners: Array) -> Array:
        """Boxes of the model's input, in pixels of the picture."""
        scale, shift = self._line()
        return np.asarray((corners - np.tile(shift, 2)) / np.tile(scale, 2), np.float32)

    def _line(self) -> tuple[Array, Array]:
        start, size = np.array(self.source[:2]), np.subtract(self.source[2:], self.source[:2])
        scale = np.subtract(self.target[2:], self.target[:2]) / size
        return scale, np.array(self.target[:2]) - start * scale


def placement(
    preprocessing: Preprocessing, size: tuple[int, int], wanted: tuple[int, int]
) -> Placement:
    """How a picture of `size` (width, height) comes onto an input of `wanted` (width, height).

    crop: of the picture the largest middle part of the input's proportions, times `central` (0.875
    is resizing to 256 and cropping to 224). letterbox: scaled by the smaller factor, in the middle.
    """
    whole = (0.0, 0.0, float(size[0]), float(size[1]))
    if preprocessing.framing == "stretch":
        return Placement(whole, (0, 0, *wanted))
    factors = (wanted[0] / size[0], wanted[1] / size[1])
    if preprocessing.framing == "crop":
        scale = max(factors) / preprocessing.central
        # No edge may lie outside, not by a rounding either.
        part = (min(wanted[0] / scale, size[0]), min(wanted[1] / scale, size[1]))
        left, top = (size[0] - part[0]) / 2, (size[1] - part[1]) / 2
        right, bottom = min(left + part[0], size[0]), min(top + part[1], size[1])
        return Placement((left, top, right, bottom), (0, 0, *wanted))
    scale = min(factors)
    own = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    left, top = (wanted[0] - own[0]) // 2, (wanted[1] - own[1]) // 2
    return Placement(whole, (left, top, left + own[0], top + own[1]))


def fit(
    pixels: Array,
    height: int,
    width: int,
    channels: int,
    preprocessing: Preprocessing = Preprocessing(),  # noqa: B008  (frozen)
) -> Array:
    """uint8 [height, width, channels], resized and framed as the preprocessing says; colour becomes
    gray (ITU-R 601) or gray is repeated where the model wants another number of channels."""
    cropped = preprocessing.framing == "crop" and preprocessing.central != 1.0
    if pixels.shape == (height, width, channels) and not cropped:
        return pixels
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    picture = Image.fromarray(flat).convert(_MODES[channels])
    if picture.size != (width, height) or cropped:
        picture = _framed(picture, preprocessing, (width, height))
    return np.asarray(picture).reshape(height, width, channels)


def _resized(
    picture: Image.Image,
    wanted: tuple[int, int],
    method: Image.Resampling,
    box: tuple[float, float, float, float],
) -> Image.Image:
    """Across, then down, each for itself: releases of Pillow differ in what they do first, and
    `onboard.preprocess` must come to the same values on the box."""
    left, top, right, bottom = box
    across = picture.resize((wanted[0], picture.height), method, (left, 0, right, picture.height))
    return across.resize(wanted, method, (0, top, wanted[0], bottom))


def _framed(
    picture: Image.Image, preprocessing: Preprocessing, wanted: tuple[int, int]
) -> Image.Image:
    method = _METHODS[preprocessing.resize]
    if preprocessing.framing == "stretch":
        return _resized(picture, wanted, method, (0, 0, *picture.size))
    place = placement(preprocessing, picture.size, wanted)
    left, top, right, bottom = place.target
    own = _resized(picture, (right - left, bottom - top), method, place.source)
    if own.size == wanted:
        return own
    fill = (preprocessing.fill,) * len(own.getbands())
    ground = Image.new(picture.mode, wanted, fill)
    ground.paste(own, (left, top))
    return ground
