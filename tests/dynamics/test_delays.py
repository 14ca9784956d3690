"""Delays against their closed forms: Erlang responses and mean delay."""

from __future__ import annotations

import numpy as np
import pytest

from forkpoint.dynamics import Model, delay, flow, parameter, series, smooth, stock
from forkpoint.errors import ModelError


class Pipeline:
    lead = parameter(2.0, unit="year")
    waiting = parameter(3.0, unit="item")
    pulse = series({0.0: 8.0}, unit="item/year", hold="event")
    level = series({0.0: 1.0}, unit="item")
    on_the_way = delay(time="lead", outflow="arrivals", into="here", order=3, unit="item", doc="On the way.")
    late = delay(time="lead", outflow="lost", initial="waiting", order=2, unit="item", doc="On the way to nowhere.")
    seen = smooth("level", time="lead", order=3, unit="item", doc="Seen.")
    felt = smooth("level", time="lead", unit="item", initial="waiting", doc="Felt.")
    here = stock(0.0, unit="item", doc="Arrived.")

    @flow(into="on_the_way", unit="item/year")
    def sent(pulse):  # noqa: N805
        """Sent."""
        return pulse


def test_a_material_delay_keeps_everything_and_has_its_mean():
    model = Model(Pipeline, start=0.0, stop=40.0, step=1 / 32)
    model.check_units()
    run = model.run()
    np.testing.assert_allclose((run["here"] + run["on_the_way"])[1:], 8.0, rtol=1e-12)
    mean = np.sum(run.time * run["arrivals"]) / np.sum(run["arrivals"])
    assert mean == pytest.approx(2.0, rel=0.01)
    spread = np.sum((run.time - mean) ** 2 * run["arrivals"]) / np.sum(run["arrivals"])
    stage = 2.0 / 3.0  # Euler's steps make each exponential stage a geometric one, of variance t² − t h
    assert spread == pytest.approx(3.0 * (stage**2 - stage / 32), rel=1e-9)
    assert run["late"][0] == 3.0
    assert model["arrivals"].outof == "on_the_way_stage3"
    assert model["on_the_way"].meaning == "On the way."


def test_smoothing_follows_the_erlang_response():
    model = Model(Pipeline, start=0.0, stop=8.0, step=1 / 32)
    run = model.run({"level": {0.0: 1.0, 1.0: 2.0}}, method="rk4")
    x = 3.0 * np.maximum(run.time - 1.0, 0.0) / 2.0
    np.testing.assert_allclose(run["seen"], 2.0 - np.exp(-x) * (1.0 + x + x**2 / 2.0), atol=1e-6)
    before = run.time <= 1.0
    np.testing.assert_allclose(run["felt"][before], 1.0 + 2.0 * np.exp(-run.time[before] / 2.0), atol=1e-6)


def test_what_a_delay_refuses():
    with pytest.raises(ModelError, match="the order of a delay is 1, 2, 3, …, not 0"):
        smooth("level", time="lead", order=0)
    lead = parameter(1.0, unit="year")
    with pytest.raises(ModelError, match="the delay 'seen' needs 'lad', which no variable of the model is called"):
        Model({"lead": lead, "seen": smooth("lead", time="lad")})
