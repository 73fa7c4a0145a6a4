"""The proof of a conversion: TensorFlow's outputs and the `.tflite`'s on the same inputs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.model import TensorSpec
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.convert.freeze import Frozen
from edgekiln.pipeline.convert.take import VARIABLE_OPERATORS
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.read import read_graph

MAX_RELATIVE_ERROR = 1e-3
_SAMPLES = 4


class VariablesLeft(Exception):
    """Our bug: the graph was not frozen whole."""


def prove(frozen: Frozen, path: Path, report: Report) -> None:
    """Raise UserError when the file computes something else than TensorFlow does: max|a-b| over
    max|b| above 1e-3 on 4 random inputs. VariablesLeft when a variable is left in it."""
    if read_graph(path).has_operator(*VARIABLE_OPERATORS):
        raise VariablesLeft(path.name)
    report(0.0, say("Comparing with TensorFlow"))
    rng = np.random.default_rng(0)
    samples = [
        [random_sample(spec, rng) for spec in frozen.signature.inputs] for _ in range(_SAMPLES)
    ]
    expected = [frozen.run(sample) for sample in samples]
    with tempfile.TemporaryDirectory(prefix="edgekiln-") as scratch:
        actual = _infer(frozen, path, samples, Path(scratch))
    for i, spec in enumerate(frozen.signature.outputs):
        error = relative_error(actual[spec.name], np.stack([outputs[i] for outputs in expected]))
        if not error <= MAX_RELATIVE_ERROR:
            raise _differs(spec.name, error)


def relative_error(actual: Any, expected: Any) -> float:
    """max|a-b| / max|b|; values that are not finite must be the same in both (else inf)."""
    a = np.asarray(actual, np.float64).reshape(-1)
    b = np.asarray(expected, np.float64).reshape(-1)
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    finite = np.isfinite(b)
    largest = float(np.max(np.abs(b[finite]), initial=0.0))
    difference = float(np.max(np.abs(a[finite] - b[finite]), initial=0.0))
    return difference / largest if largest else difference


def random_sample(spec: TensorSpec, rng: np.random.Generator) -> Any:
    """Real numbers in [-1, 1); whole ones 0 or 1, which are valid as an index, too."""
    if spec.dtype == "bool" or np.issubdtype(np.dtype(spec.dtype), np.integer):
        return rng.integers(0, 2, spec.shape).astype(spec.dtype)
    return rng.uniform(-1, 1, spec.shape).astype(spec.dtype)


def _infer(frozen: Frozen, path: Path, samples: list[list[Any]], scratch: Path) -> dict[str, Any]:
    """Outputs by name from a child: TensorFlow and LiteRT never meet in one process."""
    arrays = {
        spec.name: np.stack([_without_batch(sample[i]) for sample in samples])
        for i, spec in enumerate(frozen.signature.inputs)
    }
    fed, made = scratch / "samples.npz", scratch / "outputs.npz"
    save_arrays(fed, arrays)
    result = run_model(path, fed, "litert", made, scratch)
    if result.refused is not None:
        raise UserError(
            say("The converted model does not run."),
            result.refused,
            say("Export the model for inference, with fixed sizes and without training parts."),
        )
    return dict(load_arrays(made))


def _without_batch(value: Any) -> Any:
    return value[0] if value.ndim and value.shape[0] == 1 else value


def _differs(name: str, error: float) -> UserError:
    return UserError(
        say("The converted model does not compute what TensorFlow computes."),
        say(
            "Output “{name}” differs by {error} (allowed: {allowed}) on {count} random inputs.",
            name=name,
            error=f"{error:.2g}",
            allowed=f"{MAX_RELATIVE_ERROR:.0e}",
            count=_SAMPLES,
        ),
        say("A model with random operators (dropout) differs: export it for inference."),
    )
