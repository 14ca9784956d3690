"""Rival structures: stacking recovers known mixtures, evidence and left-out scores are the normal's own density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from forkpoint.errors import UnknownName
from forkpoint.uncertainty.structures import (
    BASE,
    bootstrap_weights,
    data_prefer,
    explain,
    stacking_weights,
    structure_table,
)


def test_stacking_recovers_the_weights_of_a_mixture() -> None:
    rng = np.random.default_rng(1)
    cases = 20_000
    drawn = np.where(rng.random(cases) < 0.7, rng.normal(0, 1, cases), rng.normal(4, 1, cases))
    densities = np.stack([norm.logpdf(drawn, 0, 1), norm.logpdf(drawn, 4, 1), norm.logpdf(drawn, -9, 1)], axis=1)
    assert stacking_weights(densities) == pytest.approx([0.7, 0.3, 0.0], abs=0.01)


def test_rivals_that_say_the_same_share_their_weight_and_a_clear_winner_takes_it() -> None:
    same = np.log(np.full((30, 2), 0.3))
    assert bootstrap_weights(same) == pytest.approx([0.5, 0.5])
    better = same + np.array([0.0, -1.0])
    assert bootstrap_weights(better)[0] > 0.99


def test_evidence_and_left_out_scores_are_those_of_a_linear_model() -> None:
    """For y = Hz + noise, z and noise standard normal, both are exact: y is normal with covariance 1 + HHᵀ."""
    rng = np.random.default_rng(2)
    slopes, seen = rng.normal(size=(6, 4)), rng.normal(size=6)
    covariance = np.eye(6) + slopes @ slopes.T
    mode = slopes.T @ np.linalg.solve(covariance, seen)
    found = explain(slopes @ mode - seen, slopes, mode, ["a", "a", "b", "b", "b", "c"])
    whole = multivariate_normal(np.zeros(6), covariance)
    assert found.log_evidence - 3 * np.log(2 * np.pi) == pytest.approx(whole.logpdf(seen))
    for block, score in zip(([0, 1], [2, 3, 4], [5]), found.scores, strict=True):
        rest = [i for i in range(6) if i not in block]
        other = multivariate_normal(np.zeros(len(rest)), covariance[np.ix_(rest, rest)])
        assert score == pytest.approx(whole.logpdf(seen) - other.logpdf(seen[rest]))


def test_the_shipped_table_speaks_of_every_loop() -> None:
    from forkpoint.world.scenario import LOOPS

    rows = structure_table()
    assert [r["structure"] for r in rows] == [BASE, *(f"{loop} off" for loop in LOOPS)]
    assert sum(r["weight"] for r in rows) == pytest.approx(1.0, abs=1e-4)
    for loop in LOOPS:
        found = data_prefer(loop)
        assert loop in found.words
        assert 0 <= found.weight_on <= 1


def test_an_unknown_loop_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="R3"):
        data_prefer("R33")
