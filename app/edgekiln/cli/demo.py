"""The whole way on the embedded sample, with no hardware and no screen.

SavedModel → fused → quantized → previewed → pushed to the practice box → live → rolled back and
forward once.
"""

from __future__ import annotations

import shutil
import time
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln import assets
from edgekiln.cli.boxes import print_health
from edgekiln.cli.candidates import print_candidates, quantized_json
from edgekiln.cli.output import kilobytes
from edgekiln.cli.run import Runner, check_writable
from edgekiln.core.accuracy import AccuracyReport, EvalInputs, QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.bundle import Bundle, BundleInputs
from edgekiln.core.data import DataSource
from edgekiln.core.device import (
    Contact,
    Device,
    DeviceStatus,
    HostKey,
    PushInputs,
    PushResult,
    ReadHostKeyPlan,
    Secret,
)
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.fusion import FusionResult
from edgekiln.core.gain import gain
from edgekiln.core.model import InspectedModel
from edgekiln.core.plain import plain
from edgekiln.core.plans import ConvertPlan, DeployPlan, EvalPlan, FusionPlan, PackPlan, QuantPlan
from edgekiln.core.reporting import ReportFile, ReportInputs, ReportPlan, WrittenReport
from edgekiln.core.text import say
from edgekiln.pipeline.quantize.engines import as_it_is_made
from edgekiln.pipeline.quantize.recipes import recipe_for
from edgekiln.ship.practice.box import PracticeBox

TARGET = "rdk-x5"


@dataclass(frozen=True)
class Made:
    """What the first half of the way leaves for the second."""

    model: InspectedModel
    fusion: FusionResult
    quantized: QuantResult
    bundles: tuple[Bundle, Bundle]


def demo(arguments: Namespace, run: Runner) -> int:
    """Walk the way in a fresh workspace, print what was seen, leave a report. 0: all of it held."""
    report_path = Path(arguments.report).absolute()
    check_writable(report_path.parent)
    root = run.root / "demo"
    shutil.rmtree(root, ignore_errors=True)
    run = replace(run, root=root)
    began = time.monotonic()
    made = make(run)
    with PracticeBox(root / "practice-box") as box:
        contact = meet(run, box)
        pushes = [push(run, contact, bundle) for bundle in made.bundles]
        back = roll(run, contact, pushes[0].release)
        forward = push(run, contact, made.bundles[1], forward=True)
    report = run.step(
        "report",
        ReportInputs(
            made.model,
            made.fusion,
            made.quantized,
            made.bundles[1],
            forward,
            sample("evaluation.npz"),
        ),
        ReportPlan((ReportFile(report_path, "html", run.output.words.language),)),
        WrittenReport,
    )
    _conclude(run, made, pushes, back, forward, time.monotonic() - began, report.files[0])
    return 0


def sample(name: str) -> DataSource:
    """Data of the embedded sample."""
    return DataSource(assets.path(f"sample/{name}"))


def make(run: Runner) -> Made:
    """From the SavedModel to two signed bundles; the second is of the recommended candidate."""
    calibration, evaluation = sample("calibration.npz"), sample("evaluation.npz")
    path = assets.path("sample/saved_model")
    model = run.inspect(path)
    run.output.line(
        "1  Opened the sample: {parameters:,} parameters, written by TensorFlow {version}",
        parameters=model.parameters,
        version=model.tensorflow_version,
    )
    artifact = run.step("convert", model.source, ConvertPlan(), Artifact)
    fusion = run.step("fuse", artifact, FusionPlan(data=calibration), FusionResult)
    run.output.line("2  Fused: {gain}", gain=run.output.words.render(gain(fusion)))
    quantized = run.step(
        "quantize", fusion.artifact, QuantPlan(calibration, evaluation, TARGET), QuantResult
    )
    run.output.line("3  Quantized for {target}, each candidate run on its runtime:", target=TARGET)
    run.output.line()
    print_candidates(quantized, run)
    _show_the_trap(fusion.artifact, evaluation, quantized, run)
    return Made(model, fusion, quantized, _bundles(run, quantized, calibration))


def _show_the_trap(model: Artifact, data: DataSource, quantized: QuantResult, run: Runner) -> None:
    """The sentence the product is built on: one file, two runtimes, and what we make of it."""
    trap = quantized.candidate("dynamic-range")
    if trap.report is None or trap.on_target is None or trap.verdict.lowered is None:
        raise AssertionError("the dynamic-range file was expected to be wrong on the target")
    file = run.root / "dynamic-range-as-it-is-made.tflite"
    write_atomic(file, as_it_is_made(model.path, recipe_for("dynamic-range")))
    inputs = EvalInputs(run.convert(file, ConvertPlan()))
    plans = [EvalPlan(data, name, quantized.preprocessing) for name in ("litert", "tflite-runtime")]
    newest, board = (run.step("evaluate", inputs, plan, AccuracyReport) for plan in plans)
    run.output.line()
    run.output.line(
        "One dynamic-range file, as ai-edge-quantizer makes it: {here:.1%} right on {fast}, "
        "{there:.1%} on {target}, without an error or a warning.",
        here=newest.accuracy or 0.0,
        fast=newest.runtime,
        there=board.accuracy or 0.0,
        target=board.runtime,
    )
    run.output.line(
        "The gate stopped the dynamic-range file and had it made lower: now {there:.1%} right on "
        "{target}. {why}",
        why=trap.verdict.lowered,
        there=trap.on_target.accuracy or 0.0,
        target=trap.on_target.runtime,
    )
    run.output.line()


def _bundles(run: Runner, quantized: QuantResult, data: DataSource) -> tuple[Bundle, Bundle]:
    def pack(scheme: str) -> Bundle:
        candidate = quantized.candidate(scheme)
        names = candidate.report.class_names if candidate.report else ()
        return run.step(
            "bundle",
            BundleInputs(candidate, data, run.root / f"digits-{scheme}.zip"),
            PackPlan("digits", TARGET, data, quantized.preprocessing, names),
            Bundle,
        )

    chosen = quantized.chosen
    if chosen is None:
        raise UserError(
            say("No candidate may go on {target}.", target=TARGET),
            quantized.reason,
            say("Nothing was changed. Please send us the log of this job."),
        )
    other = "float16" if chosen != "float16" else "int8"
    bundles = (pack(other), pack(chosen))
    run.output.line(
        "4  Packed and signed: {first} and {second}, {size}",
        first=other,
        second=chosen,
        size=kilobytes(bundles[1].size_bytes),
    )
    return bundles


def meet(run: Runner, box: PracticeBox) -> Contact:
    """The practice box as a device: its fingerprint is compared with the one it announced."""
    device = Device("practice-box", box.host, box.port, box.user, TARGET)
    key = run.step("host-key", Contact(device), ReadHostKeyPlan(), HostKey)
    if key.fingerprint != box.fingerprint:
        raise AssertionError(f"the practice box shows {key.fingerprint}, not {box.fingerprint}")
    return Contact(replace(device, host_key=key), Secret(box.password))


def push(run: Runner, contact: Contact, bundle: Bundle, forward: bool = False) -> PushResult:
    """A push that must end live."""
    result = run.step("push", PushInputs(contact, bundle.path), DeployPlan("digits"), PushResult)
    if result.state != "live":
        raise UserError(
            say("The practice box did not take {release}.", release=bundle.manifest.release),
            result.why or say("Its health check failed."),
            say("Nothing was changed. Please send us the log of this job."),
        )
    values = {"release": result.release, "size": kilobytes(result.sent_bytes)}
    if forward:
        run.output.line("7  Forward again: {release} is live, {size} sent", **values)
    else:
        scheme = bundle.manifest.scheme
        run.output.line(
            "5  Pushed {scheme}: {release} is live, {size} sent", scheme=scheme, **values
        )
    if result.health is not None:
        print_health(result.health, run)
    return result


def roll(run: Runner, contact: Contact, expected: str) -> DeviceStatus:
    """Back to the release before, which must be the one that was live before."""
    status = run.step("rollback", contact, DeployPlan("digits"), DeviceStatus)
    current = next((r.id for r in status.releases if r.current), "")
    if current != expected:
        raise AssertionError(f"rolled back to {current}, expected {expected}")
    run.output.line("6  Rolled back: {release} is live again", release=current)
    return status


def _conclude(
    run: Runner,
    made: Made,
    pushes: list[PushResult],
    back: DeviceStatus,
    forward: PushResult,
    seconds: float,
    report: Path,
) -> None:
    words = run.output.words
    run.output.result(
        {
            "seconds": seconds,
            "fusion": {
                "before": made.fusion.before.operators,
                "after": made.fusion.after.operators,
            },
            **quantized_json(made.quantized, run),
            "pushes": [plain(result, words) for result in (*pushes, forward)],
            "rolled_back_to": next(r.id for r in back.releases if r.current),
            "report": str(report),
        }
    )
    run.output.line()
    run.output.line(
        "All of it held, in {seconds:.0f} s. Report: {path}", seconds=seconds, path=str(report)
    )
