"""A sample as the model's input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.data import SOUND_PRESETS, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import DYNAMIC, Signature, TensorSpec
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.features import features
from edgekiln.pipeline.data.framing import fit
from edgekiln.pipeline.data.rows import ArrayRows, not_finite
from edgekiln.pipeline.data.sounds import Sounds


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
        rows = data.rows[self.array]
        if isinstance(rows, Sounds):
            return self.sound(preprocessing, *rows.hear(data.index[i]))
        raw = data.raw(i, self.array)
        if not self.pixels:
            scale, offset = preprocessing.absorbed or (1.0, 0.0)
            return (raw.astype(np.float32) * np.float32(scale) + np.float32(offset)).reshape(
                self.shape
            )
        return self.value(preprocessing, raw)

    def value(self, preprocessing: Preprocessing, raw: Array) -> Array:
        """A raw picture as float32 of `shape`."""
        value = apply(preprocessing, self.picture(raw, preprocessing))
        return value.transpose(2, 0, 1) if self.first(preprocessing) else value

    def picture(self, raw: Array, preprocessing: Preprocessing) -> Array:
        """The raw picture with the model's height, width and channels, still uint8."""
        pixels = raw.astype(np.uint8, copy=False)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        first = self.first(preprocessing)
        height, width = self.shape[1:] if first else self.shape[:2]
        return fit(pixels, height, width, self.shape[0 if first else 2], preprocessing)

    def first(self, preprocessing: Preprocessing) -> bool:
        """Whether channels go first: as the preprocessing says, else as the shape tells."""
        if preprocessing.layout == "model":
            return self.channels_first
        return preprocessing.layout == "nchw"

    def sound(self, preprocessing: Preprocessing, values: Array, rate: int) -> Array:
        """A sound as float32 of `shape`; scale and offset come after the front end."""
        end = preprocessing.sound
        if end is None or not hears(preprocessing, self.shape):
            raise UserError(
                say("The preprocessing “{name}” does not fit the model.", name=preprocessing.name),
                say(
                    "It makes {found} of a sound; the model's input takes {shape}.",
                    found=str(list(end.shape if end else ())),
                    shape=str(list(self.shape)),
                ),
                say("Choose a front end that makes what the model takes."),
            )
        value = features(end, values, rate)
        scale, offset = np.float32(preprocessing.scale[0]), np.float32(preprocessing.offset[0])
        return (value * scale + offset).reshape(self.shape)


def apply(preprocessing: Preprocessing, pixels: Array) -> Array:
    """value = pixel * scale + offset per channel, float32, after the order of channels; rounded and
    cut to the range of the preprocessing's type where that is one of whole numbers."""
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
    value = pixels.astype(np.float32) * scale + offset
    if preprocessing.dtype == "float32":
        return value
    limits = np.iinfo(preprocessing.dtype)
    return np.asarray(np.rint(value).clip(limits.min, limits.max))


def hears(preprocessing: Preprocessing, shape: tuple[int, ...]) -> bool:
    """Whether what a front end makes of a sound is an input of `shape`, sizes of 1 aside."""
    end = preprocessing.sound
    return end is not None and [s for s in end.shape if s != 1] == [s for s in shape if s != 1]


def fits(preprocessing: Preprocessing, channels: int) -> bool:
    """Whether a preprocessing has as many factors as a picture has channels (or one for all), and
    an order of colours only for colours."""
    if preprocessing.sound is not None or (preprocessing.channels == "bgr" and channels != 3):
        return False
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
    if data.has_sounds():
        return Intake(name, _heard_shape(data, spec), False, False)
    if data.has_pixels(name):
        picture = _picture_shape(data, name, shape)
        if picture is not None:
            first = picture[0] in (1, 3) and picture[2] not in (1, 3, 4)
            _check_size(data, name, picture[1:] if first else picture[:2], spec)
            return Intake(name, picture, True, first)
    if data.rows[name].shape is None:
        raise _wrong_shape(data.path, say("pictures"), spec)
    return _stored(data, name, spec)


def _array_for(data: DataSet, spec: TensorSpec, signature: Signature) -> str:
    if "" in data.rows:
        if len(signature.inputs) > 1:
            raise UserError(
                say("A folder of files cannot feed this model."),
                say(
                    "It has {count} inputs: {names}",
                    count=len(signature.inputs),
                    names=_names(signature),
                ),
                say("Use an .npz with one array per input name, and y."),
            )
        return ""
    if spec.name in data.rows:
        return spec.name
    if len(signature.inputs) == 1 and ("x" in data.rows or len(data.rows) == 1):
        return data.main
    raise UserError(
        say("The data in {path} does not name the model's inputs.", path=str(data.path)),
        say(
            "The model's inputs are {names}; the file has {arrays}.",
            names=_names(signature),
            arrays=", ".join(data.rows),
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
        if not name and shape[0] in (1, 3) and shape[2] not in (1, 3, 4):
            own = (own[2], *own[:2])  # the model has the channels first, a picture file last
        shape = tuple(o if s == DYNAMIC else s for s, o in zip(shape, own, strict=True))
    return shape


def _check_size(data: DataSet, name: str, size: tuple[int, ...], spec: TensorSpec) -> None:
    """Files are resized as a camera's pictures are; an array of another size is another model's."""
    own = data.rows[name].shape
    if own is not None and own[:2] != size and own[1:] != size:
        raise _wrong_shape(data.path, say("{shape} per sample", shape=str(list(own))), spec)


def _heard_shape(data: DataSet, spec: TensorSpec) -> tuple[int, ...]:
    """Open sizes from the first preset that fits the others."""
    shape = spec.shape[1:]
    for preset in SOUND_PRESETS:
        own = preset.sound.shape if preset.sound else ()
        wide = (*own, *(1,) * (len(shape) - len(own)))
        if len(wide) == len(shape) and all(s in (o, DYNAMIC) for s, o in _pairs(shape, wide)):
            return wide
    if DYNAMIC in shape:
        raise _wrong_shape(data.path, say("sounds"), spec)
    return shape


def _stored(data: DataSet, name: str, spec: TensorSpec) -> Intake:
    rows = data.rows[name]
    if rows.dtype.kind not in "iufb":
        raise UserError(
            say("The data in {path} cannot be used.", path=str(data.path)),
            say("{name} holds {dtype}, not numbers.", name=name, dtype=str(rows.dtype)),
            say("Save plain arrays of numbers: x of one shape and type, y as integers."),
        )
    own = rows.shape or ()
    if isinstance(rows, ArrayRows) and rows.flat and math.prod(own) == math.prod(spec.shape[1:]):
        own = spec.shape[1:]
    shape = tuple(o if s == DYNAMIC else s for s, o in _pairs(spec.shape[1:], own))
    if [s for s in shape if s != 1] != [s for s in own if s != 1]:
        raise _wrong_shape(data.path, say("{shape} per sample", shape=str(list(own))), spec)
    return Intake(name, shape, False, False)


def _pairs(wanted: tuple[int, ...], own: tuple[int, ...]) -> zip[tuple[int, int]]:
    if len(wanted) != len(own):
        own = wanted
    return zip(wanted, own, strict=True)


def check_finite(data: DataSet, intake: Intake) -> None:
    """UserError when an array that is fed as stored holds what is no number; it is read whole."""
    rows = data.rows[intake.array]
    if intake.pixels or not isinstance(rows, ArrayRows):
        return
    count, first = not_finite(rows.array)
    if count:
        raise UserError(
            say("The data in {path} cannot be used.", path=str(data.path)),
            say(
                "{name} holds NaN or infinite values in {count} samples, the first is {index}.",
                name=intake.array,
                count=count,
                index=first,
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
