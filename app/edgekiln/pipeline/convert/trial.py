"""Whether a plain TensorFlow Lite runtime will have the operators, asked before converting."""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from edgekiln.core.errors import UserError
from edgekiln.core.model import DYNAMIC
from edgekiln.core.text import Text
from edgekiln.pipeline.convert.freeze import Frozen
from edgekiln.pipeline.convert.live import live_graph
from edgekiln.pipeline.convert.to_tflite import to_tflite

# Operators that TensorFlow 2.21 converts in every form a model is exported with. One that is not
# here is no obstacle yet: then the converter itself is asked.
_PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
    SIM905 Abs Add AddN AddV2 ArgMax ArgMin AvgPool BatchMatMulV2 BatchToSpaceND BiasAdd
    BroadcastTo Cast Ceil ConcatV2 Const Conv2D Conv2DBackpropInput Cos DepthToSpace
    DepthwiseConv2dNative Elu Equal Exp ExpandDims Fill Floor FloorDiv FusedBatchNormV3 Gather
    GatherNd GatherV2 Greater GreaterEqual Identity IdentityN LeakyRelu Less LessEqual Log
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool Maximum Mean Min Minimum
    MirrorPad Mul Neg NoOp NotEqual Pack Pad PadV2 Placeholder Pow Prod Range Rank RealDiv Relu
    Relu6 Reshape ResizeBilinear ResizeNearestNeighbor Rsqrt Select SelectV2 Selu Shape Sigmoid
    Sin Slice Softmax Softplus SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
    SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Tanh Tile Transpose Unpack
    ZerosLike
    """,
    )
)
_USUAL = frozenset(
    t.as_datatype_enum
    for t in (tf.float32, tf.int32, tf.int64, tf.int16, tf.int8, tf.uint8, tf.bool)
)


def obstacle(frozen: Frozen) -> tuple[Text, Text] | None:
    """Why the model cannot become plain TensorFlow Lite operators and what to do; None when it can.

    A model of well-known operators is not tried, nor one whose sizes are open: an operator may be
    there for one size and not for another. Loops must be settled.
    """
    if all(_is_plain(node) for node in live_graph(frozen.graph_def).operators()):
        return None
    if any(DYNAMIC in spec.shape for spec in frozen.signature.inputs):
        return None
    try:
        to_tflite(frozen)
    except UserError as error:
        return error.why, error.do
    return None


def _is_plain(node: Any) -> bool:
    types = {a.type for a in node.attr.values() if a.WhichOneof("value") == "type"}
    return node.op in _PLAIN and types <= _USUAL
