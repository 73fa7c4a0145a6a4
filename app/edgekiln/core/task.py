"""What kind of answer a model gives, which decides how it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Task = Literal[
    "classification", "detection", "segmentation", "regression", "autoencoder", "embedding", "none"
]
Decoder = Literal["ssd", "yolov5", "yolov8", "corners"]


@dataclass(frozen=True)
class Judging:
    """What the user declared of a model's answers; None is derived from data and outputs.

    "none": nothing but agreement with the float model. `decoder`: how boxes are read from a
    detector's outputs, see `pipeline.evaluate.boxes`.
    """

    task: Task | None = None
    decoder: Decoder | None = None

    @property
    def has_classes(self) -> bool:
        """Whether the data's labels must be classes of the model's first output."""
        return self.task in (None, "classification")


DERIVED = Judging()
UNJUDGED = Judging("none")  # samples are run, and what is true of them is of no matter
