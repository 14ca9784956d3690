"""Extreme conditions, the directions of the article's links, and a world without surprises."""

from pathlib import Path

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import ForkpointError
from forkpoint.world import checks as room
from forkpoint.world.checks import SOUND, checks, outcomes, table
from forkpoint.world.levers import levers
from forkpoint.world.model import START, observed, offers, world

OUTSIDE = {"C14", "C20"}
"""Claims whose effect the model has no variable for (see verdict.yaml)."""


@pytest.fixture(scope="module")
def results():
    return outcomes()


def test_every_statement_holds(results):
    assert [f"{o.check.name}: {o.found:g} against {o.compared:g}" for o in results if not o.holds] == []


def test_there_are_at_least_forty_and_every_lever_is_at_both_ends():
    declared = [c for c in checks() if c.must != SOUND]
    assert len([c for c in declared if not c.name.startswith("C")]) >= 40
    extremes = {s for c in checks() if c.must == SOUND for s in c.settings}
    for name, lever in levers().items():
        assert {(name, lever.low), (name, lever.high)} - {(name, None)} <= extremes


def test_every_claim_of_the_article_has_its_direction():
    named = {c.name.split()[0] for c in checks()}
    causal = {c.claim_id for c in catalog().claims if c.claim_id.startswith("C")}
    assert causal - OUTSIDE <= named


def test_the_page_shows_the_results(results):
    page = (Path(__file__).parents[2] / "docs" / "world.md").read_text()
    assert table(results) in page, "run: python -m forkpoint.world.checks docs/world.md"


def test_a_wrong_entry_is_told():
    for entry in ({"set": {}, "variable": "revenue", "must": "be"}, {"set": {}, "variable": "revenues", "must": "none"},
                  {"set": {"licence_fees": 1}, "variable": "revenue", "must": "none"}):  # fmt: skip
        with pytest.raises(ForkpointError, match=r"checks\.yaml: own"):
            room._declared("own", entry)


def test_a_world_without_surprises_settles():
    """Budgets, chips and law held at their values of 2019, no growth and no shock: orders, stocks and prices rest."""
    still = {n: {START: np.asarray(v[min(v)])} for n, v in offers("no-controls").items()}
    still |= {n: {START: v[min(v)]} for n, v in observed().items() if n not in ("security_incidents", "acquisitions")}
    still |= {"security_incidents": {START: 0.0}, "acquisitions": {START: 0.0}, "ai_share_early_growth": 0.0}
    still |= {"small_card_growth": 0.0, "ai_share_midpoint": 2200.0, "demand_lab_elasticity": 0.0}
    found = world().run(still, outputs=["order_spend", "packaging_capacity", "stock_price", "order_units", "shipments"])
    for name in ("order_spend", "packaging_capacity", "shipments"):
        path = np.asarray(found[name]).reshape(len(found.time), -1).sum(axis=1)
        assert path[-1] == pytest.approx(path[-5], rel=0.01), name
    spend = np.asarray(found["order_spend"])
    # The first orders for Chinese cards wait until vendors, who start from hardly any, have built up.
    assert np.max(np.abs(spend[16] / spend[0] - 1)) < 0.1
