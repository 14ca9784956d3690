"""The recorded program gives what the equations give one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import NAMES, everything, example

from forkpoint.dynamics import Model, aux, flow, parameter, series, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.simulate import _execute, make_plan
from forkpoint.dynamics.straight_line import straight
from forkpoint.errors import RunError


def both(model, levers=None, **options):
    plan = make_plan(model, levers, **options)
    with np.errstate(all="ignore"):
        return straight(plan), _execute(plan)


def same(fast, plain):
    assert fast is not None
    for one, other in zip(fast, plain, strict=True):
        assert set(one) == set(other)
        for name in other:
            assert np.shape(one[name]) == np.shape(other[name]), name
            scale = np.max(np.abs(other[name]))
            np.testing.assert_allclose(one[name], other[name], rtol=1e-12, atol=1e-13 * scale, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_the_gallery_runs_the_same(name):
    same(*both(example(name).build()))


def test_arrays_delays_events_levers_and_saved_steps_run_the_same():
    levers = {"tariff": {1.0: {"north": 0.5}}, "growth": 0.2}
    same(*both(everything(), levers))
    same(*both(everything(), levers, save_every=2))
    same(*both(everything(), levers, outputs=list(everything().stocks)[:1]))


def test_a_held_link_runs_the_same():
    model = example("bass").build()
    link = next((i, v) for i, v in model.links() if i in model.stocks and v not in model.stocks)
    path = np.linspace(1.0, 100.0, len(model.run().time))
    same(*both(model, held={link: path}))


class Plain:
    rate = parameter(0.1, doc="Rate.")
    pushed = series({0.0: 1.0, 7.0: 2.0}, doc="Push.")
    amount = stock(1.0, non_negative=False, doc="Amount.")

    @aux()
    def kinked(amount, pushed):  # noqa: N805
        """Every kind of operation on plain numbers."""
        return f.where(amount > 2.0, f.maximum(amount, pushed), f.minimum(amount, pushed)) ** 0.5 + f.gate(
            amount, 0.0, 3.0
        )

    @flow(into="amount")
    def gain(kinked, rate):  # noqa: N805
        """Gain."""
        return rate * kinked

    @aux()
    def shown(amount, time, pushed):  # noqa: N805
        """Only shown."""
        return f.lookup(amount, (0.0, 1.0, 4.0), (0.0, 2.0, 3.0)) + f.smooth_step(time, 5.0) + f.log(pushed)


def test_plain_numbers_and_what_is_only_shown():
    same(*both(Model(Plain, start=0.0, stop=20.0, step=1.0)))


def test_a_second_run_leaves_the_first_as_it_was():
    model = Model(Plain, start=0.0, stop=20.0, step=1.0)
    first = model.run()
    kept = {name: first[name].copy() for name in first}
    second = model.run({"rate": 0.3})
    assert not np.array_equal(second["amount"], kept["amount"])
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)


def test_where_plain_numbers_end_the_equations_run_one_by_one():
    @flow(into="amount")
    def gain(amount, divisor):
        """Grows without bound where the divisor is zero."""
        return amount / divisor

    amount, divisor = stock(1.0, doc="Amount."), parameter(10.0, doc="Divisor.")
    model = Model({"amount": amount, "divisor": divisor, "gain": gain}, start=0.0, stop=20.0, step=1.0)
    assert straight(make_plan(model)) is not None
    assert straight(make_plan(model, {"divisor": 0.0})) is None
    with pytest.raises(RunError, match="'gain' is not finite"):
        model.run({"divisor": 0.0})
    assert straight(make_plan(model, {"divisor": 10.0 + 1e-30j})) is None
    assert straight(make_plan(model, method="rk4")) is None


def test_an_unknown_name_is_not_in_a_trajectory():
    run = Model(Plain, start=0.0, stop=20.0, step=1.0).run()
    assert "amount" in run
    assert "nothing" not in run
