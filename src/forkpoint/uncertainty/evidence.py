"""What was known on a day, and how far a run of the world is from it.

Residuals are differences on each series' own scale (logs, log-odds), in units of the observation's error. Rows that
repeat a figure (a year and its quarters, one figure in two reports) share its weight.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.dynamics.functions import library
from forkpoint.uncertainty.as_of import known_coordinates, known_inputs
from forkpoint.uncertainty.parameters import Coordinate, parameter_values
from forkpoint.world.model import START, STEP, world
from forkpoint.world.observables import Observable, matched, observables, year

Floats: TypeAlias = NDArray[np.float64]
HORIZON = 2030.0
"""Fits and scores run to this year: later observations are not scored."""


@dataclass(frozen=True)
class Evidence:
    """The observations that a day's calibration may use, as residuals of a run over draws."""

    as_of: dt.date
    groups: Mapping[Observable, tuple[Observation, ...]]
    exogenous: Mapping[str, Any]
    coordinates: tuple[Coordinate, ...]

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(len(rows) for rows in self.groups.values())

    @property
    def rows(self) -> list[tuple[Observable, Observation]]:
        """Every observation with its observable, in the order of the residuals."""
        return [(o, row) for o, rows in self.groups.items() for row in rows]

    def predictions(self, z: Floats) -> Floats:
        """Predictions for every observation and draw of coordinates ``z`` (coordinate, draw), in the series' units."""
        result = self._run(z)
        return np.concatenate([np.asarray(p) for _, p in self._predicted(result, self.counted(result.time))])

    def residuals(self, z: Floats) -> Floats:
        """Scaled residuals (observation, draw)."""
        result = self._run(z)
        return np.asarray(self.scaled(result, self.counted(result.time)))

    def counted(self, times: Floats) -> dict[Observable, Floats]:
        """How much each model time counts for each observation (observation, time)."""
        return {o: o.weights(rows, times, STEP) for o, rows in self.groups.items()}

    def scaled(self, values: Any, counted: Mapping[Observable, Floats]) -> Any:
        """Scaled residuals (observation, draw) of a run's variables (time, dimensions, draw), NumPy or JAX."""
        parts = []
        for observable, predicted in self._predicted(values, counted):
            observed = np.array([row.value for row in self.groups[observable]], dtype=float)
            difference = observable.transformed(predicted) - observable.transformed(observed)[:, None]
            parts.append(difference / observable.error)
        xp = library(parts[0])
        return xp.nan_to_num(xp.concatenate(parts), nan=1e3, posinf=1e3, neginf=-1e3) * self.weights[:, None]

    def _predicted(self, values: Any, counted: Mapping[Observable, Floats]) -> Iterator[tuple[Observable, Any]]:
        for observable in self.groups:
            yield observable, observable.predict(values, world(), counted[observable])

    @property
    def weights(self) -> Floats:
        """Square roots of each row's share in the figures that it repeats."""
        return np.sqrt([1.0 / _repeats(row, rows) for rows in self.groups.values() for row in rows])

    def _run(self, z: Floats) -> Any:
        return simulate(z, self.coordinates, self.exogenous)


def evidence(observations: Iterable[Observation], as_of: dt.date) -> Evidence:
    """The fitted series' actual and estimated figures that were public on a day, beside the world as known then."""
    known = [
        o
        for o in observations
        if o.actual_or_estimate_or_forecast != "forecast"
        and o.known_from <= as_of
        and o.period_end <= as_of
        and year(o.period_start) >= START
    ]
    groups = {o: tuple(rows) for o, rows in matched(known).items() if o.fit}
    return Evidence(as_of, groups, known_inputs(as_of), known_coordinates(as_of))


def simulate(z: Floats, of: Sequence[Coordinate], exogenous: Mapping[str, Any]) -> Any:
    """Runs over draws of coordinates ``z`` (coordinate, draw); always the same span and outputs, so compiled once."""
    needed = sorted({v for o in observables() for v in o.variables})
    draws = {n: v for n, v in parameter_values(z, of).items() if n not in exogenous}
    return world().run(exogenous, stop=HORIZON, draws=draws, outputs=needed, engine="llvm", on_error="mark")


def _repeats(row: Observation, rows: Iterable[Observation]) -> float:
    """How many rows of the same series and entity stand for the time that this one covers (itself included)."""
    own = max((row.period_end - row.period_start).days, 1)
    count = 0.0
    for other in rows:
        if other.entity != row.entity:
            continue
        shared = (min(row.period_end, other.period_end) - max(row.period_start, other.period_start)).days
        if other is row or shared > 0:
            longer = max(own, (other.period_end - other.period_start).days, 1)
            count += 1.0 if other is row else shared / longer
    return max(count, 1.0)
