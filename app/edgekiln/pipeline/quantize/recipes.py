"""A scheme in the words of ai-edge-quantizer."""

from __future__ import annotations

from typing import Any

from edgekiln.core.artifact import SchemeName

EVERYTHING = ".*"


def recipe_for(scheme: SchemeName) -> Any:
    """The recipe (`ModelQuantizationRecipe`) of a scheme; ValueError for float32, which has none.

    int8 has int8 inputs and outputs; every other scheme has float ones.
    """
    from ai_edge_quantizer import recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName as Operation

    manager = recipe_manager.RecipeManager()
    everything = Operation.ALL_SUPPORTED
    if scheme == "float16":
        casting = AlgorithmName.FLOAT_CASTING
        manager.add_weight_only_config(EVERYTHING, everything, 16, algorithm_key=casting)
    elif scheme == "dynamic-range":
        manager.add_dynamic_config(EVERYTHING, everything, 8)
    elif scheme in ("int8", "int8-float-io"):
        manager.add_static_config(EVERYTHING, everything, 8, 8)
    elif scheme == "int16x8":
        manager.add_static_config(EVERYTHING, everything, 16, 8)
    else:
        raise ValueError(f"{scheme} needs no recipe")
    if scheme in ("int8-float-io", "int16x8"):
        for edge in (Operation.INPUT, Operation.OUTPUT):
            manager.add_quantization_config(
                EVERYTHING, edge, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
    return manager.get_quantization_recipe()
