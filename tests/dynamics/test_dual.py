"""Dual numbers against differences and JAX: every rule, every function of equations, kinks included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.dual import LINEAR, PARTIALS, derivative
from forkpoint.errors import ModelError

POINT = {np.arcsin: 0.4, np.arccos: 0.4, np.floor: 2.3, np.ceil: 2.3, np.trunc: 2.3, np.rint: 2.3}


@pytest.mark.parametrize("ufunc", PARTIALS, ids=lambda u: u.__name__)
def test_every_rule_against_central_differences(ufunc):
    at, step = POINT.get(ufunc, 1.7), 1e-6
    for argument in range(ufunc.nin):
        others = [2.6, 3.1][: ufunc.nin]

        def along(x, argument=argument, others=others):
            return ufunc(*[x if i == argument else other for i, other in enumerate(others)])

        expected = (along(at + step) - along(at - step)) / (2 * step)
        got = derivative(along, np.array([at, at]), np.array([1.0, -2.0]))
        np.testing.assert_allclose(got, [expected, -2 * expected], rtol=1e-7, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.1, 5.0), min_size=6, max_size=6), st.integers(0, 10**6))
def test_functions_of_equations_over_a_dimension(values, seed):
    frame = f.Frame(("vendor", "region"), (("a", "b", "c"), ("x", "y")), 0)
    at, towards = np.reshape(values, (3, 2)), np.random.default_rng(seed).normal(size=(3, 2))
    cases = [
        lambda x: f.softmax(x, over="vendor"),
        lambda x: f.share(x * x, over="region") * f.total(x, over="vendor"),
        lambda x: f.logsum(x, over="vendor") + f.mean(x, over="region", weight=x),
        lambda x: f.ageing(x, 2.0, over="vendor"),
        lambda x: f.at(x, vendor="b") * f.indicator(region="y"),
        lambda x: f.smooth_minimum(x, 2.0) - f.smooth_step(x, 1.0, 0.3) + f.divide(x, x + 1.0),
        lambda x: x**1.5 - 2.0**x + np.float64(3.0) * x / (1.0 + x) - (-x),
    ]
    token = f.FRAME.set(frame)
    try:
        for case in cases:
            step = 1e-6
            expected = (case(at + step * towards) - case(at - step * towards)) / (2 * step)
            np.testing.assert_allclose(derivative(case, at, towards), expected, rtol=1e-5, atol=1e-7)
    finally:
        f.FRAME.reset(token)


def test_at_a_kink_both_sides_count_half_and_a_branch_not_taken_counts_nothing():
    one = np.ones(1)
    assert derivative(lambda x: f.minimum(x, 1.0), one, one) == 0.5
    assert derivative(lambda x: f.maximum(2.0, x), one, one) == 0.0
    assert derivative(lambda x: f.absolute(x), -one, one) == -1.0
    assert derivative(lambda x: f.where(x > 2.0, f.log(x - 1.0), 3.0 * x), one, one) == 3.0
    assert derivative(lambda x: f.divide(1.0, 0.0 * x), one, one) == 0.0
    assert derivative(lambda x: np.array([5.0]), one, one) == 0.0


def test_linear_functions_act_on_both_parts():
    at, towards = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    np.testing.assert_array_equal(derivative(lambda x: np.concatenate([x, at], axis=1), at, towards)[:, 3:], 0.0)
    np.testing.assert_array_equal(derivative(lambda x: np.sum(x, axis=0), at, towards), [2.0, 2.0, 2.0])
    assert np.broadcast_to in LINEAR


def test_what_has_no_rule_says_so():
    with pytest.raises(ModelError, match="arctan2"):
        derivative(lambda x: np.arctan2(x, 1.0), np.ones(1), np.ones(1))
    with pytest.raises(ModelError, match="median"):
        derivative(np.median, np.ones(3), np.ones(3))
