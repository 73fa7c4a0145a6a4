"""What kind of answer a model gives: declared, else told by the data's truth and the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.errors import UserError
from edgekiln.core.task import Decoder, Judging, Task
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.source import Samples
from edgekiln.pipeline.evaluate.boxes import layout_of
from edgekiln.pipeline.evaluate.masks import masks_of
from edgekiln.pipeline.evaluate.metrics import scores_of

_NORMAL = frozenset(("normal", "good", "ok", "healthy", "正常", "良品", "合格"))


@dataclass(frozen=True)
class Kind:
    """A task, why it is that one, and how a detector's boxes are read."""

    task: Task
    why: Text | None
    decoder: Decoder | None = None

    @classmethod
    def of(cls, report: AccuracyReport) -> Kind:
        """As the float model was judged: its candidates are judged alike."""
        return cls(report.task, report.task_why, report.decoder)


def kind_of(
    judging: Judging,
    samples: Samples,
    outputs: Mapping[str, Array],
    main: str,
    fed: tuple[int, ...],
) -> Kind:
    """Of a model with these `outputs` [samples, …], `main` the one that is judged, and a main input
    of the shape `fed` without batch. UserError where outputs are not as the declared task needs."""
    task, why = judging.task, say("Chosen by you")
    if judging.decoder is not None and task is None:
        task = "detection"
    if task is None:
        task, why = _derived(samples, outputs, main, fed)
    if task == "detection":
        return Kind(task, why, judging.decoder or _decoder(samples, outputs))
    _check(task, outputs[main], fed)
    return Kind(task, why)


def normal_class(samples: Samples) -> int | None:
    """The class that an anomaly is not: the one called so, else the first of two; None for data of
    other classes."""
    if not samples.labelled:
        return None
    named = _named_normal(samples)
    return 0 if named is None and set(samples.labels) <= {0, 1} else named


def _named_normal(samples: Samples) -> int | None:
    names = (name.strip().lower() for name in samples.class_names)
    return next((i for i, name in enumerate(names) if name in _NORMAL), None)


def _derived(
    samples: Samples, outputs: Mapping[str, Array], main: str, fed: tuple[int, ...]
) -> tuple[Task, Text]:
    kind, output = samples.truth and samples.truth.kind, outputs[main]
    if kind == "boxes" and _known_layout(samples, outputs) is not None:
        return "detection", say("The data has boxes")
    if kind == "boxes":
        return "none", say("The data has boxes, the outputs are no detector's that is known")
    if kind == "masks" and masks_of(output) is not None:
        return "segmentation", say("The data has a class for every pixel")
    if kind == "values":
        return "regression", say("The data has the values an output should give")
    unlabelled = max(samples.labels, default=-1) < 0
    if _is_rebuilt(samples, output, fed):
        return "autoencoder", say("The output has the shape of the input")
    if unlabelled and layout_of(outputs) == "ssd":
        return "detection", say("The outputs are those of a detector")
    if scores_of(output, not unlabelled) is None:
        return "none", say("The output has no classes, the data nothing that is true of it")
    if unlabelled:
        return "classification", say("The output has one score a class")
    return "classification", say("The data has a class for every sample")


def _is_rebuilt(samples: Samples, output: Array, fed: tuple[int, ...]) -> bool:
    """A vector as long as the input may as well be scores: there a class must be called normal."""
    if output.shape[1:] != fed or output[:1].size <= 2:
        return False
    if _named_normal(samples) is not None:
        return True
    unlabelled = max(samples.labels, default=-1) < 0
    return len(fed) > 1 and (unlabelled or normal_class(samples) is not None)


def _known_layout(samples: Samples, outputs: Mapping[str, Array]) -> Decoder | None:
    """Of data with fewer classes than the model the shapes alone must tell."""
    named = layout_of(outputs, len(samples.class_names)) if samples.class_names else None
    return named or layout_of(outputs)


def _decoder(samples: Samples, outputs: Mapping[str, Array]) -> Decoder:
    layout = _known_layout(samples, outputs)
    if layout is None:
        shapes = ", ".join(f"{name} {list(array.shape[1:])}" for name, array in outputs.items())
        raise UserError(
            say("No boxes can be read from the outputs."),
            say("They are of no detector that is known: {shapes}.", shapes=shapes),
            say("Declare how they are read, with --decoder."),
            choices=get_args(Decoder),
        )
    return layout


def _check(task: Task, output: Array, fed: tuple[int, ...]) -> None:
    """Whether the judged output can be one of a declared task."""
    fits = {
        "classification": lambda: scores_of(output) is not None,
        "segmentation": lambda: masks_of(output) is not None,
        "autoencoder": lambda: output[:1].size == _size(fed),
    }
    if task in fits and not fits[task]():
        raise UserError(
            say("The model cannot be judged as “{task}”.", task=task),
            say("Its output has the shape {shape}.", shape=str(list(output.shape[1:]))),
            say("Choose another task, or none to compare with the float model alone."),
            choices=get_args(Task),
        )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for each in shape:
        size *= each
    return size
