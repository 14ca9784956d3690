"""Regret and satisficing on tables done by hand; PRIM finds a box that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forkpoint.errors import InputError
from forkpoint.uncertainty.decisions import Goal, compare, in_words, prim, regret

TABLE = np.array([[10.0, 10.0, 10.0], [14.0, 2.0, 9.0]])


def test_regret_by_hand() -> None:
    assert regret(TABLE).tolist() == [[4.0, 0.0, 0.0], [0.0, 8.0, 1.0]]
    assert regret(TABLE, -1).tolist() == [[0.0, 8.0, 1.0], [4.0, 0.0, 0.0]]


def test_the_steady_policy_has_the_smaller_regret_and_the_levels_count() -> None:
    first, second = compare(["steady", "bold"], TABLE, Goal.of("profit>=10"))
    assert (first["policy"], first["good_enough_in"], first["largest_regret"]) == ("steady", 1.0, 4.0)
    assert second["good_enough_in"] == pytest.approx(1 / 3)
    assert second["best_in"] == pytest.approx(1 / 3)
    assert first["mean_regret"] == pytest.approx(4 / 3)


def test_a_future_without_an_answer_for_every_policy_is_left_out_and_counted() -> None:
    holed = np.insert(TABLE, 1, [np.nan, 1e9], axis=1)
    assert compare(["steady", "bold"], holed, Goal.of("max profit")) == compare(
        ["steady", "bold"], TABLE, Goal.of("max profit")
    )
    assert compare(["steady", "bold"], holed, Goal.of("max profit"))[0]["futures"] == 3


@settings(max_examples=30, deadline=None)
@given(arrays(float, (4, 7), elements=st.floats(-1e6, 1e6)))
def test_some_policy_is_without_regret_in_every_future(values: np.ndarray) -> None:
    behind = regret(values)
    assert (behind >= 0).all()
    assert (behind.min(axis=0) == 0).all()


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("max compute_ratio", Goal("compute_ratio", 1)),
        ("min usable_compute[cn]", Goal("usable_compute[cn]", -1)),
        ("compute_ratio>=5", Goal("compute_ratio", 1, 5.0)),
        ("adaptation_lag[cann] <= 10", Goal("adaptation_lag[cann]", -1, 10.0)),
    ],
)
def test_goals_as_typed(text: str, goal: Goal) -> None:
    assert Goal.of(text) == goal


@pytest.mark.parametrize("text", ["compute_ratio", "max", "compute_ratio>=many"])
def test_a_goal_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Goal.of(text)


def test_prim_finds_a_known_box() -> None:
    """The event happens where a > 0.6 and b < 0.5, with 3 % of the others as noise; eight parameters mean nothing."""
    rng = np.random.default_rng(1)
    x = rng.random((10, 3000))
    event = ((x[0] > 0.6) & (x[1] < 0.5)) | (rng.random(3000) < 0.03)
    box = prim(x, event, [*"abcdefghij"], density=0.95)
    limits = {limit.name: limit for limit in box.limits}
    assert set(limits) == {"a", "b"}
    assert limits["a"].low == pytest.approx(0.6, abs=0.05)
    assert limits["b"].high == pytest.approx(0.5, abs=0.05)
    assert box.density > 0.8
    assert box.test_density > 0.8
    assert box.coverage > 0.75
    words = in_words(box, "the fee slows domestic chips", {"a": "1/year"})
    assert f"a is above {limits['a'].low:.4g} 1/year" in words


def test_prim_of_an_event_without_a_cause_claims_little() -> None:
    rng = np.random.default_rng(2)
    x, event = rng.random((5, 2000)), rng.random(2000) < 0.3
    box = prim(x, event, [*"abcde"])
    assert box.test_density < 0.5


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_event_that_never_or_always_happens_has_no_box(share: float) -> None:
    with pytest.raises(InputError, match="no box"):
        prim(np.random.default_rng(0).random((2, 100)), np.full(100, bool(share)), ["a", "b"])
