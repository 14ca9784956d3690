"""What if: a law that differs from the real one by clauses changed, added or ended on a day.

A reform is a YAML file in the schema of the law itself::

    name: Letters withdrawn
    end:
      - {id: us.letter.2025.nvidia, last_day: 2025-07-14}
    change:                       # keys that are not given stay as they are; 'from' is the day of the change
      - {id: us.3a090.a, from: 2026-06-01, when: is_ic and within_note_2 and tpp >= 9600}
    add:
      - {id: my.clause, title: …, stage: require, from: 2026-06-01, published: …, when: …, effect: …, cite: …, grade: C}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.rules.clauses import Clause, Law, assemble, parse_day, read_clause
from forkpoint.rules.items import facts_of
from forkpoint.rules.question import Question


@dataclass(frozen=True)
class Reform:
    """Changes to the law, each a table in the schema of a clause."""

    name: str
    change: tuple[Mapping[str, Any], ...] = ()
    add: tuple[Clause, ...] = ()
    end: tuple[tuple[str, dt.date], ...] = ()

    def apply(self, law: Law) -> Law:
        """The law with this reform. Raises UnknownName for a clause that the law does not have."""
        clauses = {c.id: c for c in law.clauses}
        for name, last_day in self.end:
            ended = law.clause(name)
            earlier = min(last_day, ended.last_day) if ended.last_day else last_day
            clauses[name] = _ended(ended, earlier)
        for entry in self.change:
            for clause in _changed(law.clause(str(entry["id"])), entry, self.name):
                clauses[clause.id] = clause
        reformed = assemble([*clauses.values(), *self.add])
        valid = fact_names(reformed)
        for clause in reformed.clauses:
            for name in clause.when.names - valid:
                raise UnknownName("fact", name, valid, where=f"{self.name}: clause {clause.id}")
        return reformed

    def summary(self) -> list[str]:
        """What the reform does, one sentence a clause."""
        lines = [f"ends {name} after {day}" for name, day in self.end]
        lines += [f"changes {e['id']}: {', '.join(k for k in e if k != 'id')}" for e in self.change]
        return lines + [f"adds {c.id}: {c.title}" for c in self.add]


def read_reform(path: Path | str) -> Reform:
    """A reform from its file. Raises InputError that names file, clause and key."""
    return parse_reform(read_yaml(path), str(path))


def parse_reform(content: object, name: str) -> Reform:
    """A reform from its table. Raises InputError that names clause and key."""
    table = require_keys(
        content,
        name,
        required={"name": "what to call the reform"},
        optional={"why": "free text", "change": "clauses changed", "add": "clauses added", "end": "clauses ended"},
    )
    change = []
    for number, entry in enumerate(_list(table.get("change"), name, "change"), start=1):
        if not isinstance(entry, dict) or "id" not in entry:
            raise InputError(f"{name}: change {number}: the key 'id' (the clause that changes) is missing")
        change.append(entry)
    end = []
    for number, entry in enumerate(_list(table.get("end"), name, "end"), start=1):
        keys = require_keys(
            entry, f"{name}: end {number}", required={"id": "the clause", "last_day": "its last day"}, optional={}
        )
        end.append((str(keys["id"]), _day(keys["last_day"], f"{name}: end {number}")))
    add = [read_clause(e, f"{name}: add", n) for n, e in enumerate(_list(table.get("add"), name, "add"), start=1)]
    for clause in add:
        clause.when.names  # noqa: B018  parsed now, so that a slip is told of before anything is asked
    return Reform(str(table["name"]), tuple(change), tuple(add), tuple(end))


def fact_names(law: Law) -> frozenset[str]:
    """Every fact that a condition of this law can ask for."""
    chip = facts_of({}, datacenter=True, chip="", vendor=None, vendor_country=None)
    names = {*Question().facts(), *chip, "eccn", "net", "designer_a1_a5_taiwan", "designer_d5_or_macau"}
    names |= {str(c.effect["define"]) for c in law.stage("define")}
    return frozenset(names | {f"by_{c.effect['source']}" for c in law.stage("require")})


def entry_of(clause: Clause) -> dict[str, Any]:
    """A clause as the table that it was read from."""
    entry: dict[str, Any] = {
        "id": clause.id,
        "title": clause.title,
        "stage": clause.stage,
        "precedence": clause.precedence,
        "from": clause.first_day,
        "published": clause.published,
        "when": clause.when.text,
        "effect": dict(clause.effect),
        "cite": clause.cite,
        "grade": clause.grade,
        "certain": clause.certain,
    }
    if clause.last_day:
        entry["to"] = clause.last_day
    if clause.end_published:
        entry["to_published"] = clause.end_published
    for key in ("switch", "url", "note"):
        if getattr(clause, key):
            entry[key] = getattr(clause, key)
    return entry


def _changed(clause: Clause, entry: Mapping[str, Any], name: str) -> list[Clause]:
    """The clause as it stands up to the day of the change, and as changed from that day."""
    new = read_clause({**entry_of(clause), **entry}, f"{name}: change", 1)
    new.when.names  # noqa: B018
    if new.first_day <= clause.first_day:
        return [new]
    if clause.last_day and new.first_day > clause.last_day and "to" not in entry:
        raise InputError(f"{name}: {clause.id} ended on {clause.last_day}; a change on {new.first_day} needs a 'to'")
    before = _ended(clause, new.first_day - dt.timedelta(days=1))
    return [before, replace(new, id=f"{clause.id} ({name})", published=min(new.published, clause.published))]


def _ended(clause: Clause, last_day: dt.date) -> Clause:
    return replace(clause, last_day=last_day, end_published=clause.published)


def _list(value: object, name: str, key: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError(f"{name}: '{key}' is {type(value).__name__}, not a list")
    return value


def _day(value: object, where: str) -> dt.date:
    return value if isinstance(value, dt.date) else parse_day(str(value), f"{where}: 'last_day'")
