"""Forecasts of observed series from what was known on a day, as draws.

A draw is a run of the world at a draw of the posterior. Its line is moved by the series' own distance from it at the
last known figure, which shrinks with time (a first-order memory), and spread by an error of the size that the series
had around the fitted line. Both are on the series' own scale (logs or log-odds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.errors import InputError
from forkpoint.uncertainty.as_of import settings
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.evidence import Evidence, simulate
from forkpoint.uncertainty.priors import stream
from forkpoint.world.model import STEP, world
from forkpoint.world.observables import Observable, year

Floats: TypeAlias = NDArray[np.float64]


LIKE_SPAN = (0.6, 1.6)
"""Spans are alike within this ratio: a quarter of 13 or 14 weeks is, a half-year and a year are not."""


@dataclass(frozen=True)
class Forecaster:
    """Posterior runs of the world as known on a day, ready to say what any matching period will show."""

    evidence: Evidence
    runs: Any
    seed: int

    @classmethod
    def of(cls, evidence: Evidence, posterior: Posterior, *, draws: int = 1000, seed: int = 0) -> Forecaster:
        """Runs at ``draws`` of the posterior; those that left the model's region are dropped."""
        names = posterior.names
        standard = np.stack([stream(seed, f"posterior:{name}").standard_normal(draws) for name in names])
        runs = simulate(posterior.sample(standard), evidence.coordinates, evidence.exogenous)
        kept = np.array([d for d in range(draws) if d not in runs.failed])
        values: Mapping[str, Any] = {n: v[..., kept] for n, v in runs.items()}
        return cls(evidence, _Runs(runs.time, values), seed)

    def predict(self, observable: Observable, rows: Sequence[Observation]) -> Floats:
        """The world's own line for each row's period (row, draw), in the series' unit."""
        weights = observable.weights(rows, self.runs.time, STEP)
        return np.asarray(observable.predict(self.runs.values, world(), weights), dtype=float)

    def draws(self, observable: Observable, row: Observation, known: Sequence[Observation]) -> Floats:
        """Draws of what ``row``'s period will show, given the figures of its series known on the day.

        Raises InputError where the model gives the series' growth only and no figure of it is known.
        """
        line = observable.transformed(self.predict(observable, [row])[0])
        anchor = _last_like(row, known)
        if anchor is None and observable.relative:
            raise InputError(f"{row.series} ({row.entity}): no figure is known that its growth could start from")
        shift: Any = 0.0
        keep, ahead, spread = 0.0, 1.0, observable.error
        if anchor is not None:
            ahead = max(middle(row) - middle(anchor), 0.0)
            keep = 1.0 if observable.relative else float(np.exp(-ahead / _setting("residual_memory_years")))
            shift = keep * self._distances(observable, [anchor])[0]
            if not observable.relative:
                own = self._distances(observable, known)
                spread = max(observable.error, float(np.sqrt(np.median(own**2))))
        drift = self._drift(observable, row, known)
        width = np.sqrt(spread**2 * max(1.0 - keep**2, 0.25) + drift**2 * ahead)
        name = f"{observable.id}:{row.entity}:{row.period_start}:{row.period_end}"
        noise = stream(self.seed, name).standard_normal(len(line))
        return np.asarray(observable.back(line + shift + width * noise), dtype=float)

    def _drift(self, observable: Observable, row: Observation, known: Sequence[Observation]) -> float:
        """How far the series wanders from the world's line in a year: a prior, overruled by its own steps."""
        prior = _setting("drift_per_year") * (observable.error if observable.scale == "linear" else 1.0)
        alike = sorted(of_like_span(row, known), key=middle)
        if len(alike) < 2:
            return prior
        path = np.median(self._distances(observable, alike), axis=1)
        times = np.array([middle(k) for k in alike])
        apart = np.diff(times)
        steps = np.diff(path)[apart > 0.1] ** 2 / apart[apart > 0.1]
        weight = _setting("drift_weight")
        return float(np.sqrt((weight * prior**2 + steps.sum()) / (weight + len(steps))))

    def _distances(self, observable: Observable, rows: Sequence[Observation]) -> Floats:
        """How far figures lie from the world's line (row, draw), on the series' scale."""
        seen = observable.transformed(np.array([float(r.value or 0.0) for r in rows]))[:, None]
        return np.asarray(seen - observable.transformed(self.predict(observable, rows)), dtype=float)


@dataclass(frozen=True)
class _Runs:
    time: Floats
    values: Mapping[str, Any]


def _last_like(row: Observation, known: Sequence[Observation]) -> Observation | None:
    """The last known figure for a span of about the same length, else the last of any."""
    if not known:
        return None
    return max(of_like_span(row, known) or known, key=lambda k: (k.period_end, k.published))


def of_like_span(row: Observation, known: Sequence[Observation]) -> list[Observation]:
    """The known figures for spans of about the same length."""
    length = (row.period_end - row.period_start).days + 1
    shortest, longest = LIKE_SPAN
    return [k for k in known if shortest < ((k.period_end - k.period_start).days + 1) / length < longest]


def _setting(name: str) -> float:
    return float(settings()[name]["value"])


def middle(row: Observation) -> float:
    """The middle of a figure's period, in years."""
    return 0.5 * (year(row.period_start) + year(row.period_end))
