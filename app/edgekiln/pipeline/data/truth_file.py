"""What is true of the samples, written beside them as the model sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.framing import fit, placement
from edgekiln.pipeline.data.prepare import Intake
from edgekiln.pipeline.data.rows import Pictures
from edgekiln.pipeline.data.truth import VOID, Boxes, TruthKind

_LEAST_SEEN = 1e-3  # of a box's sides; less of it is not in the picture the model sees


@dataclass(frozen=True)
class Truth:
    """A file of what is true of all samples, `[samples, …]` in their order.

    boxes: an `.npz` as `outputs` in AccuracyReport has them, corners as fractions of the model's
    input; masks: a `.npy` uint8 of the input's height and width, 255 where nobody knows; values: an
    `.npz` by the name of the output that should give them.
    """

    kind: TruthKind
    path: Path

    def boxes(self) -> dict[str, Array]:
        """`starts`, `corners`, `classes`, `crowd`."""
        return load_arrays(self.path)

    def masks(self) -> Array:
        """Mapped from the file."""
        return np.asarray(np.load(self.path, mmap_mode="r"))

    def values(self) -> dict[str, Array]:
        """By output."""
        return load_arrays(self.path)


def write_truth(
    data: DataSet, intake: Intake, preprocessing: Preprocessing, signature: Signature, out: Path
) -> Truth | None:
    """Beside the samples file `out`; None where data has none but labels. What does not fit the
    model is refused by `check_truth`."""
    named = _named(data, signature)
    kind = "values" if named else None if data.truths is None else data.truths.kind
    if kind is None:
        return None
    if kind == "masks":
        return Truth(kind, _masks(data, intake, preprocessing, out.with_suffix(".truth.npy")))
    if kind == "boxes":
        arrays = _boxes(data, intake, preprocessing)
    else:
        arrays = dict(named) or {_output(data, signature): _values(data)}
    save_arrays(path := out.with_suffix(".truth.npz"), arrays)
    return Truth(kind, path)


def check_truth(data: DataSet, signature: Signature) -> None:
    """UserError for values that no output gives."""
    if data.truths is not None and data.truths.kind == "values" and not _named(data, signature):
        _output(data, signature)


def _named(data: DataSet, signature: Signature) -> Mapping[str, Array]:
    """Arrays that bear the name of an output: what it should give."""
    inputs = {spec.name for spec in signature.inputs}
    names = {spec.name for spec in signature.outputs} - inputs - {data.main}
    rows = {name: data.rows[name] for name in sorted(names & set(data.rows))}
    return {name: np.stack([own.read(i) for i in data.index]) for name, own in rows.items()}


def _values(data: DataSet) -> Array:
    return np.stack([np.asarray(data.truth(i)) for i in range(len(data))])


def _output(data: DataSet, signature: Signature) -> str:
    """The first output that gives as many values as are true."""
    count = np.asarray(data.truth(0)).size
    sizes = {spec.name: spec.shape[1:] for spec in signature.outputs}
    for name, shape in sizes.items():
        if min(shape, default=1) < 0 or math.prod(shape) == count:
            return name
    raise UserError(
        say("The data in {path} does not fit the model.", path=str(data.path)),
        say(
            "y holds {count} values per sample that are no classes; the outputs give {sizes}.",
            count=count,
            sizes=", ".join(f"{name} {list(shape)}" for name, shape in sizes.items()),
        ),
        say("Save y as whole numbers for classes, or as the values an output should give."),
    )


def _boxes(data: DataSet, intake: Intake, preprocessing: Preprocessing) -> dict[str, Array]:
    """Boxes cut to what the model sees of the picture; those outside are left out."""
    height, width = _size(intake, preprocessing)
    found: list[Boxes] = []
    for i in range(len(data)):
        boxes = data.truth(i)
        assert isinstance(boxes, Boxes)
        place = placement(preprocessing, _picture_size(data, i), (width, height))
        corners = place.place(boxes.corners) / np.array([width, height] * 2, np.float32)
        corners = corners.clip(0, 1)
        rows = (corners[:, 2:] - corners[:, :2] > _LEAST_SEEN).all(axis=1)
        kept = (boxes.classes[rows], boxes.crowd[rows], boxes.areas[rows])
        found.append(Boxes(corners[rows], *kept))
    return {
        "starts": np.cumsum([0, *(len(b.classes) for b in found)]).astype(np.int64),
        "corners": np.concatenate([b.corners for b in found]).astype(np.float32),
        "classes": np.concatenate([b.classes for b in found]).astype(np.int64),
        "crowd": np.concatenate([b.crowd for b in found]).astype(np.bool_),
    }


def _masks(data: DataSet, intake: Intake, preprocessing: Preprocessing, out: Path) -> Path:
    height, width = _size(intake, preprocessing)
    how = replace(preprocessing, resize="nearest", fill=VOID)
    file = np.lib.format.open_memmap(out, "w+", np.uint8, (len(data), height, width))  # type: ignore[no-untyped-call]
    for i, mask in enumerate(_class_masks(data)):
        file[i] = fit(mask[:, :, None], height, width, 1, how)[:, :, 0]
    file.flush()
    return out


def _class_masks(data: DataSet) -> Iterator[Array]:
    for i in range(len(data)):
        mask = np.asarray(data.truth(i))
        yield np.where((mask < 0) | (mask > VOID), VOID, mask).astype(np.uint8)


def _size(intake: Intake, preprocessing: Preprocessing) -> tuple[int, int]:
    """Height and width of the model's input."""
    first = intake.pixels and intake.first(preprocessing)
    height, width = intake.shape[1:3] if first else (*intake.shape, 1, 1)[:2]
    return height, width


def _picture_size(data: DataSet, i: int) -> tuple[int, int]:
    """Width and height as stored."""
    rows = data.rows[data.main]
    if isinstance(rows, Pictures):
        with Image.open(rows.files[data.index[i]]) as picture:
            return picture.size
    height, width = data.raw(i).shape[:2]
    return width, height
