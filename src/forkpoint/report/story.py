"""The story in six charts, 2019 to 2035: the reference scenario with its ranges beside what was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from forkpoint.report.content import Block, Figure, Paragraph, Section, Table
from forkpoint.report.figures import SERIES, canvas, to_svg
from forkpoint.report.material import Draws, Floats, Material, posterior_draws, spread, yearly
from forkpoint.report.score_table import score_line
from forkpoint.report.time_figures import Curve, Panel, draw_panel, label, vendor
from forkpoint.report.words import Words
from forkpoint.world.fitted import DEFAULT as FITTED
from forkpoint.world.fitted import model_version
from forkpoint.world.reference import VENDORS, labels
from forkpoint.world.scenario import DEFAULT

YEARS = (2022, 2024, 2025, 2027, 2030, 2035)
CHINESE = tuple(v for v in VENDORS if v not in ("nvidia", "amd", "us_custom"))
SCORED = {
    "vendors": ("china_ai_accel_shipments", "china_ai_accel_shipments_vendor"),
    "revenue": ("nvda_revenue_total", "nvda_revenue_datacenter", "nvda_revenue_china_incl_hk_q"),
    "share": ("china_ai_accel_share_units",),
    "compute": ("china_intelligent_compute", "ai_compute_cumulative_h100e"),
    "ecosystem": ("cuda_developers", "ascend_training_adaptation_lag", "cann_core_contributors"),
    "research": ("nvda_rnd_expense", "huawei_rnd_expense"),
}
"""Which observed series score which chart."""


def story_section(material: Material) -> Section:
    """The chapter of six charts, with every vendor's row and the terminal's lines."""
    words, draws = material.words, posterior_draws(DEFAULT, material.draws)
    facts = {"kept": len(draws.kept), "asked": draws.asked, "version": model_version(), "fitted": FITTED}
    blocks: list[Block] = [
        Paragraph(words("story.lead"), "lead"),
        Paragraph(words("story.bands", scenario=DEFAULT, **facts), "note"),
    ]
    blocks += [_figure(name, panels, draws, material) for name, panels in panels_of(words).items()]
    blocks.insert(3, _vendors(draws, words))
    return Section("story", words("story.title"), blocks, summary=_summary(draws, words))


def panels_of(words: Words) -> dict[str, list[Panel]]:
    """The six charts as panels of curves."""
    return {
        "vendors": _cards(words),
        "revenue": _revenue(words),
        "share": [Panel(words("story.share.axis"), _shares(words), percent=True)],
        "compute": [Panel(words("story.compute.axis"), _compute(words), log=True)],
        "ecosystem": _ecosystem(words),
        "research": [Panel(words("story.research.axis"), _research(words), log=True)],
    }


def _cards(words: Words) -> list[Panel]:
    def nvidia(values: Mapping[str, Any]) -> Floats:
        return np.asarray(vendor("nvidia")(values) + np.asarray(values["small_cards"]))

    others = tuple(v for v in CHINESE if v != "huawei")
    every = Curve(words("story.all_cards"), label("china_cards"), SERIES[7], ("cards",), 1e-6)
    vendors = [
        Curve(words.term("vendor", "nvidia"), nvidia, SERIES[2], (), 1e-3),
        Curve(words.term("vendor", "huawei"), vendor("huawei"), SERIES[1], ("huawei_cards",), 1e-3),
        Curve(words("story.other_chinese"), vendor(*others), SERIES[3], (), 1e-3),
        Curve(words("story.other_american"), vendor("amd", "us_custom"), SERIES[4], (), 1e-3),
    ]
    return [
        Panel(words("story.vendors.axis"), [every]),
        Panel(words("story.vendors.by"), vendors, log=True, least=1.0),
    ]


def _revenue(words: Words) -> list[Panel]:
    regions = [
        Curve(words.term("region", region), vendor("nvidia", region=region, variable="revenue"), SERIES[i], (), 1e-9)
        for i, region in enumerate(labels("region"))
    ]
    total = Curve(words("story.total"), label("nvidia_revenue"), SERIES[7], ("nvda_total",), 1e-9)

    def share(values: Mapping[str, Any]) -> Floats:
        return np.asarray(100 * np.asarray(values["nvidia_china_revenue"]) / np.asarray(values["nvidia_revenue"]))

    china = Curve(
        words("story.china_billed"), label("nvidia_china_revenue"), SERIES[1],
        ("nvda_china_quarter", "nvda_china_year"), 1e-9,
    )  # fmt: skip
    return [
        Panel(words("story.revenue.axis"), [*regions, total], log=True),
        Panel(words("story.revenue.china"), [china]),
        Panel(words("story.revenue.share"), [Curve(words("story.china_share"), share, SERIES[1])]),
    ]


def _shares(words: Words) -> list[Curve]:
    observed = {"units": ("domestic_units",)}
    return [
        Curve(words(f"story.by_{by}"), label(f"domestic_share_{by}"), SERIES[i], observed.get(by, ()), 100)
        for i, by in enumerate(("units", "value", "compute"))
    ]


def _compute(words: Words) -> list[Curve]:
    return [
        Curve(words.term("region", r), label("usable_compute", region=r), SERIES[i], (), 1e-6)
        for i, r in enumerate(labels("region"))
    ]


def _ecosystem(words: Words) -> list[Panel]:
    people = [
        Curve(words.term("platform", p), label("developers", region="cn", platform=p), SERIES[i], (), 1e-6)
        for i, p in enumerate(("cuda", "cann", "other_cn"))
    ]
    world = Curve(
        words("story.cuda_world"), label("developers", platform="cuda"), SERIES[7], ("cuda_developers",), 1e-6
    )
    lag = Curve(words.term("platform", "cann"), label("adaptation_lag", platform="cann"), SERIES[1], ("training_lag",))
    return [
        Panel(words("story.ecosystem.axis"), [*people, world], log=True),
        Panel(words("story.ecosystem.lag"), [lag]),
    ]


def _research(words: Words) -> list[Curve]:
    def pool(*names: str) -> Any:
        rows = [VENDORS.index(n) for n in names]
        return lambda values: np.asarray(values["rnd_spend"])[:, rows].sum(axis=1)

    others = tuple(v for v in CHINESE if v != "huawei")
    return [
        Curve(words.term("vendor", "nvidia"), pool("nvidia"), SERIES[2], ("nvda_rnd",), 1e-9),
        Curve(words.term("vendor", "huawei"), pool("huawei"), SERIES[1], (), 1e-9),
        Curve(words("story.other_chinese"), pool(*others), SERIES[3], (), 1e-9),
    ]


def _figure(name: str, panels: list[Panel], draws: Draws, material: Material) -> Figure:
    words = material.words
    alt = f"{words(f'story.{name}.caption')}. {_ends(panels, draws, words)}"
    with canvas(8.4, 3.6 if len(panels) < 3 else 3.7, columns=len(panels)) as (figure, axes):
        for one, panel in zip(np.atleast_1d(axes), panels, strict=True):
            draw_panel(one, panel, draws, material.catalog, words)
            if len(panels) > 1:
                one.set_xticks([2020, 2025, 2030, 2035], ["2020", "2025", "2030", "2035"])
        svg = to_svg(figure, alt)
    note = f"{words(f'story.{name}.note')} {score_line(SCORED[name], words)}"
    return Figure(svg, words(f"story.{name}.caption"), alt, note)


def _ends(panels: list[Panel], draws: Draws, words: Words) -> str:
    """What the picture shows, in words, for those who cannot see it: each line's value this decade."""
    parts = [
        words("story.alt", what=curve.label, panel=panel.title, **_years(curve, draws))
        for panel in panels
        for curve in panel.curves
    ]
    return " ".join(parts)


def _years(curve: Curve, draws: Draws) -> dict[str, str]:
    return {f"y{y}": spread(yearly(draws.time, curve.paths(draws), y)) for y in (2025, 2030)}


def _vendors(draws: Draws, words: Words) -> Table:
    """Every vendor's row: cards to China a year in thousands, median and 90 % range."""
    rows = []
    for name in VENDORS:
        paths = vendor(name)(draws) * 1e-3
        if name == "nvidia":
            paths = paths + np.asarray(draws["small_cards"]) * 1e-3
        cells = {str(y): spread(yearly(draws.time, paths, y)) for y in YEARS}
        rows.append({"vendor": words.term("vendor", name), **cells})
    columns = {"vendor": words("story.vendor"), **{str(y): str(y) for y in YEARS}}
    return Table(words("story.table"), columns, rows, words("story.table_note"))


def _summary(draws: Draws, words: Words) -> list[str]:
    def at(path: Floats, year: int) -> str:
        return spread(yearly(draws.time, path, year))

    lines = [words("story.summary", scenario=DEFAULT)]
    for key, curve in {
        "china_revenue": Curve("", label("nvidia_china_revenue"), "", (), 1e-9),
        "cards": Curve("", label("china_cards"), "", (), 1e-6),
        "domestic_units": Curve("", label("domestic_share_units"), "", (), 100),
        "domestic_compute": Curve("", label("domestic_share_compute"), "", (), 100),
        "usable": Curve("", label("usable_compute", region="cn"), "", (), 1e-6),
        "research": Curve("", lambda v: np.asarray(v["rnd_spend"])[:, 0], "", (), 1e-9),
    }.items():
        path = curve.paths(draws)
        lines.append(
            "  " + words(f"story.line.{key}", y2025=at(path, 2025), y2027=at(path, 2027), y2030=at(path, 2030))
        )
    return lines
