"""Pass: an affine that has to stand becomes one 1×1 depthwise convolution.

MUL then ADD (perhaps with RELU or RELU6) pass twice over memory and, quantized, round twice; a
depthwise convolution with fused activation does it once. Numbers, the same for all of a few
channels, stay: there two plain operators are faster (seen on x86, 224 x 224 x 3: 0.05 ms as MUL and
ADD by a number, 0.30 ms by a vector, 0.21 ms as a depthwise convolution, which wins from 8 channels
on).
"""

from __future__ import annotations

from math import prod

from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.fuse.affine import Affine, find_affines
from edgekiln.pipeline.fuse.tensors import add_constant
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "affine-depthwise"
_RANK = 4
_VECTOR = 8  # channels a convolution computes at once, needed or not
_ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
    schema.ActivationFunctionType.RELU_N1_TO_1,
)


def match(graph: Graph) -> list[Affine]:
    """The affines of two or more operators on rank-4 tensors, in the order they run."""
    return [
        affine
        for subgraph in graph.subgraphs
        for affine in find_affines(subgraph, Links(subgraph))
        if can_be_depthwise(affine)
    ]


def can_be_depthwise(affine: Affine) -> bool:
    """Whether one depthwise convolution can do the affine's work, and it saves an operator."""
    return (
        len(affine.operators) > 1
        and len(affine.source.shape) == _RANK
        and affine.activation in _ACTIVATIONS
        and not is_cheap(affine)
    )


def is_cheap(affine: Affine) -> bool:
    """Whether the affine's operators are faster than a convolution would be."""
    constants = [t for op in affine.operators for t in op.inputs if t is not None and t.is_constant]
    if len(affine.source.shape) != _RANK or len(affine.scale) >= _VECTOR:
        return False
    return all(prod(tensor.shape) == 1 for tensor in constants)


def apply(graph: Graph, place: Affine) -> None:
    """Put one depthwise convolution in place of the affine's operators."""
    subgraph, name = place.subgraph, place.result.name
    weights = place.scale.reshape(1, 1, 1, -1)
    operator = Operator(
        name="DEPTHWISE_CONV_2D",
        version=1,
        inputs=[
            place.source,
            add_constant(subgraph, f"{name}/edgekiln/scale", weights),
            add_constant(subgraph, f"{name}/edgekiln/offset", place.offset),
        ],
        outputs=[place.result],
        options=_options(place.activation),
    )
    at = subgraph.operators.index(place.operators[-1])
    subgraph.operators[at] = operator
    drop_dead(graph)


def _options(activation: int) -> schema.DepthwiseConv2DOptionsT:
    return schema.DepthwiseConv2DOptionsT(
        padding=schema.Padding.VALID,
        strideH=1,
        strideW=1,
        depthMultiplier=1,
        fusedActivationFunction=activation,
        dilationHFactor=1,
        dilationWFactor=1,
    )
