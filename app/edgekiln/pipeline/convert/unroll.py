"""Loops whose number of steps is known, as plain operators, one step after the other.

A recurrent layer (LSTM, GRU) is exported as a loop over lists of tensors. The converter refuses
their unknown sizes (tensorflow #58668); step after step there is neither a loop nor a list left,
only MatMul, Split and activations, which every runtime has and which quantize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.python.eager import execute
from tensorflow.python.eager.context import context, eager_mode
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

from edgekiln.core.text import say
from edgekiln.pipeline.convert.freeze import Frozen
from edgekiln.pipeline.convert.saved_model import tidy_library
from edgekiln.pipeline.convert.values import DEAD, Listed, NotKnown, Value, on_list, shape_known

MOST_STEPS = 64
_MOST_OPERATORS = 20_000
_VIEWS = (
    "Identity",
    "IdentityN",
    "StopGradient",
    "PreventGradient",
    "LoopCond",
    "Snapshot",
    "PlaceholderWithDefault",
)
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_Seeds = Mapping[str, Sequence[Value]]  # outputs of operators that are given, by operator name


def unroll(frozen: Frozen) -> Frozen:
    """The same function without its loops; NotKnown where the number of steps depends on the
    inputs or is more than 64. `function` stays what it was: the proof compares with it."""
    return replace(frozen, **_Unrolling(frozen, MOST_STEPS).names())


def element_sizes(frozen: Frozen) -> dict[str, tuple[int, ...]]:
    """The sizes of one element for each operator on lists outside of the loops, by name.

    Learned from a single step of each loop: a step does not change the sizes.
    """
    return _Unrolling(frozen, 0).sizes


class _Unrolling:
    """A graph worked out ahead into a new one: what is known is computed, the rest is copied.

    `most_steps` 0 leaves every loop after one step: the values are wrong then, the sizes are not.
    """

    def __init__(self, frozen: Frozen, most_steps: int) -> None:
        self.sizes: dict[str, tuple[int, ...]] = {}
        self._most_steps = most_steps
        self._graph = tf.Graph()
        self._library = {f.signature.name: f for f in frozen.graph_def.library.function}
        self._constants: dict[int, tuple[Any, Any]] = {}
        self._read: dict[tuple[int, str], Any] = {}
        self._bodies: dict[str, Any] = {}
        self._scope = ""
        source = frozen.function.graph
        with self._graph.as_default():
            library = tf.compat.v1.GraphDef(library=frozen.graph_def.library)
            tf.graph_util.import_graph_def(library, name="")
            inputs = [
                tf.compat.v1.placeholder(t.dtype, t.shape, t.op.name)
                for t in frozen.function.inputs
            ]
            seeds = {
                t.op.name: [given] for t, given in zip(frozen.function.inputs, inputs, strict=True)
            }
            values = self._run(source, frozen.function.outputs, seeds)
            outputs = [
                tf.identity(self._tensor(value), f"output_{i}") for i, value in enumerate(values)
            ]
        self._inputs = tuple(tensor.name for tensor in inputs)
        self._outputs = tuple(tensor.name for tensor in outputs)

    def names(self) -> dict[str, Any]:
        """What differs from the graph it was made from."""
        graph_def = self._graph.as_graph_def()
        tidy_library(graph_def)
        return {"graph_def": graph_def, "inputs": self._inputs, "outputs": self._outputs}

    def _run(self, graph: Any, targets: Sequence[Any], seeds: _Seeds) -> list[Value]:
        """The values of some tensors of a graph, given those of some operators."""
        done: dict[str, Sequence[Value]] = dict(seeds)
        for op in _in_order([tensor.op for tensor in targets], done):
            done[op.name] = self._perform(graph, op, done)
        return [done[tensor.op.name][tensor.value_index] for tensor in targets]

    def _perform(self, graph: Any, op: Any, done: _Seeds) -> Sequence[Value]:
        if op.type == "Exit":
            return [self._leave_loop(graph, op, done)]
        values = [done[tensor.op.name][tensor.value_index] for tensor in op.inputs]
        if op.type == "Merge":
            return _alive(op, values)
        if any(done[pivot.name][0] is DEAD for pivot in _pivots(op)):
            return [DEAD] * len(op.outputs)
        if (lists := on_list(op, values)) is not None:
            if op.type == "TensorListStack":
                self.sizes[op.name] = tuple(lists[0].shape[1:])
            return lists
        if any(value is DEAD for value in values):
            return [DEAD] * len(op.outputs)
        if op.type == "Switch":
            return (DEAD, values[0]) if _known(op, values[1]) else (values[0], DEAD)
        return self._plain(op, values)

    def _plain(self, op: Any, values: Sequence[Value]) -> Sequence[Value]:
        if op.type in _VIEWS:
            return values
        if op.type == "Const":
            return [self._constant(op)]
        if op.type in ("While", "StatelessWhile"):
            return self._loop(op, values)
        if op.type in _CALLS:
            return self._call(op.get_attr("f").name, values)
        if op.type in ("If", "StatelessIf") and isinstance(values[0], np.ndarray):
            branch = "then_branch" if values[0].any() else "else_branch"
            return self._call(op.get_attr(branch).name, values[1:])
        if op.type in ("Shape", "ShapeN", "Size", "Rank") and all(map(shape_known, values)):
            return _measured(op, values)
        if _is_known(op, values):
            return _computed(op, values)
        return self._copied(op, values)

    def _loop(self, op: Any, values: Sequence[Value]) -> Sequence[Value]:
        condition, body = op.get_attr("cond").name, op.get_attr("body").name
        if not self._most_steps:
            return self._glimpse(op, values)
        outer = self._scope
        for step in range(self._most_steps + 1):
            self._scope = f"{outer}{op.name}/step_{step}/"
            if not _known(op, self._call(condition, values)[0]):
                self._scope = outer
                return values
            values = self._call(body, values)
        raise _too_long(op)

    def _glimpse(self, op: Any, values: Sequence[Value]) -> Sequence[Value]:
        after = self._call(op.get_attr("body").name, values)
        for tensor, value in zip(op.inputs, after, strict=True):
            if isinstance(value, Listed):
                self.sizes[tensor.op.name] = tuple(value.get(0).shape)
        return after

    def _leave_loop(self, graph: Any, leaving: Any, done: _Seeds) -> Value:
        """A loop of TensorFlow 1: Enter, Merge, Switch, NextIteration and Exit of one frame."""
        frame = _frame_of(leaving)
        given = {op.name: [done[op.inputs[0].op.name][op.inputs[0].value_index]] for op in frame}
        merges = [op for op in _consumers(frame) if op.type == "Merge"]
        switches = {m.name: [s for s in _consumers([m]) if s.type == "Switch"] for m in merges}
        going_on = leaving.inputs[0].op.inputs[1].op.inputs[0]
        state = {m.name: given[m.inputs[0].op.name][0] for m in merges}
        outer = self._scope
        for step in range(self._most_steps + 1):
            self._scope = f"{outer}{leaving.name}/step_{step}/"
            seeds = {**done, **given, **{name: [value, DEAD] for name, value in state.items()}}
            for merge, found in switches.items():
                seeds |= {switch.name: [DEAD, state[merge]] for switch in found}
            if not _known(leaving, self._run(graph, [going_on], seeds)[0]):
                self._scope = outer
                return state[leaving.inputs[0].op.inputs[0].op.name]
            targets = [merge.inputs[1].op.inputs[0] for merge in merges]
            state = dict(zip(state, self._run(graph, targets, seeds), strict=True))
        raise _too_long(leaving)

    def _call(self, name: str, values: Sequence[Value]) -> list[Value]:
        if name not in self._bodies:
            self._bodies[name] = function_def_to_graph(self._library[name])
        body = self._bodies[name]
        seeds = {t.op.name: [value] for t, value in zip(body.inputs, values, strict=True)}
        return self._run(body, body.outputs, seeds)

    def _constant(self, op: Any) -> Any:
        key = (id(op.graph), op.name)
        if key not in self._read:
            self._read[key] = np.asarray(tf.make_ndarray(op.get_attr("value")))
        return self._read[key]

    def _copied(self, op: Any, values: Sequence[Value]) -> Sequence[Value]:
        if len(self._graph.get_operations()) > _MOST_OPERATORS:
            raise NotKnown(say("step after step it has too many operators"))
        attributes = {k: v for k, v in op.node_def.attr.items() if not k.startswith("_")}
        copy = self._graph.create_op(
            op.type,
            [self._tensor(value) for value in values],
            [tensor.dtype for tensor in op.outputs],
            name=self._scope + op.name,
            attrs=attributes,
            op_def=op.op_def,
        )
        return list(copy.outputs)

    def _tensor(self, value: Value) -> Any:
        if isinstance(value, Listed) or value is DEAD:
            raise NotKnown(say("a list goes into a loop whose steps are not known"))
        if not isinstance(value, np.ndarray):
            return value
        if id(value) not in self._constants:  # the array is kept, so that its id stays its own
            self._constants[id(value)] = (value, tf.constant(value, name="constant"))
        return self._constants[id(value)][1]


def _in_order(targets: Sequence[Any], done: _Seeds) -> Iterator[Any]:
    """The operators that the targets need and that are not done, each after what it needs."""
    told: set[str] = set()
    stack = [(op, False) for op in reversed(targets)]
    while stack:
        op, ready = stack.pop()
        if op.name in told or op.name in done:
            continue
        if ready:
            told.add(op.name)
            yield op
        else:
            stack.append((op, True))
            stack += [(needed, False) for needed in _needs(op)]


def _needs(op: Any) -> list[Any]:
    if op.type == "Exit":
        return [entering.inputs[0].op for entering in _frame_of(op)]
    return [tensor.op for tensor in op.inputs] + _pivots(op)


def _pivots(op: Any) -> list[Any]:
    """What a constant in a branch of TensorFlow 1 waits for: it is dead with the branch."""
    found = [c for c in op.control_inputs if c.type == "Identity"]
    return [c for c in found if c.inputs[0].op.type == "Switch"]


def _frame_of(leaving: Any) -> list[Any]:
    """The Enter operators of the loop that an Exit leaves."""
    merge = leaving.inputs[0].op.inputs[0].op
    frame = merge.inputs[0].op.get_attr("frame_name")
    operators = leaving.graph.get_operations()
    return [op for op in operators if op.type == "Enter" and op.get_attr("frame_name") == frame]


def _consumers(ops: Sequence[Any]) -> list[Any]:
    users = (user for op in ops for tensor in op.outputs for user in tensor.consumers())
    return list({user.name: user for user in users}.values())


def _alive(op: Any, values: Sequence[Value]) -> Sequence[Value]:
    alive = [index for index, value in enumerate(values) if value is not DEAD]
    if not alive:
        return [DEAD, DEAD]
    if len(alive) > 1:
        raise NotKnown(say("“{name}” joins branches that depend on the inputs", name=op.name))
    return [values[alive[0]], np.array(alive[0], np.int32)]


def _known(op: Any, value: Value) -> bool:
    if not isinstance(value, np.ndarray):
        raise NotKnown(say("“{name}” depends on the values of the inputs", name=op.name))
    return bool(value.any())


def _is_known(op: Any, values: Sequence[Value]) -> bool:
    if op.op_def.is_stateful or not all(isinstance(value, np.ndarray) for value in values):
        return False
    return not any(output.dtype in (tf.resource, tf.variant) for output in op.outputs)


def _measured(op: Any, values: Sequence[Value]) -> list[Any]:
    dtype = op.outputs[0].dtype.as_numpy_dtype
    shapes = [[int(size) for size in value.shape] for value in values]
    if op.type in ("Size", "Rank"):
        shape = shapes[0]
        return [np.asarray(len(shape) if op.type == "Rank" else prod(shape), dtype)]
    return [np.asarray(shape, dtype) for shape in shapes]


def _computed(op: Any, values: Sequence[Value]) -> list[Any]:
    """The operator on known values, by TensorFlow itself."""
    attributes: list[Any] = []
    for name in op.node_def.attr:
        if not name.startswith("_"):
            attributes += [name, _attribute(op.get_attr(name))]
    with eager_mode(), tf.device("/CPU:0"):
        inputs = [tf.constant(value) for value in values]
        outputs = execute.execute(
            op.type.encode(), len(op.outputs), inputs, tuple(attributes), context()
        )
    return [np.asarray(output.numpy()) for output in outputs]


def _attribute(value: Any) -> Any:
    if isinstance(value, list):
        return [_attribute(each) for each in value]
    if isinstance(value, TensorShapeProto):
        return tf.TensorShape(value).as_list()
    return value.as_datatype_enum if isinstance(value, tf.DType) else value


def _too_long(op: Any) -> NotKnown:
    return NotKnown(say("“{name}” takes more than {n} steps", name=op.name, n=MOST_STEPS))
