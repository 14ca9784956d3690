"""One scenario over many draws of its parameters: its outputs, its failures.

All scenarios of the world share one compiled program: levers that any scenario moves over time are given over time in
every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.inputs import Inputs, is_timed
from forkpoint.dynamics.scalar_step import Element
from forkpoint.dynamics.simulate import NEGATIVE, Plan, make_plan
from forkpoint.dynamics.simulate_llvm import simulate
from forkpoint.errors import InputError
from forkpoint.uncertainty.outputs import Output
from forkpoint.uncertainty.parameters import free_names, reference_array
from forkpoint.world.levers import Setting
from forkpoint.world.model import START, STEP, STOP, history, world
from forkpoint.world.reference import labels, references
from forkpoint.world.run import inputs
from forkpoint.world.scenario import Scenario, scenario, scenario_names

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """A scenario made ready to run over draws."""

    scenario: Scenario
    outputs: tuple[Output, ...]
    stop: float = STOP

    @property
    def time(self) -> NDArray[np.float64]:
        """Times of the outputs, in years."""
        return np.asarray(START + STEP * np.arange(round((self.stop - START) / STEP) + 1))

    def run(self, parameters: Mapping[str, Any]) -> Array:
        """Outputs (output, time, draw) at parameters' draws; NaN in every output of a draw that left the model."""
        values = {**parameters, **self._placed(parameters)}
        still = {n: v for n, v in values.items() if n not in self._moved}
        moved = {n: v for n, v in values.items() if n in self._moved}
        given = Inputs(self._fixed | still, self._varying | moved, self._plan.inputs.stages)
        plan = replace(self._plan, inputs=given, draws=next(iter(values.values())).shape[-1])
        paths, stocks, lowest = simulate(plan, self._elements, drawn_names=frozenset(values))
        failed = ~np.isfinite(paths.sum(axis=(0, 1))) | ~np.isfinite(stocks.sum(axis=0))
        for rows in self._guarded:
            low = lowest[rows].min(axis=0)
            # Each draw by its own size, so that what fails does not depend on the draws beside it.
            failed |= low < -NEGATIVE * np.maximum(np.abs(stocks[rows]).max(axis=0, initial=0.0), np.abs(low))
        paths[..., failed] = np.nan
        return paths

    @cached_property
    def _moved(self) -> frozenset[str]:
        """Drawn parameters that the scenario sets from a date on."""
        return frozenset(s.name for s in self.scenario.settings if s.date is not None and s.name in free_names())

    @cached_property
    def _plan(self) -> Plan:
        drawn = set(free_names())
        values: dict[str, Any] = {n: v for n, v in inputs(self.scenario).items() if n not in drawn}
        for name in _dated() | {s.name for s in self.scenario.settings if s.date is not None}:
            if name not in drawn and not is_timed(values.get(name)):
                values[name] = {-np.inf: values.get(name, references()[name].value)}
        draws = {n: reference_array(n)[..., None] for n in free_names()}
        names = [o.variable for o in self.outputs]
        plan = make_plan(world(), values, START, self.stop, STEP, draws=draws, outputs=names)
        return replace(plan, system=plan.system.with_varying(self._moved))

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        drawn = set(free_names())
        return {n: v for n, v in self._plan.inputs.fixed.items() if n not in drawn}

    @cached_property
    def _varying(self) -> dict[str, Any]:
        return dict(self._plan.inputs.varying)

    def _placed(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Drawn parameters with the scenario's settings laid over them, over time where a setting has a date."""
        placed: dict[str, Any] = {}
        for one in self.scenario.settings:
            if one.name not in free_names():
                continue
            value = placed.get(one.name)
            if value is None:
                value = np.array(parameters[one.name])
                if one.name in self._moved:
                    value = np.repeat(value[None, None], len(self.time), axis=0)
            value[_where(one, self.time if one.name in self._moved else None)] = one.value
            placed[one.name] = value
        return placed

    @cached_property
    def _elements(self) -> tuple[Element, ...]:
        """Every output as a variable and the place of its element."""
        return tuple((o.variable, _place(o)) for o in self.outputs)

    @cached_property
    def _guarded(self) -> list[slice]:
        """Rows of the stocks that must not be negative, stock by stock."""
        model, first, found = self._plan.model, 0, []
        for name in self._plan.system.stocks:
            size = int(np.prod(model.shape(name), dtype=int))
            if model.stocks[name].non_negative:
                found.append(slice(first, first + size))
            first += size
        return found


def _place(output: Output) -> int:
    """The place of an output's element in row-major order."""
    return int(np.ravel_multi_index(output.index, world().shape(output.variable))) if output.index else 0


def _dated() -> frozenset[str]:
    """Parameters that some scenario of the package moves over time."""
    moved = {s.name for n in scenario_names() for s in scenario(n).settings if s.date is not None}
    return frozenset(moved | set(history())) - set(free_names())


def _where(one: Setting, times: Any) -> Any:
    """Where a setting counts in a parameter's array: (time, stage, dimensions…) or (dimensions…)."""
    dims = references()[one.name].dims
    places: list[Any] = []
    for dim in dims:
        chosen = [labels(dim).index(label) for label in one.labels if label in labels(dim)]
        places.append(chosen[0] if chosen else slice(None))
    if times is None:
        return (*places, Ellipsis)
    start = -np.inf if one.date is None else one.date
    first = int(np.searchsorted(times, start - 1e-9))
    return (slice(first, None), slice(None), *places, Ellipsis)


def last_year(to: float | None) -> float:
    """The end of a run to the end of year ``to``. Raises InputError."""
    stop = STOP if to is None else float(to) + 1
    if not START + 1 <= stop <= STOP or stop != int(stop):
        raise InputError(f"an ensemble goes to a year from {int(START)} to {int(STOP) - 1}, not {to:g}")
    return stop
