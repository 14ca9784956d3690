"""How far an item is from every line that the law draws on a day, the nearest line first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forkpoint.rules.clauses import Clause, Law, law
from forkpoint.rules.items import NUMBERS, Item, find_items, own_item
from forkpoint.rules.predicate import Fact, Number
from forkpoint.rules.question import Question, ask
from forkpoint.rules.screen import Screen


@dataclass(frozen=True)
class Line:
    """One line of the law beside an item: the margin is positive short of the line, negative beyond it.

    0.1 means that the deciding quantity is 10 % of the line's own value away from it.
    """

    item: str
    clause: str
    met: bool
    margin: float
    quantities: str
    citation: str
    grade: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def headroom(
    chip: str | Item | Mapping[str, object],
    *,
    sku: str = "",
    segment: str | None = None,
    question: Question | None = None,
    law_of: Law | None = None,
    **words: Any,
) -> list[Line]:
    """Every line that the clauses in force draw for an item, the nearest first; words are those of ``check``.

    A line is left out where a figure that decides it is unknown. Raises InputError in words.
    """
    asked = question if question is not None else ask(**words)
    if isinstance(chip, Item):
        items = [chip]
    elif isinstance(chip, Mapping):
        items = [own_item(chip, "specs", segment)]
    else:
        items = find_items(chip, sku, segment)
    screen = Screen.of(asked, law_of or law())
    lines = [line for item in items for line in _lines(item, screen)]
    return sorted(lines, key=lambda line: abs(line.margin))


def _lines(item: Item, screen: Screen) -> list[Line]:
    facts = screen.complete(item.facts)
    name = f"{item.name} ({item.variant})" if item.variant else item.name
    found = []
    for clause in (*screen.define, *screen.classify, *screen.require):
        numbers = clause.when.names & NUMBERS.keys()
        margin = clause.when.margin(facts) if numbers else None
        if margin is not None:
            met = bool(clause.when(facts).surely)
            found.append(Line(name, clause.title, met, margin, _quantities(clause, facts), clause.cite, clause.grade))
    return found


def _quantities(clause: Clause, facts: Mapping[str, Fact]) -> str:
    parts = []
    for name in sorted(clause.when.names & NUMBERS.keys()):
        fact, (label, unit) = facts[name], NUMBERS[name]
        assert isinstance(fact, Number)
        if fact.low == fact.high:
            parts.append(f"{label} {fact.low:,.6g} {unit}".rstrip())
    return ", ".join(parts)
