"""The live child: both models loaded once, then one picture or sound after another through both.

Started as a program of its own (`jobs.live`); the end of its standard input ends it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferPlan
from edgekiln.core.live import (
    Guess,
    LiveAnswer,
    LiveAsk,
    LiveMessage,
    LiveRefusal,
    LiveSide,
    LiveStart,
    from_line,
    to_line,
)
from edgekiln.core.model import Signature
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED
from edgekiln.pipeline.data.pictures import SUFFIXES
from edgekiln.pipeline.data.prepare import intake_of
from edgekiln.pipeline.data.rows import Files, Pictures, Rows
from edgekiln.pipeline.data.sounds import Sounds
from edgekiln.pipeline.evaluate.classes import probabilities
from edgekiln.pipeline.evaluate.infer import Net, Refused, in_words, name_runtime
from edgekiln.pipeline.evaluate.metrics import scores_of
from edgekiln.pipeline.evaluate.values import cosines
from edgekiln.pipeline.graph.interface import Interface, read_interface, translated
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.protocol import own_stdout

_RUNTIME = InferPlan("litert")
_TOP, _VALUES = 5, 8


@dataclass(frozen=True)
class _Model:
    """A loaded model, what it is fed and gives otherwise, and the name of its first output."""

    net: Net
    interface: Interface
    output: str


@dataclass(frozen=True)
class Live:
    """Both models, ready."""

    reference: _Model
    candidate: _Model
    signature: Signature
    preprocessing: Preprocessing
    class_names: tuple[str, ...]

    @classmethod
    def load(cls, start: LiveStart) -> Live:
        """Refused when litert will not have one of them."""
        reference, candidate = start.reference, start.candidate
        return cls(
            _load(reference.path, reference.signature),
            _load(candidate.path, candidate.signature),
            candidate.signature,
            start.preprocessing,
            start.class_names,
        )

    def answer(self, file: Path) -> LiveAnswer:
        """What both say; UserError for a file that cannot be read, or that the model cannot be fed
        with."""
        began = time.perf_counter()
        data = _data(file)
        intakes = {
            spec.name: intake_of(data, spec, self.signature) for spec in self.signature.inputs
        }
        sample = {name: each.take(data, 0, self.preprocessing) for name, each in intakes.items()}
        candidate, own_ms = _run(self.candidate, sample)
        fed = translated(sample, self.candidate.interface, self.reference.interface)
        reference, ms = _run(self.reference, fed)
        cosine = (
            float(cosines(candidate, reference)[0]) if candidate.size == reference.size else 0.0
        )
        return LiveAnswer(
            file,
            name_runtime(_RUNTIME.runtime),
            self._side(reference, ms),
            self._side(candidate, own_ms),
            cosine if np.isfinite(cosine) else None,
            (time.perf_counter() - began) * 1000,
        )

    def _side(self, output: Array, ms: float) -> LiveSide:
        scores = scores_of(output) if self.class_names else None
        if scores is None or np.isnan(scores).any():
            return LiveSide(ms, (), tuple(float(v) for v in output.ravel()[:_VALUES]))
        shares = probabilities(scores)[0]
        best = np.argsort(-shares, kind="stable")[:_TOP].tolist()
        return LiveSide(ms, tuple(Guess(self._name(n), float(shares[n])) for n in best))

    def _name(self, number: int) -> str:
        names = self.class_names
        return names[number] if number < len(names) else str(number)


def main() -> int:
    """Answer until the window closes our standard input."""
    out = own_stdout()
    for message in _serve(sys.stdin.buffer):
        out.write(to_line(message))
    return 0


def _serve(lines: BinaryIO) -> Iterator[LiveMessage]:
    live: Live | LiveRefusal | None = None
    for line in lines:
        message = from_line(line)
        if isinstance(message, LiveStart):
            live = _loaded(message)
        elif isinstance(message, LiveAsk) and live is not None:
            yield _answer(live, message) if isinstance(live, Live) else live


def _loaded(start: LiveStart) -> Live | LiveRefusal:
    try:
        return Live.load(start)
    except (UserError, Refused) as error:
        return _refusal(error)


def _answer(live: Live, ask: LiveAsk) -> LiveMessage:
    try:
        return live.answer(ask.file)
    except (UserError, Refused) as error:
        return _refusal(error)


def _refusal(error: UserError | Refused) -> LiveRefusal:
    if isinstance(error, UserError):
        return LiveRefusal(error.what, error.why, error.do)
    return LiveRefusal(
        say("The model does not run here."),
        in_words(name_runtime(_RUNTIME.runtime), error),
        say("Choose another candidate."),
    )


def _load(path: Path, signature: Signature) -> _Model:
    interface = read_interface(read_graph(path))
    first = signature.outputs[0].name
    whole = next((each.name for each in interface.parted if first in each.parts), first)
    return _Model(Net.load(path, _RUNTIME), interface, whole)


def _run(model: _Model, sample: dict[str, Array]) -> tuple[Array, float]:
    """The first output, batch of one kept."""
    outputs, ms = model.net.run_batch({name: value[None] for name, value in sample.items()})
    joined = model.interface.joined(outputs)
    return joined.get(model.output, next(iter(joined.values()))), ms


def _data(file: Path) -> DataSet:
    if not file.is_file():
        raise UserError(
            say("“{path}” cannot be read.", path=str(file)),
            say("It is not there any more, or is a folder."),
            say("Drop one picture or one WAV file."),
        )
    rows: Rows = Sounds(Files([file])) if _is_sound(file) else Pictures(Files([file]))
    return DataSet(file, (UNLABELLED,), (), {"": rows}, range(1))


def _is_sound(file: Path) -> bool:
    return file.suffix.lower() not in SUFFIXES and file.read_bytes()[:4] == b"RIFF"


if __name__ == "__main__":
    sys.exit(main())
