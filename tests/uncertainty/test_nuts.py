"""The density's gradient against differences, the sampler against known posteriors and against Laplace."""

import datetime as dt
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import InputError
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.density import Density
from forkpoint.uncertainty.draws import Draws
from forkpoint.uncertainty.evidence import evidence
from forkpoint.uncertainty.nuts import SPACING, nuts, sampled
from forkpoint.uncertainty.parameters import coordinates
from forkpoint.uncertainty.posterior_file import read_posterior, write_posterior
from forkpoint.uncertainty.priors import stream

DAY = dt.date(2025, 11, 1)


@dataclass(frozen=True)
class Around:
    mode: np.ndarray
    root: np.ndarray


@pytest.fixture(scope="module")
def density():
    return Density(evidence(catalog().observations, DAY))


def points(count, seed=0, width=0.5):
    return width * np.stack([stream(seed, c.name).standard_normal(count) for c in coordinates()])


def test_density_is_that_of_the_residuals_and_the_prior(density):
    z = points(3)
    expected = -0.5 * (density.evidence.residuals(z) ** 2).sum(axis=0) - 0.5 * (z**2).sum(axis=0)
    np.testing.assert_allclose(density(z)[0], expected, rtol=1e-9)


def test_gradient_of_the_density_against_differences(density):
    z, h = points(3, seed=1), 1e-5
    along = points(3, seed=2, width=1.0)
    slope = (density(z + h * along)[0] - density(z - h * along)[0]) / (2 * h)
    np.testing.assert_allclose((density(z)[1] * along).sum(axis=0), slope, rtol=1e-4)


def test_nuts_finds_a_gaussian_that_its_whitening_does_not_know():
    covariance = np.array([[1.0, 0.8], [0.8, 2.0]])
    precision, centre = np.linalg.inv(covariance), np.array([1.0, -2.0])

    def gaussian(z):
        away = z - centre[:, None]
        return -0.5 * (away * (precision @ away)).sum(axis=0), -precision @ away

    found = nuts(gaussian, Around(np.zeros(2), np.eye(2)), chains=4, warmup=300, draws=500, seed=3)
    assert found.trusted, found.words
    error = found.flat.mean(axis=1) - centre
    assert np.all(np.abs(error) < 5 * np.sqrt(np.diag(covariance) / found.effective))
    np.testing.assert_allclose(np.cov(found.flat), covariance, rtol=0.2)
    assert found.z.shape == (4, 500, 2)


def test_the_pilot_finds_the_shape_that_the_whitening_missed():
    widths = np.geomspace(0.1, 3.0, 8)[:, None]
    turn = np.linalg.qr(stream(0, "turn").standard_normal((8, 8)))[0]

    def gaussian(z):
        along = (turn.T @ z) / widths
        return -0.5 * (along**2).sum(axis=0), -turn @ (along / widths)

    found = nuts(gaussian, Around(np.zeros(8), 0.5 * np.eye(8)), warmup=300, draws=500, seed=1)
    assert found.trusted, found.words
    np.testing.assert_allclose((found.flat.T @ turn).std(axis=0), widths[:, 0], rtol=0.1)
    assert (
        found.gradients < 8 * 4 * 500 * SPACING
    )  # a trajectory across widths that differ by thirty takes hundreds of steps


def test_nuts_finds_a_posterior_that_is_no_gaussian_where_laplace_is_wrong():
    # A gamma variable's logarithm, shape 2: mean digamma(2), variance trigamma(2); Laplace has mode ln 2, variance 1/2.
    def log_gamma(z):
        return (2 * z - np.exp(z)).sum(axis=0), 2 - np.exp(z)

    found = nuts(log_gamma, Around(np.full(1, np.log(2)), np.full((1, 1), np.sqrt(0.5))), warmup=300, draws=4000)
    assert found.trusted, found.words
    assert found.flat.mean() == pytest.approx(0.42278, abs=5 * np.sqrt(0.64493 / found.effective[0]))
    assert abs(found.flat.mean() - np.log(2)) > 0.1
    assert found.flat.var() == pytest.approx(0.64493, rel=0.1)


def test_a_sampler_that_does_not_mix_says_so():
    def two_hills(z):
        gaps = np.stack([z - 12, z + 12])
        weights = np.exp(-0.5 * gaps**2 + 0.5 * np.min(gaps**2, axis=0))
        share = weights / weights.sum(axis=0)
        return (-0.5 * np.min(gaps**2, axis=0) + np.log(weights.sum(axis=0))).sum(axis=0), -(share * gaps).sum(axis=0)

    found = nuts(two_hills, Around(np.zeros(1), np.full((1, 1), 20.0)), warmup=100, draws=100, seed=1)
    assert not found.trusted
    assert "approximate" in found.words


def test_the_number_of_processes_changes_no_draw(density):
    names = tuple(c.name for c in coordinates())
    near = Posterior(DAY, names, np.zeros(len(names)), 0.2 * np.eye(len(names)), 0.0, 0.0, 0)
    options = {"chains": 5, "warmup": 3, "draws": 5}  # more chains than step together
    one, two = (sampled(density.evidence, near, **options, workers=n)[0].drawn for n in (1, 2))
    assert one.shape == (len(names), 25)
    np.testing.assert_array_equal(one, two)


def test_what_nuts_cannot_do_is_told():
    def nothing(z):
        return np.full(z.shape[1], -np.inf), np.zeros_like(z)

    with pytest.raises(InputError, match="cannot start"):
        nuts(nothing, Around(np.zeros(1), np.eye(1)))
    with pytest.raises(InputError, match="chains ≥ 2"):
        nuts(nothing, Around(np.zeros(1), np.eye(1)), chains=1)


def test_a_sampled_posterior_is_kept_in_its_file_and_drawn_from(tmp_path):
    names = tuple(c.name for c in coordinates())
    drawn = points(50, seed=7)
    posterior = Posterior(DAY, names, np.zeros(len(names)), np.eye(len(names)), 1.0, 2.0, 3, drawn=drawn)
    path = write_posterior(posterior, tmp_path / "posterior.npz")
    again = read_posterior(path, names=names)
    np.testing.assert_allclose(again.drawn, drawn, rtol=1e-6)
    np.testing.assert_allclose(again.spread, drawn.std(axis=1), rtol=1e-5)
    rows = Draws.of(path).standard(seed=0, chunk=0, count=200)
    taken = {row.tobytes() for row in np.ascontiguousarray(rows.T)}
    assert taken <= {row.tobytes() for row in np.ascontiguousarray(again.drawn.T)}
    assert len(taken) > 30
    assert Draws.of(path).digest != Draws.of("prior").digest


ON_ONE_CORE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np
from types import SimpleNamespace
from forkpoint.uncertainty.nuts import nuts
around = SimpleNamespace(mode=np.zeros(2), root=np.eye(2))
found = nuts(lambda z: (-0.5 * (z**2).sum(axis=0), -z), around, chains=2, warmup=20, draws=20)
print(found.z.shape)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to a core")
def test_a_single_core_is_enough():
    """A call from a run back into Python needs a thread of its own: with one, it once waited for itself for ever."""
    done = subprocess.run([sys.executable, "-c", ON_ONE_CORE], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "(2, 20, 2)", done.stderr
