"""The step `add-runtime`: a runtime of another release, in a virtual environment of its own."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.errors import UserError
from edgekiln.core.files import complete_folder
from edgekiln.core.inference import InferResult, RuntimeInputs, RuntimePlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.foreign import (
    ForeignRuntime,
    infer_elsewhere,
    python_in,
    runtimes_folder,
)
from edgekiln.pipeline.evaluate.infer import DISTRIBUTIONS
from edgekiln.pipeline.evaluate.runtimes import parse_runtime
from edgekiln.pipeline.graph.graph import (
    Graph,
    Operator,
    SignatureEntry,
    Subgraph,
    Tensor,
    constant,
)
from edgekiln.pipeline.graph.write import write_graph

_NUMPY = "numpy<2"  # older runtimes were built against it


def add_runtime(
    inputs: RuntimeInputs, plan: RuntimePlan, out_dir: Path, report: Report
) -> InferResult:
    """Install `inputs.runtime` for `inputs.python` and let it compute; the folder is there only
    when it did. UserError when pip cannot, or when it does not compute."""
    family, release = parse_runtime(inputs.runtime)
    if not release:
        raise _refused(
            inputs, say("It needs a release, for example “{family} 2.11.0”.", family=family)
        )
    folder = runtimes_folder() / f"{family}-{release}"
    if python_in(folder) is not None:
        return _tried(ForeignRuntime(family, release, folder), inputs, out_dir)
    with complete_folder(folder) as part:
        report(0.1, say("Making an environment for {python}", python=str(inputs.python)))
        _call(inputs, [str(inputs.python), "-m", "venv", str(part)])
        report(0.3, say("Installing {runtime}", runtime=inputs.runtime))
        _call(inputs, [*_pip(part, plan), _NUMPY, f"{DISTRIBUTIONS[family]}=={release}"])
        report(0.9, say("Trying {runtime}", runtime=inputs.runtime))
        return _tried(ForeignRuntime(family, release, part), inputs, out_dir)


def _pip(folder: Path, plan: RuntimePlan) -> list[str]:
    python = python_in(folder)
    wheels = ["--no-index", "--find-links", str(plan.wheels)] if plan.wheels else []
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", *wheels]


def _call(inputs: RuntimeInputs, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise _refused(inputs, say("The system says: {reason}.", reason=str(error))) from error
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        said = next((line for line in reversed(lines) if "ERROR" in line), (lines or ["-"])[-1])
        raise _refused(inputs, say("pip says: {words}", words=said[:400]))


def _tried(runtime: ForeignRuntime, inputs: RuntimeInputs, out_dir: Path) -> InferResult:
    """Its answer to one addition; UserError for a wrong one."""
    with tempfile.TemporaryDirectory(dir=out_dir) as name:
        folder = Path(name)
        write_graph(_plus_one(), folder / "plus-one.tflite")
        save_arrays(folder / "in.npz", {"x": np.arange(8, dtype=np.float32).reshape(2, 4)})
        out = folder / "out.npz"
        result = infer_elsewhere(runtime, folder / "plus-one.tflite", folder / "in.npz", out)
        if result.refused is not None:
            raise _refused(inputs, result.refused)
        if not np.array_equal(load_arrays(out)["y"], np.arange(1, 9).reshape(2, 4)):
            raise _refused(inputs, say("It computes wrong numbers."))
        if result.runtime != runtime.name:
            raise _refused(inputs, say("It says that it is {found}.", found=result.runtime))
    return result


def _plus_one() -> Graph:
    x, y = Tensor("x", (1, 4), "float32"), Tensor("y", (1, 4), "float32")
    one = constant("one", np.ones((1, 4), np.float32))
    add = Operator("ADD", 1, [x, one], [y], schema.AddOptionsT())
    main = Subgraph("main", [x, one, y], [x], [y], [add])
    return Graph([main], [SignatureEntry("serving_default", main, [("x", x)], [("y", y)])], {})


def _refused(inputs: RuntimeInputs, why: Text) -> UserError:
    return UserError(
        say("{runtime} was not added.", runtime=inputs.runtime),
        why,
        say(
            "tflite-runtime has wheels for Python 3.7 to 3.11, by release; name one that fits with "
            "--python, and a folder of wheels with --wheels where there is no network."
        ),
    )
