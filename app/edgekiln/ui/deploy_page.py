"""Place 6: pack, push, see it live, roll back."""

from __future__ import annotations

import re
from functools import partial
from typing import Literal

from PySide6.QtWidgets import QFrame, QWidget

from edgekiln.core.bundle import Bundle, BundleInputs, Manifest
from edgekiln.core.device import Contact, Device, DeviceStatus, Health, PushResult, Secret
from edgekiln.core.plans import PackPlan
from edgekiln.core.text import Words
from edgekiln.jobs import practice
from edgekiln.ui import figures, tasks
from edgekiln.ui.state import Desk, title_of
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, card, column, line, notice, text
from edgekiln.ui.widgets.page import Page, Ways
from edgekiln.ui.widgets.panels import empty_panel, tile, tiles
from edgekiln.ui.widgets.password import password_panel
from edgekiln.ui.widgets.table import Cell, Row, table

_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_HASH_SHOWN = 12
Errand = Literal["push", "status", "roll-back"]


class DeployPage(Page):
    """Empty, ready to pack, packed, pushing, live, refused, rolled back."""

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__(words, tokens, desk, ways)
        self._asking: Errand | None = None
        self._last: Errand = "status"

    def adopt(self, other: Page) -> None:
        """Go on where the same page in another language was."""
        assert isinstance(other, DeployPage)
        self._asking, self._last = other._asking, other._last
        super().adopt(other)

    def draw(self) -> None:
        """The state of the page."""
        words, device = self.words, self.desk.device
        lead = words(
            "A signed release onto the device; it goes live only when its health check passes."
        )
        if (busy := self.busy()) is not None:
            self.show_page(words("Deploy"), lead, busy)
        elif self.desk.chosen is None and self.desk.in_hand.bundle is None:
            self.show_page(words("Deploy"), lead, self._empty())
        elif self._asking is not None and device is not None:
            self.show_page(words("Deploy"), lead, self._ask(device, self._asking))
        else:
            self._draw_ready(lead)

    def repeat(self) -> None:
        """Read the releases again."""
        if self.desk.device is not None and self.busy() is None:
            self._go("status")

    def _empty(self) -> QWidget:
        words = self.words
        return empty_panel(
            self.tokens,
            "rocket-launch-outline",
            words("Nothing to ship yet"),
            words("Quantize the model and choose a candidate; then it is packed and pushed here."),
            Action(words("Go to Quantize"), lambda: self.ways.go("quantize"), "go-quantize"),
        )

    def _draw_ready(self, lead: str) -> None:
        parts: list[QWidget] = []
        failure = self.failure(print, *self._ways_out())
        if failure is not None:
            parts.append(failure)
        if (result := self.desk.push_result) is not None:
            parts.append(self._outcome(result))
        parts += [self._bundle(), self._target()]
        if (device := self.desk.device) is not None:
            parts.append(self._releases(device))
        primary: Action | None
        primary, secondary = self._actions()
        if failure is not None:  # its buttons are the next step
            primary, secondary = None, ()
        self.show_page(self.words("Deploy"), lead, column(*parts, gap=16), primary, secondary)

    def _ways_out(self) -> tuple[Action, ...]:
        """What can be done about the job that failed: it again, or something about the device."""
        words = self.words
        packing = self.job is not None and self.job.task.step == "bundle"
        again = self._pack if packing else partial(self._go, self._last)
        ways = [Action(words("Try again"), again, "again")]
        if not packing:
            ways.append(Action(words("Go to Devices"), lambda: self.ways.go("devices"), "devices"))
        return (*ways, Action(words("Put it away"), self.forget_job, "go-on"))

    def _actions(self) -> tuple[Action, tuple[Action, ...]]:
        words, device, bundle = self.words, self.desk.device, self.desk.in_hand.bundle
        if bundle is None:
            return Action(words("Pack the release"), self._pack, "pack", self._no_data()), ()
        if device is None:
            choose = Action(words("Choose a device"), lambda: self.ways.go("devices"), "go-devices")
            return choose, ()
        if self._sleeps(device):
            return Action(words("Start the practice box"), self._wake, "start-practice"), ()
        read = Action(words("Read the releases"), self.repeat, "status")
        why_not = self._why_not(device, bundle)
        title = words("Push to {name}", name=device.name)
        push = Action(title, lambda: self._go("push"), "push", why_not)
        return push, (read, *self._roll_back_action(device))

    def _no_data(self) -> str:
        """Why it cannot be packed: golden samples and ranges are made from data."""
        result = self.desk.in_hand.quantized
        if result is not None and result.random:
            return self.words(
                "It was made from random numbers: quantize it with data before it is packed."
            )
        return "" if self.desk.data() else self.words("Packing needs data: choose it in Quantize.")

    def _why_not(self, device: Device, bundle: Bundle) -> str:
        """The practice box stands in for any device: it has the runtimes of all of them."""
        if device.profile == bundle.manifest.target or device.name == practice.NAME:
            return ""
        return self.words(
            "This release was made for {made}, and {name} is {told}.",
            made=self.words(title_of(bundle.manifest.target)),
            name=device.name,
            told=self.words(title_of(device.profile)),
        )

    def _sleeps(self, device: Device) -> bool:
        return device.name == practice.NAME and not self.desk.practice.running

    def _wake(self) -> None:
        self.ways.go("devices")
        self.desk.practice.start()

    # The bundle

    def _bundle(self) -> QWidget:
        words, bundle = self.words, self.desk.in_hand.bundle
        if bundle is None:
            candidate = self.desk.chosen
            scheme = candidate.scheme if candidate else "–"
            said = words("{scheme} is chosen, and not packed yet.", scheme=scheme)
            release = card(line(words("Release"), "strong"), text(said, "muted"))
            if why_not := self._no_data():
                choose = Action(words("Choose data"), lambda: self.ways.go("quantize"), "choose")
                return column(release, notice(self.tokens, "warn", why_not, choose), gap=16)
            return release
        manifest = bundle.manifest
        signed = words(
            "{files} files, signed with key {key}; needs {runtime}.",
            files=len(manifest.files),
            key=bundle.public_key[:_HASH_SHOWN],
            runtime=manifest.runtime,
        )
        return column(
            tiles(
                tile(manifest.scheme, words("Scheme")),
                tile(figures.size(bundle.size_bytes), words("Bundle")),
                self._accuracy(manifest),
                tile(str(manifest.golden.samples), words("Golden samples")),
            ),
            card(line(manifest.release, "strong"), text(signed, "muted"), gap=4),
        )

    def _accuracy(self, manifest: Manifest) -> QFrame:
        """As measured, and on what."""
        words, candidate = self.words, self.desk.chosen
        report = candidate.report if candidate is not None else None
        found = [figure.value for figure in manifest.figures if figure.name == "accuracy"]
        measured = words("not measured")
        if found and report is not None:
            measured = words(
                "{samples} samples, {runtime}", samples=report.samples, runtime=report.runtime
            )
        shown = figures.percent(found[0] if found else None)
        return tile(shown, words("Top-1 accuracy"), text(measured, "muted"))

    def _pack(self) -> None:
        candidate, data = self.desk.chosen, self.desk.data()
        result, model = self.desk.in_hand.quantized, self.desk.in_hand.model
        if candidate is None or data is None or result is None or model is None:
            return
        name = _ODD.sub("-", figures.model_name(model.source.path)).strip("-") or "model"
        labels = candidate.report.class_names if candidate.report else ()
        plan = PackPlan(name, result.target, data, result.preprocessing, labels)
        folder = self.desk.workspace.root / "bundles"
        folder.mkdir(exist_ok=True)
        inputs = BundleInputs(candidate, data, folder / f"{name}-{candidate.scheme}.zip")
        self.start(self.desk.run(tasks.bundle(inputs, plan), self.desk.put_bundle))

    # The box

    def _target(self) -> QWidget:
        words, device = self.words, self.desk.device
        choose = Action(words("Choose a device"), lambda: self.ways.go("devices"), "go-devices")
        if device is None:
            return notice(self.tokens, "warn", words("No device is chosen."), choose)
        bundle = self.desk.in_hand.bundle
        if bundle is not None and (why_not := self._why_not(device, bundle)):
            return notice(self.tokens, "warn", why_not, choose)
        if self._sleeps(device):
            start = Action(words("Start the practice box"), self._wake, "wake")
            return notice(self.tokens, "warn", words("The practice box is not running."), start)
        other = Action(words("Another device"), lambda: self.ways.go("devices"), "go-devices")
        address = f"{device.user}@{device.host}:{device.port}"
        said = words("Goes to {name} ({address}).", name=device.name, address=address)
        if device.name == practice.NAME:
            said += " " + words("It runs the release with the target's runtime, on this computer.")
        return notice(self.tokens, "", said, other)

    def _go(self, errand: Errand) -> None:
        """To the box; a password that nobody keeps is asked first."""
        device = self.desk.device
        assert device is not None
        self._last = errand
        if errand != "status":
            self.desk.push_result = None  # of the time before
        if (contact := self.desk.contact(device)) is not None:
            self._do(errand, contact)
        elif self._sleeps(device):
            self._wake()
        else:
            self._asking = errand
            self.forget_job()

    def _do(self, errand: Errand, contact: Contact) -> None:
        if errand == "push":
            self._push(contact)
        elif errand == "status":
            self._status(contact)
        else:
            self._roll_back(contact)

    def _ask(self, device: Device, errand: Errand) -> QWidget:
        def take(secret: Secret) -> None:
            self._asking = None
            self._do(errand, Contact(device, secret))

        def cancel() -> None:
            self._asking = None
            self.draw()

        return password_panel(self.words, device, take, cancel)

    # Push, status, roll back

    def _push(self, contact: Contact) -> None:
        bundle = self.desk.in_hand.bundle
        assert bundle is not None

        def pushed(result: PushResult) -> None:
            self.desk.push_result = result
            self._status(contact)

        self.start(self.desk.run(tasks.push(contact, bundle.path), pushed))

    def _status(self, contact: Contact) -> None:
        device = contact.device
        task = tasks.status(contact)
        self.start(self.desk.run(task, lambda status: self.desk.put_status(device, status)))

    def _roll_back(self, contact: Contact) -> None:
        device = contact.device

        task = tasks.rollback(contact)
        self.start(self.desk.run(task, lambda status: self.desk.put_status(device, status)))

    def _outcome(self, result: PushResult) -> QWidget:
        words = self.words
        why = words.render(result.why) if result.why else ""
        if result.state == "live":
            said = words(
                "Live: {release}. {sent} sent in {seconds} s.",
                release=result.release,
                sent=figures.size(result.sent_bytes),
                seconds=f"{result.seconds:.1f}",
            )
        elif result.state == "refused":
            said = words("Refused: nothing on the device was changed. {why}", why=why)
        else:
            said = words("Rolled back to {release}. {why}", release=result.release or "–", why=why)
        parts: list[QWidget] = [
            notice(self.tokens, "good" if result.state == "live" else "bad", said)
        ]
        parts[0].setObjectName(f"push-{result.state}")
        if result.health is not None:
            parts.append(self._health(result.health))
        return column(*parts)

    def _health(self, health: Health) -> QWidget:
        words = self.words
        if not health.healthy:
            why = words.render(health.why) if health.why else health.reason
            return notice(self.tokens, "bad", words("Health check failed: {why}", why=why))
        said = words(
            "Healthy: {samples} golden samples on {runtime}, largest difference {error}, "
            "{ms} for one inference on the device.",
            samples=health.samples,
            runtime=health.runtime,
            error=figures.error(health.max_relative_error),
            ms=figures.milliseconds(health.median_ms),
        )
        return notice(self.tokens, "good", said)

    def _releases(self, device: Device) -> QWidget:
        words, status = self.words, self.desk.statuses.get(device.name)
        title = line(words("Releases on {name}", name=device.name), "strong")
        if status is None:
            return card(title, text(words("Not read yet."), "muted"))
        if not status.releases:
            return card(title, text(words("There is none."), "muted"))
        headers = (words("Release"), words("Name"), words("Scheme"), words("Size"), words("State"))
        rows = [self._release(status, n) for n in range(len(status.releases))]
        parts: list[QWidget] = [title, table(self.tokens, words("Releases"), headers, rows)]
        if status.health is not None and self.desk.push_result is None:
            parts.append(self._health(status.health))
        if status.locked_by:
            said = words("Locked by {who}.", who=status.locked_by)
            parts.append(notice(self.tokens, "warn", said))
        return column(*parts)

    def _roll_back_action(self, device: Device) -> tuple[Action, ...]:
        """Only where the releases were read; with fewer than two it says why it cannot."""
        words, status = self.words, self.desk.statuses.get(device.name)
        if status is None:
            return ()
        older = "" if len(status.releases) > 1 else words("There is no older release.")
        do = partial(self._go, "roll-back")
        return (Action(words("Roll back"), do, "roll-back", older),)

    def _release(self, status: DeviceStatus, number: int) -> Row:
        release = status.releases[number]
        state = Cell("✓ " + self.words("live"), "good") if release.current else Cell("")
        return (
            Cell(release.id),
            Cell(release.name),
            Cell(release.scheme),
            Cell(figures.size(release.size_bytes), number=True),
            state,
        )
