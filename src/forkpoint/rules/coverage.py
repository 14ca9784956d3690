"""The clauses as a table for ``docs/rules.md``, written from the data: ``python -m forkpoint.rules.coverage FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from forkpoint.errors import InputError
from forkpoint.files import read_text, write_atomically
from forkpoint.rules.clauses import Clause, law

BEGIN, END = "<!-- clauses: begin -->", "<!-- clauses: end -->"


def clause_table() -> str:
    """Every clause, by its first day: id, what it says, in force, published, grade, citation."""
    rows = [
        "| clause | what it says | stage | in force | published | grade | citation |",
        "|---|---|---|---|---|---|---|",
    ]
    for clause in sorted(law().clauses, key=lambda c: (c.first_day, c.id)):
        span = f"{_day(clause)} – {clause.last_day or ''}".rstrip()
        if clause.last_day and clause.last_day < clause.first_day:
            span = f"from {clause.first_day}, withdrawn {clause.end_published}"
        switch = f" (switch `{clause.switch}`)" if clause.switch else ""
        doubt = "" if clause.certain else " **reach not public**"
        cells = [f"`{clause.id}`", clause.title + switch + doubt, clause.stage, span, _published(clause), clause.grade]
        rows.append("| " + " | ".join([*cells, clause.cite]) + " |")
    return "\n".join(rows)


def renewed(page: str) -> str:
    """The page with its table of clauses as the data have it. Raises InputError where the page has no place for it."""
    if BEGIN not in page or END not in page:
        raise InputError(f"the page has no '{BEGIN}' and '{END}'")
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{clause_table()}\n{END}{rest.split(END, 1)[1]}"


def _day(clause: Clause) -> str:
    return "always" if clause.first_day.year <= 2000 else clause.first_day.isoformat()


def _published(clause: Clause) -> str:
    return "" if clause.published.year <= 2000 else clause.published.isoformat()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_atomically(target, renewed(read_text(target)))
