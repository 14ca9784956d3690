"""One self-contained HTML file: no network, opens from disk, prints well, keyboard and screen readers welcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forkpoint.dynamics.extras import load
from forkpoint.report.content import Section
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
    environment.tests["number"] = lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    template = environment.get_template("report.html.j2")
    css = (FOLDER / "report.css").read_text(encoding="utf-8")
    text: str = template.render(sections=sections, w=words, css=css, facts=facts, kind=_kind)
    return text


def _kind(block: Any) -> str:
    return type(block).__name__.lower()


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
