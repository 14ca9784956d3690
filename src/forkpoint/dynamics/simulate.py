"""Running a model: time grid, integrators, restart, held links, and errors that name variable, label and time.

The NumPy engine is here and needs nothing heavy; ``engine="jax"`` hands the same inputs to
:mod:`forkpoint.dynamics.simulate_jax` and ``engine="llvm"`` to :mod:`forkpoint.dynamics.simulate_llvm`, which compile
the same equations: the one for any run and for derivatives, the other for many draws fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from forkpoint.dynamics.evaluation import BoundEquation, Link, System, Values, advance
from forkpoint.dynamics.functions import Array
from forkpoint.dynamics.inputs import Grid, Inputs, gather, initial_values
from forkpoint.dynamics.trajectory import State, Trajectory
from forkpoint.dynamics.variables import Aux, Flow, Parameter, Series, Stock
from forkpoint.errors import InputError, RunError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model

Method: TypeAlias = Literal["euler", "rk4"]
Engine: TypeAlias = Literal["numpy", "jax", "llvm"]

NEGATIVE = 1e-9
"""A stock below −NEGATIVE × its own size counts as negative; less is rounding."""


@dataclass(frozen=True)
class Plan:
    """Everything a run of one model needs, ready for every engine."""

    model: Model
    grid: Grid
    system: System
    inputs: Inputs
    initial: Values
    held: Mapping[Link, Any]
    outputs: tuple[str, ...]
    save_every: int
    method: Method
    draws: int | None

    @property
    def saved_times(self) -> np.ndarray:
        """Times whose values are kept."""
        return self.grid.times[:: self.save_every]


def run(
    model: Model,
    levers: Mapping[str, Any] | None = None,
    start: float | None = None,
    stop: float | None = None,
    step: float | None = None,
    *,
    draws: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    method: Method = "euler",
    engine: Engine = "numpy",
    save_every: int = 1,
    initial: Mapping[str, Any] | None = None,
    start_from: State | None = None,
    held: Mapping[Link, Any] | None = None,
    on_error: Literal["raise", "mark"] = "raise",
    chunk: int = 128,
    workers: int = 1,
) -> Trajectory:
    """Run a model from ``start`` to ``stop`` in fixed steps.

    ``levers``: values of parameters and series in place of the declared ones (see :mod:`.inputs`).
    ``draws``: parameter → array (dimensions, draw), one run per draw.
    ``outputs``: variables to keep (default: all stocks, flows, auxiliaries); ``save_every``: keep every n-th step.
    ``method``: "euler" or "rk4".
    ``initial``: initial values of stocks; ``start_from``: ``final`` of an earlier run, to go on from there.
    ``held``: link (input, variable) → path (time, dimensions of the input) on every step, which the variable sees in
    place of the input.
    ``on_error="mark"`` makes draws that fail NaN; ``failed`` lists them and says why of the first.
    ``chunk``: draws in one compiled call (JAX); ``workers``: threads (JAX and LLVM).

    Raises UnknownName and InputError for what is given, RunError where a value is not finite or a stock turns negative.
    """
    plan = make_plan(model, levers, start, stop, step, draws=draws, outputs=outputs, method=method,
                     save_every=save_every, initial=initial, start_from=start_from, held=held)  # fmt: skip
    if engine == "jax":
        from forkpoint.dynamics.simulate_jax import execute as compiled

        saved, final, lowest = compiled(plan, chunk=chunk, workers=workers)
    elif engine == "llvm":
        from forkpoint.dynamics.simulate_llvm import execute as straight_through

        saved, final, lowest = straight_through(plan, workers=workers)
    elif engine == "numpy":
        saved, final, lowest = execute(plan)
    else:
        raise InputError(f"engine is 'numpy', 'jax' or 'llvm', not {engine!r}")
    saved, final = {n: saved[n] for n in plan.outputs}, {n: final[n] for n in plan.system.stocks}
    failed = find_failures(plan, saved, final, lowest)
    messages: dict[int, str] = {}
    if failed.size:
        if on_error == "raise":
            more = f" (and {failed.size - 1} more of {plan.draws} draws)" if failed.size > 1 else ""
            raise RunError(diagnose(plan, int(failed[0])) + more)
        # Finding the place runs the draw again, step by step: worth it for the first, not for thousands.
        messages = dict.fromkeys(map(int, failed), "not finite or negative, as the first that failed; run it alone")
        messages[int(failed[0])] = diagnose(plan, int(failed[0]))
        for value in saved.values():
            value[..., failed] = np.nan
    state = State(plan.grid.start + plan.grid.count * plan.grid.step, final)
    return Trajectory(model, plan.saved_times, saved, state, dict(levers or {}), plan.draws, messages)


def make_plan(
    model: Model,
    levers: Mapping[str, Any] | None = None,
    start: float | None = None,
    stop: float | None = None,
    step: float | None = None,
    *,
    draws: Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    method: Method = "euler",
    save_every: int = 1,
    initial: Mapping[str, Any] | None = None,
    start_from: State | None = None,
    held: Mapping[Link, Any] | None = None,
) -> Plan:
    """Check and arrange what a run needs; the arguments are those of :func:`run`."""
    if method not in ("euler", "rk4"):
        raise InputError(f"method is 'euler' or 'rk4', not {method!r}")
    grid = Grid.of(model, start_from.time if start is None and start_from else start, stop, step)
    if save_every < 1 or grid.count % save_every:
        raise InputError(f"save_every={save_every} does not divide the {grid.count} steps of the run")
    stages = 1 if method == "euler" else 3
    inputs = gather(model, grid, levers or {}, draws, stages)
    trailing = 0 if draws is None else 1
    given = {**(start_from.stocks if start_from else {}), **(initial or {})}
    names = tuple(model.order) + tuple(model.stocks) if outputs is None else tuple(dict.fromkeys(outputs))
    for name in names:
        if not isinstance(model.variables.get(name), Stock | Aux | Flow | Series):
            raise UnknownName("stock, flow, auxiliary or series", name, [*model.stocks, *model.order, *model.series])
    links = _held_paths(model, held or {}, grid, stages, trailing)
    varying = {n for n in inputs.varying if isinstance(model[n], Parameter)}
    system = model.system(trailing).with_varying(frozenset(varying), frozenset(target for _, target in links))
    return Plan(model, grid, system, inputs, initial_values(model, given, trailing), links, names, save_every, method,
                None if draws is None else _count_draws(draws, inputs))  # fmt: skip


def _count_draws(draws: Mapping[str, Any], inputs: Inputs) -> int:
    lengths = {n: (inputs.fixed[n] if n in inputs.fixed else inputs.varying[n]).shape[-1] for n in draws}
    if not lengths:
        raise InputError("draws= names no parameter")
    if len(set(lengths.values())) > 1:
        raise InputError(f"draws have different lengths: {lengths}")
    return int(next(iter(lengths.values())))


def _held_paths(model: Model, held: Mapping[Link, Any], grid: Grid, stages: int, trailing: int) -> dict[Link, Any]:
    links, paths = set(model.links()), {}
    for (source, target), path in held.items():
        if (source, target) not in links:
            raise UnknownName("link", f"{source} → {target}", [f"{a} → {b}" for a, b in links])
        path = np.asarray(path)
        expected = (grid.count + 1, *model.shape(source))
        if path.shape[: len(expected)] != expected:
            raise InputError(f"the path held for {source} → {target} has shape {path.shape}, expected {expected}")
        if trailing and path.ndim == len(expected):
            path = path[..., None]
        after = np.concatenate([path[1:], path[-1:]])
        paths[source, target] = np.stack([path, 0.5 * (path + after), after][:stages], axis=1)
    return paths


def start_values(
    plan: Plan, at: Callable[[Mapping[Any, Any]], dict[Any, Any]], time: Array = None
) -> tuple[Values, Values]:
    """Constants and the stocks' initial values; ``at`` takes a mapping of (time, stage, …) arrays to the start."""
    fixed = dict(plan.inputs.fixed)
    for equation in plan.system.constants:
        fixed[equation.name] = equation(fixed)
    values: Values = {**fixed, **at(plan.inputs.varying), **plan.initial}
    values |= {"time": plan.grid.start if time is None else time, "time_step": plan.grid.step}
    for equation in plan.system.initials:
        if equation.name not in plan.initial and equation.name not in fixed:
            values[equation.name] = equation(values)
    return fixed, {name: values[name] for name in plan.system.stocks}


def initial_state(model: Model, levers: Mapping[str, Any] | None = None, **options: Any) -> State:
    """The stocks at the start of a run with these levers."""
    plan = make_plan(model, levers, **options)
    _, state = start_values(plan, lambda varying: {n: v[0, 0] for n, v in varying.items()})
    return State(plan.grid.start, state)


def execute(plan: Plan) -> tuple[Values, Values, Values]:
    """Run on NumPy: saved outputs, final stocks, and the lowest value of every stock that must not be negative."""
    from forkpoint.dynamics.straight_line import straight

    with np.errstate(all="ignore"):
        return straight(plan) or _execute(plan)


def _execute(plan: Plan) -> tuple[Values, Values, Values]:
    system, grid, step = plan.system, plan.grid, plan.grid.step
    fixed, state = start_values(plan, lambda varying: {n: v[0, 0] for n, v in varying.items()})
    tail = () if plan.draws is None else (plan.draws,)
    state = {n: np.broadcast_to(v, plan.model.shape(n) + tail)[()] for n, v in state.items()}
    low = Lowest(plan, state)
    saved: Values = {}
    values: Values = {**fixed, "time_step": step}  # one mapping for the whole run: each moment overwrites the last

    def moment(current: Mapping[str, Any], n: int, stage: int) -> Values:
        for name, series in plan.inputs.varying.items():
            values[name] = series[n, stage]
        held = {link: path[n, stage] for link, path in plan.held.items()} if plan.held else None
        values["time"] = grid.start + (n + 0.5 * stage) * step
        values.update(current)
        system.evaluate_into(values, held)
        return system.rates(values, held)

    for n in range(grid.count + 1):
        rates = moment(state, n, 0)
        if n % plan.save_every == 0:
            _save(plan, saved, values, n // plan.save_every, tail)
        if n == grid.count:
            break
        if plan.method == "rk4":
            second = moment(advance(state, rates, 0.5 * step), n, 1)
            third = moment(advance(state, second, 0.5 * step), n, 1)
            fourth = moment(advance(state, third, step), n, 2)
            rates = {s: (rates[s] + 2.0 * second[s] + 2.0 * third[s] + fourth[s]) / 6.0 for s in rates}
        state = advance(state, rates, step)
        low.add(state)
    return saved, state, low.values()


class Lowest:
    """The lowest value so far of every stock that must not be negative: over its dimensions, for each draw."""

    def __init__(self, plan: Plan, state: Mapping[str, Any]) -> None:
        self.axes = {n: tuple(range(len(s.dims))) for n, s in plan.model.stocks.items() if s.non_negative}
        self.known = {n: [state[n]] for n in self.axes}
        self.often = 1 if plan.draws is not None and plan.draws > 8 else 256

    def add(self, state: Mapping[str, Any]) -> None:
        """Take the stocks of one more step."""
        for name, values in self.known.items():
            values.append(state[name])
            if len(values) > self.often:
                values[:] = [np.min(np.real(np.stack(values)), axis=0)]

    def values(self) -> Values:
        """The lowest values."""
        return {
            n: np.min(np.real(np.stack(v)), axis=(0, *(a + 1 for a in self.axes[n]))) for n, v in self.known.items()
        }


def _save(plan: Plan, saved: Values, values: Values, row: int, tail: tuple[int, ...]) -> None:
    for name in plan.outputs:
        value = values[name]
        if row == 0:
            kind = np.result_type(value, *plan.inputs.fixed.values(), *plan.initial.values(), float)
            saved[name] = np.empty((len(plan.saved_times), *plan.model.shape(name), *tail), dtype=kind)
        saved[name][row] = value


def find_failures(plan: Plan, saved: Values, final: Values, lowest: Values) -> np.ndarray:
    """Draws (0 for a single run) with a non-finite output or stock, or a negative stock that must not be."""
    bad = np.zeros(plan.draws or 1, dtype=bool)

    def mark(wrong: np.ndarray, axes: int) -> None:
        if wrong.any():
            np.logical_or(bad, wrong.any(axis=tuple(range(axes))), out=bad)

    for name, value in [*((n, v[None]) for n, v in final.items()), *saved.items()]:
        if not np.isfinite(np.sum(value)):
            mark(~np.isfinite(np.asarray(value)), 1 + len(plan.model[name].dims))
    for name, value in lowest.items():
        # Each draw by its own size: what fails must not depend on the draws beside it.
        axes = tuple(range(len(plan.model[name].dims)))
        size = np.maximum(np.max(np.abs(final[name]), axis=axes, initial=0.0), np.abs(value))
        mark(np.asarray(value < -NEGATIVE * size), 0)
    return np.flatnonzero(bad)


def diagnose(plan: Plan, draw: int) -> str:
    """Run one draw again step by step and say where, when and in which variable it first went wrong."""
    system, grid = plan.system, plan.grid

    def pick(value: Any) -> Any:
        return value if plan.draws is None or value.shape[-1] == 1 else value[..., draw : draw + 1]

    inputs = Inputs({n: pick(v) for n, v in plan.inputs.fixed.items()},
                    {n: pick(v) for n, v in plan.inputs.varying.items()}, plan.inputs.stages)  # fmt: skip
    everything = (*plan.model.stocks, *(e.name for e in (*system.constants, *system.equations)))
    single = Plan(plan.model, grid, system, inputs, {n: pick(v) for n, v in plan.initial.items()},
                  {k: pick(v) for k, v in plan.held.items()}, everything, 1, plan.method,
                  None if plan.draws is None else 1)  # fmt: skip
    saved, _, _ = execute(single)
    equations = {e.name: e for e in (*system.constants, *system.equations)}
    suffix = f", draw {draw}" if plan.draws is not None else ""
    sizes = {n: np.max(np.abs(v[np.isfinite(v)]), initial=0.0) for n, v in saved.items() if n in plan.model.stocks}
    for row, time in enumerate(grid.times):
        for name in everything:
            value = saved[name][row]
            negative = (name in sizes and plan.model.stocks[name].non_negative
                        and (np.real(value) < -NEGATIVE * sizes[name]).any())  # fmt: skip
            if np.isfinite(value).all() and not negative:
                continue
            wrong = (np.real(value) < -NEGATIVE * sizes[name]) if negative else ~np.isfinite(value)
            return _describe(single, name, wrong, row, float(time), saved, equations.get(name), suffix)
    return f"a value is not finite or a stock is negative{suffix}"


def _describe(
    plan: Plan, name: str, wrong: np.ndarray, row: int, time: float, saved: Values, equation: BoundEquation | None,
    suffix: str,
) -> str:  # fmt: skip
    variable = plan.model[name]
    index = tuple(np.argwhere(np.asarray(wrong))[0]) if np.ndim(wrong) else ()
    labels = ", ".join(plan.model.labels(name)[axis][i] for axis, i in enumerate(index[: len(variable.dims)]))
    value = np.asarray(saved[name][row])[index]
    shown = f"{variable.kind} '{name}'" + (f" [{labels}]" if labels else "")
    if np.isfinite(value):
        return (f"{shown} turns negative ({value:.6g} {variable.unit}) at time {time:g}{suffix}; "
                "limit its outflows, shorten the step, or declare non_negative=False")  # fmt: skip
    parts = []
    for i in equation.inputs if equation else ():
        known = saved[i][row] if i in saved else plan.inputs.fixed.get(i, np.nan)
        if i in plan.inputs.varying:
            known = plan.inputs.varying[i][row, 0]
        low, high = np.min(known), np.max(known)
        parts.append(f"{i} = {low:.6g}" if low == high or np.isnan(low) else f"{i} = {low:.6g} … {high:.6g}")
    because = f"; its inputs then: {', '.join(parts)}" if parts else ""
    return f"{shown} is not finite ({value}) at time {time:g}{suffix}{because}"
