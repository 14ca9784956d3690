"""The equations as such: no fact in code, a source for every number, units that balance."""

import ast
from pathlib import Path

import pytest

from forkpoint.dynamics.variables import Equation, Parameter
from forkpoint.world.equations import equation_rows, page, sectors
from forkpoint.world.model import SECTORS, world
from forkpoint.world.reference import FOLDER, references

UNIT_CONVERSIONS = {"MONTHS_PER_QUARTER": 3, "QUARTERS_PER_YEAR": 4, "QUARTERS": 4, "MONTHS": 12}
CALENDAR = {
    "FIRST",
    "LAST",
    "MID_MONTH",
    "START",
    "STOP",
    "STEP",
    "CONTROLS_FROM",
    "LAST_KNOWN",
    "LAWS",
    "SHOWN",
    "FELT",
}
"""Names whose right-hand side may hold numbers: the span of the model, dates of variants, widths of a display."""
OURS = [*(s.__name__.rsplit(".", 1)[-1] for s in SECTORS), "law", "machine", "levers", "scenario", "model", "run",
        "results", "explain", "loops", "equations", "reference"]  # fmt: skip


def literals(tree: ast.AST) -> list[tuple[int, object]]:
    """Numbers in a syntax tree other than 0, 1, 2, outside named calendar and unit-conversion constants."""
    found = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            if names & (CALENDAR | set(UNIT_CONVERSIONS)):
                return
        number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        if number and not isinstance(node.value, bool) and node.value not in (0, 1, 2):
            found.append((node.lineno, node.value))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


@pytest.mark.parametrize("name", OURS)
def test_no_literal_number_stands_in_the_code(name):
    path = FOLDER / f"{name}.py"
    allowed = {"levers": {10}, "explain": {80, 4}, "results": {20}, "equations": set()}.get(name, set())
    assert [x for x in literals(ast.parse(path.read_text())) if x[1] not in allowed] == []


def test_units_of_every_equation_balance():
    world().check_units()


def test_every_equation_says_what_it_means():
    for variable in world().variables.values():
        assert variable.meaning.strip().endswith((".", ")")), variable.label
        assert variable.unit, variable.label


def test_every_parameter_has_range_and_source():
    for one in references().values():
        assert one.source.strip(), one.name
        if one.source.startswith("assumption"):
            assert one.source[len("assumption") :].lstrip(": ").strip(), f"{one.name}: an assumption says why"
        if one.sector not in ("definitions", "levers"):
            ranged = one.spread is not None or (one.low is not None and one.high is not None)
            fixed = one.source in ("definition",) or "definition" in one.source or one.name.startswith("initial_")
            exempt = {"networking_owned", "bus_bandwidth", "diverted_share", "needs_hbm", "lab_weight",
                      "initial_platform_share", "initial_vintage_share"}  # fmt: skip
            assert ranged or fixed or one.name in exempt, one.name
        if one.low is not None and not one.dims:
            assert one.low <= one.value <= one.high, one.name


def test_every_parameter_is_used_by_an_equation_or_by_the_law():
    used = {i for v in world().variables.values() if isinstance(v, Equation) for i in v.inputs}
    text = "".join(Path(FOLDER / f"{n}.py").read_text() for n in ("law", "machine", "model"))
    assert [n for n in references() if n not in used and f'"{n}"' not in text and f"{n}" not in text] == []


def test_initial_shares_add_up_to_one():
    values = references()
    for region in ("us", "cn", "row"):
        assert sum(values["initial_platform_share"].value[region].values()) == pytest.approx(1, abs=1e-4)
        assert sum(values["initial_developer_share"].value[region].values()) == pytest.approx(1, abs=1e-3)
    assert sum(values["initial_vintage_share"].value.values()) == pytest.approx(1)
    assert sum(values["lab_weight"].value.values()) == pytest.approx(1)


def test_each_of_the_eight_sectors_has_equations():
    assert sectors() == ("technology", "demand", "choice", "supply", "finance", "compute", "ecosystem", "politics")
    for sector in sectors():
        assert len(equation_rows(sector)) >= 5


def test_the_model_stays_small_enough_for_a_million_draws():
    import math

    states = sum(math.prod(world().shape(name)) for name in world().stocks)
    assert states <= 350


def test_the_page_lists_every_equation():
    text = page()
    assert all(f"`{row['name']}" in text for row in equation_rows())


def test_docs_have_not_drifted():
    path = Path(__file__).parents[2] / "docs" / "world-equations.md"
    assert path.read_text() == page(), "run: forkpoint equations --markdown > docs/world-equations.md"


def test_parameters_of_the_model_are_those_of_the_reference():
    kinds = {n for n, v in world().variables.items() if isinstance(v, Parameter)}
    assert kinds <= set(references())
