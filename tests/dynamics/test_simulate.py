"""Runs against closed forms, restart, levers, held links, and errors that say where and when."""

# A class serves as a namespace of declarations here: its functions have no self.
# ruff: noqa: N805

from __future__ import annotations

import numpy as np
import pytest
from sample_models import everything, example

from forkpoint.dynamics import Model, aux, flow, parameter, series, stock
from forkpoint.dynamics import functions as f
from forkpoint.errors import InputError, RunError, UnknownName


class Growth:
    rate = parameter(0.5, unit="1/year")
    ceiling = parameter(100.0, unit="item")
    level = stock(1.0, unit="item", doc="A level.")

    @flow(into="level", unit="item/year")
    def change(rate, level, ceiling):
        """Logistic growth."""
        return rate * level * (1.0 - level / ceiling)


def order(errors: list[float]) -> float:
    """Order of convergence out of errors at halved steps."""
    return float(np.log2(errors[-2] / errors[-1]))


@pytest.mark.parametrize(("method", "expected"), [("euler", 1.0), ("rk4", 4.0)])
@pytest.mark.parametrize("ceiling", [100.0, 1e12])
def test_exponential_and_logistic_growth_to_the_order_of_the_integrator(method, expected, ceiling):
    model = Model(Growth, start=0.0, stop=8.0)
    truth = ceiling / (1.0 + (ceiling - 1.0) * np.exp(-0.5 * 8.0))
    errors = [
        abs(model.run({"ceiling": ceiling}, step=h, method=method)["level"][-1] - truth) for h in (1 / 16, 1 / 32)
    ]
    assert order(errors) == pytest.approx(expected, abs=0.1)


def test_bass_diffusion_has_its_closed_form():
    model = example("bass").build()
    p, q, market = 0.03, 0.38, 10000.0
    run = model.run(method="rk4")
    grown = np.exp(-(p + q) * run.time)
    np.testing.assert_allclose(run["adopters"], market * (1.0 - grown) / (1.0 + q / p * grown), rtol=1e-6, atol=1e-9)


def test_sir_final_size():
    """Kermack & McKendrick: ln(s∞ / s0) = R0 (s∞ − s0 − i0 …) over the whole epidemic."""
    run = example("sir").build().run(stop=1000.0, method="rk4")
    left, reproduction = run["susceptible"][-1] / 1000.0, 0.5 * 5.0
    assert np.log(left / 0.999) == pytest.approx(-reproduction * (1.0 - left), rel=1e-6)
    peak = run["infectious"].argmax()
    assert run["reproduction_number"][peak] == pytest.approx(1.0, abs=0.02)


def test_lotka_volterra_keeps_its_invariant():
    model = example("predator_prey").build()

    def drift(step: float) -> float:
        run = model.run(step=step, method="rk4")
        x, y = run["prey"], run["predators"]
        invariant = 0.075 * x - 1.5 * np.log(x) + 0.1 * y - 1.0 * np.log(y)
        return float(np.max(np.abs(invariant - invariant[0])))

    assert drift(1 / 32) < 1e-5
    assert order([drift(1 / 16), drift(1 / 32)]) > 3.7


@pytest.mark.parametrize("name", ["sir", "bass"])
def test_what_is_closed_conserves(name):
    model = example(name).build()
    assert all(model[flow].into and model[flow].outof for flow in model.flows)
    for method in ("euler", "rk4"):
        run = model.run(method=method)
        people = sum(run[s] for s in model.stocks)
        np.testing.assert_allclose(people, people[0], rtol=1e-12)


def test_machines_are_conserved_through_delay_cohorts_and_scrap():
    run = everything().run()
    present = run["fleet"].sum(axis=(1, 2)) + run["ordered"].sum(axis=1) + run["scrap"]
    entered = np.concatenate([[0.0], np.cumsum((run["orders"].sum(axis=(1, 2)) + run["gifts"]) * 0.125)[:-1]])
    np.testing.assert_allclose(present, entered, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("method", "engine"), [("euler", "numpy"), ("rk4", "numpy"), ("euler", "jax")])
def test_a_restart_gives_the_same_trajectory(method, engine):
    model = everything() if engine == "numpy" else example("lock_in").build()
    model.stop, model.step_length = 4.0, 0.125
    whole = model.run(method=method, engine=engine)
    first = model.run(stop=1.5, method=method, engine=engine)
    second = model.run(start_from=first.final, method=method, engine=engine)
    assert first.final.time == 1.5
    for name in whole:
        np.testing.assert_array_equal(whole[name][12:], second[name], err_msg=name)
        np.testing.assert_array_equal(whole[name][:13], first[name], err_msg=name)


def test_draws_are_single_runs():
    model = everything()
    samples = {"sensitivity": np.array([0.5, 1.0, 2.0]), "adjust": np.array([[0.5, 0.6, 0.7], [1.0, 1.1, 1.2]])}
    together = model.run(draws=samples, method="rk4")
    for i in range(3):
        alone = model.run({n: v[..., i] for n, v in samples.items()}, method="rk4")
        for name in together:
            np.testing.assert_allclose(together[name][..., i], alone[name], rtol=1e-13, err_msg=name)
    assert together.to_xarray()["share"].dims == ("time", "region", "vendor", "draw")


def test_levers_by_number_label_array_and_time():
    model = everything()
    plain = model.run()
    raised = model.run({"tariff": {"north": 1.0}})
    same = model.run({"tariff": [1.0, 0.0, 0.0]})
    late = model.run({"tariff": {2.0: {"north": 1.0}}})
    np.testing.assert_array_equal(raised["share"], same["share"])
    assert raised.at("share", 0.0, region="north", vendor="b") < plain.at("share", 0.0, region="north", vendor="b")
    np.testing.assert_array_equal(raised.at("share", 0.0, region="south"), plain.at("share", 0.0, region="south"))
    np.testing.assert_array_equal(late["share"][:16], plain["share"][:16])
    assert late.at("share", 2.0, region="north", vendor="b") < plain.at("share", 2.0, region="north", vendor="b")
    given = model.run({"demand": {0.0: {"north": 1.0, "south": 1.0, "west": 1.0}}}, outputs=["demand"])
    assert (given["demand"] == 1.0).all()


def test_a_lever_that_moves_a_constant_equation_over_time():
    class Rates:
        yearly = parameter(0.12, unit="1/year")
        level = stock(1.0, unit="item", doc="Level.")

        @aux(unit="1/month")
        def monthly(yearly):
            """A constant equation until its parameter moves."""
            return yearly / 12.0

        @flow(into="level", unit="item/month")
        def growth(level, monthly):
            """Growth."""
            return level * monthly

    model = Model(Rates, start=0.0, stop=4.0, step=1.0, time_unit="month")
    np.testing.assert_allclose(model.run()["level"], 1.01 ** np.arange(5))
    moved = model.run({"yearly": {2.0: 0.24}})
    np.testing.assert_allclose(moved["level"], [1.0, 1.01, 1.01**2, 1.01**2 * 1.02, 1.01**2 * 1.02**2])
    np.testing.assert_array_equal(moved["level"], model.run({"yearly": {2.0: 0.24}}, engine="jax")["level"])


class Holds:
    steps = series({0.0: 1.0, 1.0: 3.0}, hold="step")
    line = series({0.0: 1.0, 1.0: 3.0}, hold="linear")
    events = series({0.3: 1.0, 0.5: 2.0}, hold="event")
    total = stock(0.0, doc="All events so far.")

    @flow(into="total")
    def arriving(events):
        """Events."""
        return events

    @aux()
    def seen(steps, line):
        """Uses the others."""
        return steps + line


def test_series_hold_interpolate_and_fall():
    model = Model(Holds, start=0.0, stop=2.0, step=0.5)
    run = model.run(outputs=["steps", "line", "events", "total"])
    np.testing.assert_array_equal(run["steps"], [1.0, 1.0, 3.0, 3.0, 3.0])
    np.testing.assert_array_equal(run["line"], [1.0, 2.0, 3.0, 3.0, 3.0])
    np.testing.assert_array_equal(run["events"], [2.0, 4.0, 0.0, 0.0, 0.0])
    for step in (0.5, 0.25, 0.125):
        assert model.run(step=step)["total"][-1] == pytest.approx(3.0)
        assert model.run(step=step, method="rk4")["total"][-1] == pytest.approx(3.0)
    with pytest.raises(InputError, match=r"series '(steps|line)' has no value before 0; the run starts at -1"):
        model.run(start=-1.0)


def test_a_step_on_the_grid_keeps_the_order_of_rk4():
    class Forced:
        force = series({0.0: 0.0, 1.0: 1.0}, unit="item/year")
        level = stock(1.0, unit="item", doc="Level.")

        @flow(into="level", unit="item/year")
        def inflow(force):
            """Inflow."""
            return force

        @flow(outof="level", unit="item/year")
        def outflow(level):
            """Outflow."""
            return level

    model = Model(Forced, start=0.0, stop=2.0)
    truth = np.exp(-2.0) + 1.0 - np.exp(-1.0)
    errors = [abs(model.run(step=h, method="rk4")["level"][-1] - truth) for h in (1 / 4, 1 / 8)]
    assert order(errors) == pytest.approx(4.0, abs=0.3)


def test_a_held_link_sees_the_path_and_nothing_else_changes():
    model = everything()
    plain = model.run()
    same = model.run(held={("made", "cost"): plain["made"]})
    for name in plain:
        np.testing.assert_array_equal(plain[name], same[name], err_msg=name)
    frozen = np.broadcast_to(plain["made"][:1], plain["made"].shape)
    for engine in ("numpy", "jax"):
        held = model.run(held={("made", "cost"): frozen}, engine=engine)
        np.testing.assert_allclose(held["cost"], plain["cost"][:1] * np.ones((33, 1)), rtol=1e-14)
        assert (np.diff(held["made"], axis=0) > 0).all()
    stopped = model.run(held={("production", "made"): np.zeros((33, 3, 2))})
    np.testing.assert_array_equal(stopped["made"], 10.0)
    with pytest.raises(UnknownName, match="no link is called 'made → prize'"):
        model.run(held={("made", "prize"): frozen})
    with pytest.raises(InputError, match=r"has shape \(3, 2\), expected \(33, 2\)"):
        model.run(held={("made", "cost"): frozen[:3]})


def test_initial_values_at_run_time():
    model = everything()
    assert (model.run(initial={"made": 20.0})["made"][0] == 20.0).all()
    with pytest.raises(InputError, match=r"stock 'made' .* has no value for a"):
        model.run(initial={"made": {"b": 30.0}})
    run = model.run(
        initial={"made": {"a": 1.0, "b": 30.0}, "scrap": np.array([1.0, 2.0])}, draws={"growth": np.zeros(2)}
    )
    np.testing.assert_array_equal(run["scrap"][0], [1.0, 2.0])
    with pytest.raises(UnknownName, match="no stock is called 'mad'; did you mean made"):
        model.run(initial={"mad": 20.0})
    assert model.initial_state({"first_made": 7.0}).stocks["made"].tolist() == [7.0, 7.0]


def test_results_are_labelled():
    run = everything().run(outputs=["cost", "scrap"], save_every=8)
    data = run.to_xarray()
    assert data["cost"].sel(vendor="a", time=2.0).item() == run.at("cost", 2.0, vendor="a")
    assert data["cost"].attrs == {"units": "USD/item", "description": "Cost falls with experience.", "kind": "aux"}
    assert data["time"].attrs["units"] == "year"
    assert list(run) == ["cost", "scrap"]
    assert len(run["cost"]) == 5
    with pytest.raises(InputError, match=r"no saved time 0\.3; the nearest is 0"):
        run.at("cost", 0.3)
    with pytest.raises(UnknownName, match="did you mean cost"):
        run["costs"]
    with pytest.raises(UnknownName, match="label of 'vendor' is called 'x'"):
        run.at("cost", vendor="x")
    with pytest.raises(UnknownName, match="dimension of 'cost' is called 'region'"):
        run.at("cost", region="north")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0.3}, "stop=4.0 is not a whole number of steps of 0.3 after start=0.0"),
        ({"step": -1.0}, "a run needs step > 0 and stop ≥ start"),
        ({"step": float("nan")}, "step=nan is not a finite number"),
        ({"method": "heun"}, "method is 'euler' or 'rk4', not 'heun'"),
        ({"engine": "fortran"}, "engine is 'numpy', 'jax' or 'llvm', not 'fortran'"),
        ({"save_every": 5}, "save_every=5 does not divide the 32 steps"),
        ({"outputs": ["costs"]}, "no stock, flow, auxiliary or series is called 'costs'; did you mean cost"),
        ({"levers": {"growht": 1.0}}, "no parameter or series is called 'growht'; did you mean growth"),
        ({"levers": {"growth": "fast"}}, "takes one number, not 'fast'"),
        ({"levers": {"adjust": [1.0, 2.0, 3.0]}}, "takes one number, or (2,) numbers over (vendor)"),
        ({"levers": {"adjust": {"c": 1.0}}}, "no label of 'vendor' is called 'c'"),
        ({"levers": {"adjust": {"a": "x"}}}, "vendor 'a': 'x' is not a number"),
        ({"levers": {"growth": {"a": 1.0}}}, "has no such dimension"),
        ({"levers": {"demand": {"north": 1.0}}}, "'north' is not a time"),
        ({"draws": {"growth": np.ones((2, 2))}}, "draws of 'growth' need the shape ('draws',), got (2, 2)"),
        ({"draws": {"growth": np.ones(2), "life": np.ones(3)}}, "draws have different lengths"),
        ({"draws": {}}, "draws= names no parameter"),
        ({"draws": {"growth": np.ones(2)}, "levers": {"growth": 1.0}}, "given both as a lever and as draws"),
        ({"draws": {"demand": np.ones(2)}}, "draws of series 'demand' are given as {time: draws}"),
    ],
)
def test_what_a_run_refuses(options, message):
    with pytest.raises(InputError) as caught:
        everything().run(**options)
    assert message in str(caught.value)


def test_parameters_and_series_without_values():
    rate = parameter(unit="1/year", name="rate")
    data = series(unit="item", name="data")

    def change(rate, data):
        """Change."""
        return rate * data

    model = Model([rate, data, flow(into="level")(change), stock(1.0, name="level")], start=0.0, stop=1.0, step=0.5)
    with pytest.raises(InputError, match="parameter 'rate' has no value: give it as a lever"):
        model.run()
    with pytest.raises(InputError, match="series 'data' has no data: give them as a lever"):
        model.run({"rate": 1.0})
    with pytest.raises(InputError, match="has no points in time"):
        model.run({"rate": 1.0, "data": {}})
    assert model.run({"rate": 1.0, "data": 2.0})["level"][-1] == 3.0


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_run_that_breaks_says_where_and_when(engine):
    model = everything()
    with pytest.raises(RunError) as caught:
        model.run({"adjust": {"b": 0.01}}, engine=engine)
    assert "stock 'price' [b] turns negative" in str(caught.value)
    assert "USD/item) at time 0.5" in str(caught.value) or "at time 0." in str(caught.value)
    with pytest.raises(RunError) as caught:
        model.run({"first_cost": {"b": -1.0}}, engine=engine)
    assert "[north, b] is not finite (nan) at time 0" in str(caught.value) or "price" in str(caught.value)


class Pole:
    limit = parameter(2.0)
    level = stock(0.0, doc="Level.", non_negative=False)

    @aux()
    def root(limit, time):
        """The root of what is left."""
        return f.sqrt(limit - time)

    @flow(into="level")
    def change(root):
        """Change."""
        return root


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_value_that_is_not_finite_names_variable_time_and_inputs(engine):
    model = Model(Pole, start=0.0, stop=4.0, step=0.5)
    expected = "aux 'root' is not finite (nan) at time 2.5; its inputs then: limit = 2, time = "
    with pytest.raises(RunError) as caught:
        model.run(engine=engine)
    assert expected in str(caught.value)
    with pytest.raises(RunError, match=r"at time 1\.5, draw 1; .* \(and 1 more of 4 draws\)"):
        model.run(draws={"limit": np.array([9.0, 1.0, 8.0, 1.0])}, engine=engine)
    marked = model.run(draws={"limit": np.array([9.0, 1.0, 8.0])}, engine=engine, on_error="mark")
    assert list(marked.failed) == [1]
    assert "time 1.5, draw 1" in marked.failed[1]
    assert np.isnan(marked["level"][:, 1]).all()
    assert np.isfinite(marked["level"][:, [0, 2]]).all()
