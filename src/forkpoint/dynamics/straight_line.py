"""A single NumPy run as one straight-line program: the equations are recorded once, then only their operations run.

Calling 150 equations at each of 70 moments costs far more than their arithmetic on small arrays. So the operations are
recorded (:mod:`.recording`) and sorted by what they depend on:

- on parameters only: carried out once;
- on time and series too: once, for all moments together;
- on stocks, and a stock depends on them: inside the loop over moments, as generated code that writes into arrays laid
  out beforehand, with plain numbers where there are no axes;
- on stocks, but no stock depends on them: once after the loop, for all moments together.

The program belongs to the model and is reused by every run of the same shape. What cannot be recorded, and numbers that
leave the plain ones (a division by zero outside arrays), make :func:`straight` give None: the run then goes equation
by equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.evaluation import Values
from forkpoint.dynamics.recording import FIXED, STATE, TIMED, Node, Recorder, Unrecordable, carry_out, take
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.simulate import Plan

WORTH_IT = 12
"""Fewest steps for which recording pays."""

_INFIX = {
    np.add: "({} + {})", np.subtract: "({} - {})", np.multiply: "({} * {})", np.divide: "({} / {})",
    np.negative: "(-{})", np.square: "({0} * {0})", np.greater: "({} > {})", np.less: "({} < {})",
    np.greater_equal: "({} >= {})", np.less_equal: "({} <= {})", np.equal: "({} == {})", np.not_equal: "({} != {})",
    np.exp: "exp({})", np.log: "log({})", np.sqrt: "sqrt({})", np.tanh: "tanh({})", np.power: "pow({}, {})",
    np.absolute: "abs({})", np.where: "({1} if {0} else {2})", np.sin: "sin({})", np.cos: "cos({})",
}  # fmt: skip
"""How an operation on plain numbers is written."""


@dataclass(frozen=True)
class Program:
    """A recorded run: the operations by when they are carried out, and what to read and write."""

    nodes: tuple[Node, ...]
    inputs: dict[str, int]
    held: dict[Any, int]
    stocks: dict[str, int]
    outputs: dict[str, int]
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    stored: tuple[int, ...]
    buffers: tuple[int, ...]
    timed: tuple[tuple[int, tuple[int, ...]], ...]
    fixed: tuple[tuple[int, tuple[int, ...]], ...]
    views: tuple[Node, ...]
    loop: Callable[..., None]


def straight(plan: Plan) -> tuple[Values, Values, Values] | None:
    """The run of a plan without draws: what :func:`.simulate.execute` gives, or None where it does not apply."""
    if plan.draws is not None or plan.method != "euler" or plan.grid.count < WORTH_IT:
        return None
    given = (*plan.inputs.fixed.values(), *plan.inputs.varying.values(), *plan.initial.values(), *plan.held.values())
    if any(np.asarray(v).dtype.kind != "f" for v in given):
        return None
    key = ("straight", plan.outputs, frozenset(plan.inputs.varying), frozenset(plan.held))
    program = plan.model.compiled(key, lambda: _record(plan))
    if program is None:
        return None
    try:
        return _run(program, plan)
    except (ArithmeticError, ValueError, TypeError):
        return None


# --- recording -------------------------------------------------------------------------------------------------------


def _start(plan: Plan) -> tuple[Values, Values]:
    from forkpoint.dynamics.simulate import start_values

    fixed, state = start_values(plan, lambda varying: {n: v[0, 0] for n, v in varying.items()})
    return fixed, {n: np.array(np.broadcast_to(v, plan.model.shape(n)), float) for n, v in state.items()}


def _record(plan: Plan) -> Program | None:
    """The program of a plan; None where the equations do what cannot be recorded."""
    try:
        return _recorded(plan)
    except (Unrecordable, ModelError):
        return None


def _recorded(plan: Plan) -> Program:
    recorder = Recorder()
    fixed, state = _start(plan)
    inputs = {n: recorder.input(v, FIXED) for n, v in fixed.items()}
    inputs |= {n: recorder.input(v[0, 0], TIMED) for n, v in plan.inputs.varying.items()}
    inputs |= {"time_step": recorder.input(plan.grid.step, FIXED), "time": recorder.input(plan.grid.start, TIMED)}
    held = {link: recorder.input(path[0, 0], TIMED) for link, path in plan.held.items()}
    stocks = {n: recorder.input(v[()], STATE) for n, v in state.items()}
    values: Values = {**inputs, **stocks}
    plan.system.evaluate_into(values, held or None)
    rates = plan.system.rates(values, held or None)
    changes = {n: recorder.operand(r * inputs["time_step"]) for n, r in rates.items()}
    outputs = {n: recorder.operand(values[n]) for n in plan.outputs}
    return _arrange(recorder.nodes, *map(_numbers, (inputs, held, stocks, changes, outputs)))


def _numbers(part: Any) -> dict[Any, int]:
    return {name: value.node.number for name, value in part.items()}


def _needed(nodes: Sequence[Node], roots: Iterable[int]) -> set[int]:
    found, queue = set(), list(roots)
    while queue:
        number = queue.pop()
        if number not in found:
            found.add(number)
            queue.extend(nodes[number].operands)
    return found


def _arrange(
    nodes: list[Node], inputs: dict[str, int], held: dict[Any, int], stocks: dict[str, int], changes: dict[str, int],
    outputs: dict[str, int],
) -> Program:  # fmt: skip
    core = _needed(nodes, changes.values())
    wanted = core | _needed(nodes, outputs.values())
    done = [n for n in nodes if n.number in wanted and n.kind != "input"]
    inside = [n for n in done if n.level == STATE and n.number in core]
    after = [n for n in done if n.level == STATE and n.number not in core]
    read = {o for n in after for o in n.operands} | set(outputs.values())
    stored = tuple(sorted({n.number for n in inside} & read))
    emitted = _Emitter(nodes, inside, stocks, changes, stored)
    return Program(
        nodes=tuple(nodes), inputs=inputs, held=held, stocks=stocks, outputs=outputs,
        before=tuple(n for n in done if n.level != STATE), after=tuple(after), stored=stored,
        buffers=tuple(emitted.buffers), timed=tuple(emitted.timed), fixed=tuple(emitted.fixed),
        views=tuple(emitted.views), loop=emitted.compiled(),
    )  # fmt: skip


# --- the code of one moment ------------------------------------------------------------------------------------------


class _Emitter:
    """Writes the loop: names ``b3`` an array laid out beforehand, ``s3`` a plain number, ``t3`` this moment's row,
    ``f3_0`` a value of parameters laid into the shape in which it is used."""

    def __init__(
        self, nodes: Sequence[Node], inside: Sequence[Node], stocks: dict[str, int], changes: dict[str, int],
        stored: Sequence[int],
    ) -> None:  # fmt: skip
        self.nodes, self.stored = nodes, set(stored)
        self.buffers: list[int] = []
        self.views: list[Node] = []
        self.timed: dict[tuple[int, tuple[int, ...]], str] = {}
        self.fixed: dict[tuple[int, tuple[int, ...]], str] = {}
        self.functions: dict[str, Any] = {}
        self.stocks = stocks
        self.lines: list[str] = []
        self.ends: list[str] = []
        for number in stocks.values():
            self._keep(nodes[number], force=True)
        self.buffers += [number for number in stocks.values() if not nodes[number].single]
        for node in inside:
            self._operation(node)
        for stock, change in changes.items():
            here = self.name(stocks[stock], nodes[stocks[stock]].shape)
            there = self.name(change, nodes[stocks[stock]].shape)
            self.ends.append(
                f"{here} += {there}"
                if nodes[stocks[stock]].single
                else f"{self.function(np.add)}({here}, {there}, {here})"
            )

    def name(self, number: int, shape: tuple[int, ...]) -> str:
        """How an operand is called where it meets others of a shape."""
        node = self.nodes[number]
        if node.level == STATE:
            return f"s{number}" if node.single else f"b{number}"
        wanted = shape if len(node.shape) <= len(shape) and not (shape == () and node.shape) else node.shape
        known, letter = (self.fixed, "f") if node.level == FIXED else (self.timed, "t")
        return known.setdefault((number, wanted), f"{letter}{number}_{len(known)}")

    def function(self, function: Any) -> str:
        """A function of arrays by its name in the code."""
        name = f"array_{function.__name__}"
        self.functions[name] = function
        return name

    def _operation(self, node: Node) -> None:
        operands = [self.nodes[o] for o in node.operands]
        if node.kind == "view" and not operands[0].single:
            self.views.append(node)  # an array's views stay valid, as it is written in place
            if node.single:
                self.lines.append(f"s{node.number} = b{node.number}.item()")
        elif node.single:
            self.lines.append(f"s{node.number} = {self._number(node, operands)}")
        else:
            self.buffers.append(node.number)
            self.lines.append(self._array(node, operands))
        self._keep(node)

    def _number(self, node: Node, operands: list[Node]) -> str:
        names = [self.name(o.number, ()) for o in operands]
        if node.kind == "view" or (node.kind == "reduce" and operands[0].single):
            return names[0]
        if node.kind == "elementwise" and node.function in _INFIX:
            return _INFIX[node.function].format(*names)
        if node.kind == "elementwise" and node.function in (np.minimum, np.maximum):
            sign = "<=" if node.function is np.minimum else ">="
            return f"({names[0]} if {names[0]} {sign} {names[1]} or {names[0]} != {names[0]} else {names[1]})"
        if node.kind == "reduce":
            return f"{self.function(node.function)}.reduce({names[0]}, {node.arguments[0]!r}).item()"
        raise Unrecordable(f"{node.kind} {node.function}")

    def _array(self, node: Node, operands: list[Node]) -> str:
        out = f"b{node.number}"
        if node.kind == "reduce":
            axis, keepdims = node.arguments
            source = self.name(operands[0].number, operands[0].shape)
            return f"{self.function(node.function)}.reduce({source}, {axis!r}, None, {out}, {keepdims})"
        if node.kind == "view":
            return f"{out}.fill({self.name(operands[0].number, ())})"
        if node.kind == "whole":
            names = [self.name(o.number, o.shape) for o in operands]
            given = f"({', '.join(names)},)" if node.function is np.concatenate else names[0]
            named = "".join(f", {k}={v!r}" for k, v in node.arguments)
            return f"{out}[...] = {self.function(node.function)}({given}{named})"
        names = [self.name(o.number, node.shape) for o in operands]
        if node.function is np.where:
            copy = self.function(np.copyto)
            return f"{copy}({out}, {names[2]}); {copy}({out}, {names[1]}, where={names[0]})"
        return f"{self.function(node.function)}({', '.join(names)}, {out})"

    def _keep(self, node: Node, *, force: bool = False) -> None:
        if node.number in self.stored or force:
            number = node.number
            self.lines.append(f"o{number}[n] = s{number}" if node.single else f"o{number}[...] = b{number}")

    def compiled(self) -> Callable[..., None]:
        """The loop as a function of steps, arrays laid out, stocks without axes, fixed values, rows and stores."""
        kept = [*self.stocks.values(), *(k for k in sorted(self.stored) if k not in self.stocks.values())]
        taken = {
            "laid": [f"b{b}" for b in (*self.buffers, *(v.number for v in self.views))],
            "numbers": [f"s{s}" for s in self.stocks.values() if self.nodes[s].single],
            "fixed": list(self.fixed.values()),
            "lists": [f"o{k}" for k in kept if self.nodes[k].single],
        }
        rows = ["n", *self.timed.values(), *(f"o{k}" for k in kept if not self.nodes[k].single)]
        text = ["def loop(count, laid, numbers, fixed, rows, lists):"]
        text += [f"    [{', '.join(names)}] = {source}" for source, names in taken.items()]
        text += [f"    for {', '.join(rows)}, in zip(range(count + 1), *rows):"]
        text += [f"        {line}" for line in (*self.lines, "if n == count: break", *self.ends)]
        scope: dict[str, Any] = {**_ON_NUMBERS, **self.functions}
        exec(compile("\n".join(text), "<straight line>", "exec"), scope)
        loop: Callable[..., None] = scope["loop"]
        return loop


_ON_NUMBERS = {n: getattr(math, n) for n in ("exp", "log", "sqrt", "tanh", "sin", "cos", "pow")}


# --- running ---------------------------------------------------------------------------------------------------------


def _run(program: Program, plan: Plan) -> tuple[Values, Values, Values]:
    nodes, grid = program.nodes, plan.grid
    points = grid.count + 1
    fixed, state = _start(plan)
    values: dict[int, Any] = {n.number: n.value for n in nodes if n.value is not None}
    values |= {number: fixed[name] for name, number in program.inputs.items() if name in fixed}
    values |= {program.inputs[name]: series[:, 0] for name, series in plan.inputs.varying.items()}
    values |= {program.inputs["time_step"]: grid.step, program.inputs["time"]: grid.times}
    values |= {number: plan.held[link][:, 0] for link, number in program.held.items()}
    for node in program.before:
        values[node.number] = at_all_times(node, nodes, values, points)
    laid = {b: np.empty(nodes[b].shape, bool if nodes[b].boolean else float) for b in program.buffers}
    for name, number in program.stocks.items():
        if not nodes[number].single:
            laid[number] = state[name]
    for view in program.views:
        laid[view.number] = carry_out("view", view.function, [laid[view.operands[0]]], view.arguments)
    stores: dict[int, Any] = {}
    for number in dict.fromkeys((*program.stocks.values(), *program.stored)):
        shape, kind = nodes[number].shape, bool if nodes[number].boolean else float
        stores[number] = [0.0] * points if nodes[number].single else np.empty((points, *shape), kind)
    rows = [_row(values[number], nodes[number], shape, points) for number, shape in program.timed]
    program.loop(
        grid.count,
        [laid[b] for b in (*program.buffers, *(v.number for v in program.views))],
        [state[n].item() for n, number in program.stocks.items() if nodes[number].single],
        [_laid_into(values[number], shape) for number, shape in program.fixed],
        [*rows, *(v for n, v in stores.items() if not nodes[n].single)],
        [v for n, v in stores.items() if nodes[n].single],
    )
    values |= {n: np.reshape(v, (points, *nodes[n].shape)) for n, v in stores.items()}
    for node in program.after:
        values[node.number] = at_all_times(node, nodes, values, points)
    return _gathered(program, plan, values)


def _gathered(program: Program, plan: Plan, values: dict[int, Any]) -> tuple[Values, Values, Values]:
    saved: Values = {}
    for name, number in program.outputs.items():
        shape = (len(plan.grid.times), *plan.model.shape(name))
        value = np.asarray(values[number], float)
        if program.nodes[number].level != FIXED:
            value = _spread(value, program.nodes[number], len(shape) - 1)
        saved[name] = np.array(np.broadcast_to(value, shape)[:: plan.save_every])
    paths = {name: values[number] for name, number in program.stocks.items()}
    lowest = {n: np.min(paths[n]) for n, s in plan.model.stocks.items() if s.non_negative}
    return saved, {n: path[-1].copy() if path.ndim > 1 else path[-1] for n, path in paths.items()}, lowest


def _spread(value: Any, node: Node, rank: int) -> Any:
    """A value at all times with axes of length one put in, so that it has ``rank`` axes behind time."""
    missing = rank - len(node.shape)
    return value.reshape((value.shape[0],) + (1,) * missing + node.shape) if missing > 0 else value


def _laid_into(value: Any, shape: tuple[int, ...]) -> Any:
    return np.asarray(value).item() if math.prod(shape) == 1 else np.array(np.broadcast_to(value, shape))


def _row(value: Any, node: Node, shape: tuple[int, ...], points: int) -> Any:
    if math.prod(shape) == 1:
        return value.ravel().tolist()
    return np.ascontiguousarray(np.broadcast_to(_spread(value, node, len(shape)), (points, *shape)))


def at_all_times(node: Node, nodes: Sequence[Node], values: dict[int, Any], points: int) -> Any:
    """One operation outside the loop: on values that hold for the run, or on all moments together."""
    operands = [nodes[o] for o in node.operands]
    if node.level == FIXED:
        return carry_out(node.kind, node.function, [values[o.number] for o in operands], node.arguments)
    known = [values[o.number] if o.level == FIXED else _spread(values[o.number], o, len(node.shape))
             for o in operands]  # fmt: skip
    if node.kind == "elementwise":
        return node.function(*known)
    if node.kind == "reduce":
        return carry_out("reduce", node.function, [values[o] for o in node.operands], node.arguments)
    if node.kind == "view" and node.function is take:
        return values[node.operands[0]][(slice(None), *node.arguments[0])]
    moments = [[values[o.number] if o.level == FIXED else values[o.number][n] for o in operands] for n in range(points)]
    return np.stack([carry_out(node.kind, node.function, moment, node.arguments) for moment in moments])
