"""Units: what is wrong is found with both sides in words, and nothing else."""

from __future__ import annotations

import pytest
from sample_models import NAMES, everything, example

from forkpoint.dynamics import Model, aux, flow, parameter, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.units import unit_problems
from forkpoint.errors import ModelError

FLEET = stock(10.0, unit="item", doc="Machines.", name="fleet")
PRICE = parameter(2.0, unit="USD/item", name="price")
LIFE = parameter(5.0, unit="year", name="life")
WAIT = parameter(2.0, unit="quarter", name="wait")


@pytest.mark.parametrize("name", NAMES)
def test_no_false_alarm_in_the_gallery(name):
    example(name).build().check_units()


def test_no_false_alarm_with_arrays_delays_and_smooth_functions():
    everything().check_units()


def problem(function, unit, *, time_unit="year", into=None):
    declared = flow(into=into, unit=unit)(function) if into else aux(unit=unit)(function)
    return [p.message for p in unit_problems(Model([FLEET, PRICE, LIFE, WAIT, declared], time_unit=time_unit))]


def test_an_equation_in_the_wrong_unit_prints_both_sides():
    def worth(fleet, price, life):
        """Worth."""
        return fleet * price / life

    (message,) = problem(worth, "USD")
    assert "aux 'worth'" in message
    assert "declared in USD, but its equation gives USD / year" in message
    assert "fleet [item], price [USD/item], life [year]" in message
    assert problem(worth, "USD/year") == []


def test_inputs_that_do_not_fit_together():
    def odd(fleet, price):
        """Odd."""
        return fleet + price

    (message,) = problem(odd, "item")
    assert "its inputs do not fit together (fleet [item], price [USD/item])" in message


def test_the_same_dimension_in_another_size():
    def long(life, wait):
        """Adds years to quarters: right for pint, wrong for the bare numbers."""
        return life + wait

    def slow(fleet, wait):
        """A flow a quarter in a model of years."""
        return fleet / wait

    (message,) = problem(long, "year")
    assert "inputs in units of different size (life [year], wait [quarter])" in message
    (message,) = problem(slow, "item/year")
    assert "the same dimension, but a factor of 4 apart" in message
    (message,) = problem(slow, "item/quarter", into="fleet")
    assert "in item/quarter, over a year, does not give stock 'fleet'" in message
    assert problem(slow, "item/quarter", into="fleet", time_unit="quarter") == []


def test_bare_numbers_are_dimensionless_and_zero_fits_all():
    def bare(fleet):
        """A number with a hidden unit."""
        return f.maximum(fleet, 1.0)

    def zero(fleet):
        """Zero needs no unit."""
        return f.maximum(fleet, 0.0) + 0.0

    def exponent(fleet):
        """An exponential of machines."""
        return f.exp(fleet)

    def half(fleet, life):
        """Factors and whole powers are fine."""
        return f.sqrt(0.5 * fleet**2) / (2.0 * life)

    assert "do not fit together" in problem(bare, "item")[0]
    assert problem(zero, "item") == []
    assert "do not fit together" in problem(exponent, "1")[0]
    assert problem(half, "item/year") == []


def test_all_problems_come_together_and_units_can_be_added():
    def one(fleet):
        """One."""
        return fleet

    def two(price):
        """Two."""
        return price

    crates = parameter(1.0, unit="crate", name="crates")
    sector = [FLEET, PRICE, crates, aux(unit="USD")(one), aux(unit="USD")(two)]
    with pytest.raises(ModelError) as caught:
        Model(sector).check_units()
    assert "units do not balance in 3 of 5 variables" in str(caught.value)
    assert "parameter 'crates'" in str(caught.value)
    assert "'crate' is not defined" in str(caught.value)
    assert len(unit_problems(Model(sector, units=("crate = 12 * item",)))) == 2
    with pytest.raises(ModelError, match="cannot define the unit"):
        Model(sector, units=("big crate = 12 * item",)).check_units()
