"""Naive forecasts that any model must beat: last value, drift, seasonal trend, logistic share.

Each takes the history known at the date (times in years, values) and a later time, and gives draws: its point
forecast plus errors of the size that the same rule would have made on its own history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.uncertainty.as_of import setting

Floats: TypeAlias = NDArray[np.float64]
Point = Callable[[Floats, Floats, float], float]
"""A rule: (times, values, later time) → point forecast."""


def last_value(times: Floats, values: Floats, later: float) -> float:
    """The last known value goes on."""
    return float(values[-1])


def drift(times: Floats, values: Floats, later: float) -> float:
    """The mean change per year so far goes on, in logs where all values are positive."""
    if len(values) < 2 or times[-1] == times[0]:
        return float(values[-1])
    if (values > 0).all():
        rate = np.log(values[-1] / values[0]) / (times[-1] - times[0])
        return float(values[-1] * np.exp(rate * (later - times[-1])))
    rate = (values[-1] - values[0]) / (times[-1] - times[0])
    return float(values[-1] + rate * (later - times[-1]))


def seasonal_trend(times: Floats, values: Floats, later: float) -> float:
    """The value a year (or the nearest whole number of years) before, grown as the last year grew."""
    target = later - np.ceil(max(later - times[-1], 1e-9))
    nearest = int(np.argmin(np.abs(times - target)))
    before = int(np.argmin(np.abs(times - (times[-1] - 1.0))))
    if before == len(times) - 1 or abs(times[nearest] - target) > 0.2:
        return drift(times, values, later)
    years = later - times[nearest]
    if values[before] > 0 and values[-1] > 0:
        return float(values[nearest] * (values[-1] / values[before]) ** (years / (times[-1] - times[before])))
    return float(values[nearest] + (values[-1] - values[before]) * years)


def logistic_share(times: Floats, values: Floats, later: float) -> float:
    """A straight line in log-odds through the history: for shares (0 to 1, or 0 to 100)."""
    whole = 100.0 if values.max() > 1 else 1.0
    share = np.clip(values / whole, 1e-3, 1 - 1e-3)
    odds = np.log(share / (1 - share))
    if len(values) < 2 or times[-1] == times[0]:
        return float(values[-1])
    slope, level = np.polyfit(times, odds, 1)
    return float(whole / (1 + np.exp(-(level + slope * later))))


RULES: dict[str, Point] = {"last value": last_value, "drift": drift, "seasonal trend": seasonal_trend}
SHARE_RULES: dict[str, Point] = {**RULES, "logistic share": logistic_share}


def draws(rule: Point, times: Floats, values: Floats, later: float, noise: Floats) -> Floats:
    """Draws of a rule's forecast: its point, spread by the errors it would have made on its own history.

    ``noise`` are standard normal numbers. Errors are relative where the history is positive and grow with the square
    root of the horizon.
    """
    point = rule(times, values, later)
    horizon = max(later - times[-1], 0.05)
    errors = []
    for k in range(1, len(values)):
        step = max(times[k] - times[k - 1], 0.05)
        guess = rule(times[:k], values[:k], float(times[k]))
        if values[k] > 0 and guess > 0:
            errors.append(np.log(values[k] / guess) / np.sqrt(step))
    positive = bool((values > 0).all()) and point > 0
    own = np.sqrt(np.mean(np.square(errors))) if len(errors) >= 2 else setting("unknown_spread")
    spread = max(float(own), 0.01) * np.sqrt(horizon)
    if positive:
        result: Floats = point * np.exp(spread * noise)
        return result
    scale = float(np.abs(values).mean()) or 1.0
    return np.asarray(point + scale * spread * noise, dtype=float)


def rules_for(unit: str) -> dict[str, Point]:
    """The rules that fit a series' unit: shares get the logistic one too."""
    return SHARE_RULES if unit.lower() in {"percent", "%", "share", "fraction"} else RULES


def best_so_far(times: Floats, values: Floats, rules: Mapping[str, Point]) -> str:
    """The rule whose forecasts of each next figure erred least on a history; the first of ``rules`` where it is short.

    What a forecaster of the day could choose, without hindsight.
    """
    known = range(2, len(values))
    if len(known) < 2:
        return next(iter(rules))

    def missed(rule: Point) -> float:
        sizes = np.maximum(np.abs(values), 1e-9)
        return float(sum(abs(rule(times[:k], values[:k], float(times[k])) - values[k]) / sizes[k] for k in known))

    return min(rules, key=lambda name: missed(rules[name]))
