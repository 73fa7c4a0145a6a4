"""Runtimes of other releases, each with a Python of its own: `<folder>/<family>-<release>`.

A box's release often has no wheel for our Python. What lies in such a folder (a virtual
environment, or an unpacked prefix, with numpy and the runtime) runs `onboard/elsewhere.py`, which
computes with the agent's own code.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekiln import onboard
from edgekiln.child import describe_exit
from edgekiln.core.inference import InferResult, RuntimeFamily, TimeInputs, TimePlan
from edgekiln.core.text import say
from edgekiln.core.workspace import default_root
from edgekiln.pipeline.evaluate.infer import DISTRIBUTIONS, Refused, in_words

_PYTHONS = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")


@dataclass(frozen=True)
class ForeignRuntime:
    """A runtime of another release, and the folder of the Python that has it."""

    family: RuntimeFamily
    release: str
    folder: Path

    @property
    def name(self) -> str:
        """ "tflite-runtime 2.11.0"."""
        return f"{self.family} {self.release}"


class Crashed(Exception):
    """Native code took the foreign Python down."""


def runtimes_folder() -> Path:
    """Where they are: $EDGEKILN_RUNTIMES, else `runtimes` in the default workspace. They belong to
    this computer, not to a project."""
    named = os.environ.get("EDGEKILN_RUNTIMES")
    return Path(named) if named else default_root() / "runtimes"


def foreign_runtimes() -> tuple[ForeignRuntime, ...]:
    """All that are there, by their folders' names."""
    found = (_found(folder) for folder in sorted(runtimes_folder().glob("*-*")))
    return tuple(item for item in found if item is not None)


def _found(folder: Path) -> ForeignRuntime | None:
    has_python = python_in(folder) is not None
    for family in DISTRIBUTIONS:
        release = folder.name.removeprefix(f"{family}-")
        if has_python and release != folder.name and release[0].isdigit():
            return ForeignRuntime(family, release, folder)
    return None


def python_in(folder: Path) -> Path | None:
    """The Python of a virtual environment or an unpacked prefix."""
    return next((folder / name for name in _PYTHONS if (folder / name).is_file()), None)


def infer_elsewhere(
    runtime: ForeignRuntime, model: Path, samples: Path, outputs: Path
) -> InferResult:
    """As the step `infer`; a crash counts as a refusal."""
    part = outputs.with_name(f".{os.getpid()}-{outputs.name}")  # numpy wants the name to end so
    try:
        answer = _ask(runtime, "infer", runtime.family, samples, part, model)
    except Refused as refusal:
        return InferResult(runtime.name, 0, 0.0, in_words(runtime.name, refusal))
    except Crashed as crash:
        why = say("{runtime} crashed on the model ({how}).", runtime=runtime.name, how=str(crash))
        return InferResult(runtime.name, 0, 0.0, why)
    part.replace(outputs)
    return InferResult(_told(answer, runtime), int(answer["samples"]), float(answer["median_ms"]))


def time_elsewhere(
    runtime: ForeignRuntime, inputs: TimeInputs, plan: TimePlan
) -> tuple[str, list[list[float]]]:
    """The runtime's name, and milliseconds for each model, in turn. Raises Refused and Crashed."""
    limits = (str(plan.runs), str(plan.seconds), str(plan.threads))
    answer = _ask(runtime, "time", runtime.family, inputs.samples, *limits, *inputs.models)
    return _told(answer, runtime), answer["times"]


def _told(answer: dict[str, Any], runtime: ForeignRuntime) -> str:
    """What it calls itself; the folder's name where it does not know (Python 3.7)."""
    name = str(answer["runtime"])
    return runtime.name if name.endswith("?") else name


def _ask(runtime: ForeignRuntime, *arguments: str | Path) -> dict[str, Any]:
    """The answer of a foreign Python; it ends when we do, for we hold its stdin open."""
    # -E -s: our own PYTHONPATH would bring our numpy; -B: no bytecode beside our sources
    command = [
        str(python_in(runtime.folder)),
        "-E",
        "-s",
        "-B",
        str(onboard.elsewhere()),
        *map(str, arguments),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        try:
            assert process.stdout is not None
            lines = process.stdout.read().splitlines()
            process.wait()
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()
        if process.returncode < 0:
            raise Crashed(describe_exit(process.returncode))
        log.seek(0)
        return _answer(runtime, lines, log.read().decode("utf-8", "replace"))


def _answer(runtime: ForeignRuntime, lines: list[bytes], log: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(lines[-1]) if lines else {"missing": log[-400:]}
    if "missing" in answer:
        raise Refused(f"{runtime.folder}: {answer['missing']}")
    if "refused" in answer:
        raise Refused(answer["refused"])
    return answer
