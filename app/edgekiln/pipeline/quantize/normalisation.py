"""Whether samples have the range that the model's own normalisation is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.links import Links

# The largest value a picture is fed with (bytes, or shares), and how low its lowest has to become
# for the constants to be a normalisation: bytes become small, shares become centred.
_FED = {255.0: 0.0, 1.0: -0.25}
_NARROW = 1 / 8  # of what is expected, over all samples
_BEYOND = 1 / 2
_LARGEST = 4.0  # of normalised values; by ImageNet's moments they are within 2.7
_WIDEST, _NARROWEST = 8.0, 0.5
_AFFINE: Mapping[str, Callable[[Array, Array], Array]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": np.divide,
}


def range_notes(
    graph: Graph, lows: Mapping[str, Array], highs: Mapping[str, Array]
) -> Iterator[Text]:
    """A note for each input whose samples do not fit the constants it is normalised by.

    Only where the model begins with additions and multiplications by constants that bring 0…255 or
    0…1 near [-1, 1], and takes what can be a picture. A normalisation folded into the first
    layer is not seen.
    """
    links = Links(graph.main)
    for tensor in graph.main.inputs:
        end, ends = _normalised(tensor, links)
        top = next((fed for fed, most in _FED.items() if _is_normal(*ends[fed], most)), None)
        if end is tensor or not _can_be_picture(tensor) or top is None or end.name not in lows:
            continue
        low, high = ends[top]
        seen = float(lows[end.name].min()), float(highs[end.name].max())
        if _fits(seen, (low, high)):
            continue
        fed = float(lows[tensor.name].min()), float(highs[tensor.name].max())
        yield say(
            "The samples do not fit the model's own normalisation: it is made for 0…{top}, "
            "“{name}” was fed {low}…{high}. Check the preprocessing: it may be done twice, or not "
            "at all.",
            top=f"{top:g}",
            name=tensor.name,
            low=f"{fed[0]:.4g}",
            high=f"{fed[1]:.4g}",
        )


def _normalised(tensor: Tensor, links: Links) -> tuple[Tensor, dict[float, tuple[float, float]]]:
    """The last tensor of the normalisation, and what 0…255 and 0…1 become there."""
    points = {value: np.array(value) for value in (0.0, *_FED)}
    while (operator := links.only_consumer(tensor)) is not None:
        after = {value: _applied(operator, tensor, point) for value, point in points.items()}
        if any(point is None for point in after.values()):
            break
        points = {value: point for value, point in after.items() if point is not None}
        tensor = operator.outputs[0]
    ends = {}
    for fed in _FED:
        both = np.stack(np.broadcast_arrays(points[0.0], points[fed]))
        ends[fed] = float(both.min()), float(both.max())
    return tensor, ends


def _applied(operator: Operator, source: Tensor, value: Array) -> Array | None:
    """The operator on a value by a constant of one number, or one a channel; None for any other."""
    if operator.name not in _AFFINE or len(operator.inputs) != 2:
        return None
    if getattr(operator.options, "fusedActivationFunction", 0):
        return None
    left, right = operator.inputs
    other = right if left is source else left
    if other is None or other.dtype != "float32" or not other.is_constant:
        return None
    number = other.array().astype(np.float64)
    if number.size not in (1, number.shape[-1] if number.ndim else 1):
        return None
    a, b = (value, number.reshape(-1)) if left is source else (number.reshape(-1), value)
    if operator.name == "DIV" and not np.all(b):
        return None
    return np.asarray(_AFFINE[operator.name](a, b))


def _can_be_picture(tensor: Tensor) -> bool:
    shape = tensor.shape
    return len(shape) == 4 and not {shape[1], shape[3]}.isdisjoint((1, 3, 4))


def _is_normal(low: float, high: float, most: float) -> bool:
    return low <= most and max(-low, high) <= _LARGEST and _NARROWEST <= high - low <= _WIDEST


def _fits(seen: tuple[float, float], expected: tuple[float, float]) -> bool:
    width = expected[1] - expected[0]
    within = seen[0] >= expected[0] - _BEYOND * width and seen[1] <= expected[1] + _BEYOND * width
    return within and seen[1] - seen[0] >= _NARROW * width
