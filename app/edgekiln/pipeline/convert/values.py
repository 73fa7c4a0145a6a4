"""What flows through a graph that is worked out ahead: numbers, tensors, lists of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from edgekiln.core.text import Text, say

Value = Any  # a numpy array (known), a tf.Tensor (not known), a Listed, or DEAD


class Dead:
    """The side of a TensorFlow 1 branch that is not taken."""


DEAD = Dead()


class NotKnown(Exception):
    """Something depends on the inputs that would have to be known; `why` says what."""

    def __init__(self, why: Text) -> None:
        self.why = why
        super().__init__(str(why))


@dataclass(frozen=True)
class Listed:
    """A TensorList or a TensorArray, element by element; None: not written yet, so zeros."""

    items: tuple[Value | None, ...]
    dtype: Any

    def put(self, index: int, value: Value) -> Listed:
        """The list with one element written; writing past the end makes it longer."""
        grown = [*self.items, *[None] * (index + 1 - len(self.items))]
        grown[index] = value
        return replace(self, items=tuple(grown))

    def get(self, index: int) -> Value:
        """One element."""
        item = self.items[index]
        return self._zeros() if item is None else item

    def stack(self) -> Value:
        """All elements as one tensor, [elements, …]."""
        items = [self._zeros() if item is None else item for item in self.items]
        known = all(isinstance(item, np.ndarray) for item in items)
        return np.stack(items) if known else tf.stack(items, name="stack")

    def _zeros(self) -> Value:
        written = next((item for item in self.items if item is not None), None)
        if written is None or not shape_known(written):
            raise NotKnown(say("the size of a list's elements is not known"))
        return np.zeros(tuple(written.shape), self.dtype.as_numpy_dtype)


def listed(value: Value, dtype: Any) -> Listed:
    """A tensor [elements, …] as the list of its elements."""
    if isinstance(value, np.ndarray):
        return Listed(tuple(value), dtype)
    if value.shape.rank is None or value.shape[0] is None:
        raise NotKnown(say("the length of a list is not known"))
    return Listed(tuple(tf.unstack(value, name="unstack")), dtype)


def shape_known(value: Value) -> bool:
    """Whether every size of a number or a tensor is known."""
    return isinstance(value, np.ndarray) or value.shape.is_fully_defined()


def integer(value: Value) -> int:
    """A known whole number; NotKnown for a tensor."""
    if not isinstance(value, np.ndarray):
        raise NotKnown(say("an index depends on the inputs"))
    return int(value.reshape(()))


def _indices(value: Value) -> Sequence[int]:
    if not isinstance(value, np.ndarray):
        raise NotKnown(say("an index depends on the inputs"))
    return [int(index) for index in value]


def _type(op: Any) -> Any:
    return op.get_attr("dtype" if op.type.startswith("TensorArray") else "element_dtype")


def on_list(op: Any, values: Sequence[Value]) -> list[Value] | None:
    """The outputs of an operator on lists (TensorList…, TensorArray…V3); None for any other.

    TensorFlow 1 gives a TensorArray a handle and a flow; the elements are kept in the flow.
    """
    method = _LISTS.get(op.type)
    return None if method is None else method(op, values)


_LISTS: dict[str, Any] = {
    "TensorListReserve": lambda op, v: [Listed((None,) * integer(v[1]), _type(op))],
    "EmptyTensorList": lambda op, _: [Listed((), _type(op))],
    "TensorListFromTensor": lambda op, v: [listed(v[0], _type(op))],
    "TensorListSetItem": lambda _, v: [v[0].put(integer(v[1]), v[2])],
    "TensorListGetItem": lambda _, v: [v[0].get(integer(v[1]))],
    "TensorListStack": lambda _, v: [v[0].stack()],
    "TensorListLength": lambda _, v: [np.array(len(v[0].items), np.int32)],
    "TensorListPushBack": lambda _, v: [v[0].put(len(v[0].items), v[1])],
    "TensorListGather": lambda _, v: [_some(v[0], v[1]).stack()],
    "TensorArrayV3": lambda op, v: [DEAD, Listed((None,) * integer(v[0]), _type(op))],
    "TensorArrayScatterV3": lambda _, v: [_scattered(v[3], v[1], v[2])],
    "TensorArrayWriteV3": lambda _, v: [v[3].put(integer(v[1]), v[2])],
    "TensorArrayReadV3": lambda _, v: [v[2].get(integer(v[1]))],
    "TensorArrayGatherV3": lambda _, v: [_some(v[2], v[1]).stack()],
    "TensorArraySizeV3": lambda _, v: [np.array(len(v[1].items), np.int32)],
}


def _some(array: Listed, indices: Value) -> Listed:
    return replace(array, items=tuple(array.get(index) for index in _indices(indices)))


def _scattered(array: Listed, indices: Value, value: Value) -> Listed:
    for index, item in zip(_indices(indices), listed(value, array.dtype).items, strict=True):
        array = array.put(index, item)
    return array
