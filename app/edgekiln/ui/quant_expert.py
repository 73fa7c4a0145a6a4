"""What only an expert changes: schemes, samples, minutes, preprocessing, cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from edgekiln.core.artifact import SCHEMES, SPECIAL_SCHEMES, SchemeName
from edgekiln.core.data import PRESETS
from edgekiln.core.flow import QuantDraft
from edgekiln.core.task import Decoder, Judging, Task
from edgekiln.core.text import Text, Words, say
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import card, column, row, text, word
from edgekiln.ui.widgets.panels import folded

C = TypeVar("C")
_MOST_SAMPLES = 100_000
_MOST_MINUTES = 24 * 60.0

SCHEME_TEXTS: dict[SchemeName, Text] = {
    "float32": say("As it is, for comparison"),
    "float16": say("Half the size; computes in float32"),
    "dynamic-range": say("Weights int8, computes in float; no calibration"),
    "int8": say("Weights and values int8, int8 at the edges: smallest and fastest"),
    "int8-float-io": say("int8 inside, float at the edges: nothing to change around it"),
    "int16x8": say("Values int16, weights int8: closest to float"),
    "weight-int8": say("Weights int8, kept so in the file; computes in float"),
    "weight-int4": say("Weights int4, kept so in the file; newest runtimes only"),
    "int8-uint8-io": say("int8 inside, uint8 at the edges: fed with pictures as they are"),
    "mixed": say("int8 but for the operators it hurts; searched for when int8 loses too much"),
}


def expert_settings(
    words: Words,
    tokens: Tokens,
    desk: Desk,
    unfolded: bool,
    fold: Callable[[bool], object],
    change: Callable[[QuantDraft], object],
    tell: Callable[[], object],
) -> QWidget:
    """All of them, below a button that folds them away. `change` keeps a draft and draws the page
    anew; `tell` is called where a number was changed, and what the next step says has with it."""
    body = column(
        card(
            text(words("What is ticked is made and tried; the best usable one is recommended.")),
            *(_scheme(words, desk, scheme, change) for scheme in SCHEMES),
            text(words("For special needs:"), "muted"),
            *(_scheme(words, desk, scheme, change) for scheme in SPECIAL_SCHEMES),
            gap=4,
        ),
        card(_fields(words, desk, tell)),
        gap=16,
    )
    return folded(words, tokens, body, unfolded, fold)


def _scheme(
    words: Words, desk: Desk, scheme: SchemeName, change: Callable[[QuantDraft], object]
) -> QWidget:
    box = QCheckBox(scheme)
    box.setObjectName(f"scheme-{scheme}")
    box.setAccessibleName(scheme)
    box.setAccessibleDescription(words.render(SCHEME_TEXTS[scheme]))
    box.setChecked(scheme in desk.quant_draft.schemes)
    box.setFixedWidth(160)

    def toggle(on: bool) -> None:
        chosen = set(desk.quant_draft.schemes) - {scheme} | ({scheme} if on else set())
        every = (*SCHEMES, *SPECIAL_SCHEMES)
        change(replace(desk.quant_draft, schemes=tuple(s for s in every if s in chosen)))

    box.toggled.connect(toggle)
    return row(box, text(words.render(SCHEME_TEXTS[scheme]), "muted"), gap=16, wide=1)


def _fields(words: Words, desk: Desk, tell: Callable[[], object]) -> QWidget:
    owner = QWidget()
    grid = QGridLayout(owner)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(8)
    fields = (
        (words("Calibration samples, at most"), _samples(desk, tell)),
        (words("Search for operators to keep, minutes (0: none)"), _minutes(desk)),
        (words("Preprocessing of pictures"), _preprocessing(words, desk)),
        (words("What the model answers"), _task(words, desk)),
        (words("How boxes are read from a detector"), _decoder(words, desk)),
        (words("Address of a Dask cluster (empty: this computer)"), _cluster(desk)),
    )
    for number, (title, field) in enumerate(fields):
        field.setAccessibleName(title)
        grid.addWidget(word(title), number, 0)
        grid.addWidget(field, number, 1)
    grid.setColumnStretch(2, 1)
    return owner


def _samples(desk: Desk, tell: Callable[[], object]) -> QSpinBox:
    field = QSpinBox()
    field.setObjectName("samples")
    field.setRange(1, _MOST_SAMPLES)
    field.setValue(desk.quant_draft.calibration_samples)

    def keep(value: int) -> None:
        desk.save_quant_draft(replace(desk.quant_draft, calibration_samples=value))
        tell()

    field.valueChanged.connect(keep)
    return field


def _minutes(desk: Desk) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setObjectName("minutes")
    field.setRange(0.0, _MOST_MINUTES)
    field.setDecimals(1)
    field.setValue(desk.quant_draft.search_minutes)
    field.valueChanged.connect(
        lambda value: desk.save_quant_draft(replace(desk.quant_draft, search_minutes=value))
    )
    return field


def _preprocessing(words: Words, desk: Desk) -> QComboBox:
    field = QComboBox()
    field.setObjectName("preprocessing")
    now = desk.quant_draft.preprocessing
    choices = (None, *PRESETS) if now is None or now in PRESETS else (None, *PRESETS, now)
    field.addItems([words("found on the labelled data") if p is None else p.name for p in choices])
    field.setCurrentIndex(choices.index(now))
    field.activated.connect(
        lambda number: desk.save_quant_draft(
            replace(desk.quant_draft, preprocessing=choices[number])
        )
    )
    return field


def _cluster(desk: Desk) -> QLineEdit:
    field = QLineEdit(desk.quant_draft.cluster)
    field.setObjectName("cluster")
    field.setPlaceholderText("tcp://10.0.0.2:8786")
    field.textChanged.connect(
        lambda value: desk.save_quant_draft(replace(desk.quant_draft, cluster=value.strip()))
    )
    return field


def _task(words: Words, desk: Desk) -> QComboBox:
    choices: dict[Task | None, str] = {
        None: words("derived from data and outputs"),
        "classification": words("a class (classification)"),
        "detection": words("boxes (detection)"),
        "segmentation": words("a class for every pixel (segmentation)"),
        "regression": words("numbers (regression)"),
        "autoencoder": words("its input again (autoencoder)"),
        "embedding": words("a vector to compare (embedding)"),
        "none": words("anything: only compared with float"),
    }

    def keep(task: Task | None) -> None:
        _judge(desk, replace(desk.quant_draft.judging, task=task))

    return _choice("task", choices, desk.quant_draft.judging.task, keep)


def _decoder(words: Words, desk: Desk) -> QComboBox:
    choices: dict[Decoder | None, str] = {
        None: words("derived from the outputs"),
        "ssd": "SSD (TFLite_Detection_PostProcess)",
        "yolov5": "YOLOv5",
        "yolov8": "YOLOv8",
        "corners": words("corners, class and score in rows"),
    }

    def keep(decoder: Decoder | None) -> None:
        _judge(desk, replace(desk.quant_draft.judging, decoder=decoder))

    return _choice("decoder", choices, desk.quant_draft.judging.decoder, keep)


def _judge(desk: Desk, judging: Judging) -> None:
    desk.save_quant_draft(replace(desk.quant_draft, judging=judging))


def _choice(name: str, choices: dict[C, str], now: C, keep: Callable[[C], object]) -> QComboBox:
    field = QComboBox()
    field.setObjectName(name)
    field.addItems(list(choices.values()))
    values = list(choices)
    field.setCurrentIndex(values.index(now))
    field.activated.connect(lambda number: keep(values[number]))
    return field
