"""What a model remembers from one run to the next."""

from __future__ import annotations

from edgekiln.pipeline.graph.graph import Graph


def is_stateful(graph: Graph) -> bool:
    """Whether it has a state that is meant to last: variables of its own, or SVDF, which is made
    for streams. Such a model is asked about all samples in order, from a fresh start. The state
    inside an LSTM kernel is none: a sample is a whole sequence there."""
    return graph.has_operator("VAR_HANDLE", "SVDF")
