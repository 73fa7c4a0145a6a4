"""What becomes of a model's loops before the converter sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from edgekiln.pipeline.convert.freeze import Frozen
from edgekiln.pipeline.convert.saved_model import all_nodes
from edgekiln.pipeline.convert.unroll import element_sizes, unroll
from edgekiln.pipeline.convert.values import NotKnown

_LOOPS = ("While", "StatelessWhile", "Enter", "Switch")
_LISTS = ("TensorList", "TensorArray")
# Where an operator on lists takes the shape of its elements
_SHAPE_INPUT = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1}


def settle_loops(frozen: Frozen) -> Frozen:
    """Without loops where the number of steps is known and at most 64; else with the sizes of their
    lists fixed, so that the converter can make WHILE of them. `loop` says why one is left."""
    if not has_loops(frozen.graph_def):
        return frozen
    try:
        return unroll(frozen)
    except NotKnown as error:
        return replace(_with_fixed_lists(frozen), loop=error.why)


def has_loops(graph_def: Any) -> bool:
    """Whether a loop, a list or a branch of TensorFlow 1 is in the graph."""
    return any(n.op in _LOOPS or n.op.startswith(_LISTS) for n in all_nodes(graph_def))


def _with_fixed_lists(frozen: Frozen) -> Frozen:
    try:
        sizes = element_sizes(frozen)
    except NotKnown:
        return frozen
    graph_def = tf.compat.v1.GraphDef()
    graph_def.CopyFrom(frozen.graph_def)
    for node in list(graph_def.node):
        if node.op in _SHAPE_INPUT and None not in sizes.get(node.name, (None,)):
            shape = graph_def.node.add(name=f"{node.name}/element_shape_known", op="Const")
            shape.attr["dtype"].type = tf.int32.as_datatype_enum
            values = tf.make_tensor_proto(sizes[node.name], tf.int32)
            shape.attr["value"].tensor.CopyFrom(values)
            node.input[_SHAPE_INPUT[node.op]] = shape.name
    return replace(frozen, graph_def=graph_def)
