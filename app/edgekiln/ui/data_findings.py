"""What a check of the data found, each with what follows from it and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QWidget

from edgekiln.core.data import Alike, DataCheck
from edgekiln.core.text import Text, Words, say
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.kit import Action, button, card, column, line, picture, row, text

_FIRST = 6  # examples before "show all"
_NAMED = 12
_SIDE = 72
_RESPECTS = {
    "brightness": say("brightness"),
    "contrast": say("contrast"),
    "mean": say("mean"),
    "spread": say("spread"),
    "classes": say("shares of classes"),
}


@dataclass(frozen=True)
class Example:
    """A sample, or samples, something was found of: their pictures and what is said of them."""

    names: tuple[str, ...]
    remark: Text | None = None
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What was found, what follows from it, what to do; and the samples it was found of."""

    name: str
    tone: Tone
    what: Text
    follows: Text
    do: Text
    examples: tuple[Example, ...] = ()


def findings(check: DataCheck, classes: int = 0) -> tuple[Finding, ...]:
    """The worst first; `classes`: how many the model tells apart, where that is known."""
    found = (*_broken(check), *_labels(check, classes), *_alike(check), *_apart(check))
    return tuple(sorted(found, key=lambda each: ("bad", "warn", "").index(each.tone)))


def _broken(check: DataCheck) -> Iterator[Finding]:
    if check.unreadable_count:
        yield Finding(
            "unreadable",
            "bad",
            say("Samples that cannot be read: {count}.", count=check.unreadable_count),
            say("They are left out; where more than half are broken the data is refused."),
            say("Copy them again from where they came from, or delete them."),
            tuple(Example((each.sample,), each.why) for each in check.unreadable),
        )


def _labels(check: DataCheck, classes: int) -> Iterator[Finding]:
    if check.strange:
        names = _named(check.strange)
        yield Finding(
            "strange",
            "bad",
            say("The model, of {classes} classes, does not have these labels: {names}.",
                classes=classes, names=names)
            if classes
            else say("The model does not have these labels: {names}.", names=names),
            say("No answer of the model to their samples can be right."),
            say(
                "Take their samples out, or put a labels.txt with the model's classes, in the "
                "order of its outputs, beside the data."
            ),
        )  # fmt: skip
    if check.unlabelled:
        yield Finding(
            "unlabelled",
            "warn",
            say("Samples without a label: {count}.", count=check.unlabelled),
            say("They can calibrate; accuracy is measured without them."),
            say("Put each into the folder of its class, or into the table of labels."),
        )
    missing = [s.value for s in check.slices if s.by == "class" and s.samples and not s.evaluation]
    if check.evaluation_samples and missing:
        yield Finding(
            "missing",
            "warn",
            say("Classes without a sample to evaluate: {names}.",
                names=_named(tuple(missing))),
            say("What the model loses on them is not seen."),
            say("Add samples of these classes to the evaluation data."),
        )  # fmt: skip


def _alike(check: DataCheck) -> Iterator[Finding]:
    cut = len(check.alike) < check.exact_count + check.near_count
    across = [each for each in check.alike if each.across]
    apart = [each for each in check.alike if not each.across]
    disputed = [each for each in apart if each.disputed]
    if across:
        what = say("Samples that both calibrate and evaluate: {count} groups.", count=len(across))
        yield Finding(
            "across",
            "bad",
            _count(what, cut),
            say("The figures come out better than they are: the model was tuned on what it is "
                "judged by."),
            say("Take them out of one of the two, or let one source be split."),
            _examples(across),
        )  # fmt: skip
    if disputed:
        what = say(
            "Samples that are alike under different labels: {count} groups.", count=len(disputed)
        )
        yield Finding(
            "disputed",
            "bad",
            _count(what, cut),
            say("One of the labels is wrong, and counts as a mistake of the model."),
            say("Look at each, and keep it under the right label."),
            _examples(disputed),
        )
    yield from _twice([each for each in apart if not each.disputed], cut)


def _twice(alike: Sequence[Alike], cut: bool) -> Iterator[Finding]:
    """Groups that agree in their labels."""
    exact, near = [e for e in alike if e.exact], [e for e in alike if not e.exact]
    if exact:
        what = say("Samples that are the same bit by bit: {count} groups.", count=len(exact))
        yield Finding(
            "exact",
            "warn",
            _count(what, cut),
            say("They count more than once, and the interval of the accuracy is too narrow."),
            say("Keep one of each group."),
            _examples(exact),
        )
    if near:
        what = say("Pictures that look the same: {count} groups.", count=len(near))
        yield Finding(
            "near",
            "",
            _count(what, cut),
            say(
                "Frames of one film, or copies of another size, tell little more than one of them."
            ),
            say("Where they are no more than copies, keep one of each group."),
            _examples(near),
        )  # fmt: skip


def _count(what: Text, cut: bool) -> Text:
    """Of more than a hundred groups only the first are named, and this must be said."""
    return (
        say("{what} (Only the first hundred of each kind were looked at.)", what=what)
        if cut
        else what
    )


def _apart(check: DataCheck) -> Iterator[Finding]:
    for drift in check.drift:
        if not drift.drifted:
            continue
        yield Finding(
            f"drift-{drift.respect}",
            "warn",
            say("Calibration and evaluation data differ in {respect}: distance {distance}, where "
                "chance stays below {limit}.",
                respect=_RESPECTS[drift.respect],
                distance=f"{drift.distance:.2f}",
                limit=f"{drift.limit:.2f}"),
            say("The ranges of int8 are set on other inputs than the model is judged by."),
            say("Calibrate with samples from where the model will work, or let one source be "
                "split."),
        )  # fmt: skip


def _examples(groups: list[Alike]) -> tuple[Example, ...]:
    return tuple(Example(group.samples, None, group.pictures) for group in groups)


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


# On the screen


def show(words: Words, tokens: Tokens, finding: Finding) -> QFrame:
    """A card: what, what follows, what to do, and the first samples; all of them when asked."""
    marks = {"bad": "alert-circle-outline", "warn": "alert-outline"}
    mark = picture(marks.get(finding.tone, "information-outline"), tokens.tone(finding.tone), 24)
    said = column(
        text(words.render(finding.what), "strong"),
        text(words.render(finding.follows)),
        text(words.render(finding.do)),
        gap=4,
    )
    items: list[QWidget | None] = [row(mark, said, gap=12, wide=1)]
    if finding.examples:
        items += _shown_examples(words, finding)
    made = card(*items, gap=12)
    made.setObjectName(f"finding-{finding.name}")
    made.setAccessibleName(words.render(finding.what))
    return made


def _shown_examples(words: Words, finding: Finding) -> list[QWidget]:
    first, rest = finding.examples[:_FIRST], finding.examples[_FIRST:]
    made: list[QWidget] = [_grid(words, first)]
    if rest:
        place = column(gap=0)
        more = button(
            Action(words("Show {count} more", count=len(rest)), lambda: None,
                   f"more-{finding.name}"),
            flat=True,
        )  # fmt: skip

        def unfold() -> None:
            layout = place.layout()
            assert layout is not None
            layout.addWidget(_grid(words, rest))
            more.hide()

        more.clicked.connect(unfold)
        made += [place, row(more, None)]
    return made


def _grid(words: Words, examples: tuple[Example, ...]) -> QWidget:
    owner = QWidget()
    grid = QGridLayout(owner)
    grid.setContentsMargins(36, 0, 0, 0)
    grid.setSpacing(8)
    columns = 2 if any(each.pictures for each in examples) else 1
    for n, each in enumerate(examples):
        grid.addWidget(_example(words, each), n // columns, n % columns)
    for n in range(columns):
        grid.setColumnStretch(n, 1)
    return owner


def _example(words: Words, example: Example) -> QWidget:
    names = [line(name, "muted") for name in example.names[:3]]
    if len(example.names) > 3:
        names.append(line(words("and {count} more", count=len(example.names) - 3), "muted"))
    if example.remark is not None:
        made = row(names[0], line(words.render(example.remark)), gap=16, wide=0)
        layout = made.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.setStretch(1, 1)
        return made
    shown = [_picture(file, name) for file, name in zip(example.pictures, example.names,
                                                        strict=False)]  # fmt: skip
    return row(*shown, column(None, *names, None, gap=2), gap=8, wide=len(shown))


def _picture(file: Path, name: str) -> QLabel:
    made = QLabel()
    made.setPixmap(QPixmap(str(file)))
    made.setFixedSize(_SIDE, _SIDE)
    made.setProperty("role", "picture")
    made.setAccessibleName(name)
    return made
