"""What a model says of every sample, and what is true of it, as its task has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.task import Task
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.data.source import Samples
from edgekiln.pipeline.data.truth import VOID
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.boxes import Boxes, decode_boxes
from edgekiln.pipeline.evaluate.masks import enlarged, masks_of
from edgekiln.pipeline.evaluate.metrics import Ints
from edgekiln.pipeline.evaluate.tasks import Kind, normal_class
from edgekiln.pipeline.evaluate.values import Doubles, squared_errors

_OTHER = "output:"
_TRUE = "true_"


@dataclass(frozen=True)
class Told:
    """Rows are samples. `values`: class scores of a classifier, else the judged output as it is;
    `predicted`: classes, -1 where there are none; `others`: further outputs by name.

    `boxes` of a detector, `masks` of a segmenter, `rebuilt`: an autoencoder's reconstruction error;
    `abnormal`: whether a sample is what that error should tell. None where the task or the data has
    none.
    """

    task: Task
    values: Array
    labels: Ints
    predicted: Ints
    true_values: Array | None = None
    boxes: tuple[Boxes, ...] | None = None
    true_boxes: tuple[Boxes, ...] | None = None
    masks: Array | None = None
    true_masks: Array | None = None
    rebuilt: Doubles | None = None
    abnormal: Array | None = None
    others: Mapping[str, Array] = field(default_factory=dict)
    main: str = ""  # what the judged output is called

    @property
    def outputs(self) -> Mapping[str, Array]:
        """All of them; the judged one by the name ""."""
        return {"": self.values, **self.others}

    def only(self, rows: Ints) -> Told:
        """Those of these samples, in this order."""
        return replace(
            self,
            values=self.values[rows],
            labels=self.labels[rows],
            predicted=self.predicted[rows],
            true_values=_rows(self.true_values, rows),
            boxes=None if self.boxes is None else tuple(self.boxes[i] for i in rows),
            true_boxes=None if self.true_boxes is None else tuple(self.true_boxes[i] for i in rows),
            masks=_rows(self.masks, rows),
            true_masks=_rows(self.true_masks, rows),
            rebuilt=_rows(self.rebuilt, rows),
            abnormal=_rows(self.abnormal, rows),
            others={name: array[rows] for name, array in self.others.items()},
        )

    def arrays(self) -> dict[str, Array]:
        """As `outputs` of an AccuracyReport holds them."""
        single: dict[str, Array | None] = {
            "scores": self.values.astype(np.float32),
            "predicted": self.predicted,
            "labels": self.labels,
            "masks": self.masks,
            "rebuilt": self.rebuilt,
            "abnormal": self.abnormal,
            _TRUE + "masks": self.true_masks,
            _TRUE + "scores": self.true_values,
        }
        kept = {name: array for name, array in single.items() if array is not None}
        others = {_OTHER + name: array for name, array in self.others.items()}
        return {**kept, **others, **_laid(self.boxes), **_laid(self.true_boxes, _TRUE)}

    @classmethod
    def read(cls, report: AccuracyReport) -> Told:
        """Those a report was made from."""
        arrays = load_arrays(report.outputs)
        return cls(
            report.task,
            arrays["scores"],
            arrays["labels"],
            arrays["predicted"],
            arrays.get(_TRUE + "scores"),
            _taken(arrays),
            _taken(arrays, _TRUE),
            arrays.get("masks"),
            arrays.get(_TRUE + "masks"),
            arrays.get("rebuilt"),
            arrays.get("abnormal"),
            {k.removeprefix(_OTHER): rows for k, rows in arrays.items() if k.startswith(_OTHER)},
        )


def told_by(
    kind: Kind,
    outputs: Mapping[str, Array],
    main: str,
    shape: tuple[int, ...],
    fed: Array | None,
) -> Told:
    """From the `outputs` [samples, …] of a run, `main` the judged one; `fed`: its main input, each
    of that `shape`. What is true is not known yet."""
    none = np.full(len(outputs[main]), metrics.UNDECIDED)
    others = {name: array for name, array in outputs.items() if name != main}
    bare = Told(kind.task, outputs[main], none, none, others=others, main=main)
    if kind.task == "classification":
        scores = metrics.scores_of(bare.values)
        assert scores is not None  # the kind says so
        return replace(bare, values=scores, predicted=metrics.top1(scores))
    if kind.task == "detection":
        assert kind.decoder is not None  # as above
        size = picture_size(shape)
        return replace(bare, boxes=decode_boxes(outputs, kind.decoder, size))
    if kind.task == "segmentation":
        masks = masks_of(bare.values)
        assert masks is not None  # as above
        return replace(bare, masks=masks.clip(0, VOID).astype(np.uint8))
    if kind.task == "autoencoder":
        assert fed is not None  # such models are fed from laid samples
        return replace(bare, rebuilt=squared_errors(bare.values, fed))
    return bare


def with_truth(told: Told, samples: Samples) -> Told:
    """The told beside the labels of all samples and what else is true of them."""
    known = replace(told, labels=np.asarray(samples.labels, np.int64))
    truth = samples.truth
    if told.boxes is not None and truth is not None and truth.kind == "boxes":
        boxes = {_TRUE + name: array for name, array in truth.boxes().items()}
        return replace(known, true_boxes=_taken(boxes, _TRUE))
    if told.masks is not None and truth is not None and truth.kind == "masks":
        masks = truth.masks()
        return replace(known, masks=enlarged(told.masks, *masks.shape[1:3]), true_masks=masks)
    if told.task == "regression":
        return replace(known, true_values=_true_values(samples, told.main, told.values))
    normal = normal_class(samples) if told.task == "autoencoder" else None
    return known if normal is None else replace(known, abnormal=known.labels != normal)


def with_truth_of(told: Told, other: Told) -> Told:
    """The told beside what is true of the same samples of another model's."""
    known = replace(
        told, labels=other.labels, true_values=other.true_values, true_boxes=other.true_boxes,
        true_masks=other.true_masks, abnormal=other.abnormal,
    )  # fmt: skip
    if known.masks is None or other.true_masks is None:
        return known
    return replace(known, masks=enlarged(known.masks, *other.true_masks.shape[1:3]))


def judged_output(samples: Samples, first: str, outputs: Mapping[str, Array]) -> str:
    """The output that is judged: the first there is a true value of, else the model's `first`."""
    if samples.truth is not None and samples.truth.kind == "values":
        known = samples.truth.values()
        first = next((name for name in outputs if name in known), first)
    return first if first in outputs else next(iter(outputs))


def picture_size(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of an input without batch, whether channels come last or first."""
    if len(shape) < 2:
        return 1, 1
    first = len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3)
    return (shape[1], shape[2]) if first else (shape[0], shape[1])


def class_count(told: Told) -> int:
    """Of scores, boxes or masks; 0 where the task has none."""
    if told.task == "classification":
        return int(told.values.shape[1])
    if told.masks is not None:
        channels = told.values.shape[3] if told.values.ndim == 4 else 1
        return max(channels, 2, int(told.masks.max(initial=0)) + 1)
    boxes = (*(told.boxes or ()), *(told.true_boxes or ()))
    return max((int(b.classes.max(initial=-1)) + 1 for b in boxes), default=0)


def _true_values(samples: Samples, main: str, output: Array) -> Array | None:
    """Labels that are numbers are values too, of an output with one."""
    if samples.truth is not None and samples.truth.kind == "values":
        return samples.truth.values()[main].reshape(output.shape)
    if not samples.labelled or output[:1].size != 1:
        return None
    names = samples.class_names
    try:
        values = [float(names[label]) if names else float(label) for label in samples.labels]
    except ValueError:  # classes with names of words
        return None
    return np.array(values, np.float64).reshape(output.shape)


def _rows(array: Array | None, rows: Ints) -> Array | None:
    return None if array is None else array[rows]


def _laid(boxes: Sequence[Boxes] | None, prefix: str = "") -> dict[str, Array]:
    if boxes is None:
        return {}
    whole = {
        "starts": np.cumsum([0, *map(len, boxes)]).astype(np.int64),
        "corners": np.concatenate([np.zeros((0, 4)), *(b.corners for b in boxes)]),
        "classes": np.concatenate([np.zeros(0, np.int64), *(b.classes for b in boxes)]),
    }
    if prefix:
        whole["crowd"] = np.concatenate([np.zeros(0, np.bool_), *(b.crowd for b in boxes)])
    else:
        whole["box_scores"] = np.concatenate([np.zeros(0), *(b.scores for b in boxes)])
    return {prefix + name: array for name, array in whole.items()}


def _taken(arrays: Mapping[str, Array], prefix: str = "") -> tuple[Boxes, ...] | None:
    if prefix + "starts" not in arrays:
        return None
    starts, corners = arrays[prefix + "starts"], arrays[prefix + "corners"].astype(np.float64)
    classes = arrays[prefix + "classes"]
    scores = arrays.get(prefix + "box_scores", np.ones(len(classes)))
    crowd = arrays.get(prefix + "crowd", np.zeros(len(classes), np.bool_))
    return tuple(
        Boxes(corners[a:b], classes[a:b], scores[a:b], crowd[a:b]) for a, b in pairwise(starts)
    )
