"""How observed series stray from the world's line: a Gaussian process over the figures' distances from it.

A model that is wrong in known ways forecasts better when its distance from the data is modelled too (Kennedy & O'Hagan
2001, J. R. Stat. Soc. B 63). On a series' own scale the distance is the sum of a lasting level, a random walk (which
fades for series that the world was fitted to), a slope, a season of the year and the noise of one figure. Their widths
are common to all series and learned from everything known on the day; how far a single series strays more or less than
the others is integrated out, so that its forecast is a Student t.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.uncertainty.as_of import setting, settings
from forkpoint.uncertainty.priors import NINETY
from forkpoint.world.model import START, STEP
from forkpoint.world.observables import Observable, year

Floats: TypeAlias = NDArray[np.float64]
Distances = Callable[[Observable, Sequence[Observation]], Floats]
"""Distances of figures from the world's line (row, draw) on the series' scale."""

ANY_LEVEL = 10.0
"""Standard deviation of the level where the world gives growth only: anything goes, on a scale of logs."""
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Widths:
    """Standard deviations of the parts of a distance, on the series' scale (a year's for ``wander`` and ``slope``)."""

    wander: float
    slope: float
    season: float
    noise: float
    level: float


@dataclass(frozen=True)
class Straying:
    """What known figures say of a later one: weights of their distances, and a Student t around the weighted sum."""

    weights: Floats
    width: float
    degrees: float

    def draws(self, shift: Floats, generator: np.random.Generator) -> Floats:
        """Draws around ``shift`` (one for each draw of the world)."""
        normal = generator.standard_normal(len(shift))
        fat = np.sqrt(self.degrees / generator.chisquare(self.degrees, len(shift)))
        return np.asarray(shift + self.width * fat * normal)


def widths(known: Mapping[Observable, Sequence[Sequence[Observation]]], distances: Distances) -> Widths:
    """The common widths that make the distances of all series known on a day most probable."""
    from scipy.optimize import minimize

    start, freedom = _start(), np.array([float(p["log_sd"]) for p in settings()["discrepancy"].values()])
    series = [(o, rows, np.median(distances(o, rows), axis=1)) for o, many in known.items() for rows in many]
    several = [(o, rows, path) for o, rows, path in series if len(rows) > 1]

    def improbable(x: Floats) -> float:
        found = Widths(*(np.array(list(vars(start).values())) * np.exp(freedom * x)))
        return 0.5 * float(x @ x) + sum(_improbable(found, *one) for one in several)

    best = minimize(improbable, np.zeros(len(freedom)), method="L-BFGS-B", options={"maxiter": 30})
    return Widths(*(float(v) for v in np.array(list(vars(start).values())) * np.exp(freedom * best.x)))


def straying(
    of: Widths, observable: Observable, row: Observation, known: Sequence[Observation], path: Floats
) -> Straying:
    """How ``row`` is expected to stray, given the known figures of its series and their distances ``path``."""
    degrees = setting("degrees_of_freedom")
    before = _covariance(of, observable, [row], [row])[0, 0] + (_unit(observable) * of.noise) ** 2
    if not known:
        return Straying(np.empty(0), float(np.sqrt(before)), degrees)
    covariance = _noisy(of, observable, known)
    across = _covariance(of, observable, [row], known)[0]
    weights = np.linalg.solve(covariance, across)
    told = len(known) - (1 if observable.relative else 0)
    strayed = float(path @ np.linalg.solve(covariance, path))
    scale = (degrees + strayed) / (degrees + told)
    return Straying(weights, float(np.sqrt(max(before - across @ weights, 1e-12) * scale)), degrees + told)


def middle(row: Observation) -> float:
    """The middle of a figure's period, in years."""
    return 0.5 * (year(row.period_start) + year(row.period_end))


def _start() -> Widths:
    return Widths(**{name: float(part["value"]) for name, part in settings()["discrepancy"].items()})


def _improbable(of: Widths, observable: Observable, rows: Sequence[Observation], path: Floats) -> float:
    """Minus the log density of a series' distances, a multivariate Student t, but for a constant."""
    degrees = setting("degrees_of_freedom")
    covariance = _noisy(of, observable, rows)
    strayed = float(path @ np.linalg.solve(covariance, path))
    spread = 0.5 * float(np.linalg.slogdet(covariance)[1])
    return spread + 0.5 * (degrees + len(rows)) * float(np.log1p(strayed / degrees))


def _noisy(of: Widths, observable: Observable, rows: Sequence[Observation]) -> Floats:
    return np.asarray(_covariance(of, observable, rows, rows) + np.diag(_noise(of, observable, rows)))


def _noise(of: Widths, observable: Observable, rows: Sequence[Observation]) -> Floats:
    """Variance that each row adds of its own: the noise of a figure, the error of a forecast."""
    figure = _unit(observable) * of.noise
    told = (row.actual_or_estimate_or_forecast == "forecast" for row in rows)
    own = [_forecast_error(observable, row) if said else figure for row, said in zip(rows, told, strict=True)]
    return np.asarray(np.square(own) + 1e-9)


def _forecast_error(observable: Observable, row: Observation) -> float:
    """Standard deviation of a published forecast: it grows with time and bears on the part of its period still to come.

    The range that the forecaster states counts as 90 %, where it is wider.
    """
    end, said = year(row.period_end + DAY), year(row.known_from)
    ahead = max(end - said, 0.0)
    to_come = min(ahead / (end - year(row.period_start)), 1.0)
    error = to_come * (setting("forecast_error") + setting("forecast_error_per_year") * ahead)
    if row.low is None or row.high is None:
        return _unit(observable) * error
    low, high = observable.transformed(np.array([row.low, row.high]))
    return max(_unit(observable) * error, float(high - low) / (2 * NINETY))


def _unit(observable: Observable) -> float:
    """Widths are in logs or log-odds; on a linear scale, in errors of the series."""
    return observable.error if observable.scale == "linear" else 1.0


def _covariance(
    of: Widths, observable: Observable, left: Sequence[Observation], right: Sequence[Observation]
) -> Floats:
    """Covariance of the distances of figures, each a mean over its period, without the noise of each."""
    (times, mean), (others, mean_of_others) = _moments(left), _moments(right)
    t, s = times[:, None] - START, others[None, :] - START
    unit = _unit(observable)
    memory = setting("residual_memory_years")
    walk = np.minimum(t, s) if observable.relative else 0.5 * memory * np.exp(-np.abs(t - s) / memory)
    level = ANY_LEVEL if observable.relative else of.level * observable.error
    found = level**2 + unit**2 * (of.wander**2 * walk + of.slope**2 * t * s)
    if observable.aggregate == "amount":
        found = found + (unit * of.season) ** 2 * (_periodic(t - s) - _mean_of_year())
    return np.asarray(mean @ found @ mean_of_others.T)


def _moments(rows: Sequence[Observation]) -> tuple[Floats, Floats]:
    """The middles of the quarters of all periods (years), and each period as a mean over its own (period, quarter)."""
    starts = np.array([year(r.period_start) for r in rows])
    spans = np.array([year(r.period_end + DAY) for r in rows]) - starts
    counts = np.maximum(np.round(spans / STEP), 1).astype(int)
    times = [start + span * (np.arange(n) + 0.5) / n for start, span, n in zip(starts, spans, counts, strict=True)]
    whose = np.repeat(np.arange(len(rows)), counts)
    return np.concatenate(times), (whose == np.arange(len(rows))[:, None]) / counts[:, None]


def _periodic(apart: Floats) -> Floats:
    return np.asarray(np.exp(-2.0 * np.sin(np.pi * apart) ** 2 / setting("season_length") ** 2))


@cache
def _mean_of_year() -> float:
    """What is common to all seasons: level, not season."""
    return float(_periodic(np.linspace(0.0, 1.0, 100, endpoint=False)).mean())
