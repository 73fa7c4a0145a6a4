"""Each step as a task for the lanes: its result's type, its title, its lane."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.accuracy import QuantResult, SliceInputs, SlicePlan, SliceTable
from edgekiln.core.artifact import Artifact
from edgekiln.core.bundle import Bundle, BundleInputs
from edgekiln.core.data import (
    DataCheck,
    DataCheckPlan,
    DataLook,
    DataSource,
    FindPlan,
    LookPlan,
    OfferedSizes,
    Proposal,
    ThumbnailPlan,
    Thumbnails,
)
from edgekiln.core.device import (
    Contact,
    DeviceFacts,
    DeviceStatus,
    HostKey,
    ProbePlan,
    PushInputs,
    PushResult,
    ReadHostKeyPlan,
)
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.model import InspectedModel, ModelSource, Signature
from edgekiln.core.plans import (
    ConvertPlan,
    DeployPlan,
    FusionPlan,
    InspectPlan,
    PackPlan,
    QuantPlan,
    SizePlan,
)
from edgekiln.core.reporting import ReportInputs, ReportPlan, WrittenReport
from edgekiln.core.samples import (
    ListInputs,
    ListPlan,
    OverlayInputs,
    OverlayPlan,
    Overlays,
    SampleList,
)
from edgekiln.core.text import say
from edgekiln.jobs.job import Task
from edgekiln.jobs.lanes import CONVERT, DATA, LOOK, PICTURES, device_lane
from edgekiln.ui.figures import model_name

# Which place of the window a step belongs to: its mark is shown there.
PLACES: dict[str, str] = {
    "identify": "model",
    "inspect": "model",
    "inspect-source": "model",
    "convert": "fuse",
    "fuse": "fuse",
    "time-source": "fuse",
    "quantize": "quantize",
    "offer-sizes": "model",
    "list-samples": "preview",
    "thumbnails": "preview",
    "overlay": "preview",
    "report": "preview",
    "host-key": "devices",
    "probe": "devices",
    "bundle": "deploy",
    "push": "deploy",
    "rollback": "deploy",
    "status": "deploy",
}


def identify(path: Path) -> Task[ModelSource]:
    """What kind of model lies at a path."""
    title = say("Look at {name}", name=model_name(path))
    return Task("identify", path, InspectPlan(), ModelSource, title)


def inspect(source: ModelSource) -> Task[InspectedModel]:
    """What can be said of it; with TensorFlow, in the spare child, where that is needed."""
    title = say("Read {name}", name=model_name(source.path))
    if source.kind == "tflite":
        return Task("inspect", source, InspectPlan(), InspectedModel, title)
    return Task("inspect-source", source, InspectPlan(), InspectedModel, title, CONVERT)


def convert(source: ModelSource, plan: ConvertPlan) -> Task[Artifact]:
    """Its float `.tflite`."""
    title = say("Convert {name}", name=model_name(source.path))
    return Task("convert", source, plan, Artifact, title, CONVERT)


def fuse(artifact: Artifact, plan: FusionPlan) -> Task[FusionResult]:
    """Its fused form, proven equal."""
    return Task("fuse", artifact, plan, FusionResult, say("Fuse operators"))


def time_source(source: ModelSource, plan: ConvertPlan) -> Task[SourceLatency]:
    """What TensorFlow takes for a sample, as a plain graph and compiled by XLA."""
    title = say("Time TensorFlow on this computer")
    return Task("time-source", source, plan, SourceLatency, title, CONVERT)


def quantize(artifact: Artifact, plan: QuantPlan) -> Task[QuantResult]:
    """Candidates, gated and judged."""
    count = len(plan.schemes)
    return Task(
        "quantize", artifact, plan, QuantResult, say("Quantize, {count} schemes", count=count)
    )


def offer_sizes(data: Path, signature: Signature) -> Task[OfferedSizes]:
    """The sizes the data has, for those the signature leaves open."""
    title = say("Look at the sizes of {name}", name=data.name)
    return Task("offer-sizes", DataSource(data), SizePlan(signature), OfferedSizes, title)


def look_at_data(data: DataSource) -> Task[DataLook]:
    """What was recognised at a path."""
    title = say("Look at {name}", name=data.path.name)
    return Task("look-at-data", data, LookPlan(), DataLook, title, LOOK)


def propose(artifact: Artifact, plan: FindPlan) -> Task[Proposal]:
    """The preprocessing that fits model and data."""
    return Task("propose", artifact, plan, Proposal, say("Try preprocessings"), LOOK)


def slices(inputs: SliceInputs) -> Task[SliceTable]:
    """What both models are worth by class, size and column."""
    return Task("slices", inputs, SlicePlan(), SliceTable, say("Slice the data"), LOOK)


def check_data(data: DataSource, plan: DataCheckPlan) -> Task[DataCheck]:
    """What the data is like; beside the work, for nothing waits for it."""
    title = say("Check the data in {name}", name=data.path.name)
    return Task("check-data", data, plan, DataCheck, title, DATA)


def thumbnails(data: DataSource, plan: ThumbnailPlan) -> Task[Thumbnails]:
    """Samples as pictures."""
    return Task("thumbnails", data, plan, Thumbnails, say("Draw samples"), PICTURES)


def overlay(inputs: OverlayInputs, plan: OverlayPlan) -> Task[Overlays]:
    """Samples with both models' boxes or masks."""
    title = say("Draw the answers of both models")
    return Task("overlay", inputs, plan, Overlays, title, PICTURES)


def list_samples(inputs: ListInputs, fingerprint: str) -> Task[SampleList]:
    """All samples with both models' answers."""
    title = say("List the samples")
    return Task("list-samples", inputs, ListPlan(fingerprint), SampleList, title, PICTURES)


def report(inputs: ReportInputs, plan: ReportPlan) -> Task[WrittenReport]:
    """What was measured, as files."""
    return Task("report", inputs, plan, WrittenReport, say("Write the report"))


def bundle(inputs: BundleInputs, plan: PackPlan) -> Task[Bundle]:
    """The signed bundle."""
    return Task("bundle", inputs, plan, Bundle, say("Pack {name}", name=plan.name))


def host_key(contact: Contact) -> Task[HostKey]:
    """The box's identity, before anything is trusted."""
    device = contact.device
    title = say("Read the fingerprint of {name}", name=device.name)
    lane = device_lane(device.name)
    return Task("host-key", contact, ReadHostKeyPlan(), HostKey, title, lane)


def probe(contact: Contact) -> Task[DeviceFacts]:
    """What the box is."""
    device = contact.device
    title = say("Probe {name}", name=device.name)
    return Task("probe", contact, ProbePlan(), DeviceFacts, title, device_lane(device.name))


def push(contact: Contact, path: Path) -> Task[PushResult]:
    """A bundle onto the box."""
    name = contact.device.name
    inputs, title = PushInputs(contact, path), say("Push to {name}", name=name)
    return Task("push", inputs, DeployPlan(), PushResult, title, device_lane(name))


def rollback(contact: Contact) -> Task[DeviceStatus]:
    """The release before the current one."""
    name = contact.device.name
    title = say("Roll back {name}", name=name)
    return Task("rollback", contact, DeployPlan(), DeviceStatus, title, device_lane(name))


def status(contact: Contact) -> Task[DeviceStatus]:
    """What is on the box."""
    name = contact.device.name
    title = say("Read the releases on {name}", name=name)
    return Task("status", contact, DeployPlan(), DeviceStatus, title, device_lane(name))
