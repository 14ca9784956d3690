"""A question's way through the law: stage by stage, clause by clause, knowing no paragraph.

define → classify → require → exception → review → tariff → fee → gate, and flags. Where a fact is unknown, every
answer that is still possible is followed to its end; the finding holds what they all agree on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from forkpoint.rules.account import STAGE_TITLES, assumptions, branch, called, in_words, settling
from forkpoint.rules.clauses import Clause, Law, law
from forkpoint.rules.destinations import country_code
from forkpoint.rules.finding import INDETERMINATE, Finding, Outcome, merge, weakest
from forkpoint.rules.items import Item, find_items, override_segment, own_item
from forkpoint.rules.parties import not_held
from forkpoint.rules.predicate import UNKNOWN, YES, Fact, Word, truth
from forkpoint.rules.question import SWITCHES, Question, ask, segment_of
from forkpoint.rules.walk import Walk
from forkpoint.trace import Step


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
        walk = Walk(clauses, question.switches, {**asked, **item.facts, **_designer(item, question)}, explain=explain)
        for outcome, way in _follow(walk, item):
            outcomes[outcome] = None
            grades += way.decided
            settles |= way.open
            flags |= dict.fromkeys(_flags(way))
            if explain:
                branches.append(branch(item, outcome, way.tried))
    unheld = not_held(question.end_user)
    flags |= {unheld: None} if unheld else {}
    merged = merge(outcomes)
    if len(outcomes) > 1 and len({i.id for i in items} | {i.variant for i in items}) > 2:
        settles.add("which variant or figure holds: " + "; ".join(sorted({i.variant or i.name for i in items})))
    facts_that_settle = settling(settles) if len(outcomes) > 1 else ()
    first = items[0]
    name = called(items)
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
        assumptions=assumptions(question, items),
        grade=weakest(grades),
        trace=Step(
            name=f"{name} to {question.to} on {question.on}",
            outcome=f"{in_words('eccn', merged.eccn)}, licence {merged.licence_required}, "
            f"what remains: {in_words('net_authorisation', merged.net_authorisation)}",
            detail=f"would settle it: {', '.join(facts_that_settle)}" if facts_that_settle else "",
            grade=weakest(grades),
            children=tuple(branches),
        ),
    )


def _follow(walk: Walk, item: Item) -> Iterator[tuple[Outcome, Walk]]:
    """Every outcome that is still possible for one item, each with the way to it."""
    walk.fill_absent()
    for clause in walk.clauses["define"]:
        walk.define(clause)
    for clause in list(walk.choices("classify")):
        way = walk.fork(eccn=Word(clause.effect["eccn"]))
        way.decided += way.grades(clause)
        if "datacenter" in clause.effect:
            way.facts["datacenter"] = truth(bool(clause.effect["datacenter"]))
        for sources in _requirements(way):
            yield from _outcomes(way, item, str(clause.effect["eccn"]), sources)


def _requirements(way: Walk) -> list[tuple[Clause, ...]]:
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


def _outcomes(way: Walk, item: Item, eccn: str, required: tuple[Clause, ...]) -> Iterator[tuple[Outcome, Walk]]:
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


def _authorisations(way: Walk, required: tuple[Clause, ...], sources: list[str]) -> list[tuple[str, str]]:
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


def _last_stages(way: Walk) -> Iterator[tuple[str, str, str]]:
    """Duty, fee and gate: each possible combination (they do not depend on one another)."""
    duties = ["yes" if c.effect["rate"] else "no" for c in way.choices("tariff")]
    if not any(way.surely(c) for c in way.clauses["tariff"]):
        duties.append("no")
    fees = [f"{float(c.effect['rate']):.0%}" for c in way.choices("fee")]
    if not any(way.surely(c) for c in way.clauses["fee"]):
        fees.append("")
    gates = [str(c.effect["status"]) for c in way.choices("gate")] or [""]
    for duty in dict.fromkeys(duties):
        for fee in dict.fromkeys(fees):
            for gate in dict.fromkeys(gates):
                yield duty, fee, gate


def _flags(way: Walk) -> list[str]:
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


__all__ = ["INDETERMINATE", "SWITCHES", "check", "evaluate"]
