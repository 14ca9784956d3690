"""One scenario over many draws of its parameters: a compiled program of a fixed width, its outputs, its failures.

All scenarios of the world share one program: levers that any scenario moves over time are given over time in every one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.inputs import is_timed
from forkpoint.dynamics.simulate import NEGATIVE, Plan, make_plan
from forkpoint.dynamics.simulate_jax import jax_module, traceable
from forkpoint.errors import InputError
from forkpoint.uncertainty.outputs import Output
from forkpoint.uncertainty.parameters import free_names, reference_array
from forkpoint.world.levers import Setting
from forkpoint.world.model import START, STEP, STOP, history, world
from forkpoint.world.reference import labels, references
from forkpoint.world.run import inputs
from forkpoint.world.scenario import Scenario, scenario, scenario_names

Array: TypeAlias = NDArray[Any]
WIDTH = 256
"""Draws in one compiled call: arrays fit the processor's cache."""
_programs: dict[Any, Any] = {}


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
        count = next(iter(values.values())).shape[-1]
        found = np.empty((len(self.outputs), len(self.time), count))
        program = self._program()
        for low in range(0, count, WIDTH):
            width = min(WIDTH, count - low)
            part = {n: _filled(v[..., low : low + width]) for n, v in values.items()}
            still = {n: v for n, v in part.items() if n not in self._moved}
            moved = {n: v for n, v in part.items() if n in self._moved}
            paths, failed = program(self._fixed | still, self._varying | moved)
            paths, bad = np.asarray(paths)[..., :width], np.asarray(failed)[:width]
            found[..., low : low + width] = np.where(bad, np.nan, paths)
        return found

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

    def _program(self) -> Callable[..., Any]:
        """The compiled run: (fixed, varying) → (outputs, failed), shared by all plans of the same shape."""
        plan = self._plan
        key = (self.outputs, self.stop, frozenset(plan.inputs.varying) | self._moved)
        if key not in _programs:
            _programs[key] = jax_module().jit(_traced(plan, self.outputs))
        return _programs[key]  # type: ignore[no-any-return]


def _traced(plan: Plan, outputs: Sequence[Output]) -> Callable[..., Any]:
    """A run that gives only the outputs, and which draws left the region where the equations mean something."""
    jnp = jax_module().numpy
    simulate = traceable(plan)
    initial = dict(plan.initial)
    times = np.asarray(plan.grid.times)

    def run(fixed: Mapping[str, Any], varying: Mapping[str, Any]) -> tuple[Any, Any]:
        saved, final, lowest = simulate(dict(fixed), dict(varying), initial, {}, times)
        paths = jnp.stack([saved[o.variable][(slice(None), *o.index)] for o in outputs])
        failed = ~jnp.isfinite(paths).all(axis=(0, 1))
        for name, value in final.items():
            failed |= ~jnp.isfinite(value).all(axis=tuple(range(value.ndim - 1)))
            if name in lowest:
                size = jnp.maximum(jnp.nanmax(jnp.abs(value)), 0.0)
                failed |= lowest[name] < -NEGATIVE * size
        return paths, failed

    return run


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


def _filled(value: Any) -> Any:
    """A slice of draws at the program's full width: the last draw is repeated."""
    width = value.shape[-1]
    if width == WIDTH:
        return np.ascontiguousarray(value)
    return np.concatenate([value, np.repeat(value[..., -1:], WIDTH - width, axis=-1)], axis=-1)


def last_year(to: float | None) -> float:
    """The end of a run to the end of year ``to``. Raises InputError."""
    stop = STOP if to is None else float(to) + 1
    if not START + 1 <= stop <= STOP or stop != int(stop):
        raise InputError(f"an ensemble goes to a year from {int(START)} to {int(STOP) - 1}, not {to:g}")
    return stop
