"""A model run sample by sample with its inner tensors kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate.infer import Refused, in_words, name_runtime
from edgekiln.pipeline.quantize.observe import Watched

_THREADS = 2


@dataclass(frozen=True)
class Runner:
    """A model loaded on the fast runtime so that every tensor can be read after a run."""

    interpreter: Any
    call: Any  # the signature's runner
    signature: Signature
    seen: Watched

    @classmethod
    def load(cls, model: Path, signature: Signature, seen: Watched) -> Runner:
        """UserError when the runtime will not have the model."""
        from ai_edge_litert.interpreter import Interpreter

        try:
            with warnings.catch_warnings():
                # LiteRT warns of the memory that keeping all tensors takes; this is about them.
                warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
                interpreter = Interpreter(
                    model_path=str(model),
                    num_threads=_THREADS,
                    experimental_preserve_all_tensors=True,
                )
                interpreter.allocate_tensors()
                call = interpreter.get_signature_runner(signature.key)
        except (RuntimeError, ValueError) as error:
            raise _does_not_run(error) from error
        return cls(interpreter, call, signature, seen)

    def run(self, samples: Mapping[str, Array], row: int) -> Iterator[tuple[str, Array]]:
        """(name, values) of every watched tensor for one sample; not of those without values."""
        feeds = {
            spec.name: samples[spec.name][row][None].astype(spec.dtype)
            for spec in self.signature.inputs
        }
        try:
            self.interpreter.reset_all_variables()
            self.call(**feeds)
        except (RuntimeError, ValueError) as error:
            raise _does_not_run(error) from error
        for name, index, subgraph in self.seen.tensors:
            try:
                values = self.interpreter.get_tensor(index, subgraph)
            except ValueError:  # the runtime has folded it away: nobody will read it either
                continue
            if values.size:
                yield name, values


def _does_not_run(error: Exception) -> UserError:
    return UserError(
        say("The float model does not run."),
        in_words(name_runtime("litert"), Refused(str(error))),
        say("Open the model again, or another one."),
    )
