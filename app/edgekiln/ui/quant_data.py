"""The quantize wizard's data step: calibration and evaluation data of any kind, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QSpinBox, QWidget

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Content, DataKind, DataLook, DataSource, FindPlan
from edgekiln.core.flow import QuantDraft
from edgekiln.core.text import Text, Words, say
from edgekiln.ui.data_looks import Looks, Told, proposed
from edgekiln.ui.data_page import classes_of
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.choose_path import choose_data, choose_folder, dropped
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    column,
    line,
    notice,
    radio,
    row,
    text,
    word,
)

SHARE = 0.2
_NAMED = 8
_KINDS: dict[DataKind, Text] = {
    "folder": say("A folder by class"),
    "list": say("Files with a table of labels"),
    "coco": say("COCO boxes"),
    "voc": say("VOC boxes"),
    "masks": say("Pictures with masks"),
    "npz": say("NumPy arrays"),
    "npy": say("A NumPy array"),
    "idx": say("An IDX file"),
    "table": say("A table of numbers"),
    "tfrecord": say("TFRecords"),
}


@dataclass(frozen=True)
class DataStep:
    """What the step is made with. `change` keeps a draft and draws the page anew."""

    words: Words
    tokens: Tokens
    desk: Desk
    looks: Looks
    artifact: Artifact | None
    change: Callable[[QuantDraft], object]

    @property
    def draft(self) -> QuantDraft:
        """As it is by now."""
        return self.desk.quant_draft


def data_step(step: DataStep) -> QWidget:
    """Calibration and evaluation data, or none."""
    words, draft = step.words, step.draft
    owner = QFrame()
    group = QButtonGroup(owner)
    data = radio("with-data", words("With data"), group)
    random = radio("no-data", words("No data: random numbers, latency only"), group)
    random.setChecked(draft.random)
    data.setChecked(not draft.random)
    random.toggled.connect(lambda on: step.change(replace(step.draft, random=on)))
    row(data, random, None, gap=24, into=owner)
    if draft.random:
        said = words(
            "Sizes, latencies and what the target's runtime refuses are real. Accuracy is unknown "
            "without data: none is shown, and what is made this way cannot be packed."
        )
        return column(owner, notice(step.tokens, "warn", said), gap=16)
    kinds = words(
        "Drop or choose a folder (pictures or sounds by class, with a table of labels, COCO, VOC, "
        "masks) or a file (.npz, .npy, IDX, CSV, TFRecord, COCO .json, zip or tar)."
    )
    calibration = Picker(
        step,
        "calibration",
        words("Calibration data"),
        words("Typical inputs, 100 or more: they set the ranges of int8 and int16."),
        draft.calibration,
    )
    return column(
        owner, text(kinds, "muted"), calibration, _evaluation(step), *_proposal(step), gap=16
    )


class Picker(QFrame):
    """A place for one source: chosen or dropped, and what was recognised there. `taken`: a path."""

    taken = Signal(object)

    def __init__(self, step: DataStep, name: str, title: str, why: str, path: Path | None) -> None:
        super().__init__()
        words = self._words = step.words
        self.setObjectName(f"{name}-drop")
        self.setAcceptDrops(True)
        self._mark("card")
        where = line(
            words("Nothing chosen") if path is None else str(path), "" if path else "muted"
        )
        where.setObjectName(f"{name}-path")
        folder = button(Action(words("Folder…"), self._ask_folder, f"{name}-folder"))
        file = button(Action(words("File…"), self._ask_file, f"{name}-file"))
        for made in (folder, file):
            made.setAccessibleName(f"{title}: {made.text()}")
        self.taken.connect(lambda chosen: _take(step, name, chosen))
        there = path is not None and path.exists()
        told = _recognised(step, DataSource(path), self.taken.emit) if path and there else None
        column(
            row(line(title, "strong"), folder, file, wide=0),
            text(why, "muted"),
            where,
            *(() if told is None else (told,)),
            margin=16,
            into=self,
        )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Data may be dropped here."""
        if event.mimeData().hasUrls():
            self._mark("chosen")
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Or not."""
        self._mark("card")
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the first one."""
        self._mark("card")
        if (path := dropped(event)) is not None:
            self.taken.emit(path)

    def _mark(self, kind: str) -> None:
        self.setProperty("box", kind)
        self.style().polish(self)

    def _ask_folder(self) -> None:
        self._take(choose_folder(self._words, self))

    def _ask_file(self) -> None:
        self._take(choose_data(self._words, self))

    def _take(self, path: Path | None) -> None:
        if path is not None:
            self.taken.emit(path)


def _take(step: DataStep, name: str, chosen: object) -> None:
    path = Path(str(chosen))
    step.looks.forget()
    if name == "calibration":
        step.change(replace(step.draft, calibration=path))
    else:
        step.change(replace(step.draft, evaluation=path))


# Evaluation: data of its own, or what the split leaves


def _evaluation(step: DataStep) -> QWidget:
    words, draft = step.words, step.draft
    owner = QFrame()
    group = QButtonGroup(owner)
    own = radio("own-evaluation", words("Evaluation data of its own"), group)
    rest = radio("split", words("Split the calibration data"), group)
    own.setChecked(draft.share is None)
    rest.setChecked(draft.share is not None)
    rest.toggled.connect(lambda on: step.change(replace(step.draft, share=SHARE if on else None)))
    if draft.share is not None:
        row(own, rest, None, gap=24, into=owner)
        return column(owner, Split(step, draft.share), gap=8)
    row(own, rest, None, gap=24, into=owner)
    picker = Picker(
        step,
        "evaluation",
        words("Evaluation data"),
        words("Labelled inputs the model has not seen: they measure what accuracy is left."),
        draft.evaluation,
    )
    return column(owner, picker, gap=8)


class Split(QFrame):
    """How much of one source may calibrate; the rest evaluates."""

    def __init__(self, step: DataStep, share: float) -> None:
        super().__init__()
        self.setProperty("box", "card")
        self._step, words = step, step.words
        field = QSpinBox()
        field.setObjectName("share")
        field.setAccessibleName(words("Share that may calibrate"))
        field.setRange(1, 99)
        field.setSuffix(" %")
        field.setValue(round(share * 100))
        field.valueChanged.connect(self._keep)
        self._said = text("", "muted")
        self._said.setObjectName("split-said")
        title = word(words("Share that may calibrate"))
        column(row(title, field, None, gap=16), self._said, margin=16, into=self)
        step.looks.told.connect(self._tell)
        self._tell()

    def _keep(self, value: int) -> None:
        step = self._step
        step.desk.save_quant_draft(replace(step.draft, share=value / 100))
        step.looks.told.emit()

    def _tell(self) -> None:
        words, draft = self._step.words, self._step.draft
        known = self._step.looks.known(draft.parts[0] and DataSource(draft.parts[0].path))
        if known is None or draft.share is None:
            self._said.setText(words("No sample is in both; each class has its share in both."))
            return
        first = calibrates(known.samples, draft.share)
        self._said.setText(
            words(
                "{calibration} samples may calibrate, {evaluation} evaluate. No sample is in "
                "both; each class has its share in both.",
                calibration=first,
                evaluation=known.samples - first,
            )
        )


def calibrates(samples: int, share: float | None) -> int:
    """How many of the samples may calibrate; all where they are not split."""
    if share is None:
        return samples
    return min(max(round(share * samples), 1), max(samples - 1, 0))


# What was recognised


def _recognised(step: DataStep, source: DataSource, choose: Callable[[str], object]) -> Told:
    def show(result: object) -> Sequence[QWidget]:
        assert isinstance(result, DataLook)
        return _described(step, result)

    told = Told(step.words, step.tokens, step.looks.look(source), show, choose)
    told.setObjectName("recognised")
    return told


def _described(step: DataStep, look: DataLook) -> list[QWidget]:
    words = step.words
    made: list[QWidget] = [text(" · ".join(facts(words, look)))]
    if not look.samples:
        made.append(notice(step.tokens, "bad", words("There is no sample in it.")))
    classes = classes_of(step.artifact.signature) if step.artifact else 0
    asked = step.draft.judging.has_classes and look.truth == "classes"
    if asked and 0 < classes < look.classes:
        said = words(
            "The data has {count} classes, the model tells {classes} apart. Take data with the "
            "model's classes, or say in the expert settings what else the model answers.",
            count=look.classes,
            classes=classes,
        )
        made.append(notice(step.tokens, "warn", said))
    made += [text(words.render(note), "muted") for note in look.notes]
    return made


def facts(words: Words, look: DataLook) -> list[str]:
    """What was recognised, in a few words each."""
    kind = words.render(_KINDS[look.kind])
    said = [words("{kind}, packed", kind=kind) if look.packed else kind]
    counts: dict[Content, str] = {
        "picture": words("pictures: {count}", count=look.samples),
        "sound": words("sounds: {count}", count=look.samples),
        "numbers": words("samples: {count}", count=look.samples),
    }
    said.append(counts[look.content])
    if look.size:
        said.append(look.size)
    if look.truth == "none":
        said.append(words("no labels"))
    if look.classes:
        names = ", ".join(look.class_names[:_NAMED])
        more = ", …" if look.classes > _NAMED else ""
        said.append(words("classes: {count} ({names})", count=look.classes, names=names + more))
    if look.truth != "none" and look.labelled < look.samples:
        said.append(words("{count} without a label", count=look.samples - look.labelled))
    if look.columns:
        said.append(words("columns: {names}", names=", ".join(look.columns[:_NAMED])))
    return said


# How its samples become the model's inputs


def _proposal(step: DataStep) -> list[QWidget]:
    """What the finder would take, once it is known what the data is."""
    words, draft = step.words, step.draft
    path = draft.calibration
    if path is None or not path.exists() or step.artifact is None:
        return []
    artifact, source = step.artifact, DataSource(path)

    def found(look: object) -> Sequence[QWidget]:
        assert isinstance(look, DataLook)
        if not look.samples:
            return (text(words("Found while quantizing."), "muted"),)
        job = step.looks.proposal(artifact, FindPlan(source, step.draft.judging))
        return (Told(words, step.tokens, job, lambda r: proposed(words, r), print),)

    if draft.preprocessing is not None:
        name = words("Chosen by you: {name}", name=draft.preprocessing.name)
        content: QWidget = line(name)
    else:
        job = step.looks.look(source)
        if job.error is not None:
            return []
        content = Told(words, step.tokens, job, found)
    frame = QFrame()
    frame.setObjectName("proposal")
    frame.setProperty("box", "card")
    column(line(words("Preprocessing"), "strong"), content, margin=16, into=frame)
    return [frame]
