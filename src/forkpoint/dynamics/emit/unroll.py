"""Equations taken apart: what they do on arrays, recorded on NumPy, as one scalar expression for every element.

Elementwise and summing operations are applied to the symbols themselves. Operations that only move elements (reshape,
slice, transpose, …) are carried out on arrays of symbols as they are on arrays of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.emit.symbols import Graph, Symbol
from forkpoint.dynamics.recording import STATE, Node, Recorder, Unrecordable, carry_out
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.evaluation import BoundEquation
    from forkpoint.dynamics.model import Model

Symbols: TypeAlias = Any
"""A NumPy array of dtype object that holds symbols."""

ARITHMETIC: dict[Any, str] = {
    np.add: "add", np.subtract: "sub", np.multiply: "mul", np.divide: "div", np.negative: "neg", np.power: "pow",
    np.maximum: "max", np.minimum: "min", np.exp: "exp", np.log: "log", np.log1p: "log1p", np.expm1: "expm1",
    np.sqrt: "sqrt", np.tanh: "tanh", np.sin: "sin", np.cos: "cos", np.tan: "tan", np.arcsin: "asin",
    np.arccos: "acos", np.arctan: "atan", np.sinh: "sinh", np.cosh: "cosh", np.absolute: "abs", np.floor: "floor",
    np.ceil: "ceil", np.fmod: "rem", np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge",
    np.equal: "eq", np.not_equal: "ne",
}  # fmt: skip
"""NumPy's functions of numbers → operation of a symbol."""

LOGIC: dict[Any, str] = {np.logical_and: "and", np.logical_or: "or", np.logical_not: "not", np.bitwise_and: "and",
                         np.bitwise_or: "or", np.invert: "not"}  # fmt: skip


def unroll(model: Model, equation: BoundEquation, graph: Graph) -> list[Symbol]:
    """The elements of an equation's result in row-major order. Raises ModelError naming the function."""
    recorder = Recorder()
    shapes = {name: model.shape(name) if name in model.variables else () for name in equation.inputs}
    inputs = {name: recorder.input(np.ones(shape)[()], STATE) for name, shape in shapes.items()}
    names = {recorded.node.number: name for name, recorded in inputs.items()}
    refusal = f"{equation.label} cannot be written out"
    try:
        with np.errstate(all="ignore"):
            result = recorder.operand(equation(inputs))
    except Unrecordable as error:
        raise ModelError(f"{refusal}: {error}") from error

    def given(node: Node) -> Symbols:
        return placed(graph, names[node.number], node.shape)

    unrolled = Unroller(recorder.nodes, graph, given, refusal)
    shape = model.shape(equation.name) if equation.name in model.variables else result.shape
    return [graph.number(s) for s in np.broadcast_to(unrolled.symbols(result.node), shape).reshape(-1)]


def placed(graph: Graph, variable: str, shape: tuple[int, ...], first: int = 0) -> Symbols:
    """The elements of a variable as inputs of a graph, from a first place on."""
    found = np.empty(int(np.prod(shape, dtype=int)), dtype=object)
    found[:] = [graph.input(variable, first + place) for place in range(found.size)]
    return found.reshape(shape)


class Unroller:
    """Takes recorded nodes apart, the operands first.

    ``given``: the elements of a node that comes from outside; ``refusal``: how an error begins.
    """

    def __init__(self, nodes: Sequence[Node], graph: Graph, given: Callable[[Node], Symbols], refusal: str) -> None:
        self.nodes, self.graph, self.given, self.refusal = nodes, graph, given, refusal
        self.known: dict[int, Symbols] = {}

    def outside(self, node: Node) -> bool:
        """Whether a node's elements are read, not computed."""
        return node.kind == "input"

    def symbols(self, root: Node) -> Symbols:
        """The elements of a node. Raises ModelError for an operation without a scalar form."""
        queue = [root.number]
        while queue:
            node = self.nodes[queue[-1]]
            inner = () if self.outside(node) else node.operands
            waiting = [o for o in inner if o not in self.known]
            if waiting:
                queue += waiting
                continue
            queue.pop()
            if node.number not in self.known:
                self.known[node.number] = self._taken_apart(node)
        return self.known[root.number]

    def _taken_apart(self, node: Node) -> Symbols:
        if node.value is not None:
            convert: Callable[[Any], float | bool] = bool if node.boolean else float
            return mapped(lambda item: self.graph.constant(convert(item)), np.asarray(node.value))
        if self.outside(node):
            found = self.given(node)
            return mapped(self.graph.truth, found) if node.boolean else found
        operands = [self.known[o] for o in node.operands]
        if node.kind == "elementwise":
            return self._elementwise(node.function, operands)
        if node.kind == "reduce":
            return self._reduced(node, operands[0])
        return np.asarray(carry_out(node.kind, node.function, operands, node.arguments))

    def _elementwise(self, function: Any, operands: list[Symbols]) -> Symbols:
        graph = self.graph
        if function is np.where:
            return mapped(lambda which, yes, no: _chosen(graph, which, yes, no), *operands)
        if function is np.square:
            return mapped(lambda a: graph.apply("mul", graph.number(a), graph.number(a)), *operands)
        if function in LOGIC:
            return mapped(lambda *items: graph.apply(LOGIC[function], *map(graph.truth, items)), *operands)
        if function not in ARITHMETIC:
            raise ModelError(f"{self.refusal}: it uses numpy.{function.__name__}")
        return mapped(lambda *items: graph.apply(ARITHMETIC[function], *map(graph.number, items)), *operands)

    def _reduced(self, node: Node, operand: Symbols) -> Symbols:
        operation = ARITHMETIC[node.function]
        behind, keepdims = node.arguments
        axes = [a % operand.ndim for a in behind]
        kept = [a for a in range(operand.ndim) if a not in axes]
        shape = tuple(1 if a in axes else operand.shape[a] for a in range(operand.ndim) if keepdims or a not in axes)
        rows = operand.transpose([*kept, *axes]).reshape(int(np.prod([operand.shape[a] for a in kept], dtype=int)), -1)
        found = np.empty(len(rows), dtype=object)
        for index, row in enumerate(rows):
            found[index] = _balanced(self.graph, operation, [self.graph.number(item) for item in row])
        return found.reshape(shape)


def _balanced(graph: Graph, operation: str, items: list[Symbol]) -> Symbol:
    """Items joined pairwise: short chains for the processor, and rounding that grows slowly (Higham 2002, §4.2)."""
    while len(items) > 1:
        pairs = [graph.apply(operation, a, b) for a, b in zip(items[::2], items[1::2], strict=False)]
        items = pairs + items[len(items) - len(items) % 2 :]
    return items[0]


def _chosen(graph: Graph, which: Symbol, yes: Symbol, no: Symbol) -> Symbol:
    """``yes`` where ``which`` holds; two truth values stay a truth value."""
    which = graph.truth(which)
    if yes.is_truth and no.is_truth:
        return graph.apply("or", graph.apply("and", which, yes), graph.apply("and", graph.apply("not", which), no))
    return graph.apply("select", which, graph.number(yes), graph.number(no))


def mapped(function: Callable[..., Symbol], *arrays: Any) -> Symbols:
    """A function applied to arrays element by element, scalars broadcast."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    flat = [np.broadcast_to(a, shape).reshape(-1) for a in arrays]
    found = np.empty(flat[0].size, dtype=object)
    for index, items in enumerate(zip(*flat, strict=True)):
        found[index] = function(*items)
    return found.reshape(shape)
