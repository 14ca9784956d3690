"""How a question's way through the law is told: figures, clauses tried, what is open, what was assumed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from forkpoint.rules.clauses import Clause
from forkpoint.rules.finding import Outcome
from forkpoint.rules.items import NUMBERS, Item
from forkpoint.rules.predicate import Fact, Number, Truth
from forkpoint.rules.question import Question
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
        outcome=f"{outcome.eccn}, licence {outcome.licence_required}",
        detail="; ".join(item.notes),
        numbers=numbers,
        children=stages,
    )


def _stage_outcome(stage: str, outcome: Outcome) -> str:
    return {
        "define": "",
        "classify": outcome.eccn,
        "require": outcome.licence_source,
        "exception": outcome.exception_available,
        "review": outcome.review_policy,
        "tariff": outcome.tariff_232,
        "fee": outcome.fee or "none",
        "gate": outcome.prc_gate or "n/a",
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
    said.append(f"transaction: {question.transaction}")
    said.append("every certification made" if question.certified else "certifications not made")
    said += [f"{i.name}: taken as {i.segment}" for i in items[:1] if i.segment]
    said += [f"switch {k} = {v}" for k, v in question.switches.items() if v is not None]
    return tuple(said)
