"""How series stray from the world's line: against the exact normal theory, and on series made to be known."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.uncertainty.discrepancy import Widths, middle, straying, widths
from forkpoint.world.observables import observables

PLAIN = Widths(wander=0.2, slope=1e-6, season=1e-6, noise=1e-3, level=1.0)
GROWTH = next(o for o in observables() if o.id == "capex_by_firm")
FITTED = replace(next(o for o in observables() if o.id == "nvda_total"), id="made")
ROW = next(o for o in catalog().observations if o.series == "hyperscaler_capex")


def quarters(count, first=2020.0):
    found = []
    for number in range(count):
        year, quarter = divmod(round(4 * first) + number, 4)
        start = dt.date(year, 3 * quarter + 1, 1)
        after = dt.date(year + (quarter == 3), (3 * quarter + 4 - 1) % 12 + 1, 1)
        end = after - dt.timedelta(days=1)
        found.append(ROW.model_copy(update={"period_start": start, "period_end": end}))
    return found


def test_a_random_walk_is_forecast_by_its_last_figure_and_widens_with_the_root_of_time():
    *known, later = quarters(9)
    path = np.cumsum([0.0, 0.3, -0.1, 0.2, 0.0, 0.1, -0.2, 0.4])
    found = straying(PLAIN, GROWTH, later, known, path)
    assert found.weights @ path == pytest.approx(path[-1], abs=1e-3)
    far = straying(PLAIN, GROWTH, quarters(1, first=2025.75)[0], known, path)
    elapsed = [middle(r) - middle(known[-1]) for r in (later, quarters(1, first=2025.75)[0])]
    assert far.width / found.width == pytest.approx(np.sqrt(elapsed[1] / elapsed[0]), rel=0.01)


def test_a_fitted_series_comes_back_to_the_world():
    known = quarters(4)
    path = np.full(4, 0.5)
    shares = [
        straying(PLAIN, FITTED, quarters(1, first=f)[0], known, path).weights @ path / 0.5 for f in (2021, 2024, 2035)
    ]
    assert 1.0 > shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.3


def test_a_season_is_learned_and_repeated():
    known = quarters(12)
    season = np.tile([-0.2, -0.1, 0.1, 0.2], 3)
    seasonal = replace(PLAIN, wander=0.02, season=0.3, noise=0.02)
    for number, later in enumerate(quarters(4, first=2023.0)):
        assert straying(seasonal, GROWTH, later, known, season).weights @ season == pytest.approx(
            season[number], abs=0.06
        )


def test_one_wild_series_widens_its_own_forecast_only():
    *known, later = quarters(9)
    calm, wild = 0.01 * np.arange(8) % 0.02, np.array([0, 1, -1, 1, -1, 1, -1, 1.0])
    assert straying(PLAIN, GROWTH, later, known, wild).width > 3 * straying(PLAIN, GROWTH, later, known, calm).width


def test_common_widths_are_learned_from_the_figures():
    rng = np.random.default_rng(2)
    rows = quarters(20)
    paths = {f"firm {n}": np.cumsum(0.5 * np.sqrt(0.25) * rng.standard_normal(20)) for n in range(12)}
    known = {GROWTH: [[r.model_copy(update={"entity": name}) for r in rows] for name in paths]}
    found = widths(known, lambda observable, rows: paths[rows[0].entity][:, None])
    assert found.wander == pytest.approx(0.5, rel=0.2)


def test_draws_cover_what_they_say():
    """Series made by the process itself: the 90 % range of the next figure holds it nine times in ten."""
    rng = np.random.default_rng(3)
    *known, later = quarters(9)
    hits = 0
    for _ in range(400):
        path = np.cumsum(0.1 * rng.standard_normal(9))
        found = straying(PLAIN, GROWTH, later, known, path[:-1])
        low, high = np.quantile(found.draws(np.full(400, found.weights @ path[:-1]), rng), (0.05, 0.95))
        hits += low <= path[-1] <= high
    assert 0.86 <= hits / 400 <= 0.94


def forecast_of_a_year(said, **changed):
    """A forecast for the year 2024 that was made on a day."""
    span = {"period_start": dt.date(2024, 1, 1), "period_end": dt.date(2024, 12, 31), "published": said}
    return ROW.model_copy(update={**span, "actual_or_estimate_or_forecast": "forecast", **changed})


def test_a_years_forecast_and_three_quarters_tell_the_fourth():
    """Distances are means over periods: the year's is the mean of its quarters', and what it leaves is the fourth."""
    *known, later = quarters(4, first=2024.0)
    path = np.array([0.1, 0.2, 0.0, 0.15])
    told = [*known, forecast_of_a_year("2024-10-31")]
    exact = replace(PLAIN, wander=1.0, noise=1e-4)
    found = straying(exact, GROWTH, later, told, path)
    assert found.weights @ path == pytest.approx(4 * 0.15 - 0.3, abs=0.02)
    assert found.width < 0.3 * straying(exact, GROWTH, later, known, path[:3]).width


def test_an_early_or_vague_forecast_weighs_less():
    *known, later = quarters(4, first=2024.0)
    path = np.array([0.0, 0.0, 0.0, 0.4])
    forecasts = [
        forecast_of_a_year("2024-10-31", low=None, high=None),
        forecast_of_a_year("2024-10-31", low=100.0, high=200.0),
        forecast_of_a_year("2022-01-31", low=None, high=None),
    ]
    moved = [straying(PLAIN, GROWTH, later, [*known, f], path).weights @ path for f in forecasts]
    assert moved[0] > 2 * moved[1] > 0
    assert moved[0] > 2 * moved[2] > 0
