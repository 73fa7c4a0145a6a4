"""Asking for a box's password, where no keyring remembers it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QLineEdit

from edgekiln.core.device import Device, Secret
from edgekiln.core.text import Words
from edgekiln.ui.widgets.kit import Action, button, card, row, text


def password_panel(
    words: Words, device: Device, take: Callable[[Secret], object], cancel: Callable[[], object]
) -> QFrame:
    """A field and a button; the password goes to `take` and nowhere else."""
    field = password_field(words)
    asked = words("Password of {user} on {name}", user=device.user, name=device.name)

    def done() -> None:
        secret = Secret(field.text())
        field.clear()
        take(secret)

    field.returnPressed.connect(done)
    field.setProperty("first", True)
    return card(
        text(asked, "strong"),
        text(words("A keyring keeps it; without one it is asked each time."), "muted"),
        row(
            field,
            button(Action(words("Log in"), done, "log-in"), primary=True),
            button(Action(words("Back"), cancel, "no-log-in")),
            None,
        ),
    )


def password_field(words: Words) -> QLineEdit:
    """A field that shows dots."""
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setAccessibleName(words("Password"))
    field.setObjectName("password")
    field.setMinimumWidth(240)
    return field
