"""A sample as the model's input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import DYNAMIC, Signature, TensorSpec
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.pictures import fit


@dataclass(frozen=True)
class Intake:
    """How samples become one input of the model: `array` of the data ("" for pictures), `shape`
    without batch, whether they are pictures, and whether the model wants channels first."""

    array: str
    shape: tuple[int, ...]
    pixels: bool
    channels_first: bool

    @property
    def channels(self) -> int:
        """How many channels the model wants of a picture."""
        return self.shape[0] if self.channels_first else self.shape[2]

    def take(self, data: DataSet, i: int, preprocessing: Preprocessing) -> Array:
        """Sample `i` as float32 of `shape`."""
        raw = data.raw(i, self.array)
        if not self.pixels:
            scale, offset = preprocessing.absorbed or (1.0, 0.0)
            return (raw.astype(np.float32) * np.float32(scale) + np.float32(offset)).reshape(
                self.shape
            )
        value = apply(preprocessing, self.picture(raw))
        return value.transpose(2, 0, 1) if self.channels_first else value

    def picture(self, raw: Array) -> Array:
        """The raw picture with the model's height, width and channels, still uint8."""
        pixels = raw.astype(np.uint8, copy=False)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        height, width = self.shape[1:] if self.channels_first else self.shape[:2]
        return fit(pixels, height, width, self.channels)


def apply(preprocessing: Preprocessing, pixels: Array) -> Array:
    """value = pixel * scale + offset per channel, float32, after the order of channels."""
    channels = pixels.shape[2]
    if not fits(preprocessing, channels):
        raise UserError(
            say("The preprocessing “{name}” does not fit the model.", name=preprocessing.name),
            say(
                "It is for colour pictures; the model's input has {channels} channels.",
                channels=channels,
            ),
            say("Choose 0..255, 0..1 or -1..1."),
        )
    if channels == 3 and preprocessing.channels == "bgr":
        pixels = pixels[:, :, ::-1]
    elif channels == 3 and preprocessing.channels == "gray":
        pixels = np.repeat(fit(pixels, pixels.shape[0], pixels.shape[1], 1), 3, axis=2)
    scale = np.asarray(preprocessing.scale, np.float32)
    offset = np.asarray(preprocessing.offset, np.float32)
    return pixels.astype(np.float32) * scale + offset


def fits(preprocessing: Preprocessing, channels: int) -> bool:
    """Whether a preprocessing has as many factors as a picture has channels (or one for all)."""
    return {len(preprocessing.scale), len(preprocessing.offset)} <= {1, channels}


def takes_bytes(spec: TensorSpec) -> bool:
    """Whether an input takes whole numbers that stand for themselves: pixels 0…255 as they are.
    A quantized input takes real values, which its scale makes whole."""
    return spec.quantization is None and spec.dtype in (
        "uint8",
        "uint16",
        "int16",
        "int32",
        "int64",
    )


def check_bytes(preprocessing: Preprocessing, spec: TensorSpec) -> None:
    """UserError when a preprocessing makes fractions for an input that would cut them off."""
    whole = all(float(n).is_integer() for n in (*preprocessing.scale, *preprocessing.offset))
    if takes_bytes(spec) and not whole:
        raise UserError(
            say("The preprocessing “{name}” does not fit the model.", name=preprocessing.name),
            say(
                "Its input “{input}” takes whole numbers ({dtype}); fractions would be cut off.",
                input=spec.name,
                dtype=spec.dtype,
            ),
            say("Choose 0..255: the model prepares the pixels itself."),
        )


def intake_of(data: DataSet, spec: TensorSpec, signature: Signature) -> Intake:
    """How `data` feeds the input `spec`; UserError when it cannot."""
    name = _array_for(data, spec, signature)
    shape = spec.shape[1:]
    if data.has_pixels(name):
        picture = _picture_shape(data, name, shape)
        if picture is not None:
            first = picture[0] in (1, 3) and picture[2] not in (1, 3, 4)
            _check_size(data, name, picture[1:] if first else picture[:2], spec)
            return Intake(name, picture, True, first)
    if data.files:
        raise _wrong_shape(data.path, say("pictures"), spec)
    return _stored(data, name, spec)


def _array_for(data: DataSet, spec: TensorSpec, signature: Signature) -> str:
    if data.files:
        if len(signature.inputs) > 1:
            raise UserError(
                say("A folder of pictures cannot feed this model."),
                say(
                    "It has {count} inputs: {names}",
                    count=len(signature.inputs),
                    names=_names(signature),
                ),
                say("Use an .npz with one array per input name, and y."),
            )
        return ""
    if spec.name in data.arrays:
        return spec.name
    if len(signature.inputs) == 1 and ("x" in data.arrays or len(data.arrays) == 1):
        return data.main
    raise UserError(
        say("The data in {path} does not name the model's inputs.", path=str(data.path)),
        say(
            "The model's inputs are {names}; the file has {arrays}.",
            names=_names(signature),
            arrays=", ".join(data.arrays),
        ),
        say("Use an .npz with one array per input name, and y."),
    )


def _names(signature: Signature) -> str:
    return ", ".join(spec.name for spec in signature.inputs)


def _picture_shape(data: DataSet, name: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The model's input as the shape of a picture, dynamic sizes from the first sample; None when
    the model does not take pictures."""
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or not ({shape[0], shape[2]} & {1, 3, 4}):
        return None
    if DYNAMIC in shape:
        raw = data.raw(0, name)
        own = raw.shape if raw.ndim == 3 else (*raw.shape, 1)
        if data.files and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
            own = (own[2], *own[:2])  # the model has the channels first, a picture file last
        shape = tuple(o if s == DYNAMIC else s for s, o in zip(shape, own, strict=True))
    return shape


def _check_size(data: DataSet, name: str, size: tuple[int, ...], spec: TensorSpec) -> None:
    """Files are resized as a camera's pictures are; an array of another size is another model's."""
    own = data.arrays[name].shape[1:] if not data.files else (*size, 1)
    if own[:2] != size and own[1:] != size:
        raise _wrong_shape(data.path, say("{shape} per sample", shape=str(list(own))), spec)


def _stored(data: DataSet, name: str, spec: TensorSpec) -> Intake:
    array = data.arrays[name]
    if array.dtype.kind not in "iufb":
        raise UserError(
            say("The data in {path} cannot be used.", path=str(data.path)),
            say("{name} holds {dtype}, not numbers.", name=name, dtype=str(array.dtype)),
            say("Save plain arrays of numbers: x of one shape and type, y as integers."),
        )
    own = array.shape[1:]
    shape = tuple(o if s == DYNAMIC else s for s, o in _pairs(spec.shape[1:], own))
    if [s for s in shape if s != 1] != [s for s in own if s != 1]:
        raise _wrong_shape(data.path, say("{shape} per sample", shape=str(list(own))), spec)
    _check_finite(array, name, data.path)
    return Intake(name, shape, False, False)


def _pairs(wanted: tuple[int, ...], own: tuple[int, ...]) -> zip[tuple[int, int]]:
    if len(wanted) != len(own):
        own = wanted
    return zip(wanted, own, strict=True)


def _check_finite(array: Array, name: str, path: Path) -> None:
    if array.dtype.kind != "f":
        return
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    if bad.size:
        raise UserError(
            say("The data in {path} cannot be used.", path=str(path)),
            say(
                "{name} holds NaN or infinite values in {count} samples, the first is {index}.",
                name=name,
                count=int(bad.size),
                index=int(bad[0]),
            ),
            say("Remove these samples or repair what wrote them."),
        )


def _wrong_shape(path: Path, found: Text, spec: TensorSpec) -> UserError:
    return UserError(
        say("The data in {path} does not fit the model.", path=str(path)),
        say(
            "The model's input “{name}” takes {shape} per sample; the data has {found}.",
            name=spec.name,
            shape=str(list(spec.shape[1:])),
            found=found,
        ),
        say("Use data of the model's shape, or choose the signature it belongs to."),
    )
