"""The reader against closed forms, on files written for it."""

from __future__ import annotations

from pathlib import Path

import exported_models
import numpy as np
import pytest
from numpy.testing import assert_allclose

from forkpoint.dynamics.emit.equations import to_equations
from forkpoint.dynamics.emit.xmile import element_names, to_xmile
from forkpoint.dynamics.read_xmile import draft_xmile, read_xmile
from forkpoint.errors import InputError, ModelError, UnknownName

FOLDER = Path(__file__).parent / "xmile"


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return dict(read_xmile(FOLDER / "arrays.xmile").run())


@pytest.fixture(scope="module")
def memory() -> dict[str, np.ndarray]:
    run = read_xmile(FOLDER / "memory.xmile").run()
    return dict(run) | {"t": run.time}


@pytest.fixture(scope="module")
def functions() -> dict[str, np.ndarray]:
    run = read_xmile(FOLDER / "functions.xmile").run()
    return dict(run) | {"t": run.time}


def test_arrays_grow_element_by_element(arrays: dict[str, np.ndarray]) -> None:
    steps = np.arange(17)
    for label, start, rate in (("north", 100.0, 0.1), ("south", 50.0, 0.2), ("east", 10.0, 0.4)):
        assert_allclose(arrays[f"people__{label}"], start * (1 + rate / 4) ** steps, rtol=1e-13)


def test_functions_over_labels(arrays: dict[str, np.ndarray]) -> None:
    people = np.array([arrays[f"people__{label}"] for label in ("north", "south", "east")])
    assert_allclose(arrays["total"], people.sum(axis=0), rtol=1e-14)
    assert_allclose(arrays["mean_of_two"], people[:2].mean(axis=0), rtol=1e-14)
    assert_allclose(arrays["largest"], people.max(axis=0), rtol=1e-14)
    assert_allclose(arrays["places"], 3.0)
    assert_allclose(arrays["price__south__grain"], people[1] / 2, rtol=1e-14)
    assert_allclose(arrays["price__south__wood"], people[1] / 4, rtol=1e-14)
    assert_allclose(arrays["basket__east"], 0.75 * people[2], rtol=1e-14)


def test_elements_by_position(arrays: dict[str, np.ndarray]) -> None:
    time = np.arange(17) / 4
    people = np.array([arrays[f"people__{label}"] for label in ("north", "south", "east")])
    assert_allclose(arrays["chosen"], people[1])
    assert_allclose(arrays["moving"], people[np.minimum(time, 2).astype(int), np.arange(17)])
    ranks = np.array([arrays[f"place__{label}"] for label in ("north", "south", "east")])
    assert_allclose(ranks, people.argsort(axis=0).argsort(axis=0) + 1)


def test_smooths_and_delays_are_chains_of_stages(memory: dict[str, np.ndarray]) -> None:
    source = np.where(memory["t"] >= 4, 5.0, 2.0)
    assert_allclose(memory["input"], source)

    def stages(order: int, mean: float, start: float = 2.0) -> np.ndarray:
        levels = np.full(order, start)
        path = []
        for now in source:
            path.append(levels[-1])
            before = np.concatenate([[now], levels[:-1]])
            levels = levels + 0.5 * (before - levels) / (mean / order)
        return np.array(path)

    assert_allclose(memory["smooth_one"], stages(1, 5.0), rtol=1e-13)
    assert_allclose(memory["smooth_one_from"], stages(1, 5.0, 7.0), rtol=1e-13)
    assert_allclose(memory["smooth_three"], stages(3, 6.0), rtol=1e-13)
    assert_allclose(memory["smooth_four"], stages(4, 6.0), rtol=1e-13)
    assert_allclose(memory["delay_one"], stages(1, 5.0), rtol=1e-13)
    assert_allclose(memory["delay_three"], stages(3, 6.0), rtol=1e-13)


def test_fixed_delays_and_the_past(memory: dict[str, np.ndarray]) -> None:
    time, source = memory["t"], memory["input"]
    late = np.concatenate([np.full(6, 2.0), source[:-6]])
    assert_allclose(memory["shifted"], late)
    assert_allclose(memory["shifted_from"], np.where(time < 3, -1.0, late))
    assert_allclose(memory["before"], np.concatenate([[-9.0], time[:-1]]), atol=1e-14)
    assert_allclose(memory["at_the_start"], 3.0)


def test_trend_and_forecast_of_growth(memory: dict[str, np.ndarray]) -> None:
    time, average = memory["t"], 10 / (1 + 0.05 * 4)
    growing = 10 * np.exp(0.05 * time)
    expected = []
    for now in growing:
        expected.append((now - average) / (4 * average))
        average += 0.5 * (now - average) / 4
    assert_allclose(memory["growth"], expected, rtol=1e-12)
    assert_allclose(memory["foreseen"], growing * (1 + 2 * np.array(expected)), rtol=1e-12)


def test_pulses_and_ramps(memory: dict[str, np.ndarray]) -> None:
    time = memory["t"]
    hits = np.isin(time, [2.0, 7.0, 12.0, 17.0])
    assert_allclose(memory["shot"], np.where(hits, 12.0, 0.0))
    assert_allclose(memory["single_shot"], np.where(time == 2.0, 12.0, 0.0))
    assert memory["shots"][-1] == pytest.approx(24.0)
    assert_allclose(memory["rise"], 2 * np.clip(time - 3, 0, 5))


def test_builtin_functions(functions: dict[str, np.ndarray]) -> None:
    x = functions["t"]
    assert_allclose(functions["whole"], np.trunc(x))
    assert_allclose(functions["rest"], np.fmod(x, 2))
    assert_allclose(functions["guarded"], np.where(x == 0, 7.0, 1 / np.where(x == 0, 1, x)))
    assert_allclose(functions["slashes"], np.where(x == 0, 0.0, 1 / np.where(x == 0, 1, x)))
    assert_allclose(functions["powers"], -3.5)
    assert_allclose(functions["logic"], np.where((x > 0) & (x < 2) & (x != 1), 20.0, 10.0))
    assert_allclose(functions["quoted__name"], 2 * x)
    assert_allclose(functions["curve"], 2 * np.abs(x) + np.minimum(x, 1) * np.maximum(x, -1) + 2 + x + np.pi)
    angles = np.sin(x) + np.cos(x) + np.tan(x) + np.arctan(x) + np.arcsin(x / 4) + np.arccos(x / 4)
    assert_allclose(functions["angles"], angles)
    assert_allclose(functions["clock"], -3 + 30 + 50)


def test_graphical_functions(functions: dict[str, np.ndarray]) -> None:
    x = functions["t"]
    assert_allclose(functions["linear"], np.interp(x, [-1, 0, 1], [0, 1, 4]))
    assert_allclose(functions["beyond"], np.where(x < 0, 1 + x, 1 + 3 * x))
    assert_allclose(functions["stairs"], np.select([x < 0, x < 1], [5.0, 1.0], 4.0))
    assert_allclose(functions["called"], 2 * (x + 3) + 6)


def test_what_is_not_negative(functions: dict[str, np.ndarray]) -> None:
    assert_allclose(functions["tank"], np.maximum(0.0, 1 - 0.35 * np.arange(13)), atol=1e-15)
    assert_allclose(functions["one_way"], np.maximum(functions["t"], 0.0))


def test_modules_macros_and_runge_kutta() -> None:
    imported = read_xmile(FOLDER / "modules.xmile")
    run = imported.run()
    step = 0.25 * 0.08
    balance = 100 * (1 + step + step**2 / 2 + step**3 / 6 + step**4 / 24) ** np.arange(21)
    assert imported.method == "rk4"
    assert_allclose(run["account__balance"], balance, rtol=1e-13)
    assert_allclose(run["twice"], 2 * balance, rtol=1e-13)
    assert_allclose(run["mixed"], 2.5 + 0.75 * balance, rtol=1e-13)


def test_names_units_and_words_are_kept() -> None:
    imported = read_xmile(FOLDER / "functions.xmile")
    assert imported.labels["one_way"] == "one way"
    assert imported.model["x"].unit == "day"
    assert imported.model["x"].meaning == "The argument."
    assert "def tank(" in imported.source


@pytest.mark.parametrize("name", ["epidemic", "market"])
def test_what_the_emitter_writes_reads_back_the_same(name: str, tmp_path: Path) -> None:
    model = getattr(exported_models, name)()
    path = tmp_path / "model.xmile"
    path.write_text(to_xmile(model), encoding="utf-8")
    again, run = read_xmile(path).run(), model.run()
    for variable in run:
        values = run[variable].reshape(len(run.time), -1)
        for element, own in enumerate(element_names(model, variable)):
            assert_allclose(again[own.lower()], values[:, element], rtol=1e-9, atol=1e-12)


SHELL = """<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<sim_specs><start>0</start><stop>1</stop><dt>1</dt></sim_specs>
<dimensions><dim name="d"><elem name="p"/></dim></dimensions>
<model><variables>{}</variables></model></xmile>"""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ('<aux name="a"><eqn>bb + 1</eqn></aux><aux name="b"><eqn>2</eqn></aux>', "'a': no variable is called 'bb'"),
        ('<aux name="a"><eqn>NORMAL(0, 1)</eqn></aux>', "the function NORMAL is not translated"),
        ('<aux name="a"><eqn>SQRT(1, 2)</eqn></aux>', "SQRT takes 1 arguments, got 2"),
        ('<aux name="a"><eqn>?\u200b??</eqn></aux>', "unexpected"),
        ('<aux name="a"><eqn>???</eqn></aux>', "written without it"),
        ('<aux name="a"/>', "it has no equation"),
        ('<stock name="s"><eqn>1</eqn><conveyor><len>4</len></conveyor></stock>', "a conveyor, which"),
        ('<aux name="a"><eqn>DELAYN(TIME, 3, 1.5)</eqn></aux>', "whole number"),
        ('<aux name="a"><eqn>TIME</eqn><gf><xpts>1,0</xpts><ypts>0,1</ypts></gf></aux>', "rising x values"),
        ('<aux name="a"><dimensions><dim name="d"/></dimensions><eqn>1</eqn></aux><aux name="b"><eqn>a[q]</eqn></aux>',
         "no dimension or label is called 'q'"),
        ('<stock name="s"><eqn>1</eqn><inflow>gone</inflow></stock>', "gone"),
    ],
)  # fmt: skip
def test_errors_name_file_and_variable(variables: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.xmile"
    path.write_text(SHELL.format(variables), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_xmile(path)
    assert "broken.xmile" in str(caught.value) or isinstance(caught.value, UnknownName)


def test_a_cycle_without_a_stock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cycle.xmile"
    path.write_text(SHELL.format('<aux name="a"><eqn>b</eqn></aux><aux name="b"><eqn>a</eqn></aux>'), encoding="utf-8")
    with pytest.raises(ModelError, match="cycle without a stock"):
        read_xmile(path)


def test_long_arrays_and_deep_formulas(tmp_path: Path) -> None:
    path = tmp_path / "long.xmile"
    numbered = SHELL.replace('<dim name="d"><elem name="p"/></dim>', '<dim name="d" size="400"/>')
    chain = " + ".join(["TIME"] * 300)
    path.write_text(numbered.format(
        '<aux name="a"><dimensions><dim name="d"/></dimensions><eqn>d * 2</eqn></aux>'
        '<aux name="all"><eqn>SUM(a[*])</eqn></aux><aux name="most"><eqn>MAX(a[*])</eqn></aux>'
        f'<aux name="one"><eqn>a[TIME + 3]</eqn></aux><aux name="chain"><eqn>{chain}</eqn></aux>'
    ), encoding="utf-8")  # fmt: skip
    run = read_xmile(path).run()
    assert list(run["all"]) == [400 * 401.0] * 2
    assert list(run["most"]) == [800.0] * 2
    assert list(run["one"]) == [6.0, 8.0]
    assert list(run["chain"]) == [0.0, 300.0]
    path.write_text(SHELL.format(f'<aux name="a"><eqn>{"ABS(" * 250}1{")" * 250}</eqn></aux>'), encoding="utf-8")
    with pytest.raises(InputError, match=r"long\.xmile.*nested too deeply"):
        read_xmile(path)


def test_what_is_read_has_a_page_of_equations() -> None:
    page = to_equations(read_xmile(FOLDER / "functions.xmile").model)
    assert r"\text{tank}" in page
    assert "The argument." in page


def test_text_that_is_no_xmile_is_refused() -> None:
    with pytest.raises(InputError, match="line 2, column 3: not well-formed"):
        draft_xmile("<xmile><a>\n</b></xmile>", "x")
    with pytest.raises(InputError, match="no <sim_specs>"):
        draft_xmile("<xmile/>", "x")


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ("<start>0</start><stop>soon</stop>", "column 'stop': 'soon' is not a number"),
        ("<start>5</start><stop>1</stop>", "step > 0 and stop ≥ start, got step 1, start 5, stop 1"),
        ('<stop>1</stop><dt reciprocal="true">0</dt>', "got step 0"),
        ("<stop>inf</stop>", "the stop of the run is inf"),
    ],
)
def test_a_clock_that_makes_no_run_is_refused(clock: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "clock.xmile"
    path.write_text(f"<xmile><sim_specs>{clock}</sim_specs><model/></xmile>", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_xmile(path)
