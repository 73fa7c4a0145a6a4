"""What becomes of each affine that stands in a graph, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekiln.core.fusion import FusionGroup, GroupState
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import (
    affine_back,
    affine_depthwise,
    affine_forward,
    second_reader,
)
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, find_affines
from edgekiln.pipeline.fuse.fates import Fates
from edgekiln.pipeline.fuse.names import made, short_name, spell
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.links import Links

NAMES_OF_AFFINES = (
    affine_forward.NAME,
    affine_back.NAME,
    second_reader.NAME,
    affine_depthwise.NAME,
)


@dataclass(frozen=True, eq=False)
class Standing:
    """An affine of the unfused graph with its fate."""

    affine: Affine
    pattern: str
    place: str
    state: GroupState
    why: Text
    fused_by: str = ""
    tensor: str = ""

    def group(self) -> FusionGroup:
        """As it is told."""
        operators = made(self.affine.operators)
        return FusionGroup(
            self.pattern, self.place, self.state, self.why, self.fused_by, self.tensor, operators
        )


def list_standing(before: Graph, fates: Fates, done: Sequence[FusionGroup] = ()) -> list[Standing]:
    """Every affine of the graph as it was before the passes, with what they made of it. One whose
    result another pass took in (a branch of a sum, say) is in `done` and not told again."""
    ours = [group for group in done if group.state == "by-edgekiln"]
    others = {group.place for group in ours if group.fused_by not in NAMES_OF_AFFINES}
    back = {group.tensor for group in ours if group.fused_by == affine_back.NAME}
    found = []
    for subgraph in before.subgraphs:
        links = Links(subgraph)
        for affine in find_affines(subgraph, links):
            reader = links.only_consumer(affine.result)
            if reader is None or short_name(reader.outputs[0].name) not in others:
                found.append(_standing(affine, links, fates, went_back=affine.result.name in back))
    return found


def _standing(affine: Affine, links: Links, fates: Fates, *, went_back: bool) -> Standing:
    pattern = " + ".join(spell(operator) for operator in affine.operators)
    place = short_name(affine.result.name)

    def told(name: str, why: Text, result: Tensor, spelled: str = pattern) -> Standing:
        reason = fates.why_not(name, result.name)
        state: GroupState = "by-edgekiln" if reason is None else "possible"
        return Standing(affine, spelled, place, state, reason or why, name, result.name)

    forward = affine_forward.place_after(affine, links)
    reason = _why_not_forward(affine, links) if forward is None else affine_forward.why_not(forward)
    if forward is not None and reason is None:
        target = f"{pattern} + {spell(forward.target)}"
        return told(affine_forward.NAME, affine_forward.what(forward), forward.result, target)
    assert reason is not None
    if went_back or isinstance(affine_back.place_before(affine, links), affine_back.BackPlace):
        why = say("The layers that feed it take its scale and offset in.")
        return told(affine_back.NAME, why, affine.result)
    if (second := second_reader.place_at(affine, links)) is not None:
        blocked = second_reader.why_not(second)
        if blocked is None:
            why = say("A second layer costs no more than the operators it saves.")
            target = f"{spell(second.layer)} + {pattern}"
            return told(second_reader.NAME, why, affine.result, target)
        reason = blocked
    if affine_depthwise.can_be_depthwise(affine):
        why = say(
            "It becomes one depthwise convolution. Not folded forward: {reason}", reason=reason
        )
        return told(affine_depthwise.NAME, why, affine.result)
    if affine_depthwise.is_cheap(affine) and len(affine.operators) > 1:
        reason = say("It is cheaper as it is than as a convolution. {reason}", reason=reason)
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
