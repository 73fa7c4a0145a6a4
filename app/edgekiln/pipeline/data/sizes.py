"""The step `offer-sizes`: the sizes the data has, for a model that leaves them open."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from edgekiln.core.data import DataSource, OfferedSizes
from edgekiln.core.model import DYNAMIC
from edgekiln.core.plans import SizePlan
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.prepare import intake_of
from edgekiln.pipeline.data.source import limited, open_data

_LOOKED_AT = 64


def offer_sizes(inputs: DataSource, plan: SizePlan, out_dir: Path, report: Report) -> OfferedSizes:
    """Whole shapes, batch 1, of the inputs whose sizes are open; the commonest of up to 64 pictures
    where they differ. UserError for data that cannot feed the model."""
    del out_dir
    report(None, say("Looking at the sizes of the data"))
    data = _with_commonest_first(open_data(limited(inputs, _LOOKED_AT)))
    return OfferedSizes(
        tuple(
            (spec.name, (1, *intake_of(data, spec, plan.signature).shape))
            for spec in plan.signature.inputs
            if DYNAMIC in spec.shape[1:]
        )
    )


def _with_commonest_first(data: DataSet) -> DataSet:
    if not data.has_pixels() or data.rows[data.main].shape is not None:
        return data  # of one size
    shapes = [data.raw(i).shape for i in range(len(data))]
    commonest = shapes.index(Counter(shapes).most_common(1)[0][0])
    return data.pick((commonest, *(i for i in range(len(data)) if i != commonest)))
