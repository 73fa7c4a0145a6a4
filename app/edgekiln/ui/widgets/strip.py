"""The strip on top: the model in hand, the target, what would ship now."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout

from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import CutLabel, column, line, picture


class Strip(QFrame):
    """Three answers that hold on every page."""

    def __init__(self, words: Words, tokens: Tokens) -> None:
        super().__init__()
        self.setProperty("box", "strip")
        self.setFixedHeight(64)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(24, 8, 24, 8)
        layout.setSpacing(16)
        self._answers: list[CutLabel] = []
        for number, caption in enumerate(
            (words("Model in hand"), words("Target device"), words("Would ship now"))
        ):
            if number:
                layout.addWidget(picture("arrow-right", tokens.muted, 20))
            answer = line("–")
            answer.setObjectName(f"strip-{number}")
            self._answers.append(answer)
            layout.addWidget(column(line(caption, "muted"), answer, gap=2), 1)

    def show_answers(self, model: str, target: str, ships: str) -> None:
        """The answers now."""
        for label, answer in zip(self._answers, (model, target, ships), strict=True):
            label.set_full(answer)
