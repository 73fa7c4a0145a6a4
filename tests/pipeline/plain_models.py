"""Models so plain that their answers are known, and a data set of boxes to judge them on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.core.artifact import Artifact
from pipeline import independent
from pipeline.graphs import GraphBuilder, as_artifact

BOXES, PICTURES = 6, 12
NAMES = ("cat", "dog", "owl")


def reshaped(
    folder: Path, name: str, fed: tuple[int, ...], *given: int, times: float = 1.0
) -> Artifact:
    """A model that gives what it is fed in another shape, `times` as large."""
    builder = GraphBuilder()
    x = builder.reshape(builder.input((1, *fed)), 1, *given)
    return as_artifact(builder.graph(builder.affine("MUL", x, np.float32(times))), folder, name)


def detector(folder: Path, times: float = 1.0) -> Artifact:
    return reshaped(folder, f"d{times}.tflite", (BOXES, 7, 1), BOXES, 7, times=times)


def scenes(folder: Path) -> tuple[list[list[tuple[float, ...]]], list[list[tuple[float, ...]]]]:
    """A COCO folder of pictures whose rows of pixels are boxes, some of which the labels have too;
    found and labelled boxes as independent.py has them, in shares of the picture."""
    random = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    images, annotations, found, truth = [], [], [], []
    for i in range(PICTURES):
        rows = np.zeros((BOXES, 7), np.uint8)
        rows[:, :2] = random.integers(0, 120, (BOXES, 2))
        rows[:, 2:4] = rows[:, :2] + random.integers(40, 130, (BOXES, 2))
        rows[:, 4:] = random.permutation(BOXES * 3).reshape(BOXES, 3) * 12 + 2 + i
        Image.fromarray(rows).save(folder / "images" / f"{i:02}.png")
        images.append({"id": i, "file_name": f"{i:02}.png"})
        shares = rows.astype(np.float32) / 255
        best = shares[:, 4:].argmax(axis=1)
        own = [
            (*map(float, r[:4]), int(c), float(r[4 + c]), 0.0)
            for r, c in zip(shares, best, strict=True)
        ]
        found.append(independent.suppress(own, 0.45))
        real = []
        for left, top, right, bottom, kind, _, _ in own[: random.integers(0, BOXES)]:
            dx, dy = random.uniform(-0.03, 0.03, 2)
            box = (max(left + dx, 0.0), max(top + dy, 0.0), min(right, 1.0), min(bottom, 1.0))
            kind = int(random.integers(0, 3)) if random.random() < 0.2 else kind
            crowd = float(random.random() < 0.15)
            real.append((*box, kind, 0.0, crowd))
            pixels = [box[0] * 7, box[1] * BOXES, (box[2] - box[0]) * 7, (box[3] - box[1]) * BOXES]
            annotations.append({"id": len(annotations), "image_id": i, "category_id": 10 + kind,
                                "bbox": pixels, "iscrowd": int(crowd)})  # fmt: skip
        truth.append(real)
    categories = [{"id": 10 + c, "name": name} for c, name in enumerate(NAMES)]
    data = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "boxes.json").write_text(json.dumps(data))
    return found, truth
