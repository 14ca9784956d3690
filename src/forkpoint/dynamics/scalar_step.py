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

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order
from forkpoint.dynamics.emit.unroll import Symbols, Unroller, placed
from forkpoint.dynamics.recording import FIXED, STATE, TIMED, Node, Recorded, Recorder, Unrecordable
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.evaluation import Link, Values
    from forkpoint.dynamics.simulate import Plan

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
    try:
        found = _recorded(plan, dict.fromkeys(name for name, _ in outputs))
    except Unrecordable as error:
        raise ModelError(f"the model cannot be compiled: {error}") from error
    differing = {found.inputs[n].node.number for n in drawn if n in found.inputs}
    differing |= {r.node.number for n, r in found.given.items() if plan.initial[n].shape[-1] > 1}
    differing |= {r.node.number for link, r in found.held.items() if plan.held[link].shape[-1] > 1}
    unrolled = _Placer(found.nodes, differing)

    def elements(of: Mapping[str, Recorded], name: str) -> Symbols:
        return np.broadcast_to(unrolled.symbols(of[name].node), plan.model.shape(name)).reshape(-1)

    present = {n: elements(found.stocks, n) for n in found.stocks}  # first, so that slots are in this order
    following: list[Symbol] = []
    for name, now in present.items():
        if name in found.changes:
            pairs = zip(now, elements(found.changes, name), strict=True)
            now = [unrolled.graph.apply("add", stock, change) for stock, change in pairs]
        following += list(now)
    wanted = {n: elements(found.wanted, n) for n in found.wanted}
    start = [s for n in found.stocks for s in elements(found.first, n)]
    roots = [*start, *following, *(wanted[name][place] for name, place in outputs)]
    roots = with_reciprocals(unrolled.graph, [unrolled.graph.number(s) for s in roots])
    size = len(following)
    return ScalarStep(
        nodes=tuple(found.nodes),
        layout=unrolled.layout,
        sizes=unrolled.sizes,
        inputs={n: r.node.number for n, r in found.inputs.items()},
        held={n: r.node.number for n, r in found.held.items()},
        given={n: r.node.number for n, r in found.given.items()},
        start=tuple(roots[:size]),
        following=tuple(roots[size : 2 * size]),
        outputs=tuple(roots[2 * size :]),
        shared=unrolled.shared_nodes(),
        graph=unrolled.graph,
    )


@dataclass(frozen=True)
class _Recording:
    """A start and a step as recorded: what was given, the stocks at the start and now, their changes, and outputs."""

    nodes: list[Node]
    inputs: dict[str, Recorded]
    held: dict[Link, Recorded]
    given: dict[str, Recorded]
    first: dict[str, Recorded]
    stocks: dict[str, Recorded]
    changes: dict[str, Recorded]
    wanted: dict[str, Recorded]


def _recorded(plan: Plan, outputs: Iterable[str]) -> _Recording:
    """The equations carried out once, on the first draw's values at the start. Raises Unrecordable."""
    recorder, grid, model = Recorder(), plan.grid, plan.model
    moved = frozenset(n for n in plan.inputs.varying if n in model.parameters)
    system = model.system(0).with_varying(moved, frozenset(target for _, target in plan.held))
    inputs = {n: recorder.input(_first(v, plan), FIXED) for n, v in plan.inputs.fixed.items()}
    inputs |= {n: recorder.input(_first(v[0, 0], plan), TIMED) for n, v in plan.inputs.varying.items()}
    inputs |= {"time_step": recorder.input(grid.step, FIXED), "time": recorder.input(grid.start, TIMED)}
    held = {link: recorder.input(_first(path[0, 0], plan), TIMED) for link, path in plan.held.items()}
    given = {n: recorder.input(_first(v, plan), FIXED) for n, v in plan.initial.items()}
    with np.errstate(all="ignore"):  # a sample may leave the plain numbers; a run says so where it matters
        constants: Values = {**inputs}
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
        wanted = {n: recorder.operand(values[n]) for n in outputs}
    return _Recording(recorder.nodes, inputs, held, given, first, stocks, changes, wanted)


def _first(value: Any, plan: Plan) -> Any:
    """The first draw of a value."""
    return value if plan.draws is None else value[..., 0][()]


class _Placer(Unroller):
    """Takes recorded nodes apart down to what draws share and what comes from outside, and gives these places."""

    def __init__(self, nodes: list[Node], drawn: set[int]) -> None:
        super().__init__(nodes, Graph(), self._place, "the model cannot be compiled")
        self.layout: dict[str, dict[int, int]] = {place: {} for place in PLACES}
        self.sizes = dict.fromkeys(PLACES, 0)
        self.own: list[bool] = []
        """Whether each node differs between draws."""
        for node in nodes:
            differs = node.level == STATE or node.number in drawn
            self.own.append(differs or any(self.own[o] for o in node.operands))

    def outside(self, node: Node) -> bool:
        """Whether a node's elements are read: what draws share is computed before, whatever it is made of."""
        return node.kind == "input" or not self.own[node.number]

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

    def _place(self, node: Node) -> Symbols:
        own = {FIXED: "drawn", TIMED: "path", STATE: "state"}
        place = own[node.level] if self.own[node.number] else "fixed" if node.level == FIXED else "timed"
        first = self.layout[place].setdefault(node.number, self.sizes[place])
        self.sizes[place] += math.prod(node.shape)
        return placed(self.graph, place, node.shape, first)


def with_reciprocals(graph: Graph, roots: Sequence[Symbol]) -> list[Symbol]:
    """The same expressions, dividing once by a number that several divide by or that holds for the whole run.

    A division takes the processor as long as a dozen products; the result differs by one rounding.
    """
    order, stands, one = in_order(roots), standing(roots), graph.constant(1.0)
    often = Counter(id(s.operands[1]) for s in order if s.operation == "div")
    found: dict[int, Symbol] = {}
    for symbol in order:
        parts = [found[id(o)] for o in symbol.operands]
        below = id(symbol.operands[1]) if symbol.operation == "div" else 0
        if below and (often[below] > 1 or (stands[below] and not stands[id(symbol)])):
            found[id(symbol)] = graph.apply("mul", parts[0], graph.apply("div", one, parts[1]))
        else:
            found[id(symbol)] = graph.apply(symbol.operation, *parts) if parts else symbol
    return [found[id(root)] for root in roots]


def standing(roots: Iterable[Symbol]) -> dict[int, bool]:
    """For every symbol (by id) below the roots whether it holds for a draw's whole run: no time, no stock in it."""
    found: dict[int, bool] = {}
    for symbol in in_order(roots):
        moves = symbol.operation == "input" and symbol.variable in MOVING
        found[id(symbol)] = not moves and all(found[id(o)] for o in symbol.operands)
    return found
