"""What was measured of operators, as the costs their ranking is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from edgekiln.pipeline.graph.graph import Tensor
from edgekiln.pipeline.quantize.compare import Sums
from edgekiln.pipeline.quantize.ranking import Cost, EdgeCost
from edgekiln.pipeline.quantize.twin import Pair

# They move values and compute none.
_MOVERS = frozenset(
    (
        "EXPAND_DIMS",
        "PAD",
        "RESHAPE",
        "SLICE",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TRANSPOSE",
    )
)
_NO_NOISE = 1e-14


def costs_of(
    pairs: Iterable[Pair], sums: Mapping[Tensor, Sums], ends: Sequence[Tensor]
) -> list[Cost]:
    """The costs of all operators, in the order they run."""
    costs = []
    # How much more the rounding of a tensor weighs by parts than as a whole
    heavier: dict[Tensor, float] = {}
    for pair in pairs:
        measured = sums.get(pair.output)
        if measured is None or pair.isolated is None:
            costs.append(_passing(pair))
            continue
        heavier[pair.output] = _heavier(pair, measured, heavier)
        costs.append(_cost(pair, measured, heavier[pair.output], is_end=pair.output in ends))
    return costs


def _passing(pair: Pair) -> Cost:
    """An operator that costs nothing and passes on what comes."""
    floats = [t for t in pair.operator.inputs if t is not None and not t.is_constant]
    edges = tuple(EdgeCost(t.name, 0.0, 1.0) for t in floats if t.dtype == "float32")
    return Cost(pair.output.name, 0.0, 0.0, _names(pair), edges)


def _heavier(pair: Pair, sums: Sums, known: Mapping[Tensor, float]) -> float:
    if pair.operator.name == "CONCATENATION":
        whole = float(np.sum(sums.stored)) / max(float(np.sum(sums.signal)), _NO_NOISE)
        return max(1.0, sums.relative(sums.stored) / max(whole, _NO_NOISE))
    if pair.operator.name in _MOVERS and pair.edges:
        return known.get(pair.edges[0].source, 1.0)
    return 1.0


def _cost(pair: Pair, sums: Sums, heavier: float, *, is_end: bool) -> Cost:
    # A CONCATENATION's figures are by part as they are
    factor = 1.0 if pair.operator.name == "CONCATENATION" else heavier
    edges = []
    for edge, seen in zip(pair.edges, sums.edges, strict=True):
        through, noise = sums.relative(seen.through), seen.relative_noise
        gain = sums.relative(seen.passed_on) / noise if noise > _NO_NOISE else 1.0
        edges.append(EdgeCost(edge.source.name, through * factor, gain))
    stored = sums.relative(sums.stored)
    rest = sums.relative(sums.isolated) - stored - sum(edge.through for edge in edges)
    return Cost(
        pair.output.name,
        max(0.0, rest),
        stored * factor if is_end else 0.0,
        _names(pair),
        tuple(edges),
    )


def _names(pair: Pair) -> tuple[str, ...]:
    return tuple(tensor.name for tensor in pair.operator.outputs)
