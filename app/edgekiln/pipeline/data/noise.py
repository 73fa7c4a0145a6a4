"""Random numbers as samples: to prove that two graphs are equal, and to time one without data."""

from __future__ import annotations

import numpy as np

from edgekiln.core.model import DYNAMIC, TensorSpec
from edgekiln.pipeline.data.arrays import Array

_SEED = 20
# Ranges models are fed with: normalised, 0…1, and pixels.
_RANGES = ((-1.0, 1.0), (0.0, 1.0), (0.0, 255.0))


def random_inputs(spec: TensorSpec, count: int) -> Array:
    """`count` seeded samples for an input, real values, without the batch: floats in turn from
    -1…1, 0…1 and 0…255; integers 0 or 1, which every index can be."""
    shape = tuple(1 if size == DYNAMIC else size for size in spec.shape[1:])
    random = np.random.default_rng(_SEED)
    if spec.quantization is None and not spec.dtype.startswith("float"):
        bits: Array = random.integers(0, 2, (count, *shape)).astype(np.float32)
        return bits
    samples = [random.uniform(*_RANGES[i % len(_RANGES)], shape) for i in range(count)]
    floats: Array = np.stack(samples).astype(np.float32)
    return floats
