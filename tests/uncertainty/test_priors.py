"""Priors: ranges mean what they say, streams are keyed by name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.errors import InputError
from forkpoint.uncertainty.parameters import coordinates, parameter_values, transform
from forkpoint.uncertainty.priors import NINETY, Prior, stream
from forkpoint.world.reference import common_factors

SHAPES = [
    Prior("a", 3.0, 2.0, 6.0, "normal"),
    Prior("b", 3.0, 1.0, 30.0, "lognormal"),
    Prior("c", 0.3, 0.2, 0.6, "logitnormal"),
]


@pytest.mark.parametrize("prior", SHAPES, ids=lambda p: p.distribution)
def test_the_range_is_the_central_ninety_percent(prior):
    z = np.array([-NINETY, 0.0, NINETY])
    assert prior.from_standard(z) == pytest.approx([prior.low, prior.value, prior.high])
    draws = prior.from_standard(stream(3, prior.name).standard_normal(40_000))
    assert np.mean((draws >= prior.low) & (draws <= prior.high)) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("shape", ["uniform", "triangular"])
def test_hard_ends_are_never_crossed(shape):
    draws = Prior("x", 2.0, 1.0, 5.0, shape).from_standard(stream(1, "x").standard_normal(10_000))
    assert draws.min() >= 1.0
    assert draws.max() <= 5.0
    assert draws.mean() == pytest.approx(3.0 if shape == "uniform" else (1 + 2 + 5) / 3, abs=0.05)


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_every_shape_is_monotone(a, b):
    low, high = sorted((a, b))
    for prior in [*SHAPES, Prior("u", 2.0, 1.0, 5.0, "uniform"), Prior("t", 2.0, 1.0, 5.0, "triangular")]:
        assert prior.from_standard(np.float64(low)) <= prior.from_standard(np.float64(high)) + 1e-12


def test_streams_hang_on_seed_name_and_chunk_alone():
    first = stream(7, "a").standard_normal(50)
    stream(7, "aa").standard_normal(50)
    assert np.array_equal(first, stream(7, "a").standard_normal(50))
    assert not np.array_equal(first, stream(7, "aa").standard_normal(50))
    assert not np.array_equal(first, stream(7, "a", chunk=1).standard_normal(50))


def draws_of(count):
    return np.stack([stream(0, c.name).standard_normal(count) for c in coordinates()])


def test_parameters_on_a_common_factor_correlate_by_the_product_of_their_loadings_and_no_others_do():
    """One-factor model: corr(x, y) = l_x l_y; each number stays standard normal, so that ranges stay what they say."""
    every, where = coordinates(), transform(coordinates()).standing(draws_of(20_000))
    assert where.std(axis=1) == pytest.approx(np.ones(len(every)), abs=0.03)
    found = np.corrcoef(where)
    loaded = np.array([c.prior.loading for c in every])
    factor = np.array([c.prior.factor or c.name for c in every])
    same = (factor[:, None] == factor) & (loaded[:, None] * loaded != 0)
    expected = np.where(same, loaded[:, None] * loaded, 0.0)
    among = np.array([c.prior.factor != "" for c in every])
    np.fill_diagonal(expected, 1.0)
    assert found[np.ix_(among, among)] == pytest.approx(expected[np.ix_(among, among)], abs=0.04)
    assert {c.prior.factor for c in every} - {""} == set(common_factors())


def test_a_common_factor_moves_only_what_hangs_on_it():
    every, z = coordinates(), np.zeros((len(coordinates()), 2))
    row = next(i for i, c in enumerate(every) if c.name == "ai_boom")
    z[row, 1] = 1.0
    values = parameter_values(z)
    moved = {n for n, v in values.items() if not np.array_equal(v[..., 0], v[..., 1])}
    assert moved == {c.parameter for c in every if c.prior.factor == "ai_boom"} == {"growth_near", "growth_long"}
    assert (values["growth_near"][:, 1] > values["growth_near"][:, 0]).all()


def test_without_a_common_factor_numbers_stand_where_their_coordinates_are():
    free = tuple(replace(c, prior=replace(c.prior, factor="", loading=0.0)) for c in coordinates())
    assert np.array_equal(transform(free).standing(draws_of(2)), draws_of(2))


def test_slopes_by_factors_and_own_parts_are_those_of_differences():
    every, step = coordinates(), 1e-6
    of, z = transform(every), draws_of(1)
    wanted = np.random.default_rng(1).standard_normal((of.size, 1))
    _, slope = of(z)
    found = of.back(wanted, slope)
    for row in [i for i, c in enumerate(every) if c.is_common or c.prior.factor]:
        up, down = z.copy(), z.copy()
        up[row] += step
        down[row] -= step
        rise = (wanted * (of(up)[0] - of(down)[0])).sum() / (2 * step)
        assert found[row, 0] == pytest.approx(rise, rel=1e-5, abs=1e-5 * np.abs(wanted).max()), every[row].name


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
