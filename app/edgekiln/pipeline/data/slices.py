"""Parts of the data that have something in common: a class, a size, a value of a table's column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.truth import Boxes, BoxTruths

_MOST_VALUES = 100  # a column with more is a number or a name, not a property


def _is_property(column: Sequence[str]) -> bool:
    return len(set(column)) <= _MOST_VALUES and len(set(column)) < max(len(column), 2)


def slices_of(data: DataSet, sizes: Sequence[str] = ()) -> dict[tuple[str, str], tuple[int, ...]]:
    """Indexes of the samples of every (class | size | column, value), a picture with boxes under
    each class it shows; `sizes`: one per sample, where they are known. For counts, and for figures
    per slice."""
    columns: dict[str, Sequence[str]] = {name: data.column(name) for name in data.columns}
    by = {name: own for name, own in columns.items() if _is_property(own)}
    if any(label >= 0 for label in data.labels):
        by = {"class": [data.class_name(label) for label in data.labels], **by}
    if sizes:
        by["size"] = sizes
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for name, values in by.items():
        for i, value in enumerate(values):
            if value:
                found[name, value].append(i)
    for i in range(len(data) if isinstance(data.truths, BoxTruths) else 0):
        truth = data.truth(i)
        for label in np.unique(truth.classes).tolist() if isinstance(truth, Boxes) else ():
            found["class", data.class_name(label)].append(i)
    return {key: tuple(indexes) for key, indexes in found.items()}
