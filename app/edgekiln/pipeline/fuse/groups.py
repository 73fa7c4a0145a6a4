"""Which groups of the source model became one operator, which did not, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekiln.core.codec import decode
from edgekiln.core.fusion import FusionGroup, GroupState, SourceGroup
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.fates import Fates
from edgekiln.pipeline.fuse.names import made, same_node, short_name, source_names, spell
from edgekiln.pipeline.fuse.passes import Pass
from edgekiln.pipeline.fuse.standing import (
    NAMES_OF_AFFINES,
    Standing,
    list_standing,
)
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.links import Links

SOURCE_GROUPS = "source_groups.json"
_ANCHORS = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "CONV_3D", "BATCH_MATMUL")
)
_LEFT_OVER = frozenset(
    ("MUL", "ADD", "SUB", "DIV", "RELU", "RELU6", "RELU_N1_TO_1", "MINIMUM", "MAXIMUM", "RSQRT")
)
# Activations no operator of the format can carry with it.
_NEVER_FUSED = frozenset(("LEAKY_RELU", "ELU", "LOGISTIC", "TANH", "PRELU"))
_NORM = "BatchNorm"


def list_groups(
    model: Path,
    before: Graph,
    fates: Fates,
    done: Sequence[FusionGroup] = (),
) -> tuple[FusionGroup, ...]:
    """The groups of the source model beside `model` (or of the graph itself where there are none),
    then the affines that stand in the graph on their own, then what the passes did besides."""
    standing = list_standing(before, fates, done)
    source = read_source_groups(model)
    if source:
        judge = _Judge(before, standing)
        groups = [judge.group(item) for item in source]
        alone = [item for item in standing if item not in judge.claimed]
    else:
        groups = _fused_in_graph(before)
        alone = standing
    told = (*groups, *(item.group() for item in alone))
    places = {(group.place, group.fused_by) for group in told}
    return (*told, *(group for group in done if (group.place, group.fused_by) not in places))


def list_misses(after: Graph, fates: Fates, passes: Sequence[Pass]) -> tuple[FusionGroup, ...]:
    """What is left in the fused graph that a pass nearly took, with the reason; and what a pass
    that did not stay would take."""
    found: list[FusionGroup] = []
    for item in passes:
        if item.name in NAMES_OF_AFFINES:
            continue
        if not item.asked or fates.is_on(item.name):  # of what nobody asked for no near miss
            found += _missed(item, after)
        found += _possible(item, after, fates)
    return tuple(found)


def _missed(item: Pass, after: Graph) -> list[FusionGroup]:
    return [
        FusionGroup(
            _pattern(operators), _place(operators), "not-possible", why, operators=made(operators)
        )
        for operators, why in item.misses(after)
    ]


def _possible(item: Pass, after: Graph, fates: Fates) -> list[FusionGroup]:
    found = []
    for place in item.match(after):
        tensor = place.result.name
        if (why := fates.why_not(item.name, tensor)) is not None:
            pattern, members = _pattern(place.operators), made(place.operators)
            found.append(
                FusionGroup(
                    pattern, short_name(tensor), "possible", why, item.name, tensor, members
                )
            )
    return found


def _pattern(operators: Sequence[Operator]) -> str:
    return " + ".join(spell(operator) for operator in operators)


def _place(operators: Sequence[Operator]) -> str:
    return short_name(operators[-1].outputs[0].name)


def read_source_groups(model: Path) -> tuple[SourceGroup, ...]:
    """The groups the converter step found in the source model, kept beside its artifact."""
    path = model.parent / SOURCE_GROUPS
    if not path.is_file():
        return ()
    return decode(tuple[SourceGroup, ...], json.loads(path.read_text("utf-8")))


def _fused_in_graph(graph: Graph) -> list[FusionGroup]:
    """Layers of a `.tflite` that already carry their activation."""
    return [
        FusionGroup(
            spell(operator),
            short_name(operator.outputs[0].name),
            "by-converter",
            say("The file has it as one operator."),
            operators=made((operator,)),
        )
        for operator in graph.main.operators
        if operator.name in _ANCHORS and activation(operator) != NO_ACTIVATION
    ]


class _Judge:
    """Finds what became of source groups in a converted graph. `claimed`: affines they explain."""

    def __init__(self, graph: Graph, standing: list[Standing]) -> None:
        self._operators = graph.main.operators
        self._links = Links(graph.main)
        self._standing = standing
        self.claimed: set[Standing] = set()

    def group(self, source: SourceGroup) -> FusionGroup:
        """The fate of one source group."""
        anchor = self._anchor(source)
        left = self._left_over(source)
        members = made(left if anchor is None else (anchor, *left))
        if not left:
            state, why = _vanished(source, anchor)
            return FusionGroup(source.pattern, source.place, state, why, operators=members)
        for item in self._standing:
            if not set(left).isdisjoint(item.affine.operators):
                self.claimed.add(item)
                if item.fused_by:
                    return replace(item.group(), pattern=source.pattern, place=source.place)
        why = self._why(anchor, left)
        return FusionGroup(source.pattern, source.place, "not-possible", why, operators=members)

    def _anchor(self, source: SourceGroup) -> Operator | None:
        """The convolution or dense layer whose tensors carry most of the group's names."""
        layers = [operator for operator in self._operators if operator.name in _ANCHORS]
        scored = [(_overlap(operator, source), -i) for i, operator in enumerate(layers)]
        best = max(scored, default=(0, 0))
        return layers[-best[1]] if best[0] else None

    def _left_over(self, source: SourceGroup) -> list[Operator]:
        """Operators that still do a part of the group by themselves."""
        return [
            operator
            for operator in self._operators
            if operator.name in _LEFT_OVER | _NEVER_FUSED and _is_member(operator, source)
        ]

    def _why(self, anchor: Operator | None, left: list[Operator]) -> Text:
        never = [operator.name for operator in left if operator.name in _NEVER_FUSED]
        if len(never) == len(left):
            return say("No operator of the format can carry {name} with it.", name=never[0])
        if anchor is not None and activation(anchor) != NO_ACTIVATION:
            return say("An activation stands between the two.")
        if anchor is not None:
            readers = len(self._links.consumers(anchor.outputs[0]))
            if readers > 1:
                return say("{count} operators read its result.", count=readers)
        names = ", ".join(operator.name for operator in left)
        return say("The converter left {names} standing.", names=names)


def _vanished(source: SourceGroup, anchor: Operator | None) -> tuple[GroupState, Text]:
    """The fate of a group of which nothing stands by itself any more."""
    if source.pattern.startswith(_NORM):
        return "by-converter", say("The converter folded it into its neighbour.")
    if anchor is None:
        return "not-possible", say("The converter replaced it; its name is not in the graph.")
    return "by-converter", say("One operator: {operator}.", operator=spell(anchor))


def _overlap(operator: Operator, source: SourceGroup) -> int:
    names = {
        name
        for tensor in (*operator.outputs, *operator.inputs[1:])
        for name in source_names(tensor)
    }
    return sum(any(same_node(name, member) for name in names) for member in source.members)


def _is_member(operator: Operator, source: SourceGroup) -> bool:
    primary = source_names(operator.outputs[0])[:1]
    return any(same_node(name, member) for name in primary for member in source.members)
