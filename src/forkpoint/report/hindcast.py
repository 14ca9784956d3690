"""The hindcast page: every observed series beside the model run on observed levers alone, misses told in words."""

from __future__ import annotations

import datetime as dt
import textwrap
from functools import cache

import numpy as np

from forkpoint.catalog import Observation
from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Material, number
from forkpoint.report.words import Words
from forkpoint.world.fitted import DEFAULT as FITTED
from forkpoint.world.fitted import model_version
from forkpoint.world.hindcast import Comparison, SeriesError, errors_by_series, hindcast
from forkpoint.world.observables import year
from forkpoint.world.scenario import DEFAULT

COLUMNS = 4
"""Pictures side by side."""
MISS = {"relative": 0.15, "points": 0.04}
"""Median absolute error beyond which a series is told as a miss: the targets of the model. A series told in its own
unit misses where it is off by more than the error that the fit grants its figures."""


def hindcast_section(material: Material) -> Section:
    """The chapter: errors by series, a picture a series, and the misses in words."""
    words = material.words
    found = _comparisons(tuple(material.catalog.observations))
    errors = errors_by_series(found)
    fitted = [e for e in errors if e.observable.fit and e.kind != "unit"]
    median = float(np.median([e.median_absolute_error for e in fitted]))
    lead = words("hindcast.lead", series=len(errors), figures=len(found), fitted=len(fitted), median=f"{median:.0%}",
                 until=FITTED, scenario=DEFAULT, version=model_version())  # fmt: skip
    misses = [e for e in errors if e.median_absolute_error > _most(e)]
    misses.sort(key=lambda e: -e.median_absolute_error / _most(e))
    blocks: list[Block] = [Paragraph(lead, "lead"), _pictures(found, errors, words), _table(errors, words)]
    blocks += [Paragraph(words("hindcast.misses", count=len(misses)))]
    blocks += [Paragraph(_told(e, words), "note") for e in misses]
    return Section("hindcast", words("hindcast.title"), blocks, summary=[lead])


@cache
def _comparisons(observations: tuple[Observation, ...]) -> tuple[Comparison, ...]:
    return tuple(hindcast(observations, as_of=dt.date.fromisoformat(FITTED)))


def _most(error: SeriesError) -> float:
    """The median absolute error beyond which a series is told as a miss."""
    return error.observable.error if error.kind == "unit" else MISS[error.kind]


def _name(error: SeriesError, words: Words) -> str:
    entity = words.term("entity", error.observable.entity)
    return words.term("series", error.observable.series) + (f" ({entity})" if entity else "")


def _size(value: float, error: SeriesError, words: Words) -> str:
    if error.kind == "points":
        return words("hindcast.points", value=f"{100 * value:+.1f}".replace("-", "−"))
    if error.kind == "unit":
        unit = words.term("unit", error.unit)
        return words("hindcast.in_unit", value=f"{value:+.3g}".replace("-", "−"), unit=unit)
    return f"{value:+.0%}".replace("-", "−")


def _told(error: SeriesError, words: Words) -> str:
    way = "high" if error.median_error > 0 else "low"
    size = _size(abs(error.median_absolute_error), error, words).lstrip("+")
    return words(
        f"hindcast.told_{way}", series=_name(error, words), size=size, count=error.count,
        worst=_size(error.worst, error, words), trap=words.trap(error.observable.id, error.observable.trap),
        fitted=words("hindcast.was_fitted" if error.observable.fit else "hindcast.not_fitted"),
    )  # fmt: skip


def _table(errors: list[SeriesError], words: Words) -> Table:
    rows = [
        {
            "series": _name(e, words),
            "count": e.count,
            "median": _size(e.median_absolute_error, e, words).lstrip("+"),
            "bias": _size(e.median_error, e, words),
            "worst": _size(e.worst, e, words),
            "fitted": e.observable.fit,
            "trap": words.trap(e.observable.id, e.observable.trap),
        }
        for e in errors
    ]
    columns = {k: words(f"hindcast.{k}") for k in ("series", "count", "median", "bias", "worst", "fitted", "trap")}
    return Table(words("hindcast.table"), columns, rows, words("hindcast.table_note"))


def _pictures(found: tuple[Comparison, ...], errors: list[SeriesError], words: Words) -> Figure:
    """A small panel a series: observed figures as dots with their ranges, the model as a line with crosses."""
    rows = -(-len(errors) // COLUMNS)
    told = "; ".join(f"{_name(e, words)} {_size(e.median_absolute_error, e, words).lstrip('+')}" for e in errors)
    alt = words("hindcast.alt", told=told)
    with canvas(8.8, 1.75 * rows, columns=COLUMNS, rows=rows) as (figure, axes):
        for one, error in zip(np.ravel(axes), errors, strict=False):
            _panel(one, [c for c in found if c.observable == error.observable], _name(error, words))
        for one in np.ravel(axes)[len(errors) :]:
            one.set_visible(False)
        handles = [
            _sample(axes, "o", SERIES[1], words("hindcast.observed")),
            _sample(axes, "x", SERIES[0], words("hindcast.model")),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
        return Figure(to_svg(figure, alt), words("hindcast.picture"), alt, words("hindcast.picture_note"))


def _panel(axes: object, rows: list[Comparison], name: str) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    # A figure for a span stands at its middle; amounts of unlike spans are told as rates a year.
    lengths = [(c.observation.period_end - c.observation.period_start).days + 1 for c in rows]
    scale = [365.25 / n if c.observable.aggregate == "amount" and c.observable.over is None else 1.0
             for n, c in zip(lengths, rows, strict=True)]  # fmt: skip
    times = [(year(c.observation.period_start) + year(c.observation.period_end)) / 2 for c in rows]
    seen = [float(c.observation.value or 0.0) * s for c, s in zip(rows, scale, strict=True)]
    said = [c.predicted * s for c, s in zip(rows, scale, strict=True)]
    order = np.argsort(times)
    axes.plot(np.take(times, order), np.take(said, order), "x-", color=SERIES[0], markersize=4, linewidth=0.8)
    axes.plot(times, seen, "o", color=SERIES[1], markersize=3, alpha=0.8)
    axes.set_xlim(2018.8, 2026.2)
    axes.set_xticks([2020, 2023, 2026], ["2020", "2023", "2026"])
    axes.set_ylim(min(0.0, *seen, *said), None)
    top = max(*seen, *said, 1e-12)
    axes.set_yticks([0, top], ["0", number(top)])
    axes.tick_params(labelsize=7)
    wrapped = "\n".join(textwrap.wrap(name, 26))
    axes.set_title(wrapped, loc="left", fontsize=7.5, color=COLOURS["ink"])


def _sample(axes: object, sign: str, colour: str, text: str) -> object:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=sign, linestyle="" if sign == "o" else "-", color=colour, label=text, markersize=5)
