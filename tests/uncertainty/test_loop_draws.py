"""Loops over draws: each draw's score is that of its own single run, probabilities are counts, rest counts nowhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from forkpoint.cli import forkpoint
from forkpoint.dynamics.loop_scores import loop_scores
from forkpoint.dynamics.loops import Loops
from forkpoint.errors import InputError, UnknownName
from forkpoint.uncertainty import loop_draws as module
from forkpoint.uncertainty.draws import Draws
from forkpoint.uncertainty.loop_draws import LoopDraws, cycles, loop_draws
from forkpoint.world.loops import named_loops
from forkpoint.world.model import START, STEP, STOP, world
from forkpoint.world.run import inputs
from forkpoint.world.scenario import scenario

DRAWS = 4


@pytest.fixture(scope="module")
def found() -> LoopDraws:
    return loop_draws("as-it-was", DRAWS)


def test_a_draw_has_the_scores_of_its_own_run(found: LoopDraws) -> None:
    given = inputs(scenario("as-it-was"), {})
    drawn = Draws.of().parameters(0, 0, DRAWS)
    wanted = Loops(tuple(cycles().loops[n] for n in cycles().compared), False, "", ())
    for draw in (0, DRAWS - 1):
        levers = {**given, **{n: np.asarray(v)[..., draw] for n, v in drawn.items() if n not in given}}
        score = loop_scores(world(), world().run(levers, START, STOP, STEP), wanted).score
        share = score / np.where((size := np.abs(score).sum(axis=0)) > 0, size, np.nan)
        for step in (10, 40):
            alone = np.nanmean(share[:, step - 3 : step + 4], axis=1)
            np.testing.assert_allclose(found.shares[:, step, draw], alone, rtol=1e-6, atol=1e-9)


def test_more_draws_and_other_batches_change_none_before(found: LoopDraws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOGETHER", 2)
    again = loop_draws("as-it-was", DRAWS + 1)
    np.testing.assert_allclose(again.shares[..., :DRAWS], found.shares, rtol=1e-6, atol=1e-9)


def test_every_named_loop_is_a_cycle_that_passes_its_path_or_is_said_to_be_missing() -> None:
    assert set(cycles().loops) | set(cycles().missing) == set(named_loops())
    for name, loop in cycles().loops.items():
        assert set(named_loops()[name].path) <= set(loop.variables)


def test_research_paid_by_sales_reinforces(found: LoopDraws) -> None:
    """R7: more sales, more research, better chips; its score was negative while its path led through the growth rate's
    denominator."""
    assert found.bands("R7")["p05"][-20] > 0


def test_probabilities_are_counts_and_sum_to_one(found: LoopDraws) -> None:
    chances = found.strongest()
    np.testing.assert_allclose(chances.sum(axis=0), 1.0)
    np.testing.assert_allclose(chances * DRAWS, np.round(chances * DRAWS))
    assert sum(r["p_strongest"] for r in found.over(2023, 2025)) == pytest.approx(1.0)
    first = found.over(2023, 2025)[0]
    assert first["p05"] <= first["p25"] <= first["p50"] <= first["p75"] <= first["p95"]


def test_draws_at_rest_or_without_a_slope_have_no_part() -> None:
    """Two loops, one quarter, four draws: the first leads, the second leads by its size, nothing moves, a score that is
    not finite."""
    scores = np.array([[[3.0, 1.0, 0.0, np.inf]], [[1.0, -4.0, 0.0, 1.0]]])
    shares = module._shares(scores)
    assert shares[:, 0, 0].tolist() == [0.75, 0.25]
    assert shares[:, 0, 1].tolist() == [0.2, -0.8]
    assert np.isnan(shares[:, 0, 2:]).all()
    assert module._strongest(shares)[:, 0].tolist() == [0.5, 0.5]


def test_what_cannot_be_asked(found: LoopDraws) -> None:
    with pytest.raises(UnknownName, match="R7"):
        found.bands("R77")
    with pytest.raises(InputError, match="no quarter"):
        found.over(2050, 2060)
    with pytest.raises(InputError, match="1 to"):
        loop_draws("as-it-was", 0)


def test_the_command_tells_by_period_and_by_quarter() -> None:
    shown = CliRunner().invoke(forkpoint, ["loops", "--draws", str(DRAWS)])
    assert shown.exit_code == 0
    assert "2023–2025" in shown.output
    assert f"{DRAWS} of {DRAWS} draws" in " ".join(shown.output.split())
    rows = json.loads(CliRunner().invoke(forkpoint, ["loops", "--draws", str(DRAWS), "--json"]).output)
    quarter = [r for r in rows if r["time"] == 2025.0]
    assert {r["loop"] for r in quarter} == set(cycles().compared)
    assert sum(r["p_strongest"] for r in quarter) == pytest.approx(1.0)
    both = CliRunner().invoke(forkpoint, ["loops", "--draws", "9", "--output", "compute_ratio"])
    assert isinstance(both.exception, InputError)
