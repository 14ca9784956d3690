"""A question's way through the law: stage by stage, clause by clause, knowing no paragraph.

define → classify → require → exception → review → tariff → fee → gate, and flags. Where a fact is unknown, every
answer that is still possible is followed to its end; the finding holds what they all agree on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from forkpoint.rules.clauses import Clause, Law, law
from forkpoint.rules.destinations import country_code
from forkpoint.rules.finding import INDETERMINATE, Finding, Outcome, merge, weakest
from forkpoint.rules.items import NUMBERS, Item, find_items, override_segment, own_item
from forkpoint.rules.predicate import NO, UNKNOWN, YES, Fact, Number, Truth, Word, truth
from forkpoint.rules.question import SWITCHES, Question, ask, segment_of
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


@dataclass
class _Walk:
    """One way through the law for one item: the facts so far, the clauses tried, what stayed open."""

    clauses: Mapping[str, Sequence[Clause]]
    switches: Mapping[str, bool | None]
    facts: dict[str, Fact]
    tried: dict[str, list[Step]] = field(default_factory=dict)
    decided: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    explain: bool = True
    defined: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    """Every term that may hold: the weakest grade among its clauses, and the facts that keep it open."""

    def fork(self, **facts: Fact) -> _Walk:
        """The same way, going on under further facts."""
        return _Walk(
            self.clauses,
            self.switches,
            {**self.facts, **facts},
            {k: list(v) for k, v in self.tried.items()},
            list(self.decided),
            self.open,
            self.explain,
            self.defined,
        )

    def test(self, clause: Clause) -> Truth:
        """Whether a clause's condition holds; the attempt is recorded."""
        answer = clause.when(self.facts)
        if not clause.applies_surely(self.switches):
            answer = Truth(False, answer.possibly)
        if answer.possibly and not answer.surely:
            self.open |= self.unsettled(clause) or {f"the reach of {clause.id}"}
        self.record(clause, answer)
        return answer

    def record(self, clause: Clause, answer: Truth) -> None:
        """Keep the attempt for the explanation."""
        if self.explain:
            self.tried.setdefault(clause.stage, []).append(_step(clause, answer, self.facts))

    def define(self, clause: Clause) -> None:
        """Let a term hold where this clause says so; several clauses may say so."""
        name = str(clause.effect["define"])
        before = self.facts.get(name, NO)
        assert isinstance(before, Truth)
        answer = clause.when(self.facts)
        self.facts[name] = Truth(before.surely | answer.surely, before.possibly | answer.possibly)
        self.record(clause, answer)
        if answer.possibly:
            grade, facts = self.defined.get(name, ("", frozenset()))
            self.defined[name] = (weakest((grade, clause.grade)), facts | self.unsettled(clause))

    def unsettled(self, clause: Clause) -> frozenset[str]:
        """The facts that keep a clause open, terms resolved into the facts behind them."""
        names = clause.when.unsettled(self.facts)
        behind = [self.defined[n][1] if n in self.defined else frozenset({n}) for n in names]
        return frozenset().union(*behind)

    def grades(self, clause: Clause) -> list[str]:
        """The grade of a clause and of the terms that it uses."""
        return [clause.grade, *(self.defined[n][0] for n in clause.when.names if n in self.defined)]

    def choices(self, stage: str) -> Iterator[Clause]:
        """The clauses that may decide a stage where the first met one wins, ending with a sure one."""
        for clause in self.clauses[stage]:
            answer = self.test(clause)
            if answer.possibly:
                yield clause
            if answer.surely:
                return


def check(
    chip: str | Item | Mapping[str, object],
    *,
    sku: str = "",
    segment: str | None = None,
    question: Question | None = None,
    law_of: Law | None = None,
    **words: object,
) -> Finding:
    """What the law says of one item and one question.

    ``chip`` is a name as people type it, an Item, or a table of a chip's own figures; further words are those of
    :func:`forkpoint.rules.question.ask` (``to``, ``on``, ``hq``, ``end_user``, …). Raises InputError in words.
    """
    asked = question if question is not None else ask(**words)  # type: ignore[arg-type]
    chosen = segment_of(segment)
    if isinstance(chip, Item):
        items = [override_segment(chip, chosen) if chosen else chip]
    elif isinstance(chip, Mapping):
        items = [own_item(chip, "specs", chosen)]
    else:
        items = find_items(chip, sku, chosen)
    return evaluate(items, asked, law_of or law())


def evaluate(items: Sequence[Item], question: Question, of: Law, *, explain: bool = True) -> Finding:
    """The finding for items that one name can mean: what all of them agree on."""
    clauses = {
        stage: of.in_force(stage, question.on, question.known_as_of, question.switches) for stage in STAGE_TITLES
    }
    asked = question.facts()
    outcomes: dict[Outcome, None] = {}
    settles: set[str] = set()
    branches: list[Step] = []
    flags: dict[str, None] = {}
    grades: list[str] = []
    for item in items:
        walk = _Walk(clauses, question.switches, {**asked, **item.facts, **_designer(item, question)}, explain=explain)
        for outcome, way in _follow(walk, item):
            outcomes[outcome] = None
            grades += way.decided
            settles |= way.open
            flags |= dict.fromkeys(_flags(way))
            if explain:
                branches.append(_branch(item, outcome, way))
    merged = merge(outcomes)
    if len(outcomes) > 1 and len({i.id for i in items} | {i.variant for i in items}) > 2:
        settles.add("which variant or figure holds: " + "; ".join(sorted({i.variant or i.name for i in items})))
    facts_that_settle = tuple(sorted(_in_words(settles))) if len(outcomes) > 1 else ()
    first = items[0]
    name = _names(items)
    name = f"{first.system} with {name}" if first.system else name
    return Finding(
        item=first.id if len({i.id for i in items}) == 1 else "|".join(dict.fromkeys(i.id for i in items)),
        name=name,
        to=question.to,
        on=question.on,
        known=question.known,
        outcome=merged,
        outcomes=tuple(outcomes),
        settles=facts_that_settle,
        flags=tuple(flags),
        assumptions=_assumptions(question, items),
        grade=weakest(grades),
        trace=Step(
            name=f"{name} to {question.to} on {question.on}",
            outcome=f"{merged.eccn}, licence {merged.licence_required}, {merged.net_authorisation}",
            detail=f"would settle it: {', '.join(facts_that_settle)}" if facts_that_settle else "",
            grade=weakest(grades),
            children=tuple(branches),
        ),
    )


def _names(items: Sequence[Item]) -> str:
    """What is asked about, in words; a long list of variants is cut."""
    names = list(dict.fromkeys(i.name for i in items))
    shown = " or ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} or {len(names) - 3} more variants"


def _follow(walk: _Walk, item: Item) -> Iterator[tuple[Outcome, _Walk]]:
    """Every outcome that is still possible for one item, each with the way to it."""
    _fill_absent(walk)
    for clause in walk.clauses["define"]:
        walk.define(clause)
    for clause in list(walk.choices("classify")):
        way = walk.fork(eccn=Word(clause.effect["eccn"]))
        way.decided += way.grades(clause)
        if "datacenter" in clause.effect:
            way.facts["datacenter"] = truth(bool(clause.effect["datacenter"]))
        for sources in _requirements(way):
            yield from _outcomes(way, item, str(clause.effect["eccn"]), sources)


def _requirements(way: _Walk) -> list[tuple[Clause, ...]]:
    """The sets of licence requirements that are possible: one where all is known, two where some are open."""
    sure: list[Clause] = []
    possible: list[Clause] = []
    for clause in way.clauses["require"]:
        answer = way.test(clause)
        if answer.surely:
            sure.append(clause)
        elif answer.possibly:
            possible.append(clause)
    return [tuple(sure), (*sure, *possible)] if possible else [tuple(sure)]


def _outcomes(way: _Walk, item: Item, eccn: str, required: tuple[Clause, ...]) -> Iterator[tuple[Outcome, _Walk]]:
    sources = list(dict.fromkeys(str(c.effect["source"]) for c in required))
    base = way.fork(**{f"by_{s}": YES for s in sources})
    base.decided += [g for c in required for g in base.grades(c)]
    for exception, net in _authorisations(base, required, sources):
        ended = base.fork(net=Word(net))
        policies: list[Clause | None] = [*ended.choices("review")] or [None]
        statuses = list(_last_stages(ended))
        for policy in policies:
            for tariff, fee, gate in statuses:
                last = ended.fork()
                last.decided += last.grades(policy) if policy else []
                yield (
                    Outcome(
                        eccn=paragraph_of(eccn, item.system),
                        licence_required="yes" if sources else "no",
                        licence_source="+".join(ordered_sources(sources)) or "n/a",
                        exception_available=exception,
                        net_authorisation=net,
                        review_policy=str(policy.effect["policy"]) if policy else "n/a",
                        tariff_232=tariff,
                        fee=fee,
                        prc_gate=gate,
                    ),
                    last,
                )


def _authorisations(way: _Walk, required: tuple[Clause, ...], sources: list[str]) -> list[tuple[str, str]]:
    """The exceptions that may apply with what then remains; an exception counts only if it lifts every requirement."""
    if not sources:
        return [("none", "none_needed")]
    rest = next((str(c.effect["net"]) for c in required if "net" in c.effect), "licence")
    found: list[tuple[str, str]] = []
    for clause in way.clauses["exception"]:
        answer = way.test(clause)
        if answer.possibly and set(sources) <= set(clause.effect["cures"]):
            found.append((str(clause.effect["exception"]), str(clause.effect["net"])))
            way.decided += way.grades(clause)
            if answer.surely:
                return found
    return [*found, ("none", rest)]


def _last_stages(way: _Walk) -> Iterator[tuple[str, str, str]]:
    """Duty, fee and gate: each possible combination (they do not depend on one another)."""
    duties = ["yes" if c.effect["rate"] else "no" for c in way.choices("tariff")]
    if not _closed(way, "tariff"):
        duties.append("no")
    fees = [f"{float(c.effect['rate']):.0%}" for c in way.choices("fee")]
    if not _closed(way, "fee"):
        fees.append("")
    gates = [str(c.effect["status"]) for c in way.choices("gate")] or [""]
    for duty in dict.fromkeys(duties):
        for fee in dict.fromkeys(fees):
            for gate in dict.fromkeys(gates):
                yield duty, fee, gate


def _closed(way: _Walk, stage: str) -> bool:
    return any(_surely(way, c) for c in way.clauses[stage])


def _surely(way: _Walk, clause: Clause) -> bool:
    return bool(clause.when(way.facts).surely) and clause.applies_surely(way.switches)


def _flags(way: _Walk) -> list[str]:
    return [str(c.effect["flag"]) for c in way.clauses["flag"] if way.test(c).possibly]


def _designer(item: Item, question: Question) -> dict[str, Fact]:
    """Facts on the designer's country, for the foundry presumption."""
    if not item.vendor_country:
        return {"designer_a1_a5_taiwan": UNKNOWN, "designer_d5_or_macau": UNKNOWN}
    home = question.group(country_code(item.vendor_country, "designer's country"))
    return {
        "designer_a1_a5_taiwan": truth(bool(home.groups & {"A1", "A5"}) or home.iso2 == "TW"),
        "designer_d5_or_macau": truth(home.d5_or_macau),
    }


def _fill_absent(walk: _Walk) -> None:
    """Names that no clause in force defines are false: a definition has no value before its first day."""
    named = {n for clauses in walk.clauses.values() for c in clauses for n in c.when.names}
    for name in named - walk.facts.keys() - {"eccn", "net"}:
        walk.facts[name] = NO


def ordered_sources(sources: Sequence[str]) -> list[str]:
    """Requirements in the order in which they are named."""
    rank = {s: i for i, s in enumerate(("gp10", "ccl", "hq_rule", "letter"))}
    named = sorted(sources, key=lambda s: (rank.get(s, len(rank)), s))
    # Part 746 stands beside every other requirement; it is named where nothing else is.
    return [s for s in named if s != "russia"] or named


def net_of(of: Law) -> dict[str, str]:
    """What remains to be done for requirements that are no ordinary licence, by source."""
    return {str(c.effect["source"]): str(c.effect["net"]) for c in of.stage("require") if "net" in c.effect}


def paragraph_of(eccn: str, system: str) -> str:
    """The paragraph of an item: that of the chip, or of the system with the chip in it."""
    if not system or eccn in ("not_3A090", "pre_3A090"):
        return eccn
    return f"4A090/.z ({eccn} IC)"


def _step(clause: Clause, answer: Truth, facts: Mapping[str, Fact]) -> Step:
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


def _branch(item: Item, outcome: Outcome, way: _Walk) -> Step:
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
        Step(STAGE_TITLES[stage], _stage_outcome(stage, outcome), children=tuple(way.tried[stage]))
        for stage in STAGE_TITLES
        if way.tried.get(stage)
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


def _in_words(names: set[str]) -> set[str]:
    return {_SETTLING.get(n, n) for n in names if n not in ("within_note_2", "eccn")}


def _assumptions(question: Question, items: Sequence[Item]) -> tuple[str, ...]:
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


__all__ = ["INDETERMINATE", "SWITCHES", "check", "evaluate"]
