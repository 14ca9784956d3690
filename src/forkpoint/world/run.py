"""Running a scenario: history, law, levers and switches come together, the engine runs, results keep their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.dynamics.trajectory import Trajectory
from forkpoint.errors import InputError
from forkpoint.world.fitted import fitted_parameters
from forkpoint.world.levers import Setting, apply, parse_setting, setting
from forkpoint.world.model import START, STEP, STOP, history, observed, offers, world
from forkpoint.world.reference import references
from forkpoint.world.scenario import DEFAULT, Scenario, scenario


@dataclass(frozen=True)
class Trajectories(Mapping[str, Any]):
    """A scenario's run: variable → array (time, its dimensions[, draw]); times are starts of steps, in years."""

    scenario: Scenario
    trajectory: Trajectory = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.trajectory[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.trajectory)

    def __len__(self) -> int:
        return len(self.trajectory)

    def __contains__(self, name: object) -> bool:
        return name in self.trajectory.values_by_name

    @property
    def time(self) -> Any:
        """Times in years (2025.25 is the start of 2025Q2)."""
        return self.trajectory.time

    def unit(self, name: str) -> str:
        """A variable's unit."""
        return self.trajectory.model[name].unit

    def dims(self, name: str) -> tuple[str, ...]:
        """A variable's dimensions."""
        return self.trajectory.model[name].dims

    def at(self, name: str, time: float | None = None, **labels: str) -> Any:
        """A variable at labels and, if given, at a time. Raises UnknownName, InputError."""
        return self.trajectory.at(name, time, **labels)

    def span(self, name: str, start: float, end: float, **labels: str) -> Any:
        """A rate's amount from ``start`` to ``end`` (years): the sum of rate times the part of each step inside."""
        value = np.asarray(self.trajectory.at(name, None, **labels))
        step = float(self.time[1] - self.time[0])
        inside = np.clip(np.minimum(self.time + step, end) - np.maximum(self.time, start), 0.0, None)
        return np.tensordot(inside, value, axes=(0, 0))


def value_now(name: str) -> float | str:
    """A lever's value at the end of its dated history (or its fitted or declared value); arrays by label as text."""
    value = {**fitted_parameters(), **history()}.get(name, references()[name].value)
    if isinstance(value, Mapping) and all(isinstance(k, int | float) for k in value):
        value = value[max(value)]
    return _by_label(value) if isinstance(value, Mapping) else float(value)


def _by_label(value: Mapping[str, Any]) -> str:
    """An array's values by label as text; a second dimension in brackets."""
    return ", ".join(f"{k} ({_by_label(v)})" if isinstance(v, Mapping) else f"{k} {v:g}" for k, v in value.items())


def settings_of(levers: Mapping[str, Any] | Iterable[str | Setting] | None) -> list[Setting]:
    """Settings from typed words ("licence_fee=0.25@2026Q1") or a mapping from name to number."""
    if levers is None:
        return []
    if isinstance(levers, Mapping):
        return [setting(name, value, None, where=f"lever '{name}'") for name, value in levers.items()]
    return [one if isinstance(one, Setting) else parse_setting(one) for one in levers]


def inputs(chosen: Scenario, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All values that a scenario's run is given: parameters (fitted unless told), observed series, the law's offers,
    dated levers of the past, and the scenario's settings over all of them."""
    values = {
        **(fitted_parameters() if parameters is None else parameters),
        **observed(),
        **offers(chosen.law),
        **history(),
    }
    return apply(chosen.settings, values)


def run(
    name: str | Path | Scenario = DEFAULT,
    levers: Mapping[str, Any] | Iterable[str | Setting] | None = None,
    *,
    to: float | None = None,
    step: float = STEP,
    parameters: Mapping[str, Any] | None = None,
    **options: Any,
) -> Trajectories:
    """Run a scenario from 2019 to the end of year ``to`` (2035 by default).

    ``levers``: settings laid over the scenario's; ``parameters``: values of parameters by name as the engine takes
    them, in place of the fitted ones (``{}``: the central values of ``reference.yaml``); ``options`` go to the engine
    (``draws=``, ``engine=``, ``outputs=``, …). Raises InputError, UnknownName.
    """
    chosen = scenario(name).with_settings(*settings_of(levers))
    stop = STOP if to is None else float(to) + 1
    if not START + step <= stop <= STOP:
        raise InputError(f"a run goes to a year from {int(START)} to {int(STOP) - 1}, not {to:g}")
    save = round(STEP / step)
    if save < 1 or abs(save * step - STEP) > STEP * np.finfo(float).eps:
        raise InputError(f"the step {step:g} does not divide a quarter")
    trajectory = world().run(inputs(chosen, parameters), stop=stop, step=step, save_every=save, **options)
    return Trajectories(chosen, trajectory)
