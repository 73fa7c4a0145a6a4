"""The step `thumbnails`: raw samples as small pictures for the window, many to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.core.data import (
    PER_SHEET,
    SHEET_COLUMNS,
    DataSource,
    ThumbnailPlan,
    Thumbnails,
)
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.source import open_data

_WINDOW, _FRAMES = 256, 192  # of a drawn sound


def thumbnails(
    inputs: DataSource, plan: ThumbnailPlan, out_dir: Path, report: Report
) -> Thumbnails:
    """A picture as it is, an array of numbers as a gray map, on sheets as Thumbnails says."""
    data = open_data(inputs)
    sheets: list[Path] = []
    for start in range(0, len(plan.indexes), PER_SHEET):
        report(start / len(plan.indexes), say("Drawing samples"))
        shown = plan.indexes[start : start + PER_SHEET]
        sheets.append(out_dir / f"{len(sheets):04d}.png")
        sheet([draw(data, index, plan.size) for index in shown], plan.size).save(
            sheets[-1], compress_level=1
        )
    return Thumbnails(tuple(sheets))


def sheet(pictures: Sequence[Image.Image], side: int) -> Image.Image:
    """Pictures no longer than `side`, each in the middle of its cell; nothing around them."""
    rows = -(-len(pictures) // SHEET_COLUMNS)
    whole = Image.new("RGBA", (side * min(len(pictures), SHEET_COLUMNS), side * rows))
    for n, picture in enumerate(pictures):
        row, column = divmod(n, SHEET_COLUMNS)
        left, top = (side - picture.width) // 2, (side - picture.height) // 2
        whole.paste(picture, (column * side + left, row * side + top))
    return whole


def draw(data: DataSet, index: int, size: int) -> Image.Image:
    """Sample `index`, its longer side `size` pixels: enlarged sharp, reduced smooth."""
    raw = data.raw(index)
    if data.has_sounds():
        raw = spectrogram(raw)
    return scaled(raw.astype(np.uint8) if data.has_pixels() else gray_map(raw), size)


def scaled(pixels: Array, size: int) -> Image.Image:
    """uint8 [height, width] or [height, width, channels] as a picture like those of `draw`."""
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    picture = Image.fromarray(flat)
    factor = size / max(picture.size)
    sharp = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BILINEAR
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), sharp)


def spectrogram(sound: Array) -> Array:
    """A sound [time] as decibels [frames, frequencies], low ones last; -80 dB is the darkest."""
    padded = np.concatenate([sound, np.zeros(max(0, _WINDOW - len(sound)), np.float32)])
    step = max(1, (len(padded) - _WINDOW) // _FRAMES)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1))[:, ::-1]
    decibels: Array = 20 * np.log10(np.maximum(power, power.max() * 1e-4 or 1.0))
    return decibels


def gray_map(values: Array) -> Array:
    """Numbers of any shape as uint8 [rows, columns]: the smallest black, the largest white.

    Feature maps are drawn with time from left to right, so a [time, features] array is turned.
    """
    flat = np.squeeze(values).astype(np.float32)
    rows = flat.reshape(1, -1) if flat.ndim < 2 else flat.reshape(len(flat), -1).T
    low, high = float(rows.min()), float(rows.max())
    span = high - low or 1.0
    return ((rows - low) * np.float32(255 / span)).astype(np.uint8)
