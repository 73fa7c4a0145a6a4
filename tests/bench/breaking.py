"""Models that plain int8 breaks, and what the search makes of them.

`breaking.py [FOLDER [NAME…]]`: trains them (breaking_models.py) where FOLDER has none yet,
converts, fuses, quantizes, and prints a table: float, plain int8, int16x8 and what the search
found, on LiteRT and on the target's runtime. Plain int8 is what everybody makes: ranges by
extremes, biases as they are, by EdgeKiln's own base.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from models import folder_for

from edgekiln.child import run_step
from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import fingerprint
from edgekiln.core.fusion import FusionResult
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, FusionPlan, Limit, QuantPlan
from edgekiln.core.report import silent
from edgekiln.executor import executor
from edgekiln.pipeline.quantize.batch import lay_batch
from edgekiln.pipeline.quantize.variants import Way

TARGET = "rdk-x5"


@dataclass(frozen=True)
class Case:
    """What may be lost, and of what."""

    limit: float
    on: Limit


# A point of accuracy, an answer in a hundred or two hundred, or a share of the size of the values:
# less than plain int8 loses on each, or there would be nothing to search for
CASES = {
    "detector": Case(0.05, "accuracy"),
    "unequal": Case(0.01, "accuracy"),
    "silu": Case(0.005, "agreement"),
    "bilstm": Case(0.01, "agreement"),
    "attention": Case(0.01, "agreement"),
    "autoencoder": Case(0.025, "accuracy"),
}


def float_model(folder: Path) -> Artifact:
    """Converted and fused as the wizard does it unless told otherwise."""
    source = folder / "saved_model"
    inputs = ModelSource(source, "saved-model", fingerprint(source))
    made = run_step("convert", inputs, ConvertPlan(), folder, Artifact)
    return run_step("fuse", made, FusionPlan(timed=0), folder, FusionResult).artifact


def quantized(folder: Path, case: Case) -> tuple[Candidate, QuantResult]:
    """Plain int8, and the step as the product runs it."""
    data = DataSource(folder / "calibration.npz")
    plan = QuantPlan(
        data,
        replace(data, path=folder / "evaluation.npz"),
        TARGET,
        ("int8-float-io", "int16x8", "mixed"),
        Preprocessing(),
        max_drop=case.limit,
        limit_on=case.on,
    )
    model = float_model(folder)
    with tempfile.TemporaryDirectory() as store:
        result = run_step("quantize", model, plan, Path(store), QuantResult)
        with executor(Path(store)) as where:
            plain = lay_batch(model, plan, where, silent).submit("int8-float-io", way=Way())
            return plain.result(), result


def figure(accuracy: float | None, agreement: float | None, error: float | None) -> str:
    """Whatever there is of the three."""
    if error is not None:
        return f"error {error:.1%}"
    shares = [f"{share:.1%}" for share in (accuracy, agreement) if share is not None]
    return "/".join(shares) or "-"


def row(name: str, candidate: Candidate) -> str:
    """One line of the table."""
    report, target = candidate.report, candidate.on_target
    size = candidate.artifact.size_bytes / 1000 if candidate.artifact else 0
    seen = "-" if report is None else figure(report.accuracy, report.agreement, report.error)
    there = "-"
    if target is not None:
        there = figure(target.accuracy, target.agreement, target.error)
        there += f" same {target.same_as_fast:.0%} n={target.samples}"
    kept = f"{len(candidate.kept)} of {candidate.operators}" if candidate.kept else ""
    why = "" if candidate.verdict.usable else f"  not usable: {candidate.verdict.why_not}"
    return f"{name:<14} {size:8.1f} kB  {seen:<20} {there:<32} {kept}{why}"


def main(models: Path | None = None, *names: str) -> None:
    """Train what is missing, then one table a model."""
    with folder_for(models, "breaking") as folder:
        asked = names or tuple(CASES)
        missing = [name for name in asked if not (folder / name / "evaluation.npz").exists()]
        if missing:
            script = str(Path(__file__).with_name("breaking_models.py"))
            subprocess.run([sys.executable, script, str(folder), *missing], check=True)
        for name in asked:
            show(folder / name, name, CASES[name])


def show(folder: Path, name: str, case: Case) -> None:
    """One table."""
    began = time.perf_counter()
    plain, result = quantized(folder, case)
    took = time.perf_counter() - began
    print(
        f"\n{name}: at most {case.limit:.1%} of {case.on}; {took:.0f} s, "
        f"{len(result.attempts)} tried, load {os.getloadavg()[0]:.1f}"
    )
    report = result.float_report
    assert report is not None
    print(f"{'float':<14} {'':8}     {figure(report.accuracy, None, None)} n={report.samples}")
    print(row("plain int8", plain))
    for candidate in result.candidates:
        print(row(candidate.scheme, candidate))
    print("   ", result.chosen, result.reason, [str(n) for n in result.notes], flush=True)


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:2]), *sys.argv[2:])
