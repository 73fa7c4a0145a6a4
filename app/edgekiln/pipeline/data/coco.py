"""Boxes around things as COCO's JSON gives them (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, read_labels
from edgekiln.pipeline.data.lists import located, missing_note
from edgekiln.pipeline.data.refusal import check_share, unusable
from edgekiln.pipeline.data.rows import Pictures
from edgekiln.pipeline.data.truth import BoxRow, gather

_MOST_BYTES = 1 << 30
_HEAD = 1 << 16
_PLACES = ("", "images", "data")


def find_coco(folder: Path) -> Path | None:
    """The COCO file of a folder, or of `annotations` in it."""
    for place in (folder, folder / "annotations"):
        for path in sorted(place.glob("*.json")) if place.is_dir() else ():
            if is_coco(path):
                return path
    return None


def is_coco(path: Path) -> bool:
    """Whether a file is JSON that names images and annotations (or begins so)."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - _HEAD))
        tail = file.read()
    keys = (b'"images"', b'"annotations"', b'"categories"')
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and any(
        key in head or key in tail for key in keys
    )


def read_coco(path: Path, folder: Path, known: tuple[str, ...] = ()) -> DataSet:
    """The pictures a COCO file names, below `folder`, and their boxes. Classes are its categories:
    by a `labels.txt` or `known` that names them all, else in the order of their ids. Boxes that are
    none are left out and counted, up to a half."""
    data = _parsed(path)
    categories = _entries(path, data, "categories", "id")
    categories.sort(key=lambda category: str(category["id"]).zfill(9))
    own = [str(category.get("name", category["id"])) for category in categories]
    wanted = read_labels(folder) or known
    names = wanted if set(own) <= set(wanted) else tuple(own)
    number = {c["id"]: names.index(name) for c, name in zip(categories, own, strict=True)}
    boxes: dict[Any, list[BoxRow]] = defaultdict(list)
    annotations = _entries(path, data, "annotations", "image_id")
    images = _entries(path, data, "images", "id")
    listed = {image["id"] for image in images}
    bad = 0
    for annotation in annotations:
        box = _box(annotation, number)
        if box is None or annotation["image_id"] not in listed:
            bad += 1
        else:
            boxes[annotation["image_id"]].append(box)
    files, ids, missing = _files(path, folder, images)
    notes = missing_note(path, missing, len(images))
    truths = gather([boxes[i] for i in ids])
    return DataSet(
        folder, (UNLABELLED,) * len(files), names, {"": Pictures(files)}, range(len(files)),
        notes=(*notes, *bad_boxes(path, bad, len(annotations))), truths=truths,
    )  # fmt: skip


def bad_boxes(path: Path, bad: int, count: int) -> tuple[Text, ...]:
    """What is said of boxes that are none; UserError when it is most of them."""
    if not bad:
        return ()
    note = say(
        "{bad} of {count} boxes are left out: no size, not finite, or of no known picture or class",
        bad=bad,
        count=count,
    )
    check_share(path, bad, count, note)
    return (note,)


def _parsed(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise unusable(
            path, say("The file is larger than 1 GB."), say("Split it into smaller ones.")
        )
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise unusable(
            path,
            say("It is no whole JSON: {reason}", reason=str(error)[:200]),
            say("Copy or export it again."),
        ) from error
    return data if isinstance(data, dict) else {}


def _entries(path: Path, data: dict[str, Any], key: str, needed: str) -> list[dict[str, Any]]:
    entries = data.get(key)
    right = isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get(needed), int | str) for entry in entries
    )
    ids = [entry[needed] for entry in entries or ()] if right else []
    if needed == "id" and len(set(ids)) < len(ids):
        raise unusable(
            path,
            say(
                "Two of its “{key}” have the same id, so their boxes cannot be told apart.", key=key
            ),
            say("Export the data as COCO again."),
        )
    if not right or (not entries and key != "annotations"):
        raise unusable(
            path,
            say("“{key}” is missing, empty, or its entries have no “{needed}”.", key=key,
                needed=needed),
            say("Export the data as COCO again."),
        )  # fmt: skip
    return list(entries or ())


def _box(annotation: dict[str, Any], number: dict[Any, int]) -> BoxRow | None:
    box, category = annotation.get("bbox"), annotation.get("category_id")
    if not isinstance(box, list) or len(box) != 4 or not isinstance(category, int | str):
        return None
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in box):
        return None
    x, y, width, height = (float(v) for v in box)
    if width <= 0 or height <= 0 or category not in number:
        return None
    area = annotation.get("area")
    own = float(area) if isinstance(area, int | float) else width * height
    return x, y, x + width, y + height, number[category], bool(annotation.get("iscrowd")), own


def _files(
    path: Path, folder: Path, images: list[dict[str, Any]]
) -> tuple[list[Path], list[Any], list[str]]:
    """`instances_val2017.json` has its pictures in `val2017`; others in `images`."""
    places = [folder / place for place in (*_PLACES, path.stem.rpartition("_")[2])]
    files: list[Path] = []
    ids: list[Any] = []
    missing: list[str] = []
    for image in images:
        name = str(image.get("file_name", ""))
        file = next((f for p in places if p.is_dir() and (f := located(p, name))), None)
        if file is None:
            missing.append(name)
        else:
            files.append(file)
            ids.append(image["id"])
    return files, ids, missing
