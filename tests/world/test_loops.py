"""The nineteen loops: real cycles of the model, each with a switch that breaks or holds it."""

import numpy as np
import pytest

from forkpoint.world.loops import named_loops
from forkpoint.world.model import world
from forkpoint.world.run import run
from forkpoint.world.scenario import LOOPS

ARTICLE = {"B1", "R1", "R2", "R3", "R3′", "R4", "R5", "R6", "R7", "R8", "B2", "B3"}
LEFT_OUT = {"B4", "B5", "B6", "B7", "B8", "R9", "B9"}


def test_all_nineteen_are_there():
    assert set(named_loops()) == ARTICLE | LEFT_OUT == set(LOOPS)


@pytest.mark.parametrize("name", LOOPS)
def test_the_path_is_a_cycle_of_the_model(name):
    graph, loop = world().graph(), named_loops()[name]
    for a, b in zip(loop.path, [*loop.path[1:], loop.path[0]], strict=True):
        assert graph.has_edge(a, b), f"{name}: no link {a} → {b}"
    assert any(v in world().stocks for v in loop.path), "a loop passes a stock"


@pytest.fixture(scope="module")
def there():
    return run()


@pytest.mark.parametrize("name", [n for n in LOOPS if n != "B2"])
def test_switching_a_loop_off_changes_something_on_its_path(name, there):
    loop = named_loops()[name]
    outputs = (*loop.path, "us_made_share")
    gone = run(levers={loop.switch: 0}, outputs=outputs)
    moved = max(
        float(np.max(np.abs(np.asarray(there[v]) - np.asarray(gone[v])))) / (float(np.max(np.abs(there[v]))) or 1.0)
        for v in outputs
    )
    assert moved > 1e-4


def test_a_fee_buys_licences_only_with_loop_b2():
    turned = ["licence_fee=0.25@2026Q1", "licence_openness=0@2026Q1"]
    there, gone = run(levers=turned), run(levers=[*turned, "switch_b2=0"])
    assert there.at("licence_grant", 2028.0) > gone.at("licence_grant", 2028.0) + 0.1


def test_the_article_overstates_the_drain_on_research(there):
    """NVIDIA's research rose while its China revenue fell: the loop is there, and small."""
    gone = run(levers={"switch_r7": 0}, outputs=("rnd_spend",))
    ratio = there.at("rnd_spend", 2025.25, vendor="nvidia") / gone.at("rnd_spend", 2025.25, vendor="nvidia")
    assert 0.7 < ratio < 1.3
    assert ratio != 1
