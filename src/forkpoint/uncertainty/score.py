"""How good forecasts were: freeze what was known on a day, forecast what came later, score it against naive rules."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forkpoint.catalog import Observation
from forkpoint.uncertainty import baselines
from forkpoint.uncertainty.calibrate import Posterior, fit
from forkpoint.uncertainty.discrepancy import middle
from forkpoint.uncertainty.evidence import HORIZON, evidence
from forkpoint.uncertainty.forecast import Forecaster, guidance, history
from forkpoint.uncertainty.priors import stream
from forkpoint.uncertainty.scores import Floats, ScoreSummary, crps, log_score, pit, quantiles, skill, summarise
from forkpoint.world.model import START
from forkpoint.world.observables import Observable, observable_of, year

COLUMNS = (
    "series", "entity", "region", "period_start", "period_end", "value", "median", "p05", "p25", "p75", "p95", "crps",
    "baseline", "baseline_crps", "skill",
)  # fmt: skip
"""Columns of ``scores.csv``."""
ORIGINS = tuple(
    dt.date.fromisoformat(d) for d in ("2022-09-30", "2023-09-30", "2024-09-30", "2025-03-31", "2025-10-31")
)
"""The days of the rolling table."""
BASELINE_DRAWS = 1000
UNREPORTED = dt.timedelta(days=92)
"""A quarter: a period that ended this shortly before the day counts as later where its figure was not out yet."""


HORIZONS = (
    (0.4, "to 5 months ahead"), (0.8, "to 10 months"), (1.5, "to 18 months"), (float("inf"), "beyond"),
)  # fmt: skip
"""Groups of horizons: years between the middles of a figure's period and of the last known one."""
NO_FIGURE = "no figure known"
BEST_SO_FAR = "each series' best so far"
UNSPOKEN = "of series that the world does not speak of"


@dataclass(frozen=True)
class Scores:
    """Scored rows (dictionaries with the columns of ``scores.csv`` and more), their summary, and what was left out."""

    as_of: dt.date
    rows: tuple[dict[str, Any], ...]
    summary: ScoreSummary
    left_out: Mapping[str, int]
    """Why rows of the file have no forecast, and how many."""
    posterior: Posterior

    @property
    def unmatched(self) -> int:
        """Later figures of series that the world does not speak of."""
        return self.left_out.get(UNSPOKEN, 0)

    def by_series(self) -> list[dict[str, Any]]:
        """One summary a series, the worst skill first."""
        names = list(dict.fromkeys(r["series"] for r in self.rows))
        found = []
        for name in names:
            part = [r for r in self.rows if r["series"] == name]
            s = summarise(part)
            found.append(
                {
                    "series": name,
                    "count": s.count,
                    "skill": s.skill,
                    "coverage_50": s.coverage_50,
                    "coverage_90": s.coverage_90,
                    "bias": s.signed_median_error,
                    "baselines": ", ".join(dict.fromkeys(r["baseline"] for r in part)),
                }
            )
        return sorted(found, key=lambda r: r["skill"] if np.isfinite(r["skill"]) else 0.0)


def score(
    observations: Iterable[Observation],
    as_of: dt.date,
    *,
    known: Iterable[Observation] | None = None,
    posterior: Posterior | None = None,
    draws: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] = lambda words: None,
) -> Scores:
    """Score forecasts made on ``as_of`` for every later figure of a series that the world speaks of.

    ``known``: the figures and forecasts that may be looked at, as far as published by the day (``observations`` by
    default).
    ``posterior``: a fit of the same day; without it one is made.
    """
    rows = list(observations)
    before_day = list(known) if known is not None else rows
    public = [o for o in before_day if _was_known(o, as_of)]
    day = evidence(public, as_of)
    progress(f"fit to {day.count} figures known on {as_of}")
    found = posterior or fit(day)
    progress(f"forecast with {draws} draws")
    forecaster = Forecaster.of(day, found, public, draws=draws, seed=seed)
    scored: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        of, figures = observable_of(row), _known_of(row, public)
        reason = _reason(row, of, figures, as_of) or ("repeated" if _figure(row) in seen else "")
        if reason:
            left_out[reason] += 1
            continue
        assert of is not None
        seen.add(_figure(row))
        values = forecaster.draws(of, row, figures, guidance(row, before_day, figures, as_of))
        scored.append(_score(row, values, figures, seed))
    _choose_baselines(scored)
    return Scores(as_of, tuple(scored), summarise(scored), dict(left_out), found)


def _was_known(row: Observation, as_of: dt.date) -> bool:
    """Whether a row is a figure that was public on the day, of a time within the model's span."""
    real = row.actual_or_estimate_or_forecast != "forecast" and row.value is not None
    return real and row.known_from <= as_of and row.period_end <= as_of and year(row.period_start) >= START


def _reason(row: Observation, of: Observable | None, known: Sequence[Observation], as_of: dt.date) -> str:
    """Why a row is not scored, in words that follow a number; "" where it is."""
    units = {k.unit for k in known}
    checks = {
        "known on the day": row.known_from <= as_of,
        "forecasts, not figures": row.actual_or_estimate_or_forecast == "forecast",
        "without a value": row.value is None,
        "of a time long past on the day": row.period_end <= as_of - UNREPORTED,
        f"of a time after {HORIZON:.0f}": year(row.period_end) >= HORIZON,
        "with a period that ends before it starts": row.period_end < row.period_start,
        UNSPOKEN: of is None,
        "of series whose growth alone is known, with no figure to start from": of is not None
        and of.relative
        and not known,
        "in another unit than the series": bool(units) and row.unit not in units,
    }
    return next((reason for reason, holds in checks.items() if holds), "")


def _figure(row: Observation) -> tuple[Any, ...]:
    return (row.series, row.entity, row.region, row.period_start, row.period_end, row.value)


def _known_of(row: Observation, public: Sequence[Observation]) -> list[Observation]:
    """The public figures of a row's series: of its entity and region, else of its entity (regions have many names)."""
    own = [o for o in public if o.series == row.series and o.entity.casefold() == row.entity.casefold()]
    here = [o for o in own if o.region == row.region]
    return here or (own if len({o.region for o in own}) == 1 else [])


def _score(row: Observation, draws: Floats, known: Sequence[Observation], seed: int) -> dict[str, Any]:
    assert row.value is not None
    p05, p25, median, p75, p95 = (float(q) for q in quantiles(draws))
    return {
        "series": row.series,
        "entity": row.entity,
        "region": row.region,
        "period_start": row.period_start.isoformat(),
        "period_end": row.period_end.isoformat(),
        "value": row.value,
        "median": median,
        "p05": p05,
        "p25": p25,
        "p75": p75,
        "p95": p95,
        "crps": crps(draws, row.value),
        "pit": pit(draws, row.value),
        "log_score": log_score(draws, row.value),
        "ahead": middle(row) - max((middle(k) for k in known), default=float("nan")),
        "unit": row.unit,
        "baselines": baseline_scores(row, known, seed),
        "best_so_far": baselines.best_so_far(*history(row, known), baselines.rules_for(row.unit)),
    }


def baseline_scores(row: Observation, known: Sequence[Observation], seed: int) -> dict[str, float]:
    """CRPS of every naive rule on a figure, from the figures known on the day; none without a known figure."""
    assert row.value is not None
    times, values = history(row, known)
    if not len(times):
        return {}
    later = middle(row)
    noise = stream(seed, f"baseline:{row.series}:{row.entity}:{row.period_end}").standard_normal(BASELINE_DRAWS)
    return {
        name: crps(baselines.draws(rule, times, values, later, noise), row.value)
        for name, rule in baselines.rules_for(row.unit).items()
    }


def by_horizon(rows: Sequence[dict[str, Any]]) -> dict[str, ScoreSummary]:
    """Summaries by how far a figure lies after the last known one of its series; figures of series without any."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        name = next((words for end, words in HORIZONS if row["ahead"] <= end), NO_FIGURE)
        groups.setdefault(name, []).append(row)
    names = [words for _, words in HORIZONS] + [NO_FIGURE]
    return {name: summarise(groups[name]) for name in names if name in groups}


def against_rules(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Skill against each naive rule used for every series, and against each series' best rule so far.

    Both are what a forecaster of the day could have done: to keep to one rule, or to go by its record.
    """
    rated = [r for r in rows if r["baselines"]]
    chosen = {rule: lambda r, rule=rule: rule for rule in baselines.RULES} | {BEST_SO_FAR: lambda r: r["best_so_far"]}
    return {
        name: summarise([{**r, "baseline_crps": r["baselines"][rule_of(r)]} for r in rated]).skill
        for name, rule_of in chosen.items()
    }


def _choose_baselines(rows: Sequence[dict[str, Any]]) -> None:
    """Set each row's baseline: the naive rule that does best over all scored figures of its series and entity.

    Chosen with hindsight, so that skill against it is a lower bound of what a forecaster of the day would have seen.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["series"], row["entity"]), []).append(row)
    for group in groups.values():
        rated = [r for r in group if r["baselines"]]
        rules = set.intersection(*(set(r["baselines"]) for r in rated)) if rated else set()
        total = {rule: sum(r["baselines"][rule] for r in rated) for rule in sorted(rules)}
        best = min(total, key=lambda rule: total[rule]) if total else ""
        for row in group:
            row["baseline"] = best if row["baselines"] else ""
            row["baseline_crps"] = row["baselines"].get(best, float("nan"))
            row["skill"] = skill(row["crps"], row["baseline_crps"])


def rolling(
    observations: Iterable[Observation],
    *,
    origins: Sequence[dt.date] = ORIGINS,
    draws: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] = lambda words: None,
) -> list[Scores]:
    """Scores from several days, each with only what was known then."""
    rows = list(observations)
    return [score(rows, day, draws=draws, seed=seed, progress=progress) for day in origins]
