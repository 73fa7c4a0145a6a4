"""What the quantize wizard asks before it runs: target, data, schemes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from edgekiln import profiles
from edgekiln.core.artifact import SCHEMES, SchemeName
from edgekiln.core.device import Profile
from edgekiln.core.flow import QuantDraft
from edgekiln.core.text import Text, Words, say
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.choose_path import choose_folder, choose_npz
from edgekiln.ui.widgets.kit import Action, button, card, column, line, row, text, word
from edgekiln.ui.widgets.panels import folded

Change = Callable[[QuantDraft], object]
_MOST_SAMPLES = 100_000

SCHEME_TEXTS: dict[SchemeName, Text] = {
    "float32": say("As it is, for comparison"),
    "float16": say("Half the size; computes in float32"),
    "dynamic-range": say("Weights int8, computes in float; no calibration"),
    "weight-int8": say("Weights int8, computes in float: small, and close to float"),
    "weight-int4": say("Weights int4, computes in float: smallest, for new runtimes only"),
    "int8": say("Weights and values int8, int8 at the edges: smallest and fastest"),
    "int8-float-io": say("int8 inside, float at the edges: nothing to change around it"),
    "int8-uint8-io": say("int8 inside, uint8 at the edges: takes a camera's bytes as they are"),
    "int16x8": say("Values int16, weights int8: closest to float"),
    "mixed": say("int8, but for the few operators that lose most by it"),
}


def target_step(words: Words, tokens: Tokens, desk: Desk, change: Change) -> QWidget:
    """The kind of box the candidates are tried for."""
    del tokens
    group_owner = QFrame()
    group = QButtonGroup(group_owner)
    rows = [_profile(words, desk, profile, change, group) for profile in profiles.all_profiles()]
    column(*rows, gap=12, into=group_owner)
    return column(
        text(words("Which device will run the model? Its runtime decides what is usable.")),
        group_owner,
    )


def _profile(
    words: Words, desk: Desk, profile: Profile, change: Change, group: QButtonGroup
) -> QWidget:
    draft = desk.quant_draft
    chosen = profile.name == draft.target
    radio = QRadioButton(words(profile.title))
    radio.setObjectName(f"target-{profile.name}")
    radio.setAccessibleName(words(profile.title))
    radio.setChecked(chosen)
    group.addButton(radio)
    radio.toggled.connect(lambda on: on and change(replace(draft, target=profile.name)))
    known = [d.name for d in desk.devices.all() if d.profile == profile.name]
    facts = words("{runtime} on {arch}", runtime=profile.runtime, arch=profile.arch)
    if known:
        facts += " · " + words("known: {names}", names=", ".join(known))
    note = text(words(profile.note), "muted")
    return card(radio, word(facts), note, kind="chosen" if chosen else "card", gap=4)


def data_step(words: Words, tokens: Tokens, desk: Desk, change: Change) -> QWidget:
    """Calibration and evaluation data."""
    del tokens
    draft = desk.quant_draft
    return column(
        _picker(
            words,
            "calibration",
            words("Calibration data"),
            words("Typical inputs, 100 or more: they set the ranges of int8 and int16."),
            draft.calibration,
            lambda path: change(replace(desk.quant_draft, calibration=path)),
        ),
        _picker(
            words,
            "evaluation",
            words("Evaluation data"),
            words("Labelled inputs the model has not seen: they measure what accuracy is left."),
            draft.evaluation,
            lambda path: change(replace(desk.quant_draft, evaluation=path)),
        ),
        text(
            words("A folder with one folder of pictures per class, or an .npz with x and y."),
            "muted",
        ),
        gap=16,
    )


def _picker(
    words: Words,
    name: str,
    title: str,
    why: str,
    path: Path | None,
    take: Callable[[Path], object],
) -> QWidget:
    where = line(words("Nothing chosen") if path is None else str(path), "" if path else "muted")
    where.setObjectName(f"{name}-path")

    def ask(choose: Callable[[Words, QWidget], Path | None]) -> None:
        chosen = choose(words, frame)
        if chosen is not None:
            take(chosen)

    folder = button(Action(words("Folder…"), lambda: ask(choose_folder), f"{name}-folder"))
    file = button(Action(words("File…"), lambda: ask(choose_npz), f"{name}-file"))
    for made in (folder, file):
        made.setAccessibleName(f"{title}: {made.text()}")
    choice = row(where, folder, file, wide=0)
    frame = card(line(title, "strong"), text(why, "muted"), choice)
    return frame


def schemes_step(words: Words, tokens: Tokens, desk: Desk, change: Change) -> QWidget:
    """All schemes unless told; the rest is folded away."""
    draft = desk.quant_draft
    boxes = [_scheme(words, desk, scheme, change) for scheme in SCHEMES]
    expert = card(
        row(word(words("Calibration samples")), _samples(words, desk, draft), None, gap=16),
        row(
            word(words("Accuracy that may be lost, points")),
            _drop(words, desk, draft),
            None,
            gap=16,
        ),
    )
    return column(
        text(words("All of them are made and tried; the best one that is usable is recommended.")),
        card(*boxes, gap=8),
        folded(words, tokens, expert),
    )


def _scheme(words: Words, desk: Desk, scheme: SchemeName, change: Change) -> QWidget:
    box = QCheckBox(scheme)
    box.setObjectName(f"scheme-{scheme}")
    box.setAccessibleName(scheme)
    box.setAccessibleDescription(words.render(SCHEME_TEXTS[scheme]))
    box.setChecked(scheme in desk.quant_draft.schemes)
    box.setFixedWidth(160)

    def toggle(on: bool) -> None:
        schemes = (
            {*desk.quant_draft.schemes, scheme} if on else {*desk.quant_draft.schemes} - {scheme}
        )
        change(replace(desk.quant_draft, schemes=tuple(s for s in SCHEMES if s in schemes)))

    box.toggled.connect(toggle)
    return row(box, text(words.render(SCHEME_TEXTS[scheme]), "muted"), gap=16, wide=1)


def _samples(words: Words, desk: Desk, draft: QuantDraft) -> QSpinBox:
    field = QSpinBox()
    field.setRange(0, _MOST_SAMPLES)
    field.setValue(draft.calibration_samples)
    field.setAccessibleName(words("Calibration samples"))
    field.setObjectName("samples")
    field.valueChanged.connect(
        lambda value: desk.save_quant_draft(replace(desk.quant_draft, calibration_samples=value))
    )
    return field


def _drop(words: Words, desk: Desk, draft: QuantDraft) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(0.0, 100.0)
    field.setDecimals(1)
    field.setSingleStep(0.5)
    field.setValue(draft.max_drop * 100)
    field.setAccessibleName(words("Accuracy that may be lost, points"))
    field.setObjectName("max-drop")
    field.valueChanged.connect(
        lambda value: desk.save_quant_draft(replace(desk.quant_draft, max_drop=value / 100))
    )
    return field
