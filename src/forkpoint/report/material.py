"""What every chapter is made from: the catalogue, the words, the day, and runs of the world made once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Catalog
from forkpoint.report.words import Words
from forkpoint.world.run import Trajectories, inputs, run
from forkpoint.world.scenario import DEFAULT, scenario

Floats: TypeAlias = NDArray[np.float64]
DRAWS = 100
"""Draws of the posterior behind the report's bands; ``forkpoint ensemble`` takes as many as are wanted."""
LEVELS = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
OUTPUTS = (
    "shipments", "small_cards", "china_cards", "revenue", "nvidia_china_revenue", "nvidia_revenue",
    "domestic_share_units", "domestic_share_value", "domestic_share_compute", "usable_compute", "developers",
    "adaptation_lag", "rnd_spend", "new_compute", "software_efficiency",
)  # fmt: skip
"""The variables that the report shows with bands."""


@dataclass(frozen=True)
class Material:
    """The material of one report; ``draws`` of the posterior make its bands."""

    catalog: Catalog
    words: Words
    on: dt.date
    draws: int = DRAWS


@dataclass(frozen=True)
class Draws(Mapping[str, Any]):
    """Runs of a scenario at draws of the posterior: variable → (time, dimensions, draw); failed draws left out."""

    time: Floats
    paths: Mapping[str, Any]
    asked: int
    kept: tuple[int, ...]

    def __getitem__(self, name: str) -> Any:
        return self.paths[name]

    def __iter__(self) -> Any:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


@cache
def central(name: str = DEFAULT) -> Trajectories:
    """A scenario at the fitted parameters, every variable kept."""
    return run(name)


@cache
def posterior_draws(name: str, draws: int, without: tuple[tuple[str, float], ...] = ()) -> Draws:
    """A scenario at draws of the posterior that ships, those of ``forkpoint ensemble`` with seed 0, the same for every
    scenario (common random numbers); ``without``: parameters held at another value.

    Draws that leave the region in which the equations mean something are left out, and counted.
    """
    from forkpoint.uncertainty.draws import Draws as Posterior
    from forkpoint.world.model import world

    given = inputs(scenario(name), {}) | dict(without)
    moved = {n: v for n, v in Posterior.of().parameters(0, 0, draws).items() if n not in given}
    found = world().run(given, draws=moved, outputs=OUTPUTS, on_error="mark")
    kept = tuple(d for d in range(draws) if d not in found.failed)
    return Draws(np.asarray(found.time), {n: np.asarray(found[n])[..., list(kept)] for n in OUTPUTS}, draws, kept)


def quantiles(paths: Floats) -> dict[str, Floats]:
    """Median, 50 % and 90 % range over draws (the last axis), by the keys of LEVELS."""
    found = np.quantile(paths, list(LEVELS.values()), axis=-1)
    return dict(zip(LEVELS, found, strict=True))


def yearly(time: Floats, paths: Floats, year: int) -> Floats:
    """Mean of quarterly paths over a year, by draw."""
    inside = (time > year - 0.01) & (time < year + 0.99)
    return np.asarray(paths[inside].mean(axis=0))


def spread(values: Floats) -> str:
    """Draws as people read them: median and 90 % range, "4.1 (3.0–5.9)"."""
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{number(middle)} ({number(low)}–{number(high)})"


def number(value: float) -> str:
    """A number to two or three significant digits, without exponents."""
    size = abs(value)
    if not np.isfinite(value):
        return "–"
    if size >= 100:
        digits = 10 ** max(int(np.floor(np.log10(size))) - 2, 0)
        return f"{round(value / digits) * digits:,.0f}".replace("-", "−")
    shown = f"{value:.0f}" if size >= 20 else f"{value:.1f}" if size >= 1 else f"{value:.2f}" if size >= 0.005 else "0"
    return shown.replace("-", "−")
