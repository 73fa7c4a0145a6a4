"""The form for a new box."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QLineEdit, QSpinBox, QWidget

from edgekiln import profiles
from edgekiln.core.device import Contact, Device, Secret
from edgekiln.core.text import Words
from edgekiln.ui.widgets.kit import Action, button, column, line, row, text, word
from edgekiln.ui.widgets.password import password_field

SSH_PORT = 22
_LARGEST_PORT = 65535
_FIELD_WIDTH = 320


class DeviceForm(QFrame):
    """Address, user, password or key, kind. `take` gets the box, not yet trusted. `start`: what is
    in the form already; names in `taken` belong to other devices."""

    def __init__(
        self,
        words: Words,
        take: Callable[[Device, Secret | None], object],
        cancel: Callable[[], object],
        start: Contact | None = None,
        taken: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.setProperty("box", "card")
        self._words, self._take, self._taken = words, take, taken
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
        self._read = button(Action(words("Read the fingerprint"), self._done, "read-key"), True)
        title = words("Change the device") if start is not None else words("Add a device")
        self._lay_out(title, button(Action(words("Back"), cancel, "no-device")))
        self._kind.currentIndexChanged.connect(self._suggest)
        boards = [n for n, p in enumerate(self._profiles) if p.name != "this-computer"]
        self._kind.setCurrentIndex(boards[0] if boards else 0)
        self._host.setProperty("first", True)
        for field in (self._name, self._host, self._user, self._password, self._key):
            field.returnPressed.connect(self._done)
        if start is not None:
            self._fill(start)

    def _fill(self, start: Contact) -> None:
        """As it was: to put one thing right, not to type all of it again."""
        device = start.device
        names = [profile.name for profile in self._profiles]
        if device.profile in names:
            self._kind.setCurrentIndex(names.index(device.profile))
        self._name.setText(device.name)
        self._host.setText(device.host)
        self._port.setValue(device.port)
        self._user.setText(device.user)
        self._password.setText(start.password.value if start.password else "")
        self._key.setText(str(device.key_file) if device.key_file else "")
        self._name.setEnabled(device.name not in self._taken)  # a known one keeps its name
        self._taken = set(self._taken) - {device.name}

    def _lay_out(self, title: str, back: QWidget) -> None:
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
        for named, field, name in fields:
            field.setObjectName(name)
            field.setAccessibleName(named)
            field.setFixedWidth(_FIELD_WIDTH)
            caption = word(named)
            caption.setMinimumHeight(field.sizeHint().height())
            form.addRow(caption, field)
        fields_owner = QWidget()
        fields_owner.setLayout(form)
        column(
            line(title, "strong"),
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
        suggested = {"", *(user for known in self._profiles for user in known.users)}
        if self._user.text() in suggested and profile.users:
            self._user.setText(profile.users[0])
        self._name.setPlaceholderText(profile.name)

    def _done(self) -> None:
        profile = self._profiles[self._kind.currentIndex()]
        host, user = self._host.text().strip(), self._user.text().strip()
        name = self._name.text().strip() or profile.name
        key = str(Path(self._key.text().strip()).expanduser()) if self._key.text().strip() else ""
        problem = self._find_problem(name, host, user, key)
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        if problem:
            return
        device = Device(
            name,
            host,
            self._port.value(),
            user,
            profile.name,
            key_file=Path(key) if key else None,
        )
        secret = Secret(self._password.text()) if self._password.text() and not key else None
        self._password.clear()
        self._take(device, secret)

    def _find_problem(self, name: str, host: str, user: str, key: str) -> str:
        words = self._words
        if name in self._taken:
            return words("There is a device {name} already: choose another name.", name=name)
        if not host:
            return words("Enter the device's address.")
        if not user:
            return words("Enter the user to log in as.")
        known = not self._name.isEnabled()  # its password is in the keyring, or is asked
        if not key and not self._password.text() and not known:
            return words("Enter a password, or the path of a key file.")
        if key and not Path(key).is_file():
            return words("There is no key file {path}.", path=key)
        return ""
