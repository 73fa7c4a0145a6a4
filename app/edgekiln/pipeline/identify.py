"""What kind of model lies at a path, told from its bytes: milliseconds, without TensorFlow.

Everything that can be said against a path cheaply is said here, before a child is started for it.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.files import sha256
from edgekiln.core.model import ModelKind, ModelSource
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.wire import WireKind, flatbuffer_is_whole, wire_kind

SAVED_MODEL = "saved_model.pb"
SAVED_MODEL_TEXT = "saved_model.pbtxt"  # read where there is no binary form
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_TFLITE = b"TFL3"
_MODEL_FILES = (".keras", ".h5", ".hdf5", ".tflite")
_VARIABLE_OPERATORS = (b"VarHandleOp", b"VariableV2")
_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


def identify(inputs: Path, plan: InspectPlan, out_dir: Path, report: Report) -> ModelSource:
    """The model at `inputs`: a SavedModel folder (or its `saved_model.pb[txt]`), a `.keras`/`.h5`
    or a `.tflite`. UserError for anything else, with ready `choices` where there are any."""
    del plan, out_dir, report
    path = inputs.expanduser().absolute()
    if path.name in (SAVED_MODEL, SAVED_MODEL_TEXT) and path.is_file():
        path = path.parent
    try:
        if not path.exists():
            raise _missing(path)
        return _folder(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise UserError(
            say("“{path}” cannot be read.", path=str(path)),
            say("{kind}: {text}", kind=type(error).__name__, text=error.strerror or str(error)),
            say("Check the path and its permissions, then try again."),
        ) from error


def _missing(path: Path) -> UserError:
    parent = next(folder for folder in path.parents if folder.exists())
    return UserError(
        say("There is no “{path}”.", path=str(path)),
        say("The path exists as far as “{parent}”.", parent=str(parent)),
        say("Choose a SavedModel folder, a .keras, .h5 or .tflite file."),
    )


def _folder(path: Path) -> ModelSource:
    graph = _graph_file(path)
    if graph is None:
        raise _no_saved_model(path)
    if graph.name == SAVED_MODEL:
        _check_proto(graph)
    _check_variables(path, graph)
    return ModelSource(path, "saved-model", _folder_fingerprint(path, graph))


def _graph_file(path: Path) -> Path | None:
    """The record of a SavedModel folder, binary before text, as TensorFlow looks for it."""
    found = (path / name for name in (SAVED_MODEL, SAVED_MODEL_TEXT))
    return next((file for file in found if file.is_file()), None)


def _no_saved_model(path: Path) -> UserError:
    entries = sorted(path.iterdir())
    what = say("“{path}” is not a SavedModel.", path=str(path))
    if not entries:
        return UserError(
            what,
            say("The folder is empty."),
            say("Choose the folder that holds saved_model.pb."),
        )
    versions = sorted((e for e in entries if _graph_file(e) is not None), key=_newest_first)
    files = [e for e in entries if e.suffix in _MODEL_FILES and e.is_file()]
    if choices := tuple(str(entry) for entry in (*versions, *files)):
        return UserError(
            what,
            say("It has no saved_model.pb itself, but holds {count} models.", count=len(choices)),
            say("Choose one of them: {names}.", names=", ".join(Path(c).name for c in choices)),
            choices,
        )
    return UserError(
        what,
        say("There is no saved_model.pb in it."),
        say("Choose the folder that holds saved_model.pb."),
    )


def _newest_first(version: Path) -> tuple[int, str]:
    """Numbers before names, the highest number first, as TensorFlow Serving counts versions."""
    return (-int(version.name) if version.name.isdecimal() else 1, version.name)


def _check_proto(path: Path) -> None:
    """A SavedModel has a version (a number) first; a GraphDef has nodes (bytes) first."""
    data = path.read_bytes()
    kind = wire_kind(data)
    if kind == "saved-model":
        return
    reasons: dict[WireKind, tuple[Text, Text]] = {
        "empty": (say("saved_model.pb is empty (0 bytes)."), _copy_again()),
        "cut": (
            say("saved_model.pb is cut off: {size} bytes are not all of it.", size=len(data)),
            _copy_again(),
        ),
        "graph": (
            say("saved_model.pb is a frozen graph (GraphDef), not a SavedModel."),
            say("Save the model as a SavedModel where it was trained: model.export(folder)."),
        ),
        "other": (say("saved_model.pb does not hold a SavedModel."), _copy_again()),
    }
    why, do = reasons[kind]
    raise UserError(
        say("The SavedModel “{path}” cannot be opened.", path=str(path.parent)), why, do
    )


def _copy_again() -> Text:
    return say("Copy or export the model again, the whole folder.")


def _check_variables(path: Path, graph: Path) -> None:
    """The weights are there, as far as names and sizes tell."""
    folder = path / "variables"
    shards = [f for f in folder.glob("variables.data-*") if _SHARD.fullmatch(f.name)]
    why: Text | None = None
    if not (folder / "variables.index").is_file():
        if not shards and not _needs_variables(graph):
            return
        why = say("Its weights are missing: there is no variables/variables.index.")
    elif not shards:
        why = say("Its weights are missing: there is no variables/variables.data file.")
    elif len(shards) != (total := int(_SHARD.sub(r"\1", shards[0].name))):
        why = say("Of its {total} weight files only {found} exist.", total=total, found=len(shards))
    elif empty := next((f for f in (folder / "variables.index", *shards) if _empty(f)), None):
        why = say("Its weights are cut off: variables/{name} is empty.", name=empty.name)
    if why is not None:
        what = say("The SavedModel “{path}” cannot be opened.", path=str(path))
        raise UserError(what, why, _copy_again())


def _empty(file: Path) -> bool:
    return file.stat().st_size == 0


def _needs_variables(path: Path) -> bool:
    data = path.read_bytes()
    return any(operator in data for operator in _VARIABLE_OPERATORS)


def _folder_fingerprint(path: Path, graph: Path) -> str:
    """By content: SHA-256 over name and hash of graph, weights and assets."""
    files = [graph]
    for name in ("variables", "assets"):
        files += sorted(f for f in (path / name).rglob("*") if f.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256(file)}\n".encode())
    return digest.hexdigest()


def _file(path: Path) -> ModelSource:
    with path.open("rb") as file:
        head = file.read(8)
    kind: ModelKind
    if head[4:8] == _TFLITE:
        _check_tflite(path)
        kind = "tflite"
    elif head == _HDF5:
        kind = "keras"
    elif head.startswith(_ZIP):
        _check_keras(path)
        kind = "keras"
    else:
        raise _no_model(path, _why_no_model(path))
    return ModelSource(path, kind, sha256(path))


def _why_no_model(path: Path) -> Text:
    size = path.stat().st_size
    if size == 0:
        return say("The file is empty (0 bytes).")
    if path.suffix in (".keras", ".h5", ".hdf5", ".tflite"):
        return say(
            "Its name ends in {suffix}, but its content ({size} bytes) is not of that kind.",
            suffix=path.suffix,
            size=size,
        )
    if path.suffix == ".pb" and wire_kind(path.read_bytes()) == "graph":
        return say("It is a frozen graph (GraphDef), not a SavedModel.")
    return say("Its content is neither Keras nor TensorFlow Lite.")


def _no_model(path: Path, why: Text) -> UserError:
    return UserError(
        say("“{path}” is not a model that can be opened.", path=str(path)),
        why,
        say("Choose a SavedModel folder, a .keras, .h5 or .tflite file."),
    )


def _check_tflite(path: Path) -> None:
    if not flatbuffer_is_whole(path.read_bytes()):
        size = path.stat().st_size
        raise _no_model(path, say("The file is cut off or damaged ({size} bytes).", size=size))


def _check_keras(path: Path) -> None:
    if not zipfile.is_zipfile(path):  # the list of contents is at the end
        size = path.stat().st_size
        raise _no_model(path, say("The file is cut off or damaged ({size} bytes).", size=size))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if "config.json" in names:
        return
    if any(name.split("/")[-1] == SAVED_MODEL for name in names):
        raise UserError(
            say("“{path}” is not a model that can be opened.", path=str(path)),
            say("It is a zip archive with a SavedModel inside."),
            say("Unpack it and choose the folder that holds saved_model.pb."),
        )
    raise _no_model(path, say("It is a zip archive, but not a Keras one: no config.json in it."))
