"""The closed table of steps, and the one way to perform one.

Every step has one shape, `step(inputs, plan, out_dir, report) -> result`. A pure step is kept under
the hash of its inputs, its plan and the releases of the tools: nothing is computed twice, and a
folder with a `result.json` is complete. A step that talks to a box is never kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, get_type_hints

from edgekiln import __version__
from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.files import (
    ARTIFACTS,
    complete_folder,
    fingerprint,
    part_suffix,
    sha256,
    sweep_dead,
    write_atomic,
)
from edgekiln.core.report import Report
from edgekiln.core.text import say

RESULT = "result.json"


@dataclass(frozen=True)
class Step:
    """Where a step's function is, and whether its result may be kept."""

    module: str
    function: str
    kept: bool = True
    on_runtimes: bool = False  # the result depends on the runtimes that were added


STEPS: dict[str, Step] = {
    "identify": Step("edgekiln.pipeline.identify", "identify", kept=False),
    "inspect": Step("edgekiln.pipeline.inspect", "inspect"),
    "inspect-source": Step("edgekiln.pipeline.convert.describe", "describe"),
    "convert": Step("edgekiln.pipeline.convert.convert", "convert"),
    "fuse": Step("edgekiln.pipeline.fuse.fuse", "fuse"),
    "quantize": Step("edgekiln.pipeline.quantize.quantize", "quantize", on_runtimes=True),
    "lay-table": Step("edgekiln.pipeline.quantize.table", "lay_table"),
    "calibrate": Step("edgekiln.pipeline.quantize.calibrate_model", "calibrate_model"),
    "candidate": Step("edgekiln.pipeline.quantize.candidate", "make_candidate", on_runtimes=True),
    "quantize-stock": Step("edgekiln.pipeline.convert.quantize_stock", "quantize_stock"),
    "sensitivity": Step("edgekiln.pipeline.quantize.sensitivity", "sensitivity"),
    "evaluate": Step("edgekiln.pipeline.evaluate.evaluate", "evaluate", on_runtimes=True),
    "answer": Step("edgekiln.pipeline.evaluate.answer", "answer"),
    "infer": Step("edgekiln.pipeline.evaluate.infer", "infer", kept=False),
    "add-runtime": Step("edgekiln.pipeline.evaluate.install", "add_runtime", kept=False),
    "time-models": Step("edgekiln.pipeline.evaluate.latency", "time_models", kept=False),
    "time-source": Step("edgekiln.pipeline.convert.time_source", "time_source"),
    "offer-sizes": Step("edgekiln.pipeline.data.sizes", "offer_sizes"),
    "look-at-data": Step("edgekiln.pipeline.data.look", "look_at_data"),
    "propose": Step("edgekiln.pipeline.data.propose", "propose"),
    "check-data": Step("edgekiln.pipeline.data.check", "check_data"),
    "slices": Step("edgekiln.pipeline.evaluate.sliced", "slice_figures"),
    "list-samples": Step("edgekiln.pipeline.evaluate.samples", "list_samples"),
    "thumbnails": Step("edgekiln.pipeline.data.thumbnails", "thumbnails"),
    "overlay": Step("edgekiln.pipeline.evaluate.overlay", "overlay"),
    "report": Step("edgekiln.pipeline.evaluate.report", "write_report", kept=False),
    "print-page": Step("edgekiln.printing.print_page", "print_page", kept=False),
    "bundle": Step("edgekiln.bundling", "bundle", kept=False),
    "host-key": Step("edgekiln.ship.device.connect", "read_host_key", kept=False),
    "probe": Step("edgekiln.ship.device.probe", "probe", kept=False),
    "push": Step("edgekiln.ship.deploy.push", "push", kept=False),
    "rollback": Step("edgekiln.ship.deploy.rollback", "rollback", kept=False),
    "status": Step("edgekiln.ship.deploy.status", "status", kept=False),
}
_TOOLS = ("tensorflow-cpu", "tflite-runtime", "ai-edge-litert", "ai-edge-quantizer", "numpy")


def perform(step: str, inputs: Any, plan: Any, root: Path, report: Report) -> Any:
    """The step's result, from the store below `root` when it is there, else computed."""
    entry = STEPS[step]
    function = getattr(import_module(entry.module), entry.function)
    if not entry.kept:
        root.mkdir(parents=True, exist_ok=True)
        sweep_dead(root)
        with tempfile.TemporaryDirectory(part_suffix(), f".{step}-", root) as scratch:
            return function(inputs, plan, Path(scratch), report)
    folder = root / ARTIFACTS / f"{step}-{_key(step, inputs, plan, root)}"
    result_type = get_type_hints(function)["return"]
    if (kept := _recall(folder, result_type)) is not None:
        report(1.0, say("Taken from the workspace"))
        return kept
    with complete_folder(folder) as part:
        result = encode(function(inputs, plan, part, report), base=part)
        write_atomic(part / RESULT, json.dumps(result, ensure_ascii=False, indent=1).encode())
    return decode(result_type, result, base=folder)


def decode_arguments(step: str, inputs: Any, plan: Any) -> tuple[Any, Any]:
    """Encoded inputs and plan as the types the step's function declares."""
    entry = STEPS[step]
    hints = get_type_hints(getattr(import_module(entry.module), entry.function))
    return decode(hints["inputs"], inputs), decode(hints["plan"], plan)


def result_type(step: str) -> Any:
    """The type a step's function declares to return."""
    entry = STEPS[step]
    return get_type_hints(getattr(import_module(entry.module), entry.function))["return"]


def _recall(folder: Path, result_type: Any) -> Any:
    try:
        data = json.loads((folder / RESULT).read_bytes())
        result = decode(result_type, data, base=folder)
    except (FileNotFoundError, ValueError, CodecError):
        result = None  # not there, damaged, or written by another release of ours
    if result is not None and _is_whole(encode(result), folder):
        return result
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _is_whole(data: Any, folder: Path) -> bool:
    """Whether the files an encoded result names are in its folder as they were written."""
    if isinstance(data, str):
        return not data.startswith(f"{folder}{os.sep}") or Path(data).exists()
    if isinstance(data, list):
        return all(_is_whole(item, folder) for item in data)
    if not isinstance(data, dict):
        return True
    whole = all(_is_whole(item, folder) for item in data.values())
    if whole and data.get("$") == "Artifact":
        return sha256(Path(data["path"])) == str(data["sha256"])
    return whole


def _key(step: str, inputs: Any, plan: Any, root: Path) -> str:
    """Kept files are named by what led to them: a path below `root` says what is in it."""
    arguments = [_content(encode(value, root), root) for value in (inputs, plan)]
    tools = (*releases(), *_added_runtimes()) if STEPS[step].on_runtimes else releases()
    parts = [step, __version__, tools, *arguments]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def _added_runtimes() -> tuple[str, ...]:
    from edgekiln.pipeline.evaluate.foreign import foreign_runtimes

    return tuple(runtime.name for runtime in foreign_runtimes())


def _content(data: Any, root: Path) -> Any:
    """Encoded data without the paths of artifacts whose hash is beside them, and with the
    fingerprint of data and models whose path is all there is."""
    if isinstance(data, list):
        return [_content(item, root) for item in data]
    if not isinstance(data, dict):
        return data
    kind = data.get("$")
    if kind == "AnswerInputs":
        data = {key: value for key, value in data.items() if key != "data"}  # its hash is beside
    content = {key: _content(value, root) for key, value in data.items()}
    if kind in ("Artifact", "ModelSource"):
        content.pop("path")
    if kind == "CalibrationInputs":
        content.pop("samples")  # their digest is beside
    if kind == "CalibrationPlan":
        content.pop("carry_on")
    if kind == "DataSource":
        content["path"] = _data_fingerprint(decode(Path, data["path"], root))
    return content


def _data_fingerprint(path: Path) -> list[str]:
    """Of the data, its name as reports give it, a `labels.txt` beside it, which sets the order of
    the classes, and the labels that belong to a file by its name."""
    beside = [path.parent / "labels.txt"]
    if path.is_file() and path.suffix != ".npz":
        kinds = (".npy", ".gz", "-ubyte")
        beside += sorted(p for p in path.parent.iterdir() if p.name.endswith(kinds))
    return [
        fingerprint(path),
        "/".join(path.parts[-2:]),
        *(fingerprint(file) if file.is_file() else "" for file in beside if file != path),
    ]


@cache
def releases() -> tuple[tuple[str, str], ...]:
    """The tools whose release can change a result, as (name, release)."""
    return tuple((tool, metadata.version(tool)) for tool in _TOOLS)
