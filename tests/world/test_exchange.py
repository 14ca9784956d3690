"""The whole world in other tools: its XMILE in pysimlin and its JavaScript in V8 give the engine's own trajectories."""

import json
import re

import numpy as np
import pytest

from forkpoint.dynamics.emit.javascript import to_javascript
from forkpoint.dynamics.emit.xmile import element_names, to_xmile
from forkpoint.world.model import world
from forkpoint.world.run import inputs, run
from forkpoint.world.scenario import scenario

CLOSE = 1e-8
LAST = 2026


@pytest.fixture(scope="module")
def ours():
    return run(to=LAST)


def apart(theirs, ours):
    return float(np.max(np.abs(np.asarray(theirs) - ours)) / (np.max(np.abs(ours)) or 1.0))


@pytest.mark.oracle
def test_the_xmile_of_the_whole_world_in_pysimlin(ours, tmp_path):
    simlin = pytest.importorskip("simlin")
    path = tmp_path / "world.xmile"
    path.write_text(to_xmile(world(), inputs(scenario("as-it-was")), stop=LAST + 1.0), encoding="utf-8")
    found = simlin.load(str(path)).run(analyze_loops=False).results
    worst = {}
    for name in ours:
        columns = np.asarray(ours[name]).reshape(len(ours.time), -1)
        for element, own in enumerate(element_names(world(), name)):
            worst[own] = apart(found[own.lower()].to_numpy()[: len(columns)], columns[:, element])
    assert len(worst) > 2000
    assert max(worst.values()) <= CLOSE, max(worst, key=worst.__getitem__)


@pytest.mark.oracle
def test_the_javascript_of_the_whole_world_in_v8(ours):
    racer = pytest.importorskip("py_mini_racer")
    text = to_javascript(world(), inputs(scenario("as-it-was")), stop=LAST + 1.0)
    script = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    plain = "JSON.stringify(Object.fromEntries(Object.entries(simulate({})).map(([k, x]) => [k, Array.from(x)])))"
    found = json.loads(racer.MiniRacer().eval(script + plain))
    for name in ours:
        assert apart(found[name], np.asarray(ours[name]).ravel()) <= CLOSE, name
