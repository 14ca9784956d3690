# ruff: noqa: N805 - classes here are namespaces of equations
from __future__ import annotations

from typing import Any

import exported_models
import pytest

from forkpoint.dynamics import Model, aux, parameter, stock
from forkpoint.dynamics import functions as f
from forkpoint.dynamics.emit.equations import to_equations
from forkpoint.errors import ModelError


@pytest.fixture(scope="module")
def page() -> str:
    return to_equations(exported_models.market(), "A market")


def test_every_variable_is_on_the_page(page: str) -> None:
    model = exported_models.market()
    assert page.startswith("# A market: equations\n")
    for name in model.variables:
        assert f"### {name}\n" in page or f"| {name} |" in page


def test_an_equation_in_its_notation(page: str) -> None:
    assert r"\, \left(\frac{\text{cumulative}_{\text{vendor}}}{10}\right)^{-\text{learning rate}}" in page
    assert (
        r"\begin{cases} 1.2 & t > 2023 \wedge \text{tariff}_{\text{region}} \ge 0 \\ 1.35 & \text{else} \end{cases}"
        in page
    )
    assert r"\sum_{\text{vintage}} \text{installed}_{\text{vendor},\text{region},\text{vintage}}" in page


def test_a_stock_is_the_sum_of_its_flows(page: str) -> None:
    inflow = r"\sum_{\text{region}} \text{output}_{\text{vendor},\text{region}}"
    assert rf"\text{{cumulative}}_{{\text{{vendor}}}} = {inflow}" in page
    assert r"\left[\text{vintage} = \text{new}\right]\, \text{sales}_{\text{vendor},\text{region}}" in page


def test_units_sources_and_uses(page: str) -> None:
    assert "Auxiliary, USD. Wright's law." in page
    assert "Source: Wright 1936" in page
    assert "Used in: output, installed" in page
    assert "| tariff | 0.1 | 0 to 0.5 | 1 | Tariff. | test | price, market_size |" in page
    assert "| demand | 2020 to 2026 (3 values) | linear | unit/year | Demand. |" in page


def test_signs_and_brackets_keep_their_order() -> None:
    class Sector:
        a = parameter(1.0, doc="x")
        b = parameter(2.0, doc="x")

        @aux()
        def nested(a: Any, b: Any) -> Any:
            """Brackets where they are needed, and only there."""
            return a - (b - a) * (a + b) ** 2 - -a / f.exp(-b) + 2.5e-7

    page = to_equations(Model(Sector, start=0.0, stop=1.0, step=1.0))
    a, b = r"\text{a}", r"\text{b}"
    product = rf"\left({b} - {a}\right) \, \left({a} + {b}\right)^{{2}}"
    assert rf"{a} - {product} - \frac{{-{a}}}{{e^{{-{b}}}}} + 2.5 \cdot 10^{{-7}}" in page


def test_what_the_page_cannot_show_is_refused_by_name() -> None:
    class Sector:
        level = stock(1.0, doc="x")

        @aux()
        def looping(level: Any) -> Any:
            """A loop."""
            total = level
            for _ in range(3):
                total = total + level
            return total

    with pytest.raises(ModelError, match=r"aux 'looping'.*no form on the page"):
        to_equations(Model(Sector, start=0.0, stop=1.0, step=1.0))
