"""Scenarios that ship and files that people write."""

import numpy as np
import pytest

from forkpoint.errors import InputError, UnknownName
from forkpoint.world.run import run
from forkpoint.world.scenario import read_scenario, scenario, scenario_names

NAMED = (
    "as-it-was", "article", "no-controls", "2022-law-only", "h20-with-15-percent", "h200-with-25-percent",
    "full-embargo", "china-refuses-all", "domestic-hbm-breakthrough", "hbm-starved", "enforcement-crackdown",
    "open-software",
)  # fmt: skip


def test_the_named_scenarios_ship_and_each_asks_a_question():
    assert set(NAMED) <= set(scenario_names())
    for name in scenario_names():
        one = scenario(name)
        assert one.question.endswith("?")
        assert one.question_zh.endswith("？")


@pytest.mark.parametrize("name", scenario_names())
def test_each_runs_to_the_end_and_stays_finite(name):
    result = run(name)
    for variable in result:
        assert np.isfinite(np.asarray(result[variable])).all(), variable


def test_scenarios_share_the_past_that_they_do_not_change():
    plain = run()
    for name in ("full-embargo", "h200-with-25-percent", "hbm-starved", "open-software"):
        other = run(name)
        before = plain.time < 2025.5
        ours, theirs = (np.asarray(r["china_cards"])[before] for r in (plain, other))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, err_msg=name)


def write(folder, text):
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def test_an_own_file(tmp_path):
    path = write(tmp_path, "title: Own\nquestion: What if?\nbased_on: full-embargo\nloops: {R7: off}\n"
                 "levers:\n  licence_fee: {2027Q1: 0.3}\n  software_openness: {cann: {2028: 2}}\n"
                 "parameters: {growth_long: {us: 0.02}}\n")  # fmt: skip
    one = read_scenario(path)
    assert one.law == "full-embargo"
    names = [s.name for s in one.settings]
    assert {"licence_fee", "software_openness", "growth_long", "switch_r7"} <= set(names)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("title: Own\n", InputError, "question"),
        ("title: Own\nquestion: What?\nlever: {}\n", UnknownName, "levers"),
        ("title: Own\nquestion: What?\nlaw: as-it-wos\n", UnknownName, "as-it-was"),
        ("title: Own\nquestion: What?\nbased_on: full-embarg\n", UnknownName, "full-embargo"),
        ("title: Own\nquestion: What?\nlevers: {licence_feee: 1}\n", UnknownName, "licence_fee"),
        ("title: Own\nquestion: What?\nlevers: {licence_fee: {2027: x}}\n", InputError, "not a number"),
        ("title: Own\nquestion: What?\nloops: {R77: off}\n", UnknownName, "R7"),
        ("title: Own\nquestion: What?\nloops: {R7: maybe}\n", InputError, "on or off"),
        ("title: Own\nquestion: What?\nlevers: [1]\n", InputError, "table"),
        ("title: [\n", InputError, "YAML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        read_scenario(write(tmp_path, text))
