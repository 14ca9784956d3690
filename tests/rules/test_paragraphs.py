"""Cases that read like the law: one folder of YAML beside each paragraph file, mirrored by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forkpoint.files import read_yaml
from forkpoint.rules.clauses import PARAGRAPHS, law
from forkpoint.rules.evaluate import check
from forkpoint.rules.reform import fact_names

HERE = Path(__file__).parent / "paragraphs"
CASES = [
    pytest.param(case, id=f"{path.relative_to(HERE).with_suffix('')}: {case['name']}")
    for path in sorted(HERE.rglob("*.yaml"))
    for case in read_yaml(path)
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    words = {k: v for k, v in case.items() if k not in ("name", "expect", "chip", "specs", "sku", "segment", "date")}
    item = case.get("specs") or case["chip"]
    finding = check(item, sku=case.get("sku", ""), segment=case.get("segment"), on=case["date"], **words)
    found = {field: getattr(finding.outcome, field) for field in case["expect"]}
    assert found == case["expect"]


def test_every_paragraph_file_has_cases_at_the_same_path() -> None:
    law_files = {p.relative_to(PARAGRAPHS) for p in PARAGRAPHS.rglob("*.yaml")}
    assert law_files == {p.relative_to(HERE) for p in HERE.rglob("*.yaml")}


def test_every_condition_asks_for_facts_that_exist() -> None:
    valid = fact_names(law())
    assert {c.id: c.when.names - valid for c in law().clauses if c.when.names - valid} == {}


def test_every_clause_has_a_source_and_days_in_order() -> None:
    for clause in law().clauses:
        assert clause.cite, clause.id
        assert clause.grade in "ABC", clause.id
        withdrawn = clause.switch == "diffusion_enforced"
        assert clause.last_day is None or clause.first_day <= clause.last_day or withdrawn, clause.id
        assert clause.published <= clause.first_day or not clause.id.startswith("us."), clause.id
