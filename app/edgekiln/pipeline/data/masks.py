"""A mask for every picture: beside it by name, or in a folder beside its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, read_labels
from edgekiln.pipeline.data.lists import missing_note
from edgekiln.pipeline.data.pictures import is_whole, picture_files
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.rows import Pictures
from edgekiln.pipeline.data.truth import MaskTruths

_PICTURE_FOLDERS = ("images", "JPEGImages", "image", "imgs", "img")
_MASK_FOLDERS = ("masks", "SegmentationClass", "mask", "labels", "annotations", "trimaps", "ann")
_MASK_ENDINGS = ("_mask", "_masks", "_label", "_labels", "_seg", ".mask", "-mask")


def find_masks(folder: Path) -> dict[Path, Path | None] | None:
    """Pictures with their masks (None: missing); None when the folder is not of this kind."""
    places = {sub.name for sub in folder.iterdir() if sub.is_dir()}
    pictures = next((n for n in _PICTURE_FOLDERS if n in places), None)
    masks = next((n for n in _MASK_FOLDERS if n in places), None)
    if pictures and masks:
        by_stem = {_stem(file): file for file in picture_files(folder / masks)}
        if by_stem:
            own = picture_files(folder / pictures)
            return {file: by_stem.get(file.stem) for file in own}
    flat = picture_files(folder)
    by_stem = {_stem(file): file for file in flat if _stem(file) != file.stem}
    if not by_stem:
        return None
    return {file: by_stem.get(file.stem) for file in flat if _stem(file) == file.stem}


def read_masks(folder: Path, pairs: dict[Path, Path | None], known: tuple[str, ...]) -> DataSet:
    """Pictures and masks of class numbers; pictures without a mask are left out and named, up to a
    half. A class is what its pixels' value is, a palette's index included; 255 is no class."""
    files = [picture for picture, mask in pairs.items() if mask is not None]
    missing = [picture.name for picture, mask in pairs.items() if mask is None]
    if not files:
        raise unusable(
            folder,
            say("No mask has the name of a picture."),
            say("Name masks like their pictures, as .png, or with _mask after the name."),
        )
    notes = missing_note(folder, missing, len(pairs))
    masks = [mask for mask in pairs.values() if mask is not None]
    return DataSet(
        folder, (UNLABELLED,) * len(files), read_labels(folder) or known,
        {"": _Masked(files, masks=masks)}, range(len(files)), notes=notes, truths=MaskTruths(masks),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Masked(Pictures):
    """Pictures that are of use only with their masks."""

    masks: Sequence[Path] = ()

    def fault(self, i: int) -> Text | None:
        return super().fault(i) or _mask_fault(self.files[i], self.masks[i])


def _mask_fault(file: Path, mask: Path) -> Text | None:
    if not is_whole(mask):
        return say("Its mask {name} is broken or no picture.", name=mask.name)
    with Image.open(file) as picture, Image.open(mask) as classes:
        if picture.size == classes.size:
            return None
        sizes = [f"{width} × {height}" for width, height in (picture.size, classes.size)]
    return say("It is {size}, its mask {name} {other}.", size=sizes[0], name=mask.name,
               other=sizes[1])  # fmt: skip


def _stem(file: Path) -> str:
    """The name of the picture a mask belongs to; of anything else its own."""
    for ending in _MASK_ENDINGS:
        if file.stem.endswith(ending):
            return file.stem.removesuffix(ending)
    return file.stem
