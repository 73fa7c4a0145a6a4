"""Dense weights with one scale for all units, in place of one for each.

Older runtimes read the first scale alone and compute wrong numbers: `graph/versions.py` says which.
The weights are rounded anew from the float model's, so nothing is rounded twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.quantize.biases import HIGHEST_WEIGHT, LIMITS, float_constants, store


def give_one_scale(quantized: Graph, original: Graph) -> int:
    """Edit `quantized`, which was made from the float graph `original`; how many Dense changed.

    A Dense whose float weights are not found by name, or that shares weights or bias, stays.
    """
    constants = float_constants(original)
    uses = Counter(t for op in quantized.operators() for t in op.inputs if t is not None)
    return sum(_change(operator, constants, uses) for operator in quantized.operators())


def _change(operator: Operator, constants: Mapping[str, Tensor], uses: Mapping[Tensor, int]) -> int:
    weights = operator.inputs[1] if operator.name == "FULLY_CONNECTED" else None
    if weights is None or weights.dtype != "int8" or weights.name not in constants:
        return 0
    quantization = weights.quantization
    if quantization is None or len(quantization.scales) < 2 or uses[weights] > 1:
        return 0
    values = constants[weights.name].array()
    bias = _whole_bias(operator)
    if bias is not None and (bias.name not in constants or uses[bias] > 1):
        return 0
    scale = _positive(float(np.abs(values).max(initial=0.0)) / HIGHEST_WEIGHT)
    if bias is not None:
        scale = _rescale_bias(operator, bias, constants[bias.name].array(), scale)
    fresh = np.clip(np.rint(values / scale), -HIGHEST_WEIGHT, HIGHEST_WEIGHT)
    store(weights, fresh.astype(np.int8), np.array([scale]))
    return 1


def _whole_bias(operator: Operator) -> Tensor | None:
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    return bias if bias is not None and bias.dtype in LIMITS else None


def _rescale_bias(operator: Operator, bias: Tensor, values: Array, scale: float) -> float:
    """The bias in steps of input scale x weight scale, the latter widened until it fits."""
    source = operator.inputs[0]
    assert source is not None
    assert source.quantization is not None
    step = source.quantization.scales[0]
    scale = max(scale, float(np.abs(values).max(initial=0.0)) / (step * LIMITS[bias.dtype]))
    whole = np.rint(values.astype(np.float64) / (step * scale)).astype(bias.dtype)
    store(bias, whole, np.array([step * scale]))
    return scale


def _positive(scale: float) -> float:
    """A Dense of zeros has any scale."""
    return scale if scale > 0 else 1.0
