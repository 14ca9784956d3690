"""docs/performance-model.md shows the parameters, clusters and assumptions that are used."""

from __future__ import annotations

from pathlib import Path

from forkpoint.perf.documentation import refreshed

PAGE = Path(__file__).parents[2] / "docs" / "performance-model.md"


def test_generated_tables_have_not_drifted() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert refreshed(page) == page, "run: python -m forkpoint.perf.documentation docs/performance-model.md"
