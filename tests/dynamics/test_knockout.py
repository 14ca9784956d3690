"""Knock-out: closed forms of a linear model, responses to levers, and what else a cut loop takes with it."""

import numpy as np
import pytest
from loop_cases import arms_race, bass, linear_chain, logistic, market

from forkpoint.dynamics.knockout import cut_links, knock_out, loop_measures
from forkpoint.dynamics.loops import find_loops
from forkpoint.errors import InputError, RunError

RATE, LOSS, GIFT, STEP = 0.3, 0.1, 2.0, 0.125


def euler(rate, gift, time, start=10.0):
    """x' = rate x + gift by Euler's steps, in closed form."""
    return (start + gift / rate) * (1.0 + rate * STEP) ** (time / STEP) - gift / rate


def interest(model):
    return next(loop for loop in find_loops(model) if "interest" in loop.variables)


def test_a_loop_that_never_acts_equals_the_closed_form():
    """Interest stays at its first value: x' = r x₀ + gift − loss x."""
    model = linear_chain()
    found = knock_out(model, interest(model))
    time = found.with_loop.time
    np.testing.assert_allclose(found.with_loop["wealth"], euler(RATE - LOSS, GIFT, time), rtol=1e-12)
    np.testing.assert_allclose(found.without_loop["wealth"], euler(-LOSS, GIFT + RATE * 10.0, time), rtol=1e-12)
    effect = euler(RATE - LOSS, GIFT, time) - euler(-LOSS, GIFT + RATE * 10.0, time)
    np.testing.assert_allclose(found.effect("wealth"), effect, atol=1e-10)
    assert found.also_cut == ()


def test_the_part_of_a_response_that_a_loop_makes_equals_the_closed_form():
    """With interest kept at run A's path, only spending answers to a larger gift: Δx' = Δgift − loss Δx."""
    model = linear_chain()
    before = model.run()
    found = knock_out(model, interest(model), {"gift": 3.0}, reference=before)
    time = before.time
    direct = euler(-LOSS, 1.0, time, start=0.0)
    np.testing.assert_allclose(found.without_loop["wealth"] - before["wealth"], direct, atol=1e-10)
    np.testing.assert_allclose(found.effect("wealth"), euler(RATE - LOSS, 1.0, time, start=0.0) - direct, atol=1e-10)


def test_cutting_against_the_own_path_changes_nothing():
    for model in (bass(), market()):
        run = model.run()
        for loop in find_loops(model):
            found = knock_out(model, loop, reference=run)
            for stock in model.stocks:
                np.testing.assert_allclose(found.effect(stock), 0.0, atol=1e-9)


def test_the_link_to_cut_spares_other_loops_and_the_rest_is_named():
    model = arms_race(stop=5.0)
    loops = find_loops(model)
    own = next(x for x in loops if x.variables == ("arms_a", "build_a"))
    found = knock_out(model, own, loops=loops)
    assert found.links == (("arms_a", "build_a"),)
    assert found.also_cut == ()
    ring = next(x for x in loops if len(x) == 6)
    also = knock_out(model, ring, loops=loops).also_cut
    assert also
    assert ring not in also
    assert all(set(knock_out(model, ring, loops=loops).links) & set(x.links) for x in also)


def test_a_name_is_cut_whole_and_only_information_is_cut():
    model = arms_race(stop=5.0)
    loops = find_loops(model, {"all of a": {("build_a", "arms_a")}})
    members = loops.named("all of a")
    links = cut_links(model, members, loops)
    assert all(set(links) & set(member.links) for member in members)
    assert not {target for _, target in links} & set(model.stocks)
    found = knock_out(model, members, loops=loops, levers={"fear": 0.3})
    assert found.name == "all of a"
    steps = np.diff(found.without_loop["arms_a"])
    np.testing.assert_allclose(steps, found.without_loop["build_a"][:-1] * 0.25, rtol=1e-9)


def test_what_moves_stays_conserved_without_a_loop():
    model = bass(stop=5.0)
    for loop in find_loops(model):
        cut = knock_out(model, loop).without_loop
        np.testing.assert_allclose(cut["potential"] + cut["adopters"], 1000.0, rtol=1e-12)


def test_both_measures_side_by_side():
    model = logistic()
    loops = find_loops(model, {"R": ("births", "population"), "B": ("deaths", "population")})
    rows = {row.name: row for row in loop_measures(model, loops, "population")}
    assert rows["R"].polarity == "reinforcing"
    assert rows["B"].polarity == "balancing"
    assert rows["R"].effect > 0 > rows["B"].effect
    assert rows["R"].mean_relative_score > 0 > rows["B"].mean_relative_score
    # Without crowding the population grows exponentially, e^16 times: the knock-out is not a share.
    assert rows["B"].relative_effect < -10
    assert list(loop_measures(model, loops, "population", only=["R"])[0].links) == [("population", "births")]


def test_a_run_that_fails_without_a_loop_is_a_row_with_a_reason():
    model = linear_chain(stop=30.0)
    loops = find_loops(model, {"drain": ("tank", "drain")})
    row = loop_measures(model, loops, "tank")[0]
    assert np.isnan(row.effect)
    assert "turns negative" in row.note
    with pytest.raises(RunError, match="with tank → drain held, stock 'tank' turns negative"):
        knock_out(model, loops.named("drain"))


def test_an_explanation_and_errors_in_words():
    model = linear_chain()
    loop = interest(model)
    step = knock_out(model, loop).explain("wealth")
    assert step.numbers["effect"].value == pytest.approx(step.numbers["with"].value - step.numbers["without"].value)
    assert "wealth → interest" in step.detail
    with pytest.raises(InputError, match="lies on"):
        knock_out(model, loop, links=[("tank", "drain")])
    with pytest.raises(InputError, match="shape"):
        knock_out(model, loop, reference=model.run(stop=2.0))
