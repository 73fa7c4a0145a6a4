"""Data and how a sample becomes the model's input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import Text

ChannelOrder = Literal["rgb", "bgr", "gray"]
ResizeMethod = Literal["bilinear", "nearest", "bicubic", "area"]
Framing = Literal["stretch", "crop", "letterbox"]
Layout = Literal["model", "nhwc", "nchw"]
ValueType = Literal["float32", "uint8", "int8", "int16"]
Features = Literal["waveform", "log-mel", "mfcc"]
MelConvention = Literal["tf.signal", "audio-ops"]
Sampling = Literal["stratified", "random", "first"]
Part = Literal["all", "calibration", "evaluation"]
DataKind = Literal[
    "folder", "list", "coco", "voc", "masks", "npz", "npy", "idx", "table", "tfrecord"
]
Content = Literal["picture", "sound", "numbers"]
Truth = Literal["classes", "boxes", "masks", "values", "none"]


@dataclass(frozen=True)
class FrontEnd:
    """How a sound becomes numbers: mono, resampled to `rate` (Hz), cut or filled with silence to
    `samples`, then frames of `window` every `stride` samples. Formulas: `pipeline.data.features`.

    `convention`: TensorFlow has two, `tf.signal` and the operators AudioSpectrogram and Mfcc.
    `floor` is added before the logarithm (tf.signal) or is the smallest value (audio-ops).
    `peak`: the sound is divided by its largest value first, as MLPerf Tiny does.
    """

    features: Features = "waveform"
    rate: int = 16000
    samples: int = 16000
    window: int = 480
    stride: int = 320
    mel_bins: int = 40
    low_hz: float = 20.0
    high_hz: float = 4000.0
    coefficients: int = 10
    floor: float = 1e-6
    convention: MelConvention = "tf.signal"
    peak: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what comes out: [samples], or [frames, bins or coefficients]."""
        if self.features == "waveform":
            return (self.samples,)
        frames = max(0, 1 + (self.samples - self.window) // self.stride)
        return (frames, self.mel_bins if self.features == "log-mel" else self.coefficients)


@dataclass(frozen=True)
class Preprocessing:
    """value = pixel * scale + offset per channel, after resizing, framing and channel order.

    `pixel` is 0…255. Data that is already float is fed as stored (name "none"). `absorbed` is the
    (scale, offset) a model left to what feeds it: part of the above, and all stored floats get.

    `framing`: the whole picture stretched; its middle, `central` of the shorter side (crop); or
    the whole picture on a ground of `fill` (letterbox). `layout` and `dtype`: of what is fed; the
    model's own, and float32, unless said otherwise. `sound`: for data that is sounds.
    """

    name: str = "none"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    channels: ChannelOrder = "rgb"
    absorbed: tuple[float, float] | None = None
    resize: ResizeMethod = "bilinear"
    framing: Framing = "stretch"
    central: float = 1.0
    fill: int = 0
    layout: Layout = "model"
    dtype: ValueType = "float32"
    sound: FrontEnd | None = None

    @staticmethod
    def normalised(
        name: str,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        channels: ChannelOrder = "rgb",
    ) -> Preprocessing:
        """(pixel / 255 - mean) / std per channel, as frameworks write it."""
        scale = tuple(1 / 255 / s for s in std)
        offset = tuple(-m / s for m, s in zip(mean, std, strict=True))
        return Preprocessing(name, scale, offset, channels)

    def then(self, scale: float, offset: float) -> Preprocessing:
        """This, and after it value * scale + offset, which the model did itself before."""
        first = self.absorbed or (1.0, 0.0)
        return replace(
            self,
            name=f"{self.name} × {scale:.5g} + {offset:.5g}",
            scale=tuple(each * scale for each in self.scale),
            offset=tuple(each * scale + offset for each in self.offset),
            absorbed=(first[0] * scale, first[1] * scale + offset),
        )


PRESETS: tuple[Preprocessing, ...] = (
    Preprocessing("0..255"),
    Preprocessing("0..1", (1 / 255,), (0.0,)),
    Preprocessing("-1..1", (1 / 127.5,), (-1.0,)),
    Preprocessing.normalised("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Preprocessing("caffe", (1.0,), (-103.939, -116.779, -123.68), "bgr"),
    Preprocessing("0..255 bgr", channels="bgr"),
    Preprocessing("0..1 bgr", (1 / 255,), (0.0,), "bgr"),
    Preprocessing("-1..1 bgr", (1 / 127.5,), (-1.0,), "bgr"),
)

SOUND_PRESETS: tuple[Preprocessing, ...] = (
    Preprocessing("waveform", sound=FrontEnd()),
    Preprocessing("log-mel 40", sound=FrontEnd("log-mel")),
    Preprocessing("mfcc 10", sound=FrontEnd("mfcc")),
    Preprocessing("mfcc 10 peak", sound=FrontEnd("mfcc", peak=True)),
    Preprocessing("mfcc 10 audio-ops", sound=FrontEnd("mfcc", floor=1e-12, convention="audio-ops")),
    Preprocessing(
        "mfcc 40 audio-ops",
        sound=FrontEnd("mfcc", coefficients=40, floor=1e-12, convention="audio-ops"),
    ),
    Preprocessing(
        "mfcc 40 audio-ops 30/10 ms",
        sound=FrontEnd("mfcc", stride=160, coefficients=40, floor=1e-12, convention="audio-ops"),
    ),
)


@dataclass(frozen=True)
class DataSource:
    """Data at a path, of any kind `pipeline.data.source` reads; at most `limit` samples of it,
    by `seed` the same share of every class (stratified), any (random), or the first.

    `part`: of one source, split by `seed` and class into two that share no sample, `share` of it
    to calibrate on and the rest to evaluate; `limit` applies to the part.
    """

    path: Path
    limit: int | None = None
    seed: int = 0
    sampling: Sampling = "stratified"
    part: Part = "all"
    share: float = 0.2


@dataclass(frozen=True)
class OfferedSizes:
    """Whole shapes by input name, as ConvertPlan takes them: what the data would be fed as."""

    sizes: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class LookPlan:
    """Nothing to decide."""


@dataclass(frozen=True)
class DataLook:
    """What data was recognised as, without a sample read: `packed` in an archive; `labelled` of
    `samples` have what is true of them; `size`: of every sample, "" where each has its own;
    `columns`: of a table, what else is known of each sample."""

    kind: DataKind
    packed: bool
    content: Content
    truth: Truth
    samples: int
    labelled: int
    class_names: tuple[str, ...]  # those that occur, a hundred at most
    classes: int
    size: str
    columns: tuple[str, ...]
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class FindPlan:
    """The labelled data to try preprocessings on, and what was declared of the model's answers."""

    data: DataSource
    judging: Judging = DERIVED


@dataclass(frozen=True)
class Proposal:
    """The preprocessing the finder would take, and what speaks for it."""

    preprocessing: Preprocessing
    evidence: Text


@dataclass(frozen=True)
class ThumbnailPlan:
    """Which samples to draw, by index in the data as loaded, and the longer side in pixels."""

    indexes: tuple[int, ...]
    size: int = 96


@dataclass(frozen=True)
class Thumbnails:
    """The asked indexes in their order, `PER_SHEET` on each PNG: square cells of the asked size,
    `SHEET_COLUMNS` in a row, the pictures in their middle."""

    sheets: tuple[Path, ...]


SHEET_COLUMNS = 10
PER_SHEET = 60  # so few that reading one does not hold up the window


@dataclass(frozen=True)
class DataCheckPlan:
    """`evaluation`: the data the first is compared with; `labels`: the model's classes, in the
    order of its outputs, where they are known; `classes`: how many it has (0: not known)."""

    evaluation: DataSource | None = None
    labels: tuple[str, ...] = ()
    classes: int = 0


@dataclass(frozen=True)
class Slice:
    """Samples that have one thing in common: `by` is class, size, or a table's column."""

    by: str
    value: str
    samples: int
    evaluation: int = 0


@dataclass(frozen=True)
class Unreadable:
    """A sample that cannot be read."""

    sample: str
    why: Text


@dataclass(frozen=True)
class Alike:
    """Samples that are the same bit by bit (`exact`) or to the eye. `across`: both to calibrate and
    to evaluate; `disputed`: they have different labels. `pictures`: PNGs of the first of them, in
    their order, of one alone where they are the same."""

    samples: tuple[str, ...]
    exact: bool
    across: bool
    disputed: bool
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Drift:
    """How far calibration and evaluation lie apart in one respect, 0…1, and from where on that is
    more than chance (measures: `pipeline.data.drift`)."""

    respect: str
    distance: float
    limit: float

    @property
    def drifted(self) -> bool:
        """Whether it is more than chance."""
        return self.distance > self.limit


@dataclass(frozen=True)
class DataCheck:
    """What data is like. `strange`: labels the model does not have. At most a hundred samples and
    groups of each kind are named; `unreadable_count` and the like count all."""

    samples: int
    evaluation_samples: int
    slices: tuple[Slice, ...]
    unreadable: tuple[Unreadable, ...]
    unreadable_count: int
    alike: tuple[Alike, ...]
    exact_count: int
    near_count: int
    drift: tuple[Drift, ...]
    strange: tuple[str, ...]
    unlabelled: int
    notes: tuple[Text, ...] = ()
