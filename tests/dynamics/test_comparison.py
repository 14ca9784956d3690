"""Why two runs differ: levers and loops sum to the difference, whatever way they are run."""

import numpy as np
import pytest
from loop_cases import bass, linear_chain, market

from forkpoint.dynamics.comparison import changed_levers, explain_difference
from forkpoint.dynamics.loops import find_loops
from forkpoint.errors import InputError, UnknownName

CHANGES = {"learning": 0.4, "price_weight": 0.5, "network": 2.0, "orders": {"abroad": 90.0}, "lifetime": 6.0}


def test_levers_sum_to_the_difference_over_every_element():
    model = market()
    found = explain_difference(model, {}, CHANGES, "base")
    assert found.total.shape == (3, 2)
    np.testing.assert_allclose(sum(found.levers.values()), found.total, atol=1e-9)
    np.testing.assert_allclose(found.total, model.run(CHANGES)["base"][-1] - model.run()["base"][-1])
    assert found.lever_shares.exact
    assert found.lever_shares.evaluations == 32


def test_a_lever_that_enters_nothing_gets_nothing_and_equal_levers_share_equally():
    model = linear_chain()
    found = explain_difference(model, {}, {"unused": 99.0, "gift": 3.0, "rate": 0.35}, "wealth", at=2.0)
    assert abs(found.levers["unused"]) < 1e-12
    assert found.levers["gift"] > 0
    ratio = explain_difference(bass(), {}, {"imitation": 0.6, "market": 1200.0}, lambda run: run["adoption"].sum())
    assert sum(ratio.levers.values()) == pytest.approx(float(ratio.total))


def test_one_by_one_and_as_an_ensemble_are_the_same():
    model = market()
    ensemble = explain_difference(model, {"network": 1.0}, CHANGES, "base", at=5.0, labels={"vendor": "east"})
    timed = {name: {0.0: value} for name, value in CHANGES.items() if name != "orders"} | {"orders": CHANGES["orders"]}
    single = explain_difference(model, {"network": 1.0}, timed, "base", at=5.0, labels={"vendor": "east"})
    for name, value in ensemble.levers.items():
        np.testing.assert_allclose(single.levers[name], value, atol=1e-9)


def test_the_way_back_is_the_way_there_with_the_opposite_sign():
    model = market()
    there = explain_difference(model, {}, CHANGES, "experience")
    back = explain_difference(model, CHANGES, {}, "experience")
    for name, value in there.levers.items():
        np.testing.assert_allclose(back.levers[name], -value, atol=1e-9)


def test_only_real_changes_count():
    model = market()
    given = {"learning": 0.3, "orders": {"home": 100.0}, "lifetime": 6.0}
    assert changed_levers(model, {}, given) == ["lifetime"]
    with pytest.raises(InputError, match="do not differ"):
        explain_difference(model, {}, {"learning": 0.3}, "base")
    with pytest.raises(UnknownName, match="learning"):
        explain_difference(model, {}, {"lerning": 0.4}, "base")
    with pytest.raises(InputError, match="nearest is 5"):
        explain_difference(model, {}, {"learning": 0.4}, "base", at=5.1)
    with pytest.raises(UnknownName, match="base"):
        explain_difference(model, {}, {"learning": 0.4}, "bse")


def test_sampled_levers_carry_an_error_and_still_sum():
    model = market()
    found = explain_difference(model, {}, CHANGES, "experience", exact_up_to=3, samples=12, rng=1)
    exact = explain_difference(model, {}, CHANGES, "experience")
    np.testing.assert_allclose(sum(found.levers.values()), found.total, atol=1e-9)
    for name in CHANGES:
        allowed = 5 * found.lever_shares.standard_error[name] + 1e-9
        assert (np.abs(found.levers[name] - exact.levers[name]) <= allowed).all()
    assert found.explain().children[0].children[0].numbers["contribution"].low is not None


def test_loops_and_the_direct_effect_sum_to_the_difference():
    model = market()
    loops = find_loops(model, {"learning loop": ("experience", "cost"), "network loop": ("base", "installed_share")})
    found = explain_difference(
        model, {}, {"price_weight": 0.6}, "base", labels={"vendor": "north"}, loops=loops.by_name
    )
    np.testing.assert_allclose(found.direct + sum(found.loops.values()), found.total, atol=1e-9)
    assert found.loops["learning loop"].sum() > 0, "the cheapest vendor gains and learns more"
    told = found.explain()
    assert [part.name for part in told.children] == ["levers", "loops"]
    assert "cut at" in told.children[1].children[1].detail


def test_the_contribution_of_a_loop_in_closed_form():
    """Δgift in x' = (r − l) x + gift: with interest kept at run A's path the response is that of x' = −l x + Δgift."""
    model = linear_chain()
    loops = find_loops(model, {"interest": ("wealth", "interest")})
    found = explain_difference(model, {}, {"gift": 3.0}, "wealth", loops=loops.by_name)

    def response(rate):
        return ((1.0 + rate * 0.125) ** 32 - 1.0) / rate

    assert found.direct == pytest.approx(response(-0.1))
    assert found.loops["interest"] == pytest.approx(response(0.2) - response(-0.1))
