"""The desk: what is in hand, which box is chosen, the wizards' drafts. Pages read and change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from edgekiln import assets, profiles
from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.bundle import Bundle
from edgekiln.core.data import DataSource
from edgekiln.core.device import Contact, Device, DeviceFacts, DeviceStatus, PushResult, Secret
from edgekiln.core.devices import DeviceList
from edgekiln.core.flow import FuseDraft, ModelDraft, QuantDraft, recall
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.model import InspectedModel
from edgekiln.core.workspace import InHand, Workspace
from edgekiln.jobs import practice
from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.live import Live
from edgekiln.jobs.netron import Netron
from edgekiln.jobs.practice import PracticeBox

T = TypeVar("T")
_RECENT = 6
# Steps whose results belong to the model in hand: with another one on the table they end.
_MADE_FROM_MODEL = frozenset(
    (
        "convert",
        "fuse",
        "time-source",
        "quantize",
        "list-samples",
        "thumbnails",
        "overlay",
        "bundle",
        "check-data",
        "propose",
    )
)


@dataclass(frozen=True)
class Recent:
    """Models opened lately, newest first, and the name of the box chosen last."""

    models: tuple[Path, ...] = ()
    device: str = ""


class Desk(QObject):
    """One per window. `changed`: what is in hand, a draft's target, or the box."""

    changed = Signal()

    def __init__(
        self, workspace: Workspace, lanes: Lanes, box: PracticeBox, netron: Netron
    ) -> None:
        super().__init__()
        self.workspace, self.lanes = workspace, lanes
        self.practice, self.netron = box, netron
        self.live = Live(workspace.root)
        self.devices = DeviceList(workspace.root)
        self.in_hand: InHand = still_there(workspace.load())
        self.recent: Recent = recall(Recent, workspace.draft("recent"))
        self.model_draft: ModelDraft = recall(ModelDraft, workspace.draft("model"))
        self.fuse_draft: FuseDraft = recall(FuseDraft, workspace.draft("fuse"))
        self.quant_draft: QuantDraft = recall(QuantDraft, workspace.draft("quantize"))
        self.device: Device | None = self._known(self.recent.device)
        self.facts: dict[str, DeviceFacts] = {}
        self.statuses: dict[str, DeviceStatus] = {}
        self.push_result: PushResult | None = None

    # Work

    def run(self, task: Task[T], on_done: Callable[[T], None]) -> Job:
        """A task into its lane; `on_done` gets its result. How it ended goes into the history."""
        job = self.lanes.submit(task, on_done)
        job.finished.connect(lambda: self.workspace.remember(task.step, job.state, str(task.title)))
        return job

    # The model and what is made from it

    def put_model(self, model: InspectedModel, sample: bool = False) -> None:
        """A new model on the table: everything of the old one leaves it, data and all."""
        self.stop_making()
        path = model.source.path
        self.recent = replace(
            self.recent,
            models=(path, *(p for p in self.recent.models if p != path))[:_RECENT],
        )
        self.workspace.save_draft("recent", self.recent)
        self.save_model_draft(ModelDraft())
        self.save_fuse_draft(FuseDraft())
        target = self.quant_draft.target
        self.save_quant_draft(sample_draft(target) if sample else QuantDraft(target=target))
        self.put(self.in_hand.with_model(model))

    def put_converted(self, artifact: Artifact) -> None:
        """The float model."""
        self.put(replace(self.in_hand, converted=artifact))

    def put_fusion(self, fusion: FusionResult) -> None:
        """The fused model."""
        self.put(self.in_hand.with_fusion(fusion))

    def put_source_latency(self, latency: SourceLatency) -> None:
        """What TensorFlow takes for the model in hand."""
        self.put(replace(self.in_hand, source_latency=latency))

    def put_quantized(self, result: QuantResult) -> None:
        """The candidates."""
        self.put(self.in_hand.with_quantized(result))

    def choose(self, candidate: Candidate) -> None:
        """Ship this one; the bundle of another leaves the table."""
        result = self.in_hand.quantized
        if result is not None and result.chosen != candidate.scheme:
            self.put_quantized(replace(result, chosen=candidate.scheme))

    def put_bundle(self, bundle: Bundle) -> None:
        """The packed release."""
        self.push_result = None
        self.put(replace(self.in_hand, bundle=bundle))

    def put(self, in_hand: InHand) -> None:
        """Keep what is in hand and tell everyone."""
        self.in_hand = in_hand
        self.workspace.save(in_hand)
        self.changed.emit()

    def look(self) -> None:
        """Files may have been deleted behind our back: what was made of them leaves the table."""
        if (left := still_there(self.in_hand)) != self.in_hand:
            self.put(left)

    def unpin(self) -> None:
        """Signature or sizes changed: what was made with the old ones leaves the table."""
        self.stop_making()
        self.put(InHand(model=self.in_hand.model))

    def stop_making(self) -> None:
        """End what is being made from the model in hand: it would land on another one."""
        for job in self.lanes.active:
            if job.task.step in _MADE_FROM_MODEL:
                self.lanes.cancel(job)

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that would ship."""
        result = self.in_hand.quantized
        if result is None or result.chosen is None:
            return None
        return result.candidate(result.chosen)

    # Drafts

    def save_model_draft(self, draft: ModelDraft) -> None:
        """Keep it."""
        self.model_draft = draft
        self.workspace.save_draft("model", draft)

    def save_fuse_draft(self, draft: FuseDraft) -> None:
        """Keep it."""
        self.fuse_draft = draft
        self.workspace.save_draft("fuse", draft)

    def save_quant_draft(self, draft: QuantDraft) -> None:
        """Keep it."""
        retargeted = draft.target != self.quant_draft.target
        self.quant_draft = draft
        self.workspace.save_draft("quantize", draft)
        if retargeted:
            self.changed.emit()

    def data(self) -> DataSource | None:
        """The data the preview shows: the evaluation data, else the calibration data."""
        calibration, evaluation = self.quant_draft.parts
        if evaluation is not None or calibration is None:
            return evaluation
        return self.quant_draft.plan().calibration

    # Boxes

    def choose_device(self, device: Device | None) -> None:
        """Work with this box; it need not be one that can still be reached."""
        self.device = device
        self.push_result = None
        self.recent = replace(self.recent, device=device.name if device else "")
        self.workspace.save_draft("recent", self.recent)
        practising = device is not None and device.name == practice.NAME
        if device is not None and self.in_hand.quantized is None and not practising:
            self.save_quant_draft(replace(self.quant_draft, target=device.profile))
        self.changed.emit()

    def add_device(self, device: Device) -> None:
        """A box whose fingerprint the user confirmed."""
        self.devices.put(device)
        self.choose_device(device)

    def remove_device(self, device: Device) -> None:
        """Forget a box and its password."""
        from edgekiln import passwords  # loads the keyring: not before it is needed

        self.devices.remove(device.name)
        passwords.forget(device.name)
        self.choose_device(None)

    def put_facts(self, device: Device, facts: DeviceFacts) -> None:
        """What a probe saw."""
        self.facts[device.name] = facts
        self.changed.emit()

    def put_status(self, device: Device, status: DeviceStatus) -> None:
        """What is on a box."""
        self.statuses[device.name] = status
        self.changed.emit()

    def contact(self, device: Device) -> Contact | None:
        """All that is needed to log in; None when the password must be asked."""
        from edgekiln import passwords

        if device.key_file is not None:
            return Contact(device)
        if device.name == practice.NAME:
            return Contact(device, self.practice.password) if self.practice.running else None
        secret = passwords.recall(device.name)
        return Contact(device, secret) if secret is not None else None

    def keep_password(self, device: Device, secret: Secret) -> bool:
        """In the system keyring; False where there is none, and it is asked each time."""
        from edgekiln import passwords

        return passwords.remember(device.name, secret)

    @property
    def target_title(self) -> str:
        """The kind of the chosen box; without one, and with the practice box that stands in for
        any, the kind the candidates are made for."""
        if self.device is None or self.device.name == practice.NAME:
            return title_of(self.quant_draft.target)
        return title_of(self.device.profile)

    def _known(self, name: str) -> Device | None:
        return next((device for device in self.devices.all() if device.name == name), None)


def still_there(in_hand: InHand) -> InHand:
    """Without what has lost its file, and without what was made from that."""
    if in_hand.converted is not None and not in_hand.converted.path.exists():
        in_hand = replace(in_hand, converted=None)
    if in_hand.fusion is not None and not in_hand.fusion.artifact.path.exists():
        in_hand = replace(in_hand, fusion=None, quantized=None)
    if in_hand.quantized is not None:
        made = [c.artifact.path for c in in_hand.quantized.candidates if c.artifact is not None]
        if not all(path.exists() for path in made):
            in_hand = replace(in_hand, quantized=None)
    if in_hand.bundle is not None and not in_hand.bundle.path.exists():
        in_hand = replace(in_hand, bundle=None)
    return in_hand


def title_of(profile: str) -> str:
    """A kind of box by its title (English: the key of its translation)."""
    return next((p.title for p in profiles.all_profiles() if p.name == profile), profile)


def sample_path() -> Path:
    """The model that comes with EdgeKiln."""
    return assets.path("sample/saved_model")


def sample_draft(target: str) -> QuantDraft:
    """The sample's own data."""
    return QuantDraft(
        target=target,
        calibration=assets.path("sample/calibration.npz"),
        evaluation=assets.path("sample/evaluation.npz"),
    )
