"""A scheme in the words of ai-edge-quantizer."""

from __future__ import annotations

import re
from typing import Any

from edgekiln.core.artifact import SchemeName
from edgekiln.core.quantization import Kept

EVERYTHING = ".*"
# Every operator as well. Of two settings for an operator the one that was added later counts, and a
# setting for a known expression keeps the place of the first.
_EDGES = "^"
_FLOAT_EDGES = frozenset(("int8-float-io", "int16x8", "mixed"))
_STATIC_BITS = {"int8": 8, "int8-float-io": 8, "int8-uint8-io": 8, "mixed": 8, "int16x8": 16}
_WEIGHT_BITS = {"weight-int8": 8, "weight-int4": 4}


def recipe_for(scheme: SchemeName, kept: Kept = ()) -> Any:
    """The recipe (`ModelQuantizationRecipe`) of a scheme; ValueError for float32, which has none.

    int8 has int8 inputs and outputs, int8-uint8-io has uint8 ones; every other scheme has float
    ones. `kept`: the operators of "mixed" that are not int8, each by the names of all its outputs
    joined with ";". One without an int16 kernel stays float where int16x8 was asked for.
    """
    from ai_edge_quantizer import recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName as Operation

    manager = recipe_manager.RecipeManager()
    everything = Operation.ALL_SUPPORTED
    if scheme in _STATIC_BITS:
        manager.add_static_config(EVERYTHING, everything, _STATIC_BITS[scheme], 8)
    elif scheme in _WEIGHT_BITS:
        manager.add_weight_only_config(EVERYTHING, everything, _WEIGHT_BITS[scheme])
    elif scheme == "float16":
        casting = AlgorithmName.FLOAT_CASTING
        manager.add_weight_only_config(EVERYTHING, everything, 16, algorithm_key=casting)
    elif scheme == "dynamic-range":
        manager.add_dynamic_config(EVERYTHING, everything, 8)
    else:
        raise ValueError(f"{scheme} needs no recipe")
    _keep(manager, kept)
    _set_edges(manager, scheme)
    return manager.get_quantization_recipe()


def _keep(manager: Any, kept: Kept) -> None:
    """Operators that are not int8: float, and over that int16 where the quantizer has it."""
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName as Operation

    for scope, precision in kept:
        exact = re.escape(f"{scope};")
        if precision in ("float32", "int16x8"):
            manager.add_quantization_config(
                f"^{exact}$", Operation.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
        if precision == "int16x8":
            manager.add_static_config(f"^(?:{exact})$", Operation.ALL_SUPPORTED, 16, 8)


def _set_edges(manager: Any, scheme: SchemeName) -> None:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName as Operation

    for edge in (Operation.INPUT, Operation.OUTPUT):
        if scheme in _FLOAT_EDGES:
            manager.add_quantization_config(_EDGES, edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
        elif scheme == "int8-uint8-io":
            manager.add_quantization_config(_EDGES, edge, _bytes())


def _bytes() -> Any:
    """uint8 with the scale of the int8 tensor beside it and a zero point 128 higher."""
    from ai_edge_quantizer import qtyping

    unsigned = qtyping.TensorQuantizationConfig(
        8, symmetric=False, dtype=qtyping.TensorDataType.UINT
    )
    weights = qtyping.TensorQuantizationConfig(
        8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    )
    return qtyping.OpQuantizationConfig(
        activation_tensor_config=unsigned,
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
