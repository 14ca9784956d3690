"""The past again: a run from 2019 on observed levers alone, beside every observed series that the model speaks of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forkpoint.catalog import Observation
from forkpoint.world.model import START, STEP, world
from forkpoint.world.observables import Observable, matched, year
from forkpoint.world.run import run


def error_kind(observable: Observable) -> str:
    """What an error of a series is: "points" of a share (divided by 100), a difference in the series' own "unit" where
    figures may be nought or negative (days of delay), else "relative" to the figure."""
    return {"logit": "points", "linear": "unit"}.get(observable.scale, "relative")


@dataclass(frozen=True)
class Comparison:
    """One observation beside what the model says of its period, in the series' unit."""

    observable: Observable
    observation: Observation
    predicted: float
    used: bool
    """Whether calibration as of the day may use it."""

    @property
    def error(self) -> float:
        """What the prediction misses the figure by, as ``error_kind`` of its series says."""
        value = float(self.observation.value or 0.0)
        kind = error_kind(self.observable)
        if kind == "relative":
            return self.predicted / value - 1.0 if value else float("nan")
        return (self.predicted - value) / (100.0 if kind == "points" else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """A row for tables and files."""
        row = self.observation
        return {
            "series": row.series,
            "entity": row.entity,
            "region": row.region,
            "period_start": row.period_start.isoformat(),
            "period_end": row.period_end.isoformat(),
            "observed": row.value,
            "low": row.low,
            "high": row.high,
            "predicted": self.predicted,
            "error": self.error,
            "error_in": row.unit if error_kind(self.observable) == "unit" else error_kind(self.observable),
            "unit": row.unit,
            "kind": row.actual_or_estimate_or_forecast,
            "published": row.published,
            "used": self.used,
            "trap": self.observable.trap,
        }


@dataclass(frozen=True)
class SeriesError:
    """The errors of one series: median absolute error, bias, and how many observations stand behind them."""

    observable: Observable
    count: int
    median_absolute_error: float
    median_error: float
    worst: float
    unit: str
    """The unit of the series' figures."""

    @property
    def kind(self) -> str:
        """What the errors are, as ``error_kind`` says."""
        return error_kind(self.observable)

    def to_dict(self) -> dict[str, Any]:
        """A row for tables and files."""
        return {
            "series": self.observable.series,
            "entity": self.observable.entity,
            "count": self.count,
            "median_absolute_error": self.median_absolute_error,
            "bias": self.median_error,
            "worst": self.worst,
            "fitted": self.observable.fit,
            "in": self.unit if self.kind == "unit" else self.kind,
            "trap": self.observable.trap,
        }


def hindcast(
    observations: Iterable[Observation],
    *,
    as_of: dt.date,
    scenario: str = "as-it-was",
    parameters: Mapping[str, Any] | None = None,
) -> list[Comparison]:
    """Every actual or estimated observation of the past beside the model's value, run on observed levers alone."""
    rows = [o for o in observations if o.actual_or_estimate_or_forecast != "forecast" and o.period_end <= as_of]
    rows = [o for o in rows if year(o.period_start) >= START]
    groups = {o: group for o, group in matched(rows).items() if not o.relative}
    needed = sorted({v for o in groups for v in o.variables})
    result = run(scenario, parameters=parameters, to=as_of.year, outputs=needed)
    found = []
    for observable, group in groups.items():
        weights = observable.weights(group, result.time, STEP)
        predicted = observable.predict(result, world(), weights)
        for row, value in zip(group, predicted, strict=True):
            found.append(Comparison(observable, row, float(value), observable.fit and row.known_from <= as_of))
    return found


def errors_by_series(comparisons: Sequence[Comparison]) -> list[SeriesError]:
    """Errors by series, in the order of the mapping."""
    groups: dict[Observable, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.observable, []).append(comparison)
    rows = []
    for observable, group in groups.items():
        known = np.array([c.error for c in group if np.isfinite(c.error)])
        if not len(known):
            continue
        sizes = np.abs(known)
        rows.append(
            SeriesError(
                observable,
                len(known),
                median_absolute_error=float(np.median(sizes)),
                median_error=float(np.median(known)),
                worst=float(known[sizes.argmax()]),
                unit=group[0].observation.unit,
            )
        )
    return rows
