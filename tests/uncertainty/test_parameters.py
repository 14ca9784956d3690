"""Parameters from coordinates: each element is its own prior's value, and slopes are those of the values."""

from dataclasses import replace

import numpy as np

from forkpoint.uncertainty.parameters import (
    Coordinate,
    Transform,
    coordinates,
    free_names,
    parameter_values,
    reference_array,
    transform,
)
from forkpoint.uncertainty.priors import Prior, stream


def points(count):
    return np.stack([stream(0, c.name).standard_normal(count) for c in coordinates()])


def test_every_element_is_the_value_of_its_own_prior():
    z = points(300)
    expected = {name: np.repeat(reference_array(name)[..., None], 300, axis=-1) for name in free_names()}
    numbers = [c for c in coordinates() if not c.is_common]
    for coordinate, where in zip(numbers, transform(coordinates()).standing(z), strict=False):
        value, at = coordinate.prior.from_standard(where), coordinate.position
        expected[coordinate.parameter][at] = value * reference_array(coordinate.parameter)[at] if at else value
    found = parameter_values(z)
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-13, err_msg=name)


def test_a_draw_is_the_same_whatever_is_drawn_beside_it():
    z = points(300)
    together, alone = parameter_values(z), parameter_values(z[:, 290:291])
    for name, value in alone.items():
        np.testing.assert_array_equal(together[name][..., 290:291], value, err_msg=name)


def test_slopes_are_those_of_the_values():
    shapes = ("normal", "lognormal", "logitnormal", "uniform", "triangular")
    bent = [Prior(f"bent {s}", 0.3, 0.1, 0.9, s) for s in shapes]
    bounded = [Prior(f"bounded {s}", 0.3, 0.1, 0.9, s, floor=0.2, ceiling=0.6) for s in shapes]
    apart = [replace(c, prior=replace(c.prior, factor="")) for c in coordinates() if not c.is_common]
    of = (*apart, *(Coordinate(p.name, (), p, factor=False) for p in (*bent, *bounded)))
    made, h = Transform(of), 1e-6
    z = np.linspace(-2.5, 2.5, 41) + np.linspace(0.0, 0.1, len(of))[:, None]
    (before, _), (_, slope), (after, _) = made(z - h), made(z), made(z + h)
    found = made.back(np.ones_like(before), slope)
    np.testing.assert_allclose(found, made.back(after - before, np.ones_like(z)) / (2 * h), rtol=1e-5, atol=1e-6)
    held = np.array([c.name.startswith("bounded") for c in of])
    assert (found[held] == 0).any()
    assert (found[held] > 0).any()
