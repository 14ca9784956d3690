"""The Laplace machinery against posteriors that are known: closed form, a grid, ranks of the truth (simulation-based
calibration, Talts et al. 2018) on a small dynamic model with priors of three shapes, weights of a known tail."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import kstest

from forkpoint.dynamics import Model, flow, parameter, stock
from forkpoint.uncertainty import calibrate, draws
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.draws import Draws
from forkpoint.uncertainty.futures import Cloud
from forkpoint.uncertainty.posterior_file import read_posterior, write_posterior
from forkpoint.uncertainty.priors import Prior
from forkpoint.uncertainty.psis import laplace_check

DAY = dt.date(2025, 11, 1)


@dataclass
class Seen:
    """Figures of a model at coordinates, each with normal error of unit size."""

    predict: Callable[[np.ndarray], np.ndarray]
    figures: np.ndarray
    as_of: dt.date = DAY

    @property
    def count(self) -> int:
        return len(self.figures)

    def residuals(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(self.predict(z) - self.figures[:, None])


@pytest.fixture
def size(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let a fit have so many coordinates."""

    def few(count: int) -> None:
        names = tuple(SimpleNamespace(name=f"z{i}") for i in range(count))
        monkeypatch.setattr(calibrate, "coordinates", lambda: names)

    return few


def fit(predict: Callable[[np.ndarray], np.ndarray], figures: np.ndarray) -> Posterior:
    return calibrate.fit(Seen(predict, figures))  # type: ignore[arg-type]


def test_a_linear_model_gives_the_exact_posterior(size) -> None:
    """y = Hz + e: covariance (1 + HᵀH)⁻¹, mean covariance·Hᵀy, more coordinates than figures or fewer."""
    rng = np.random.default_rng(1)
    for coordinates, figures in ((3, 7), (9, 4)):
        size(coordinates)
        slopes, seen = 2.0 * rng.normal(size=(figures, coordinates)), 3.0 * rng.normal(size=figures)
        found = fit(lambda z, slopes=slopes: slopes @ z, seen)
        covariance = np.linalg.inv(np.eye(coordinates) + slopes.T @ slopes)
        np.testing.assert_allclose(found.root @ found.root.T, covariance, atol=1e-8)
        np.testing.assert_allclose(found.mode, covariance @ slopes.T @ seen, atol=2e-3)
        np.testing.assert_allclose(found.spread, np.sqrt(np.diag(covariance)), atol=1e-8)


def test_draws_of_a_posterior_file_have_its_mean_and_covariance(size, tmp_path, monkeypatch) -> None:
    """From fit to file to draws: the sample's moments are those of the exact posterior."""
    rng = np.random.default_rng(2)
    size(5)
    slopes, seen = rng.normal(size=(6, 5)), rng.normal(size=6)
    found = fit(lambda z: slopes @ z, seen)
    again = read_posterior(write_posterior(found, tmp_path / "p.npz"), names=found.names)
    np.testing.assert_allclose(again.root, found.root, atol=1e-6)
    monkeypatch.setattr(draws, "coordinates", calibrate.coordinates)
    source = Draws.of(tmp_path / "p.npz")
    sample = source.standard(seed=4, chunk=0, count=60_000)
    covariance = np.linalg.inv(np.eye(5) + slopes.T @ slopes)
    np.testing.assert_allclose(sample.mean(axis=1), found.mode, atol=0.02)
    np.testing.assert_allclose(np.cov(sample), covariance, atol=0.02)
    np.testing.assert_allclose(Cloud.of(tmp_path / "p.npz").covariance, covariance, atol=1e-6)


# A small world: adoption saturates; three parameters with priors of three shapes; nine figures, each off by 5 %.


class Adoption:
    """Users grow by word of mouth until nobody is left to tell."""

    imitation = parameter(0.8, unit="1/year", doc="Adoption by example.")
    market = parameter(1000.0, unit="person", doc="All who may ever adopt.")
    first = parameter(20.0, unit="person", doc="Users at the start.")
    users = stock("first", unit="person", doc="Users.")

    @flow(into="users", unit="person/year")
    def adoption(users, market, imitation):  # noqa: N805
        """People who adopt."""
        return imitation * users * (1 - users / market)


MODEL = Model(Adoption, start=0.0, stop=9.0, step=0.25, name="adoption")
PRIORS = (
    Prior("imitation", 0.8, 0.6, 1.1, "normal"),
    Prior("market", 1000.0, 500.0, 2500.0, "lognormal"),
    Prior("first", 20.0, 10.0, 35.0, "uniform"),
)
SEEN_AT, FIGURES, ERROR = slice(4, 37, 4), 9, 0.05


def adopted(z: np.ndarray) -> np.ndarray:
    """Logs of users after each year, in units of the error."""
    values = {p.name: p.from_standard(row) for p, row in zip(PRIORS, z, strict=True)}
    return np.asarray(np.log(MODEL.run(draws=values, outputs=["users"])["users"][SEEN_AT]) / ERROR)


def ranks(wider: float, count: int) -> np.ndarray:
    """Rank of each parameter's true value among draws of its posterior, in many simulated worlds; ``wider``: the
    posterior's width is multiplied by this."""
    rng, found = np.random.default_rng(3), []
    for _ in range(count):
        truth = rng.standard_normal(len(PRIORS))
        posterior = fit(adopted, adopted(truth[:, None])[:, 0] + rng.standard_normal(FIGURES))
        sample = posterior.mode[:, None] + wider * posterior.root @ rng.standard_normal((len(PRIORS), 99))
        true = [p.from_standard(t) for p, t in zip(PRIORS, truth, strict=True)]
        drawn = [p.from_standard(s) for p, s in zip(PRIORS, sample, strict=True)]
        found.append([np.mean(d < t) for d, t in zip(drawn, true, strict=True)])
    return np.array(found).T


def test_ranks_of_the_truth_are_uniform_on_a_dynamic_model(size) -> None:
    """And the test has the power to see a posterior that is too narrow or too wide."""
    size(len(PRIORS))
    for parameter_ranks in ranks(1.0, 150):
        assert kstest(parameter_ranks, "uniform").pvalue > 0.005
    assert min(kstest(r, "uniform").pvalue for r in ranks(0.5, 150)) < 0.005
    assert min(kstest(r, "uniform").pvalue for r in ranks(2.0, 150)) < 0.005


def on_a_grid(predict: Callable[[np.ndarray], np.ndarray], figures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the exact posterior of two coordinates, by quadrature."""
    axis = np.linspace(-6, 6, 801)
    z = np.stack([g.ravel() for g in np.meshgrid(axis, axis)])
    log = -0.5 * (((predict(z) - figures[:, None]) ** 2).sum(axis=0) + (z**2).sum(axis=0))
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = z @ weight
    return mean, np.sqrt((z - mean[:, None]) ** 2 @ weight)


def bent(z: np.ndarray, bend: float) -> np.ndarray:
    """Two figures that see a sum and a bent difference."""
    return np.stack([2.0 * (z[0] + z[1]), 2.0 * (z[0] - z[1]) + bend * z[0] ** 2])


def test_a_slightly_bent_posterior_is_met_and_a_strongly_bent_one_is_warned_of(size) -> None:
    """Against quadrature: where the check says good, the mean is within a tenth and the width within a tenth of the
    exact one; where they are not, the check's draws are worth less."""
    size(2)
    figures = np.array([1.5, 1.0])
    told = {}
    for bend in (0.1, 6.0):

        def predict(z: np.ndarray, bend: float = bend) -> np.ndarray:
            return bent(z, bend)

        posterior = fit(predict, figures)
        mean, width = on_a_grid(predict, figures)
        off = np.abs(posterior.mode - mean).max() / width.max(), np.abs(posterior.spread / width - 1).max()
        told[bend] = (max(off), laplace_check(Seen(predict, figures), posterior))
    assert told[0.1][0] < 0.1
    assert "good" in told[0.1][1].words
    assert told[6.0][0] > 0.2
    assert told[6.0][1].effective_draws < 0.8 * told[0.1][1].effective_draws


@pytest.mark.parametrize("width", [0.5, 0.7, 0.9])
def test_the_tail_of_the_weights_is_the_one_that_theory_gives(width) -> None:
    """Draws of N(0, σ²) weighed by N(0, 1): P(weight > x) falls as x^(−1/(1−σ²)), so Pareto k = 1 − σ²."""
    nothing = Seen(lambda z: np.zeros((0, z.shape[1])), np.zeros(0))
    narrow = Posterior(DAY, ("z0",), np.zeros(1), np.array([[width]]), 0.0, 0.0, 0)
    found = [laplace_check(nothing, narrow, draws=20_000, seed=seed) for seed in range(4)]
    assert np.mean([f.pareto_k for f in found]) == pytest.approx(1 - width**2, abs=0.13)
    assert ("differs" in found[0].words) == (found[0].pareto_k >= 0.7)
