"""Observed series and the model's variables: periods, units, scales."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.catalog import Observation, catalog
from forkpoint.world.model import world
from forkpoint.world.observables import Observable, Selection, matched, observables, year

TIMES = np.arange(2019.0, 2026.0, 0.25)


def observation(start: str, end: str, value: float = 1.0) -> Observation:
    return Observation(
        series="s",
        entity="e",
        region="r",
        period_start=start,
        period_end=end,
        value=value,
        unit="u",
        actual_or_estimate_or_forecast="actual",
        published=end,
        source_url="https://example.org",
        quality="A",
    )


def observable(aggregate: str, scale: str = "log") -> Observable:
    return Observable("o", "s", Selection("v"), aggregate, 1.0, 0.1, scale=scale)


def test_an_amount_counts_the_days_of_a_fiscal_quarter():
    rows = [observation("2025-01-27", "2025-04-27"), observation("2023-01-01", "2023-12-31")]
    weights = observable("amount").weights(rows, TIMES, 0.25)
    assert weights.sum(axis=1) == pytest.approx([91 / 365, 1.0], rel=1e-9)
    assert weights[0, TIMES == 2025.0][0] == pytest.approx(0.25 - 26 / 365, rel=1e-9)


def test_a_level_is_a_mean_and_an_end_is_one_moment():
    rows = [observation("2024-01-01", "2024-12-31")]
    assert observable("level").weights(rows, TIMES, 0.25).sum() == pytest.approx(1.0)
    end = observable("end").weights(rows, TIMES, 0.25)
    assert TIMES[end[0].argmax()] == 2025.0


@given(st.floats(0.5, 99.0))
def test_scales_go_there_and_back(value):
    for scale in ("log", "logit", "linear"):
        found = observable("amount", scale)
        assert found.back(found.transformed(np.float64(value))) == pytest.approx(value, rel=1e-9)


def test_every_entry_names_what_the_model_has():
    for entry in observables():
        for name in entry.variables:
            assert name in world().variables, f"{entry.id}: {name}"
        for part in (entry.selection, entry.over, entry.times):
            for dimension, label in part.at if part else ():
                assert label in world().dimensions[dimension].labels, f"{entry.id}: {label}"


def test_every_fitted_series_has_observations():
    known = matched(catalog().observations)
    for entry in observables():
        assert not entry.fit or known.get(entry), entry.id
        assert entry.trap, f"{entry.id}: what could mislead is not told"


def test_a_day_is_a_fraction_of_its_year():
    assert year(dt.date(2025, 1, 1)) == 2025.0
    assert year(dt.date(2024, 7, 2)) == pytest.approx(2024.5, abs=1e-9)


def test_what_was_booked_at_once_counts_past_its_period():
    rows = [observation("2025-01-01", "2025-03-31")]
    booked = Observable("o", "s", Selection("v"), "amount", 1.0, 0.1, after=0.5)
    assert booked.weights(rows, TIMES, 0.25).sum() == pytest.approx(0.75, abs=0.005)


def test_below_its_floor_a_series_tells_nothing():
    """A run without grey supply is as far off as one at the floor, not infinitely far."""
    grey = Observable("o", "s", Selection("v"), "amount", 1.0, 0.1, floor=1e4)
    assert grey.transformed(np.array([0.0, 5e3, 1e4])) == pytest.approx(np.log(1e4))
    assert grey.transformed(np.array([2e4]))[0] == pytest.approx(np.log(2e4))
