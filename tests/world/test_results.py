"""Results leave in forms that other tools open."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from forkpoint.cli import forkpoint as command
from forkpoint.errors import MissingExtra
from forkpoint.world import results
from forkpoint.world.run import run


@pytest.fixture(scope="module")
def pair():
    names = ("nvidia_china_revenue", "shipments")
    return [run(name, to=2024, outputs=names) for name in ("as-it-was", "full-embargo")]


def test_quarters():
    assert [results.quarter_name(t) for t in (2019.0, 2025.25, 2035.75)] == ["2019Q1", "2025Q2", "2035Q4"]


def test_iamc_opens_in_pyam(pair, tmp_path):
    pyam = pytest.importorskip("pyam")
    results.write(pair, tmp_path, csv=False, netcdf=False, iamc=True, json=False)
    frame = pyam.IamDataFrame(tmp_path / "iamc.csv")
    assert set(frame.scenario) == {"as-it-was", "full-embargo"}
    assert "China" in frame.region
    assert (
        frame.filter(variable="Shipments|huawei", region="China", year=2024, scenario="as-it-was").data.value.iloc[0]
        > 0
    )


def test_netcdf_opens_in_xarray(pair, tmp_path):
    xarray = pytest.importorskip("xarray")
    results.write(pair[:1], tmp_path, csv=False, netcdf=True, iamc=False, json=False)
    with xarray.open_dataset(tmp_path / "as-it-was.nc", engine="h5netcdf") as data:
        ours = data["shipments"].sel(vendor="huawei", region="cn").to_numpy()
        assert np.allclose(ours, pair[0].at("shipments", vendor="huawei", region="cn"))
        assert data["shipments"].attrs["units"] == "chip/year"


def test_without_netcdf_nothing_is_made(pair, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(MissingExtra, match="h5netcdf"):
        results.write(pair, tmp_path / "out", csv=True, netcdf=True, iamc=True, json=True)
    assert not (tmp_path / "out").exists()


def test_long_csv_and_json(pair, tmp_path):
    written = results.write(pair[:1], tmp_path, csv=True, netcdf=False, iamc=False, json=True)
    assert [p.name for p in written] == ["as-it-was.csv", "as-it-was.json"]
    assert json.loads(written[1].read_text())["variables"]["shipments"]["dims"] == ["vendor", "region"]


def test_the_named_systems_have_rows_of_their_own(pair):
    labels = {r["labels"] for r in results.long_rows(pair[0]) if r["variable"] == "shipments"}
    for vendor in ("nvidia", "huawei", "biren", "kunlunxin", "denglin", "iluvatar", "cambricon", "moore_threads"):
        assert f"vendor={vendor};region=cn" in labels


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "as-it-was", "--to", "2026"], "NVIDIA revenue in China"),
        (["run", "--to", "2026", "--lever", "licence_fee=0.2@2026"], "Domestic share by units"),
        (["scenarios"], "full-embargo"),
        (["levers"], "licence_fee"),
        (["equations", "politics"], "suspicion"),
        (["loops"], "containment"),
    ],
)
def test_commands(words, expected):
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert expected in done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "as-it-wos"], "as-it-was"),
        (["run", "--lever", "licence_fees=0.1"], "licence_fee"),
        (["run", "--netcdf"], "--out"),
        (["explain", "domestic_share_unit"], "domestic_share_units"),
        (["equations", "polticis"], "politics"),
    ],
)
def test_bad_input_is_a_sentence(words, expected):
    done = CliRunner().invoke(command, words)
    assert done.exit_code != 0
    assert expected in str(done.exception)


def test_an_explanation_shows_equation_inputs_and_loops(monkeypatch):
    from forkpoint.world import explain

    chosen = {k: v for k, v in explain.named_loops().items() if k in ("B2", "R5")}
    monkeypatch.setattr(explain, "named_loops", lambda: chosen)
    step = explain.explain("licence_grant", at="2026Q2", versus="full-embargo")
    assert "lobbying" in step.children[0].numbers
    assert "bought = switch_b2 · beyond_catalogue · levy_interest · licence_fee · lobbying" in step.detail
    assert "e^(-bought)" in step.detail
    assert "in the code: world/politics.py, line " in step.detail
    assert "return" not in step.detail
    assert step.children[-1].name.startswith("versus")


def test_an_explanation_uses_the_numbers_and_units_of_a_run(monkeypatch):
    from forkpoint.world import explain

    monkeypatch.setattr(explain, "named_loops", dict)
    told = explain.explain("nvidia_china_revenue")
    summary = {r["quantity"]: r for r in results.summary(run("as-it-was"), ["2025"])}
    assert told.outcome.endswith(" bn USD/year")
    assert summary["NVIDIA revenue in China"]["unit"] == "bn USD/year"
    shown = {name: str(q) for name, q in told.children[0].numbers.items()}
    assert shown["nvidia_other_sales"].endswith(" bn USD/year")
    assert float(shown["china_share_of_other"]) < 1, "a number without dimension has no unit"
    assert explain.explain("domestic_share_units").outcome.endswith(" %")
    assert explain.explain("usable_compute").outcome.endswith(" million H100e")


def test_what_another_scenario_brings_to_zero_is_not_called_the_same(monkeypatch):
    from forkpoint.world import explain

    monkeypatch.setattr(explain, "named_loops", dict)
    step = explain.explain("licence_grant", at="2027Q1", versus="full-embargo")
    assert step.children[-1].outcome == "zero in Full embargo, apart from 2026Q1 on"


def test_an_explanation_of_a_stock_has_its_flows(monkeypatch):
    from forkpoint.world import explain

    monkeypatch.setattr(explain, "named_loops", dict)
    assert {"hbm_imports", "hbm_output", "hbm_use"} <= set(explain.explain("hbm_stock").children[0].numbers)


@pytest.mark.parametrize("words", [["run", "as-it-was"], ["levers"], ["scenarios"]])
def test_tables_break_no_word_at_80_columns(words, monkeypatch):
    """Every name, unit and number of the table is found whole in what is printed."""
    monkeypatch.setattr("forkpoint.cli.output.screen_width", lambda: 80)
    shown = CliRunner().invoke(command, words).stdout
    assert max(map(len, shown.splitlines())) <= 80
    table = json.loads(CliRunner().invoke(command, [*words, "--json"]).stdout)
    if words[0] == "run":
        table = [{k: r[k] for k in ("title", "unit")} for r in results.headline()]
    for row in table:
        for word in " ".join(v for k, v in row.items() if isinstance(v, str) and k not in ("source", "now")).split():
            assert word in shown or word == "1"


def test_every_equation_can_be_read_as_text():
    """No LaTeX and no Python is left in any equation of the world."""
    from forkpoint.dynamics.variables import Equation
    from forkpoint.world.explain import formula
    from forkpoint.world.model import world

    for name, variable in world().variables.items():
        if isinstance(variable, Equation):
            text = formula(name)
            assert "=" in text, text
            assert not set("\\{}$") & set(text), text
            assert text.count("(") == text.count(")"), text
