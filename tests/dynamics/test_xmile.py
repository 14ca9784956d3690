"""The XMILE export, run by two other tools: both must find the engine's own numbers."""

# ruff: noqa: N805 - classes here are namespaces of equations

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported_models
import numpy as np
import pytest

from forkpoint.dynamics import Model, aux, parameter, series, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.emit.xmile import decimal, element_names, to_xmile
from forkpoint.errors import ModelError

Columns = dict[str, np.ndarray]


def in_pysd(path: Path, names: list[str]) -> Columns:
    import pysd

    frame = pysd.read_xmile(str(path)).run(return_columns=names)
    return {name: frame[name].to_numpy() for name in names}


def in_pysimlin(path: Path, names: list[str]) -> Columns:
    import simlin

    frame = simlin.load(str(path)).run().results
    return {name: frame[name.lower()].to_numpy() for name in names}


def columns(model: Model, run: Any) -> Columns:
    return {
        own: run[name].reshape(len(run.time), -1)[:, element]
        for name in run
        for element, own in enumerate(element_names(model, name))
    }


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", [in_pysd, in_pysimlin])
@pytest.mark.parametrize("name", exported_models.NAMES)
def test_other_tools_find_the_same_numbers(name: str, tool: Any, tmp_path: Path) -> None:
    model = exported_models.named(name)
    levers = {"market": {"tariff": {2022.0: {"south": 0.3}}}, "epidemic": {"contacts": 0.5}}.get(name, {})
    path = tmp_path / f"{name}.xmile"
    path.write_text(to_xmile(model, levers), encoding="utf-8")
    expected = columns(model, model.run(levers))
    found = tool(path, list(expected))
    for column, values in expected.items():
        np.testing.assert_allclose(found[column], values, rtol=1e-9, atol=1e-12, err_msg=column)


def functions_model() -> Model:
    class Sector:
        level = stock(-2.5, unit="1", non_negative=False, doc="Runs from −2.5 to 2.5.")
        events = series({0.0: 0.0, 1.0: 3.0}, hold="event", doc="An amount at 1.")
        tiny = parameter(1.5e-9, source="test", doc="Needs e-notation.")

        @aux()
        def rounded(level: Any) -> Any:
            """Floor and ceiling by the library."""
            lib = f.library(level)
            return lib.floor(level) + 10.0 * lib.ceil(level)

        @aux()
        def rest(level: Any) -> Any:
            """Remainder with the sign of the dividend."""
            return f.library(level).fmod(level, 2.0) + f.sqrt(level * level) + f.absolute(level)

        @aux()
        def logic(level: Any, tiny: Any) -> Any:
            """Truth values joined."""
            lib = f.library(level)
            return f.where(
                lib.logical_or(lib.logical_not(level > 0.0), (level == 1.0) & (level < 9.0)), 1.0 + tiny, 2.0
            )

        @aux()
        def smooth(level: Any, events: Any) -> Any:
            """Functions that XMILE lacks."""
            lib = f.library(level)
            return (
                f.tanh(level) + lib.log1p(level * level) + lib.expm1(level) + lib.sinh(level) + lib.cosh(level) + events
            )

    from forkpoint.dynamics import flow

    @flow(into="level", unit="1/year")
    def rise() -> Any:
        """One a year."""
        return 1.0

    return Model(Sector, {"rise": rise}, start=0.0, stop=5.0, step=0.25, name="a & b <c>")


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tool", [in_pysd, in_pysimlin])
def test_functions_that_need_spelling_out(tool: Any, tmp_path: Path) -> None:
    model = functions_model()
    path = tmp_path / "functions.xmile"
    path.write_text(to_xmile(model), encoding="utf-8")
    expected = columns(model, model.run(outputs=["level", "rounded", "rest", "logic", "smooth"]))
    found = tool(path, list(expected))
    for column, values in expected.items():
        np.testing.assert_allclose(found[column], values, rtol=1e-9, atol=1e-12, err_msg=column)


def test_numbers_have_no_exponent() -> None:
    text = to_xmile(functions_model())
    assert "<eqn>0.0000000015</eqn>" in text
    assert decimal(1e22, "x") == "10000000000000000000000"
    assert float(decimal(0.1 + 0.2, "x")) == 0.1 + 0.2
    with pytest.raises(ModelError, match="'x' cannot be written as XMILE: it holds inf"):
        decimal(float("inf"), "x")


def test_elements_keep_their_names_apart() -> None:
    first = parameter(1.0, source="test", doc="x")
    with pytest.raises(ModelError, match="would both be called"):
        to_xmile(Model({"Price": first, "price": parameter(2.0, doc="x")}, start=0.0, stop=1.0, step=1.0))
    model = Model({"delay": parameter(2.0, doc="x")}, start=0.0, stop=1.0, step=1.0)
    assert element_names(model, "delay") == ["delay_value"]
