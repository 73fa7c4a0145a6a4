"""Constants of a graph as numbers, and new ones in place of old."""

from __future__ import annotations

import numpy as np

from edgekiln.pipeline.fuse.affine import Vector
from edgekiln.pipeline.fuse.rewrite import unused_name
from edgekiln.pipeline.graph.graph import Operator, Subgraph, Tensor, constant


def is_float_constant(tensor: Tensor | None) -> bool:
    """Whether it is a dense float32 constant."""
    if tensor is None or not tensor.is_constant or tensor.dtype != "float32":
        return False
    return tensor.rest is None or tensor.rest.sparsity is None


def float_constant(tensor: Tensor | None) -> Vector | None:
    """A dense float32 constant's values in double precision; None for anything else."""
    if tensor is None or not is_float_constant(tensor):
        return None
    return tensor.array().astype(np.float64)


def add_constant(subgraph: Subgraph, name: str, values: Vector) -> Tensor:
    """A new float32 constant in the subgraph, under a name no other tensor has."""
    tensor = constant(unused_name(subgraph, name), values.astype(np.float32))
    subgraph.tensors.append(tensor)
    return tensor


def replace_constant(
    subgraph: Subgraph, operator: Operator, index: int, role: str, values: Vector
) -> None:
    """Give an operator a constant of its own as an input; another reader keeps the old one."""
    name = f"{operator.outputs[0].name}/edgekiln/{role}"
    while len(operator.inputs) <= index:
        operator.inputs.append(None)
    operator.inputs[index] = add_constant(subgraph, name, values)


def integers(tensor: Tensor | None) -> tuple[int, ...] | None:
    """An integer constant's values in one row; None for anything else."""
    if tensor is None or not tensor.is_constant or tensor.dtype not in ("int32", "int64"):
        return None
    return tuple(int(value) for value in tensor.array().reshape(-1))
