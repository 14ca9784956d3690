"""The score page: forecasts from earlier days against what came later, misses in words, never hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forkpoint.catalog import Catalog
from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import COLOURS, SERIES, canvas, to_svg
from forkpoint.report.material import Material
from forkpoint.report.score_table import EXPECTED, Score, ScoreTable, score_table, signed, summarise
from forkpoint.report.words import Words
from forkpoint.world.fitted import model_version
from forkpoint.world.hindcast import error_kind
from forkpoint.world.observables import observables

GOAL = {"skill": 0.2, "low": 0.80, "high": 0.97}
"""What the model aims at: skill against the best naive rule, and where the coverage of the 90 % range should lie."""
TOLD = 8
"""Series told as misses, the worst first."""
LEAST = 3
"""Figures that a series needs to be told as a miss."""


def scores_section(material: Material) -> Section:
    """The chapter; without a table it says how to make one."""
    words = material.words
    table = score_table()
    if table is None or (overall := summarise(table.rows)) is None:
        return Section(
            "scores", words("scores.title"), [Paragraph(words("scores.none"))], summary=[words("scores.none")]
        )
    verdict = (
        "reached" if overall.skill >= GOAL["skill"] and GOAL["low"] <= overall.coverage_90 <= GOAL["high"] else "missed"
    )
    lead = words("scores.lead", **_facts(overall), origins=len({r["as_of"] for r in table.rows}))
    blocks: list[Block] = [
        Paragraph(lead, "lead"),
        Paragraph(_age(table, words), "text" if not table.current else "note"),
    ]
    blocks += [
        Paragraph(
            words(
                f"scores.{verdict}", goal=f"{GOAL['skill']:.1f}", low=f"{GOAL['low']:.0%}", high=f"{GOAL['high']:.0%}"
            )
        )
    ]
    blocks += [_pit(table, words), _by_origin(table, words), _by_series(table, words)]
    blocks += [
        Paragraph(words("scores.misses")),
        *(Paragraph(line, "note") for line in misses(table, material.catalog, words)),
    ]
    return Section(
        "scores",
        words("scores.title"),
        blocks,
        summary=[lead, *([] if table.current else [f"  {words('scores.stale_short')}"])],
    )


def _facts(score: Score) -> dict[str, str | int]:
    return {"count": score.count, "skill": signed(score.skill), "half": f"{score.coverage_50:.0%}",
            "wide": f"{score.coverage_90:.0%}", "bias": f"{score.bias:+.0%}".replace("-", "−")}  # fmt: skip


def _age(table: ScoreTable, words: Words) -> str:
    key = "scores.current" if table.current else "scores.stale"
    return words(key, version=table.version, now=model_version())


def _series(table: ScoreTable) -> dict[str, Score]:
    """Scores by series, the lowest skill first."""
    found = {}
    for name in dict.fromkeys(str(r["series"]) for r in table.rows):
        score = summarise(table.of((name,)))
        if score is not None:
            found[name] = score
    return dict(sorted(found.items(), key=lambda p: p[1].skill if np.isfinite(p[1].skill) else 1.0))


def misses(table: ScoreTable, catalog: Catalog, words: Words) -> list[str]:
    """The series with the worst forecasts, each in a sentence: which way, and how far off the largest miss was."""
    told: list[str] = []
    units = {o.series: o.unit for o in catalog.observations}
    for name, score in _series(table).items():
        bad = score.count >= LEAST and (score.skill < 0 or score.coverage_90 < GOAL["low"])
        if bad and len(told) < TOLD:
            rows = table.of((name,))
            worst = max(rows, key=_distance)
            way = "above" if float(worst["value"]) > float(worst["median"]) else "below"
            whom = words.term("entity", str(worst["entity"])) if len({r["entity"] for r in rows}) > 1 else ""
            told.append(
                words(
                    f"scores.told_{way}", series=words.term("series", name), **_facts(score), as_of=worst["as_of"],
                    whom=words("scores.whom", entity=whom) if whom else "", unit=words.term("unit", units[name]),
                    period=f"{worst['period_start']} – {worst['period_end']}", value=_number(worst["value"]),
                    median=_number(worst["median"]), low=_number(worst["p05"]), top=_number(worst["p95"]),
                )
            )  # fmt: skip
    return told


def _distance(row: Mapping[str, str | float]) -> float:
    """How far outside its median a figure fell, in units of the 90 % range."""
    width = float(row["p95"]) - float(row["p05"])
    return abs(float(row["value"]) - float(row["median"])) / (width or 1.0)


def _number(value: str | float) -> str:
    from forkpoint.report.material import number

    return number(float(value))


def _row(name: str, score: Score) -> dict[str, object]:
    return {"name": name, **_facts(score)}


def _columns(first: str, words: Words) -> dict[str, str]:
    keys = ("count", "skill", "half", "wide", "bias")
    return {"name": words(f"scores.{first}")} | {k: words(f"scores.column.{k}") for k in keys}


def _by_origin(table: ScoreTable, words: Words) -> Table:
    days = sorted({str(r["as_of"]) for r in table.rows})
    parts: list[tuple[str, Sequence[Mapping[str, str | float]]]] = [
        (day, [r for r in table.rows if r["as_of"] == day]) for day in days
    ]
    parts.append((words("scores.all"), table.rows))
    rows = [_row(name, score) for name, part in parts if (score := summarise(part))]
    return Table(words("scores.by_origin"), _columns("origin", words), rows, words("scores.by_origin_note"))


def _by_series(table: ScoreTable, words: Words) -> Table:
    sizeless = {o.series for o in observables() if error_kind(o) == "unit"}
    rows = [
        _row(words.term("series", name), score) | ({"bias": ""} if name in sizeless else {})
        for name, score in _series(table).items()
    ]
    return Table(words("scores.by_series"), _columns("series", words), rows, words("scores.by_series_note"))


def _pit(table: ScoreTable, words: Words) -> Figure:
    """How many figures fell between which quantiles, beside how many should have."""
    overall = summarise(table.rows)
    assert overall is not None
    labels = ["<5 %", "5–25 %", "25–50 %", "50–75 %", "75–95 %", ">95 %"]
    share = [n / overall.count for n in overall.bins]
    told = "; ".join(f"{name} {s:.0%}" for name, s in zip(labels, share, strict=True))
    alt = words("scores.pit_alt", told=told)
    with canvas(7, 2.6) as (figure, axes):
        axes.bar(range(len(share)), [100 * s for s in share], color=SERIES[0], width=0.7, label=words("scores.fell"))
        for i, expected in enumerate(EXPECTED):
            text = words("scores.expected") if i == 0 else None
            axes.plot([i - 0.42, i + 0.42], [100 * expected] * 2, color=COLOURS["denial"], linewidth=2, label=text)
        axes.set_xticks(range(len(labels)), labels)
        axes.set_ylabel("%")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8)
        return Figure(to_svg(figure, alt), words("scores.pit"), alt, words("scores.pit_note"))
