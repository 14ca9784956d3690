"""The law's chapter: what each step did to which chips, the lines on a day, and the variants that they made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from forkpoint.catalog import Event
from forkpoint.report.content import Figure, Links, Paragraph, Section, Table
from forkpoint.report.law_figures import STATUS_COLOUR, bandwidth_figure, density_figure, status, status_figure
from forkpoint.report.material import Material
from forkpoint.report.words import Words
from forkpoint.rules.clauses import law
from forkpoint.rules.items import Item, find_items
from forkpoint.rules.products import against_products

TO = "CN"
FIRST_DAY = dt.date(2022, 8, 1)
NAMED = (
    "A100",
    "H100",
    "A800",
    "H800",
    "H20",
    "H200",
    "B200",
    "L40S",
    "RTX 4090",
    "MI300X",
    "MI308X",
    "Ascend 910B",
    "Ascend 910C",
    "BR104",
    "Kunlun P800",
    "Goldwasser XL",
    "TianGai 150",
)
"""The chips that the article names, and those a reader asks of beside them."""
SHOWN = (
    *NAMED[:11],
    "A30",
    "A10",
    "L40",
    "L20",
    "L4",
    "L2",
    "RTX 4090D",
    "RTX 5090",
    "RTX PRO 6000",
    "RTX PRO 6000D",
    "MI250X",
    "MI325X",
    "Gaudi3",
    "H200 NVL",
    "B300",
)


def law_section(material: Material) -> Section:
    """The chapter on the law, its pictures as on the report's day."""
    catalog, words, on = material.catalog, material.words, material.on
    days = _days(on)
    named = {name: find_items(name)[0] for name in NAMED}
    states = {name: [status(item, TO, day) for day in days] for name, item in named.items()}
    shown = [find_items(name)[0] for name in SHOWN]
    letter = [i for i in shown if i.vendor == "NVIDIA"]
    lead = words("law.lead", clauses=len(law().clauses), date=on)
    return Section(
        "law",
        words("law.title"),
        [
            Paragraph(lead, "lead"),
            status_figure(states, days, words),
            _matrix(named, days, states, words),
            density_figure(shown, on, TO, words),
            bandwidth_figure(letter, on, TO, words),
            _products(words),
            _timeline(catalog.events, on, words),
            Paragraph(words("law.not_modelled"), "note"),
        ],
        summary=[lead, *_now(states, words)],
    )


def status_picture(on: dt.date, words: Words) -> Figure:
    """What stands before each named chip through time, up to a day."""
    days = _days(on)
    named = {name: find_items(name)[0] for name in NAMED}
    return status_figure({n: [status(item, TO, day) for day in days] for n, item in named.items()}, days, words)


def _days(on: dt.date) -> list[dt.date]:
    """The days on which the law changed for China, from before the first letter to the day asked for."""
    changes = [d for d in law().days_of_change() if FIRST_DAY < d <= on]
    return [FIRST_DAY, *changes]


def _timeline(events: Sequence[Event], on: dt.date, words: Words) -> Table:
    rows = [
        {
            "date": str(e.effective_date or e.date_announced).replace("-", "\u2011"),
            "who": words.term("jurisdiction", e.jurisdiction),
            "kind": words.term("event", e.type),
            "what": words.event(e),
            "chips": ", ".join(words.term("scope", c) for c in e.affected_chips),
            "grade": e.confidence,
            "source": Links(e.source_urls),
        }
        for e in sorted(events, key=lambda e: e.effective_date or e.date_announced)
        if (e.effective_date or e.date_announced) <= on
    ]
    keys = ("date", "who", "kind", "what", "chips", "grade", "source")
    return Table(words("law.timeline"), {k: words(f"law.{k}") for k in keys}, rows, words("law.timeline_note"))


def _matrix(named: dict[str, Item], days: list[dt.date], states: dict[str, list[str]], words: Words) -> Table:
    """Only the days on which a named chip's status changed."""
    kept = [0] + [k for k in range(1, len(days)) if any(s[k] != s[k - 1] for s in states.values())]
    columns = {"chip": words("law.chip")} | {str(days[k]): str(days[k]) for k in kept}
    rows = []
    for name in named:
        cells = {str(days[k]): words.term("status", states[name][k]) for k in kept}
        rows.append({"chip": name, **cells})
    colours = {words.term("status", state): colour for state, colour in STATUS_COLOUR.items()}
    classes = {str(days[k]): colours for k in kept}
    return Table(words("law.matrix"), columns, rows, words("law.matrix_note"), classes, kind="dense")


def _products(words: Words) -> Table:
    keys = ["base", "product", "law"] + [f"{q}_{k}" for q in ("tpp", "links", "memory") for k in ("derived", "real")]
    columns = {k: words(f"law.product.{k}") for k in keys}
    rows = [r | {"law": words.term("law_of", r["law"])} for r in against_products()]
    return Table(words("law.products"), columns, rows, words("law.products_note"))


def _now(states: dict[str, list[str]], words: Words) -> list[str]:
    """What stands before each named chip now, one line a status."""
    groups: dict[str, list[str]] = {}
    for name, row in states.items():
        groups.setdefault(row[-1], []).append(name)
    return [
        "  " + words("told", who=words.term("status", state), what=words.list(names)) for state, names in groups.items()
    ]
