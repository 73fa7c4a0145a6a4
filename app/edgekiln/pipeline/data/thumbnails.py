"""The step `thumbnails`: raw samples as small pictures for the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.core.data import DataSource, ThumbnailPlan, Thumbnails
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.source import open_data

_WINDOW, _FRAMES = 256, 192  # of a drawn sound


def thumbnails(
    inputs: DataSource, plan: ThumbnailPlan, out_dir: Path, report: Report
) -> Thumbnails:
    """One PNG per index of the plan: a picture as it is, an array of numbers as a gray map."""
    data = open_data(inputs)
    files = []
    for n, index in enumerate(plan.indexes):
        report(n / len(plan.indexes), say("Drawing sample {index}", index=index))
        file = out_dir / f"{n:04d}.png"
        draw(data, index, plan.size).save(file)
        files.append(file)
    return Thumbnails(tuple(files))


def draw(data: DataSet, index: int, size: int) -> Image.Image:
    """Sample `index`, its longer side `size` pixels: enlarged sharp, reduced smooth."""
    raw = data.raw(index)
    if data.has_sounds():
        raw = spectrogram(raw)
    pixels = raw.astype(np.uint8) if data.has_pixels() else gray_map(raw)
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
