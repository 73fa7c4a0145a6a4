"""The preprocessing a model was trained with, found by trying."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.data import PRESETS, SOUND_PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.report import Report, silent
from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_rows
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import check_range
from edgekiln.pipeline.data.prepare import Intake, fits, hears, intake_of, takes_bytes
from edgekiln.pipeline.data.source import class_count, limited, open_data
from edgekiln.pipeline.evaluate.metrics import scores_of, top1
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import Fed, read_interface
from edgekiln.pipeline.graph.read import read_graph

_SAMPLES = 100
_HARDLY_BETTER_THAN_CHANCE = 1.5
_FRAMINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("crop", {"framing": "crop"}),
    ("crop 0.875", {"framing": "crop", "central": 0.875}),
    ("letterbox", {"framing": "letterbox"}),
    ("letterbox 114", {"framing": "letterbox", "fill": 114}),
    ("nearest", {"resize": "nearest"}),
    ("bicubic", {"resize": "bicubic"}),
    ("area", {"resize": "area"}),
)


@dataclass(frozen=True)
class Found:
    """A preprocessing, and what speaks for it."""

    preprocessing: Preprocessing
    evidence: Text


@dataclass(frozen=True)
class _Trial:
    preprocessing: Preprocessing
    accuracy: float
    true_score: float  # mean score of the true class: decides between equals


def find_preprocessing(
    model: Path,
    signature: Signature,
    source: DataSource,
    root: Path,
    report: Report = silent,
    known: tuple[str, ...] = (),
    judging: Judging = DERIVED,
) -> Found:
    """The preset with which the float `.tflite` `model` is right most often on at most 100
    labelled samples, the same share of every class, on litert; for pictures of another size than
    the model's, then the way of resizing with which it is right more often still. UserError as
    open_data."""
    data = open_data(limited(source, _SAMPLES), known)
    spec = signature.inputs[0]
    intake = intake_of(data, spec, signature)
    if intake.pixels and takes_bytes(spec):
        return Found(PRESETS[0], say("The model takes whole numbers: pixels as they are"))
    fed = read_interface(read_graph(model)).feed(spec.name)
    if not intake.pixels and not data.has_sounds():
        evidence = say("The data holds numbers, not pictures: fed as stored")
        return Found(as_fed(Preprocessing(), fed), evidence)
    presets = _presets(data, intake)
    if not presets:
        raise UserError(
            say("No front end for sounds makes what the model takes."),
            say("The model's input takes {shape}.", shape=str(list(intake.shape))),
            say("Store the features as an .npz, or describe the front end in the preprocessing."),
        )
    if not data.labelled or not judging.has_classes:
        return _guess(presets, say("There are no classes to try by"), fed)
    check_range(data.labels, class_count(signature, data.class_names), source.path)
    report(None, say("Trying preprocessings on {count} samples", count=len(data)))
    trial = partial(_tried, model, signature, data, intake, root, report)
    tried = trial(tuple(as_fed(p, fed) for p in presets))
    if tried is None:
        return _guess(presets, say("The model gives no class scores"), fed)
    trials, classes = tried
    best = trials[0].preprocessing
    if intake.pixels and _are_resized(data, intake):
        framed = trial(
            tuple(replace(best, name=f"{best.name}, {n}", **how) for n, how in _FRAMINGS)
        )
        assert framed is not None  # the same model gave scores just now
        better = [each for each in framed[0] if each.accuracy > trials[0].accuracy]
        trials = [*better, *trials]
    return _best(trials, len(data), classes)


def _presets(data: DataSet, intake: Intake) -> tuple[Preprocessing, ...]:
    if data.has_sounds():
        return tuple(p for p in SOUND_PRESETS if hears(p, intake.shape))
    return tuple(p for p in PRESETS if fits(p, intake.channels))


def _are_resized(data: DataSet, intake: Intake) -> bool:
    """Whether a picture has another size than the model: only then framing matters."""
    size = intake.shape[1:] if intake.channels_first else intake.shape[:2]
    return any(data.raw(i).shape[:2] != size for i in range(len(data)))


def as_fed(preprocessing: Preprocessing, fed: Fed) -> Preprocessing:
    """What the original of a model takes, as the model itself takes it."""
    if (fed.scale, fed.offset) == (1.0, 0.0):
        return preprocessing
    return preprocessing.then(fed.scale, fed.offset)


def _guess(presets: tuple[Preprocessing, ...], why: Text, fed: Fed) -> Found:
    usual = next((p for p in presets if p.name == "0..1"), presets[0])
    return Found(as_fed(usual, fed), say("{why}: {name} is a guess", why=why, name=usual.name))


def _tried(
    model: Path,
    signature: Signature,
    data: DataSet,
    intake: Intake,
    root: Path,
    report: Report,
    presets: tuple[Preprocessing, ...],
) -> tuple[list[_Trial], int] | None:
    """Every variant of every sample in one run of one child, the best first, and the number of
    classes; None when the model gives no class scores."""
    with tempfile.TemporaryDirectory(prefix=".presets-", dir=root) as folder:
        samples, outputs = Path(folder) / "samples.npz", Path(folder) / "outputs.npz"
        values = (intake.take(data, i, p) for p in presets for i in range(len(data)))
        count = len(presets) * len(data)
        save_rows(samples, signature.inputs[0].name, count, intake.shape, values)
        cores = os.cpu_count() or 1
        ran = run_model(model, samples, "litert", outputs, Path(folder), report, cores)
        if ran.refused is not None:
            raise UserError(
                say("The model does not run on {runtime}.", runtime=ran.runtime),
                ran.refused,
                say("Choose the preprocessing by hand."),
            )
        arrays = load_arrays(outputs)
    name = signature.outputs[0].name
    scores = scores_of(arrays[name] if name in arrays else next(iter(arrays.values())))
    return None if scores is None else (_ranked(presets, scores, data), scores.shape[1])


def _ranked(presets: tuple[Preprocessing, ...], scores: Array, data: DataSet) -> list[_Trial]:
    labels = np.asarray(data.labels)
    trials = []
    for preset, own in zip(presets, np.split(scores, len(presets)), strict=True):
        right = float(np.mean(top1(own) == labels))
        true_score = float(_probabilities(own)[np.arange(len(labels)), labels].mean())
        trials.append(_Trial(preset, right, true_score))
    return sorted(trials, key=lambda trial: (trial.accuracy, trial.true_score), reverse=True)


def _probabilities(scores: Array) -> Array:
    """Scores as they are when they lie in 0…1, else their softmax: logits of presets with larger
    values would win every tie."""
    finite = np.nan_to_num(scores.astype(np.float64))
    if finite.min() >= 0 and finite.max() <= 1:
        return finite
    powers = np.exp(finite - finite.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _best(trials: list[_Trial], count: int, classes: int) -> Found:
    best = trials[0]
    if best.accuracy * classes < _HARDLY_BETTER_THAN_CHANCE:
        evidence = say(
            "No preprocessing makes the model right: the best, {name}, has {percent} % of {count}. "
            "Are the labels in the order of the model's classes?",
            name=best.preprocessing.name,
            percent=round(100 * best.accuracy),
            count=count,
        )
        return Found(best.preprocessing, evidence)
    if len(trials) == 1:
        evidence = say(
            "{name}: {percent} % of {count} right; nothing else fits the model",
            name=best.preprocessing.name,
            percent=round(100 * best.accuracy),
            count=count,
        )
        return Found(best.preprocessing, evidence)
    other = trials[1]
    evidence = say(
        "{name}: {percent} % of {count} right; next best {other}: {other_percent} %",
        name=best.preprocessing.name,
        percent=round(100 * best.accuracy),
        count=count,
        other=other.preprocessing.name,
        other_percent=round(100 * other.accuracy),
    )
    return Found(best.preprocessing, evidence)
