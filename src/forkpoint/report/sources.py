"""Parameters and sources: every parameter of the world with value, range, unit, source, fitted value and posterior."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

from forkpoint.catalog import Catalog, read_rows
from forkpoint.report.content import Block, Paragraph, Section, Table
from forkpoint.report.material import Material
from forkpoint.report.words import Words
from forkpoint.world.fitted import COLUMNS, DEFAULT, FITTED, model_version
from forkpoint.world.reference import Reference, references

LEARNED = 0.8
"""Posterior width, in prior widths, below which the data are said to have told something of a parameter."""


def sources_section(material: Material) -> Section:
    """The chapter: how many parameters rest on what, one table a sector, and what the catalogue's rows rest on."""
    words = material.words
    known = references()
    fitted = {str(r["coordinate"]): r for r in read_rows(FITTED / f"{DEFAULT}.csv", COLUMNS)}
    assumed = [r for r in known.values() if r.source.startswith("assumption")]
    learned = [r for r in fitted.values() if float(r["posterior_sd"] or "nan") < LEARNED]
    lead = words(
        "sources.lead", parameters=len(known), assumed=len(assumed), uncertain=len(fitted), learned=len(learned),
        narrower=f"{1 - LEARNED:.0%}", version=model_version(), fitted=DEFAULT,
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(lead, "lead"),
        _catalogue(material.catalog, words),
        Paragraph(words("sources.note"), "note"),
    ]
    sectors: dict[str, list[Reference]] = {}
    for reference in known.values():
        sectors.setdefault(reference.sector, []).append(reference)
    blocks += [_sector(sector, rows, fitted, words) for sector, rows in sectors.items()]
    return Section("sources", words("sources.title"), blocks)


def _sector(sector: str, rows: list[Reference], fitted: Mapping[str, Mapping[str, Any]], words: Words) -> Table:
    keys = ("name", "value", "range", "unit", "fitted", "posterior", "source", "doc")
    content = [
        {
            "name": r.name,
            "value": _value(r.value),
            "range": _range(r),
            "unit": "" if r.unit == "1" else r.unit,
            **_fitted(r, fitted),
            "source": r.source,
            "doc": r.doc,
        }
        for r in rows
    ]
    columns = {k: words(f"sources.{k}") for k in keys}
    return Table(words("sources.sector", sector=words.term("sector", sector), count=len(rows)), columns, content,
                 kind="dense", folded=True)  # fmt: skip


def _shown(value: float, digits: int = 6) -> str:
    """A parameter without exponents where it is large; a year stays a year."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10_000 else f"{rounded:.{digits}g}"


def _value(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _shown(float(value))
    flat = _flat(value)
    groups: dict[float, list[str]] = {}
    for name, number in flat.items():
        groups.setdefault(number, []).append(name)
    if len(groups) == 1:
        return _shown(next(iter(groups)))
    common = max(groups, key=lambda number: len(groups[number]))
    parts = [f"{', '.join(names)} {_shown(number)}" for number, names in groups.items() if number != common]
    return "; ".join([*parts, f"… {_shown(common)}"])


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for key, part in value.items():
        name = f"{prefix} {key}".strip()
        found |= _flat(part, name) if isinstance(part, Mapping) else {name: float(part)}
    return found


def _range(reference: Reference) -> str:
    if reference.spread is not None:
        return f"÷× {reference.spread:g}"
    if reference.low is None or reference.high is None:
        return ""
    return f"{_shown(reference.low)}–{_shown(reference.high)}"


def _fitted(reference: Reference, fitted: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Fitted value (a factor for each label of an array) and how wide the posterior is in prior widths."""
    own = fitted.get(reference.name)
    if own:
        return {"fitted": _shown(float(own["value"]), 4), "posterior": f"{float(own['posterior_sd']):.2f}"}
    parts = [(k, r) for k, r in fitted.items() if k.startswith(f"{reference.name}[")]
    moved = [(k, r) for k, r in parts if float(r["posterior_sd"]) < LEARNED]
    if not parts:
        return {"fitted": "", "posterior": ""}
    told = "; ".join(f"{k.partition('[')[2].rstrip(']')} ×{float(r['value']):.3g}" for k, r in moved)
    least = min(float(r["posterior_sd"]) for _, r in parts)
    return {"fitted": told or "×1", "posterior": f"{least:.2f}…"}


def _catalogue(catalog: Catalog, words: Words) -> Table:
    """How many rows each file of the catalogue has, and on how many sites their sources lie."""
    groups: dict[str, list[list[str]]] = {
        "accelerators": [list(a.source_urls) for a in catalog.accelerators.values()],
        "language_models": [[m.source_url] for m in catalog.language_models.values()],
        "events": [list(e.source_urls) for e in catalog.events],
        "observations": [[o.source_url] for o in catalog.observations],
        "claims": [list(c.evidence_urls) for c in catalog.claims],
    }
    rows = []
    for name, urls in groups.items():
        sites = Counter(
            site for part in urls for u in part if (site := urlparse(u.strip()).netloc.removeprefix("www."))
        )
        common = ", ".join(f"{site} {count}" for site, count in sites.most_common(4))
        rows.append(
            {
                "file": words.term("file", name),
                "rows": len(urls),
                "sourced": sum(bool(part) for part in urls),
                "sites": len(sites),
                "common": common,
            }
        )
    columns = {k: words(f"sources.{k}") for k in ("file", "rows", "sourced", "sites", "common")}
    return Table(words("sources.catalogue"), columns, rows)
