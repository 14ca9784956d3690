"""The main job: gather every chapter and write ``report.html``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkpoint import __version__
from forkpoint.catalog import Catalog
from forkpoint.errors import InputError
from forkpoint.files import write_atomically
from forkpoint.report.claims import claims_section
from forkpoint.report.content import Section
from forkpoint.report.html import render
from forkpoint.report.law import law_section
from forkpoint.report.words import Words, words

SUMMARY_LINES = 40
"""The terminal summary fits one screen."""


@dataclass(frozen=True)
class Report:
    """A written report: where it lies, its chapters, and the lines for the terminal."""

    path: Path
    sections: Sequence[Section]
    summary: Sequence[str]


Chapter = Callable[[Catalog, Words, dt.date], Section]


def chapters() -> dict[str, Chapter]:
    """Every chapter of the report in reading order, by the name that the progress line shows."""
    return {"claims": lambda catalog, w, _: claims_section(catalog, w), "law": law_section}


def build_report(
    catalog: Catalog,
    folder: Path,
    *,
    language: str = "en",
    on: dt.date,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write ``report.html`` into ``folder`` (made if missing), with the law as on the date ``on``.

    Raises InputError where the folder cannot be made or written.
    """
    w = words(language)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    sections = []
    for name, chapter in chapters().items():
        progress(name)
        sections.append(chapter(catalog, w, on))
    facts = {w("version"): __version__, w("made_on"): on.isoformat()}
    path = write_atomically(folder / "report.html", render(sections, w, facts))
    summary = [line for section in sections for line in section.summary][: SUMMARY_LINES - 1]
    return Report(path, sections, summary)
