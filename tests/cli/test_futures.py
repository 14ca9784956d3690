"""``sensitivity``, ``premises``, ``decide`` and ``discover`` as typed: their numbers, and errors in one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from as_typed import refused, rows_of, run

import forkpoint as fp
from forkpoint.catalog import catalog
from forkpoint.errors import ForkpointError
from forkpoint.uncertainty.futures import Question
from forkpoint.uncertainty.parameters import coordinates
from forkpoint.uncertainty.posterior_file import ARRAYS, FOLDER
from forkpoint.world.fitted import DEFAULT
from forkpoint.world.model import world
from forkpoint.world.reference import references

NAMES = tuple(c.name for c in coordinates())


@pytest.fixture(scope="module")
def shares() -> dict[str, object]:
    result = run("sensitivity", "domestic_share_units", "--draws", 400, "--base", 32, "--keep", 5, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_shares_sum_to_one_and_few_draws_are_told_as_unconverged(shares) -> None:
    rows = shares["shares"]
    assert sum(r["shapley"] for r in rows) == pytest.approx(1.0)
    assert all(r["low"] <= r["shapley"] <= r["high"] for r in rows)
    assert not all(r["sobol_converged"] for r in rows), "32 · 7 draws are too few"
    shown = run("sensitivity", "domestic_share_units", "--draws", 400, "--base", 32, "--keep", 5).output
    assert shown.count(" ~") >= sum(not r["sobol_converged"] for r in rows)


def test_every_fact_wanted_is_held_by_a_row_that_exists(shares) -> None:
    """The list is ranked; each fact names a series of observations.csv or an entry of reference.yaml."""
    series = {o.series for o in catalog().observations}
    wanted = [r for r in shares["shares"] if r["held_by"]]
    assert len(wanted) == 5
    for row in wanted:
        place, _, names = row["held_by"].partition(": ")
        assert place in ("observations.csv", "reference.yaml")
        assert set(names.split(", ")) <= (series if place == "observations.csv" else set(references()))
        assert row["range_narrower"] == pytest.approx(1 - (1 - row["variance_removed"]) ** 0.5, abs=1e-9)
    text = run("sensitivity", "domestic_share_units", "--draws", 400, "--base", 0, "--keep", 5).output
    table = text[text.index("Facts that would shrink") :]
    order = sorted(wanted, key=lambda r: -r["variance_removed"])
    places = [table.index(r["parameter"]) for r in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "words",
    [
        ("ensemble", "--outputs", "compute_ratio", "--draws", 5),
        ("sensitivity", "compute_ratio", "--draws", 200, "--base", 0),
        ("premises", "article", "rand", "--outputs", "compute_ratio", "--draws", 20), ("decide", "--draws", 20),
        ("decide", "--draws", 20, "--facts"),
    ],
    ids=lambda w: w[0],
)  # fmt: skip
def test_a_table_says_what_its_output_stands_for(words) -> None:
    """A variable's name alone answers nobody who has not read the model."""
    shown = " ".join(run(*words).output.split())
    assert f"compute_ratio: {world()['compute_ratio'].meaning}" in shown


def test_premises_of_two_camps_and_what_makes_them_differ() -> None:
    result = run("premises", "article", "semianalysis", "--outputs", "domestic_share_units", "--draws", 30, "--json")
    found = json.loads(result.stdout)
    medians = {r["set"]: r for r in found["sets"]}
    assert set(medians) == {"the data alone", "article", "semianalysis"}
    assert {p["set"] for p in found["premises"]} == {"article", "semianalysis"}
    assert all(p["source"] for p in found["premises"])
    assert found["made_by"]
    assert (
        rows_of(run("premises", "article", "--outputs", "compute_ratio", "--draws", 20, "--csv"))[0]["set"]
        == "the data alone"
    )


def test_a_part_of_a_disagreement_below_zero_is_explained() -> None:
    """RAND expects more grey supply and a larger effect of compute: the first offsets part of the second."""
    words = ("premises", "rand", "builders", "economists", "--outputs", "lab_strength", "--draws", 20)
    shown = " ".join(run(*words).output.split())
    assert "grey lab_strength -" in shown
    assert "Below 0: with these premises the sets stand closer together" in shown
    parts = [r["part"] for r in json.loads(run(*words, "--json").stdout)["made_by"]]
    assert sum(parts) == pytest.approx(1.0, abs=0.02)


def test_a_choice_is_ranked_by_regret() -> None:
    words = ("decide", "as-it-was", "no-controls", "--goal", "max domestic_share_units", "--draws", 60)
    rows = rows_of(run(*words, "--csv"))
    assert [float(r["regret_p90"]) for r in rows] == sorted(float(r["regret_p90"]) for r in rows)
    assert sum(float(r["best_in"]) for r in rows) >= 1.0
    assert "60 futures, the same for each policy" in " ".join(run(*words).output.split())


def test_facts_worth_knowing_before_a_choice_name_what_holds_them() -> None:
    words = ("decide", "full-embargo", "enforcement-crackdown", "--draws", 400, "--facts")
    rows = rows_of(run(*words, "--csv"))
    assert rows
    assert [float(r["worth"]) for r in rows] == sorted((float(r["worth"]) for r in rows), reverse=True)
    assert all(0.0 <= float(r["worth"]) <= float(r["worth_of_all"]) for r in rows)
    assert all(r["held_by"].startswith(("observations.csv: ", "reference.yaml: ")) for r in rows)
    assert "Facts worth knowing before choosing by compute_ratio" in run(*words).output


def test_a_box_is_told_in_words_and_numbers() -> None:
    level = fp.ensemble("as-it-was", draws=300).ranges("domestic_share_units").at(2030.0)[3]
    event = f"domestic_share_units>={level:.3f}"
    found = json.loads(run("discover", "as-it-was", "--event", event, "--draws", 300, "--json").stdout)
    assert found["density"] > found["base_rate"]
    for limit in found["limits"]:
        assert limit["name"] in found["words"]
        assert limit["chance"] <= 0.05 or len(found["limits"]) == 1


def test_what_does_not_differ_does_not_happen(monkeypatch, capsys) -> None:
    """Before 2026 a later embargo changes nothing: no future in which there is more than in the other, by over 0 %."""
    words = ("full-embargo", "--versus", "as-it-was", "--more", "compute_ratio", "--by", 0, "--at", 2024)
    assert "in none of" in refused(monkeypatch, capsys, "discover", *words, "--draws", 100)


def test_draws_that_left_the_model_are_counted_in_every_answer(monkeypatch) -> None:
    ask = Question.ask

    def holed(self, chosen, z):
        found = ask(self, chosen, z)
        found[:, :5] = np.nan
        return found

    monkeypatch.setattr(Question, "ask", holed)
    told = json.loads(run("sensitivity", "compute_ratio", "--draws", 300, "--base", 0, "--json").stdout)
    assert (told["draws"], told["left_out"]) == (300, 5)
    for words in (("decide", "as-it-was", "no-controls"), ("discover", "--event", f"compute_ratio>={told['p50']}")):
        shown = " ".join(run(*words, "--draws", 300).output.split())
        assert "5 of 300 draws left the model's region and are in no number" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sensitivity", "compute_ratoi"), "did you mean compute_ratio?"),
        (("sensitivity", "usable_compute"), "usable_compute[us]"),
        (("sensitivity", "compute_ratio", "--at", "soon"), "'soon' is no date"),
        (("sensitivity", "compute_ratio", "--at", 2050), "2035"),
        (("sensitivity", "compute_ratio", "--base", 100), "a power of two, such as 256"),
        (("sensitivity", "availability[nvidia,us]", "--draws", 200, "--base", 0), "the same in every draw"),
        (("premises", "semianalisis"), "did you mean semianalysis?"),
        (("premises", "article", "article", "--draws", 20), "the same stand on every topic"),
        (("decide", "as-it-was"), "at least two policies"),
        (("decide", "as-it-was", "as-it-was"), "named twice"),
        (("decide", "--goal", "compute_ratio"), "write 'max OUTPUT'"),
        (("decide", "--goal", "compute_ratio>=many"), "'many' is not a number"),
        (("decide", "--goal", "compute_ratio<=nan"), "not a finite number"),
        (("discover",), "say what happens, once"),
        (("discover", "--less", "compute_ratio", "--more", "compute_ratio"), "say what happens, once"),
        (("discover", "--less", "compute_ratio"), "laid beside itself"),
        (("discover", "--event", "max compute_ratio"), "an event has a level"),
        (("discover", "--event", "compute_ratio>=1e9", "--draws", 100), "in none of 100 futures"),
    ],
    ids=lambda w: " ".join(map(str, w)) if isinstance(w, tuple) else "",
)  # fmt: skip
def test_questions_that_have_no_answer_are_one_sentence(monkeypatch, capsys, words, said):
    assert said in refused(monkeypatch, capsys, *words)


def test_a_seed_below_zero_is_refused() -> None:
    for verb, *words in (("sensitivity", "compute_ratio"), ("decide",), ("premises",), ("discover",), ("ensemble",)):
        result = run(verb, *words, "--seed", -1)
        assert result.exit_code == 2
        assert not isinstance(result.exception, ForkpointError | ValueError)


def test_the_posterior_that_ships_can_be_named_as_a_file() -> None:
    assert (FOLDER / f"{DEFAULT}.npz").exists()
    with np.load(FOLDER / f"{DEFAULT}.npz", allow_pickle=False) as stored:
        assert set(ARRAYS) < set(stored.files)
