"""The Laplace approximation: exact on a linear model (ranks of true values are uniform), told where it is not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import kstest

from forkpoint.uncertainty import calibrate
from forkpoint.uncertainty.psis import laplace_check

SIZE = 4


@dataclass
class Synthetic:
    """Observations y of H·g(z) with unit noise; g bends the coordinates."""

    slopes: np.ndarray
    seen: np.ndarray
    bend: float = 0.0
    as_of: dt.date = dt.date(2025, 11, 1)

    @property
    def count(self) -> int:
        return len(self.seen)

    def residuals(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(self.slopes @ (z + self.bend * z**3) - self.seen[:, None])


@pytest.fixture(autouse=True)
def _few_coordinates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "coordinates", lambda: tuple(SimpleNamespace(name=f"z{i}") for i in range(SIZE)))


def test_ranks_of_the_truth_are_uniform_on_a_linear_model() -> None:
    """Simulation-based calibration (Talts et al. 2018): truth from the prior, data from the truth, rank in the fit."""
    rng = np.random.default_rng(11)
    slopes = rng.normal(size=(6, SIZE))
    ranks = []
    for _ in range(150):
        truth = rng.standard_normal(SIZE)
        found = calibrate.fit(Synthetic(slopes, slopes @ truth + rng.standard_normal(6)))  # type: ignore[arg-type]
        draws = found.sample(rng.standard_normal((SIZE, 199)))
        ranks.append((draws < truth[:, None]).mean(axis=1))
    for coordinate in np.array(ranks).T:
        assert kstest(coordinate, "uniform").pvalue > 0.005


def test_the_check_passes_an_exact_fit_and_warns_of_a_bent_one() -> None:
    rng = np.random.default_rng(12)
    slopes, seen = rng.normal(size=(6, SIZE)), rng.normal(size=6)
    straight = Synthetic(slopes, seen)
    exact = laplace_check(straight, calibrate.fit(straight))  # type: ignore[arg-type]
    assert exact.pareto_k < 0.5
    assert exact.effective_draws > 0.98 * exact.draws
    assert "good" in exact.words
    bent = Synthetic(4 * slopes, 4 * seen, bend=3.0)
    told = laplace_check(bent, calibrate.fit(bent))  # type: ignore[arg-type]
    assert told.effective_draws < 0.5 * told.draws
