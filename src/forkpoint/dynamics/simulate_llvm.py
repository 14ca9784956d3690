"""The engine for many draws: a step's scalar expressions compiled by LLVM, eight draws in one vector.

Values that all draws share are computed once by NumPy; what holds for a draw's whole run is computed once per draw;
only the rest runs at every step, without arrays or memory for what an expression needs in between. Euler's method.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.emit.symbols import in_order
from forkpoint.dynamics.evaluation import Values
from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES
from forkpoint.dynamics.llvm.text import Code, module, run_function
from forkpoint.dynamics.recording import FIXED
from forkpoint.dynamics.scalar_step import Element, ScalarStep, scalar_step, standing
from forkpoint.dynamics.simulate import Plan, start_values
from forkpoint.dynamics.straight_line import at_all_times
from forkpoint.errors import InputError

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Program:
    """A compiled run of one shape; ``kept``: vectors of memory that it works in."""

    step: ScalarStep
    kept: int
    run: Compiled


def execute(plan: Plan, workers: int = 1) -> tuple[Values, Values, Values]:
    """Run draws: saved outputs, final stocks, and the lowest value of every stock that must not be negative.

    Raises InputError for a run without draws or by another method than Euler's.
    """
    model = plan.model
    elements = [(n, place) for n in plan.outputs for place in range(_size(plan, n))]
    paths, stocks, lowest = simulate(plan, elements, workers)
    saved = {n: np.moveaxis(v, -2, 0) for n, v in _by_name(plan, paths, plan.outputs).items()}
    low = {n: v.reshape(-1, v.shape[-1]).min(axis=0) for n, v in _by_name(plan, lowest, model.stocks).items()}
    final = _by_name(plan, stocks, plan.system.stocks)
    return saved, final, {n: v for n, v in low.items() if model.stocks[n].non_negative}


def simulate(
    plan: Plan, elements: Sequence[Element], workers: int = 1, drawn_names: frozenset[str] | None = None
) -> tuple[Array, Array, Array]:
    """Paths (element, time, draw) of single elements, final stocks (stock element, draw) and the lowest they reached.

    ``drawn_names``: inputs that draws vary (default: those with more than one draw); each set has its own code.
    Raises InputError for a run without draws or by another method than Euler's.
    """
    if plan.draws is None or plan.method != "euler":
        raise InputError("the LLVM engine runs draws by Euler's method: give draws=, or take another engine")
    with np.errstate(all="ignore"):
        fixed, state = start_values(plan, lambda values: {n: v[0, 0] for n, v in values.items()})
        program = program_of(plan, fixed, state, tuple(elements), drawn_names)
        shared = shared_values(program.step, plan, fixed)
    drawn, path, start = drawn_values(program.step, plan, fixed, state)
    points, width = len(plan.saved_times), start.shape[-1]
    paths = np.empty((len(elements), points, width))
    stocks, lowest = np.empty_like(start), np.empty_like(start)

    def some(first: int, last: int) -> None:
        kept, out = np.empty((program.kept, LANES)), np.empty((points, len(elements), LANES))
        for low in range(first, last, LANES):
            here = slice(low, low + LANES)
            own = [np.ascontiguousarray(part[..., here]) for part in (drawn, path, start, start)]
            program.run(*shared, *own[:3], kept, out, own[3], plan.grid.count, plan.save_every)
            paths[..., here], stocks[:, here], lowest[:, here] = out.swapaxes(0, 1), own[2], own[3]

    edges = [LANES * round(edge) for edge in np.linspace(0, width // LANES, workers + 1)]
    if workers == 1:
        some(0, width)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(some, edges[:-1], edges[1:]))
    return paths[..., : plan.draws], stocks[:, : plan.draws], lowest[:, : plan.draws]


def program_of(
    plan: Plan, fixed: Values, state: Values, elements: tuple[Element, ...], drawn: frozenset[str] | None = None
) -> Program:
    """The compiled run of a plan's shape, kept with the model for every plan that differs in values only."""
    several = frozenset(n for n, v in (*fixed.items(), *plan.inputs.varying.items()) if v.shape[-1] > 1)
    drawn = several if drawn is None else drawn | several
    key = ("llvm", elements, drawn, frozenset(plan.inputs.varying), frozenset(plan.held))
    known: dict[Any, Any] = plan.model._compiled
    if key not in known:
        first_fixed, first_state = ({n: v[..., 0][()] for n, v in part.items()} for part in (fixed, state))
        known[key] = compiled(scalar_step(plan, first_fixed, first_state, drawn, elements))
    program: Program = known[key]
    return program


def compiled(step: ScalarStep) -> Program:
    """The step's code: what stands for the whole run first, the rest in the loop."""
    roots = [*step.following, *step.outputs]
    stands = standing(roots)
    early = dict.fromkeys(
        o for s in in_order(roots) if not stands[id(s)] for o in s.operands if stands[id(o)] and o.operands
    )
    prepare = Code("prepare", slots=len(step.following))
    prepare.keep(list(early))
    loop = Code("step", kept=dict(prepare.kept), slots=prepare.slots)
    stores: dict[int, list[tuple[str, int]]] = {}
    for place, symbols in (("kept", step.following), ("out", step.outputs)):
        for slot, symbol in enumerate(symbols):
            stores.setdefault(id(symbol), []).append((place, slot))
    loop.add(roots, stores)
    run = run_function(prepare, loop, dict(step.sizes), len(step.following), len(step.outputs))
    text = module([*prepare.text, *loop.text, run])
    return Program(step, loop.slots, Compiled(text, "run", arrays=8, numbers=2))


def shared_values(step: ScalarStep, plan: Plan, fixed: Values) -> tuple[Array, Array]:
    """Memory of what all draws share: (slots) and (moments, slots)."""
    grid, points = plan.grid, plan.grid.count + 1
    values: dict[int, Any] = {n.number: n.value for n in step.nodes if n.value is not None}
    given = {n: v[..., 0] for n, v in fixed.items()} | {n: v[:, 0, ..., 0] for n, v in plan.inputs.varying.items()}
    given |= {"time_step": grid.step, "time": grid.times}
    values |= {number: given[name] for name, number in step.inputs.items() if name in given}
    values |= {number: plan.held[link][:, 0, ..., 0] for link, number in step.held.items()}
    with np.errstate(all="ignore"):
        for node in step.shared:
            values[node.number] = at_all_times(node, step.nodes, values, points)
    still, timed = np.empty(step.sizes["fixed"]), np.empty((points, step.sizes["timed"]))
    for number, first in step.layout["fixed"].items():
        value = np.asarray(values[number], float).reshape(-1)
        still[first : first + value.size] = value
    for number, first in step.layout["timed"].items():
        rows = np.asarray(values[number], float).reshape(points, -1)
        timed[:, first : first + rows.shape[1]] = rows
    assert all(n.level == FIXED for n in map(step.nodes.__getitem__, step.layout["fixed"]))
    return still, timed


def drawn_values(step: ScalarStep, plan: Plan, fixed: Values, state: Values) -> tuple[Array, Array, Array]:
    """Memory of what draws differ in: (slots, draws), (moments, slots, draws), and stocks (elements, draws).

    Draws are filled up to whole vectors by repeating the last one.
    """
    assert plan.draws is not None
    draws, points = plan.draws, plan.grid.count + 1
    width = -(-draws // LANES) * LANES
    names = {number: name for name, number in step.inputs.items()}
    drawn = np.empty((step.sizes["drawn"], width))
    path = np.empty((points, step.sizes["path"], width))
    start = np.empty((len(step.following), width))
    for number, first in step.layout["drawn"].items():
        rows = fixed[names[number]].reshape(-1, fixed[names[number]].shape[-1])
        drawn[first : first + len(rows), :draws] = rows
    for number, first in step.layout["path"].items():
        moments = plan.inputs.varying[names[number]][:, 0].reshape(points, -1, draws)
        path[:, first : first + moments.shape[1], :draws] = moments
    first = 0
    for name in step.stocks:
        value = np.broadcast_to(state[name], (*plan.model.shape(name), draws)).reshape(-1, draws)
        start[first : first + len(value), :draws] = value
        first += len(value)
    for part in (drawn, path, start):
        part[..., draws:] = part[..., draws - 1 : draws]
    return drawn, path, start


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
