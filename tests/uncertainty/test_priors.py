"""Priors: ranges mean what they say, streams are keyed by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.errors import InputError
from forkpoint.uncertainty.priors import NINETY, Prior, Priors

SHAPES = [
    Prior("a", 3.0, 2.0, 6.0, "normal"),
    Prior("b", 3.0, 1.0, 30.0, "lognormal"),
    Prior("c", 0.3, 0.2, 0.6, "logitnormal"),
]


@pytest.mark.parametrize("prior", SHAPES, ids=lambda p: p.distribution)
def test_the_range_is_the_central_ninety_percent(prior):
    z = np.array([-NINETY, 0.0, NINETY])
    assert prior.from_standard(z) == pytest.approx([prior.low, prior.value, prior.high])
    draws = Priors.of([prior]).sample(40_000, seed=3)[prior.name]
    assert np.mean((draws >= prior.low) & (draws <= prior.high)) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("shape", ["uniform", "triangular"])
def test_hard_ends_are_never_crossed(shape):
    draws = Priors.of([Prior("x", 2.0, 1.0, 5.0, shape)]).sample(10_000, seed=1)["x"]
    assert draws.min() >= 1.0
    assert draws.max() <= 5.0
    assert draws.mean() == pytest.approx(3.0 if shape == "uniform" else (1 + 2 + 5) / 3, abs=0.05)


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_every_shape_is_monotone(a, b):
    low, high = sorted((a, b))
    for prior in [*SHAPES, Prior("u", 2.0, 1.0, 5.0, "uniform"), Prior("t", 2.0, 1.0, 5.0, "triangular")]:
        assert prior.from_standard(np.float64(low)) <= prior.from_standard(np.float64(high)) + 1e-12


def test_a_new_parameter_reshuffles_no_other():
    few = Priors.of(SHAPES[:1]).sample(50, seed=7)
    more = Priors.of([Prior("aa", 1.0, 0.5, 2.0), *SHAPES]).sample(50, seed=7)
    assert np.array_equal(few["a"], more["a"])


def test_common_factors_correlate():
    pair = [Prior(n, 0.0, -1.0, 1.0, "normal", "yield", 0.8) for n in "xy"]
    draws = Priors.of(pair).standard(50_000, seed=0)
    assert np.corrcoef(draws["x"], draws["y"])[0, 1] == pytest.approx(0.64, abs=0.01)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"value": 1, "low": 2, "high": 3}, "outside"),
        ({"value": 1, "low": 1, "high": 1}, "not below"),
        ({"value": 1, "low": -1, "high": 2, "distribution": "lognormal"}, "positive"),
        ({"value": 1, "low": 0, "high": 2, "distribution": "lognorml"}, "lognormal"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(numbers, words):
    with pytest.raises(InputError, match=words):
        Prior("x", **numbers)
