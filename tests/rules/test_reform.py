from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from forkpoint.errors import InputError
from forkpoint.rules.clauses import law
from forkpoint.rules.evaluate import check
from forkpoint.rules.reform import parse_reform, read_reform
from forkpoint.rules.timeline import diff

TIGHTER = """
name: lower line
change:
  - {id: us.3a090.a, from: 2026-06-01, when: is_ic and tpp >= 1000}
end:
  - {id: us.letter.2025.nvidia, last_day: 2025-07-14}
add:
  - id: what.if.gate
    title: all H20 blocked
    stage: gate
    precedence: 1
    from: 2026-06-01
    published: 2026-06-01
    when: chip == 'nvidia-h20-sxm-96gb' and destination_as_named == 'CN'
    effect: {status: blocked}
    cite: what-if
    grade: C
"""


def test_change_end_and_add_on_their_days(tmp_path: Path) -> None:
    path = tmp_path / "reform.yaml"
    path.write_text(TIGHTER, encoding="utf-8")
    reformed = read_reform(path).apply(law())
    assert check("L2", on="2026-05-31", law_of=reformed).eccn == "not_3A090"
    assert check("L2", on="2026-06-01", law_of=reformed).eccn == "3A090.a"
    assert check("L2", on="2026-06-01").eccn == "not_3A090"
    assert check("H20", on="2025-07-14", law_of=reformed).licence_required == "yes"
    assert check("H20", on="2025-07-15", law_of=reformed).licence_required == "no"
    assert check("H20", on="2026-06-01", law_of=reformed).prc_gate == "blocked"


def test_diff_shows_what_a_reform_changes(tmp_path: Path) -> None:
    path = tmp_path / "reform.yaml"
    path.write_text(TIGHTER, encoding="utf-8")
    day = dt.date(2026, 7, 1)
    changed = {c.chip for c in diff(day, day, law_after=read_reform(path).apply(law()))}
    assert "nvidia-l2-pcie-24gb" in changed
    assert "nvidia-h100-sxm-80gb" not in changed


def test_ending_the_headquarters_rule() -> None:
    reform = parse_reform({"name": "x", "end": [{"id": "us.scope.headquarters", "last_day": "2026-01-01"}]}, "x.yaml")
    reformed = reform.apply(law())
    assert check("H100", to="DE", hq="CN", on="2026-01-01", law_of=reformed).licence_required == "yes"
    assert check("H100", to="DE", hq="CN", on="2026-01-02", law_of=reformed).licence_required == "no"
    assert reform.summary() == ["ends us.scope.headquarters after 2026-01-01"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "expected a table"),
        ({}, "'name'"),
        ({"name": "x", "chnge": []}, "did you mean change"),
        ({"name": "x", "end": [{"id": "us.scope.headquarter", "last_day": "2026-01-01"}]}, "us.scope.headquarters"),
        ({"name": "x", "end": [{"id": "us.scope.headquarters", "last_day": "soon"}]}, "YYYY-MM-DD"),
        ({"name": "x", "end": [{"id": "us.scope.headquarters"}]}, "last_day"),
        ({"name": "x", "change": [{"when": "tpp > 1"}]}, "'id'"),
        ({"name": "x", "change": [{"id": "us.3a090.a", "when": "tpp >"}]}, "not a condition"),
        ({"name": "x", "change": [{"id": "us.3a090.a", "when": "__import__('os')"}]}, "Call"),
        ({"name": "x", "change": [{"id": "us.3a090.a", "grade": "D"}]}, "A, B or C"),
        ({"name": "x", "change": [{"id": "us.3a090.a", "effect": {"ecn": "x"}}]}, "did you mean eccn"),
        ({"name": "x", "change": [{"id": "us.3a090.a", "stage": "clasify"}]}, "did you mean classify"),
        ({"name": "x", "change": "all"}, "not a list"),
    ],
)
def test_errors_name_the_thing_and_the_nearest(table: object, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("'", "'")):
        parse_reform(table, "reform.yaml").apply(law())


def test_a_condition_on_an_unknown_fact_is_told() -> None:
    table = {"name": "x", "change": [{"id": "us.3a090.a", "when": "tpp_total >= 1"}]}
    with pytest.raises(InputError, match="tpp"):
        parse_reform(table, "reform.yaml").apply(law())
