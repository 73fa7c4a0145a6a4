"""A graph that ai-edge-quantizer cannot do is offered to TensorFlow's quantizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.inference import InferResult
from edgekiln.pipeline.quantize.trial import Run
from edgekiln.pipeline.quantize.variants import Kiln, Variant


@dataclass(frozen=True)
class Stubborn(Kiln):
    """A kiln whose first engine refuses everything."""

    other: tuple[Variant, ...] = ()

    def _by_recipe(self, scheme: Any, rule: Any = None) -> Any:
        raise TypeError("numpy boolean subtract")

    def _by_tensorflow(self, scheme: Any, slow: bool = False) -> tuple[Variant, ...]:
        return self.other


def stubborn(other: tuple[Variant, ...]) -> Stubborn:
    trial: Any = type("T", (), {"labels": (0,)})()
    model: Any = None
    return Stubborn(model, None, None, trial, other=other)


def test_the_other_engine_makes_it() -> None:
    run = Run(InferResult("litert 2.3.0", 0, 0.0), {})
    made = Variant(Path("stock-int8.tflite"), Path("float.tflite"), "tensorflow", (), run, None)
    assert stubborn((made,)).make("int8") is made


def test_when_neither_can_the_first_one_s_reason_is_said() -> None:
    with pytest.raises(TypeError, match="boolean subtract"):
        stubborn(()).make("int8")
