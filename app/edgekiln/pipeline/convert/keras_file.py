"""A `.keras` or `.h5` file, exported to a temporary SavedModel."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras

from edgekiln.core.errors import UserError
from edgekiln.core.model import ModelSource
from edgekiln.core.text import Text, say


def export_keras(source: ModelSource, folder: Path) -> None:
    """Write the model as a SavedModel to `folder`; UserError when it is no whole model or needs
    code that only its author has. No code from the file is ever run (Keras' safe mode)."""
    _check_complete(source.path)
    try:
        model = keras.models.load_model(
            source.path, compile=False, safe_mode=True, custom_objects=_old_layers()
        )
    except Exception as error:
        # Keras raises whatever a damaged file or a foreign layer makes fail: all of it is the file
        raise _cannot_load(source.path, error) from error
    model.export(folder, verbose=False)


def written_by(path: Path) -> str:
    """The Keras release that wrote the file; "" when it does not say."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "metadata.json" not in archive.namelist():
                return ""
            return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
    with h5py.File(path) as file:
        return str(file.attrs.get("keras_version", ""))


def _check_complete(path: Path) -> None:
    if zipfile.is_zipfile(path):
        return
    try:
        with h5py.File(path) as file:
            has_model = "model_config" in file.attrs
    except OSError as error:
        size = path.stat().st_size
        why = say("The file is cut off or damaged ({size} bytes).", size=size)
        raise _cannot_open(path, why, say("Copy or export the file again.")) from error
    if not has_model:
        why = say("It holds weights only, without the model they belong to.")
        do = say("Save the whole model where it was trained: model.export(folder).")
        raise _cannot_open(path, why, do)


def _cannot_load(path: Path, error: Exception) -> UserError:
    words = " ".join(str(error).split())
    export = say("Export it as a SavedModel where it was trained: model.export(folder).")
    if "Lambda" in words:
        why = say("It holds a Lambda layer: code of its author, which is never run here.")
    elif "Could not locate" in words or "Unknown layer" in words:
        why = say("It uses classes only its author has. Keras says: {words}", words=words[:300])
    else:
        why = say("Keras cannot read it: {words}", words=words[:300])
    return _cannot_open(path, why, export)


def _cannot_open(path: Path, why: Text, do: Text) -> UserError:
    return UserError(say("The Keras model “{path}” cannot be opened.", path=str(path)), why, do)


def _old_layers() -> dict[str, Any]:
    """Layers whose Keras 2 configuration Keras 3 refuses."""
    plain = keras.layers.DepthwiseConv2D

    def from_config(config: dict[str, Any]) -> Any:
        # Keras 2 wrote `groups` for depthwise layers, always 1 (keras #19441)
        return plain(**{k: v for k, v in config.items() if k != "groups"})

    kind = type("DepthwiseConv2D", (plain,), {"from_config": staticmethod(from_config)})
    return {"DepthwiseConv2D": kind}
