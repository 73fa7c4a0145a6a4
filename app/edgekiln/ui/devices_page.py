"""Place 5: the boxes; adding one, trusting it once, seeing what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QRadioButton, QWidget

from edgekiln.core.device import Contact, Device, DeviceFacts, HostKey, Secret
from edgekiln.core.text import Words
from edgekiln.jobs import practice
from edgekiln.jobs.practice import PracticeAddress
from edgekiln.ui import figures, tasks
from edgekiln.ui.device_form import DeviceForm
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, card, column, line, notice, row, text, word
from edgekiln.ui.widgets.page import Page, Ways
from edgekiln.ui.widgets.panels import empty_panel
from edgekiln.ui.widgets.password import password_panel

PRACTICE_PROFILE = "this-computer"


class DevicesPage(Page):
    """Empty, adding, confirming the fingerprint, asking the password, probing, known."""

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__(words, tokens, desk, ways)
        self._adding = False
        self._new: Contact | None = None
        self._key: HostKey | None = None
        self._asking: tuple[Device, Callable[[Contact], object]] | None = None
        self._practice_said = ""
        desk.practice.ready.connect(self._practice_ready)
        desk.practice.failed.connect(self._practice_failed)

    def draw(self) -> None:
        """The state of the page."""
        words = self.words
        lead = words(
            "The devices models go to, over SSH. A device is trusted once, by its fingerprint."
        )
        body, primary = self._state()
        self.show_page(words("Devices"), lead, body, primary)

    def repeat(self) -> None:
        """Probe the chosen box again."""
        if self.desk.device is not None and self.busy() is None:
            self._probe(self.desk.device)

    def _state(self) -> tuple[QWidget, Action | None]:
        if (busy := self.busy()) is not None:
            return busy, None
        back = Action(self.words("Back"), self._back, "back")
        if (failure := self.failure(print, back)) is not None:
            return column(failure, self._known(), gap=16), None
        if self._new is not None and self._key is not None:
            return self._confirm(self._new, self._key), None
        if self._asking is not None:
            return self._ask(*self._asking), None
        if self._adding:
            return DeviceForm(self.words, self._read_key, self._back), None
        return self._home()

    def _back(self) -> None:
        self._adding, self._new, self._key, self._asking = False, None, None, None
        self.forget_job()

    # Home

    def _home(self) -> tuple[QWidget, Action]:
        words, device = self.words, self.desk.device
        why_not = "" if device is not None else words("Choose a device first.")
        primary = Action(words("Next: deploy"), lambda: self.ways.go("deploy"), "next", why_not)
        parts: list[QWidget] = []
        if self.desk.devices.all():
            parts.append(self._known())
            add = Action(words("Add a device"), self._add, "add-device")
            parts.append(row(button(add), None))
        else:
            parts.append(self._empty())
        parts.append(self._practice())
        return column(*parts, gap=16), primary

    def _empty(self) -> QWidget:
        words = self.words
        return empty_panel(
            self.tokens,
            "server-network",
            words("No device yet"),
            words("Add a device by its address, or start the practice box on this computer."),
            Action(words("Add a device"), self._add, "add-device"),
        )

    def _add(self) -> None:
        self._adding = True
        self.draw()

    def _known(self) -> QWidget:
        return column(*(self._device(device) for device in self.desk.devices.all()), gap=12)

    def _device(self, device: Device) -> QWidget:
        words, chosen = self.words, self.desk.device == device
        radio = QRadioButton(device.name)
        radio.setObjectName(f"device-{device.name}")
        radio.setAccessibleName(device.name)
        radio.setChecked(chosen)
        radio.clicked.connect(lambda: self.desk.choose_device(device))
        probe = Action(words("Probe"), lambda: self._probe(device), f"probe-{device.name}")
        forget = Action(words("Forget"), lambda: self._forget(device), f"forget-{device.name}")
        buttons = [button(probe), button(forget, flat=True)]
        for made, action in zip(buttons, (probe, forget), strict=True):
            made.setAccessibleName(f"{action.text}: {device.name}")
        head = row(
            radio,
            line(f"{device.user}@{device.host}:{device.port}", "muted"),
            *buttons,
            gap=16,
            wide=1,
        )
        key = device.host_key.fingerprint if device.host_key else "–"
        parts: list[QWidget] = [head, line(words("Fingerprint {key}", key=key), "muted")]
        if (facts := self.desk.facts.get(device.name)) is not None:
            parts += self._facts(device, facts)
        return card(*parts, kind="chosen" if chosen else "card")

    def _facts(self, device: Device, facts: DeviceFacts) -> list[QWidget]:
        words = self.words
        pairs = (
            (words("Board"), facts.board or "–"),
            (words("System"), f"{facts.system}, glibc {facts.glibc or '–'}"),
            (words("Architecture"), facts.arch),
            (words("Runtime"), ", ".join(facts.runtimes) or "–"),
            (words("Python"), facts.python or "–"),
            (words("Memory"), figures.size(facts.memory_bytes)),
            (words("Free disk"), figures.size(facts.disk_free_bytes)),
            (words("Releases lie in"), facts.data_dir),
        )
        left, right = pairs[:4], pairs[4:]
        parts: list[QWidget] = [row(_pairs(left), _pairs(right), gap=24)]
        parts += [notice(self.tokens, "warn", words.render(note)) for note in facts.notes]
        if facts.profile and facts.profile != device.profile:
            said = words(
                "This looks like {seen}, not {told}.", seen=facts.profile, told=device.profile
            )
            parts.append(notice(self.tokens, "warn", said))
        return parts

    def _forget(self, device: Device) -> None:
        self.desk.remove_device(device)
        self.draw()

    # Adding

    def _read_key(self, device: Device, secret: Secret | None) -> None:
        self._adding, self._new = False, Contact(device, secret)
        self.start(self.desk.run(tasks.host_key(Contact(device)), self._got_key))

    def _got_key(self, key: HostKey) -> None:
        self._key = key
        if self._new is not None and self._is_practice(self._new.device, key):
            self._pin()

    def _is_practice(self, device: Device, key: HostKey) -> bool:
        """The practice box told its fingerprint by itself: nobody needs to compare it."""
        address = self.desk.practice.address
        if device.name != practice.NAME or address is None:
            return False
        return key.fingerprint == address.fingerprint

    def _confirm(self, contact: Contact, key: HostKey) -> QWidget:
        words, device = self.words, contact.device
        shows = words("{name} shows this fingerprint:", name=device.name)
        fingerprint = text(key.fingerprint, "strong")
        fingerprint.setObjectName("fingerprint")
        return card(
            text(shows),
            fingerprint,
            text(
                words(
                    "Compare it with the device: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub",
                    kind=key.kind.removeprefix("ssh-").partition("-")[0],
                ),
                "muted",
            ),
            text(words("From now on EdgeKiln talks to no other at this address."), "muted"),
            row(
                button(Action(words("It is mine: trust it"), self._pin, "trust"), primary=True),
                button(Action(words("No"), self._back, "no-trust")),
                None,
            ),
        )

    def _pin(self) -> None:
        contact, key = self._new, self._key
        assert contact is not None
        assert key is not None
        device = replace(contact.device, host_key=key)
        self._new, self._key = None, None
        self.desk.add_device(device)
        if contact.password is not None and device.name != practice.NAME:
            self.desk.keep_password(device, contact.password)
        self._probe_with(Contact(device, contact.password))

    # Probing

    def _probe(self, device: Device) -> None:
        if device.name == practice.NAME and not self.desk.practice.running:
            self._start_practice()
        elif (contact := self.desk.contact(device)) is not None:
            self._probe_with(contact)
        else:
            self._asking = (device, self._probe_with)
            self.draw()

    def _ask(self, device: Device, then: Callable[[Contact], object]) -> QWidget:
        def take(secret: Secret) -> None:
            self._asking = None
            then(Contact(device, secret))

        return password_panel(self.words, device, take, self._back)

    def _probe_with(self, contact: Contact) -> None:
        device = contact.device
        job = self.desk.run(tasks.probe(contact), lambda facts: self.desk.put_facts(device, facts))
        self.start(job)

    # The practice box

    def _practice(self) -> QWidget:
        words = self.words
        if self.desk.practice.running and self.desk.practice.address is not None:
            address = self.desk.practice.address
            said = words("The practice box listens on port {port}.", port=address.port)
            return notice(self.tokens, "good", said)
        said = words("No device at hand? The practice box is a real SSH server on this computer.")
        start = Action(words("Start the practice box"), self._start_practice, "start-practice")
        parts: list[QWidget] = [notice(self.tokens, "", said, start)]
        if self._practice_said:
            parts.append(notice(self.tokens, "bad", self._practice_said))
        return column(*parts)

    def _start_practice(self) -> None:
        self._practice_said = ""
        self.desk.practice.start()
        self.draw()

    def _practice_ready(self, address: PracticeAddress) -> None:
        device = Device(practice.NAME, address.host, address.port, address.user, PRACTICE_PROFILE)
        self._read_key(device, self.desk.practice.password)

    def _practice_failed(self, said: str) -> None:
        self._practice_said = self.words("The practice box ended: {said}", said=said or "–")
        self.draw()


def _pairs(pairs: tuple[tuple[str, str], ...]) -> QWidget:
    rows = []
    for title, value in pairs:
        caption = word(title, "muted")
        caption.setFixedWidth(120)
        rows.append(row(caption, line(value), gap=8, wide=1))
    return column(*rows, gap=4)
