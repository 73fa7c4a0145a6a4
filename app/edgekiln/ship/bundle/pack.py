"""The step `pack`: a judged candidate becomes a signed bundle. Nothing ungated can be packed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from edgekiln import __version__
from edgekiln.core.accuracy import Candidate
from edgekiln.core.artifact import Artifact
from edgekiln.core.bundle import (
    Bundle,
    BundledFile,
    Figure,
    Golden,
    Manifest,
    PackInputs,
)
from edgekiln.core.codec import encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.plans import PackPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.onboard import agent_source, preprocess_source
from edgekiln.ship.bundle.archive import pack_files
from edgekiln.ship.bundle.keys import public_hex, signing_key
from edgekiln.ship.bundle.manifest import FORMAT, KEY, MANIFEST, SIGNATURE, to_bytes
from edgekiln.ship.bundle.verify import open_bundle

MODEL, LABELS, PREPROCESSING = "model.tflite", "labels.txt", "preprocessing.json"
GOLDEN_INPUTS, GOLDEN_OUTPUTS = "golden/inputs.npz", "golden/outputs.npz"


def pack(inputs: PackInputs, plan: PackPlan, out_dir: Path, report: Report) -> Bundle:
    """Write the bundle to `inputs.destination` and return it as verified from there.

    UserError for a candidate that was not found usable on the target's runtime, or whose file is
    not the one that was judged.
    """
    del out_dir
    report(0.1, say("Collecting the files"))
    artifact = gated(inputs.candidate, inputs.runtime)
    files = _contents(artifact, inputs, plan)
    manifest = _manifest(files, artifact, inputs, plan)
    report(0.5, say("Signing the manifest"))
    key = signing_key(inputs.workspace)
    text = to_bytes(manifest)
    signed = {MANIFEST: text, SIGNATURE: key.sign(text), KEY: public_hex(key).encode()}
    _write(inputs.destination, pack_files(files | signed))
    report(0.8, say("Checking the bundle as the box will"))
    bundle = open_bundle(inputs.destination)
    report(1.0, say("Packed {name}", name=manifest.release))
    return bundle


def gated(candidate: Candidate, runtime: str) -> Artifact:
    """The artifact of a candidate that passed the gate for `runtime`; UserError for any other."""
    verdict, artifact = candidate.verdict, candidate.artifact
    if artifact is None or not verdict.allows(runtime):
        raise UserError(
            say("{scheme} is not packed.", scheme=candidate.scheme),
            verdict.why_not
            or say(
                "It was not found usable on {runtime}; the gate was asked about {asked}.",
                runtime=runtime,
                asked=verdict.target_runtime,
            ),
            say("Choose a candidate that is usable on the target's runtime."),
        )
    return artifact


def _contents(artifact: Artifact, inputs: PackInputs, plan: PackPlan) -> dict[str, bytes]:
    model = artifact.path.read_bytes()
    if hashlib.sha256(model).hexdigest() != artifact.sha256:
        raise UserError(
            say("{scheme} is not packed.", scheme=artifact.scheme),
            say("The file {name} is not the one that was judged.", name=str(artifact.path)),
            say("Quantize again."),
        )
    preprocessing = encode(plan.preprocessing)
    del preprocessing["$"]
    return {
        MODEL: model,
        LABELS: "".join(f"{label}\n" for label in plan.labels).encode(),
        PREPROCESSING: json.dumps(preprocessing, indent=1).encode(),
        GOLDEN_INPUTS: inputs.golden_inputs.read_bytes(),
        GOLDEN_OUTPUTS: inputs.golden_outputs.read_bytes(),
        "agent.py": agent_source(),
        **({} if plan.preprocessing.sound else {"preprocess.py": preprocess_source()}),
    }


def _manifest(
    files: dict[str, bytes], artifact: Artifact, inputs: PackInputs, plan: PackPlan
) -> Manifest:
    listed = tuple(
        BundledFile(name, hashlib.sha256(data).hexdigest(), len(data))
        for name, data in sorted(files.items())
    )
    now = datetime.now(UTC)
    return Manifest(
        format=FORMAT,
        name=plan.name,
        release=_release_id(now, listed),
        created=now.isoformat(timespec="seconds"),
        target=plan.target,
        runtime=inputs.runtime,
        scheme=artifact.scheme,
        model=MODEL,
        labels=plan.labels,
        preprocessing=plan.preprocessing,
        golden=Golden(
            GOLDEN_INPUTS,
            GOLDEN_OUTPUTS,
            _golden_samples(inputs),
            inputs.max_relative_error,
            inputs.golden_measured_on,
        ),
        files=listed,
        figures=_figures(inputs.candidate, artifact),
        made_by=(("edgekiln", __version__), *artifact.made_by),
    )


def _golden_samples(inputs: PackInputs) -> int:
    counts = set()
    for path in (inputs.golden_inputs, inputs.golden_outputs):
        with np.load(path, allow_pickle=False) as arrays:
            counts |= {len(arrays[name]) for name in arrays.files}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"golden inputs and outputs must be equally many, found {sorted(counts)}")
    return int(counts.pop())


def _release_id(now: datetime, files: tuple[BundledFile, ...]) -> str:
    content = "\n".join(f"{file.path} {file.sha256}" for file in files)
    return f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _figures(candidate: Candidate, artifact: Artifact) -> tuple[Figure, ...]:
    figures = [Figure("size_bytes", float(artifact.size_bytes), artifact.path.name)]
    for prefix, measured in (("", candidate.report), ("target_", candidate.on_target)):
        if measured is None:
            continue
        data = candidate.report.data if candidate.report else ""
        where = f"{measured.runtime}, {measured.samples} samples" + (f" of {data}" if data else "")
        for name, value in (("accuracy", measured.accuracy), ("agreement", measured.agreement)):
            if value is not None:
                figures.append(Figure(prefix + name, value, where))
    error, verdict = candidate.verdict.max_relative_error, candidate.verdict
    if error is not None:
        where = f"{verdict.measured_on}, {verdict.samples} samples"
        figures.append(Figure("max_relative_error", error, where))
    return tuple(figures)


def _write(destination: Path, data: bytes) -> None:
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(destination, data)
    except OSError as error:
        raise UserError(
            say("The bundle cannot be written."),
            say("{path}: {why}", path=str(destination), why=error.strerror or str(error)),
            say("Choose a folder you may write to."),
        ) from error
