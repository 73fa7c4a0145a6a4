"""What becomes of each affine that stands in a graph, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekiln.core.fusion import FusionGroup, GroupState, PassOutcome
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import affine_depthwise, affine_forward
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, find_affines
from edgekiln.pipeline.fuse.names import short_name, spell
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.links import Links


@dataclass(frozen=True, eq=False)
class Standing:
    """An affine of the unfused graph with its fate."""

    affine: Affine
    pattern: str
    place: str
    state: GroupState
    why: Text
    fused_by: str = ""

    def group(self) -> FusionGroup:
        return FusionGroup(self.pattern, self.place, self.state, self.why, self.fused_by)


def list_standing(before: Graph, outcomes: Sequence[PassOutcome]) -> list[Standing]:
    """Every affine of the graph as it was before the passes, with what they made of it."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    found = []
    for subgraph in before.subgraphs:
        links = Links(subgraph)
        for affine in find_affines(subgraph, links):
            found.append(_standing(affine, links, by_name))
    return found


def _standing(affine: Affine, links: Links, outcomes: dict[str, PassOutcome]) -> Standing:
    pattern = " + ".join(spell(operator) for operator in affine.operators)
    place = short_name(affine.result.name)
    forward = affine_forward.place_after(affine, links)
    reason = _why_not_forward(affine, links) if forward is None else affine_forward.why_not(forward)
    if forward is not None and reason is None:
        pattern = f"{pattern} + {spell(forward.target)}"
        why = say("The layer after it takes its scale and offset in.")
        state, said = _fate(affine_forward.NAME, why, outcomes)
        return Standing(affine, pattern, place, state, said, affine_forward.NAME)
    assert reason is not None
    if affine_depthwise.can_be_depthwise(affine):
        why = say(
            "It becomes one depthwise convolution. Not folded forward: {reason}", reason=reason
        )
        state, said = _fate(affine_depthwise.NAME, why, outcomes)
        return Standing(affine, pattern, place, state, said, affine_depthwise.NAME)
    return Standing(affine, pattern, place, "not-possible", reason)


def _why_not_forward(affine: Affine, links: Links) -> Text:
    """Why no layer after the affine could take it in."""
    readers = links.consumers(affine.result)
    if affine.activation != NO_ACTIVATION:
        return say("An activation follows it.")
    if links.is_end(affine.result):
        return say("It is an output of the model.")
    if len(readers) != 1:
        return say("{count} operators read its result.", count=len(readers))
    return say("{operator} follows it and cannot take it in.", operator=readers[0].name)


def _fate(name: str, why: Text, outcomes: dict[str, PassOutcome]) -> tuple[GroupState, Text]:
    outcome = outcomes.get(name)
    if outcome is None or outcome.skipped:
        return "possible", say("The pass “{name}” is switched off.", name=name)
    if outcome.taken_back:
        return "possible", say("The pass “{name}” was taken back: its proof failed.", name=name)
    return "by-edgekiln", why
