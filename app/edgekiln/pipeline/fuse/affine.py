"""Constant per-channel affines standing in a graph: y = x * scale + offset along the last axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgekiln.pipeline.graph.graph import Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links

Vector = NDArray[np.float64]
NO_ACTIVATION = int(schema.ActivationFunctionType.NONE)


@dataclass(frozen=True, eq=False)
class Affine:
    """Operators in a row that compute `result = source * scale + offset`, the last one perhaps
    with an activation. `scale` and `offset` have one value a channel."""

    subgraph: Subgraph
    operators: tuple[Operator, ...]
    source: Tensor
    result: Tensor
    scale: Vector
    offset: Vector

    @property
    def activation(self) -> int:
        """The activation fused on the last operator (ActivationFunctionType)."""
        return activation(self.operators[-1])


def activation(operator: Operator) -> int:
    """The operator's fused activation (ActivationFunctionType)."""
    return int(getattr(operator.options, "fusedActivationFunction", NO_ACTIVATION))


def find_affines(subgraph: Subgraph, links: Links) -> Iterator[Affine]:
    """The longest affines of the subgraph, in the order they run; no operator is in two."""
    taken: set[Operator] = set()
    for operator in subgraph.operators:
        if operator in taken or (affine := affine_from(subgraph, operator, links)) is None:
            continue
        taken.update(affine.operators)
        if np.isfinite(affine.scale).all() and np.isfinite(affine.offset).all():
            yield affine


def affine_from(subgraph: Subgraph, operator: Operator, links: Links) -> Affine | None:
    """The longest affine that begins with an operator."""
    affine = _start(subgraph, operator)
    while affine is not None and (longer := _extend(affine, links)) is not None:
        affine = longer
    return affine


def _start(subgraph: Subgraph, operator: Operator) -> Affine | None:
    step = step_of(operator)
    if step is None:
        return None
    source, scale, offset = step
    return Affine(subgraph, (operator,), source, operator.outputs[0], scale, offset)


def _extend(affine: Affine, links: Links) -> Affine | None:
    follower = links.only_consumer(affine.result)
    if follower is None or affine.activation != NO_ACTIVATION or follower.is_custom:
        return None
    step = step_of(follower)
    if step is None:
        return None
    _, scale, offset = step
    return Affine(
        affine.subgraph,
        (*affine.operators, follower),
        affine.source,
        follower.outputs[0],
        affine.scale * scale,
        affine.offset * scale + offset,
    )


def step_of(operator: Operator) -> tuple[Tensor, Vector, Vector] | None:
    """One operator as (x, scale, offset); None when it is no affine of one float tensor."""
    if operator.name not in ("MUL", "ADD", "SUB", "DIV") or len(operator.inputs) != 2:
        return None
    left, right = operator.inputs
    if left is None or right is None or left.is_constant == right.is_constant:
        return None
    x, constant = (right, left) if left.is_constant else (left, right)
    values = _per_channel(x, constant, operator.outputs[0])
    if values is None or (operator.name == "DIV" and constant is left):
        return None
    return x, *_scale_and_offset(operator.name, values, constant_first=constant is left)


def _scale_and_offset(name: str, values: Vector, *, constant_first: bool) -> tuple[Vector, Vector]:
    ones, zeros = np.ones_like(values), np.zeros_like(values)
    match name:
        case "MUL":
            return values, zeros
        case "DIV":
            with np.errstate(divide="ignore"):
                return ones / values, zeros
        case "SUB":
            return (-ones, values) if constant_first else (ones, -values)
    return ones, values


def _per_channel(x: Tensor, constant: Tensor, result: Tensor) -> Vector | None:
    """The constant as one value a channel; None when it is not float, or differs inside one."""
    if (x.dtype, constant.dtype, result.dtype) != ("float32",) * 3:
        return None
    if len(x.shape) < 2 or x.full_shape != result.full_shape:
        return None
    channels, size = x.full_shape[-1], prod(constant.shape)
    if channels < 1 or size not in (1, channels) or len(constant.shape) > len(x.shape):
        return None
    if size == channels and size > 1 and constant.shape[-1] != channels:
        return None
    return np.broadcast_to(constant.array().reshape(-1).astype(np.float64), (channels,)).copy()
