"""Derivatives against finite differences and the complex step (Squire & Trapp 1998)."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import everything, example

from forkpoint.dynamics import gradient, sensitivity


def last_cost_and_fleet(values):
    return values["price"][-1].sum() + 0.1 * values["fleet"][-1].sum()


OUTPUTS = ["price", "fleet"]


@pytest.fixture(scope="module")
def slopes():
    model = everything()
    by = ["learning", "first_cost", "adjust", "life", "fleet", "demand"]
    value, found = gradient(model, last_cost_and_fleet, by, OUTPUTS, {"tariff": 0.1})
    assert value == pytest.approx(float(last_cost_and_fleet(model.run({"tariff": 0.1}))), rel=1e-12)
    return model, found


@pytest.mark.parametrize("name", ["learning", "first_cost", "adjust", "life"])
def test_the_complex_step_agrees_to_rounding(slopes, name):
    model, found = slopes
    base = np.asarray(model.inputs()[name])
    for index in np.ndindex(base.shape):
        moved = base.astype(complex)
        moved[index] += 1e-30j
        run = model.run({"tariff": 0.1, name: moved})
        assert last_cost_and_fleet(run).imag / 1e-30 == pytest.approx(found[name][index], rel=1e-10, abs=1e-13)


def test_initial_values_and_series_agree_with_finite_differences(slopes):
    model, found = slopes
    h = 1e-5

    def value(**options):
        return float(last_cost_and_fleet(model.run({"tariff": 0.1}, **options)))

    start = np.zeros((3, 3))
    start[1, 0] = h
    assert (value(initial={"fleet": start}) - value()) / h == pytest.approx(found["fleet"][1, 0], rel=1e-5)
    levers = {"tariff": 0.1, "demand": {0.0: {"north": 30.0 + h, "south": 20.0, "west": 10.0},
                                       2.0: {"north": 40.0 + h, "south": 20.0, "west": 10.0}}}  # fmt: skip
    moved = float(last_cost_and_fleet(model.run(levers)))
    assert (moved - value()) / h == pytest.approx(found["demand"][:, 0].sum(), rel=1e-4)


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_sensitivity_of_whole_trajectories(method):
    model = example("bass").build()
    slope = sensitivity(model, ["imitation", "market"], ["adopters"], method=method, step=0.25)
    for name, value in (("imitation", 0.38), ("market", 10000.0)):
        moved = model.run({name: value + 1e-30j}, method=method, step=0.25)["adopters"].imag / 1e-30
        np.testing.assert_allclose(slope["adopters", name], moved, rtol=1e-10, atol=1e-10)
