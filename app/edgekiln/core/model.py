"""What a model is before anything was done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.text import Text

DYNAMIC = -1


@dataclass(frozen=True)
class Quantization:
    """real = scale * (stored - zero_point); one pair per tensor, or one per index along `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. A size of -1 is dynamic; dtype is numpy's name ("float32", "int8")."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None = None


@dataclass(frozen=True)
class Signature:
    """A named entry of the model: inputs and outputs by name."""

    key: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class OperatorCount:
    """How often an operator occurs."""

    name: str
    count: int


ModelKind = Literal["saved-model", "keras", "tflite"]


@dataclass(frozen=True)
class ModelSource:
    """The model as the user gave it: a SavedModel folder, a `.keras`/`.h5` or a `.tflite` file."""

    path: Path
    kind: ModelKind
    fingerprint: str


@dataclass(frozen=True)
class InspectedModel:
    """What can be said of a model without running it.

    `parameters` counts the numbers in constants; `macs` the multiply-accumulates of one sample
    (None where a size is dynamic); `size_bytes` is what lies on the disk; `obstacles` say why it
    cannot go on to a box as it is.
    """

    source: ModelSource
    tags: tuple[str, ...]
    signatures: tuple[Signature, ...]
    tensorflow_version: str
    operators: tuple[OperatorCount, ...]
    parameters: int
    macs: int | None
    size_bytes: int
    notes: tuple[Text, ...] = ()
    obstacles: tuple[Text, ...] = ()

    @property
    def default_signature(self) -> Signature:
        """`serving_default` if there is one, else the first that is not Keras' own `serve`."""
        by_key = {s.key: s for s in self.signatures}
        chosen = by_key.get("serving_default")
        return chosen or next((s for s in self.signatures if s.key != "serve"), self.signatures[0])
