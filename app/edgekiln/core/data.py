"""Data and how a picture becomes the model's input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ChannelOrder = Literal["rgb", "bgr", "gray"]


@dataclass(frozen=True)
class Preprocessing:
    """value = pixel * scale + offset per channel, after resizing (bilinear) and channel order.

    `pixel` is 0…255. Data that is already float is fed as stored (name "none"). `absorbed` is the
    (scale, offset) a model left to what feeds it: part of the above, and all stored floats get.
    """

    name: str = "none"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    channels: ChannelOrder = "rgb"
    absorbed: tuple[float, float] | None = None

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
    Preprocessing(
        "imagenet",
        tuple(1 / 255 / s for s in (0.229, 0.224, 0.225)),
        tuple(-m / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)),
    ),
    Preprocessing("caffe", (1.0,), (-103.939, -116.779, -123.68), "bgr"),
)


@dataclass(frozen=True)
class DataSource:
    """A folder of pictures by class or an `.npz` with `x` and `y`; at most `limit` samples of it,
    the same share of every class, chosen by `seed`."""

    path: Path
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class OfferedSizes:
    """Whole shapes by input name, as ConvertPlan takes them: what the data would be fed as."""

    sizes: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class ThumbnailPlan:
    """Which samples to draw, by index in the data as loaded, and the longer side in pixels."""

    indexes: tuple[int, ...]
    size: int = 96


@dataclass(frozen=True)
class Thumbnails:
    """One PNG per asked index, in that order."""

    files: tuple[Path, ...]
