"""Shipments and the outcome that the text gives, written from the text alone; ``paragraph`` says where it stands.

``shipments.csv`` names chips of the catalogue, ``figures.csv`` chips by their figures, on a line and just off it.
An empty cell of an outcome states nothing. Unlike ``rule_cases.csv`` no source published these outcomes.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from forkpoint.rules.batch import RESULTS, check_cases, read_cases, result_row
from forkpoint.rules.many import check_many

DATA = Path(__file__).parent / "data"


def wanted(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("name", ["shipments.csv", "figures.csv"])
def test_outcome_is_what_the_paragraph_gives(name: str) -> None:
    cases = read_cases(DATA / name)
    findings, unknown = check_cases(cases, name)
    assert not unknown
    apart = []
    for row, case, finding in zip(wanted(name), cases, findings, strict=True):
        found = result_row(case, finding)
        stated = {f: row[f] for f in RESULTS if row.get(f)}
        if stated != {f: found[f] for f in stated}:
            apart.append((row["case_id"], row["paragraph"], stated, found))
    assert not apart


def test_every_shipment_says_where_its_outcome_stands() -> None:
    for row in wanted("shipments.csv") + wanted("figures.csv"):
        assert row["paragraph"], row["case_id"]


def test_many_at_once_answer_the_same() -> None:
    rows = wanted("shipments.csv")
    asked = {"to": "destination", "hq": "end_user_hq", "on": "on_date"}
    asked |= {w: w for w in ("chip", "sku", "end_user", "transaction", "purpose", "segment")}
    answers = check_many([{w: row[c] for w, c in asked.items()} for row in rows])
    for field in ("eccn", "licence_required", "licence_source", "net_authorisation", "review_policy"):
        found = [str(v) for v in answers[field]]
        assert [(r["case_id"], f) for r, f in zip(rows, found, strict=True) if r[field] and r[field] != f] == []
