"""What is wrong with an operator in int8, in a sentence; nothing where it is fine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekiln.core.quantization import Precision
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Operator
from edgekiln.pipeline.graph.links import Links

STEPS = 256  # of an int8 tensor
FINE_DB = 25.0  # isolated SQNR from which nothing is said of an operator by itself
_FAIR_DB = 34.0  # the same where channels differ: the wide ones hide what the others lose
_CUT = 0.001  # share of values outside the range that is worth a word
_UNEQUAL_PARTS = 8.0  # widest over narrowest input of a CONCATENATION
_UNEQUAL_CHANNELS = 32.0  # widest over middle channel: that has 8 steps, or fewer
_FEW_STEPS = 8.0
_NORM = frozenset(("MEAN", "SUM", "SQUARED_DIFFERENCE", "SUB", "MUL", "SQUARE", "ADD", "DIV"))
_ROOTS = frozenset(("RSQRT", "SQRT"))
_NORM_REACH = 4  # operators between a layer norm's ends


@dataclass(frozen=True)
class Seen:
    """What was measured of an operator. `widths`: the largest absolute value of each input it
    computes with; `channels`: that of each channel of its output."""

    operator: Operator
    links: Links
    sqnr_db: float
    low: float
    high: float
    saturated: float
    widths: Sequence[float]
    channels: Array


def problem_of(seen: Seen) -> Text | None:
    """The first thing that explains the loss; None for an operator that is fine."""
    return (
        _empty(seen)
        or _cut(seen)
        or _one_scale(seen)
        or _swish(seen)
        or (_lossy(seen) if seen.sqnr_db < FINE_DB else None)
        or (_channels(seen) if seen.sqnr_db < _FAIR_DB else None)
    )


def why_float(operator: Operator, precision: Precision) -> Text | None:
    """Why an operator of the int8 model is not int8; None for one that works on whole numbers or
    shapes, where there is nothing to quantize."""
    if precision != "float32" or operator.outputs[0].dtype != "float32":
        return None
    if operator.is_custom:
        return say("A custom operator: it stays float.")
    return say(
        "{operator} has no int8 form in the quantizer: it stays float, with a conversion on each "
        "side.",
        operator=operator.name,
    )


def _empty(seen: Seen) -> Text | None:
    if seen.low != seen.high:
        return None
    return say(
        "Calibration never reached this branch: all values were {value}. Add samples that use it.",
        value=f"{seen.low:g}",
    )


def _cut(seen: Seen) -> Text | None:
    if seen.saturated < _CUT:
        return None
    return say(
        "{share} of the values lie outside the range taken from calibration and are cut off.",
        share=f"{seen.saturated:.1%}",
    )


def _one_scale(seen: Seen) -> Text | None:
    """F9 of the fusion rules: boxes in pixels and scores in 0..1 joined before the output."""
    widths = [width for width in seen.widths if width > 0]
    if seen.operator.name != "CONCATENATION" or len(widths) < 2:
        return None
    if max(widths) <= _UNEQUAL_PARTS * min(widths):
        return None
    return say(
        "One scale for what is joined here: one input reaches {wide}, another {narrow}, which "
        "keeps {steps} of {all} steps. Split the output, or keep this operator float.",
        wide=f"{max(widths):.3g}",
        narrow=f"{min(widths):.3g}",
        steps=max(1, round(STEPS * min(widths) / max(widths))),
        all=STEPS,
    )


def _lossy(seen: Seen) -> Text:
    return _layer_norm(seen) or _attention(seen) or _channels(seen) or _spread(seen)


def _swish(seen: Seen) -> Text | None:
    operator, links = seen.operator, seen.links
    gates = [links.producer(tensor) for tensor in operator.inputs if tensor is not None]
    gated = operator.name == "MUL" and any(
        gate is not None and gate.name == "LOGISTIC" and gate.inputs[0] in operator.inputs
        for gate in gates
    )
    steps = STEPS * -seen.low / (seen.high - seen.low)
    if (not gated and operator.name != "HARD_SWISH") or not 0 < steps < _FEW_STEPS:
        return None
    return say(
        "x·sigmoid(x) reaches {high} above zero and {low} below: all its negative values share "
        "{steps} of {all} steps. Keep it in int16x8, or train with ReLU6.",
        high=f"{seen.high:.3g}",
        low=f"{-seen.low:.3g}",
        steps=max(1, round(steps)),
        all=STEPS,
    )


def _layer_norm(seen: Seen) -> Text | None:
    if seen.operator.name not in _NORM | _ROOTS:
        return None
    near = {operator.name for operator in _around(seen.operator, seen.links)}
    if "MEAN" not in near or not near & _ROOTS:
        return None
    return say(
        "Part of a layer normalisation: a square and a root need more steps than int8 has. Keep "
        "the whole chain float."
    )


def _around(operator: Operator, links: Links) -> set[Operator]:
    """The operators a few steps before and after, and the operator."""
    known = edge = {operator}
    for _ in range(_NORM_REACH):
        before = {links.producer(t) for op in edge for t in op.inputs if t is not None}
        after = {reader for op in edge for t in op.outputs for reader in links.consumers(t)}
        edge = {op for op in before | after if op is not None} - known
        known = known | edge
    return known


def _attention(seen: Seen) -> Text | None:
    operator, links = seen.operator, seen.links
    readers = {reader.name for t in operator.outputs for reader in links.consumers(t)}
    is_weighting = operator.name == "SOFTMAX" and "BATCH_MATMUL" in readers
    if operator.name != "BATCH_MATMUL" and not is_weighting:
        return None
    return say(
        "Part of an attention: weights from 0 to 1 that are mostly near 0 and products of two "
        "computed tensors lose much in int8. Keep it float or int16x8."
    )


def _channels(seen: Seen) -> Text | None:
    channels = np.asarray(seen.channels)
    if channels.ndim == 0 or channels.size < 2:
        return None
    middle, widest = float(np.median(channels)), float(channels.max())
    if widest <= _UNEQUAL_CHANNELS * middle:
        return None
    return say(
        "Unequal channels: one reaches {widest}, half of them {middle} at most, and all share one "
        "scale. Equalize the layers, or keep it in int16x8.",
        widest=f"{widest:.3g}",
        middle=f"{middle:.3g}",
    )


def _spread(seen: Seen) -> Text:
    return say(
        "int8 leaves {sqnr} dB here: the values reach from {low} to {high}, and most are small.",
        sqnr=f"{seen.sqnr_db:.0f}",
        low=f"{seen.low:.3g}",
        high=f"{seen.high:.3g}",
    )
