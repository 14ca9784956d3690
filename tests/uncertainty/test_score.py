"""Forecasts of a day: nothing of the future moves them, and any file of later figures is scored or told why not."""

import datetime as dt
from collections import Counter

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.uncertainty import as_of
from forkpoint.uncertainty.evidence import evidence
from forkpoint.uncertainty.score import ORIGINS, by_horizon, score
from forkpoint.world.observables import year
from forkpoint.world.reference import references

DAY = dt.date(2024, 9, 30)
LAST = dt.date(2025, 10, 31)
SERIES = ("nvda_revenue_total", "cambricon_revenue", "hyperscaler_capex", "china_accel_server_market")


def forecasts(found):
    keys = ("series", "entity", "period_start", "period_end", "p05", "median", "p95")
    return [tuple(row[k] for k in keys) for row in found.rows]


@pytest.fixture(scope="module")
def rows():
    return [o for o in catalog().observations if o.series in SERIES]


@pytest.fixture(scope="module")
def plain(rows):
    return score(rows, DAY, known=catalog().observations, draws=100)


def test_figures_published_later_move_no_forecast(rows, plain):
    """The whole chain, fit and all, with every later figure changed in the file and in the catalogue."""
    change = [o.model_copy(update={"value": 3 * o.value}) if o.known_from > DAY and o.value else o for o in rows]
    everything = [
        o.model_copy(update={"value": 3 * o.value}) if o.known_from > DAY and o.value else o
        for o in catalog().observations
    ]
    assert forecasts(score(change, DAY, known=everything, draws=100)) == forecasts(plain)
    assert plain.summary.count > 30


def test_exogenous_figures_and_law_of_later_days_move_no_forecast(rows, plain, monkeypatch):
    before = {day: as_of.known_inputs(day) for day in ORIGINS}

    def changed(points, end):
        return {t: v if t < end else np.nan if np.isscalar(v) else dict.fromkeys(v, np.nan) for t, v in points.items()}

    for day in ORIGINS:
        history, observed, offers = as_of.history(), as_of.observed(), as_of.offers("as-it-was")
        with monkeypatch.context() as patch:
            end = year(day)
            patch.setattr(as_of, "history", lambda h=history, e=end: {n: changed(p, e) for n, p in h.items()})
            patch.setattr(
                as_of,
                "observed",
                lambda o=observed, d=day: {
                    n: changed(p, as_of.first_unknown(d, n) if n.endswith(("capex", "revenue")) else year(d))
                    for n, p in o.items()
                },
            )
            patch.setattr(
                as_of,
                "offers",
                lambda law, o=offers, e=end: {n: {t: v for t, v in p.items() if t < e} for n, p in o.items()},
            )
            again = as_of.known_inputs(day)
        assert again.keys() == before[day].keys()
        for name, points in again.items():
            np.testing.assert_equal(points, before[day][name], err_msg=f"{name} on {day}")


@pytest.mark.parametrize("day", [*ORIGINS, dt.date(2024, 1, 31), dt.date(2025, 1, 31)])
def test_chinas_spend_is_known_when_it_was_published(day):
    """No point of the exogenous series stands for a time after the last count that was out on the day."""
    counts = [o for o in catalog().observations if o.series == "china_accel_server_market" and o.known_from <= day]
    latest = max(year(o.period_end) for o in counts if o.actual_or_estimate_or_forecast != "forecast")
    points = as_of.published("china_server_spend", as_of.observed()["china_server_spend"], day)
    beyond = {t + references()["server_lead"].value for t in points} - {2025.75}  # one forecast, of June 2025
    assert max(beyond) < latest + 1e-6


def test_the_quarter_in_which_figures_came_out_is_exact():
    assert as_of.first_unknown(dt.date(2025, 10, 31)) == 2025.75
    assert as_of.first_unknown(dt.date(2025, 10, 29)) == 2025.5
    assert as_of.first_unknown(dt.date(2025, 10, 31), "nvidia_other_revenue") == 2025.5


@pytest.fixture(scope="module")
def later():
    """A row of each awkward kind, made from the last figure of a series, and why it is left out ("" where scored)."""
    last = {o.series: o for o in sorted(catalog().observations, key=lambda o: o.period_end)}
    nvda, capex = last["nvda_revenue_total"], last["hyperscaler_capex"]
    base = {"published": "2026-02-20", "value": 60000.0, "actual_or_estimate_or_forecast": "actual"}

    def made(row, start, end, **changes):
        ends = {"period_start": dt.date.fromisoformat(start), "period_end": dt.date.fromisoformat(end)}
        return type(row).model_validate({**row.model_dump(), **base, **ends, **changes})

    quarter = ("2025-10-27", "2026-01-25")
    return [
        (made(nvda, *quarter), ""),
        (made(nvda, *quarter), "repeated"),
        (made(nvda, *quarter, value=61000.0, published="2026-03"), ""),
        (made(nvda, "2025-07-28", "2025-10-26", published="2025-11-19"), ""),
        (made(nvda, "2025-10-27", "2025-11-26"), ""),
        (made(nvda, "2025-10-27", "2026-04-26"), ""),
        (made(nvda, "2025-01-27", "2026-01-25"), ""),
        (made(nvda, *quarter, region="world"), ""),
        (made(nvda, *quarter, value=0.0), ""),
        (made(nvda, *quarter, unit="USD_bn", value=60.0), "in another unit than the series"),
        (made(nvda, *quarter, series="made_up"), "of series that the world does not speak of"),
        (made(nvda, "2025-01-27", "2025-04-27"), "of a time long past on the day"),
        (made(nvda, *quarter, actual_or_estimate_or_forecast="forecast"), "forecasts, not figures"),
        (made(nvda, *quarter, value=None), "without a value"),
        (made(nvda, "2031-01-01", "2031-03-31"), "of a time after 2030"),
        (made(capex, "2025-10-01", "2025-12-31", entity="CoreWeave", value=5.0),
         "of series whose growth alone is known, with no figure to start from"),
        (nvda, "known on the day"),
    ]  # fmt: skip


def test_every_row_is_forecast_or_told_why_not(later):
    found = score([row for row, _ in later], LAST, known=catalog().observations, draws=100)
    assert found.left_out == Counter(reason for _, reason in later if reason)
    assert len(found.rows) == sum(not reason for _, reason in later)
    assert found.unmatched == 1
    for row in found.rows:
        assert row["p05"] < row["p25"] < row["median"] < row["p75"] < row["p95"]
        assert np.isfinite([row["crps"], row["log_score"], row["pit"]]).all()
    assert np.isfinite(found.summary.skill)
    spans = {r["period_end"]: r["median"] for r in found.rows if r["period_start"] == "2025-10-27"}
    month, quarter, half = spans["2025-11-26"], spans["2026-01-25"], spans["2026-04-26"]
    assert 2 < quarter / month < 4
    assert 1.7 < half / quarter < 2.7


def test_guidance_public_on_the_day_narrows_its_quarter_and_no_other_days_does(later):
    """NVIDIA guided 54 billion, within 2 %, on 2025-08-27 for the quarter to 2025-10-26."""
    quarter = [row for row, _ in later if row.period_end == dt.date(2025, 10, 26)]
    guided = score(quarter, LAST, known=catalog().observations, draws=200)
    figures = [o for o in catalog().observations if o.actual_or_estimate_or_forecast != "forecast"]
    alone = score(quarter, LAST, known=figures, posterior=guided.posterior, draws=200)
    said_later = [
        o.model_copy(update={"published": "2025-11-01"}) if o.series == "nvda_revenue_guidance" else o
        for o in catalog().observations
    ]
    unsaid = score(quarter, LAST, known=said_later, posterior=guided.posterior, draws=200)
    widths = [s.rows[0]["p95"] - s.rows[0]["p05"] for s in (guided, alone)]
    assert widths[0] < 0.7 * widths[1]
    assert guided.rows[0]["median"] == pytest.approx(54_000, rel=0.02)
    assert forecasts(unsaid) == forecasts(alone)


def test_horizons_part_the_scored_figures(plain):
    found = by_horizon(plain.rows)
    assert sum(s.count for s in found.values()) == len(plain.rows)
    nearest = next(iter(found.values()))
    assert nearest.count == sum(r["ahead"] <= 0.4 for r in plain.rows) > 5


def test_only_the_past_is_scored_against(plain):
    assert evidence(catalog().observations, DAY).count > 80
    assert all(r["period_end"] > (DAY - dt.timedelta(days=92)).isoformat() for r in plain.rows)
    assert all(r["baseline_crps"] > 0 for r in plain.rows if r["baseline"])
