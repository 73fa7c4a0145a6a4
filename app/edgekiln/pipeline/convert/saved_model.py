"""A SavedModel's own record: tags, signatures, operators; and a copy of it that loads."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from edgekiln.core.errors import UserError
from edgekiln.core.model import DYNAMIC, Signature, TensorSpec
from edgekiln.core.text import Text, say

SAVED_MODEL = "saved_model.pb"
SAVED_MODEL_TEXT = "saved_model.pbtxt"
_SERVE = "serve"
_INTERNAL = "__saved_model"  # signatures TensorFlow keeps for its own initializers


def read_proto(folder: Path) -> Any:
    """The SavedModel message, from its binary form or else its text form; UserError when the file
    is cut or something else."""
    path = folder / SAVED_MODEL
    try:
        if path.is_file():
            proto = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        else:
            path = folder / SAVED_MODEL_TEXT
            text = path.read_text(encoding="utf-8")
            proto = text_format.Parse(text, saved_model_pb2.SavedModel())
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise cannot_open(folder, say("{name} is cut off or damaged.", name=path.name)) from error
    if not proto.meta_graphs:
        raise cannot_open(folder, say("{name} does not hold a SavedModel.", name=path.name))
    return proto


def cannot_open(folder: Path, why: Text, do: Text | None = None) -> UserError:
    """The refusal of a SavedModel."""
    return UserError(
        say("The SavedModel “{path}” cannot be opened.", path=str(folder)),
        why,
        do or say("Copy or export the model again, the whole folder."),
    )


def inference_graph(proto: Any) -> Any:
    """The meta graph tagged `serve`, else the first."""
    tagged = (graph for graph in proto.meta_graphs if _SERVE in graph.meta_info_def.tags)
    return next(tagged, proto.meta_graphs[0])


def signatures_of(folder: Path, graph: Any) -> tuple[Signature, ...]:
    """The signatures by key, their inputs and outputs by name; UserError when there is none."""
    found = tuple(
        Signature(key, _specs(definition.inputs), _specs(definition.outputs))
        for key, definition in sorted(graph.signature_def.items())
        if not key.startswith(_INTERNAL) and definition.outputs
    )
    if not found:
        raise cannot_open(
            folder,
            say("It has no signature: nothing says what goes in and what comes out."),
            say("Save it with signatures where it was trained, or use model.export(folder)."),
        )
    return found


def _specs(tensors: Any) -> tuple[TensorSpec, ...]:
    return tuple(_spec(name, info) for name, info in sorted(tensors.items()))


def _spec(name: str, info: Any) -> TensorSpec:
    shape = info.tensor_shape
    sizes = (DYNAMIC,) if shape.unknown_rank else tuple(int(d.size) for d in shape.dim)
    return TensorSpec(name, sizes, tf.dtypes.as_dtype(info.dtype).name)


def check_operators(folder: Path, graph: Any) -> None:
    """UserError naming the operators that this TensorFlow does not know."""
    known = {function.signature.name for function in graph.graph_def.library.function}
    used = {node.op for node in all_nodes(graph.graph_def)}
    foreign = sorted(op for op in used - known if op_def_registry.get(op) is None)
    if foreign:
        raise UserError(
            say(
                "The SavedModel “{path}” needs operators TensorFlow does not have.",
                path=str(folder),
            ),
            say("Custom operators: {names}.", names=", ".join(foreign)),
            say("Replace them by standard operators where the model was trained; export again."),
        )


def check_weights(folder: Path) -> None:
    """UserError when a weight cannot be read whole: each carries a checksum of its own."""
    prefix = folder / "variables" / "variables"
    if not prefix.with_suffix(".index").is_file():
        return  # identify has made sure that none is needed
    name = "variables.index"
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in sorted(reader.get_variable_to_shape_map()):
            reader.get_tensor(name)
    except Exception as error:
        # IndexError, DataLossError, RuntimeError, …: whatever the reader raises, it is the file
        why = say(
            "Its weights cannot be read: {name}: {words}",
            name=name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"),
            words=" ".join(str(error).split())[:200],
        )
        raise cannot_open(folder, why) from error


def all_nodes(graph_def: Any) -> Iterator[Any]:
    """The nodes of a graph and of every function in its library."""
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def tidy_library(graph_def: Any) -> None:
    """Leave in the library what the graph calls, and what that calls: a SavedModel also has the
    functions that restore its variables. Without the marks that freezing leaves on them or
    makes wrong, which TensorFlow refuses to read again."""
    library = {function.signature.name: function for function in graph_def.library.function}
    used: set[str] = set()
    called = _called(graph_def.node)
    while called:
        used |= called
        called = set().union(*(_called(library[n].node_def) for n in called if n in library)) - used
    for name in set(library) - used:
        graph_def.library.function.remove(library[name])
    for function in graph_def.library.function:
        for mark in ("_GrapplerSpecializedFunc", "_input_shapes"):
            function.attr.pop(mark, None)


def _called(nodes: Any) -> set[str]:
    values = [value for node in nodes for value in node.attr.values()]
    functions = [f.name for value in values for f in value.list.func]
    return {*functions, *(value.func.name for value in values if value.HasField("func"))}


@contextmanager
def loadable(folder: Path, proto: Any) -> Iterator[Path]:
    """The folder itself, or a temporary copy of what stands in the way of loading it here.

    Old Keras optimizers cannot be revived (tensorflow #52091: `_UserObject` has no `add_slot`); a
    graph pinned to a GPU does not run without one; the text form may hold either.
    """
    changed = [_drop_slots(proto), _drop_devices(proto)]  # both, not the first of them
    if not any(changed) and (folder / SAVED_MODEL).is_file():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="edgekiln-") as scratch:
        copy = Path(scratch) / "model"
        shutil.copytree(folder, copy, copy_function=_link)
        (copy / SAVED_MODEL).unlink(missing_ok=True)  # it may be a link to the user's own file
        (copy / SAVED_MODEL).write_bytes(proto.SerializeToString())
        yield copy


def _drop_slots(proto: Any) -> bool:
    """Remove optimizer slot records; whether there were any. Inference needs none of them."""
    objects = [node for g in proto.meta_graphs for node in g.object_graph_def.nodes]
    slotted = [node for node in objects if node.slot_variables]
    for node in slotted:
        node.ClearField("slot_variables")
    return bool(slotted)


def _drop_devices(proto: Any) -> bool:
    """Let every operator run anywhere; whether one was pinned."""
    pinned = [n for g in proto.meta_graphs for n in all_nodes(g.graph_def) if n.device]
    for node in pinned:
        node.ClearField("device")
    return bool(pinned)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)
