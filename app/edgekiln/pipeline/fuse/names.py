"""Names in a converted graph: tensors are named after the source nodes they came from."""

from __future__ import annotations

from collections.abc import Iterable

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.graph.graph import Operator, Tensor

_ACTIVATIONS = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH", 5: "SIGN_BIT"}


def source_names(tensor: Tensor | None) -> tuple[str, ...]:
    """The source nodes a tensor's name tells of, the last node of the source graph first."""
    if tensor is None:
        return ()
    return tuple(part.split(":")[0] for part in tensor.name.split(";") if part)


def short_name(name: str) -> str:
    """The first source node of a tensor's name, without the wrappers every name begins with."""
    parts = name.split(";")[0].split(":")[0].split("/")
    while len(parts) > 1 and parts[0].endswith("PartitionedCall"):
        parts.pop(0)
    return "/".join(parts)


def same_node(one: str, other: str) -> bool:
    """Whether two node names mean the same node: equal, or one below wrappers of the other."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")


def made(operators: Iterable[Operator]) -> tuple[str, ...]:
    """The names of what the operators make."""
    return tuple(operator.outputs[0].name for operator in operators)


def fused_name(operator: Operator) -> str:
    """The activation an operator carries: "RELU6"; "" for none."""
    fused = activation(operator)
    return "" if fused == NO_ACTIVATION else _ACTIVATIONS[fused]


def spell(operator: Operator) -> str:
    """An operator with its activation: "CONV_2D + RELU6"."""
    fused = fused_name(operator)
    return f"{operator.name} + {fused}" if fused else operator.name
