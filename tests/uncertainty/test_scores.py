"""Scores against closed forms and against another implementation."""

import numpy as np
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from forkpoint.uncertainty import scores

floats = st.floats(-1e3, 1e3)


def test_crps_of_a_normal_sample_meets_its_closed_form():
    """Gneiting & Raftery 2007, eq. 20: CRPS of N(0,1) at y."""
    draws = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    for y in (-2.0, 0.0, 0.7, 3.0):
        exact = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
        assert scores.crps(draws, y) == pytest.approx(exact, abs=2e-3)


@pytest.mark.oracle
@given(st.lists(floats, min_size=2, max_size=40), floats)
def test_crps_is_that_of_scoringrules(draws, observed):
    theirs = float(scoringrules.crps_ensemble(observed, np.array(draws), estimator="fair"))
    assert scores.crps(draws, observed) == pytest.approx(theirs, rel=1e-9, abs=1e-8)


def test_one_draw_gives_the_absolute_error():
    assert scores.crps([3.0], 5.0) == 2.0


def test_log_score_of_a_normal_sample():
    draws = norm.ppf((np.arange(4000) + 0.5) / 4000)
    assert scores.log_score(draws, 0.5) == pytest.approx(-norm.logpdf(0.5), abs=0.05)


def test_a_far_miss_stays_finite():
    assert np.isfinite(scores.log_score([1.0, 1.1, 1.2], 1e6))


@given(st.lists(floats, min_size=1, max_size=30), floats)
def test_pit_is_a_share_and_grows_with_the_observation(draws, observed):
    assert 0 <= scores.pit(draws, observed) <= 1
    assert scores.pit(draws, observed) <= scores.pit(draws, observed + 1)


def test_a_calibrated_forecaster_covers_what_it_says():
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(2000):
        centre = 100 + 10 * rng.standard_normal()
        value, draws = centre + rng.standard_normal(), centre + rng.standard_normal(200)
        p05, p25, p50, p75, p95 = scores.quantiles(draws)
        rows.append(
            {
                "value": value,
                "median": p50,
                "p05": p05,
                "p25": p25,
                "p75": p75,
                "p95": p95,
                "pit": scores.pit(draws, value),
            }
            | {"crps": scores.crps(draws, value), "baseline_crps": 2.0, "log_score": scores.log_score(draws, value)}
        )
    summary = scores.summarise(rows)
    assert summary.coverage_50 == pytest.approx(0.5, abs=0.04)
    assert summary.coverage_90 == pytest.approx(0.9, abs=0.03)
    assert max(summary.pit_histogram) < 2 * min(summary.pit_histogram)
    assert summary.skill == pytest.approx(1 - 0.5642 / 2, abs=0.03)


def test_no_rows_say_so():
    assert scores.summarise([]).count == 0
