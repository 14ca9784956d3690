"""How a question's way through the law is told: figures, clauses tried, what is open, what was assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from forkpoint.rules.clauses import Clause
from forkpoint.rules.finding import Outcome
from forkpoint.rules.items import NUMBERS, Item
from forkpoint.rules.predicate import Fact, Number, Truth
from forkpoint.rules.question import SWITCHES, TRANSACTIONS, Question
from forkpoint.trace import Quantity, Step

STAGE_TITLES = {
    "define": "terms",
    "classify": "paragraph",
    "require": "licence requirement",
    "exception": "licence exception",
    "review": "review policy",
    "tariff": "section 232 duty",
    "fee": "revenue share",
    "gate": "China's gate",
    "flag": "to look into",
}

FIELD_TITLES = {
    "eccn": "paragraph",
    "licence_required": "licence",
    "licence_source": "by",
    "exception_available": "exception",
    "net_authorisation": "what remains",
    "review_policy": "review policy",
    "tariff_232": "25 % duty",
    "fee": "revenue share",
    "prc_gate": "China's gate",
}
"""An outcome's fields as a person reads them."""
WORDS: Mapping[str, Mapping[str, str]] = {
    "eccn": {
        "pre_3A090": "before 3A090",
        "not_3A090": "not 3A090",
        "PRC 3A090 IC (presumed)": "3A090, presumed of a chip designed in China",
    },
    "licence_source": {
        "ccl": "Control List",
        "hq_rule": "headquarters rule",
        "letter": "letter",
        "end_use": "end use",
        "entity_list": "Entity List",
        "affiliates": "affiliates rule",
        "russia": "Russia and Belarus",
        "embargo": "embargo",
        "gp10": "General Prohibition 10",
    },
    "net_authorisation": {
        "none_needed": "nothing",
        "exception_no_notice": "exception, no notice",
        "exception_with_notice": "exception, with notice",
        "exception_with_conditions": "exception, on conditions",
        "licence": "licence",
        "bis_authorisation": "authorisation by BIS",
    },
    "review_policy": {
        "presumption_of_denial": "presumption of denial",
        "presumption_of_approval": "presumption of approval",
        "case_by_case": "case by case",
        "licences_being_granted": "licences are being granted",
        "not_published": "not published",
        "bis_authorisation_needed": "authorisation by BIS",
    },
}
"""The codes of an outcome in plain words, by field; what is missing here is a term of the field and stands as it is."""


def in_words(field: str, code: str) -> str:
    """A code of an outcome's field as a person reads it; "" where nothing applies."""
    if code in ("", "n/a"):
        return ""
    parts = code.split("+") if field == "licence_source" else [code]
    return " + ".join(WORDS.get(field, {}).get(part, part) for part in parts)


def cited(trace: Step, stage: str) -> tuple[str, ...]:
    """Citations of the clauses that were met at a stage of a finding's explanation, each once."""
    met = (
        clause.citation
        for way in trace.children
        for part in way.children
        if part.name == STAGE_TITLES[stage]
        for clause in part.children
        if clause.outcome == "met" and clause.citation != "none"
    )
    return tuple(dict.fromkeys(met))


def called(items: Sequence[Item]) -> str:
    """What is asked about, in words; a long list of variants is cut."""
    names = list(dict.fromkeys(i.name for i in items))
    shown = " or ".join(names[:3])
    shown = shown if len(names) <= 3 else f"{shown} or {len(names) - 3} more variants"
    return f"{items[0].system} with {shown}" if items[0].system else shown


def attempt(clause: Clause, answer: Truth, facts: Mapping[str, Fact]) -> Step:
    """A clause that was tried: the figures it looks at, whether it is met, how far the item is from its line."""
    numbers = {}
    for name in sorted(clause.when.names & NUMBERS.keys()):
        fact = facts[name]
        assert isinstance(fact, Number)
        numbers[NUMBERS[name][0]] = _quantity(fact, NUMBERS[name][1])
    return Step(
        name=clause.title,
        outcome="met" if answer.surely else ("open" if answer.possibly else "not met"),
        detail=clause.note,
        numbers=numbers,
        margin=clause.when.margin(facts),
        citation=clause.cite,
        grade=clause.grade,
    )


def _quantity(fact: Number, unit: str) -> Quantity:
    low, high = float(fact.low), float(fact.high)
    if math.isnan(low):
        return Quantity("undefined", unit)
    if low == high:
        return Quantity(low, unit)
    return Quantity(None, unit, low, None if math.isinf(high) else high)


def branch(item: Item, outcome: Outcome, tried: Mapping[str, Sequence[Step]]) -> Step:
    """One item's way: its figures, then every clause tried, stage by stage."""
    source = item.sources[0] if item.sources else ""
    numbers = {}
    for name, (label, unit) in NUMBERS.items():
        fact = item.facts[name]
        assert isinstance(fact, Number)
        if not math.isnan(float(fact.low)) and fact.low != math.inf:
            q = _quantity(fact, unit)
            numbers[label] = Quantity(q.value, q.unit, q.low, q.high, source, item.quality)
    stages = tuple(
        Step(STAGE_TITLES[stage], _stage_outcome(stage, outcome), children=tuple(tried[stage]))
        for stage in STAGE_TITLES
        if tried.get(stage)
    )
    return Step(
        name=item.name + (f" ({item.variant})" if item.variant else ""),
        outcome=f"{in_words('eccn', outcome.eccn)}, licence {outcome.licence_required}",
        detail="; ".join(item.notes),
        numbers=numbers,
        children=stages,
    )


def _stage_outcome(stage: str, outcome: Outcome) -> str:
    return {
        "define": "",
        "classify": in_words("eccn", outcome.eccn),
        "require": in_words("licence_source", outcome.licence_source) or "none",
        "exception": outcome.exception_available,
        "review": in_words("review_policy", outcome.review_policy) or "nothing to apply for",
        "tariff": outcome.tariff_232,
        "fee": outcome.fee or "none",
        "gate": outcome.prc_gate or "none",
        "flag": "",
    }[stage]


_SETTLING = {
    "tpp": "a dense peak rate from the manufacturer (TPP)",
    "performance_density": "the area of the logic dies (performance density)",
    "dram_bw_gbs": "the total DRAM bandwidth",
    "interconnect_bw_gbs": "the bandwidth of all links",
    "aggregate_io_gbs": "the aggregate bandwidth of all inputs and outputs",
    "vendor": "which firm sells it (letters reach firms)",
    "vendor_country": "where it was designed",
    "transistors_bn": "the number of transistors",
    "memory_bandwidth_density": "bandwidth and area of the memory package",
}


def settling(names: set[str]) -> tuple[str, ...]:
    """The open facts whose knowledge would settle a question, in words."""
    return tuple(sorted({_SETTLING.get(n, n) for n in names if n not in ("within_note_2", "eccn")}))


def assumptions(question: Question, items: Sequence[Item]) -> tuple[str, ...]:
    """The defaults that the answer rests on, in words."""
    said = []
    if question.hq is None and question.end_user.hq is None:
        said.append(f"end user headquartered in {question.to}")
    if question.parent is None:
        said.append("no ultimate parent elsewhere")
    if not question.purpose:
        said.append("no particular end use")
    said.append(f"transaction: {TRANSACTIONS[question.transaction]}")
    said.append("every certification made" if question.certified else "certifications not made")
    said += [
        f"{i.name}: taken as a {i.segment.replace('datacenter', 'data-centre')} chip" for i in items[:1] if i.segment
    ]
    said += [f"{SWITCHES[k]}: {'true' if v else 'false'}" for k, v in question.switches.items() if v is not None]
    return tuple(said)
