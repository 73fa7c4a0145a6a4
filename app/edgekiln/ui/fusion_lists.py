"""What was and can be fused: by group with a switch per place, and by pass with a switch each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import takewhile

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QScrollArea, QWidget

from edgekiln.core.flow import FuseDraft
from edgekiln.core.fusion import FusionGroup, FusionResult, GroupState, PassOutcome
from edgekiln.core.passes import FUSION_PASSES, PassInfo, info_of
from edgekiln.core.text import Text, Words, say
from edgekiln.ui import figures
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.kit import column, row, text
from edgekiln.ui.widgets.table import Cell, Index, Row, Rows, dressed

STATES: dict[GroupState, tuple[str, Text, Tone]] = {
    "by-edgekiln": ("✓", say("EdgeKiln"), "good"),
    "by-converter": ("✓", say("converter"), "good"),
    "possible": ("○", say("possible"), "warn"),
    "not-possible": ("–", say("not possible"), "muted"),
}
_DETAIL_HEIGHT = 72


class GroupList(QWidget):
    """The groups. `chosen`: the group the keyboard or the mouse is on, None where no row is left;
    `switched`: a place, (pass, tensor), and whether it is to be fused."""

    chosen = Signal(object)
    switched = Signal(object, bool)

    def __init__(
        self, words: Words, tokens: Tokens, result: FusionResult, draft: FuseDraft
    ) -> None:
        super().__init__()
        self._words, self._groups, self._draft = words, result.groups, draft
        self._above = _above_all([group.place for group in self._groups])
        self._hay = [self._haystack(group) for group in self._groups]
        self._wanted: tuple[str, GroupState | None] = ("", None)
        headers = (words("Operators"), words("Place"), words("State"))
        self._rows = Rows(tokens, headers, self._all_rows())
        self._rows.switched.connect(self._switch)
        self._filter = _Filter(self._rows, self._is_wanted)
        self.view = dressed(words("Groups"), self._filter, stretch=1, least=88)
        self.view.setObjectName("groups")
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.selectionModel().currentRowChanged.connect(lambda now: self._choose(now))
        self._detail = _Detail(words)
        column(self._fields(), self.view, self._detail, into=self)

    def show_draft(self, draft: FuseDraft) -> None:
        """The switches as they are now."""
        self._draft = draft
        self._rows.show_rows(self._all_rows())

    def choose_first(self) -> None:
        """The first group EdgeKiln fused, else the first at all."""
        fused = [n for n, group in enumerate(self._groups) if group.state == "by-edgekiln"]
        self._go(self._filter.mapFromSource(self._rows.index((fused or [0])[0], 0)))

    def _fields(self) -> QWidget:
        words = self._words
        field = QLineEdit()
        field.setObjectName("filter-text")
        field.setPlaceholderText(words("Filter"))
        field.setAccessibleName(words("Filter the groups"))
        field.setClearButtonEnabled(True)
        field.setMinimumWidth(80)
        kinds = QComboBox()
        kinds.setObjectName("filter-state")
        kinds.setAccessibleName(words("State"))
        counts = Counter(group.state for group in self._groups)
        kinds.addItem(words("All: {count}", count=len(self._groups)), None)
        for state, (mark, title, _) in STATES.items():
            kinds.addItem(f"{mark} {words.render(title)}: {counts[state]}", state)
        field.textChanged.connect(lambda: self._want(field.text(), kinds.currentData()))
        kinds.currentIndexChanged.connect(lambda: self._want(field.text(), kinds.currentData()))
        return row(field, kinds, wide=0)

    def _want(self, part: str, state: GroupState | None) -> None:
        self._wanted = (part.casefold(), state)
        self._filter.invalidate()
        if not self.view.currentIndex().isValid():
            self._go(self._filter.index(0, 0))

    def _is_wanted(self, number: int) -> bool:
        part, state = self._wanted
        return part in self._hay[number] and state in (None, self._groups[number].state)

    def _haystack(self, group: FusionGroup) -> str:
        why = self._words.render(group.why)
        return "\n".join((group.pattern, group.place, group.fused_by, why)).casefold()

    def _go(self, index: QModelIndex) -> None:
        rows = QItemSelectionModel.SelectionFlag.Rows
        select = QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.view.selectionModel().setCurrentIndex(index, select | rows)
        if not index.isValid():
            self._choose(index)

    def _choose(self, index: QModelIndex) -> None:
        group = self._groups[self._filter.mapToSource(index).row()] if index.isValid() else None
        if group is None:
            none = self._words("No group matches the filter.")
            if not self._groups:
                none = self._words("The model has no convolution, dense or normalisation layers.")
            self._detail.say(none)
        else:
            title = self._words.render(info_of(group.fused_by).title) if group.fused_by else ""
            why = self._words.render(group.why)
            self._detail.say(group.place, why, "" if why.startswith(title) else title)
        self.chosen.emit(group)

    def _switch(self, number: int, on: bool) -> None:
        group = self._groups[number]
        self.switched.emit((group.fused_by, group.tensor), on)

    def _all_rows(self) -> list[Row]:
        return [self._row(group) for group in self._groups]

    def _row(self, group: FusionGroup) -> Row:
        words, why = self._words, self._words.render(group.why)
        pattern = Cell(group.pattern, tip=f"{group.pattern}\n{group.place}\n{why}")
        mark, title, tone = STATES[group.state]
        state = Cell(f"{mark} {words.render(title)}", tone, tip=why)
        if group.tensor:
            on, was, locked = self._switch_of(group)
            tip = words("The pass is switched off.") if locked else pattern.tip
            pattern = Cell(group.pattern, tip=tip, checked=on, locked=locked)
            if on != was:
                said = words("to be fused") if on else words("to be left")
                state = Cell(f"● {said}", "warn", tip=why)
        place = group.place.removeprefix(self._above)
        return (pattern, Cell(place, tip=group.place), state)

    def _switch_of(self, group: FusionGroup) -> tuple[bool, bool, bool]:
        """Whether the place is on, was on for the result in hand, and cannot be switched."""
        info, place = info_of(group.fused_by), (group.fused_by, group.tensor)
        now = self._draft.switches
        made = now if self._draft.made is None else self._draft.made
        on = now.has(info) and place not in now.leave
        return on, made.has(info) and place not in made.leave, not now.has(info)


def _above_all(places: list[str]) -> str:
    """The folders that all names begin with."""
    folders = zip(*(place.split("/")[:-1] for place in places), strict=False)
    shared = takewhile(lambda parts: len(set(parts)) == 1, folders)
    return "".join(f"{parts[0]}/" for parts in shared)


class PassList(QWidget):
    """The passes. `switched`: a pass, and whether it is to run."""

    switched = Signal(object, bool)

    def __init__(
        self, words: Words, tokens: Tokens, result: FusionResult, draft: FuseDraft
    ) -> None:
        super().__init__()
        self._words, self._draft = words, draft
        self._outcomes = {outcome.name: outcome for outcome in result.passes}
        headers = (words("Pass"), words("Applied"), words("State"))
        self._rows = Rows(tokens, headers, self._all_rows())
        self._rows.switched.connect(lambda n, on: self.switched.emit(FUSION_PASSES[n], on))
        self.view = dressed(words("Passes"), self._rows, least=170)
        self.view.setObjectName("passes")
        self._detail = _Detail(words)
        self.view.selectionModel().currentRowChanged.connect(lambda now: self._tell(now.row()))
        column(self.view, self._detail, into=self)
        self.view.selectRow(0)

    def show_draft(self, draft: FuseDraft) -> None:
        """The switches as they are now."""
        self._draft = draft
        self._rows.show_rows(self._all_rows())

    def choose_taken_back(self) -> None:
        """The first one whose proof failed."""
        back = [n for n, info in enumerate(FUSION_PASSES) if self._is_back(info)]
        self.view.selectRow(back[0])

    def _is_back(self, info: PassInfo) -> bool:
        outcome = self._outcomes.get(info.name)
        return outcome is not None and outcome.taken_back

    def _all_rows(self) -> list[Row]:
        return [self._row(info) for info in FUSION_PASSES]

    def _row(self, info: PassInfo) -> Row:
        title, outcome = self._words.render(info.title), self._outcomes.get(info.name)
        applied = Cell(str(outcome.applied) if outcome else "–", number=True)
        return (
            Cell(title, checked=self._draft.switches.has(info)),
            applied,
            self._state(info, outcome),
        )

    def _state(self, info: PassInfo, outcome: PassOutcome | None) -> Cell:
        words, draft = self._words, self._draft
        on = draft.switches.has(info)
        if draft.made is not None and on != draft.made.has(info):
            said = words("to be run") if on else words("to be left")
            return Cell(f"● {said}", "warn")
        if outcome is None or outcome.skipped:
            return Cell(f"– {words('switched off')}", "muted")
        if outcome.taken_back:
            return Cell(f"! {words('taken back')}", "bad")
        if not outcome.applied:
            return Cell(f"– {words('no place')}", "muted")
        return Cell(f"✓ {words('kept')}", "good")

    def _tell(self, number: int) -> None:
        words, info = self._words, FUSION_PASSES[number]
        outcome = self._outcomes.get(info.name)
        proof = ""
        if outcome is not None and (outcome.applied or outcome.taken_back):
            proof = words(
                "Largest difference {error}, relative {relative}",
                error=figures.error(outcome.max_abs_error),
                relative=figures.error(outcome.max_relative_error),
            )
        self._detail.say(words.render(info.title), words.render(info.gain), proof)


class _Filter(QSortFilterProxyModel):
    """The rows that are wanted."""

    def __init__(self, rows: Rows, is_wanted: Callable[[int], bool]) -> None:
        super().__init__()
        self._is_wanted = is_wanted
        rows.setParent(self)
        self.setSourceModel(rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:  # noqa: ARG002
        """Qt."""
        return self._is_wanted(source_row)


class _Detail(QScrollArea):
    """What the table has no room for."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._said = text("")
        self.setWidget(column(self._said, None))
        self.widget().setProperty("box", "body")
        self.setWidgetResizable(True)
        self.setFixedHeight(_DETAIL_HEIGHT)
        self.setAccessibleName(words("Details"))

    def say(self, *lines: str) -> None:
        """A few lines of text."""
        self._said.setText("\n".join(part for part in lines if part))
