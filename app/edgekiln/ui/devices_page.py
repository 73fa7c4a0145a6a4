"""Place 5: the boxes; adding one, trusting it once, seeing what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtWidgets import QRadioButton, QWidget

from edgekiln.core.device import Contact, Device, DeviceFacts, HostKey, Secret
from edgekiln.core.text import Words
from edgekiln.jobs import practice
from edgekiln.jobs.practice import PracticeAddress
from edgekiln.ui import figures, tasks
from edgekiln.ui.device_form import DeviceForm
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    card,
    column,
    line,
    notice,
    row,
    short,
    text,
    word,
)
from edgekiln.ui.widgets.page import Page, Ways
from edgekiln.ui.widgets.panels import empty_panel
from edgekiln.ui.widgets.password import password_panel

PRACTICE_PROFILE = "this-computer"


@dataclass
class Talk:
    """What the page is in the middle of: the form (with what is in it already), the device whose
    fingerprint is read or shown, the device whose password is asked."""

    form: Contact | None = None
    adding: bool = False
    new: Contact | None = None
    key: HostKey | None = None
    asking: tuple[Device, Callable[[Contact], object]] | None = None


class DevicesPage(Page):
    """Empty, adding, confirming the fingerprint, asking the password, probing, known."""

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__(words, tokens, desk, ways)
        self.talk = Talk()
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

    def adopt(self, other: Page) -> None:
        """Go on where the same page in another language was."""
        assert isinstance(other, DevicesPage)
        self.talk = other.talk
        super().adopt(other)

    def _state(self) -> tuple[QWidget, Action | None]:
        talk = self.talk
        if (busy := self.busy()) is not None:
            return busy, None
        if (failure := self.failure(print, *self._ways_out())) is not None:
            return column(failure, self._known(), gap=16), None
        if talk.new is not None and talk.key is not None:
            return self._confirm(talk.new, talk.key), None
        if talk.asking is not None:
            return self._ask(*talk.asking), None
        if talk.adding:
            taken = {d.name for d in self.desk.devices.all()} | {practice.NAME}
            return DeviceForm(self.words, self._read_key, self._back, talk.form, taken), None
        return self._home()

    def _back(self) -> None:
        self._now(Talk())

    def _now(self, talk: Talk) -> None:
        """Go on with something else; the failure before it was read."""
        for name, value in vars(talk).items():
            setattr(self.talk, name, value)  # in place: the heir shares it
        self.forget_job()

    def _ways_out(self) -> tuple[Action, ...]:
        """What can be done about the job that failed."""
        words = self.words
        back = Action(words("Back"), self._back, "back")
        failed = self.job.task.inputs if self.job is not None else None
        if not isinstance(failed, Contact) or failed.device.name == practice.NAME:
            return (back,)
        contact = self.talk.new or failed
        device = contact.device
        ask = Talk(asking=(device, partial(self._probe_with, keep=True)))
        ways = [Action(words("Try again"), partial(self._again, contact), "again")]
        if self.talk.new is None and device.key_file is None:
            ways.append(Action(words("Another password"), partial(self._now, ask), "password-anew"))
        ways.append(Action(words("Change the device"), partial(self._edit, contact), "change"))
        return (*ways, back)

    def _again(self, contact: Contact) -> None:
        if self.talk.new is not None:
            self._read_key(contact.device, contact.password)
        else:
            self._probe_with(contact)

    def _edit(self, contact: Contact) -> None:
        self._now(Talk(form=contact, adding=True))

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
        self._now(Talk(adding=True))

    def _known(self) -> QWidget:
        return column(*(self._device(device) for device in self.desk.devices.all()), gap=12)

    def _device(self, device: Device) -> QWidget:
        words, chosen = self.words, self.desk.device == device
        radio = QRadioButton(short(device.name))
        radio.setToolTip(device.name)
        radio.setObjectName(f"device-{device.name}")
        radio.setAccessibleName(device.name)
        radio.setChecked(chosen)
        radio.clicked.connect(lambda: self.desk.choose_device(device))
        probe = Action(words("Probe"), lambda: self._probe(device), f"probe-{device.name}")
        forget = Action(words("Forget"), lambda: self._forget(device), f"forget-{device.name}")
        change = Action(words("Change"), lambda: self._edit(Contact(device)), f"edit-{device.name}")
        actions = (probe, forget) if device.name == practice.NAME else (probe, change, forget)
        buttons = [button(action, flat=action is not probe) for action in actions]
        for made, action in zip(buttons, actions, strict=True):
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
        self.talk.adding, self.talk.new = False, Contact(device, secret)
        self.talk.key = None
        self.start(self.desk.run(tasks.host_key(Contact(device)), self._got_key))

    def _got_key(self, key: HostKey) -> None:
        self.talk.key = key
        new = self.talk.new
        if new is not None and self._is_practice(new.device, key):
            self._pin()

    def _is_practice(self, device: Device, key: HostKey) -> bool:
        """The practice box told its fingerprint by itself: nobody needs to compare it."""
        address = self.desk.practice.address
        if device.name != practice.NAME or address is None:
            return False
        return key.fingerprint == address.fingerprint

    def _confirm(self, contact: Contact, key: HostKey) -> QWidget:
        words, device = self.words, contact.device
        fingerprint = text(key.fingerprint, "strong")
        fingerprint.setObjectName("fingerprint")
        kind = key.kind.removeprefix("ssh-").partition("-")[0]
        compare = words(
            "Compare it with the device: ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub", kind=kind
        )
        trust = Action(words("It is mine: trust it"), self._pin, "trust")
        return card(
            text(words("{name} shows this fingerprint:", name=device.name)),
            fingerprint,
            *self._other_than_before(device, key),
            text(compare, "muted"),
            text(words("From now on EdgeKiln talks to no other at this address."), "muted"),
            row(
                button(trust, primary=True),
                button(Action(words("No"), self._back, "no-trust")),
                None,
            ),
        )

    def _other_than_before(self, device: Device, key: HostKey) -> list[QWidget]:
        pinned = [d.host_key for d in self.desk.devices.all() if d.name == device.name]
        if not pinned or pinned[0] is None or pinned[0].fingerprint == key.fingerprint:
            return []
        said = self.words(
            "Until now it was {key}. Trust the new one only if the device was reflashed.",
            key=pinned[0].fingerprint,
        )
        return [notice(self.tokens, "warn", said)]

    def _pin(self) -> None:
        contact, key = self.talk.new, self.talk.key
        assert contact is not None
        assert key is not None
        device = replace(contact.device, host_key=key)
        self.talk.new, self.talk.key = None, None
        self.desk.add_device(device)
        if contact.password is None:
            self._probe(device)
        else:
            self._probe_with(Contact(device, contact.password), keep=True)

    # Probing

    def _probe(self, device: Device) -> None:
        if device.name == practice.NAME and not self.desk.practice.running:
            self._start_practice()
        elif (contact := self.desk.contact(device)) is not None:
            self._probe_with(contact)
        else:
            self._now(Talk(asking=(device, partial(self._probe_with, keep=True))))

    def _ask(self, device: Device, then: Callable[[Contact], object]) -> QWidget:
        def take(secret: Secret) -> None:
            self.talk.asking = None
            then(Contact(device, secret))

        return password_panel(self.words, device, take, self._back)

    def _probe_with(self, contact: Contact, keep: bool = False) -> None:
        device, secret = contact.device, contact.password

        def probed(facts: DeviceFacts) -> None:
            if keep and secret is not None and device.name != practice.NAME:
                self.desk.keep_password(device, secret)  # not before it proved to be right
            self.desk.put_facts(device, facts)

        self.start(self.desk.run(tasks.probe(contact), probed))

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
