"""The law through time: one chip's life, all chips on all versions, and what a change of law changed for whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from forkpoint.catalog import catalog
from forkpoint.rules.clauses import Law, law
from forkpoint.rules.destinations import memberships
from forkpoint.rules.evaluate import evaluate
from forkpoint.rules.finding import INDETERMINATE, Finding, Outcome
from forkpoint.rules.items import find_items
from forkpoint.rules.question import Question, ask, on_day, segment_of

FIRST_DAY = dt.date(2022, 8, 25)
"""The day before the first letter: the oldest law that the clauses describe."""
STATUS = {
    "none_needed": "free",
    "exception_no_notice": "free by exception",
    "exception_with_conditions": "exception, conditions",
    "exception_with_notice": "notice",
    "licence": "licence",
    "bis_authorisation": "authorisation",
    INDETERMINATE: INDETERMINATE,
}
"""What remains to be done, in a word or two."""


@dataclass(frozen=True, slots=True)
class Span:
    """A run of days on which the answer stays the same; ``last_day`` None is open."""

    first_day: dt.date
    last_day: dt.date | None
    finding: Finding

    @property
    def outcome(self) -> Outcome:
        """The answer on these days."""
        return self.finding.outcome

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        last = self.last_day.isoformat() if self.last_day else None
        return {"from": self.first_day.isoformat(), "to": last, **asdict(self.outcome), "grade": self.finding.grade}


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of law or of day changed for one chip: field by field, before and after."""

    chip: str
    name: str
    before: Mapping[str, str]
    after: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form with the changed fields only."""
        return {"chip": self.chip, "name": self.name, "before": dict(self.before), "after": dict(self.after)}


def timeline(
    chip: str, *, sku: str = "", segment: str | None = None, law_of: Law | None = None, **words: Any
) -> list[Span]:
    """The answer for one chip through all versions of the law, as known today or on ``known``.

    Further words are those of :func:`forkpoint.rules.question.ask`, without ``on``. Raises InputError.
    """
    of = law_of or law()
    question = ask(on=FIRST_DAY, **words)
    items = find_items(chip, sku, segment_of(segment))
    spans: list[Span] = []
    for day in days_of_change(of, question):
        finding = evaluate(items, on_day(question, day), of, explain=False)
        if spans and spans[-1].outcome == finding.outcome:
            continue
        if spans:
            spans[-1] = Span(spans[-1].first_day, day - dt.timedelta(days=1), spans[-1].finding)
        spans.append(Span(day, None, finding))
    return spans


def days_of_change(of: Law, question: Question | None = None) -> list[dt.date]:
    """Every first day of a different law or of different country groups, from the day before the first letter."""
    days = {FIRST_DAY, *of.days_of_change()}
    places = set(memberships())
    if question is not None:
        places = {question.to, question.headquarters, question.parent or question.to}
        listed = question.end_user.listed_from
        days |= {listed} if listed else set()
    days |= {m.first_day for place in places for m in memberships().get(place, ())}
    return sorted(d for d in days if d >= FIRST_DAY)


def matrix(
    days: Sequence[dt.date] | None = None,
    chips: Sequence[str] | None = None,
    *,
    to: str = "CN",
    hq: str | None = None,
    known: dt.date | None = None,
    switches: Mapping[str, bool | None] | None = None,
    law_of: Law | None = None,
) -> tuple[list[dt.date], dict[str, list[str]]]:
    """What remains to be done for each chip on each day (:data:`STATUS`): the days and a row a chip.

    Without ``days`` the days are those on which any chip's status changes.
    """
    from forkpoint.rules.many import check_many

    of = law_of or law()
    chosen = list(chips) if chips is not None else list(catalog().accelerators)
    asked = list(days) if days is not None else days_of_change(of)
    count = len(chosen) * len(asked)
    table: dict[str, Any] = {
        "chip": [c for c in chosen for _ in asked],
        "on": asked * len(chosen),
        "to": [to] * count,
        "hq": [hq] * count,
        "known": [known] * count,
    }
    answers = check_many(table, switches=switches, law_of=of)["net_authorisation"].tolist() if count else []
    words = [STATUS[str(a)] for a in answers]
    rows = {c: words[i * len(asked) : (i + 1) * len(asked)] for i, c in enumerate(chosen)}
    if days is None:
        kept = [j for j in range(len(asked)) if j == 0 or any(r[j] != r[j - 1] for r in rows.values())]
        return [asked[j] for j in kept], {c: [r[j] for j in kept] for c, r in rows.items()}
    return asked, rows


def diff(
    before: dt.date,
    after: dt.date,
    chips: Iterable[str] | None = None,
    *,
    to: str = "CN",
    hq: str | None = None,
    known: dt.date | None = None,
    law_before: Law | None = None,
    law_after: Law | None = None,
) -> list[Change]:
    """What changed between two days (or two laws) and for which chips: only the fields that differ."""
    from forkpoint.rules.many import FIELDS, check_many

    chosen = list(chips) if chips is not None else list(catalog().accelerators)
    base: dict[str, Any] = {
        "chip": chosen,
        "to": [to] * len(chosen),
        "hq": [hq] * len(chosen),
        "known": [known] * len(chosen),
    }
    old = check_many({**base, "on": [before] * len(chosen)}, law_of=law_before or law()).rows()
    new = check_many({**base, "on": [after] * len(chosen)}, law_of=law_after or law_before or law()).rows()
    changes = []
    for chip, a, b in zip(chosen, old, new, strict=True):
        fields = [f for f in FIELDS if a[f] != b[f]]
        if fields:
            record = catalog().accelerators.get(chip)
            name = record.name if record else chip
            changes.append(Change(chip, name, {f: a[f] for f in fields}, {f: b[f] for f in fields}))
    return changes


def free_chips(
    days: Sequence[dt.date], *, to: str = "CN", hq: str | None = None, law_of: Law | None = None
) -> dict[dt.date, list[str]]:
    """The catalogue's chips that may ship on each day with no licence and no notice, ids by day."""
    _, rows = matrix(days, to=to, hq=hq, law_of=law_of)
    return {d: [c for c, r in rows.items() if r[i] in ("free", "free by exception")] for i, d in enumerate(days)}
