"""Boxes around things as Pascal VOC's XML gives them, one file a picture
(http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf)."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.coco import bad_boxes
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, class_order, order_note, read_labels
from edgekiln.pipeline.data.lists import located, missing_note
from edgekiln.pipeline.data.pictures import SUFFIXES
from edgekiln.pipeline.data.refusal import check_share
from edgekiln.pipeline.data.rows import Pictures
from edgekiln.pipeline.data.truth import BoxRow, gather

_MOST_BYTES = 10 << 20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
Named = tuple[float, float, float, float, str, bool, float]


def find_voc(folder: Path) -> Path | None:
    """The folder with the XML files: `folder` or `Annotations` in it."""
    for place in (folder, folder / "Annotations", folder / "annotations"):
        first = next(iter(sorted(place.glob("*.xml"))), None) if place.is_dir() else None
        if first is not None:
            return place
    return None


def read_voc(annotations: Path, folder: Path, known: tuple[str, ...] = ()) -> DataSet:
    """The pictures that have an XML file, and their boxes; classes in the order of `labels.txt` or
    of the model where they name all, else by alphabet. `difficult` things count as crowds: found or
    not, they do no harm. VOC counts pixels from 1 and includes the last: x0 = xmin - 1, x1 = xmax.
    """
    known = read_labels(folder) or known
    files: list[Path] = []
    found: list[list[Named]] = []
    broken, missing = [], []
    papers = sorted(annotations.glob("*.xml"))
    bad = count = 0
    for paper in papers:
        root = _parsed(paper)
        if root is None:
            broken.append(paper.name)
            continue
        file = _picture(folder, paper, root)
        if file is None:
            missing.append(root.findtext("filename") or paper.stem)
            continue
        things = [_thing(thing) for thing in root.iter("object")]
        count, bad = count + len(things), bad + things.count(None)
        files.append(file)
        found.append([thing for thing in things if thing is not None])
    names, strange = class_order(tuple({t[4] for own in found for t in own}), known)
    notes = [order_note(names, known)] if strange or not known else []
    notes += [*_broken(folder, broken, len(papers)), *missing_note(folder, missing, len(papers))]
    number = {name: i for i, name in enumerate(names)}
    rows: list[list[BoxRow]] = [[(*t[:4], number[t[4]], *t[5:]) for t in own] for own in found]
    return DataSet(
        folder, (UNLABELLED,) * len(files), names, {"": Pictures(files)}, range(len(files)),
        notes=(*notes, *bad_boxes(folder, bad, count)), truths=gather(rows),
    )  # fmt: skip


def _parsed(paper: Path) -> ElementTree.Element | None:
    data = paper.read_bytes() if paper.stat().st_size <= _MOST_BYTES else b""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None  # nothing VOC writes; entities can grow without end
    try:
        root = ElementTree.fromstring(data)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    return root if root.tag == "annotation" else None


def _picture(folder: Path, paper: Path, root: ElementTree.Element) -> Path | None:
    """By the name inside, else by the name of the XML file."""
    names = [root.findtext("filename") or "", *(paper.stem + suffix for suffix in sorted(SUFFIXES))]
    places = (folder, paper.parent) if paper.parent.is_relative_to(folder) else (folder,)
    return next((f for name in names for p in places if (f := located(p, name.strip()))), None)


def _thing(thing: ElementTree.Element) -> Named | None:
    box, name = thing.find("bndbox"), (thing.findtext("name") or "").strip()
    if box is None or not name:
        return None
    try:
        x0, y0, x1, y1 = (float(box.findtext(corner) or "") for corner in _CORNERS)
    except ValueError:
        return None
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 < x0 or y1 < y0:
        return None
    difficult = (thing.findtext("difficult") or "0").strip() == "1"
    x0, y0 = x0 - 1, y0 - 1
    return x0, y0, x1, y1, name, difficult, (x1 - x0) * (y1 - y0)


def _broken(folder: Path, broken: list[str], count: int) -> tuple[Text, ...]:
    if not broken:
        return ()
    names = ", ".join(broken[:5]) + (", …" if len(broken) > 5 else "")
    note = say(
        "{broken} of {count} XML files are broken or no annotation: {names}",
        broken=len(broken),
        count=count,
        names=names,
    )
    check_share(folder, len(broken), count, note)
    return (note,)
