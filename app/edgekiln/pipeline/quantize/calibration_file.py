"""A calibration as one file, with what it was made from; nothing in it is pickled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import Provenance
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import BROKEN, Array, load_arrays, save_arrays
from edgekiln.pipeline.quantize.calibrate import Calibration
from edgekiln.pipeline.quantize.tally import pack, unpack

_FORMAT = "edgekiln calibration 1"


def save_calibration(path: Path, calibration: Calibration, provenance: Provenance) -> None:
    """Write an `.npz` to `path`, completely or not at all."""
    names = list(calibration.lows)
    empty = np.zeros((0, calibration.samples), np.float32)
    arrays = {
        "format": np.array(_FORMAT),
        "provenance": np.array(json.dumps(encode(provenance), ensure_ascii=False)),
        "names": np.array(names, dtype=np.str_),
        "lows": np.stack([calibration.lows[name] for name in names]) if names else empty,
        "highs": np.stack([calibration.highs[name] for name in names]) if names else empty,
        "whole": np.array(sorted(calibration.whole), dtype=np.str_),
    }
    save_arrays(path, arrays | pack(calibration.histograms))


def load_calibration(path: Path, model_sha256: str) -> tuple[Calibration, Provenance]:
    """A calibration and what it was made from. UserError when the file is none, is damaged, or
    belongs to another model."""
    try:
        arrays = load_arrays(path)
        if str(arrays["format"]) != _FORMAT:
            raise ValueError("another format")
        provenance = decode(Provenance, json.loads(str(arrays["provenance"])))
        calibration = _calibration(arrays, provenance.samples)
    except (*BROKEN, CodecError) as error:
        why = say("{kind}: {text}", kind=type(error).__name__, text=str(error)[:200])
        raise _unusable(path, why) from error
    if provenance.model_sha256 != model_sha256:
        why = say(
            "It was made on {data} for another model ({sha}…).",
            data=provenance.data or "?",
            sha=provenance.model_sha256[:12],
        )
        raise _unusable(path, why)
    return calibration, provenance


def provenance_of(path: Path) -> Provenance | None:
    """What a calibration was made from; None where the file is gone or is none."""
    try:
        return decode(Provenance, json.loads(str(load_arrays(path)["provenance"])))
    except (*BROKEN, CodecError):
        return None


def _calibration(arrays: dict[str, Array], samples: int) -> Calibration:
    names = [str(name) for name in arrays["names"]]
    return Calibration(
        dict(zip(names, arrays["lows"], strict=True)),
        dict(zip(names, arrays["highs"], strict=True)),
        samples,
        unpack(arrays),
        frozenset(str(name) for name in arrays["whole"]),
    )


def _unusable(path: Path, why: Text) -> UserError:
    return UserError(
        say("The calibration file {path} cannot be used.", path=path.name),
        why,
        say("Calibrate this model again, or choose the file that was made for it."),
    )
