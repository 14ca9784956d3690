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


def first_unknown(as_of: dt.date) -> float:
    """Start of the first quarter whose exogenous figures were not public on the day, in years."""
    lag = dt.timedelta(days=float(settings()["reporting_lag_days"]["value"]))
    return float(np.floor((year(as_of - lag) - START) / STEP + 1e-6) * STEP + START)


def known_inputs(as_of: dt.date, law: str = "as-it-was") -> dict[str, Any]:
    """Exogenous series and dated levers as known on a day, held at their last value after it."""
    last = first_unknown(as_of)
    today = year(as_of)
    series: dict[str, Any] = {n: _until(points, last) for n, points in observed().items() if n != "beyond_catalogue"}
    series["beyond_catalogue"] = {START: 0.0, last: 1.0}
    series["catalogue_end"] = last
    rules = {n: _until(points, max(today, START + STEP)) for n, points in offers(law).items()}
    dated = {n: _until(points, today) or {START: references()[n].value} for n, points in history().items()}
    return {**{n: points or {START: 0.0} for n, points in series.items()}, **rules, **dated}


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
            low, high = centre - settings()["trend_slower"]["value"], centre + settings()["trend_faster"]["value"]
            numbers = {"value": centre / reference, "low": low / reference, "high": high / reference}
            prior = replace(prior, **numbers, distribution="normal", floor=-np.inf)
        found.append(replace(coordinate, prior=prior))
    return tuple(found)


def trend(as_of: dt.date, series: str) -> float:
    """Growth a year that a forecaster would carry on: the mean of the last years' growth and of all known years'."""
    points = _until(observed()[series], first_unknown(as_of))
    end = max(points)
    recent = max((t for t in points if t <= end - float(settings()["trend_years"]["value"])), default=min(points))
    rates = [np.log(points[end] / points[start]) / max(end - start, STEP) for start in (recent, min(points))]
    return float(max(np.mean(rates), references()["growth_long"].value["us"]))


@cache
def settings() -> dict[str, Any]:
    """``as_of.yaml``."""
    return dict(read_yaml(Path(__file__).parent / "as_of.yaml"))


def _until(points: Mapping[float, Any], end: float) -> dict[float, Any]:
    kept = {t: v for t, v in points.items() if t < end - 1e-9}
    return kept or ({min(points): points[min(points)]} if min(points) <= START else {})
