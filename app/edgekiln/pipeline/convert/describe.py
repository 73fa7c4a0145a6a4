"""The step `inspect-source`: what a SavedModel or a Keras model is, without running it."""

from __future__ import annotations

from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgekiln.core.model import (
    DYNAMIC,
    InspectedModel,
    ModelSource,
    OperatorCount,
    Signature,
    TensorSpec,
)
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.convert.freeze import Frozen, Opened, freeze, opened
from edgekiln.pipeline.convert.keras_file import written_by
from edgekiln.pipeline.convert.live import live_graph
from edgekiln.pipeline.convert.loops import settle_loops
from edgekiln.pipeline.convert.macs import count_macs
from edgekiln.pipeline.convert.trial import obstacle


def describe(
    inputs: ModelSource, plan: InspectPlan, out_dir: Path, report: Report
) -> InspectedModel:
    """Signatures, tags, release; operators, parameters and MACs of the default signature, frozen
    with a batch of 1; and what a plain runtime does not have of it."""
    del plan, out_dir
    report(0.1, say("Reading the model"))
    with opened(inputs) as model:
        bare = _bare(inputs, model)
        report(0.5, say("Counting operators"))
        signature = bare.default_signature
        frozen = freeze(model, signature, {s.name: batch_of_one(s) for s in signature.inputs})
        settled = settle_loops(frozen)
        return InspectedModel(
            source=bare.source,
            tags=bare.tags,
            signatures=bare.signatures,
            tensorflow_version=bare.tensorflow_version,
            operators=_operators(frozen.graph_def),
            parameters=_parameters(frozen),
            macs=_macs(settled),
            size_bytes=bare.size_bytes,
            notes=(*bare.notes, *_notes(signature)),
            obstacles=_obstacles(settled),
        )


def _macs(settled: Frozen) -> int | None:
    """Of the graph as it will be converted: step after step a loop can be counted."""
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(settled.graph_def, name="")
    return count_macs(graph)


def batch_of_one(spec: TensorSpec) -> tuple[int, ...]:
    """The declared shape, a dynamic batch pinned to 1."""
    return tuple(1 if i == 0 and n == DYNAMIC else n for i, n in enumerate(spec.shape))


def _bare(source: ModelSource, model: Opened) -> InspectedModel:
    """What the file itself says, before anything is counted."""
    is_keras = source.kind == "keras"
    meta = model.graph.meta_info_def
    notes: tuple[Text, ...] = ()
    if is_keras and (release := written_by(source.path)):
        notes = (say("Written by Keras {release}.", release=release),)
    return InspectedModel(
        source=source,
        tags=() if is_keras else tuple(meta.tags),
        signatures=model.signatures,
        tensorflow_version="" if is_keras else meta.tensorflow_version,
        operators=(),
        parameters=0,
        macs=None,
        size_bytes=_size(source.path),
        notes=notes,
    )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return sum(file.stat().st_size for file in files)


def _operators(graph_def: Any) -> tuple[OperatorCount, ...]:
    """Operators that compute with the inputs, the most frequent first."""
    counts = Counter(node.op for node in live_graph(graph_def).operators())
    for function in graph_def.library.function:  # bodies of loops and branches
        counts.update(node.op for node in function.node_def if node.op not in ("Const", "Identity"))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(OperatorCount(name, count) for name, count in ordered)


def _parameters(frozen: Frozen) -> int:
    """The numbers in constants that are not mere scalars such as an epsilon."""
    total = 0
    for node in frozen.graph_def.node:
        if node.op == "Const" and tf.dtypes.as_dtype(node.attr["dtype"].type).is_floating:
            sizes = [int(d.size) for d in node.attr["value"].tensor.tensor_shape.dim]
            total += prod(sizes) if sizes else 0
    return total


def _notes(signature: Signature) -> tuple[Text, ...]:
    notes: list[Text] = []
    for spec in signature.inputs:
        if DYNAMIC in spec.shape[1:]:
            sizes = ", ".join("?" if n == DYNAMIC else str(n) for n in spec.shape)
            notes.append(
                say(
                    "The input “{name}” has dynamic sizes ({sizes}); give them before converting.",
                    name=spec.name,
                    sizes=sizes,
                )
            )
    return tuple(notes)


def _obstacles(frozen: Frozen) -> tuple[Text, ...]:
    texts = [
        say("The input “{name}” takes text; a box needs plain numbers.", name=spec.name)
        for spec in frozen.signature.inputs
        if spec.dtype == "string"
    ]
    refused = obstacle(frozen)
    return tuple(texts) if refused is None else (*texts, *refused)
