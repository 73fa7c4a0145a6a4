"""A signature of a SavedModel as one graph: variables become constants, sizes are pinned.

Frozen first, a Keras 3 model behind a tf.Module becomes one CONV_2D with fused activation;
converted as it is, it becomes VAR_HANDLE and READ_VARIABLE with nothing fused.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgekiln.core.errors import UserError
from edgekiln.core.model import DYNAMIC, ModelSource, Signature, TensorSpec
from edgekiln.core.text import Text, say
from edgekiln.pipeline.convert.keras_file import export_keras
from edgekiln.pipeline.convert.saved_model import (
    all_nodes,
    cannot_open,
    check_operators,
    check_weights,
    inference_graph,
    loadable,
    read_proto,
    signatures_of,
    tidy_library,
)

Shapes = Mapping[str, tuple[int, ...]]
_STATE = ("Assign", "HashTable", "MutableHashTable", "LookupTable", "Stack", "RngReadAndSkip")


@dataclass(frozen=True)
class Opened:
    """A SavedModel folder that loads, its inference meta graph and its signatures."""

    folder: Path
    shown: Path  # what the user gave
    graph: Any  # MetaGraphDef
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Frozen:
    """One signature without variables. `inputs` and `outputs` are the graph's tensor names, in
    the order of `signature.inputs` and `signature.outputs`."""

    signature: Signature
    function: Any  # ConcreteFunction
    graph_def: Any  # GraphDef
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    loop: Text | None = None  # why a loop is left in it

    def run(self, sample: Sequence[Any]) -> list[Any]:
        """The outputs of one sample as numpy arrays; inputs as in `signature.inputs`."""
        tensors = [
            tf.constant(value, spec.dtype)
            for value, spec in zip(sample, self.signature.inputs, strict=True)
        ]
        return [output.numpy() for output in self.function(*tensors)]


@contextmanager
def opened(source: ModelSource) -> Iterator[Opened]:
    """The model as a SavedModel that loads; temporary files are gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="edgekiln-") as scratch:
        folder = source.path
        if source.kind == "keras":
            folder = Path(scratch) / "exported"
            export_keras(source, folder)
        proto = read_proto(folder)
        graph = inference_graph(proto)
        check_operators(source.path, graph)
        if source.kind == "saved-model":
            check_weights(folder)
        signatures = signatures_of(source.path, graph)
        with loadable(folder, proto) as ready:
            yield Opened(ready, source.path, graph, signatures)


def freeze(model: Opened, signature: Signature, shapes: Shapes) -> Frozen:
    """The signature with input `shapes` (-1: dynamic) and every variable a constant."""
    specs = [
        tf.TensorSpec([None if n == DYNAMIC else n for n in shapes[s.name]], s.dtype, f"input_{i}")
        for i, s in enumerate(signature.inputs)
    ]
    try:
        concrete, _variables = _concrete(model, signature, specs)
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        raise _sizes_refused(error) from error
    _refuse_state(model, concrete)
    # As the converter itself does: it knows While and If, not the Switch and Merge below them
    function = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    return Frozen(
        Signature(
            signature.key,
            _pinned(signature.inputs, function.inputs),
            _pinned(signature.outputs, function.outputs),
        ),
        function,
        _tidied(function.graph.as_graph_def()),
        tuple(tensor.name for tensor in function.inputs),
        tuple(tensor.name for tensor in function.outputs),
    )


def _tidied(graph_def: Any) -> Any:
    """The graph with nothing that waits for a print to the terminal, and its library tidied."""
    prints = {f"^{node.name}" for node in graph_def.node if node.op == "PrintV2"}
    for node in graph_def.node if prints else ():
        node.input[:] = [name for name in node.input if name not in prints]
    tidy_library(graph_def)
    return graph_def


def _concrete(model: Opened, signature: Signature, specs: Sequence[Any]) -> tuple[Any, Any]:
    """The signature as a ConcreteFunction, inputs and outputs in the signature's order; and what
    holds its variables: they are gone when it is."""
    if model.graph.object_graph_def.nodes:
        try:
            call = _load_objects(model, signature)
        except Exception as error:  # noqa: BLE001  (a class that is not here fails in any way)
            # Inference needs the graph and its variables, and these load without the objects
            why = error
        else:
            return tf.function(call).get_concrete_function(*specs), call
    else:
        why = None
    try:
        call = _load_session(model, signature)
    except (tf.errors.OpError, OSError, ValueError, RuntimeError) as error:
        words = " ".join(str(why or error).split())[:300]
        raise cannot_open(model.shown, say("TensorFlow says: {words}", words=words)) from error
    # tf.function would add control edges from outside into the loops of TensorFlow 1
    return tf.compat.v1.wrap_function(call, list(specs)), call


def _load_objects(model: Opened, signature: Signature) -> Callable[..., list[Any]]:
    loaded = tf.saved_model.load(str(model.folder), tags=list(model.graph.meta_info_def.tags))
    entry = loaded.signatures[signature.key]

    def call(*tensors: Any) -> list[Any]:
        named = {spec.name: t for spec, t in zip(signature.inputs, tensors, strict=True)}
        outputs = entry(**named)
        assert loaded is not None  # keeps the variables alive
        return [tf.identity(outputs[spec.name]) for spec in signature.outputs]

    return call


def _load_session(model: Opened, signature: Signature) -> Callable[..., list[Any]]:
    """Load into a session of TensorFlow 1 and freeze there: reference variables cannot be frozen
    any other way, and no Python object is needed."""
    v1 = tf.compat.v1
    definition = model.graph.signature_def[signature.key]
    inputs = [definition.inputs[spec.name].name for spec in signature.inputs]
    outputs = [definition.outputs[spec.name].name for spec in signature.outputs]
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        v1.saved_model.load(session, list(model.graph.meta_info_def.tags), str(model.folder))
        nodes = [name.split(":")[0] for name in outputs]
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), nodes)
    tidy_library(frozen)

    def call(*tensors: Any) -> list[Any]:
        feeds = dict(zip(inputs, tensors, strict=True))
        fetched = tf.graph_util.import_graph_def(
            frozen, input_map=feeds, return_elements=outputs, name=""
        )
        return [tf.identity(tensor) for tensor in fetched]

    return call


def _pinned(specs: tuple[TensorSpec, ...], tensors: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(spec.name, _sizes(tensor.shape, spec.shape), spec.dtype)
        for spec, tensor in zip(specs, tensors, strict=True)
    )


def _sizes(shape: Any, declared: tuple[int, ...]) -> tuple[int, ...]:
    if shape.rank is None:
        return declared
    return tuple(DYNAMIC if n is None else int(n) for n in shape.as_list())


def _sizes_refused(error: Exception) -> UserError:
    return UserError(
        say("The model cannot be built with these input sizes."),
        say("TensorFlow says: {words}", words=" ".join(str(error).split())[:300]),
        say("Give the sizes the model was trained with."),
    )


def _refuse_state(model: Opened, concrete: Any) -> None:
    """UserError for variables that are written and for lookup tables: neither can be a constant."""
    nodes = all_nodes(concrete.graph.as_graph_def())
    if state := sorted({node.op for node in nodes if node.op.startswith(_STATE)}):
        raise UserError(
            say("“{path}” keeps a state while it runs.", path=str(model.shown)),
            say("Operators that cannot become constants: {names}.", names=", ".join(state)),
            say("Export a stateless model; do table lookups outside of it."),
        )
