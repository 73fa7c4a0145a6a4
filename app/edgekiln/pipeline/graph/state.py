"""What a model remembers from one run to the next."""

from __future__ import annotations

from edgekiln.pipeline.graph.graph import Graph


def is_stateful(graph: Graph) -> bool:
    """Whether it has variables of its own, which its author meant to last: such a model is asked
    about all samples in order. The state inside an LSTM kernel is none: it starts anew with every
    sample."""
    return graph.has_operator("VAR_HANDLE")
