"""The last computed table of rolling-origin scores, as it ships, and the line that it puts under every forecast.

The table is generated: ``forkpoint score --rolling --out FILE``; its file name is the model version that it scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from forkpoint.catalog import read_rows
from forkpoint.report.words import Words
from forkpoint.world.fitted import model_version

COLUMNS = (
    "as_of", "series", "entity", "region", "period_start", "period_end", "value", "median", "p05", "p25", "p75", "p95",
    "crps", "baseline", "baseline_crps", "skill",
)  # fmt: skip
BINS = ("p05", "p25", "median", "p75", "p95")
EXPECTED = (0.05, 0.2, 0.25, 0.25, 0.2, 0.05)
"""Share of figures that each of the six bins between the quantiles should hold."""
NUMBERS = ("value", "median", "p05", "p25", "p75", "p95", "crps", "baseline_crps", "skill")


@dataclass(frozen=True)
class ScoreTable:
    """Scored forecasts from several days: rows with numbers, and the model version that made them."""

    version: str
    rows: tuple[Mapping[str, str | float], ...]

    @property
    def current(self) -> bool:
        """Whether the table is of this version of the model."""
        return self.version == model_version()

    def of(self, series: Sequence[str]) -> tuple[Mapping[str, str | float], ...]:
        """The rows of some series."""
        return tuple(r for r in self.rows if r["series"] in series)


@dataclass(frozen=True)
class Score:
    """Scores over rows: count, skill against the best naive rule, coverage of 50 and 90 % ranges, PIT bins, bias."""

    count: int
    skill: float
    coverage_50: float
    coverage_90: float
    bins: tuple[int, ...]
    bias: float


@cache
def score_table() -> ScoreTable | None:
    """The table that ships, or None where there is none. Raises InputError for a table with other columns."""
    import forkpoint.uncertainty as room

    files = sorted((Path(room.__file__).parent / "rolling").glob("*.csv"), key=lambda p: p.stem != model_version())
    if not files:
        return None
    rows = [
        {k: _float(row[k]) if k in NUMBERS else str(row[k] or "") for k in COLUMNS}
        for row in read_rows(files[0], COLUMNS)
    ]
    return ScoreTable(files[0].stem, tuple(rows))


def _float(value: object) -> float:
    return float("nan") if value in (None, "") else float(str(value))


def summarise(rows: Sequence[Mapping[str, str | float]]) -> Score | None:
    """Scores over rows as ``forkpoint score`` counts them (CRPS in units of each figure's size); None without rows."""
    if not rows:
        return None
    column = {k: np.array([float(r[k]) for r in rows]) for k in NUMBERS}
    size = np.maximum(np.abs(column["value"]), 1e-9)
    known = np.isfinite(column["baseline_crps"])
    theirs = float((column["baseline_crps"][known] / size[known]).sum())
    skill = 1 - float((column["crps"][known] / size[known]).sum()) / theirs if theirs else float("nan")
    place = sum((column["value"] > column[q]).astype(int) for q in BINS)
    return Score(
        count=len(rows),
        skill=skill,
        coverage_50=float(np.mean((column["p25"] <= column["value"]) & (column["value"] <= column["p75"]))),
        coverage_90=float(np.mean((column["p05"] <= column["value"]) & (column["value"] <= column["p95"]))),
        bins=tuple(int(n) for n in np.bincount(np.asarray(place), minlength=len(EXPECTED))),
        bias=float(np.median((column["median"] - column["value"]) / size)),
    )


def score_line(series: Sequence[str], words: Words) -> str:
    """The line at the foot of a forecast chart: how earlier forecasts of its series did, or that none is scored."""
    table = score_table()
    found = summarise(table.of(series)) if table else None
    if table is None or found is None:
        return words("scores.line_none")
    text = words(
        "scores.line", count=found.count, skill=signed(found.skill), half=f"{found.coverage_50:.0%}",
        wide=f"{found.coverage_90:.0%}",
    )  # fmt: skip
    return text if table.current else f"{text} {words('scores.stale_short')}"


def signed(value: float) -> str:
    """A skill with its sign, or a dash."""
    return f"{value:+.2f}".replace("-", "−") if np.isfinite(value) else "–"
