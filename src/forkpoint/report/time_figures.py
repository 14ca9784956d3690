"""Pictures over time: median with 50 % and 90 % bands, observed figures as dots, history and forecast told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forkpoint.catalog import Catalog
from forkpoint.report.figures import COLOURS, band, plain_numbers
from forkpoint.report.material import Draws, Floats, quantiles
from forkpoint.report.words import Words
from forkpoint.world.observables import Observable, matched, observables, year
from forkpoint.world.reference import references


@dataclass(frozen=True)
class Curve:
    """One line of a picture: how it follows from a run (time, draw), its unit factor, and observed series as dots."""

    label: str
    of: Callable[[Mapping[str, Any]], Floats]
    colour: str
    dots: tuple[str, ...] = ()
    factor: float = 1.0

    def paths(self, values: Mapping[str, Any]) -> Floats:
        """The line in the picture's unit."""
        return np.asarray(self.of(values) * self.factor, dtype=float)


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its title with unit, its curves, a log scale where sizes differ by orders."""

    title: str
    curves: Sequence[Curve]
    log: bool = False
    percent: bool = False
    least: float | None = None
    """Where the log axis begins."""


def draw_panel(axes: Any, panel: Panel, draws: Draws, catalog: Catalog, words: Words) -> None:
    """Draw a panel: bands, dots with a white edge, and a dashed line where the forecast begins."""
    for curve in panel.curves:
        band(axes, draws.time, quantiles(curve.paths(draws)), curve.colour, curve.label)
        times, values = dots(catalog, curve.dots, curve.factor)
        axes.plot(times, values, "o", color=curve.colour, markersize=4, markeredgecolor="white", markeredgewidth=0.6)
    axes.set_title(panel.title, loc="left", fontsize=9.5)
    axes.set_xlim(draws.time[0], draws.time[-1])
    if panel.log:
        axes.set_yscale("log")
        axes.set_ylim(panel.least, None)
    else:
        axes.set_ylim(0, 100 if panel.percent else 1.08 * axes.get_ylim()[1])
    plain_numbers(axes.yaxis)
    _mark_forecast(axes, words)
    handles = 2 if len(panel.curves) > 3 else len(panel.curves)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=handles, fontsize=8)


def forecast_start() -> float:
    """The first quarter without observed levers, in years."""
    return float(references()["catalogue_end"].value)


def _mark_forecast(axes: Any, words: Words) -> None:
    start = forecast_start()
    axes.axvline(start, color=COLOURS["ink"], linewidth=0.8, linestyle=(0, (3, 3)))
    top = axes.get_xaxis_transform()
    style = {"transform": top, "fontsize": 7.5, "color": "#5b6672", "va": "top"}
    axes.text(start - 0.15, 0.99, words("story.history"), ha="right", **style)
    axes.text(start + 0.15, 0.99, words("story.forecast"), ha="left", **style)


def dots(catalog: Catalog, ids: Sequence[str], factor: float) -> tuple[list[float], list[float]]:
    """Observed figures of some observables at the middle of their periods, in the unit that ``factor`` gives."""
    chosen = [o for o in observables() if o.id in ids]
    times, values = [], []
    rows = [o for o in catalog.observations if o.actual_or_estimate_or_forecast != "forecast"]
    for observable, group in matched(rows).items():
        if observable not in chosen:
            continue
        for row in group:
            start, end = year(row.period_start), year(row.period_end)
            if start < 2019 - 0.01:
                continue
            times.append(end if observable.aggregate == "end" else (start + end) / 2)
            values.append(_as_rate(observable, float(row.value or 0.0), end - start) * factor)
    return times, values


def _as_rate(observable: Observable, value: float, years: float) -> float:
    """An observed figure in the model's unit: amounts become rates a year."""
    in_model = (value - observable.offset) / observable.factor
    if observable.aggregate == "amount" and observable.over is None:
        return in_model / max(years + 1 / 365.25, 1 / 12)
    return in_model


def vendor(*names: str, region: str = "cn", variable: str = "shipments") -> Callable[[Mapping[str, Any]], Floats]:
    """The sum of a variable over vendors in a region, as a curve's function."""
    from forkpoint.world.model import world

    dimensions = world().dimensions
    rows = [dimensions["vendor"].position(n) for n in names]
    at = dimensions["region"].position(region)
    return lambda values: np.asarray(values[variable])[:, rows, at].sum(axis=1)


def label(variable: str, **labels: str) -> Callable[[Mapping[str, Any]], Floats]:
    """A variable at labels; dimensions that are not named are summed."""
    from forkpoint.world.model import world
    from forkpoint.world.observables import Selection

    selection = Selection(variable, tuple(labels.items()))
    return lambda values: np.asarray(selection.of(values, world()))
