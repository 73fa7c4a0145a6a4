"""Handwritten digits, scikit-learn's 1,797 of 8x8, doubled to 16x16: 0 to 1, parted by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from edgekiln.pipeline.data.arrays import Array

TRAINED, CALIBRATED = 900, 100  # the first of them train, the next calibrate, the others judge


@dataclass(frozen=True)
class Digits:
    """Pictures `[n, 16, 16, 1]` with their classes."""

    x: Array
    y: Array


def digits() -> tuple[Digits, Digits, Digits]:
    """For training, for calibration, for evaluation (797); no picture is in two."""
    data = load_digits()
    order = np.random.default_rng(4).permutation(len(data.target))
    x = data.images[order, :, :, None].astype(np.float32) / 16
    x, y = x.repeat(2, axis=1).repeat(2, axis=2), data.target[order]
    parts = np.split(np.arange(len(y)), [TRAINED, TRAINED + CALIBRATED])
    training, calibration, evaluation = (Digits(x[part], y[part]) for part in parts)
    return training, calibration, evaluation
