"""Why a variable is what it is: its equation, its inputs with values and sources, and what its loops do to it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.dynamics.emit.equations import equation_part
from forkpoint.dynamics.emit.plain import plain
from forkpoint.dynamics.variables import Equation, Parameter
from forkpoint.errors import UnknownName
from forkpoint.trace import Quantity, Step, scale
from forkpoint.world.levers import Setting, parse_date, setting
from forkpoint.world.loops import named_loops
from forkpoint.world.model import START, world
from forkpoint.world.results import headline, quarter_name
from forkpoint.world.run import Trajectories, inputs, run

FELT = 0.00025
"""Relative difference that counts as felt."""
SHOWN = 6
"""Labels of an array that an explanation shows: the largest ones."""


def explain(
    variable: str,
    scenario: str = "as-it-was",
    *,
    versus: str | None = None,
    at: str = "2025Q2",
    levers: Iterable[str | Setting] = (),
) -> Step:
    """A variable at a quarter of a scenario. Raises UnknownName for a variable that the model does not have."""
    model = world()
    equations = [n for n, v in model.variables.items() if isinstance(v, Equation)]
    if variable not in equations:
        raise UnknownName("variable", variable, equations)
    time = parse_date(at, "--at")
    settings = list(levers)
    here = run(scenario, settings)
    children = [_inputs(variable, here, time), _loops(variable, scenario, settings, here, time)]
    if versus:
        children.append(_versus(variable, here, run(versus, settings), time))
    declared = model[variable]
    return Step(
        name=f"{variable} in {here.scenario.title}, {quarter_name(time)}",
        outcome=str(_quantity(here, variable, time)),
        detail=f"{declared.meaning}\n{formula(variable)}",
        citation=declared.source,
        children=tuple(children),
    )


def formula(variable: str) -> str:
    """A variable's equation as the page of equations has it, in one line a formula, and where it stands in the code."""
    declared = world()[variable]
    assert isinstance(declared, Equation)
    part = equation_part(world(), declared, {})
    lines = [plain(latex) for sign, latex in pairwise(part) if sign == "$$" and latex]
    if declared.function is None:
        return "\n".join(lines)
    code = inspect.unwrap(declared.function).__code__
    return "\n".join([*lines, f"in the code: world/{Path(code.co_filename).name}, line {code.co_firstlineno}"])


def _inputs(variable: str, here: Trajectories, time: float) -> Step:
    model, declared = world(), world()[variable]
    assert isinstance(declared, Equation)
    values = inputs(here.scenario)
    numbers = {}
    ends = [(flow, end) for flow in model.flows for end in ("into", "outof")]
    flows = [flow for flow, end in ends if (model.destination(flow, end) or ("",))[0] == variable]
    for name in dict.fromkeys([*flows, *declared.inputs]):
        if name in here:
            numbers[name] = replace(_quantity(here, name, time), source=model[name].meaning)
            continue
        one = model.variables.get(name)
        if one is None:
            numbers[name] = Quantity(quarter_name(time))
            continue
        given = values.get(name, getattr(one, "value", None))
        low, high = (one.low, one.high) if isinstance(one, Parameter) else (None, None)
        shown = _now(given, time, one.unit)
        span = f" ({Quantity(None, '', low, high)})" if low is not None and high is not None and low < high else ""
        numbers[name] = Quantity(shown, one.unit, source=one.source + span)
    return Step("inputs", str(len(numbers)), numbers=numbers)


def _now(given: Any, time: float, unit: str) -> float | str:
    """A parameter or series at a quarter (of a date every digit); of values by label the first ones."""
    if isinstance(given, int | float):
        return float(given) if unit == "year" and given >= START else _rounded(given)
    if not isinstance(given, dict):
        return "by label"
    dated = [t for t in given if isinstance(t, int | float)]
    if not dated:
        parts = [f"{k} {Quantity(_rounded(v))}" for k, v in given.items() if isinstance(v, int | float)]
        return ", ".join([*parts[:SHOWN], "…"] if len(parts) > SHOWN else parts) or "by label"
    past = [t for t in dated if t <= time]
    value = given[max(past)] if past else None
    return _rounded(value) if isinstance(value, int | float) else "by label"


def _quantity(here: Trajectories, name: str, time: float) -> Quantity:
    """A value at a quarter, in the unit of ``forkpoint run`` where that shows it: the largest labels of an array."""
    index = int(np.argmin(np.abs(np.asarray(here.time) - time)))
    value = np.asarray(here[name])[index]
    row = next((r for r in headline() if r["variable"] == name and not r["labels"]), None)
    if value.ndim == 0 and row is not None:
        return Quantity(_rounded(float(value) * float(row["factor"])), row["unit"])
    if value.ndim == 0:
        return Quantity(_rounded(float(value)), here.unit(name))
    model = world()
    order = np.argsort(-np.abs(value), axis=None)[:SHOWN]
    divisor, word = scale(float(np.max(np.abs(value), initial=0)))
    parts = []
    for place in order:
        at = np.unravel_index(place, value.shape)
        labels = " ".join(model.dimensions[d].labels[i] for d, i in zip(here.dims(name), at, strict=True))
        parts.append(f"{labels} {Quantity(_rounded(float(value[at]) / divisor))}")
    return Quantity("; ".join(parts), f"{word} {'' if here.unit(name) == '1' else here.unit(name)}".strip())


def _rounded(value: float) -> float:
    """To four significant digits, as ``forkpoint run`` shows them."""
    return float(f"{value:.4g}")


def _without(
    variable: str, scenario: str, settings: list[Any], here: Trajectories, time: float
) -> list[dict[str, Any]]:
    found = []
    for loop in named_loops().values():
        off = setting(loop.switch, 0, None, where=loop.name)
        other = run(scenario, [*settings, off], outputs=(variable,))
        change, when = _difference(here, other, variable, time)
        found.append({"loop": loop.name, "title": loop.title, "change": change, "felt_from": when, "says": loop.says})
    return sorted(found, key=lambda row: -abs(row["change"] or 0.0))


def loop_effects(variable: str, scenario: str, at: str) -> list[dict[str, Any]]:
    """Each loop switched off in turn: relative change of the variable's total that the loop carries, and since when."""
    if variable not in world().variables:
        raise UnknownName("variable", variable, world().variables)
    here = run(scenario, outputs=(variable,))
    return _without(variable, scenario, [], here, parse_date(at, "--at"))


def _loops(variable: str, scenario: str, settings: list[Any], here: Trajectories, time: float) -> Step:
    rows = [r for r in _without(variable, scenario, settings, here, time) if r["change"] is not None]
    children = tuple(
        Step(f"{r['loop']} {r['title']}", _per_cent(r["change"]), detail=f"{r['says']} Felt from {r['felt_from']}.")
        for r in rows
    )
    told = f"{len(rows)} of {len(named_loops())} loops move its total (value with the loop over value without it)"
    return Step("loops", told, children=children)


def _per_cent(change: float) -> str:
    shown = f"{change:+.1%}"
    return "less than 0.1%" if shown in ("+0.0%", "-0.0%") else shown


def _difference(here: Trajectories, other: Trajectories, name: str, time: float) -> tuple[float | None, str]:
    """Relative difference of totals at a quarter (with over without; None of zero), and the first quarter with any."""
    ours, theirs = (np.asarray(r[name]).reshape(len(r.time), -1).sum(axis=1) for r in (here, other))
    index = int(np.argmin(np.abs(np.asarray(here.time) - time)))
    apart = np.flatnonzero(~np.isclose(ours, theirs, rtol=FELT))
    if not len(apart):
        return None, ""
    change = float(ours[index] / theirs[index] - 1) if theirs[index] else None
    return change, quarter_name(float(here.time[apart[0]]))


def _versus(variable: str, here: Trajectories, other: Trajectories, time: float) -> Step:
    change, when = _difference(here, other, variable, time)
    title = other.scenario.title
    against = f"zero in {title}" if change is None else f"{change:+.1%} against {title}"
    outcome = f"{against}, apart from {when} on" if when else "the same"
    return Step(f"versus {other.scenario.title}", outcome, detail=f"there: {_quantity(other, variable, time)}")
