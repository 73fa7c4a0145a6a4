"""Scheme x runtime release x model: what loads, what is right, what is refused, and how fast it is.

`runtime_matrix.py [--kit FOLDER] [--model NAME=SAVEDMODEL,SAMPLES.npz]`: the embedded sample, the
evaluation kit (`../shared/eval` unless given) where it is there, and models of your own.

Each model is quantized once. For every runtime of this computer as the target, each candidate is
gated and, where that fails, lowered. What is then offered as usable is run on that very release on
samples the gate did not see, and held against the gate's own tolerances: a cell "WRONG" is one that
fails there, and there must be none. Then all usable ones are timed beside float, in turn.

Other releases are added with `edgekiln runtime add`, or named by the folder $EDGEKILN_RUNTIMES.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from edgekiln import assets
from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult, Speed
from edgekiln.core.artifact import SCHEMES, Artifact, SchemeName
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import fingerprint
from edgekiln.core.fusion import FusionResult
from edgekiln.core.inference import TimeInputs, TimePlan
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, FusionPlan, QuantPlan
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate.runtimes import known_runtimes, time_on
from edgekiln.pipeline.quantize.gate import FLOAT_LIMIT, TOLERANCE
from edgekiln.pipeline.quantize.lower import Gated, gate_or_lower
from edgekiln.pipeline.quantize.trial import (
    FAST,
    GATE_SAMPLES,
    Run,
    Trial,
    first_rows,
    mean_error,
    run_on,
    score,
)
from edgekiln.pipeline.quantize.variants import Variant
from edgekiln.profiles import load_profile

KIT = Path(__file__).parents[3] / "shared" / "eval"
FRESH = 64  # samples the gate did not see
CELLS = {
    "ok": "right as it was made",
    "lowered": "made lower, then right",
    "refused": "the runtime refuses every form (not offered)",
    "caught": "loads and computes wrong numbers (not offered)",
    "old": "the operator table says the release is too old (not offered)",
    "WRONG": "offered as usable, and wrong on fresh samples",
    "-": "could not be made",
}


@dataclass(frozen=True, eq=False)
class Case:
    """A float model with its candidates, the gate's trial and samples for the check after it."""

    name: str
    model: Artifact
    variants: Mapping[SchemeName, Variant]
    trial: Trial
    fresh: Path


@dataclass(frozen=True)
class Cell:
    """What became of one candidate on one runtime."""

    word: str
    how: str = ""
    gated: Gated | None = None


def case_of(name: str, saved_model: Path, data: Path, other: Path, root: Path) -> Case:
    """Convert, fuse, quantize as for this computer; samples for the gate and for the check."""
    source = ModelSource(saved_model, "saved-model", fingerprint(saved_model))
    model = run_step("convert", source, ConvertPlan(), root, Artifact)
    model = run_step("fuse", model, FusionPlan(timed=0), root, FusionResult).artifact
    plan = QuantPlan(DataSource(data), DataSource(other, limit=GATE_SAMPLES + FRESH))
    made = run_step("quantize", model, plan, root, QuantResult)
    folder = root / name
    folder.mkdir()
    few = _samples(model, data, made.preprocessing, GATE_SAMPLES, folder / "few.npz")
    fresh = _samples(
        model, other, made.preprocessing, GATE_SAMPLES + FRESH, folder / "fresh.npz", GATE_SAMPLES
    )
    reference = run_on(model.path, few, FAST, folder).outputs
    main = model.signature.outputs[0].name
    trial = Trial(
        few, first_rows(few, GATE_SAMPLES, folder / "few.npz"), (), reference, main, folder
    )
    variants = {
        c.scheme: _variant(c.artifact, model, trial)
        for c in made.candidates
        if c.artifact is not None
    }
    return Case(name, model, variants, trial, fresh)


def _variant(artifact: Artifact, base: Artifact, trial: Trial) -> Variant:
    """The candidate as the gate takes it, its way (and so its base) told by its tools."""
    run = run_on(artifact.path, trial.few, FAST, trial.folder)
    near = None if run.refused is not None else score(run.outputs, trial)
    return Variant(artifact.path, base.path, "ai-edge-quantizer", artifact.made_by, run, near)


def _samples(
    model: Artifact, data: Path, how: Preprocessing, count: int, out: Path, skip: int = 0
) -> Path:
    """The first `count` samples without the first `skip`, as the model is fed."""
    write_samples(
        DataSource(data, limit=count), how, model.signature, out, lambda _fraction, _text: None
    )
    if skip:
        save_arrays(out, {name: rows[skip:] for name, rows in load_arrays(out).items()})
    return out


def cell(case: Case, scheme: SchemeName, runtime: str) -> Cell:
    """Gate, lower, and check what is offered."""
    variant = case.variants.get(scheme)
    if variant is None:
        return Cell("-")
    profile = replace(load_profile("rdk-x5"), runtime=runtime)
    slug = f"{case.name}-{scheme}-{runtime.replace(' ', '-')}"

    def keep(item: Variant) -> Artifact:
        path = case.trial.folder / f"{slug}.tflite"
        path.write_bytes(item.path.read_bytes())
        return replace(case.model, path=path, scheme=scheme)

    gated = gate_or_lower(variant, scheme, case.model, profile, case.trial, keep)
    verdict = gated.verdict
    if not verdict.usable:
        words = str(verdict.why_not)
        if not verdict.measured_on:
            return Cell("refused", words)
        signs = ("wrong", "other numbers", "not finite")
        return Cell("caught" if any(sign in words for sign in signs) else "old", words)
    if not _is_right(case, scheme, gated, runtime):
        return Cell("WRONG", str(verdict.lowered or ""))
    return Cell("lowered" if verdict.lowered else "ok", str(verdict.lowered or ""), gated)


def _is_right(case: Case, scheme: SchemeName, gated: Gated, runtime: str) -> bool:
    there = run_on(gated.artifact.path, case.fresh, runtime, case.trial.folder)
    here = _run_here(gated.variant.path, case)
    truth = _run_here(case.model.path, case)
    if there.refused or here.refused:
        return False
    return (
        mean_error(there.outputs, here.outputs) <= TOLERANCE[scheme]
        and mean_error(there.outputs, truth.outputs) <= FLOAT_LIMIT[scheme]
    )


@cache
def _run_here(model: Path, case: Case) -> Run:
    """On the fast runtime; the same file for every target is run once."""
    return run_on(model, case.fresh, FAST, case.trial.folder)


def speeds(case: Case, cells: Mapping[SchemeName, Cell], runtime: str) -> dict[SchemeName, Speed]:
    """The usable ones beside float, in turn."""
    usable = {s: c.gated for s, c in cells.items() if c.gated is not None and s != "float32"}
    files = tuple(gated.artifact.path for gated in usable.values())
    inputs, plan = TimeInputs((case.model.path, *files), case.trial.few), TimePlan(30, 10.0)
    timed = time_on(runtime, inputs, plan, case.trial.folder)
    if timed.refused is not None:
        print(f"  {runtime}: {timed.refused}")
        return {}
    beside, *rest = timed.latencies
    found = {s: Speed(latency, beside) for s, latency in zip(usable, rest, strict=True)}
    return {"float32": Speed(beside, beside), **found}


def show(case: Case, runtimes: Sequence[str]) -> Counter[str]:
    """Both tables of one model."""
    print(f"\n{case.name}: {case.model.size_bytes / 1000:.0f} kB float")
    width = max(map(len, runtimes))
    print(f"{'':{width}}" + "".join(f"{scheme:>16}" for scheme in SCHEMES))
    timed, why = {}, {}
    words: Counter[str] = Counter()
    for runtime in runtimes:
        cells = {scheme: cell(case, scheme, runtime) for scheme in SCHEMES}
        print(f"{runtime:{width}}" + "".join(f"{c.word:>16}" for c in cells.values()), flush=True)
        words.update(c.word for c in cells.values())
        why.update({f"{runtime}, {s}": c.how for s, c in cells.items() if c.how})
        timed[runtime] = speeds(case, cells, runtime)
    print("ms of one sample, one thread: median [quartiles], runs in turn")
    for runtime in runtimes:
        row = "".join(f"{_times(timed[runtime].get(scheme)):>26}" for scheme in SCHEMES)
        print(f"{runtime:{width}}{row}")
    for reason in sorted(set(why.values())):
        places = [place for place, words_ in why.items() if words_ == reason]
        print(f"  {len(places)}x {places[0]}{' …' if len(places) > 1 else ''}: {reason[:300]}")
    return words


def _times(speed: Speed | None) -> str:
    if speed is None:
        return "-"
    own = speed.candidate
    mark = "!" if speed.is_slower else ""
    return f"{mark}{own.median:.3g} [{own.low:.3g}-{own.high:.3g}]"


def main() -> int:
    """All tables; 1 when anything offered is wrong."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kit", type=Path, default=KIT)
    arguments.add_argument("--model", action="append", default=[])
    asked = arguments.parse_args()
    sample = assets.path("sample")
    cases = [
        ("sample", sample / "saved_model", sample / "calibration.npz", sample / "evaluation.npz")
    ]
    for folder in sorted(asked.kit.iterdir()) if asked.kit.exists() else ():
        if (folder / "saved_model").is_dir():
            cases.append((folder.name, folder / "saved_model", *_data(folder)))
    for item in asked.model:
        name, _, paths = item.partition("=")
        saved_model, samples = (Path(path) for path in paths.split(","))
        cases.append((name, saved_model, samples, samples))
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as root:
        for name, *paths in cases:
            total += show(case_of(name, *paths, Path(root)), known_runtimes())
    print("\n" + "; ".join(f"{word} {total[word]} ({CELLS[word]})" for word in CELLS))
    return 1 if total["WRONG"] else 0


def _data(folder: Path) -> tuple[Path, Path]:
    calibration, evaluation = (
        folder / part if (folder / part).is_dir() else folder / f"{part}.npz"
        for part in ("calibration", "evaluation")
    )
    return calibration, evaluation


if __name__ == "__main__":
    sys.exit(main())
