"""The JavaScript against the engine, run by V8: from Node where it is installed, else embedded in Python."""

# ruff: noqa: N805 - classes here are namespaces of equations

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import exported_models
import numpy as np
import pytest

from forkpoint.dynamics import Model, aux, parameter, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.emit.javascript import to_javascript
from forkpoint.errors import ModelError

Run = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]]

CALLS = """
const plain = (r) => Object.fromEntries(Object.entries(r).map(([k, x]) => [k, Array.from(x)]));
const attempt = (levers) => { try { return plain(simulate(levers)); } catch (e) { return { error: e.message }; } };
const results = %s.map(attempt);
"""


def in_node(module: str, settings: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    path = folder / "model.mjs"
    path.write_text(module + CALLS % json.dumps(settings) + "console.log(JSON.stringify(results));", encoding="utf-8")
    done = subprocess.run(["node", str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def in_python(module: str, settings: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    from py_mini_racer import MiniRacer

    script = re.sub(r"^export ", "", module, flags=re.MULTILINE)
    return json.loads(MiniRacer().eval(script + CALLS % json.dumps(settings) + "JSON.stringify(results);"))


ENGINES = [in_node] * (shutil.which("node") is not None) + [in_python] * (find_spec("py_mini_racer") is not None)


@pytest.fixture(params=range(max(1, len(ENGINES))))
def javascript(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    if not ENGINES:
        pytest.fail("no JavaScript engine: install Node, or pip install mini-racer")
    engine = ENGINES[request.param]
    return lambda module, settings: engine(module, settings, tmp_path)


def settings_of(model: Model, count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    found = {}
    for name, value in model.inputs().items():
        p = model.parameters[name]
        low, high = (p.low, p.high) if p.low is not None else (0.8 * value, 1.2 * value)
        found[name] = rng.uniform(low, high, size=(count, *model.shape(name)))
    return {name: np.moveaxis(values, 0, -1) for name, values in found.items()}


def as_levers(draws: dict[str, np.ndarray], draw: int) -> dict[str, Any]:
    return {n: float(v[draw]) if v.ndim == 1 else list(map(float, v[..., draw].ravel())) for n, v in draws.items()}


@cache
def by_jax(name: str) -> tuple[Model, dict[str, np.ndarray], Any]:
    model = exported_models.named(name)
    draws = settings_of(model, 200)
    return model, draws, model.run(draws=draws, engine="jax")


@pytest.mark.parametrize("name", exported_models.NAMES)
def test_equals_jax_on_200_random_settings(name: str, javascript: Run) -> None:
    model, draws, ours = by_jax(name)
    theirs = javascript(to_javascript(model), [as_levers(draws, draw) for draw in range(200)])
    for variable in ours:
        expected = np.moveaxis(ours[variable], -1, 0).reshape(200, -1)
        given = np.array([result[variable] for result in theirs])
        size = np.max(np.abs(expected))
        np.testing.assert_allclose(given, expected, rtol=1e-10, atol=1e-12 * size, err_msg=variable)


def test_levers_by_label_and_their_errors(javascript: Run) -> None:
    model = exported_models.market()
    module = to_javascript(model)
    one, wrong_label, wrong_count, unknown = javascript(
        module, [{"tariff": {"south": 0.3}}, {"tariff": {"west": 1}}, {"first_cost": [1, 2]}, {"tarif": 1}]
    )
    run = model.run({"tariff": {"south": 0.3}})
    np.testing.assert_allclose(one["price"], run["price"].ravel(), rtol=1e-12)
    assert one["time"] == pytest.approx(list(run.time))
    assert wrong_label["error"] == "'tariff' has no element called 'west'"
    assert wrong_count["error"] == "'first_cost' has 3 elements, 2 were given"
    assert unknown["error"] == "no parameter is called 'tarif'"


def test_levers_that_change_over_time(javascript: Run) -> None:
    model = exported_models.market()
    levers = {"sensitivity": {2020.0: 0.5, 2023.0: 1.5}, "tariff": {2021.0: {"north": 0.4}}}
    (result,) = javascript(to_javascript(model, levers), [{}])
    np.testing.assert_allclose(result["share"], model.run(levers)["share"].ravel(), rtol=1e-11)


def test_what_a_page_needs_is_in_the_module() -> None:
    module = to_javascript(exported_models.market())
    about = json.loads(re.search(r"export const about = (.*);", module)[1])
    assert about["dimensions"]["region"] == ["north", "south"]
    assert about["variables"]["tariff"] | {"low": 0.0, "high": 0.5, "dims": ["region"]} == about["variables"]["tariff"]
    assert "import" not in module


def test_an_operation_without_a_scalar_form_is_refused_by_name() -> None:
    class Sector:
        level = stock(1.0, unit="1", doc="x")
        size = parameter(2.0, unit="1", doc="x")

        @aux()
        def slant(level: Any, size: Any) -> Any:
            """The long side of a triangle."""
            return f.library(level, size).hypot(level, size)

    with pytest.raises(ModelError, match=r"'slant'.*numpy\.hypot"):
        to_javascript(Model(Sector, start=0.0, stop=1.0, step=1.0))
