"""Quantiles against NumPy's, gathered and counted, with failed draws, ties, both signs and infinities."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.errors import InputError
from forkpoint.uncertainty import ranges as module
from forkpoint.uncertainty.ranges import ranges

PROBABILITIES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100)


@pytest.mark.parametrize("gathered", [0, 10**6])
@settings(max_examples=30, deadline=None)
@given(values=st.lists(FLOATS, min_size=1, max_size=40), cut=st.integers(1, 40))
def test_against_numpy(gathered, values, cut):
    array = np.array([values, values[::-1]], dtype=np.float32)
    before, module.GATHERED = module.GATHERED, gathered
    try:
        blocks = [array[:, low : low + cut] for low in range(0, len(values), cut)]
        found = ranges(np.array([0.0, 1.0]), lambda: iter(blocks), PROBABILITIES, sign=True)
    finally:
        module.GATHERED = before
    expected = np.quantile(array.astype(float), PROBABILITIES, axis=1)
    size = np.abs(array).max().astype(float)
    np.testing.assert_allclose(found.values, expected, rtol=1e-12, atol=1e-12 * size)
    assert found.sign(0.0) == pytest.approx((np.mean(array[0] > 0), np.mean(array[0] < 0)))


@settings(max_examples=60, deadline=None)
@given(values=st.lists(FLOATS, min_size=1, max_size=60), copies=st.integers(1, 5))
def test_many_values_are_ranked_as_sorting_does(values, copies):
    """Ties, zeros of both signs, subnormal numbers: the values at all ranks are those of a sort."""
    array = np.array(values * copies, dtype=np.float32)
    before, module.MANY = module.MANY, 1
    try:
        found = module._ranked(array.copy(), np.arange(len(array)))
    finally:
        module.MANY = before
    np.testing.assert_array_equal(found, np.sort(array))


def test_memory_does_not_grow_with_the_draws(monkeypatch):
    monkeypatch.setattr(module, "GATHERED", 50_000)
    monkeypatch.setattr(module, "SLAB", 20_000)

    def peak(chunks):
        def blocks():
            for chunk in range(chunks):
                yield np.random.default_rng(chunk).standard_normal((4, 5000), dtype=np.float32)

        tracemalloc.start()
        found = ranges(np.arange(4.0), blocks)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.median()[0] == pytest.approx(0.0, abs=0.02)
        return most

    assert peak(160) < 1.05 * peak(40)


@pytest.mark.parametrize("gathered", [0, 10**6])
def test_failed_draws_are_out(gathered, monkeypatch):
    monkeypatch.setattr(module, "GATHERED", gathered)
    values = np.random.default_rng(0).normal(size=(1, 5000)).astype(np.float32)
    with_holes = np.insert(values, [3, 70, 900], np.nan, axis=1)
    found = ranges(np.zeros(1), lambda: [with_holes], PROBABILITIES)
    assert found.count == 5000
    np.testing.assert_allclose(found.values[:, 0], np.quantile(values.astype(float), PROBABILITIES))
    with pytest.raises(InputError, match="no draw is left"):
        ranges(np.zeros(1), lambda: [np.full((1, 3), np.nan)])


def test_what_was_not_asked_for():
    found = ranges(np.zeros(1), lambda: [np.ones((1, 3))])
    for ask, said in (
        (lambda: found.quantile(0.1), "0.1"),
        (lambda: found.at(7.0), "no time 7"),
        (lambda: found.sign(0.0), "differences"),
        (lambda: ranges(np.zeros(1), list, (1.5,)), "0 to 1"),
    ):
        with pytest.raises(InputError, match=said):
            ask()
