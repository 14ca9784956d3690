"""The functions of equations: limits, identities, and the same answer from NumPy and JAX."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.dynamics import functions as f
from forkpoint.errors import ModelError, UnknownName

amount = st.floats(0.0, 1e9, allow_subnormal=False).map(lambda x: x if x > 1e-9 else 0.0)


@pytest.fixture(autouse=True)
def frame():
    labels = (("north", "south"), ("a", "b", "c"))
    token = f.FRAME.set(f.Frame(("region", "vendor"), labels))
    yield
    f.FRAME.reset(token)


@given(amount, amount)
def test_smooth_minimum_lies_between_zero_and_the_minimum(a, b):
    low, high = f.smooth_pair(a, b, 0.01)
    assert 0.0 <= low <= min(a, b) * (1 + 1e-12)
    assert low + high == pytest.approx(a + b)
    assert low == pytest.approx(f.smooth_minimum(b, a), rel=1e-14)
    assert high == pytest.approx(f.smooth_maximum(a, b), rel=1e-14)
    if a == b:
        assert low == pytest.approx(0.99 * a)
    if min(a, b) < 0.5 * max(a, b):
        assert low == pytest.approx(min(a, b), rel=4e-4)


@given(amount, amount, st.floats(0.01, 100.0))
def test_smooth_minimum_scales(a, b, factor):
    assert f.smooth_minimum(factor * a, factor * b) == pytest.approx(factor * f.smooth_minimum(a, b), rel=1e-9)


def test_smooth_steps():
    assert f.smooth_step(5.0, at=5.0, width=2.0) == 0.5
    assert f.smooth_step(9.0, at=5.0, width=2.0) == pytest.approx(1.0 / (1.0 + np.exp(-2.0)))
    assert f.smooth_positive(0.0, 0.1) == pytest.approx(0.05)
    assert f.smooth_positive(10.0, 0.1) == pytest.approx(10.0, rel=1e-4)
    assert [f.gate(x, 1.0, 3.0) for x in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_divide_by_zero():
    np.testing.assert_array_equal(f.divide(np.array([1.0, 1.0]), np.array([0.0, 2.0])), [0.0, 0.5])
    assert f.divide(np.float64(1.0), np.float64(0.0), otherwise=7.0) == 7.0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6, unique=True), st.floats(-6, 6))
def test_lookup_is_piecewise_linear(xs, x):
    xs = sorted(set(np.round(xs, 3)))
    ys = np.cos(xs)
    assert f.lookup(x, xs, ys) == pytest.approx(np.interp(x, xs, ys), abs=1e-9)


def test_a_lookup_with_falling_xs():
    with pytest.raises(ModelError, match="rising xs"):
        f.lookup(0.0, (1.0, 0.0), (0.0, 1.0))


def test_over_a_dimension():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(f.total(x, over="vendor"), [[3.0], [12.0]])
    np.testing.assert_array_equal(f.total(x, over=("vendor", "region")), [[15.0]])
    np.testing.assert_array_equal(f.mean(x, over="region"), [[1.5, 2.5, 3.5]])
    np.testing.assert_allclose(f.mean(x, over="vendor", weight=f.indicator(vendor=("a", "c"))), [[1.0], [4.0]])
    np.testing.assert_array_equal(f.largest(x, over="vendor"), [[2.0], [5.0]])
    np.testing.assert_array_equal(f.smallest(x, over="region"), [[0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(f.at(x, region="south", vendor="b"), [[4.0]])
    np.testing.assert_array_equal(f.position("vendor"), [[0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(f.shift(x, over="vendor"), [[0.0, 0.0, 1.0], [0.0, 3.0, 4.0]])
    np.testing.assert_array_equal(f.share(np.zeros((2, 3)), over="vendor"), np.zeros((2, 3)))
    with pytest.raises(UnknownName, match="did you mean"):
        f.at(x, region="sout")
    with pytest.raises(UnknownName, match="vendor"):
        f.indicator(vendor="d")


def test_softmax_and_logsum():
    u = np.array([[1.0, 2.0, 800.0], [0.0, 0.0, 0.0]])
    shares = f.softmax(u, over="vendor")
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares[1], 1 / 3)
    np.testing.assert_allclose(f.softmax(u, over="vendor", weight=f.indicator(vendor=("a", "b")))[1], [0.5, 0.5, 0.0])
    np.testing.assert_array_equal(f.softmax(u, over="vendor", weight=np.zeros((2, 3))), 0.0)
    np.testing.assert_allclose(f.logsum(u, over="vendor")[:, 0], [800.0, np.log(3.0)])


def test_ageing_conserves_and_moves_to_the_next():
    cohort = np.array([[6.0, 3.0, 1.0], [0.0, 0.0, 5.0]])
    net = f.ageing(cohort, 2.0, over="vendor")
    np.testing.assert_allclose(net.sum(axis=1), 0.0)
    np.testing.assert_array_equal(net, [[-3.0, 1.5, 1.5], [0.0, 0.0, 0.0]])


def test_transpose_between_dimensions_of_the_same_labels():
    token = f.FRAME.set(f.Frame(("origin", "target"), (("x", "y"), ("x", "y"))))
    np.testing.assert_array_equal(f.transpose(np.array([[1.0], [2.0]]), "origin", "target"), [[1.0, 2.0]])
    f.FRAME.reset(token)
    with pytest.raises(ModelError, match="'region' has 2 labels, 'vendor' has 3"):
        f.transpose(np.ones((2, 1)), "region", "vendor")


def test_numpy_and_jax_agree():
    from forkpoint.dynamics.simulate_jax import jax_module

    jnp = jax_module().numpy
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.1, 2.0, (2, 2, 3))
    cases = [
        lambda a, b: f.exp(a) + f.log(b) + f.sqrt(a) + f.tanh(b) + f.sin(a) + f.cos(b) + f.absolute(a - b),
        lambda a, b: f.where(a > b, f.minimum(a, b), f.maximum(a, b)) + f.clip(a, 0.2, 0.9) + f.power(a, b),
        lambda a, b: f.smooth_minimum(a, b) + f.smooth_step(a, b, 0.3) + f.gate(a, 0.5, 1.5) + f.smooth_positive(a, b),
        lambda a, b: f.softmax(a, over="vendor", weight=b) + f.logsum(b, over="region") + f.lookup(a, (0, 1), (0, 2)),
        lambda a, b: f.ageing(a, b, over="vendor") + f.shift(a, over="vendor") + f.at(b, vendor="b"),
    ]
    for case in cases:
        np.testing.assert_allclose(case(jnp.asarray(x), jnp.asarray(y)), case(x, y), rtol=1e-12)


def test_gradients_are_finite_at_the_corners():
    from forkpoint.dynamics.simulate_jax import jax_module

    jax = jax_module()
    for a, b in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)):
        slopes = jax.grad(lambda x, y: f.smooth_minimum(x, y) + f.divide(x, y), argnums=(0, 1))(a, b)
        assert np.isfinite(slopes).all(), (a, b, slopes)
