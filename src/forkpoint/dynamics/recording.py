"""Recording what equations do on NumPy: each operation once, as a node that knows what it depends on.

Equations are called with :class:`Recorded` values in place of arrays. Every operation is carried out on a sample (so
shapes and types are known) and kept as a :class:`Node`; the same operation on the same operands is kept once. What
cannot be recorded raises Unrecordable, and the model then runs equation by equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Kind: TypeAlias = Literal["input", "elementwise", "reduce", "view", "whole"]

FIXED, TIMED, STATE = 0, 1, 2
"""A value depends on parameters only, on time or series too, or on stocks."""

_REDUCTIONS = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
_VIEWS = {np.broadcast_to, np.swapaxes}
_WHOLE = {np.concatenate, np.roll}


class Unrecordable(Exception):
    """An operation that has no record."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation: ``function(*operands, *arguments)``; operands are numbers of earlier nodes."""

    number: int
    kind: Kind
    level: int
    shape: tuple[int, ...]
    boolean: bool
    operands: tuple[int, ...] = ()
    function: Any = None
    arguments: tuple[Any, ...] = ()
    value: Any = None

    @cached_property
    def single(self) -> bool:
        """Whether it is one number, whatever its axes."""
        return math.prod(self.shape) == 1


class Recorder:
    """The operations so far, in an order in which they can be carried out."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Any, Recorded] = {}
        self._kept: list[Any] = []

    def input(self, sample: Any, level: int) -> Recorded:
        """A value given from outside."""
        return self._add("input", level, (), None, (), sample)

    def operand(self, value: Any) -> Recorded:
        """A recorded value as it is, and a number or array as a constant."""
        if isinstance(value, Recorded):
            return value
        if not isinstance(value, int | float | bool | np.ndarray | np.generic):
            raise Unrecordable(f"a {type(value).__name__} in an operation")
        key = ("constant", type(value), value if np.ndim(value) == 0 else id(value))
        if key not in self._known:
            self._kept.append(value)  # an array's identity is its key: it must stay
            self._known[key] = self._add("input", FIXED, (), None, (), value, value=value)
        return self._known[key]

    def apply(self, kind: Kind, function: Any, operands: tuple[Any, ...], *arguments: Any) -> Recorded:
        """Carry an operation out on the samples and keep it, unless it is known."""
        found = tuple(self.operand(o) for o in operands)
        numbers = tuple(o.node.number for o in found)
        key = (kind, function, numbers, repr(arguments))
        if key not in self._known:
            sample = carry_out(kind, function, [o.sample for o in found], arguments)
            level = max((o.node.level for o in found), default=FIXED)
            self._known[key] = self._add(kind, level, numbers, function, arguments, sample)
        return self._known[key]

    def _add(
        self, kind: Kind, level: int, operands: tuple[int, ...], function: Any, arguments: tuple[Any, ...], sample: Any,
        value: Any = None,
    ) -> Recorded:  # fmt: skip
        kept = np.asarray(sample)
        if kept.dtype.kind not in "fbi":
            raise Unrecordable(f"values of type {kept.dtype}")
        node = Node(len(self.nodes), kind, level, kept.shape, kept.dtype.kind == "b", operands, function, arguments,
                    value)  # fmt: skip
        self.nodes.append(node)
        return Recorded(self, node, sample)


def carry_out(kind: Kind, function: Any, operands: list[Any], arguments: tuple[Any, ...]) -> Any:
    """One operation on arrays."""
    if kind == "reduce":
        axis, keepdims = arguments
        return function.reduce(operands[0], axis=axis, keepdims=keepdims)
    if kind == "whole":
        return function(operands if function is np.concatenate else operands[0], **dict(arguments))
    return function(*operands, *arguments)


class Recorded(NDArrayOperatorsMixin):
    """Stands for an array inside an equation."""

    def __init__(self, recorder: Recorder, node: Node, sample: Any) -> None:
        self.recorder, self.node, self.sample = recorder, node, sample

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.node.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.node.shape)

    def __bool__(self) -> bool:
        raise Unrecordable("a branch on a value")

    def __pow__(self, exponent: Any) -> Any:
        # NumPy, too, squares arrays by a product.
        square = isinstance(exponent, int | float) and exponent == 2
        return self.recorder.apply("elementwise", np.square if square else np.power,
                                   (self,) if square else (self, exponent))  # fmt: skip

    def __getitem__(self, index: Any) -> Recorded:
        places = index if isinstance(index, tuple) else (index,)
        if not all(p is None or isinstance(p, slice | int) for p in places):
            raise Unrecordable("an index that is no slice")
        return self.recorder.apply("view", take, (self,), places)

    def reshape(self, *shape: Any) -> Recorded:
        """The same values on other axes."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return self.recorder.apply("view", np.reshape, (self,), tuple(wanted))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc.nout != 1:
            raise Unrecordable(f"{ufunc.__name__} with options")
        return self.recorder.apply("elementwise", ufunc, inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Any:
        if function is np.shape:
            return self.shape
        if function is np.ndim:
            return self.ndim
        if function is np.where and len(args) == 3:
            return self.recorder.apply("elementwise", np.where, args)
        if function in _REDUCTIONS and len(args) == 1 and set(options) <= {"axis", "keepdims"}:
            axis = options.get("axis")
            axes = range(self.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
            behind = tuple(a if a < 0 else a - self.ndim for a in axes)
            return self.recorder.apply(
                "reduce", _REDUCTIONS[function], args, behind, bool(options.get("keepdims", False))
            )
        if function in _VIEWS and not options:
            return self.recorder.apply("view", function, args[:1], *args[1:])
        if function in _WHOLE:
            parts = tuple(args[0]) if function is np.concatenate else (args[0],)
            named = {**dict(zip(("shift",), args[1:], strict=False)), **options}
            return self.recorder.apply("whole", function, parts, *sorted(named.items()))
        raise Unrecordable(f"numpy.{function.__name__}")


def take(value: Any, places: tuple[Any, ...]) -> Any:
    """``value[places]``."""
    return value[places]
