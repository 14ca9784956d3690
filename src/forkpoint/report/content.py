"""What a report is made of: sections of paragraphs, tables and figures, each with its caption and source line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text; ``kind`` is 'text', 'lead' or 'note'."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """A table: ``columns`` maps a key of each row to its heading; ``classes`` may give a cell's CSS class by key."""

    caption: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kind: str = ""
    """'dense' for a table of many columns."""
    folded: bool = False
    """Closed on the screen until it is asked for; open on paper."""


@dataclass(frozen=True)
class Links:
    """Sources for a table cell: an address is shown as its site, anything else as it is told."""

    urls: Sequence[str]

    @property
    def sites(self) -> list[tuple[str, str]]:
        """Address and site, such as ("https://www.bis.gov/x", "bis.gov"); no address for what is none."""
        parts = [(url, urlsplit(url)) for url in self.urls]
        return [
            (url, str(p.hostname).removeprefix("www.")) if p.scheme in ("http", "https") else ("", url)
            for url, p in parts
        ]


@dataclass(frozen=True)
class Figure:
    """A picture as SVG text, its caption, what it shows in words (for screen readers), and a source line."""

    svg: str
    caption: str
    alt: str
    note: str = ""


Block = Paragraph | Table | Figure


@dataclass(frozen=True)
class Section:
    """A chapter of the report."""

    id: str
    title: str
    blocks: Sequence[Block]
    summary: Sequence[str] = ()
    """Lines of the terminal summary."""
    left_out: str = ""
    """Why the chapter is not there, where it is not."""
