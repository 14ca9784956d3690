"""The main job: gather every chapter and write ``report.html``."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkpoint import __version__
from forkpoint.catalog import Catalog
from forkpoint.errors import ForkpointError, InputError
from forkpoint.files import write_atomically
from forkpoint.report.claims import claims_section
from forkpoint.report.content import Paragraph, Section
from forkpoint.report.hindcast import hindcast_section
from forkpoint.report.html import render, templates
from forkpoint.report.law import law_section
from forkpoint.report.loops import loops_section
from forkpoint.report.machine import machine_section
from forkpoint.report.material import DRAWS, Material
from forkpoint.report.scenarios import scenarios_section
from forkpoint.report.scores import scores_section
from forkpoint.report.sources import sources_section
from forkpoint.report.story import story_section
from forkpoint.report.verdict import verdict_section
from forkpoint.report.words import words
from forkpoint.world.fitted import model_version

SUMMARY_LINES = 40
"""The terminal summary fits one screen."""
CHAPTER_WORDS = {"verdict": "verdict_page"}
"""Chapters whose words stand under another key ("verdict" holds the vocabulary of verdicts)."""


@dataclass(frozen=True)
class Report:
    """A written report: where it lies, its chapters, and the lines for the terminal."""

    path: Path
    sections: Sequence[Section]
    summary: Sequence[str]
    facts: Mapping[str, str]
    """The version lines at its foot."""
    left_out: Sequence[str] = ()
    """The chapters that are not there, each with the reason."""


Chapter = Callable[[Material], Section]


def chapters() -> dict[str, Chapter]:
    """Every chapter of the report in reading order, by the name that the progress line shows."""
    return {
        "claims": claims_section,
        "verdict": verdict_section,
        "story": story_section,
        "law": law_section,
        "machine": machine_section,
        "scenarios": scenarios_section,
        "loops": loops_section,
        "hindcast": hindcast_section,
        "scores": scores_section,
        "sources": sources_section,
    }


def chapter_or_reason(name: str, chapter: Chapter, material: Material) -> Section:
    """A chapter; where a part is not installed, a run fails or a posterior is of another model, one that says so."""
    try:
        return chapter(material)
    except ForkpointError as missing:
        if name in ("claims", "law"):
            raise
        title = material.words("missing.title", chapter=material.words(f"{CHAPTER_WORDS.get(name, name)}.title"))
        reason = material.words("missing.text", reason=str(missing))
        told = f"{title}: {missing}"
        return Section(name, title, [Paragraph(reason, "note")], summary=[told], left_out=told)


def build_report(
    catalog: Catalog,
    folder: Path,
    *,
    language: str = "en",
    on: dt.date,
    draws: int = DRAWS,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Write ``report.html`` into ``folder`` (made if missing), with the law as on the date ``on`` and bands from
    ``draws`` of the posterior.

    Raises InputError where the folder cannot be made or written, MissingExtra before anything is made.
    """
    w = words(language)
    templates()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):  # told now, not after minutes of runs
        raise InputError(f"cannot write into the folder {folder}: permission denied")
    material = Material(catalog, w, on, draws)
    sections = []
    for name, chapter in chapters().items():
        progress(name)
        sections.append(chapter_or_reason(name, chapter, material))
    facts = {w("version"): __version__, w("model_version"): model_version(), w("made_on"): on.isoformat()}
    path = write_atomically(folder / "report.html", render(sections, w, facts))
    summary = [line for section in sections for line in section.summary][: SUMMARY_LINES - 1]
    return Report(path, sections, summary, facts, [s.left_out for s in sections if s.left_out])
