"""The form for a new box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QLineEdit, QSpinBox, QWidget

from edgekiln import profiles
from edgekiln.core.device import Device, Secret
from edgekiln.core.text import Words
from edgekiln.ui.widgets.kit import Action, button, column, line, row, text, word
from edgekiln.ui.widgets.password import password_field

SSH_PORT = 22
_LARGEST_PORT = 65535
_FIELD_WIDTH = 320


class DeviceForm(QFrame):
    """Address, user, password or key, kind. `take` gets the box, not yet trusted."""

    def __init__(
        self,
        words: Words,
        take: Callable[[Device, Secret | None], object],
        cancel: Callable[[], object],
    ) -> None:
        super().__init__()
        self.setProperty("box", "card")
        self._words, self._take = words, take
        self._profiles = profiles.all_profiles()
        self._kind = QComboBox()
        self._kind.addItems([words(profile.title) for profile in self._profiles])
        self._name, self._host, self._user = QLineEdit(), QLineEdit(), QLineEdit()
        self._port = QSpinBox()
        self._port.setRange(1, _LARGEST_PORT)
        self._port.setValue(SSH_PORT)
        self._password = password_field(words)
        self._key = QLineEdit()
        self._key.setPlaceholderText(words("empty: log in with the password"))
        self._problem = text("", tone="bad")
        self._problem.hide()
        self._read = button(Action(words("Read the fingerprint"), self._done, "read-key"))
        self._lay_out(button(Action(words("Back"), cancel, "no-device")))
        self._kind.currentIndexChanged.connect(self._suggest)
        boards = [n for n, p in enumerate(self._profiles) if p.name != "this-computer"]
        self._kind.setCurrentIndex(boards[0] if boards else 0)

    def _lay_out(self, back: QWidget) -> None:
        words = self._words
        form = QFormLayout()
        form.setSpacing(12)
        fields: tuple[tuple[str, QWidget, str], ...] = (
            (words("Kind"), self._kind, "kind"),
            (words("Name"), self._name, "name"),
            (words("Address"), self._host, "host"),
            (words("Port"), self._port, "port"),
            (words("User"), self._user, "user"),
            (words("Password"), self._password, "password"),
            (words("Key file"), self._key, "key-file"),
        )
        for title, field, name in fields:
            field.setObjectName(name)
            field.setAccessibleName(title)
            field.setFixedWidth(_FIELD_WIDTH)
            caption = word(title)
            caption.setMinimumHeight(field.sizeHint().height())
            form.addRow(caption, field)
        fields_owner = QWidget()
        fields_owner.setLayout(form)
        column(
            line(words("Add a device"), "strong"),
            fields_owner,
            self._problem,
            row(self._read, back, None),
            margin=16,
            gap=12,
            into=self,
        )

    def _suggest(self, number: int) -> None:
        profile = self._profiles[number]
        self._host.setPlaceholderText(", ".join(profile.addresses))
        self._user.setPlaceholderText(", ".join(profile.users))
        if not self._user.text() and profile.users:
            self._user.setText(profile.users[0])
        self._name.setPlaceholderText(profile.name)

    def _done(self) -> None:
        profile = self._profiles[self._kind.currentIndex()]
        host, user = self._host.text().strip(), self._user.text().strip()
        key = self._key.text().strip()
        problem = self._find_problem(host, user, key)
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        if problem:
            return
        device = Device(
            self._name.text().strip() or profile.name,
            host,
            self._port.value(),
            user,
            profile.name,
            key_file=Path(key) if key else None,
        )
        secret = None if key else Secret(self._password.text())
        self._password.clear()
        self._take(device, secret)

    def _find_problem(self, host: str, user: str, key: str) -> str:
        words = self._words
        if not host:
            return words("Enter the device's address.")
        if not user:
            return words("Enter the user to log in as.")
        if not key and not self._password.text():
            return words("Enter a password, or the path of a key file.")
        if key and not Path(key).is_file():
            return words("There is no key file {path}.", path=key)
        return ""
