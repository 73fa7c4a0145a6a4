"""What the quantize wizard asks first: target and goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QWidget,
)

from edgekiln import profiles
from edgekiln.core.device import Profile
from edgekiln.core.flow import QuantDraft
from edgekiln.core.text import Words
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.kit import card, column, line, radio, row, text, word

Change = Callable[[QuantDraft], object]


def target_step(words: Words, desk: Desk, change: Change) -> QWidget:
    """The kind of box the candidates are tried for, and what is wanted of them."""
    group_owner = QFrame()
    group = QButtonGroup(group_owner)
    rows = [_profile(words, desk, profile, change, group) for profile in profiles.all_profiles()]
    column(*rows, None, gap=12, into=group_owner)
    both = row(group_owner, column(_goal(words, desk, change), None), gap=16)
    layout = both.layout()
    assert isinstance(layout, QHBoxLayout)
    layout.setStretch(0, 3)
    layout.setStretch(1, 2)
    return column(
        text(words("Which device will run the model? Its runtime decides what is usable.")), both
    )


def _goal(words: Words, desk: Desk, change: Change) -> QWidget:
    draft = desk.quant_draft
    frame = QFrame()
    limits, goals = QButtonGroup(frame), QButtonGroup(frame)
    accuracy = radio("limit-accuracy", words("Accuracy falls by at most"), limits)
    agreement = radio("limit-agreement", words("Answers stay the same in"), limits)
    smallest = radio("goal-size", words("the smallest"), goals)
    fastest = radio("goal-latency", words("the fastest on this computer"), goals)
    for made, on, to in (
        (accuracy, draft.limit_on == "accuracy", replace(draft, limit_on="accuracy")),
        (agreement, draft.limit_on == "agreement", replace(draft, limit_on="agreement")),
        (smallest, draft.goal == "size", replace(draft, goal="size")),
        (fastest, draft.goal == "latency", replace(draft, goal="latency")),
    ):
        made.setChecked(on)
        made.toggled.connect(lambda on, to=to: on and change(_with_drop(to, desk)))
    column(
        line(words("What may be lost"), "strong"),
        accuracy,
        row(_points(words, desk), word(words("points")), None),
        agreement,
        row(_answers(words, desk), word(words("of 100 samples")), None),
        text(words("Measured against the float model, on the data of the next step."), "muted"),
        line(words("Of those that hold it, take"), "strong"),
        smallest,
        fastest,
        gap=8,
        margin=16,
        into=frame,
    )
    frame.setProperty("box", "card")
    return frame


def _with_drop(draft: QuantDraft, desk: Desk) -> QuantDraft:
    """The limit as it is by now: its field keeps it without drawing the page anew."""
    return replace(draft, max_drop=desk.quant_draft.max_drop)


def _points(words: Words, desk: Desk) -> QDoubleSpinBox:
    draft = desk.quant_draft
    field = _share("max-drop", words("Accuracy falls by at most"), draft.max_drop * 100)
    field.setEnabled(draft.limit_on == "accuracy")
    field.valueChanged.connect(lambda value: _keep_drop(desk, value / 100))
    return field


def _answers(words: Words, desk: Desk) -> QDoubleSpinBox:
    draft = desk.quant_draft
    field = _share("agree", words("Answers stay the same in"), 100 - draft.max_drop * 100)
    field.setEnabled(draft.limit_on == "agreement")
    field.valueChanged.connect(lambda value: _keep_drop(desk, 1 - value / 100))
    return field


def _share(name: str, title: str, value: float) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setObjectName(name)
    field.setAccessibleName(title)
    field.setRange(0.0, 100.0)
    field.setDecimals(1)
    field.setSingleStep(0.5)
    field.setValue(value)
    return field


def _keep_drop(desk: Desk, drop: float) -> None:
    desk.save_quant_draft(replace(desk.quant_draft, max_drop=round(drop, 6)))


def _profile(
    words: Words, desk: Desk, profile: Profile, change: Change, group: QButtonGroup
) -> QWidget:
    draft = desk.quant_draft
    chosen = profile.name == draft.target
    made = radio(f"target-{profile.name}", words(profile.title), group)
    made.setChecked(chosen)
    made.toggled.connect(lambda on: on and change(replace(draft, target=profile.name)))
    known = [d.name for d in desk.devices.all() if d.profile == profile.name]
    facts = words("{runtime} on {arch}", runtime=profile.runtime, arch=profile.arch)
    if known:
        facts += " · " + words("known: {names}", names=", ".join(known))
    note = text(words(profile.note), "muted")
    said = row(made, line(facts), gap=16, wide=1)
    return card(said, note, kind="chosen" if chosen else "card", gap=4)
