"""One Euler step of a model as scalar expressions: what the LLVM engine compiles and differentiates.

The equations are recorded once on NumPy (:mod:`.recording`) and taken apart into one symbol for every element. Elements
of five places are read:

- ``fixed``: values of the run that all draws share (parameters, and everything computed from them alone);
- ``timed``: values of one moment that all draws share (time, series, and everything computed from them alone);
- ``drawn``: values of one draw that hold for the whole run (drawn parameters, constants computed from them);
- ``path``: values of one draw at one moment (drawn series, drawn parameters moved by a dated lever, drawn held paths);
- ``state``: the stocks.

What draws share is computed by NumPy, once, and does not appear in the expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order
from forkpoint.dynamics.emit.unroll import mapped
from forkpoint.dynamics.recording import FIXED, STATE, TIMED, Node, Recorder, Unrecordable, carry_out
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.evaluation import Link, Values
    from forkpoint.dynamics.simulate import Plan

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
LOGIC: dict[Any, str] = {np.logical_and: "and", np.logical_or: "or", np.logical_not: "not", np.bitwise_and: "and",
                         np.bitwise_or: "or", np.invert: "not"}  # fmt: skip
Element: TypeAlias = tuple[str, int]
"""A variable and the place of one of its elements in row-major order."""

PLACES = ("fixed", "timed", "drawn", "path", "state")
MOVING = ("timed", "path", "state")


@dataclass(frozen=True)
class ScalarStep:
    """A step: where each recorded node's elements stand, the stocks at the start and one step later, and the outputs.

    ``layout``: place → {node number: first slot}; ``sizes``: slots of each place; ``inputs``, ``held``, ``given``: node
    numbers of parameters and series, held paths, and given initial values; ``start``, ``following``: every stock
    element at the start and one step later; ``outputs``: the elements asked for, now. Elements are in row-major order,
    stocks in the system's.
    """

    nodes: tuple[Node, ...]
    layout: Mapping[str, Mapping[int, int]]
    sizes: Mapping[str, int]
    inputs: Mapping[str, int]
    held: Mapping[Link, int]
    given: Mapping[str, int]
    start: tuple[Symbol, ...]
    following: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    shared: tuple[Node, ...]
    graph: Graph = field(repr=False)


def scalar_step(plan: Plan, drawn: frozenset[str], outputs: Sequence[Element]) -> ScalarStep:
    """The step of a plan, giving these elements of its variables. ``drawn``: inputs that differ between draws.

    Raises ModelError where an equation does what has no scalar form.
    """
    recorder = Recorder()
    grid, model = plan.grid, plan.model
    moved = frozenset(n for n in plan.inputs.varying if n in model.parameters)
    system = model.system(0).with_varying(moved, frozenset(target for _, target in plan.held))
    inputs = {n: recorder.input(_first(v, plan), FIXED) for n, v in plan.inputs.fixed.items()}
    inputs |= {n: recorder.input(_first(v[0, 0], plan), TIMED) for n, v in plan.inputs.varying.items()}
    inputs |= {"time_step": recorder.input(grid.step, FIXED), "time": recorder.input(grid.start, TIMED)}
    held = {link: recorder.input(_first(path[0, 0], plan), TIMED) for link, path in plan.held.items()}
    given = {n: recorder.input(_first(v, plan), FIXED) for n, v in plan.initial.items()}
    try:
        with np.errstate(all="ignore"):  # a sample may leave the plain numbers; a run says so where it matters
            constants = {**inputs}
            for equation in system.constants:
                constants[equation.name] = equation(constants)
            begin = {**constants, **given}
            for equation in system.initials:
                if equation.name not in begin:
                    begin[equation.name] = equation(begin)
            first = {n: recorder.operand(begin[n]) for n in system.stocks}
            stocks = {n: recorder.input(np.broadcast_to(r.sample, model.shape(n))[()], STATE) for n, r in first.items()}
            values: Values = {**constants, **stocks}
            system.evaluate_into(values, held or None)
            rates = system.rates(values, held or None)
            changes = {n: recorder.operand(r * inputs["time_step"]) for n, r in rates.items()}
            wanted = {n: recorder.operand(values[n]) for n in dict.fromkeys(name for name, _ in outputs)}
    except Unrecordable as error:
        raise ModelError(f"the model cannot be compiled: {error}") from error
    differing = {inputs[n].node.number for n in drawn if n in inputs}
    differing |= {r.node.number for n, r in given.items() if plan.initial[n].shape[-1] > 1}
    differing |= {r.node.number for link, r in held.items() if plan.held[link].shape[-1] > 1}
    unrolled = _Unroller(recorder.nodes, differing)

    def elements(of: Mapping[str, Any], name: str) -> Symbols:
        return np.broadcast_to(unrolled.symbols(of[name].node), model.shape(name)).reshape(-1)

    present = {n: elements(stocks, n) for n in stocks}  # first, so that slots are in this order
    following: list[Symbol] = []
    for name, now in present.items():
        if name in changes:
            pairs = zip(now, elements(changes, name), strict=True)
            now = [unrolled.graph.apply("add", stock, change) for stock, change in pairs]
        following += list(now)
    found = {n: elements(wanted, n) for n in wanted}
    return ScalarStep(
        nodes=tuple(recorder.nodes),
        layout=unrolled.layout,
        sizes=unrolled.sizes,
        inputs={n: r.node.number for n, r in inputs.items()},
        held={n: r.node.number for n, r in held.items()},
        given={n: r.node.number for n, r in given.items()},
        start=tuple(unrolled.graph.number(s) for n in stocks for s in elements(first, n)),
        following=tuple(following),
        outputs=tuple(unrolled.graph.number(found[name][place]) for name, place in outputs),
        shared=unrolled.shared_nodes(),
        graph=unrolled.graph,
    )


def _first(value: Any, plan: Plan) -> Any:
    """The first draw of a value."""
    return value if plan.draws is None else value[..., 0][()]


class _Unroller:
    """Takes recorded nodes apart, the operands first; nodes that all draws share become inputs."""

    def __init__(self, nodes: list[Node], drawn: set[int]) -> None:
        self.nodes, self.graph = nodes, Graph()
        self.layout: dict[str, dict[int, int]] = {place: {} for place in PLACES}
        self.sizes = dict.fromkeys(PLACES, 0)
        self.known: dict[int, Symbols] = {}
        self.own: list[bool] = []
        """Whether each node differs between draws."""
        for node in nodes:
            differs = node.level == STATE or node.number in drawn
            self.own.append(differs or any(self.own[o] for o in node.operands))

    def symbols(self, root: Node) -> Symbols:
        """The elements of a node."""
        queue = [root.number]
        while queue:
            number = queue[-1]
            if number in self.known:
                queue.pop()
                continue
            node = self.nodes[number]
            waiting = [o for o in node.operands if o not in self.known] if self.own[number] else []
            if waiting:
                queue += waiting
                continue
            self.known[number] = self._taken_apart(node)
            queue.pop()
        return self.known[root.number]

    def shared_nodes(self) -> tuple[Node, ...]:
        """Nodes to carry out on NumPy, in order: those that shared inputs of the expressions are made of."""
        needed: set[int] = set()
        queue = [*self.layout["fixed"], *self.layout["timed"]]
        while queue:
            number = queue.pop()
            if number not in needed:
                needed.add(number)
                queue += self.nodes[number].operands
        return tuple(n for n in self.nodes if n.number in needed and n.kind != "input")

    def _taken_apart(self, node: Node) -> Symbols:
        if node.value is not None:
            convert: Callable[[Any], float | bool] = bool if node.boolean else float
            return mapped(lambda item: self.graph.constant(convert(item)), np.asarray(node.value))
        if not self.own[node.number]:
            found = self._placed(node, "fixed" if node.level == FIXED else "timed")
            return mapped(self.graph.truth, found) if node.boolean else found
        if node.kind == "input":
            return self._placed(node, {FIXED: "drawn", TIMED: "path", STATE: "state"}[node.level])
        operands = [self.known[o] for o in node.operands]
        if node.kind == "elementwise":
            return self._elementwise(node.function, operands)
        if node.kind == "reduce":
            return self._reduced(node, operands[0])
        return np.asarray(carry_out(node.kind, node.function, operands, node.arguments))

    def _placed(self, node: Node, place: str) -> Symbols:
        size = int(np.prod(node.shape, dtype=int))
        first = self.layout[place].setdefault(node.number, self.sizes[place])
        self.sizes[place] += size
        found = np.empty(size, dtype=object)
        found[:] = [self.graph.input(place, first + n) for n in range(size)]
        return found.reshape(node.shape)

    def _elementwise(self, function: Any, operands: list[Symbols]) -> Symbols:
        graph = self.graph
        if function is np.where:
            return mapped(lambda w, a, b: _chosen(graph, w, a, b), *operands)
        if function is np.square:
            return mapped(lambda a: graph.apply("mul", graph.number(a), graph.number(a)), *operands)
        if function in LOGIC:
            return mapped(lambda *items: graph.apply(LOGIC[function], *map(graph.truth, items)), *operands)
        if function not in ARITHMETIC:
            raise ModelError(f"the model cannot be compiled: it uses numpy.{function.__name__}")
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
    which = graph.truth(which)
    if yes.is_truth and no.is_truth:
        return graph.apply("or", graph.apply("and", which, yes), graph.apply("and", graph.apply("not", which), no))
    return graph.apply("select", which, graph.number(yes), graph.number(no))


def standing(roots: Iterable[Symbol]) -> dict[int, bool]:
    """For every symbol (by id) below the roots whether it holds for a draw's whole run: no time, no stock in it."""
    found: dict[int, bool] = {}
    for symbol in in_order(roots):
        moves = symbol.operation == "input" and symbol.variable in MOVING
        found[id(symbol)] = not moves and all(found[id(o)] for o in symbol.operands)
    return found
