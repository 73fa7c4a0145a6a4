"""The places of the window, in the order of the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import icon, picture, word

Mark = Literal["empty", "running", "done", "attention"]
_WIDTH = 200


@dataclass(frozen=True)
class Place:
    """One entry of the rail."""

    key: str
    title: str
    icon: str
    below_gap: bool = False


class Rail(QFrame):
    """`chosen` names the place the user went to."""

    chosen = Signal(str)

    def __init__(self, words: Words, tokens: Tokens, places: tuple[Place, ...]) -> None:
        super().__init__()
        self.setProperty("box", "rail")
        self.setFixedWidth(_WIDTH)
        self._words, self._tokens = words, tokens
        self._buttons: dict[str, RailButton] = {}
        group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 16, 8, 16)
        layout.setSpacing(4)
        for place in places:
            if place.below_gap:
                layout.addStretch(1)
            made = RailButton(words, tokens, place)
            made.clicked.connect(lambda _=False, key=place.key: self.chosen.emit(key))
            group.addButton(made)
            layout.addWidget(made)
            self._buttons[place.key] = made

    def go(self, key: str) -> None:
        """Show where we are."""
        self._buttons[key].setChecked(True)  # the group unchecks the other
        for made in self._buttons.values():
            made.show_chosen()

    def mark(self, key: str, mark: Mark) -> None:
        """Show how far a place is."""
        self._buttons[key].mark(mark)


class RailButton(QPushButton):
    """Icon, name, and how far it is."""

    def __init__(self, words: Words, tokens: Tokens, place: Place) -> None:
        super().__init__()
        self._words, self._tokens, self._place = words, tokens, place
        self._mark: Mark = "empty"
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setObjectName(f"place-{place.key}")
        self.setProperty("place", True)
        self.setAccessibleName(place.title)
        self._icon = picture(place.icon, tokens.text, 24)
        self._sign = word("")
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sign.setFixedWidth(20)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(12)
        layout.addWidget(self._icon)
        self._title = word(place.title, "place")
        layout.addWidget(self._title, 1)
        layout.addWidget(self._sign)
        self.setFixedHeight(48)

    def show_chosen(self) -> None:
        """The place we are at has the accent."""
        colour = self._tokens.accent if self.isChecked() else self._tokens.text
        self._title.setProperty("role", "here" if self.isChecked() else "place")
        self._title.style().polish(self._title)
        self._icon.setPixmap(icon(self._place.icon, colour).pixmap(self._icon.size()))

    def mark(self, mark: Mark) -> None:
        """Empty, running, done, or in need of attention."""
        self._mark = mark
        said = {
            "empty": ("", "", self._words("not yet")),
            "running": ("…", "warn", self._words("running")),
            "done": ("✓", "good", self._words("done")),
            "attention": ("!", "bad", self._words("needs attention")),
        }
        sign, tone, meaning = said[mark]
        self._sign.setText(sign)
        self._sign.setProperty("tone", tone)
        self._sign.style().polish(self._sign)
        self._sign.setStyleSheet("font-size: 15px; font-weight: 600;")
        self.setAccessibleDescription(meaning)
        self.setToolTip(f"{self._place.title}: {meaning}")
