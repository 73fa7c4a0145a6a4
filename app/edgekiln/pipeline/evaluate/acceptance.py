"""The chapters that make a report one to accept a model by: the data, the versions, the names."""

from __future__ import annotations

from edgekiln import __version__
from edgekiln.core.accuracy import AccuracyReport, QuantResult
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import extent
from edgekiln.core.quantization import Provenance
from edgekiln.core.reporting import ReportInputs
from edgekiln.core.text import Words, say
from edgekiln.pipeline.evaluate.figures import kilobytes, number
from edgekiln.pipeline.evaluate.html import NOTHING, Html, Part, facts, join, section, table, tag
from edgekiln.pipeline.quantize.calibration_file import provenance_of

_NAMED_CLASSES = 40
_BLANK = Html("&nbsp;<br>&nbsp;<br>&nbsp;")


def about_data(result: QuantResult, evaluation: DataSource | None, words: Words) -> Html:
    """What was measured on and calibrated with: files, fingerprint, samples, classes,
    preprocessing."""
    reports = [result.float_report, *(c.report for c in result.candidates)]
    report = next((r for r in reports if r is not None), None)
    rows: list[tuple[str, Part]] = []
    if report is not None:
        rows += _evaluated(report, evaluation, words)
    made = provenance_of(result.calibration) if result.calibration is not None else None
    rows += _calibrated(made, result, words)
    rows.append((words.render(say("Preprocessing")), _preprocessing(result.preprocessing)))
    rows.append((words.render(say("Why this one")), words.render(result.preprocessing_evidence)))
    return section(words.render(say("Data")), facts(rows))


def about_acceptance(inputs: ReportInputs, words: Words) -> Html:
    """Where those who answer for it put their names; nothing before a bundle is there."""
    if inputs.bundle is None:
        return NOTHING
    manifest = inputs.bundle.manifest
    lead = say("The undersigned have read this report. The release named here is:")
    models = (f.sha256 for f in manifest.files if f.path == manifest.model)
    rows: list[tuple[str, Part]] = [
        (words.render(say("Release")), manifest.release),
        (
            words.render(say("Scheme")),
            f"{manifest.scheme} · {manifest.target} · {manifest.runtime}",
        ),
        (words.render(say("Model, SHA-256")), tag("code", next(models, "–"))),
        (
            words.render(say("Signed manifest, SHA-256")),
            tag("code", inputs.bundle.manifest_sha256 or "–"),
        ),
        (words.render(say("Signed by (Ed25519 key)")), tag("code", inputs.bundle.public_key)),
    ]
    answers = (say("accepted"), say("accepted with conditions"), say("not accepted"))
    heads = [words.render(t) for t in (say("Role"), say("Name"), say("Date"), say("Signed"))]
    roles = (say("Made by"), say("Checked by"), say("Accepted by"))
    signed = [(words.render(role), _BLANK, _BLANK, _BLANK) for role in roles]
    boxes = [tag("p", f"☐ {words.render(answer)}") for answer in answers]
    return section(
        words.render(say("Acceptance")),
        facts(rows),
        tag("p", words.render(lead)),
        *boxes,
        table([words.render(say("Conditions"))], [(_BLANK,)]),
        table(heads, signed),
        own_sheet=True,
    )


def versions(inputs: ReportInputs) -> dict[str, str]:
    """Every tool and runtime that had a hand in it, and its release, by name."""
    found: dict[str, str] = {}
    result = inputs.quantized
    artifacts = [inputs.fusion.artifact] if inputs.fusion else []
    artifacts += [c.artifact for c in result.candidates if c.artifact] if result else []
    for artifact in artifacts:
        found.update(artifact.made_by)
    if inputs.model.tensorflow_version:
        found["TensorFlow (source model)"] = inputs.model.tensorflow_version
    runtimes = {inputs.fusion.runtime} if inputs.fusion else set()
    for candidate in result.candidates if result else ():
        runtimes |= {candidate.verdict.measured_on, candidate.verdict.target_runtime}
        runtimes |= {r.runtime for r in (candidate.report, candidate.on_target) if r is not None}
    for runtime in sorted(filter(None, runtimes)):
        family, _, release = runtime.partition(" ")
        known = found.get(family, "")
        found[family] = known if release in known else ", ".join(filter(None, (known, release)))
    return {"EdgeKiln": __version__, **dict(sorted(found.items(), key=lambda p: p[0].lower()))}


def _evaluated(
    report: AccuracyReport, evaluation: DataSource | None, words: Words
) -> list[tuple[str, Part]]:
    rows: list[tuple[str, Part]] = [
        (words.render(say("Evaluation data")), report.data),
        (words.render(say("Fingerprint")), tag("code", report.data_fingerprint)),
    ]
    if evaluation is not None and evaluation.path.exists():
        files, size = extent(evaluation.path)
        told = say("{files} files, {size}", files=number(files), size=kilobytes(size))
        rows.append((words.render(say("Files")), words.render(told)))
    rows.append((words.render(say("Samples")), number(report.samples)))
    if report.class_names:
        rows.append((words.render(say("Classes")), _classes(report)))
    return rows


def _classes(report: AccuracyReport) -> str:
    """Their number, and the first of them with their samples."""
    names = report.class_names
    counts = [sum(row) for row in report.confusion]
    shown = [
        f"{name} ({counts[i]})" if i < len(counts) else name
        for i, name in enumerate(names[:_NAMED_CLASSES])
    ]
    return f"{len(names)}: {', '.join(shown)}" + (", …" if len(names) > _NAMED_CLASSES else "")


def _calibrated(
    made: Provenance | None, result: QuantResult, words: Words
) -> list[tuple[str, Part]]:
    if made is None:
        return [(words.render(say("Calibration samples")), number(result.calibration_samples))]
    return [
        (words.render(say("Calibration data")), made.data),
        (words.render(say("Fingerprint")), tag("code", made.data_fingerprint)),
        (words.render(say("Calibration samples")), f"{number(made.samples)} ({made.made})"),
    ]


def _preprocessing(done: Preprocessing) -> Html:
    """Its name, and every setting as the bundle carries it."""
    values = [("scale", done.scale), ("offset", done.offset)]
    numbers = [f"{name} {' '.join(f'{v:.6g}' for v in value)}" for name, value in values]
    kinds: list[str] = [done.resize, done.framing, done.channels, done.layout, done.dtype]
    if done.framing == "crop":
        kinds.append(f"central {done.central:g}")
    if done.sound is not None:
        sound = done.sound
        kinds = [sound.features, f"{sound.rate} Hz", f"{sound.samples}", sound.convention]
    return join((done.name, tag("div", ", ".join([*kinds, *numbers]), kind="soft")))
