"""Why a variable is what it is: its equation, its inputs with values and sources, and what its loops do to it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from forkpoint.dynamics.variables import Equation, Parameter
from forkpoint.errors import UnknownName
from forkpoint.trace import Quantity, Step
from forkpoint.world.levers import Setting, parse_date, setting
from forkpoint.world.loops import named_loops
from forkpoint.world.model import world
from forkpoint.world.results import quarter_name
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
        outcome=_text(here, variable, time),
        detail=f"{declared.meaning}\n{formula(variable)}",
        citation=declared.source,
        children=tuple(children),
    )


def formula(variable: str) -> str:
    """The body of a variable's equation as it stands in the code."""
    declared = world()[variable]
    if not isinstance(declared, Equation) or declared.function is None:
        return ""
    if declared.kind == "stock":
        flows = [n for n, f in world().flows.items() if variable in (_stock(f.into), _stock(f.outof))]
        return f"{variable} changes by: " + ", ".join(
            ("+ " if _stock(world().flows[n].into) == variable else "− ") + n for n in flows
        )
    source = inspect.getsource(declared.function)
    _, _, body = source.partition('"""')
    _, _, body = body.partition('"""')
    return inspect.cleandoc("\n" + body.strip("\n"))


def _stock(target: str | None) -> str:
    return (target or "").partition("[")[0]


def _inputs(variable: str, here: Trajectories, time: float) -> Step:
    model, declared = world(), world()[variable]
    assert isinstance(declared, Equation)
    values = inputs(here.scenario)
    numbers = {}
    for name in declared.inputs:
        if name in here:
            numbers[name] = Quantity(_text(here, name, time, unit=False), here.unit(name), source=model[name].meaning)
            continue
        one = model.variables.get(name)
        if one is None:
            numbers[name] = Quantity(time, "year")
            continue
        given = values.get(name, getattr(one, "value", None))
        low, high = (one.low, one.high) if isinstance(one, Parameter) else (None, None)
        shown = float(given) if isinstance(given, int | float) else _now(given, time)
        numbers[name] = Quantity(
            shown,
            one.unit,
            source=f"{one.source}" + (f" ({low:g}–{high:g})" if low is not None and high is not None else ""),
        )
    return Step("inputs", f"{len(numbers)} inputs", numbers=numbers)


def _now(given: Any, time: float) -> str:
    if not isinstance(given, dict):
        return "by label"
    dated = [t for t in given if isinstance(t, int | float)]
    if not dated:
        return ", ".join(f"{k} {v:.4g}" for k, v in given.items() if isinstance(v, int | float))[: SHOWN * SHOWN * 2]
    past = [t for t in dated if t <= time]
    value = given[max(past)] if past else None
    return f"{value:.4g}" if isinstance(value, int | float) else "by label"


def _text(here: Trajectories, name: str, time: float, *, unit: bool = True) -> str:
    """A value at a quarter: the number, or the largest labels of an array."""
    index = int(np.argmin(np.abs(np.asarray(here.time) - time)))
    value = np.asarray(here[name])[index]
    tail = f" {here.unit(name)}" if unit and here.unit(name) != "1" else ""
    if value.ndim == 0:
        return f"{float(value):,.4g}{tail}"
    model = world()
    order = np.argsort(-np.abs(value), axis=None)[:SHOWN]
    parts = []
    for place in order:
        at = np.unravel_index(place, value.shape)
        labels = " ".join(model.dimensions[d].labels[i] for d, i in zip(here.dims(name), at, strict=True))
        parts.append(f"{labels} {float(value[at]):,.4g}")
    return "; ".join(parts) + tail


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
        Step(f"{r['loop']} {r['title']}", f"{r['change']:+.1%}", detail=f"{r['says']} Felt from {r['felt_from']}.")
        for r in rows
    )
    told = f"{len(rows)} of {len(named_loops())} loops move it (value with the loop over value without it)"
    return Step("loops", told, children=children)


def _difference(here: Trajectories, other: Trajectories, name: str, time: float) -> tuple[float | None, str]:
    """Relative difference of totals at a quarter (with over without), and the first quarter with any."""
    ours, theirs = (np.asarray(r[name]).reshape(len(r.time), -1).sum(axis=1) for r in (here, other))
    index = int(np.argmin(np.abs(np.asarray(here.time) - time)))
    apart = np.flatnonzero(~np.isclose(ours, theirs, rtol=FELT))
    if not len(apart) or theirs[index] == 0:
        return None, ""
    return float(ours[index] / theirs[index] - 1), quarter_name(float(here.time[apart[0]]))


def _versus(variable: str, here: Trajectories, other: Trajectories, time: float) -> Step:
    change, when = _difference(here, other, variable, time)
    outcome = "the same" if change is None else f"{change:+.1%} against {other.scenario.title}, apart from {when} on"
    return Step(f"versus {other.scenario.title}", outcome, detail=f"there: {_text(other, variable, time)}")
