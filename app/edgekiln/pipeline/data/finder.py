"""The preprocessing a model was trained with, found by trying."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.report import Report, silent
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_rows
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import check_range
from edgekiln.pipeline.data.prepare import Intake, apply, fits, intake_of, takes_bytes
from edgekiln.pipeline.data.source import class_count, limited, open_data
from edgekiln.pipeline.evaluate.metrics import scores_of, top1
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import Fed, read_interface
from edgekiln.pipeline.graph.read import read_graph

_SAMPLES = 100
_HARDLY_BETTER_THAN_CHANCE = 1.5


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
) -> Found:
    """The preset with which the float `.tflite` `model` is right most often on at most 100
    labelled samples, the same share of every class, on litert. UserError as open_data."""
    data = open_data(limited(source, _SAMPLES), known)
    spec = signature.inputs[0]
    intake = intake_of(data, spec, signature)
    if intake.pixels and takes_bytes(spec):
        return Found(PRESETS[0], say("The model takes whole numbers: pixels as they are"))
    fed = read_interface(read_graph(model)).feed(spec.name)
    if not intake.pixels:
        evidence = say("The data holds numbers, not pictures: fed as stored")
        return Found(as_fed(Preprocessing(), fed), evidence)
    presets = tuple(as_fed(p, fed) for p in PRESETS if fits(p, intake.channels))
    if not data.labelled:
        evidence = say("The data is unlabelled, so nothing could be tried: 0..1 is a guess")
        return _guess(evidence, fed)
    check_range(data.labels, class_count(signature, data.class_names), source.path)
    report(None, say("Trying preprocessings on {count} pictures", count=len(data)))
    scores = _scores(model, signature, data, intake, presets, root, report)
    if scores is None:
        return _guess(say("The model gives no class scores: 0..1 is a guess"), fed)
    return _best(_trials(presets, scores, data), len(data), scores.shape[1])


def as_fed(preprocessing: Preprocessing, fed: Fed) -> Preprocessing:
    """What the original of a model takes, as the model itself takes it."""
    if (fed.scale, fed.offset) == (1.0, 0.0):
        return preprocessing
    return preprocessing.then(fed.scale, fed.offset)


def _guess(evidence: Text, fed: Fed) -> Found:
    return Found(as_fed(next(p for p in PRESETS if p.name == "0..1"), fed), evidence)


def _scores(
    model: Path,
    signature: Signature,
    data: DataSet,
    intake: Intake,
    presets: tuple[Preprocessing, ...],
    root: Path,
    report: Report,
) -> Array | None:
    """Class scores [presets * samples, classes]: every variant in one run of one child."""

    def rows() -> Iterator[Array]:
        pictures = [intake.picture(data.raw(i)) for i in range(len(data))]
        for preset in presets:
            for picture in pictures:
                value = apply(preset, picture)
                yield value.transpose(2, 0, 1) if intake.channels_first else value

    with tempfile.TemporaryDirectory(prefix=".presets-", dir=root) as folder:
        samples, outputs = Path(folder) / "samples.npz", Path(folder) / "outputs.npz"
        count = len(presets) * len(data)
        save_rows(samples, signature.inputs[0].name, count, intake.shape, rows())
        ran = run_model(
            model, samples, "litert", outputs, Path(folder), report, os.cpu_count() or 1
        )
        if ran.refused is not None:
            raise UserError(
                say("The model does not run on {runtime}.", runtime=ran.runtime),
                ran.refused,
                say("Choose the preprocessing by hand."),
            )
        arrays = load_arrays(outputs)
    name = signature.outputs[0].name
    return scores_of(arrays[name] if name in arrays else next(iter(arrays.values())))


def _trials(presets: tuple[Preprocessing, ...], scores: Array, data: DataSet) -> list[_Trial]:
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
    best, other = trials[0], trials[1]
    if best.accuracy * classes < _HARDLY_BETTER_THAN_CHANCE:
        evidence = say(
            "No preprocessing makes the model right: the best, {name}, has {percent} % of {count}. "
            "Are the labels in the order of the model's classes?",
            name=best.preprocessing.name,
            percent=round(100 * best.accuracy),
            count=count,
        )
        return Found(best.preprocessing, evidence)
    evidence = say(
        "{name}: {percent} % of {count} right; next best {other}: {other_percent} %",
        name=best.preprocessing.name,
        percent=round(100 * best.accuracy),
        count=count,
        other=other.preprocessing.name,
        other_percent=round(100 * other.accuracy),
    )
    return Found(best.preprocessing, evidence)
