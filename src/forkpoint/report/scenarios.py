"""All scenarios that ship over the same draws: headline quantities with ranges, differences, and where they part."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Floats, Material, central, number, quantiles, spread
from forkpoint.report.words import Words
from forkpoint.world.fitted import model_version
from forkpoint.world.model import QUARTERS_PER_YEAR
from forkpoint.world.results import headline, partings
from forkpoint.world.run import Trajectories
from forkpoint.world.scenario import DEFAULT, Scenario, scenario, scenario_names

YEARS = (2027, 2030, 2035)
PICTURED = 2030
SHOWN = ("nvidia_china_revenue", "domestic_share_units", "usable_compute", "rnd_spend", "standards_leadership")
"""The headline variables of the pictures and of the difference table."""


def scenarios_section(material: Material) -> Section:
    """The chapter: questions, values in three years with ranges and differences, dates of parting, and a picture."""
    words, values = material.words, by_year(material.draws)
    lead = words(
        "scenarios.lead", count=len(values), base=title(scenario(DEFAULT), words), version=model_version(),
        draws=material.draws,
    )  # fmt: skip
    blocks: list[Block] = [Paragraph(lead, "lead"), _questions(words), _picture(values, words)]
    blocks += [*(_differences(values, year, words) for year in YEARS), _partings(words)]
    return Section("scenarios", words("scenarios.title"), blocks, summary=_widest(values, words))


Values = dict[str, dict[str, dict[int, Floats]]]
"""Scenario → headline variable → year → draws."""


@cache
def by_year(draws: int) -> Values:
    """Every scenario's headline quantities by year over common draws, the reference scenario first.

    Draws that leave the region in which the equations hold, in any scenario, are left out of all.
    """
    from forkpoint.uncertainty.ensemble import ensemble
    from forkpoint.uncertainty.outputs import headline_output

    found = ensemble(_names(), draws, outputs=[headline_output(row).name for row in _rows()])
    whole = {n: {r["variable"]: found.values(headline_output(r), n) for r in _rows()} for n in found.names}
    kept = np.all([np.isfinite(paths[0]) for one in whole.values() for paths in one.values()], axis=0)
    last = slice(-1, None)
    values: Values = {}
    for name, one in whole.items():
        values[name] = {}
        for row in _rows():
            quarters = last if row["how"] == "end" else slice(None)
            paths = float(row["factor"]) * one[row["variable"]][:, kept]
            values[name][row["variable"]] = {
                y: paths[(i := _first(found.time, y)) : i + QUARTERS_PER_YEAR][quarters].mean(axis=0) for y in YEARS
            }
    return values


def _first(time: Floats, year: int) -> int:
    return int(np.flatnonzero(time > year - 0.01)[0])


def _names() -> list[str]:
    return [DEFAULT, *(n for n in scenario_names() if n != DEFAULT)]


def title(one: Scenario, words: Words) -> str:
    """A scenario's title in the report's language."""
    return (words.language == "zh" and one.title_zh) or one.title


def _rows() -> list[dict[str, str]]:
    return [r for v in SHOWN for r in headline() if r["variable"] == v]


def _questions(words: Words) -> Table:
    rows = [
        {"scenario": title(s, words), "name": s.name,
         "question": (words.language == "zh" and s.question_zh) or s.question}
        for s in map(scenario, _names())
    ]  # fmt: skip
    columns = {k: words(f"scenarios.{k}") for k in ("scenario", "name", "question")}
    return Table(words("scenarios.questions"), columns, rows)


def _picture(values: Values, words: Words) -> Figure:
    """A panel a quantity, a row a scenario: median, 50 % and 90 % range; a line marks the reference's median."""
    chosen = _rows()[:4]
    alt = words("scenarios.alt", count=len(values), quantities=", ".join(_name(r, words) for r in chosen))
    with canvas(8.8, 8.2, columns=2, rows=2) as (figure, axes):
        for panel, row in enumerate(chosen):
            one = np.ravel(axes)[panel]
            for place, name in enumerate(values):
                q = quantiles(values[name][row["variable"]][PICTURED])
                colour = COLOURS["ink"] if name == DEFAULT else SERIES[0]
                one.plot([q["p05"], q["p95"]], [place, place], color=colour, alpha=0.3, linewidth=3)
                one.plot([q["p25"], q["p75"]], [place, place], color=colour, alpha=0.6, linewidth=3)
                one.plot(q["p50"], place, "o", color=colour, markersize=4)
            one.axvline(
                float(np.median(values[DEFAULT][row["variable"]][PICTURED])), color=COLOURS["ink"], linewidth=0.8
            )
            one.set_title(f"{_name(row, words)}, {words.term('unit', row['unit'])}", loc="left", fontsize=9)
            one.set_yticks(range(len(values)), [title(scenario(n), words) for n in values] if panel % 2 == 0 else [])
            one.set_xlim(0, None)
            one.xaxis.set_major_formatter("{x:,.0f}")
            one.invert_yaxis()
            one.grid(axis="y", visible=False)
        return Figure(
            to_svg(figure, alt), words("scenarios.picture", year=PICTURED), alt, words("scenarios.picture_note")
        )


def _name(row: dict[str, str], words: Words) -> str:
    return words.term("headline", row["title"])


def _differences(values: Values, year: int, words: Words) -> Table:
    """Values in one year, each with the difference from the reference scenario, draw by draw."""
    rows: list[dict[str, Any]] = []
    for name, one in values.items():
        cells: dict[str, Any] = {"scenario": title(scenario(name), words)}
        for row in _rows():
            here, base = (v[row["variable"]][year] for v in (one, values[DEFAULT]))
            cells[row["variable"]] = spread(here)
            if name != DEFAULT:
                cells[row["variable"]] += f"; {_apart(here, base, row['unit'])}"
        rows.append(cells)
    columns = {"scenario": words("scenarios.scenario")}
    columns |= {r["variable"]: f"{_name(r, words)}, {words.term('unit', r['unit'])}" for r in _rows()}
    return Table(words("scenarios.values", year=year), columns, rows, words("scenarios.values_note"))


def _apart(here: Floats, base: Floats, unit: str) -> str:
    """The median difference, in points for shares and relative for amounts, and how likely there is more."""
    if unit == "%":
        told = f"{float(np.median(here - base)):+.1f}"
    else:
        told = f"{float(np.median(here / base - 1)):+.0%}"
    if not told.strip("+-0.%"):
        return "0"
    return f"{told.replace('-', '−')}\u00a0↑{float((here > base).mean()):.0%}"


def _partings(words: Words) -> Table:
    runs: tuple[Trajectories, ...] = tuple(central(n) for n in _names())
    found = [p for p in partings(runs) if p["quantity"] in {r["title"] for r in _rows()}]
    rows = [
        {"scenario": title(run.scenario, words)}
        | {p["quantity"]: words.term("scenarios", str(p[run.scenario.name])) for p in found}
        for run in runs[1:]
    ]
    columns = {"scenario": words("scenarios.scenario")}
    columns |= {p["quantity"]: words.term("headline", str(p["quantity"])) for p in found}
    caption = words("scenarios.partings", base=title(runs[0].scenario, words))
    return Table(caption, columns, rows, words("scenarios.partings_note"))


def _widest(values: Values, words: Words) -> list[str]:
    """For two quantities the scenarios with the least and the most in the pictured year, by their medians."""
    lines = []
    for row in _rows()[:2]:
        medians = sorted((float(np.median(v[row["variable"]][PICTURED])), n) for n, v in values.items())
        (low, least), (high, most) = medians[0], medians[-1]
        told = words(
            "scenarios.widest", quantity=_name(row, words), unit=words.term("unit", row["unit"]), year=PICTURED,
            low=number(low), least=title(scenario(least), words), high=number(high),
            most=title(scenario(most), words), base=spread(values[DEFAULT][row["variable"]][PICTURED]),
        )  # fmt: skip
        lines.append(f"  {told}")
    return lines
