"""Bundles for the tests: a real tiny model, packed and signed by the step itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from edgekiln.core.accuracy import Candidate
from edgekiln.core.artifact import Artifact, Verdict
from edgekiln.core.bundle import Bundle, PackInputs
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import sha256
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.core.plans import PackPlan
from edgekiln.core.report import silent
from edgekiln.core.text import say
from edgekiln.ship.bundle.pack import pack

RUNTIME = "tflite-runtime 2.14.0"


def make_inputs(folder: Path, seed: int = 1, inputs: int = 64, outputs: int = 10) -> PackInputs:
    """A usable candidate of a fresh model (4 * inputs * outputs bytes) with its golden samples."""
    program = Path(__file__).with_name("tiny_model.py")
    numbers = [str(number) for number in (inputs, outputs, seed)]
    subprocess.run([sys.executable, str(program), str(folder), *numbers], check=True)
    model = folder / "model.tflite"
    signature = Signature(
        "serving_default",
        (TensorSpec("x", (1, inputs), "float32"),),
        (TensorSpec("y", (1, outputs), "float32"),),
    )
    artifact = Artifact(model, sha256(model), model.stat().st_size, signature)
    candidate = Candidate(
        "float32", artifact, "by hand", Verdict(True, RUNTIME, RUNTIME, 4, 0.0, "1.0.0"), None, None
    )
    return PackInputs(
        candidate,
        RUNTIME,
        folder / "inputs.npz",
        folder / "outputs.npz",
        "numpy",
        1e-4,
        folder / "bundle.zip",
        workspace=folder.parent / "workspace",
    )


def make_plan(data: Path) -> PackPlan:
    """A plan for `make_inputs`."""
    return PackPlan("tiny", "this-computer", DataSource(data), Preprocessing(), ("a", "b"))


def make_bundle(folder: Path, seed: int = 1, inputs: int = 64, outputs: int = 10) -> Bundle:
    """A packed bundle below `folder`."""
    made = make_inputs(folder, seed, inputs, outputs)
    return pack(made, make_plan(made.golden_inputs), folder, silent)


def refused_candidate(candidate: Candidate) -> Candidate:
    """The same, found wrong on the target."""
    verdict = replace(candidate.verdict, usable=False, why_not=say("Wrong numbers there."))
    return replace(candidate, verdict=verdict)
