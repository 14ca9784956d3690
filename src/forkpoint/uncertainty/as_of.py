"""The world as a forecaster could know it on a day: figures not yet published, law not yet written, no hindsight.

After the last known quarter budgets grow on by their own recent trend, chips by research, and the law stays as it was
known. Priors that rest on hindsight are widened (``as_of.yaml`` says which, and until when).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.files import read_yaml
from forkpoint.uncertainty.parameters import Coordinate, coordinates, reference_array
from forkpoint.world.model import START, STEP, history, observed, offers
from forkpoint.world.observables import year
from forkpoint.world.reference import labels, references

TRENDS = {"us": "hyperscaler_capex", "cn": "china_server_spend", "row": "hyperscaler_capex"}
"""The exogenous series whose trend a region's budgets go on with."""


def first_unknown(as_of: dt.date, series: str = "hyperscaler_capex") -> float:
    """Start of the first quarter whose figure of an exogenous series was not public on the day, in years."""
    lags = settings()["reporting_lag_days"]["value"]
    reported = as_of - dt.timedelta(days=lags[series])
    return max(reported.year + (reported.month - 1) // 3 * STEP, START)


def known_inputs(as_of: dt.date, law: str = "as-it-was") -> dict[str, Any]:
    """Exogenous series and dated levers as known on a day, held at their last value after it."""
    last = first_unknown(as_of)
    today = year(as_of)
    series: dict[str, Any] = {n: known_series(as_of, n) for n in observed() if n != "beyond_catalogue"}
    series["beyond_catalogue"] = {START: 0.0, last: 1.0}
    series["catalogue_end"] = last
    rules = {n: _until(points, max(today, START + STEP)) for n, points in offers(law).items()}
    dated = {
        name: _until(published(name, points, as_of), today) or {START: references()[name].value}
        for name, points in history().items()
    }
    return {**{n: points or {START: 0.0} for n, points in series.items()}, **rules, **dated}


def known_series(as_of: dt.date, name: str) -> dict[float, Any]:
    """An exogenous series as public on a day.

    China's spend, counted by half-years and published late, is carried on by the hyperscalers' capex from half a year
    after its last figure.
    """
    lags = settings()["reporting_lag_days"]["value"]
    end = first_unknown(as_of, name) if name in lags else year(as_of)
    points = _until(published(name, observed()[name], as_of), end)
    leader = settings()["nowcast"]["value"].get(name)
    if leader is None:
        return points
    ahead, last = known_series(as_of, leader), max(points)
    start = ahead[max((t for t in ahead if t <= last), default=min(ahead))]
    return points | {t: points[last] * value / start for t, value in ahead.items() if t >= last + 2 * STEP}


def known_coordinates(as_of: dt.date) -> tuple[Coordinate, ...]:
    """The uncertain numbers with the priors that a forecaster of that day could have held."""
    found = []
    for coordinate in coordinates():
        prior = coordinate.prior
        wider = settings()["hindsight"].get(coordinate.parameter)
        if wider and as_of < wider["until"]:
            prior = replace(prior, value=wider["value"], low=wider["low"], high=wider["high"])
        elif coordinate.parameter == "growth_near":
            region = labels("region")[coordinate.position[0]]
            reference = float(reference_array("growth_near")[coordinate.position])
            centre = trend(as_of, TRENDS[region])
            low, high = centre - setting("trend_slower"), centre + setting("trend_faster")
            numbers: dict[str, Any] = {"value": centre / reference, "low": low / reference, "high": high / reference}
            prior = replace(prior, **numbers, distribution="normal", floor=-np.inf)
        found.append(replace(coordinate, prior=prior))
    return tuple(found)


def trend(as_of: dt.date, series: str) -> float:
    """Growth a year that a forecaster would carry on: the mean of the last years' growth and of all known years'."""
    points = known_series(as_of, series)
    end = max(points)
    recent = max((t for t in points if t <= end - setting("trend_years")), default=min(points))
    rates = [np.log(points[end] / points[start]) / max(end - start, STEP) for start in (recent, min(points))]
    return float(max(np.mean(rates), references()["growth_long"].value["us"]))


@cache
def settings() -> dict[str, Any]:
    """``as_of.yaml``."""
    return dict(read_yaml(Path(__file__).parent / "as_of.yaml"))


def setting(name: str) -> float:
    """A single number of ``as_of.yaml``."""
    return float(settings()[name]["value"])


def published(name: str, points: Mapping[float, Any], as_of: dt.date) -> dict[float, Any]:
    """The points of a series whose figures were public on the day; what no date is given for, was at once."""
    dates = [(float(d["from"]), d["published"]) for d in settings()["published"].get(name, ())]
    first = {t: max((day for start, day in dates if start <= t + 1e-9), default=dt.date.min) for t in points}
    return {t: value for t, value in points.items() if first[t] <= as_of}


def _until(points: Mapping[float, Any], end: float) -> dict[float, Any]:
    kept = {t: v for t, v in points.items() if t < end - 1e-9}
    first = min(points, default=np.inf)
    return kept or ({first: points[first]} if first <= START else {})
