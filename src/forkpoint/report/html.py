"""One self-contained HTML file: no network, opens from disk, prints well, keyboard and screen readers welcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forkpoint.dynamics.extras import load
from forkpoint.report.content import Links, Section, Table
from forkpoint.report.sparkline import Picture
from forkpoint.report.words import Words

FOLDER = Path(__file__).parent / "texts"


def templates() -> Any:
    """The package that fills in the page. Raises MissingExtra."""
    return load("jinja2", "report")


def render(sections: Sequence[Section], words: Words, facts: Mapping[str, str]) -> str:
    """The report as HTML text. ``facts`` are the version lines at its foot. Raises MissingExtra without jinja2."""
    jinja2 = templates()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.tests["picture"] = lambda value: isinstance(value, Picture)
    environment.tests["links"] = lambda value: isinstance(value, Links)
    template = environment.get_template("report.html.j2")
    css = (FOLDER / "report.css").read_text(encoding="utf-8")
    text: str = template.render(sections=sections, w=words, css=css, facts=facts, kind=_kind, numeric=_numeric)
    return text


def _kind(block: Any) -> str:
    return type(block).__name__.lower()


def _numeric(table: Table) -> set[str]:
    """The columns that hold numbers alone: set to the right, heading and all."""
    return {
        key
        for key in table.columns
        if (values := [row[key] for row in table.rows if row[key] not in (None, "")])
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    }


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
