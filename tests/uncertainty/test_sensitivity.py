"""Shares of variance against closed forms: Ishigami, the G-function, normal inputs that are tied, value of knowing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import norm

from forkpoint.errors import InputError
from forkpoint.uncertainty.sensitivity import (
    REST,
    Known,
    evppi,
    facts_wanted,
    fit_line,
    linear_shapley,
    screen,
    shapley_effects,
    sobol,
    variance_known,
    where_held,
    worth_knowing,
)


def singles(count: int) -> dict[str, np.ndarray]:
    return {f"x{i}": np.array([i]) for i in range(count)}


def test_sobol_of_ishigami() -> None:
    """Ishigami & Homma 1990, a = 7, b = 0.1: S1 = 0.314, 0.442, 0; ST3 = 0.244."""

    def answer(z: np.ndarray) -> np.ndarray:
        x = np.pi * (2 * ndtr(z) - 1)
        return np.asarray(np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0]))

    found = {s.name: s for s in sobol(answer, singles(3), 3, base=4096)}
    assert [found[f"x{i}"].share for i in range(3)] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert [found[f"x{i}"].total for i in range(3)] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)
    assert all(s.converged for s in found.values())


def test_sobol_of_the_g_function_for_groups() -> None:
    """Sobol 1993: V_i = 1/(3(1+a_i)²), V = Π(1+V_i) − 1; a group's total is 1 − (Π over others (1+V) − 1)/V."""
    a = np.array([0.0, 1.0, 4.5, 9.0])
    part = 1 / (3 * (1 + a) ** 2)
    whole = np.prod(1 + part) - 1

    def answer(z: np.ndarray) -> np.ndarray:
        return np.asarray(np.prod((np.abs(4 * ndtr(z) - 2) + a[:, None]) / (1 + a[:, None]), axis=0))

    found = {s.name: s for s in sobol(answer, {"ab": np.array([0, 1]), "cd": np.array([2, 3])}, 4, base=4096)}
    first = {"ab": np.prod(1 + part[:2]) - 1, "cd": np.prod(1 + part[2:]) - 1}
    for name, other in (("ab", "cd"), ("cd", "ab")):
        assert found[name].share == pytest.approx(first[name] / whole, abs=0.02)
        assert found[name].total == pytest.approx(1 - first[other] / whole, abs=0.02)


def test_few_draws_are_told_as_not_converged() -> None:
    found = sobol(lambda z: np.asarray(z[0] + z[1] ** 3), singles(2), 2, base=16)
    assert not all(s.converged for s in found)


def test_shapley_effects_of_a_line_over_three_normal_inputs() -> None:
    """Iooss & Prieur 2019, §4.2: y = βᵀx, the last two inputs correlated by ρ share the covariance term evenly."""
    beta, sd, rho = np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0]), 0.6
    covariance = np.diag(sd**2)
    covariance[1, 2] = covariance[2, 1] = rho * sd[1] * sd[2]
    terms = beta**2 * sd**2
    cross = rho * np.prod(beta[1:] * sd[1:])
    total = terms.sum() + 2 * cross
    swap = rho**2 / 2 * (terms[2] - terms[1])
    expected = np.array([terms[0], terms[1] + cross + swap, terms[2] + cross - swap]) / total
    exact = linear_shapley(Known(beta, covariance), singles(3))
    assert [float(exact[f"x{i}"][0]) for i in range(3)] == pytest.approx(expected)
    rng = np.random.default_rng(3)
    z = np.linalg.cholesky(covariance) @ rng.standard_normal((3, 4000))
    found, line = shapley_effects(z, beta @ z + 0.1 * rng.standard_normal(4000), covariance, singles(3), keep=3)
    for share in found:
        assert share.share == pytest.approx(expected[int(share.name[1])], abs=0.03)
        assert share.low <= share.share <= share.high
        assert share.converged
    assert line.explained > 0.99


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_shapley_effects_sum_to_one_whatever_the_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6))
    groups = {"a": np.array([0, 1]), "b": np.array([2]), "c": np.array([3, 4, 5])}
    found = linear_shapley(Known(rng.normal(size=6), root @ root.T + 0.1 * np.eye(6)), groups)
    assert sum(float(v[0]) for v in found.values()) == pytest.approx(1.0)
    assert all(v[0] > -1e-9 for v in found.values())


def test_screening_keeps_what_matters_among_many() -> None:
    rng = np.random.default_rng(4)
    slopes = np.zeros(120)
    slopes[[7, 50]] = 3.0, -2.0
    z = rng.standard_normal((120, 600))
    line = fit_line(z, slopes @ z + rng.standard_normal(600))
    chosen = screen(line, np.eye(120), {f"p{i}": np.array([i]) for i in range(120)}, keep=2)
    assert list(chosen) == ["p7", "p50", REST]
    assert line.explained == pytest.approx(13 / 14, abs=0.06)


def test_a_straight_line_that_explains_little_is_not_ranked_by() -> None:
    rng = np.random.default_rng(5)
    z = rng.standard_normal((3, 2000))
    found, line = shapley_effects(z, z[0] ** 2 + 0.2 * z[1], np.eye(3), singles(3), keep=3)
    assert line.explained < 0.3
    assert not any(s.converged for s in found)


def test_an_answer_that_never_moves_is_refused() -> None:
    with pytest.raises(InputError, match="same in every draw"):
        fit_line(np.random.default_rng(0).standard_normal((3, 50)), np.full(50, 2.0))


def test_value_of_knowing_is_the_normal_loss_integral() -> None:
    """Choices 0 and θ₁ + θ₂: E max(0, m + σ₁Z) − max(0, m) = mΦ(m/σ₁) + σ₁φ(m/σ₁) − max(0, m)."""
    rng = np.random.default_rng(6)
    draws, mean, sd = 40_000, 0.3, 1.2
    first, second = sd * rng.standard_normal(draws), 0.7 * rng.standard_normal(draws)
    benefit = np.stack([np.zeros(draws), mean + first + second], axis=1)
    expected = mean * norm.cdf(mean / sd) + sd * norm.pdf(mean / sd) - mean
    assert evppi(benefit, first[None]) == pytest.approx(expected, abs=0.02)
    assert evppi(benefit, rng.standard_normal((1, draws))) == pytest.approx(0.0, abs=0.01)


def test_worth_of_facts_is_the_normal_loss_integral_and_noise_is_worth_nothing() -> None:
    """The same choice; everything is known of 0.3 + N(0, σ₁² + σ₂²), so EVPI has the same form with the whole width."""
    rng = np.random.default_rng(9)
    draws, mean, sd = 40_000, 0.3, np.array([1.2, 0.7, 0.0])
    z = rng.standard_normal((3, draws))
    benefit = np.stack([np.zeros(draws), mean + sd @ z], axis=1)
    groups = {"hbm_growth": np.array([0]), "order_time": np.array([1]), "porting_rate": np.array([2])}

    def exact(width: float) -> float:
        return float(mean * norm.cdf(mean / width) + width * norm.pdf(mean / width) - mean)

    everything, rows = worth_knowing(z, benefit, np.eye(3), groups, keep=3)
    assert everything == pytest.approx(exact(float(np.hypot(1.2, 0.7))), abs=0.02)
    worth = {r["fact"]: r["worth"] for r in rows}
    assert worth["hbm_growth"] == pytest.approx(exact(1.2), abs=0.02)
    assert worth["order_time"] == pytest.approx(exact(0.7), abs=0.02)
    assert worth["porting_rate"] < 0.005
    assert rows[0]["fact"] == "hbm_growth"
    assert rows[0]["held_by"].startswith("observations.csv: ")


def test_where_one_choice_is_best_in_every_future_no_fact_is_worth_anything() -> None:
    z = np.random.default_rng(10).standard_normal((2, 200))
    benefit = np.stack([z[0], z[0] + 1], axis=1)
    assert worth_knowing(z, benefit, np.eye(2), singles(2)) == (0.0, [])


def test_variance_that_knowing_removes() -> None:
    rng = np.random.default_rng(7)
    z = rng.standard_normal((2, 8000))
    y = 2 * z[0] + z[1]
    assert variance_known(y, z[:1]) == pytest.approx(0.8, abs=0.02)
    assert variance_known(y, rng.standard_normal((1, 8000))) < 0.01


def test_wanted_facts_name_the_row_that_would_hold_them() -> None:
    rng = np.random.default_rng(8)
    z = rng.standard_normal((2, 3000))
    groups = {"hbm_growth": np.array([0]), "order_time": np.array([1])}
    found = facts_wanted(z, z[0] + 3 * z[1], groups, list(groups))
    assert [f["fact"] for f in found] == ["order_time", "hbm_growth"]
    assert found[0]["held_by"] == "reference.yaml: order_time"
    assert found[1]["held_by"].startswith("observations.csv: ")
    assert where_held("porting_rate")["held_by"] == "observations.csv: training_or_inference_efficiency"
