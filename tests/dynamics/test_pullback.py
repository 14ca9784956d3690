"""Compiled reverse derivatives against the complex step, finite differences, and JAX."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import NAMES, everything, example

from forkpoint.dynamics import Model, flow, parameter, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.gradients import gradient
from forkpoint.dynamics.pullback import Pullback
from forkpoint.dynamics.simulate import make_plan
from forkpoint.errors import InputError, ModelError, UnknownName

pytest.importorskip("llvmlite")


def elements_of(model, outputs):
    return [(n, place) for n in outputs for place in range(int(np.prod(model.shape(n), dtype=int)))]


def pulled(model, outputs, values, levers=None, weigh=None, **options):
    """Paths, and derivatives of their weighted sum (default: of the last moment's sum)."""
    plan = make_plan(model, levers, draws=values, outputs=outputs, **options)
    paths, pull = Pullback(plan, elements_of(model, outputs), frozenset(values))(values)
    weights = np.zeros_like(paths)
    weights[:, -1] = 1.0
    return paths, pull(weights if weigh is None else weigh(paths))


@pytest.mark.parametrize("name", NAMES)
def test_the_gallery_agrees_with_jax(name):
    model = example(name).build()
    outputs, by = list(model.stocks), list(model.parameters)
    values = {n: np.asarray(model.inputs()[n], float)[..., None] for n in by}
    paths, found = pulled(model, outputs, values)
    value, slopes = gradient(model, lambda out: sum(out[n][-1].sum() for n in outputs), by, outputs)
    assert paths[:, -1].sum() == pytest.approx(value, rel=1e-12)
    for one in by:
        np.testing.assert_allclose(found[one][..., 0], slopes[one], rtol=1e-9, atol=1e-9, err_msg=one)


def test_arrays_delays_and_events_agree_with_the_complex_step_in_every_draw():
    model = everything()
    outputs = ["price", "fleet", "cost"]
    by = ["learning", "first_cost", "adjust", "life", "lead_time"]
    factors = np.linspace(0.9, 1.1, 11)
    values = {n: np.asarray(model.inputs()[n], float)[..., None] * factors for n in by}
    rng = np.random.default_rng(0)
    kept = {}

    def weigh(paths):
        kept["w"] = rng.normal(size=paths.shape)
        return kept["w"]

    _, found = pulled(model, outputs, values, {"tariff": {1.0: 0.1}}, weigh)
    for draw in (0, 10):
        base = {"tariff": {1.0: 0.1}} | {n: v[..., draw] for n, v in values.items()}
        for name in by:
            for index in np.ndindex(model.shape(name)):
                moved = np.array(base[name], complex)
                moved[index] += 1e-30j
                run = model.run(base | {name: moved}, outputs=outputs)
                rows = np.concatenate([np.asarray(run[n]).reshape(33, -1).T for n in outputs])
                slope = float((rows.imag / 1e-30 * kept["w"][..., draw]).sum())
                assert found[name][(*index, draw)] == pytest.approx(slope, rel=1e-9, abs=1e-10), (name, index)


def test_initial_values_agree_with_finite_differences():
    model = everything()
    made = np.linspace(8.0, 12.0, 6).reshape(2, 3)
    plan = make_plan(model, draws={"life": np.array([3.0, 3.1, 3.2])}, initial={"made": made}, outputs=["price"])
    pullback = Pullback(plan, elements_of(model, ["price"]))
    paths, pull = pullback({"life": plan.inputs.fixed["life"], "made": made})
    found = pull(np.ones_like(paths))
    h = 1e-5
    for index in np.ndindex(2, 3):
        sums = []
        for sign in (1.0, -1.0):
            moved = made.copy()
            moved[index] += sign * h
            sums.append(pullback({"life": plan.inputs.fixed["life"], "made": moved})[0].sum())
        assert found["made"][index] == pytest.approx((sums[0] - sums[1]) / (2 * h), rel=1e-6)
    # The price does not depend on how long machines live: zero, and said.
    np.testing.assert_array_equal(found["life"], np.zeros(3))


def test_the_world_agrees_with_the_complex_step_in_some_coordinates():
    pytest.importorskip("jax")
    from forkpoint.uncertainty.parameters import free_names, reference_array
    from forkpoint.world.model import world
    from forkpoint.world.run import inputs
    from forkpoint.world.scenario import scenario

    model, given = world(), inputs(scenario("as-it-was"))
    # All free parameters, as the posterior's density has them; by every seventh the run is moved, along a line.
    names = [n for n in free_names() if n in model.parameters]
    values = {n: np.asarray(reference_array(n), float)[..., None] for n in names}
    rest = {n: v for n, v in given.items() if n not in values}
    outputs = ["nvidia_revenue", "compute_ratio"]
    _, found = pulled(model, outputs, values, rest, weigh=np.ones_like)
    base = rest | {n: v[..., 0] for n, v in values.items()}
    for name in names[::40]:
        moved = base | {name: base[name] * (1.0 + 1e-30j)}
        run = model.run(moved, outputs=outputs, on_error="mark")
        slope = sum(float(np.asarray(run[n]).imag.sum()) for n in outputs) / 1e-30
        total = float((found[name][..., 0] * base[name]).sum())
        assert total == pytest.approx(slope, rel=1e-8, abs=1e-9), name


def small(function, **declared):
    level = stock(1.0, doc="Level.", non_negative=False)
    return Model({"level": level, "gain": flow(into="level")(function)} | declared, start=0.0, stop=4.0, step=1.0)


def test_a_guarded_division_has_a_finite_derivative():
    def gain(level, divisor, amount):
        """A division that is not taken where the divisor is zero."""
        return f.where(divisor > 0.0, amount / divisor, 0.1 * level)

    model = small(gain, divisor=parameter(0.0, doc="Divisor."), amount=parameter(2.0, doc="Amount."))
    values = {"divisor": np.array([0.0, 2.0]), "amount": np.array([2.0, 2.0])}
    _, found = pulled(model, ["level"], values)
    np.testing.assert_allclose(found["divisor"], [0.0, -4.0 * 2.0 / 4.0])
    np.testing.assert_allclose(found["amount"], [0.0, 4.0 / 2.0])


def test_a_run_that_fails_has_no_derivative_and_its_neighbours_keep_theirs():
    def gain(level, divisor):
        """Undefined at zero."""
        return 1.0 / divisor + 0.0 * level

    model = small(gain, divisor=parameter(1.0, doc="Divisor."))
    paths, found = pulled(model, ["level"], {"divisor": np.array([0.0, 2.0, 4.0])})
    assert not np.isfinite(paths[..., 0]).all()
    assert not np.isfinite(found["divisor"][0])
    np.testing.assert_allclose(found["divisor"][1:], [-4.0 / 4.0, -4.0 / 16.0])


def test_pulling_twice_and_permuted_draws():
    model = example("lock_in").build()
    name = next(iter(model.parameters))
    draws = np.asarray(model.inputs()[name], float)[..., None] * np.linspace(0.8, 1.2, 9)
    plan = make_plan(model, draws={name: draws}, outputs=list(model.stocks)[:1])
    pullback = Pullback(plan, elements_of(model, plan.outputs))
    paths, pull = pullback({name: draws})
    first, second = pull(np.ones_like(paths)), pull(np.ones_like(paths))
    np.testing.assert_array_equal(first[name], second[name])
    turned, pull_turned = pullback({name: draws[..., ::-1]})
    np.testing.assert_array_equal(turned, paths[..., ::-1])
    np.testing.assert_array_equal(pull_turned(np.ones_like(paths))[name], first[name][..., ::-1])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"save_every": 2}, "give save_every=1"), ({"method": "rk4"}, "Euler's method"), ({"draws": None}, "give draws=")],
)
def test_what_it_refuses(options, words):
    model = everything()
    plan = make_plan(model, **({"draws": {"life": np.array([3.0, 3.1])}} | options))
    with pytest.raises(InputError, match=words):
        Pullback(plan, [("price", 0)])


def test_drawn_values_over_time_and_unknown_names_are_refused():
    model = everything()
    series = {0.0: np.full((3, 2), 20.0), 4.0: np.full((3, 2), 30.0)}
    with pytest.raises(InputError, match="move over time"):
        Pullback(make_plan(model, draws={"demand": series}), [("price", 0)])
    pullback = Pullback(make_plan(model, draws={"life": np.array([3.0, 3.1])}), [("fleet", 0)])
    with pytest.raises(UnknownName, match="no free parameter is called 'lif'; did you mean life"):
        pullback({"lif": np.array([3.0])})


def test_an_operation_without_a_derivative_is_named():
    def gain(level, divisor):
        """A remainder."""
        return np.fmod(level, divisor)

    model = small(gain, divisor=parameter(1.0, doc="Divisor."))
    with pytest.raises(ModelError, match="no derivative: it uses 'rem'"):
        pulled(model, ["level"], {"divisor": np.array([0.5, 0.7])})
