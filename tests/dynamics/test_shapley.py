"""Shapley values: the axioms that define them, on games drawn at random."""

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.dynamics.shapley import one_by_one, shapley_values


def game(names, seed):
    """A random game without structure: every set of causes has its own outcome."""
    rng = np.random.default_rng(seed)
    outcomes: dict[frozenset[str], np.ndarray] = {}

    def value(subset):
        if subset not in outcomes:
            outcomes[subset] = rng.normal(size=2)
        return outcomes[subset]

    for k in range(2 ** len(names)):
        value(frozenset(n for i, n in enumerate(names) if k >> i & 1))
    return value


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_exact_values_are_means_over_all_orders_and_sum_to_the_difference(count, seed):
    names = [f"c{i}" for i in range(count)]
    value = game(names, seed)
    shares = shapley_values(names, one_by_one(value))
    orders = list(permutations(names))
    for name in names:
        mean = np.mean(
            [value(frozenset(o[: o.index(name) + 1])) - value(frozenset(o[: o.index(name)])) for o in orders], axis=0
        )
        np.testing.assert_allclose(shares.contribution[name], mean, atol=1e-12)
    total = value(frozenset(names)) - value(frozenset())
    np.testing.assert_allclose(sum(shares.contribution.values()), total, atol=1e-12)
    assert shares.exact
    assert shares.evaluations == 2**count


@settings(max_examples=20, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5))
def test_symmetry_and_the_null_cause(a, b, together):
    def value(subset):
        return np.asarray(a * len(subset & {"x", "y"}) + together * ({"x", "y"} <= subset) + b * ("z" in subset))

    shares = shapley_values(["x", "y", "z", "idle"], one_by_one(value)).contribution
    np.testing.assert_allclose(shares["x"], shares["y"], atol=1e-12)
    np.testing.assert_allclose(shares["x"], a + together / 2, atol=1e-12)
    np.testing.assert_allclose(shares["z"], b, atol=1e-12)
    assert shares["idle"] == 0


def test_sampled_values_sum_exactly_and_are_within_their_errors():
    names = [f"c{i}" for i in range(10)]
    weight = dict(zip(names, np.linspace(-1, 2, 10), strict=True))

    def value(subset):
        s = sum(weight[n] for n in subset)
        return np.asarray(s + 0.3 * s**2 + 0.1 * s**3)

    exact = shapley_values(names, one_by_one(value), exact_up_to=10)
    sampled = shapley_values(names, one_by_one(value), samples=100, rng=3)
    assert not sampled.exact
    assert sampled.evaluations < 2**10
    total = value(frozenset(names)) - value(frozenset())
    np.testing.assert_allclose(sum(sampled.contribution.values()), total, rtol=1e-12)
    z = [
        (sampled.contribution[n] - exact.contribution[n]) / max(float(sampled.standard_error[n]), 1e-12) for n in names
    ]
    assert np.abs(z).max() < 4
    again = shapley_values(names, one_by_one(value), samples=100, rng=3)
    assert again.contribution == sampled.contribution
