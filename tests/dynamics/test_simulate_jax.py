"""The compiled engine gives what the NumPy engine gives."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import NAMES, everything, example

from forkpoint.dynamics.simulate_jax import simulator
from forkpoint.errors import InputError, UnknownName


def same(one, other, rtol=1e-12):
    assert list(one) == list(other)
    np.testing.assert_array_equal(one.time, other.time)
    for name in one:
        scale = np.max(np.abs(one[name]))
        np.testing.assert_allclose(other[name], one[name], rtol=rtol, atol=rtol * scale, err_msg=name)
    for name, value in one.final.stocks.items():
        np.testing.assert_allclose(other.final.stocks[name], value, rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_the_gallery_runs_the_same_on_both(name):
    model = example(name).build()
    same(model.run(), model.run(engine="jax"))


def test_arrays_delays_events_and_levers_run_the_same_on_both():
    model = everything()
    levers = {"tariff": {1.0: {"north": 0.5}}, "growth": 0.2}
    same(model.run(levers, method="rk4"), model.run(levers, method="rk4", engine="jax"))


@pytest.mark.parametrize(("chunk", "workers"), [(4, 2), (64, 1)])
def test_draws_in_chunks_and_threads(chunk, workers):
    model = everything()
    rng = np.random.default_rng(2)
    draws = {"sensitivity": rng.uniform(0.5, 2.0, 11), "adjust": rng.uniform(0.5, 2.0, (2, 11)),
             "demand": {0.0: rng.uniform(10.0, 40.0, (3, 11)), 4.0: rng.uniform(10.0, 40.0, (3, 11))}}  # fmt: skip
    same(model.run(draws=draws, save_every=8), model.run(draws=draws, save_every=8, engine="jax", chunk=chunk,
                                                         workers=workers))  # fmt: skip


def test_one_program_serves_all_values():
    model = example("lock_in").build()
    model.run(engine="jax")
    programs = len(model._compiled)
    model.run({"network_effect": 1.0, "first_base": {"late": 3000.0}}, engine="jax")
    assert len(model._compiled) == programs
    with pytest.raises(InputError, match="chunk and workers are at least 1"):
        model.run(engine="jax", chunk=0)


@pytest.mark.parametrize("save_every", [1, 8])
def test_a_simulator_is_the_run_as_a_function(save_every):
    model = everything()
    run, values = simulator(model, ["sensitivity", "demand", "made"], ["price", "fleet"], save_every=save_every)
    plain = model.run(save_every=save_every)
    for name, value in run(values).items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-12)
    moved = run(values | {"sensitivity": np.array(2.0), "made": np.array([20.0, 20.0])})
    expected = model.run({"sensitivity": 2.0}, initial={"made": 20.0}, save_every=save_every)
    np.testing.assert_allclose(moved["fleet"], expected["fleet"], rtol=1e-12)
    with pytest.raises(UnknownName, match="did you mean sensitivity"):
        simulator(model, ["sensitivty"], ["price"])
