"""Settings: language and theme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame

from edgekiln.core.text import Words
from edgekiln.ui.settings import Settings
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import ThemeChoice, Tokens
from edgekiln.ui.widgets.kit import column, text, word
from edgekiln.ui.widgets.page import Page, Ways

_WIDTH = 240


class SettingsPage(Page):
    """Two choices that take effect at once."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        desk: Desk,
        ways: Ways,
        settings: Settings,
        change: Callable[[Settings], object],
    ) -> None:
        super().__init__(words, tokens, desk, ways)
        self._settings, self._change = settings, change

    def draw(self) -> None:
        """The state of the page."""
        words = self.words
        frame = QFrame()
        frame.setProperty("box", "card")
        form = QFormLayout(frame)
        form.setContentsMargins(16, 16, 16, 16)
        form.setSpacing(16)
        languages = (("", words("As the system")), ("zh_CN", "简体中文"), ("en", "English"))
        themes: tuple[tuple[ThemeChoice, str], ...] = (
            ("system", words("As the system")),
            ("light", words("Light")),
            ("dark", words("Dark")),
        )
        language = self._box(words("Language"), languages, self._settings.language)
        language.activated.connect(
            lambda n: self._change(replace(self._settings, language=languages[n][0]))
        )
        theme = self._box(words("Theme"), themes, self._settings.theme)
        theme.activated.connect(lambda n: self._change(replace(self._settings, theme=themes[n][0])))
        for title, box in ((words("Language"), language), (words("Theme"), theme)):
            caption = word(title)
            caption.setMinimumHeight(box.sizeHint().height())
            form.addRow(caption, box)
        where = words("Workspace: {path}", path=str(self.desk.workspace.root))
        self.show_page(
            words("Settings"),
            words("They take effect at once; what is in hand stays."),
            column(frame, text(where, "muted"), gap=16),
        )

    def _box(self, title: str, entries: tuple[tuple[str, str], ...], chosen: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName("language" if entries[1][0] == "zh_CN" else "theme")
        box.setAccessibleName(title)
        box.addItems([shown for _, shown in entries])
        box.setCurrentIndex([key for key, _ in entries].index(chosen))
        box.setFixedWidth(_WIDTH)
        return box
