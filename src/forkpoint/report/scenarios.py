"""All scenarios that ship on the same headline quantities: values, differences from the reference, where they part."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Material, central, number
from forkpoint.report.time_figures import forecast_start
from forkpoint.report.words import Words
from forkpoint.world.fitted import model_version
from forkpoint.world.results import headline, headline_values, partings
from forkpoint.world.run import Trajectories
from forkpoint.world.scenario import DEFAULT, scenario_names

YEARS = (2027, 2030, 2035)
SHOWN = ("nvidia_china_revenue", "domestic_share_units", "usable_compute", "rnd_spend", "standards_leadership")
"""The headline variables of the pictures and of the difference table."""


def scenarios_section(material: Material) -> Section:
    """The chapter: questions, values in three years with differences, dates of parting, and pictures."""
    words = material.words
    runs = every_run()
    lead = words("scenarios.lead", count=len(runs), base=title(runs[0], words), version=model_version())
    blocks: list[Block] = [Paragraph(lead, "lead"), _questions(runs, words)]
    blocks += [_picture(runs, words), *(_differences(runs, year, words) for year in YEARS), _partings(runs, words)]
    return Section("scenarios", words("scenarios.title"), blocks, summary=_widest(runs, words))


@cache
def every_run() -> tuple[Trajectories, ...]:
    """The reference scenario first, then the others by name, at the fitted parameters."""
    return tuple(central(n) for n in (DEFAULT, *(n for n in scenario_names() if n != DEFAULT)))


def title(run: Trajectories, words: Words) -> str:
    """A scenario's title in the report's language."""
    return (words.language == "zh" and run.scenario.title_zh) or run.scenario.title


def _rows() -> list[dict[str, str]]:
    return [r for v in SHOWN for r in headline() if r["variable"] == v]


def _value(run: Trajectories, row: dict[str, str], year: int) -> float:
    return float(headline_values(run, row)[year - int(run.time[0])])


def _questions(runs: tuple[Trajectories, ...], words: Words) -> Table:
    rows = [
        {"scenario": title(r, words), "name": r.scenario.name,
         "question": (words.language == "zh" and r.scenario.question_zh) or r.scenario.question}
        for r in runs
    ]  # fmt: skip
    columns = {k: words(f"scenarios.{k}") for k in ("scenario", "name", "question")}
    return Table(words("scenarios.questions"), columns, rows)


def _picture(runs: tuple[Trajectories, ...], words: Words) -> Figure:
    """Small multiples: a panel a quantity; a scenario's line is named at the foot of the figure."""
    chosen = _rows()[:4]
    alt = words("scenarios.alt", count=len(runs), quantities=", ".join(_name(r, words) for r in chosen))
    with canvas(8.4, 7.2, columns=2, rows=2) as (figure, axes):
        for one, row in zip(np.ravel(axes), chosen, strict=True):
            for number_, run in enumerate(runs):
                values = headline_values(run, row)
                years = int(run.time[0]) + np.arange(len(values))
                base = run.scenario.name == DEFAULT
                style = ("-", "--", ":")[(number_ - 1) // len(SERIES) % 3] if number_ else "-"
                one.plot(
                    years, values, style,
                    color=COLOURS["ink"] if base else SERIES[(number_ - 1) % len(SERIES)],
                    linewidth=2.4 if base else 1.2, label=title(run, words), zorder=5 if base else 2,
                )  # fmt: skip
            one.set_title(f"{_name(row, words)}, {words.term('unit', row['unit'])}", loc="left", fontsize=9)
            one.set_ylim(0, None)
            one.axvline(forecast_start(), color=COLOURS["ink"], linewidth=0.8, linestyle=(0, (3, 3)))
        handles, names = np.ravel(axes)[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8)
        return Figure(to_svg(figure, alt), words("scenarios.picture"), alt, words("scenarios.picture_note"))


def _name(row: dict[str, str], words: Words) -> str:
    return words.term("headline", row["title"])


def _differences(runs: tuple[Trajectories, ...], year: int, words: Words) -> Table:
    """Values in one year, with the difference from the reference scenario."""
    rows: list[dict[str, Any]] = []
    for run in runs:
        cells: dict[str, Any] = {"scenario": title(run, words)}
        for row in _rows():
            value, base = _value(run, row, year), _value(runs[0], row, year)
            cells[row["variable"]] = number(value)
            if run is not runs[0]:
                cells[row["variable"]] += f" ({_apart(value, base, row['unit'])})"
        rows.append(cells)
    columns = {"scenario": words("scenarios.scenario")}
    columns |= {r["variable"]: f"{_name(r, words)}, {words.term('unit', r['unit'])}" for r in _rows()}
    return Table(words("scenarios.values", year=year), columns, rows, words("scenarios.values_note"))


def _apart(value: float, base: float, unit: str) -> str:
    """A difference in words: in points for shares, relative for amounts."""
    if unit == "%":
        return f"{value - base:+.1f}".replace("-", "−")
    return f"{value / base - 1:+.0%}".replace("-", "−") if base else "–"


def _partings(runs: tuple[Trajectories, ...], words: Words) -> Table:
    found = [p for p in partings(runs) if p["quantity"] in {r["title"] for r in _rows()}]
    rows = [
        {"scenario": title(run, words)}
        | {p["quantity"]: words.term("scenarios", str(p[run.scenario.name])) for p in found}
        for run in runs[1:]
    ]
    columns = {"scenario": words("scenarios.scenario")}
    columns |= {p["quantity"]: words.term("headline", str(p["quantity"])) for p in found}
    return Table(
        words("scenarios.partings", base=title(runs[0], words)), columns, rows, words("scenarios.partings_note")
    )


def _widest(runs: tuple[Trajectories, ...], words: Words) -> list[str]:
    """For two quantities the scenarios with the least and the most in 2030."""
    lines = []
    for row in _rows()[:2]:
        values = sorted((_value(run, row, 2030), title(run, words)) for run in runs)
        lines.append(
            "  "
            + words(
                "scenarios.widest", quantity=_name(row, words), unit=words.term("unit", row["unit"]),
                low=number(values[0][0]), least=values[0][1], high=number(values[-1][0]), most=values[-1][1],
                base=number(_value(runs[0], row, 2030)),
            )
        )  # fmt: skip
    return lines
