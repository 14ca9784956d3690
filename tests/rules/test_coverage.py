"""docs/rules.md says what the data say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from forkpoint.errors import InputError
from forkpoint.rules.clauses import law
from forkpoint.rules.coverage import renewed

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_table_of_clauses_has_not_drifted() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: python -m forkpoint.rules.coverage docs/rules.md"


def test_the_coverage_names_every_clause_and_nothing_else() -> None:
    page = PAGE.read_text(encoding="utf-8")
    modelled = page.split("## Modelled")[1].split("## Not modelled")[0]
    prefixes = re.findall(r"`((?:us|cn)\.[a-z0-9_.]+)`", modelled)
    ids = [c.id for c in law().clauses]
    assert [i for i in ids if not any(i.startswith(p) for p in prefixes)] == []
    assert [p for p in prefixes if not any(i.startswith(p) for i in ids)] == []


def test_a_page_without_a_place_is_told() -> None:
    with pytest.raises(InputError, match="clauses: begin"):
        renewed("# nothing")
