"""The engine for many draws: a step's scalar expressions compiled by LLVM, eight draws in one vector.

Values that all draws share are computed once by NumPy; what holds for a draw's whole run is computed once per draw;
only the rest runs at every step, without arrays or memory for what an expression needs in between. Euler's method.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.emit.symbols import Symbol, in_order
from forkpoint.dynamics.evaluation import Values
from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES
from forkpoint.dynamics.llvm.text import Code, module, run_function
from forkpoint.dynamics.scalar_step import Element, ScalarStep, scalar_step, standing
from forkpoint.dynamics.simulate import Plan
from forkpoint.dynamics.straight_line import at_all_times
from forkpoint.errors import InputError

Array: TypeAlias = NDArray[np.float64]
_NO_COTANGENTS = (np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Program:
    """A compiled run of one shape; ``kept``: vectors of memory that it works in."""

    step: ScalarStep
    kept: int
    run: Compiled


@dataclass(frozen=True)
class Memory:
    """What a run reads: numbers that all draws share, and vectors of what they differ in, filled up to whole vectors.

    ``fixed`` (slots), ``timed`` (moments, slots), ``drawn`` (slots, draws), ``path`` (moments, slots, draws).
    """

    fixed: Array
    timed: Array
    drawn: Array
    path: Array

    @property
    def width(self) -> int:
        """Draws, whole vectors."""
        return int(self.drawn.shape[-1])

    def block(self, first: int) -> tuple[Array, Array, Array, Array]:
        """The memory of one vector of draws, a copy of its own."""
        drawn, path = (np.array(part[..., first : first + LANES], order="C") for part in (self.drawn, self.path))
        return self.fixed, self.timed, drawn, path


def execute(plan: Plan, workers: int = 1) -> tuple[Values, Values, Values]:
    """Run draws: saved outputs, final stocks, and the lowest value of every stock that must not be negative.

    A run without draws goes as one draw. Raises InputError for another method than Euler's and for complex values.
    """
    if plan.draws is None:
        first, last, least = ({n: v[..., 0] for n, v in part.items()} for part in execute(_as_one_draw(plan), workers))
        return first, last, least
    model = plan.model
    elements = [(n, place) for n in plan.outputs for place in range(_size(plan, n))]
    paths, stocks, lowest = simulate(plan, elements, workers)
    saved = {n: np.moveaxis(v, -2, 0) for n, v in _by_name(plan, paths, plan.outputs).items()}
    low = {n: v.reshape(-1, v.shape[-1]).min(axis=0) for n, v in _by_name(plan, lowest, model.stocks).items()}
    final = _by_name(plan, stocks, plan.system.stocks)
    return saved, final, {n: v for n, v in low.items() if model.stocks[n].non_negative}


def _as_one_draw(plan: Plan) -> Plan:
    def with_axis(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {n: np.asarray(v)[..., None] for n, v in values.items()}

    inputs = replace(plan.inputs, fixed=with_axis(plan.inputs.fixed), varying=with_axis(plan.inputs.varying))
    return replace(plan, inputs=inputs, initial=with_axis(plan.initial), held=with_axis(plan.held), draws=1)


def simulate(
    plan: Plan, elements: Sequence[Element], workers: int = 1, drawn_names: frozenset[str] | None = None
) -> tuple[Array, Array, Array]:
    """Paths (element, time, draw) of single elements, final stocks (stock element, draw) and the lowest they reached.

    ``drawn_names``: inputs that draws vary (default: those with more than one draw); each set has its own code.
    Raises InputError for a run without draws, by another method than Euler's, or with complex values.
    """
    draws = require_draws(plan)
    if workers < 1:
        raise InputError(f"workers is at least 1, got {workers}")
    program = program_of(plan, tuple(elements), drawn_names)
    memory = memory_of(program.step, plan)
    points, size = len(plan.saved_times), len(program.step.following)
    paths = np.empty((len(elements), points, draws))
    stocks, lowest = np.empty((size, draws)), np.empty((size, draws))

    def some(first: int, last: int) -> None:
        fixed, timed, drawn, path = memory.block(first)
        kept, out = np.empty((program.kept, LANES)), np.empty((points, len(elements), LANES))
        now, least = np.empty((size, LANES)), np.empty((size, LANES))
        arrays = (fixed, timed, drawn, path, now, kept, out, *_NO_COTANGENTS, least)
        addresses = [a.ctypes.data for a in arrays]  # once: in a small model, a call costs more than its runs
        for low in range(first, last, LANES):
            drawn[:], path[:] = memory.drawn[:, low : low + LANES], memory.path[..., low : low + LANES]
            least.fill(np.inf)
            program.run(*addresses, plan.grid.count, plan.save_every, 0)
            here, used = slice(low, low + LANES), slice(0, draws - low)
            paths[..., here] = out.swapaxes(0, 1)[..., used]
            stocks[:, here], lowest[:, here] = now[:, used], np.minimum(now, least)[:, used]

    edges = [LANES * round(edge) for edge in np.linspace(0, memory.width // LANES, workers + 1)]
    if workers == 1:
        some(0, memory.width)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(some, edges[:-1], edges[1:]))
    return paths, stocks, lowest


def require_draws(plan: Plan) -> int:
    """Their number. Raises InputError for a run without, by another method than Euler's, or with complex values."""
    if plan.method != "euler":
        raise InputError("the LLVM engine runs by Euler's method: give method='euler', or take another engine")
    if plan.draws is None:
        raise InputError("paths of single elements are computed over draws: give draws=")
    for values in (plan.inputs.fixed, plan.inputs.varying, plan.initial, plan.held):
        for name, value in values.items():
            if np.iscomplexobj(value):
                raise InputError(f"'{name}' is complex: the LLVM engine computes real numbers; take engine='numpy'")
    return plan.draws


def program_of(plan: Plan, elements: tuple[Element, ...], named: frozenset[str] | None = None) -> Program:
    """The compiled run of a plan's shape, kept with the model for every plan that differs in values only."""
    drawn = differing(plan, named)
    key = shape_key(plan, "llvm", elements, drawn)
    return plan.model.compiled(key, lambda: _compiled(scalar_step(plan, drawn, elements)))


def differing(plan: Plan, named: frozenset[str] | None) -> frozenset[str]:
    """The inputs that differ between draws: those named, and those given with more than one draw."""
    given = (*plan.inputs.fixed.items(), *plan.inputs.varying.items())
    return frozenset(n for n, v in given if v.shape[-1] > 1) | (named or frozenset())


def shape_key(plan: Plan, kind: str, elements: tuple[Element, ...], drawn: frozenset[str]) -> Any:
    """What plans that share compiled code have in common."""
    given = (*plan.initial.items(), *plan.held.items())
    own: frozenset[Any] = drawn | {n for n, v in given if v.shape[-1] > 1}
    return kind, elements, own, frozenset(plan.inputs.varying), frozenset(plan.held), frozenset(plan.initial)


def _compiled(step: ScalarStep) -> Program:
    prepare, start, loop = forward_code(step)
    run = run_function(prepare, start, loop, dict(step.sizes), len(step.following), len(step.outputs))
    text = module([*prepare.text, *start.text, *loop.text, run])
    return Program(step, loop.slots, Compiled(text, "run", arrays=10, numbers=3))


def forward_code(step: ScalarStep) -> tuple[Code, Code, Code]:
    """Code of what stands for a draw's whole run, of the stocks at the start, and of one step."""
    prepare = Code("prepare", slots=len(step.following))
    prepare.keep(hoisted([*step.start, *step.following, *step.outputs]))
    start = Code("start", kept=dict(prepare.kept), slots=prepare.slots)
    start.add(step.start, places(("state", step.start)))
    loop = Code("step", kept=dict(prepare.kept), slots=start.slots)
    loop.add([*step.following, *step.outputs], places(("kept", step.following), ("out", step.outputs)))
    return prepare, start, loop


def hoisted(roots: Sequence[Symbol]) -> list[Symbol]:
    """Symbols to compute once: those that stand for the whole run, where something that moves uses them."""
    stands = standing(roots)
    users = [s for s in in_order(roots) if not stands[id(s)]]
    return list(dict.fromkeys(o for s in users for o in s.operands if stands[id(o)] and o.operands))


def places(*parts: tuple[str, Sequence[Symbol]]) -> dict[int, list[tuple[str, int]]]:
    """Where symbols (by id) are stored: each part from the first slot of a memory on."""
    found: dict[int, list[tuple[str, int]]] = {}
    for place, symbols in parts:
        for slot, symbol in enumerate(symbols):
            found.setdefault(id(symbol), []).append((place, slot))
    return found


def memory_of(step: ScalarStep, plan: Plan) -> Memory:
    """A plan's values where the compiled code reads them; the last draw is repeated to whole vectors."""
    assert plan.draws is not None
    grid, points = plan.grid, plan.grid.count + 1
    inputs: dict[int, Any] = {step.inputs[n]: v for n, v in plan.inputs.fixed.items()}
    inputs |= {step.inputs[n]: v[:, 0] for n, v in plan.inputs.varying.items()}
    inputs |= {number: plan.initial[name] for name, number in step.given.items()}
    inputs |= {number: plan.held[link][:, 0] for link, number in step.held.items()}
    values: dict[int, Any] = {number: v[..., 0] for number, v in inputs.items()}
    values |= {n.number: n.value for n in step.nodes if n.value is not None}
    values |= {step.inputs["time_step"]: grid.step, step.inputs["time"]: grid.times}
    with np.errstate(all="ignore"):
        for node in step.shared:
            values[node.number] = at_all_times(node, step.nodes, values, points)
    width = -(-plan.draws // LANES) * LANES
    memory = Memory(
        fixed=np.empty(step.sizes["fixed"]),
        timed=np.empty((points, step.sizes["timed"])),
        drawn=np.empty((step.sizes["drawn"], width)),
        path=np.empty((points, step.sizes["path"], width)),
    )
    for number, first in step.layout["fixed"].items():
        _fill(memory.fixed, first, np.asarray(values[number], float).reshape(-1))
    for number, first in step.layout["timed"].items():
        _fill(memory.timed.T, first, np.asarray(values[number], float).reshape(points, -1).T)
    for number, first in step.layout["drawn"].items():
        _fill(memory.drawn[:, : plan.draws], first, inputs[number].reshape(-1, inputs[number].shape[-1]))
    for number, first in step.layout["path"].items():
        moments = inputs[number].reshape(points, -1, inputs[number].shape[-1])
        _fill(memory.path[..., : plan.draws].swapaxes(0, 1), first, moments.swapaxes(0, 1))
    for part in (memory.drawn, memory.path):
        part[..., plan.draws :] = part[..., plan.draws - 1 : plan.draws]
    return memory


def _fill(memory: Array, first: int, rows: Array) -> None:
    memory[first : first + len(rows)] = rows


def _by_name(plan: Plan, part: Array, names: Iterable[str]) -> Values:
    """(elements, …, draw) → name: (dimensions, …, draw)."""
    found, first = {}, 0
    for name in names:
        size = _size(plan, name)
        found[name] = part[first : first + size].reshape(*plan.model.shape(name), *part.shape[1:])
        first += size
    return found


def _size(plan: Plan, name: str) -> int:
    return math.prod(plan.model.shape(name))
