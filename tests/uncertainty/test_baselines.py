"""Naive rules on histories whose future is known."""

import numpy as np
import pytest

from forkpoint.uncertainty import baselines

YEARS = np.array([2020.0, 2021.0, 2022.0, 2023.0])


def test_drift_goes_on_with_constant_growth():
    assert baselines.drift(YEARS, 100 * 1.5 ** (YEARS - 2020), 2025.0) == pytest.approx(100 * 1.5**5)


def test_drift_of_a_series_with_negative_values_is_linear():
    assert baselines.drift(YEARS, np.array([-2.0, 0.0, 2.0, 4.0]), 2024.0) == pytest.approx(6.0)


def test_seasonal_trend_repeats_the_season():
    quarters = np.arange(2021, 2024, 0.25)
    values = 100 * 2.0 ** (quarters - 2021) * (1 + 0.2 * np.sin(2 * np.pi * quarters))
    later = 2024.25
    truth = 100 * 2.0 ** (later - 2021) * (1 + 0.2 * np.sin(2 * np.pi * later))
    assert baselines.seasonal_trend(quarters, values, later) == pytest.approx(truth, rel=1e-6)


def test_logistic_share_is_exact_on_a_logistic_and_stays_a_share():
    share = 100 / (1 + np.exp(-(YEARS - 2023)))
    assert baselines.logistic_share(YEARS, share, 2025.0) == pytest.approx(100 / (1 + np.exp(-2)), rel=1e-6)
    assert baselines.logistic_share(YEARS, share, 2060.0) <= 100


@pytest.mark.parametrize("rule", baselines.SHARE_RULES.values())
def test_one_known_value_is_enough(rule):
    assert rule(np.array([2022.0]), np.array([40.0]), 2023.0) == pytest.approx(40.0)


def test_draws_widen_with_the_horizon():
    noise = np.random.default_rng(0).standard_normal(2000)
    values = np.array([100.0, 130.0, 120.0, 170.0])
    near = baselines.draws(baselines.drift, YEARS, values, 2023.25, noise).std()
    far = baselines.draws(baselines.drift, YEARS, values, 2026.0, noise).std()
    assert far > 2 * near


def test_the_best_rule_so_far_is_the_one_that_fits_the_history():
    assert baselines.best_so_far(YEARS, 100 * 1.5 ** (YEARS - 2020), baselines.RULES) == "drift"
    assert baselines.best_so_far(YEARS, np.array([100.0, 150.0, 100.0, 100.0]), baselines.RULES) == "last value"
    assert baselines.best_so_far(YEARS[:2], np.array([1.0, 2.0]), baselines.RULES) == "last value"
