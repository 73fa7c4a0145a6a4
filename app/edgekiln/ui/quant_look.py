"""Inside the model: what int8 does to each operator, and which ones are not to be int8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QRadioButton, QWidget

from edgekiln.core.flow import QuantDraft
from edgekiln.core.quantization import Kept, OperatorError, Precision, Sensitivity
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.bars import Bar, Bars
from edgekiln.ui.widgets.kit import Action, button, card, column, row, text, word
from edgekiln.ui.widgets.table import Cell, Row, table

Order = Literal["worst", "run"]
_MOST_ROWS = 8
_LEAST_WHY = 96  # pixels of its column: the whole sentence stands below
_KEYS: tuple[tuple[str, Precision], ...] = (("F", "float32"), ("6", "int16x8"), ("8", "int8"))
_NAMES: dict[Precision, str] = {"float32": "float", "int16x8": "int16", "int8": "int8"}


@dataclass
class Looking:
    """Where the user is: kept while the page is drawn anew."""

    order: Order = "worst"
    tensor: str = ""


def sorted_operators(sensitivity: Sensitivity, order: Order) -> tuple[OperatorError, ...]:
    """The costliest first, those that are not ranked after them; or as they run."""
    if order == "run":
        return sensitivity.operators
    place = {tensor: number for number, tensor in enumerate(sensitivity.ranking)}
    return tuple(sorted(sensitivity.operators, key=lambda o: place.get(o.tensor, len(place))))


class Inside(QFrame):
    """Bars and a table of all operators; F, 6 and 8 switch the one that is looked at."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        sensitivity: Sensitivity,
        draft: QuantDraft,
        made: Kept,
        looking: Looking,
        keep: Callable[[QuantDraft], object],
        again: Callable[[], object],
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._sensitivity = words, tokens, sensitivity
        self._draft, self._made, self._keep, self._looking = draft, made, keep, looking
        self._operators = sorted_operators(sensitivity, looking.order)
        self._switches = {each: self._switch(key, each) for key, each in _KEYS}
        self._undo = button(Action(words("Undo (Ctrl+Z)"), self.undo, "undo"))
        self._reset = button(Action(words("As the search found it"), self._forget, "reset"))
        self._again = button(Action("", again, "again-kept"))
        self._title, self._why = text("", "strong"), text("")
        self._why.setObjectName("why")
        self._why.setMinimumHeight(2 * self._why.fontMetrics().lineSpacing())
        self._rows = table(
            tokens, words("Operators"), self._headers(), self._cells(), 9, _MOST_ROWS, _LEAST_WHY
        )
        self._rows.setObjectName("operators")
        self._rows.selectionModel().currentRowChanged.connect(lambda now, _: self._go(now.row()))
        self._bars = self._draw_bars()
        self._lay_out()
        self._bind_keys()
        numbers = [n for n, o in enumerate(self._operators) if o.tensor == looking.tensor]
        self._go((numbers or [0])[0])

    def undo(self) -> None:
        """Take back the last switch."""
        self._put(self._draft.switches[:-1])

    def switch(self, precision: Precision) -> None:
        """The operator that is looked at, to another precision; nothing where it must stay."""
        here = self._here()
        if here.precision != "float32" and self._precision(here) != precision:
            self._put((*self._draft.switches, (here.tensor, precision)))

    def _forget(self) -> None:
        self._put(())

    def _put(self, switches: Kept) -> None:
        self._draft = replace(self._draft, switches=switches)
        self._keep(self._draft)
        self._rows.put(self._cells(), _MOST_ROWS)
        self._bars.bars = self._bar_list()
        self._bars.update()
        self._show_here()

    def _here(self) -> OperatorError:
        named = [o for o in self._operators if o.tensor == self._looking.tensor]
        return (named or [self._operators[0]])[0]

    def _go(self, number: int) -> None:
        if not 0 <= number < len(self._operators):
            return
        self._looking.tensor = self._operators[number].tensor
        self._bars.go(number)
        chosen = self._rows.model().index(number, 0)
        if self._rows.currentIndex().row() != number:
            both = QItemSelectionModel.SelectionFlag.ClearAndSelect
            rows = QItemSelectionModel.SelectionFlag.Rows
            self._rows.selectionModel().setCurrentIndex(chosen, both | rows)
        self._rows.scrollTo(chosen)
        self._show_here()

    # What it says

    def _show_here(self) -> None:
        words, here = self._words, self._here()
        self._title.setText(f"{here.operator} · {here.place}")
        fine = words("Nothing stands out here.")
        self._why.setText(words.render(here.why) if here.why is not None else fine)
        stays = here.precision == "float32"
        now = self._precision(here)
        for precision, made in self._switches.items():
            made.setEnabled(not stays)
            made.setChecked(precision == now)
        self._undo.setEnabled(bool(self._draft.switches))
        self._reset.setEnabled(bool(self._draft.switches))
        self._show_again()

    def _show_again(self) -> None:
        words, kept = self._words, self._draft.kept
        self._again.setText(words("Try again with {count} operators kept", count=len(kept)))
        why_not = ""
        if not kept:
            why_not = words("All operators are int8: that is the candidate int8.")
        elif dict(kept) == dict(self._made):
            why_not = words("This is what was tried already.")
        self._again.setEnabled(not why_not)
        self._again.setToolTip(why_not)
        self._again.setAccessibleName(self._again.text())
        self._again.setAccessibleDescription(why_not)

    def _precision(self, operator: OperatorError) -> Precision:
        if operator.precision == "float32":
            return "float32"
        return dict(self._draft.kept).get(operator.tensor, "int8")

    def _headers(self) -> tuple[str, ...]:
        words = self._words
        return (
            words("Place"),
            words("Operator"),
            words("Alone, dB"),
            words("In the model, dB"),
            words("Cosine"),
            words("RMSE/scale"),
            words("Range"),
            words("Outside"),
            words("Precision"),
            words("Why"),
        )

    def _cells(self) -> list[Row]:
        return [self._row(operator) for operator in self._operators]

    def _row(self, o: OperatorError) -> Row:
        why = self._words.render(o.why) if o.why is not None else ""
        tone: Tone = "warn" if why and o.precision != "float32" else ""
        return (
            Cell(o.place, tip=o.tensor),
            Cell(o.operator),
            Cell(_number(o.isolated_sqnr_db, 1), tone, number=True),
            Cell(_number(o.accumulated_sqnr_db, 1), number=True),
            Cell(_number(o.cosine, 4), number=True),
            Cell(_number(o.rmse_per_scale, 2), number=True),
            Cell(f"{o.low:.3g} … {o.high:.3g}".replace("-", "−"), number=True),
            Cell(figures.percent(o.saturated), number=True),
            Cell(self._precision_text(o)),
            Cell(f"▾ {why}" if tone else why, tone),
        )

    def _precision_text(self, operator: OperatorError) -> str:
        words, name = self._words, _NAMES[self._precision(operator)]
        if operator.precision == "float32":
            return words("{name}, stays", name=name)
        if operator.tensor in dict(self._draft.switches):
            return words("{name}, by hand", name=name)
        return (
            words("{name}, found", name=name)
            if operator.tensor in dict(self._draft.found)
            else name
        )

    # Its parts

    def _bar_list(self) -> tuple[Bar, ...]:
        return tuple(
            Bar(
                o.isolated_sqnr_db,
                o.accumulated_sqnr_db,
                self._tip(o),
                o.why is not None and o.precision != "float32",
                self._precision(o) != "int8",
            )
            for o in self._operators
        )

    def _tip(self, o: OperatorError) -> str:
        cells = zip(self._headers(), self._row(o), strict=True)
        return "\n".join(f"{head}: {cell.text}" for head, cell in cells if cell.text)

    def _draw_bars(self) -> Bars:
        words = self._words
        title = words("SQNR, dB; low is bad")
        made = Bars(self._tokens, words("Sensitivity by operator"), title, self._bar_list())
        made.setObjectName("bars")
        made.chosen.connect(self._go)
        return made

    def _lay_out(self) -> None:
        words = self._words
        legend = (
            word("■ " + words("alone"), "muted"),
            word("— " + words("in the whole model")),
            word("▾ " + words("a problem"), tone="warn"),
            word("□ " + words("not int8"), "muted"),
        )
        column(
            card(row(*self._order_choice(), None, *legend, gap=16), self._bars),
            card(
                row(column(self._title, self._why, None), *self._switches.values(), wide=0),
                row(self._undo, self._reset, None, self._again),
            ),
            self._rows,
            gap=12,
            into=self,
        )

    def _order_choice(self) -> list[QWidget]:
        words, group = self._words, QButtonGroup(self)
        made: list[QWidget] = []
        orders: dict[Order, str] = {"worst": words("Worst first"), "run": words("As they run")}
        for order, title in orders.items():
            radio = QRadioButton(title)
            radio.setObjectName(f"order-{order}")
            radio.setAccessibleName(title)
            radio.setChecked(order == self._looking.order)
            radio.toggled.connect(partial(self._reorder, order))
            group.addButton(radio)
            made.append(radio)
        return made

    def _reorder(self, order: Order, on: bool) -> None:
        if not on:
            return
        self._looking.order = order
        tensor = self._looking.tensor
        self._operators = sorted_operators(self._sensitivity, order)
        self._rows.put(self._cells(), _MOST_ROWS)
        self._bars.bars = self._bar_list()
        self._bars.here = -1
        self._go(next(n for n, o in enumerate(self._operators) if o.tensor == tensor))

    def _switch(self, key: str, precision: Precision) -> QPushButton:
        name = _NAMES[precision]
        made = button(Action(f"{name} ({key})", lambda: self._press(precision), f"to-{name}"))
        made.setCheckable(True)
        return made

    def _press(self, precision: Precision) -> None:
        self.switch(precision)
        self._show_here()  # a button that was pressed twice would show as let go

    def _bind_keys(self) -> None:
        for key, precision in _KEYS:
            self._key(key, lambda to=precision: self.switch(to))  # type: ignore[misc]
        self._key("Ctrl+Z", self.undo)

    def _key(self, keys: str, do: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: do())


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
