"""Boxes and masks painted over a picture, in colours that colour-blind people tell apart.

Okabe and Ito 2008, "Color universal design": the palette.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate.boxes import Boxes

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
AGREED: Colour = (86, 180, 233)  # sky blue
ALONE: Colour = (213, 94, 0)  # vermilion: no partner in the other model, or another class
TRUE: Colour = (240, 228, 66)  # yellow
CLASSES: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (204, 121, 167),
)
_GROUND: Colour = (0, 0, 0)  # around every line, so that it is seen on light pictures too
_DASH, _GAP = 6, 5
_HATCH, _STRIPE = 8, 2
_TEXT = 16  # it may be shown at half the size
_LINE = 3
_WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "msyh.ttc")
_LAST_NARROW = 255


def paint_boxes(
    seen: Image.Image,
    boxes: Boxes,
    truth: Boxes | None,
    paired: Sequence[bool],
    names: Sequence[str],
) -> Image.Image:
    """A copy with boxes as solid lines, class and score at each, and true ones dashed. `paired`:
    whether the other model has that box too. Corners are fractions of the picture."""
    picture = seen.copy()
    draw = ImageDraw.Draw(picture)
    for corners in () if truth is None else truth.corners:
        _dashed(draw, _pixels(corners, picture.size))
    rows = range(len(boxes) - 1, -1, -1)  # the strongest on top
    for n in rows:
        colour = AGREED if paired[n] else ALONE
        left, top, right, bottom = _pixels(boxes.corners[n], picture.size)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_GROUND, width=_LINE + 2)
        draw.rectangle((left, top, right, bottom), outline=colour, width=_LINE)
    for n in rows:
        colour = AGREED if paired[n] else ALONE
        left, top, *_ = _pixels(boxes.corners[n], picture.size)
        _tag(draw, (left, top), _called(boxes, n, names), colour, picture.size)
    return picture


def paint_mask(seen: Image.Image, mask: Array, differ: Array) -> Image.Image:
    """A copy, half of its colour that of the pixel's class; class 0, mostly the background, is left
    as it is. Pixels that `differ` are outlined and hatched. Both arrays are of the picture's
    size."""
    pixels = np.asarray(seen, np.uint8).copy()
    colours = np.array(CLASSES, np.uint8)[(mask.astype(np.int64) - 1) % len(CLASSES)]
    told = mask != 0
    pixels[told] = pixels[told] // 2 + colours[told] // 2
    rows, columns = np.indices(mask.shape)
    stripes = (rows + columns) % _HATCH < _STRIPE
    pixels[differ & (stripes | _edge(differ))] = ALONE
    return Image.fromarray(pixels)


def _edge(region: Array) -> Array:
    """Those of its pixels that have a neighbour outside it."""
    wide = np.pad(region, 1)
    inner = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return np.asarray(region & ~inner)


def _pixels(corners: Array, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom on the picture; what is outside ends at its edge."""
    width, height = size
    left, top, right, bottom = (float(each) for each in np.clip(corners, 0, 1))
    x0, y0 = round(left * (width - 1)), round(top * (height - 1))
    return x0, y0, max(x0, round(right * (width - 1))), max(y0, round(bottom * (height - 1)))


def _dashed(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    for at in range(left, right + 1, _DASH + _GAP):
        end = min(at + _DASH - 1, right)
        for y in (top, bottom):
            _dash(draw, (at, y, end, y))
    for at in range(top, bottom + 1, _DASH + _GAP):
        end = min(at + _DASH - 1, bottom)
        for x in (left, right):
            _dash(draw, (x, at, x, end))


def _dash(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=_GROUND)
    draw.rectangle(box, fill=TRUE)


def _called(boxes: Boxes, n: int, names: Sequence[str]) -> tuple[str, Font]:
    """Class and score, and a font that has the letters; the class's number where none has."""
    number = int(boxes.classes[n])
    name = names[number] if 0 <= number < len(names) else str(number)
    if all(ord(letter) <= _LAST_NARROW for letter in name):
        return f"{name} {boxes.scores[n]:.2f}", ImageFont.load_default(_TEXT)
    wide = _font(_WIDE_FONTS)
    if wide is None:
        return f"{number} {boxes.scores[n]:.2f}", ImageFont.load_default(_TEXT)
    return f"{name} {boxes.scores[n]:.2f}", wide


def _font(files: Sequence[str]) -> ImageFont.FreeTypeFont | None:
    for file in files:
        try:
            return ImageFont.truetype(file, _TEXT)
        except OSError:  # not on this computer
            continue
    return None


def _tag(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    called: tuple[str, Font],
    colour: Colour,
    size: tuple[int, int],
) -> None:
    """Black letters on the colour, above the box where there is room, never off the picture."""
    said, font = called
    width, height = round(draw.textlength(said, font)) + 4, _TEXT + 4
    left = max(0, min(corner[0], size[0] - width))
    top = corner[1] - height if corner[1] >= height else corner[1]
    draw.rectangle((left, top, left + width, top + height - 1), fill=colour)
    draw.text((left + 2, top), said, _GROUND, font)
