"""Forecasts of observed series from what was known on a day, as draws.

A draw is a run of the world at a draw of the posterior. Its line is moved by what the series' known distances from it
say of a later one, and spread by what they leave open (``discrepancy.py``), on the series' own scale (logs or
log-odds). A series that the world was fitted to also keeps some of its own mean growth: quantiles of the two are
averaged (Lichtendahl, Grushka-Cockayne & Winkler 2013, Management Science 59).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.errors import InputError
from forkpoint.uncertainty import baselines
from forkpoint.uncertainty.as_of import setting, settings
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.discrepancy import Widths, middle, straying, widths
from forkpoint.uncertainty.evidence import Evidence, simulate
from forkpoint.uncertainty.priors import stream
from forkpoint.world.model import STEP, world
from forkpoint.world.observables import Observable, matched

Floats: TypeAlias = NDArray[np.float64]


LIKE_SPAN = (0.6, 1.6)
"""Spans are alike within this ratio: a quarter of 13 or 14 weeks is, a half-year and a year are not."""


@dataclass(frozen=True)
class Forecaster:
    """Posterior runs of the world as known on a day, ready to say what any matching period will show."""

    runs: Any
    widths: Widths
    seed: int

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        posterior: Posterior,
        known: Sequence[Observation],
        *,
        draws: int = 1000,
        seed: int = 0,
    ) -> Forecaster:
        """Runs at ``draws`` of the posterior (those that left the model's region are dropped), and how all ``known``
        figures stray from them."""
        standard = np.stack([stream(seed, f"posterior:{name}").standard_normal(draws) for name in posterior.names])
        runs = simulate(posterior.sample(standard), evidence.coordinates, evidence.exogenous)
        kept = np.array([d for d in range(draws) if d not in runs.failed])
        lines = _Runs(runs.time, {n: v[..., kept] for n, v in runs.items()})
        return cls(lines, widths({o: _by_series(rows) for o, rows in matched(known).items()}, lines.distances), seed)

    def draws(
        self,
        observable: Observable,
        row: Observation,
        known: Sequence[Observation],
        guided: Sequence[Observation] = (),
    ) -> Floats:
        """Draws of what ``row``'s period will show, given the figures of its series known on the day.

        ``guided``: what firms and analysts had said by the day that its coming periods will show.
        Raises InputError where the model gives the series' growth only and no figure of it is known.
        """
        if observable.relative and not known:
            raise InputError(f"{row.series} ({row.entity}): no figure is known that its growth could start from")
        told = [*known, *guided]
        line = observable.transformed(self.runs.predict(observable, [row])[0])
        apart = self.runs.distances(observable, told)
        expected = straying(self.widths, observable, row, told, np.median(apart, axis=1))
        name = f"{row.series}:{row.entity}:{row.region}:{row.period_start}:{row.period_end}"
        found = np.sort(expected.draws(line + expected.weights @ apart, stream(self.seed, name)))
        if not observable.relative:
            unguided = straying(self.widths, observable, row, known, np.median(apart[: len(known)], axis=1))
            left_open = min((expected.width / unguided.width) ** 2, 1.0)
            found = self._with_own_trend(found, observable, row, known, left_open)
            found = _widened(found, row, known, left_open)
        return np.asarray(observable.back(found), dtype=float)

    def _with_own_trend(
        self, found: Floats, observable: Observable, row: Observation, known: Sequence[Observation], left_open: float
    ) -> Floats:
        """Quantiles of a forecast averaged with those of the series' own mean growth, where it has one.

        ``left_open``: the share of the variance that guidance leaves; beyond it, its own growth tells nothing.
        """
        times, values = history(row, known)
        if len(times) < 2:
            return found
        noise = np.sort(stream(self.seed, "own trend").standard_normal(len(found)))
        own = np.sort(observable.transformed(baselines.draws(baselines.drift, times, values, middle(row), noise)))
        weight = left_open * setting("own_trend_weight")
        return np.asarray((1.0 - weight) * found + weight * own)


@dataclass(frozen=True)
class _Runs:
    time: Floats
    values: Mapping[str, Any]

    def predict(self, observable: Observable, rows: Sequence[Observation]) -> Floats:
        """The world's own line for each row's period (row, draw), in the series' unit."""
        weights = observable.weights(rows, self.time, STEP)
        return np.asarray(observable.predict(self.values, world(), weights), dtype=float)

    def distances(self, observable: Observable, rows: Sequence[Observation]) -> Floats:
        """How far figures lie from the world's line (row, draw), on the series' scale."""
        if not rows:
            return np.empty((0, next(iter(self.values.values())).shape[-1]))
        seen = observable.transformed(np.array([float(r.value or 0.0) for r in rows]))[:, None]
        return np.asarray(seen - observable.transformed(self.predict(observable, rows)), dtype=float)


def guidance(
    row: Observation, observations: Iterable[Observation], known: Sequence[Observation], as_of: dt.date
) -> list[Observation]:
    """Forecasts of a row's series and entity that were public on the day, of periods that end after the known ones.

    A range without a middle is read as its middle.
    """
    known_to = max((k.period_end for k in known), default=as_of)
    other = settings()["guidance_of"]
    found = []
    for said in observations:
        coming = said.actual_or_estimate_or_forecast == "forecast" and said.known_from <= as_of
        of_series = (said.series, said.unit) == (row.series, row.unit) or other.get(said.series) == row.series
        if coming and of_series and said.period_end > known_to and said.entity.casefold() == row.entity.casefold():
            ends = [end for end in (said.low, said.high) if end is not None]
            value = said.value if said.value is not None or not ends else sum(ends) / len(ends)
            found += [said.model_copy(update={"value": value})] if value is not None else []
    return found


def history(row: Observation, known: Sequence[Observation]) -> tuple[Floats, Floats]:
    """Times (years) and values of the known figures for spans like the row's; of several reports the last."""
    last = {k.period_end: k for k in sorted(of_like_span(row, known), key=lambda k: k.published)}
    rows = [k for _, k in sorted(last.items())]
    return np.array([middle(k) for k in rows]), np.array([float(k.value or 0.0) for k in rows])


def of_like_span(row: Observation, known: Sequence[Observation]) -> list[Observation]:
    """The known figures for spans of about the same length."""
    length = (row.period_end - row.period_start).days + 1
    shortest, longest = LIKE_SPAN
    return [k for k in known if shortest < ((k.period_end - k.period_start).days + 1) / length < longest]


def _widened(found: Floats, row: Observation, known: Sequence[Observation], left_open: float) -> Floats:
    """Draws spread about their median: the world was fitted to the figures whose distance from it is measured."""
    last = max((middle(k) for k in known), default=middle(row) - 1.0)
    factor = 1.0 + left_open * setting("widening_per_year") * max(middle(row) - last, 0.0)
    return np.asarray(np.median(found) + factor * (found - np.median(found)))


def _by_series(rows: Sequence[Observation]) -> list[list[Observation]]:
    found: dict[tuple[str, str, str], list[Observation]] = {}
    for row in rows:
        found.setdefault((row.series, row.entity, row.region), []).append(row)
    return list(found.values())
