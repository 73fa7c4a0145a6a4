"""The version each operator needs, by what its tensors and options ask of a runtime.

The rules are those of `GetBuiltinOperatorVersion` in the runtime's own
tensorflow/lite/tools/versioning/op_version.cc, as tables: a version for each feature, and the
highest an operator uses is the one it needs. We leave op_version.cc where it is wrong:

- It stops at the first feature it finds, too low where several meet (hybrid, and no bias).
- Activations in int16: it finds no convolution of them, because it asks for a second output; and
  takes every one for one with 32-bit biases, which runtimes before 2.15 lack, because a default
  counts as set. With 64-bit biases they compute right on 2.14. It takes ADD's and SUB's scales for
  powers of two, which they seldom are. Its version 5 of the LSTMs is in no runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor

Feature = Callable[[Operator], bool]
# Types newer than these rules: what an operator on them needs is not known.
_STRANGE = frozenset(("bfloat16", "int2", "uint4", "float8e4m3fn", "float8e5m2"))


def needed_version(operator: Operator) -> int | None:
    """The version the operator needs; None where no rule is known and the file's word counts: a
    custom operator, one without a rule, one on a type the rules do not know."""
    features = None if operator.is_custom else RULES.get(operator.name)
    if features is None or _is_strange(operator):
        return None
    least = _LEAST.get(operator.name, 1)
    return max([least, *(version for version, holds in features if holds(operator))])


def set_versions(graph: Graph) -> None:
    """Write the needed version into every operator that has a rule, higher or lower than the file's
    own; a version above all the rules know is for a feature they do not know, and stays."""
    for operator in graph.operators():
        needed = needed_version(operator)
        if needed is not None and operator.version <= _highest(operator.name):
            operator.version = needed


def _highest(name: str) -> int:
    return max([_LEAST.get(name, 1), *(version for version, _ in RULES[name])])


def _is_strange(operator: Operator) -> bool:
    tensors = (*operator.inputs, *operator.outputs)
    return any(tensor is not None and tensor.dtype in _STRANGE for tensor in tensors)


def _input(operator: Operator, index: int) -> Tensor | None:
    return operator.inputs[index] if index < len(operator.inputs) else None


def _dtype(operator: Operator, index: int) -> str:
    tensor = _input(operator, index)
    return "" if tensor is None else tensor.dtype


def _made(operator: Operator) -> str:
    return operator.outputs[0].dtype if operator.outputs else ""


def _rank(operator: Operator) -> int:
    tensor = _input(operator, 0)
    return 0 if tensor is None else len(tensor.shape)


def _scales(tensor: Tensor | None) -> int:
    quantization = None if tensor is None else tensor.quantization
    return 0 if quantization is None else len(quantization.scales)


def _on(*dtypes: str, at: int = 0) -> Feature:
    return lambda operator: _dtype(operator, at) in dtypes


def _into(*dtypes: str) -> Feature:
    return lambda operator: _made(operator) in dtypes


def _types(activations: str, weights: str) -> Feature:
    """Activations in and out of one type, weights of another."""
    return lambda operator: (
        (_dtype(operator, 0), _dtype(operator, 1), _made(operator))
        == (activations, weights, activations)
    )


def _option(name: str) -> Feature:
    return lambda operator: bool(getattr(operator.options, name, None))


def _all(*features: Feature) -> Feature:
    return lambda operator: all(holds(operator) for holds in features)


def _any(*features: Feature) -> Feature:
    return lambda operator: any(holds(operator) for holds in features)


def _not(feature: Feature) -> Feature:
    return lambda operator: not feature(operator)


def _above_rank(rank: int) -> Feature:
    return lambda operator: _rank(operator) > rank


def _broadcasts_above_4(operator: Operator) -> bool:
    shapes = [() if tensor is None else tensor.shape for tensor in operator.inputs]
    return len(shapes) > 1 and shapes[0] != shapes[1] and max(map(len, shapes)) > 4


def _per_channel(axis: int) -> Feature:
    """Weights with a scale for each channel along the axis."""

    def holds(operator: Operator) -> bool:
        weights = _input(operator, 1)
        return (
            weights is not None
            and len(weights.shape) > axis
            and _scales(weights) == weights.shape[axis]
        )

    return holds


def _per_row(operator: Operator) -> bool:
    """Weights with a scale for each of several rows: older runtimes read the first one only and
    compute wrong numbers."""
    return _scales(_input(operator, 1)) > 1 and _per_channel(0)(operator)


def _is_grouped(operator: Operator) -> bool:
    tensors = (_input(operator, 0), _input(operator, 1))
    depths = {tensor.shape[3] for tensor in tensors if tensor and len(tensor.shape) == 4}
    return len(depths) > 1


def _is_dilated(operator: Operator) -> bool:
    factors = (getattr(operator.options, f"dilation{side}Factor", 1) for side in "HW")
    return any(factor != 1 for factor in factors)


def _is_quantized(operator: Operator) -> bool:
    return any(_scales(_input(operator, index)) > 0 for index in (0, 1))


def _grows(operator: Operator) -> bool:
    """A product whose scales ask for a factor of one or more."""
    tensors = (_input(operator, 0), _input(operator, 1), operator.outputs[0])
    known = [t.quantization for t in tensors if t is not None and t.quantization is not None]
    scales = [quantization.scales[0] for quantization in known]
    return len(scales) == 3 and 0 < scales[2] <= prod(scales[:2])


def _is_sparse(operator: Operator) -> bool:
    weights = _input(operator, 1)
    return weights is not None and getattr(weights.rest, "sparsity", None) is not None


def _has_two_inputs(operator: Operator) -> bool:
    """No bias, and none said to be absent, which every version takes."""
    return len(operator.inputs) == 2


def _by_type(names: str, **versions: int) -> Mapping[str, tuple[tuple[int, Feature], ...]]:
    """Operators whose version hangs on the type of their first input."""
    rules = tuple((version, _on(dtype)) for dtype, version in versions.items())
    return dict.fromkeys(names.split(), rules)


_LEAST = {"BROADCAST_TO": 2}  # version 1 had another code and was taken back
_HYBRID, _INT8, _INT16 = _types("float32", "int8"), _types("int8", "int8"), _types("int16", "int8")
_INT8_BY_INT4, _ASYMMETRIC = _types("int8", "int4"), _option("asymmetricQuantizeInputs")
_RECURRENT = _all(_on("int8", at=1), _into("float32"))
_RECURRENT_NAMES = (
    *("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN"),
    *("BIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"),
)
_HYBRID_LSTM = _all(_on("float32"), _on("int8", at=2), _into("float32"))
_FULL_LSTM = _not(_option("kernelType"))

RULES: dict[str, tuple[tuple[int, Feature], ...]] = {
    **_by_type(
        "AVERAGE_POOL_2D LOGISTIC MAX_POOL_2D MEAN MIRROR_PAD REDUCE_MAX REDUCE_MIN RELU6 RSQRT "
        "TANH LESS GREATER_EQUAL",
        int8=2,
        int16=3,
    ),
    **_by_type(
        "SPACE_TO_DEPTH DEPTH_TO_SPACE SPLIT_V SUM LOG_SOFTMAX GREATER LESS_EQUAL "
        "SQUARED_DIFFERENCE",
        int8=2,
    ),
    **_by_type("EXP LOG REDUCE_PROD SQRT FLOOR_MOD", int8=2, int16=2),
    **_by_type("EQUAL NOT_EQUAL", int8=2, string=3, int16=4),
    **_by_type("SOFTMAX", int8=2, int16=3, float16=4),
    **_by_type("RELU", int8=2, uint8=2, int16=3),
    **_by_type("GELU", int8=2, uint8=2),
    **_by_type("LEAKY_RELU", int16=2),
    **_by_type("SIN COS", float16=2),
    **_by_type("RANGE", int64=2),
    **_by_type("SIGN", int32=2),
    **_by_type("SQUEEZE", string=2),
    **_by_type("SELECT_V2", uint32=2),
    **_by_type("TILE", string=2, int8=3),
    **_by_type("REVERSE_V2", bool=2, int8=3),
    **_by_type("ARG_MAX ARG_MIN", int8=2, bool=3),
    **_by_type("FLOOR_DIV", float32=2, int8=3, int16=3),
    **_by_type("UNPACK", int8=2, uint8=2, bool=3, int16=4, float16=5),
    **_by_type("PACK", int8=2, int16=3, uint32=4),
    **_by_type("CONCATENATION", int8=2, int16=3, uint32=4, int4=5, float16=6),
    **_by_type("BROADCAST_TO", int8=3, int16=3),
    **_by_type("NEG RESHAPE SQUARE PRELU HARD_SWISH ELU POW CEIL FLOOR ROUND ADD_N EXPAND_DIMS"),
    "CONV_2D": (
        (2, _HYBRID),
        (3, _INT8),
        (4, _INT16),
        (5, _all(_HYBRID, _per_channel(0))),
        (6, _is_grouped),
        (7, _INT8_BY_INT4),
        (8, _all(_INT16, _on("int32", at=2))),
    ),
    "DEPTHWISE_CONV_2D": (
        (2, _is_dilated),
        (3, _INT8),
        (4, _HYBRID),
        (5, _INT16),
        (6, _all(_HYBRID, _per_channel(3))),
        (7, _INT8_BY_INT4),
    ),
    "FULLY_CONNECTED": (
        (2, _option("weightsFormat")),
        (3, _HYBRID),
        (4, _INT8),
        (5, _option("keepNumDims")),
        (6, _has_two_inputs),
        (7, _INT16),
        (8, _is_sparse),
        (9, _all(_HYBRID, _ASYMMETRIC)),
        (10, _INT8_BY_INT4),
        (11, _all(_INT16, _on("int32", at=2))),
        (12, _all(_HYBRID, _per_row)),
        (13, _types("int16", "int4")),
    ),
    "TRANSPOSE_CONV": (
        (2, _on("int8", at=1)),
        (3, lambda operator: _input(operator, 3) is not None),
        (4, _option("fusedActivationFunction")),
        (5, _all(_on("int16", at=2), _on("int8", at=1), _on("int32", at=3))),
    ),
    "EMBEDDING_LOOKUP": ((4, _any(_on("int4", at=1), _per_row)),),
    "BATCH_MATMUL": ((2, _on("int8")), (3, _on("int16")), (4, _all(_HYBRID, _ASYMMETRIC))),
    "ADD": (
        (2, _on("int8")),
        (3, _on("int16")),
        (4, _on("int64")),
        (5, _all(_on("int16"), _not(_is_quantized))),
        (6, _on("float16")),
    ),
    "SUB": (
        (2, _on("int8")),
        (3, _broadcasts_above_4),
        (4, _on("int64")),
        (5, _on("int16")),
    ),
    "MUL": (
        (2, _on("int8")),
        (3, _grows),
        (4, _on("int16")),
        (5, _on("int64")),
        (6, _on("complex64")),
        (7, _any(_on("uint32"), _all(_on("int16"), _not(_is_quantized)))),
        (8, _on("float16")),
    ),
    "DIV": ((2, _broadcasts_above_4),),
    **dict.fromkeys(
        ("MAXIMUM", "MINIMUM"), ((2, _on("int8")), (3, _broadcasts_above_4), (4, _on("int16")))
    ),
    "ABS": (
        (2, _on("int8", "uint8")),
        (3, _on("int16")),
        (4, _all(_on("int16"), _not(_is_quantized))),
        (5, _on("int32")),
    ),
    **dict.fromkeys(
        ("PAD", "PADV2"),
        ((2, _on("int8")), (3, _on("int16")), (4, _above_rank(4)), (5, _on("bool"))),
    ),
    **dict.fromkeys(
        ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
        ((2, _on("int8")), (3, lambda operator: _rank(operator) != 4), (4, _on("int16"))),
    ),
    "TRANSPOSE": (
        *((2, _on("int8")), (3, _on("bool")), (4, _above_rank(4)), (5, _on("int16"))),
        *((6, _above_rank(5)), (7, _on("int4")), (8, _above_rank(6)), (9, _on("float16"))),
    ),
    "SLICE": (
        *((2, _on("int8")), (3, _on("string")), (4, _on("int16")), (5, _above_rank(4))),
        *((6, _on("uint32")), (7, _on("int4")), (8, _on("float16"))),
    ),
    "STRIDED_SLICE": (
        *((2, _on("int8")), (3, _on("bool")), (4, _above_rank(4)), (5, _on("string"))),
        (6, _any(_option("ellipsisMask"), _option("newAxisMask"))),
        *((7, _on("uint32")), (8, _option("offset"))),
    ),
    "SPLIT": ((2, _on("int8", at=1)), (3, _on("int32", at=1)), (4, _on("int16", at=1))),
    "GATHER": (
        *((2, _on("int8")), (3, _on("bool")), (4, _on("int16")), (5, _option("batchDims"))),
        *((6, _on("int16", at=1)), (7, _on("int4"))),
    ),
    "GATHER_ND": (
        *((2, _on("string")), (3, _on("int16")), (4, _on("int16", at=1)), (5, _on("bool"))),
    ),
    "TOPK_V2": ((2, _on("int8")), (3, _any(_on("int16"), _on("int16", at=1)))),
    "RESIZE_BILINEAR": (*((2, _on("int8")), (3, _option("halfPixelCenters")), (4, _on("int16"))),),
    "RESIZE_NEAREST_NEIGHBOR": (
        (2, _on("int8")),
        (3, _any(_option("halfPixelCenters"), _option("alignCorners"))),
        (4, _on("int16")),
    ),
    "SELECT": (
        (2, _on("int8")),
        (3, lambda operator: any(t is not None and len(t.shape) == 5 for t in operator.inputs)),
        (4, _on("uint32")),
    ),
    "FILL": (
        (2, _on("bool", "string", at=1)),
        (3, _on("int8", "int16", at=1)),
        (4, _on("float16", at=1)),
    ),
    "WHERE": ((2, _not(_on("bool"))),),
    "L2_NORMALIZATION": ((2, _into("int8")),),
    "CAST": (
        (2, _any(_on("uint32"), _into("uint32"))),
        (3, _any(_on("int8"), _into("int8"))),
        (4, _any(_on("uint16"), _into("uint16"))),
        (5, _any(_on("float16", "float64"), _into("float16", "float64"))),
        (6, _on("int4")),
    ),
    "QUANTIZE": (
        (2, _into("int16")),
        (3, lambda operator: _scales(operator.outputs[0]) > 1),
        (4, _any(_on("int4"), _into("int4"))),
    ),
    "DEQUANTIZE": (
        (2, _on("int8")),
        (3, _on("int16", "float16")),
        (5, _all(_on("int8"), lambda operator: _scales(_input(operator, 0)) > 1)),
        (6, _on("int4")),
    ),
    "SVDF": ((2, _HYBRID), (3, _on("int8")), (4, _all(_HYBRID, _ASYMMETRIC))),
    **dict.fromkeys(
        _RECURRENT_NAMES,
        ((2, _RECURRENT), (3, _all(_RECURRENT, _ASYMMETRIC))),
    ),
    "LSTM": (
        (2, _not(_FULL_LSTM)),
        (3, _all(_FULL_LSTM, _HYBRID_LSTM)),
        (4, _all(_FULL_LSTM, _HYBRID_LSTM, _ASYMMETRIC)),
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (
        (2, _HYBRID_LSTM),
        (3, _all(_HYBRID_LSTM, _ASYMMETRIC)),
        (4, _option("diagonalRecurrentTensors")),
    ),
}
