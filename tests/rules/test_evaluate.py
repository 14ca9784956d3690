from __future__ import annotations

import pytest

from forkpoint.errors import UnknownName
from forkpoint.rules.evaluate import check
from forkpoint.trace import Step


def steps(step: Step, title: str) -> Step:
    return next(s for _, s in step.walk() if s.name.startswith(title))


def test_the_explanation_shows_arithmetic_margin_citation_and_source() -> None:
    trace = check("H20", to="CN", on="2025-05-01").trace
    letter = steps(trace, "Bandwidth of the H20")
    assert letter.outcome == "met"
    assert letter.margin == pytest.approx((1700 - 5028) / 1700)
    assert letter.numbers["total DRAM bandwidth"].value == 4000
    b = steps(trace, "3A090.b")
    assert b.outcome == "not met"
    assert b.citation.startswith("ECCN 3A090.b")
    assert trace.children[0].numbers["TPP"].source.startswith("http")


def test_the_weakest_grade_counts_terms_included() -> None:
    assert check("H20", to="CN", on="2024-01-01").grade == "A"
    assert check("H20", to="CN", on="2025-05-01").grade == "B"
    assert check("A100", to="MO", on="2023-02-01").grade == "C"


def test_what_would_settle_it_is_said_in_words() -> None:
    finding = check("TPU v4", to="CN", on="2024-01-01")
    assert finding.settles == ("the area of the logic dies (performance density)",)
    assert {o.eccn for o in finding.outcomes} == {"3A090.a", "3A090.b", "not_3A090"}


def test_terms_are_resolved_into_the_facts_behind_them() -> None:
    specs = {"name": "x", "tpp": 1000.0, "vendor": "NVIDIA"}
    assert check(specs, to="CN", on="2025-05-01").settles == (
        "the bandwidth of all links",
        "the total DRAM bandwidth",
    )


def test_a_name_for_several_variants_is_answered_where_they_agree() -> None:
    finding = check("A100", sku="SXM/PCIe", to="CN", on="2023-12-01")
    assert finding.eccn == "3A090.a"
    assert finding.item.count("|") >= 1


def test_rival_figures_stay_beside_the_value_used() -> None:
    trace = check("Gaudi 3", to="CN", on="2024-12-01").trace
    assert any("1835" in s.name for s in trace.children)


def test_flags_tell_what_to_look_into() -> None:
    assert "military-intelligence" in check("H100", to="SG", hq="CN", on="2025-06-01").flags[0]


def test_assumptions_are_told() -> None:
    said = "; ".join(check("H100", on="2024-01-01").assumptions)
    assert "headquartered in CN" in said
    assert "export from the United States" in said


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownName):
        check("H1000", on="2024-01-01")
    with pytest.raises(UnknownName, match="did you mean"):
        check("H100", to="Chima", on="2024-01-01")
