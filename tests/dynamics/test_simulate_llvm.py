"""The LLVM engine gives what the NumPy engine gives, each draw by itself, and refuses what it cannot do in words."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_models import NAMES, everything, example

from forkpoint.dynamics import Model, aux, flow, parameter, stock
from forkpoint.dynamics.simulate import make_plan
from forkpoint.dynamics.simulate_llvm import simulate
from forkpoint.errors import InputError, MissingExtra, ModelError, RunError

pytest.importorskip("llvmlite")
sys.path.append(str(Path(__file__).parents[2] / "bench"))
RNG = np.random.default_rng(1)


def same(one, other, rtol=1e-12):
    assert list(one) == list(other)
    np.testing.assert_array_equal(one.time, other.time)
    for name in one:
        assert one[name].shape == other[name].shape, name
        scale = np.max(np.abs(one[name]))
        np.testing.assert_allclose(other[name], one[name], rtol=rtol, atol=rtol * scale, err_msg=name)
    for name, value in one.final.stocks.items():
        np.testing.assert_allclose(other.final.stocks[name], value, rtol=rtol, atol=1e-12, err_msg=name)


def both(model, *levers, **options):
    plain, compiled = model.run(*levers, **options), model.run(*levers, **options, engine="llvm")
    same(plain, compiled)
    return compiled


@pytest.mark.parametrize("name", NAMES)
def test_the_gallery_runs_the_same_with_and_without_draws(name):
    model = example(name).build()
    both(model)
    values = model.inputs()
    draws = {n: values[n][..., None] * RNG.uniform(0.9, 1.1, (*model.shape(n), 11)) for n in list(model.parameters)[:3]}
    both(model, draws=draws)


@pytest.fixture(scope="module")
def arrays():
    return everything()


DRAWS = {"sensitivity": RNG.uniform(0.5, 2.0, 11), "adjust": RNG.uniform(0.5, 2.0, (2, 11))}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"save_every": 8},
        {"save_every": np.int64(4)},
        {"outputs": ["fleet", "campaign", "cost"]},
        {"initial": {"made": 20.0}},
        {"initial": {"made": RNG.uniform(5.0, 15.0, (2, 11))}},
        {"stop": 1.5, "step": 0.25, "start": 0.5},
    ],
)
def test_arrays_delays_events_and_levers_run_the_same(arrays, options):
    both(arrays, {"tariff": {1.0: {"north": 0.5}}, "growth": 0.2}, draws=DRAWS, **options)


def test_drawn_series_and_drawn_parameters_moved_over_time(arrays):
    series = {0.0: RNG.uniform(10.0, 40.0, (3, 11)), 4.0: RNG.uniform(10.0, 40.0, (3, 11))}
    both(arrays, draws={**DRAWS, "demand": series})
    plan = make_plan(arrays, {"tariff": {1.0: 0.5}}, draws=DRAWS, outputs=["fleet"])
    path = RNG.uniform(0.0, 0.5, (33, 1, 3, 11))
    plan.inputs.varying["tariff"] = path
    found, _, _ = simulate(plan, [("fleet", 4)])
    for draw in (0, 10):
        tariff = {time: path[row, 0, :, draw] for row, time in enumerate(plan.grid.times)}
        alone = arrays.run({"tariff": tariff} | {n: v[..., draw] for n, v in DRAWS.items()})
        np.testing.assert_allclose(found[0, :, draw], alone["fleet"].reshape(33, -1)[:, 4], rtol=1e-12)


@pytest.mark.parametrize("shape", [(33, 2), (33, 2, 11)])
def test_held_links_run_the_same(arrays, shape):
    both(arrays, draws=DRAWS, held={("seen_price", "share"): RNG.uniform(1.0, 3.0, shape)})


def test_a_run_goes_on_from_its_end(arrays):
    first = arrays.run(engine="llvm", stop=2.0)
    rest = arrays.run(engine="llvm", start_from=first.final, stop=4.0)
    whole = arrays.run(engine="llvm")
    np.testing.assert_allclose(rest["price"][-1], whole["price"][-1], rtol=1e-13)


def test_the_synthetic_model_runs_the_same():
    from dynamics_models import draws, synthetic

    model = synthetic()
    both(model, draws=draws(model, 9))


def test_threads_and_the_number_of_draws_change_no_bit(arrays):
    options = {"outputs": ["price", "fleet"], "engine": "llvm"}
    one = arrays.run(draws=DRAWS, **options)
    three = arrays.run(draws=DRAWS, workers=3, **options)
    few = arrays.run(draws={n: v[..., :9] for n, v in DRAWS.items()}, **options)
    many = arrays.run(draws=DRAWS, workers=8, **options)
    for name in one:
        np.testing.assert_array_equal(three[name], one[name])
        np.testing.assert_array_equal(many[name], one[name])
        np.testing.assert_array_equal(few[name], one[name][..., :9])


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(11)))
def test_permuted_draws_give_permuted_results(order):
    model = example("bass").build()
    draws = {"imitation": np.linspace(0.1, 0.9, 11), "innovation": np.linspace(0.01, 0.03, 11)}
    options = {"outputs": ["adopters"], "save_every": 400, "engine": "llvm"}
    plain = model.run(draws=draws, **options)["adopters"]
    moved = model.run(draws={n: v[list(order)] for n, v in draws.items()}, **options)["adopters"]
    np.testing.assert_array_equal(moved, plain[..., list(order)])


# --- failures ---------------------------------------------------------------------------------------------------------


def leaking(**options):
    @flow(outof="level")
    def leak(level, rate):
        """A part of the level."""
        return rate * level

    @aux()
    def root(level, limit):
        """Undefined above the limit."""
        return (limit - level) ** 0.5

    declared = {"level": stock(1.0, doc="Level."), "rate": parameter(0.1, doc="Rate."),
                "limit": parameter(2.0, doc="Limit."), "leak": leak, "root": root}  # fmt: skip
    return Model(declared, start=0.0, stop=12.0, step=1.0, **options)


def test_failures_are_named_as_by_the_other_engine():
    model = leaking()
    for draws in ({"rate": np.array([0.1, 1.5, 0.2])}, {"limit": np.array([2.0, 3.0, 0.5])}):
        messages = []
        for engine in ("numpy", "llvm"):
            with pytest.raises(RunError) as failure:
                model.run(draws=draws, engine=engine)
            messages.append(str(failure.value))
        assert messages[0] == messages[1]
        assert "turns negative" in messages[0] or "'root' is not finite (nan)" in messages[0]


def test_marked_failures_leave_their_neighbours_as_they_are():
    model = leaking()
    draws = {"rate": np.array([0.1, 0.3, 1.5, 0.2, 1e200]), "limit": np.array([2.0, 0.5, 2.0, 2.0, 2.0])}
    run = model.run(draws=draws, engine="llvm", on_error="mark")
    assert sorted(run.failed) == [1, 2, 4]
    assert sorted(model.run(draws=draws, on_error="mark").failed) == [1, 2, 4]
    good = model.run({"rate": 0.2, "limit": 2.0}, engine="llvm")
    np.testing.assert_array_equal(run["level"][:, 3], good["level"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "rk4"}, "runs by Euler's method"),
        ({"levers": {"rate": 0.1 + 1e-30j}}, "'rate' is complex"),
        ({"draws": {"rate": np.array([0.1, 0.2])}, "workers": 0}, "workers is at least 1"),
    ],
)
def test_what_it_does_not_do_is_said(options, words):
    with pytest.raises(InputError, match=words):
        leaking().run(engine="llvm", **options)


def test_single_elements_need_draws():
    with pytest.raises(InputError, match="give draws="):
        simulate(make_plan(leaking()), [("level", 0)])


@pytest.mark.parametrize(("operation", "named"), [(np.cbrt, "numpy.cbrt"), (np.nan_to_num, "numpy.nan_to_num")])
def test_an_operation_without_a_form_is_named(operation, named):
    @flow(into="level")
    def gain(level):
        """Uses what cannot be compiled."""
        return 0.1 * operation(level)

    model = Model({"level": stock(1.0, doc="Level."), "gain": gain}, start=0.0, stop=3.0, step=1.0)
    with pytest.raises(ModelError, match=f"cannot be compiled: .*{named}"):
        model.run(engine="llvm")


def test_without_llvmlite_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with pytest.raises(MissingExtra, match="llvmlite"):
        leaking().run(engine="llvm")
