"""The law as dated data: what a clause is, and how the files in ``paragraphs/`` become clauses.

A clause says from when to when it is in force, when its text (and its end) became public, on what condition it
applies, what it then does, where it stands, and how good the evidence for it is. The evaluator knows stages only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from forkpoint.errors import InputError, UnknownName, nearest
from forkpoint.files import parse_yaml, read_text, require_keys
from forkpoint.rules.predicate import Predicate

_YEAR_FIRST = re.compile(r"(\d{4})([-/.年]?)(\d\d?)(?:\2|月)(\d\d?)日?(?:[t ]\d\d:\d\d.*)?", re.ASCII)
_MONTH = (
    "(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[.,]*"
)
_DAY_FIRST = re.compile(rf"(?P<day>\d\d?)(?:st|nd|rd|th)?[ -]{_MONTH}[ -](?P<year>\d{{4}})", re.ASCII)
_MONTH_FIRST = re.compile(rf"{_MONTH} (?P<day>\d\d?)(?:st|nd|rd|th)?,? (?P<year>\d{{4}})", re.ASCII)
_NUMBERS_ONLY = re.compile(r"\d\d?([-/. ])\d\d?\1\d{2,4}", re.ASCII)
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
PARAGRAPHS = Path(__file__).parent / "paragraphs"

STAGES: dict[str, dict[str, str]] = {
    "define": {"define": "the name that later conditions use"},
    "classify": {"eccn": "the paragraph that the item falls under"},
    "require": {"source": "where the licence requirement comes from"},
    "exception": {"exception": "its name", "net": "what remains to be done", "cures": "the requirements it lifts"},
    "review": {"policy": "how an application is judged"},
    "tariff": {"rate": "share of the value"},
    "fee": {"rate": "share of the revenue"},
    "gate": {"status": "what the importing country's own authorities say"},
    "flag": {"flag": "what to look into"},
}
"""What each stage of a question's way through the law must say in its effect."""
_OPTIONAL_EFFECT = {
    "datacenter": "the item is taken as designed for data centres",
    "net": "what remains to be done where no exception lifts the requirement",
    "codified": "whether any published text says so",
}
_REQUIRED = {
    "id": "a name of its own",
    "title": "what it says, in short",
    "stage": "one of " + ", ".join(STAGES),
    "from": "first day in force",
    "published": "first day that its text was public",
    "when": "the condition",
    "effect": "what it does",
    "cite": "where it stands",
    "grade": "A, B or C",
}
_OPTIONAL = {
    "to": "last day in force",
    "to_published": "first day that its end was public",
    "precedence": "lower is tried first within a stage",
    "switch": "the scenario switch that forces it on or off",
    "certain": "false where it is not public whether or to whom it applies",
    "url": "address of the source",
    "note": "what a reader should know",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One dated rule. ``to`` None is open; ``certain`` False turns a yes into an unknown."""

    id: str
    title: str
    stage: str
    first_day: dt.date
    published: dt.date
    when: Predicate
    effect: Mapping[str, Any]
    cite: str
    grade: str
    last_day: dt.date | None = None
    end_published: dt.date | None = None
    precedence: int = 0
    switch: str = ""
    certain: bool = True
    url: str = ""
    note: str = ""

    def in_force(self, on: dt.date, known: dt.date, switches: Mapping[str, bool | None]) -> bool:
        """Whether the clause applies on a day by what was public on another; a switch overrules its end."""
        if self.published > known or on < self.first_day:
            return False
        forced = switches.get(self.switch) if self.switch else None
        if forced is not None:
            return forced
        return not self.ended(on, known)

    def ended(self, on: dt.date, known: dt.date) -> bool:
        """Whether, by what was public on ``known``, the clause no longer applies on ``on``."""
        if self.last_day is None or on <= self.last_day:
            return False
        return (self.end_published or self.last_day) <= known

    def applies_surely(self, switches: Mapping[str, bool | None]) -> bool:
        """Whether a met condition is a sure yes: always, but for clauses whose reach is not public."""
        return self.certain or (bool(self.switch) and switches.get(self.switch) is True)


@dataclass(frozen=True)
class Law:
    """All clauses, by stage, in the order in which they are tried. The order in the files does not matter."""

    clauses: tuple[Clause, ...]
    _by_stage: dict[str, tuple[Clause, ...]] = field(default_factory=dict, repr=False, compare=False)

    def stage(self, stage: str) -> tuple[Clause, ...]:
        """The clauses of one stage, first to be tried first."""
        if not self._by_stage:
            ordered = sorted(self.clauses, key=lambda c: (c.precedence, c.id))
            for name in STAGES:
                self._by_stage[name] = tuple(c for c in ordered if c.stage == name)
        return self._by_stage[stage]

    def in_force(
        self, stage: str, on: dt.date, known: dt.date, switches: Mapping[str, bool | None]
    ) -> tuple[Clause, ...]:
        """The clauses of one stage that apply on a day by what was public on another."""
        return tuple(c for c in self.stage(stage) if c.in_force(on, known, switches))

    def clause(self, name: str) -> Clause:
        """The clause with this id. Raises UnknownName."""
        for clause in self.clauses:
            if clause.id == name:
                return clause
        raise UnknownName("clause", name, (c.id for c in self.clauses))

    def days_of_change(self) -> list[dt.date]:
        """Every first day of a different law, ascending."""
        days = {c.first_day for c in self.clauses}
        days |= {c.last_day + dt.timedelta(days=1) for c in self.clauses if c.last_day and c.last_day < dt.date.max}
        return sorted(days)


@cache
def law() -> Law:
    """The law as forkpoint knows it."""
    found: list[Clause] = []
    for path in sorted(PARAGRAPHS.rglob("*.yaml")):
        found.extend(read_clauses(read_text(path), path.name))
    return assemble(found)


def assemble(clauses: Iterable[Clause]) -> Law:
    """A law of these clauses. Raises InputError where two carry one id."""
    seen: dict[str, Clause] = {}
    for clause in clauses:
        if clause.id in seen:
            raise InputError(f"two clauses are called '{clause.id}'")
        seen[clause.id] = clause
    return Law(tuple(seen.values()))


def read_clauses(text: str, name: str) -> list[Clause]:
    """The clauses of one YAML file. Raises InputError that names file, clause and key."""
    entries = parse_yaml(text, name)
    if not isinstance(entries, list):
        raise InputError(f"{name}: expected a list of clauses, got {type(entries).__name__}")
    return [read_clause(entry, name, number) for number, entry in enumerate(entries, start=1)]


def read_clause(entry: object, name: str, number: int) -> Clause:
    """One clause from its YAML table. Raises InputError that names file, clause and key."""
    label = entry.get("id") if isinstance(entry, dict) else None
    where = f"{name}: clause {label or number}"
    keys = require_keys(entry, where, required=_REQUIRED, optional=_OPTIONAL)
    stage = str(keys["stage"])
    if stage not in STAGES:
        raise UnknownName("stage", stage, STAGES, where=where)
    if keys["grade"] not in ("A", "B", "C"):
        raise InputError(f"{where}: the grade is {keys['grade']!r}, not A, B or C")
    if not isinstance(keys["when"], str | bool):
        raise InputError(f"{where}: the condition 'when' is not text")
    clause = Clause(
        id=str(keys["id"]),
        title=str(keys["title"]),
        stage=stage,
        first_day=_day(keys["from"], where, "from"),
        published=_day(keys["published"], where, "published"),
        when=Predicate(str(keys["when"]), where),
        effect=_effect(keys["effect"], stage, where),
        cite=str(keys["cite"]),
        grade=keys["grade"],
        last_day=_day(keys["to"], where, "to") if keys.get("to") else None,
        end_published=_day(keys["to_published"], where, "to_published") if keys.get("to_published") else None,
        precedence=_whole(keys.get("precedence", 0), where),
        switch=str(keys.get("switch", "")),
        certain=keys.get("certain", True) is not False,
        url=str(keys.get("url", "")),
        note=str(keys.get("note", "")),
    )
    if clause.last_day and clause.last_day < clause.first_day and not clause.end_published:
        raise InputError(f"{where}: it ends on {clause.last_day}, before it begins on {clause.first_day}")
    return clause


def _effect(value: object, stage: str, where: str) -> dict[str, Any]:
    needed = STAGES[stage]
    return require_keys(value, f"{where}, effect", required=needed, optional=_OPTIONAL_EFFECT)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{where}: the precedence is {value!r}, not a whole number")
    return value


def _day(value: object, where: str, key: str) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return parse_day(str(value), f"{where}: '{key}'")


def parse_day(text: str, what: str) -> dt.date:
    """A day written YYYY-MM-DD, or otherwise so that day and month are plain: 2023/12/5, 5 Dec 2023, 2023年12月5日.

    Raises InputError in words.
    """
    numbers = _written(" ".join(text.split()).casefold())
    try:
        if numbers is None:
            raise ValueError(text)
        return dt.date(*numbers)
    except ValueError:
        hint = "; did you mean today?" if nearest(text, ["today"]) else ""
        hint = "; which is the day and which the month?" if _NUMBERS_ONLY.fullmatch(text.strip()) else hint
        raise InputError(f"{what}: '{text[:40]}' is not a day written YYYY-MM-DD{hint}") from None


def _written(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of a text in which they are plain."""
    if match := _YEAR_FIRST.fullmatch(text):
        run_together = not match[2]
        plain = not run_together or len(match[3] + match[4]) == len("MMDD")
        return (int(match[1]), int(match[3]), int(match[4])) if plain else None
    if named := _DAY_FIRST.fullmatch(text) or _MONTH_FIRST.fullmatch(text):
        return int(named["year"]), _MONTHS.index(named["month"][:3]) // 3 + 1, int(named["day"])
    return None
