"""Native code that really crashes or hangs, in the worker the window uses."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import fatal_models
from edgekiln import assets
from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.data import DataSource
from edgekiln.core.inference import InferInputs, InferPlan, InferResult
from edgekiln.core.model import InspectedModel, ModelSource
from edgekiln.core.plans import ConvertPlan, EvalPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.core.text import say
from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.runner import Runner
from edgekiln.pipeline.convert.convert import convert
from edgekiln.pipeline.identify import identify


@pytest.fixture
def lanes(qtbot: QtBot, tmp_path: Path) -> Iterator[Lanes]:
    made = Lanes(Runner(tmp_path / "root"))
    yield made
    made.close()


def infer(lanes: Lanes, model: Path, samples: Path) -> Job:
    inputs = InferInputs(model, samples, model.parent / "outputs.npz")
    task = Task("infer", inputs, InferPlan("litert"), InferResult, say("Run it"), "work")
    return lanes.submit(task, lambda _: None)


def test_a_crash_in_inference_says_the_signal_and_keeps_the_stack(
    qtbot: QtBot, lanes: Lanes, tmp_path: Path
) -> None:
    model, samples = fatal_models.crashing(tmp_path), fatal_models.samples(tmp_path, 8, 8, 4)
    job = infer(lanes, model, samples)
    qtbot.waitUntil(lambda: job.ended, timeout=30_000)
    assert job.state == "crashed"
    assert "Run it" in str(job.error)
    assert "SIGSEGV" in str(job.error)
    assert job.log is not None
    stack = job.log.read_text()
    assert "Segmentation fault" in stack
    assert "infer.py" in stack
    assert not (tmp_path / "outputs.npz").exists()


def test_the_lane_goes_on_after_a_crash(qtbot: QtBot, lanes: Lanes, tmp_path: Path) -> None:
    model, samples = fatal_models.crashing(tmp_path), fatal_models.samples(tmp_path, 8, 8, 4)
    infer(lanes, model, samples)
    task = Task("identify", model, InspectPlan(), ModelSource, say("Look"), "work")
    after = lanes.submit(task, lambda _: None)
    qtbot.waitUntil(lambda: after.ended, timeout=30_000)
    assert after.state == "done"


def test_a_hang_in_inference_is_ended(qtbot: QtBot, lanes: Lanes, tmp_path: Path) -> None:
    """No signal handler of Python runs while native code loops: two seconds later it is killed."""
    job = infer(lanes, fatal_models.endless(tmp_path), fatal_models.samples(tmp_path))
    qtbot.waitUntil(lambda: busy(job.pid), timeout=30_000)
    assert not job.ended
    lanes.cancel(job)
    qtbot.waitUntil(lambda: job.ended, timeout=5_000)
    assert job.state == "cancelled"
    with pytest.raises(ProcessLookupError):
        os.kill(job.pid, 0)


def test_a_crash_below_a_step_is_in_the_steps_log(
    qtbot: QtBot, lanes: Lanes, tmp_path: Path
) -> None:
    """`evaluate` runs the model in a child of its own; what that child left is not lost."""
    model = fatal_models.crashing(tmp_path)
    (tmp_path / "taken").mkdir()
    artifact = convert(source(model), ConvertPlan(), tmp_path / "taken", silent)
    plan = EvalPlan(DataSource(fatal_models.samples(tmp_path, 8, 8, 4)))
    task = Task("evaluate", EvalInputs(artifact, None), plan, AccuracyReport, say("Judge"), "work")
    job = lanes.submit(task, lambda _: None)
    qtbot.waitUntil(lambda: job.ended, timeout=60_000)
    assert job.state == "failed"
    assert "crashed on the model (SIGSEGV)" in str(job.error)
    assert job.log is not None
    assert "infer.py" in job.log.read_text()


def test_tensorflow_that_dies_is_told_with_its_step(
    qtbot: QtBot, lanes: Lanes, tmp_path: Path
) -> None:
    """`inspect` has TensorFlow in a child of its own: that one crashes, not the job's."""
    sample = source(assets.path("sample") / "saved_model")
    task = Task("inspect", sample, InspectPlan(), InspectedModel, say("Read it"), "work")
    job = lanes.submit(task, lambda _: None)
    qtbot.waitUntil(lambda: any(computed(pid) > 0.5 for pid in children(job.pid)), timeout=30_000)
    os.kill(children(job.pid)[0], signal.SIGSEGV)
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)
    assert job.state == "failed"
    assert "“inspect-source” crashed" in str(job.error)
    assert "SIGSEGV" in str(job.error)
    assert job.log is not None
    assert "Segmentation fault" in job.log.read_text()


def source(model: Path) -> ModelSource:
    return identify(model, InspectPlan(), model.parent, silent)


def children(pid: int) -> list[int]:
    if pid <= 0:
        return []
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def busy(pid: int) -> bool:
    """Whether the child has computed for more than 3 s: loading is over, the loop goes on."""
    return computed(pid) > 3


def computed(pid: int) -> float:
    """Seconds of a processor the child has had."""
    if pid <= 0:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
