"""Published outcomes: each row of ``data/rule_cases.csv`` is a shipment whose outcome a public source states.

``directness`` says how directly; the groups are scored apart. Sources stand in the file's ``source_url`` column.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from forkpoint.rules.batch import RESULTS, check_cases, read_cases, result_row

FILE = Path(__file__).parent / "data" / "rule_cases.csv"
WANTED = {row["case_id"]: row for row in csv.DictReader(FILE.read_text(encoding="utf-8").splitlines())}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, str]]:
    cases = read_cases(FILE)
    findings, unknown = check_cases(cases, FILE.name)
    assert not unknown
    return {c["case_id"]: result_row(c, f) for c, f in zip(cases, findings, strict=True)}


@pytest.mark.parametrize("case", WANTED, ids=lambda i: f"{i} {WANTED[i]['chip']} {WANTED[i]['on_date']}")
def test_outcome_is_the_published_one(case: str, results: dict[str, dict[str, str]]) -> None:
    wanted, found = WANTED[case], results[case]
    kind = {"tariff": ["tariff_232"], "prc_gate": ["prc_gate"]}
    licence = [f for f in RESULTS if f not in ("case_id", "tariff_232", "prc_gate")]
    fields = kind.get(wanted["kind"], licence)
    expected = {f: wanted["expected_eccn" if f == "eccn" else f] for f in fields}
    assert {f: found[f] for f in fields} == expected, wanted["source_url"]


def test_every_directness_group_is_met_whole(results: dict[str, dict[str, str]]) -> None:
    score: dict[str, list[bool]] = defaultdict(list)
    for case, wanted in WANTED.items():
        if wanted["kind"] == "licence":
            score[wanted["directness"]].append(results[case]["licence_required"] == wanted["licence_required"])
    assert set(score) == {
        "direct",
        "tracker",
        "rule_statement",
        "inferred_from_effective_date",
        "inferred_from_numbers",
    }
    assert all(all(answers) for answers in score.values())


def test_results_use_the_vocabulary_of_the_file(results: dict[str, dict[str, str]]) -> None:
    for field in ("licence_required", "net_authorisation", "review_policy"):
        assert {r[field] for r in results.values()} <= {w[field] for w in WANTED.values()} | {""}
