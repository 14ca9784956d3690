"""Pictures of the law on a day: compute against density, and memory against links, with the lines and the chips."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from forkpoint.report.content import Figure
from forkpoint.report.figures import COLOURS, canvas, plain_numbers, to_svg
from forkpoint.report.words import Words
from forkpoint.rules.clauses import law
from forkpoint.rules.evaluate import evaluate
from forkpoint.rules.items import Item, own_item
from forkpoint.rules.predicate import Fact, Number
from forkpoint.rules.question import ask
from forkpoint.rules.screen import Screen

STATUS_COLOUR = {
    "none_needed": "free",
    "exception_no_notice": "exception",
    "exception_with_notice": "exception",
    "case_by_case": "review",
    "presumption_of_approval": "review",
    "licences_being_granted": "review",
    "licence": "licence",
    "presumption_of_denial": "denial",
    "bis_authorisation": "denial",
    "indeterminate": "unknown",
}
LABEL, GLYPH, SAME = 6.5, 0.6, 4.0
"""Size of a chip's name, width of a glyph in sizes, and distance within which points share a text; in points."""
SIGNS = {"free": "o", "exception": "s", "review": "D", "licence": "^", "denial": "X", "unknown": "P"}
"""A status is told by sign as well as colour."""


def status(item: Item, to: str, on: dt.date) -> str:
    """What stands before one item on a day: no licence, an exception, or the policy that an application meets."""
    finding = evaluate([item], ask(to=to, on=on), law(), explain=False)
    if finding.net_authorisation == "licence" and finding.review_policy in STATUS_COLOUR:
        return str(finding.review_policy)
    return str(finding.net_authorisation)


def density_figure(items: Sequence[Item], on: dt.date, to: str, words: Words) -> Figure:
    """TPP against performance density on a day: the paragraphs as areas, the chips by what stands before them."""
    known = [(i, _exact(i, "tpp"), _exact(i, "performance_density")) for i in items]
    points = [(i, x, y) for i, x, y in known if x is not None and y is not None]
    tpp, density = np.geomspace(100, 150_000, 240), np.geomspace(0.3, 120, 200)
    xs, ys = (a.ravel() for a in np.meshgrid(tpp, density))
    screen = Screen.of(ask(to=to, on=on), law())
    names = screen.paragraphs(_probe() | {"tpp": Number(xs, xs), "performance_density": Number(ys, ys)}, len(xs))
    with canvas(8, 5) as (figure, axes):
        for paragraph, colour in (("3A090.a", COLOURS["denial"]), ("3A090.b", COLOURS["review"])):
            inside = (names == paragraph).reshape(len(density), len(tpp))
            if inside.any():
                axes.contourf(tpp, density, inside, levels=[0.5, 1.5], colors=[colour], alpha=0.12)
                axes.contour(tpp, density, inside, levels=[0.5], colors=[colour], linewidths=1.0)
        _points(axes, points, to, on, words)
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.set_xlabel(words("law.tpp"))
        axes.set_ylabel(words("law.density"))
        _names(axes, points)
        alt = words("law.density_alt", count=len(points), date=on)
        return Figure(to_svg(figure, alt), words("law.density_caption", date=on), alt, words("law.density_note"))


def bandwidth_figure(items: Sequence[Item], on: dt.date, to: str, words: Words) -> Figure:
    """Memory bandwidth against link bandwidth on a day: the letter's reach as an area, NVIDIA's chips below 3A090.a."""
    known = [(i, _exact(i, "dram_bw_gbs"), _exact(i, "interconnect_bw_gbs")) for i in items]
    points = [(i, x, y) for i, x, y in known if x and y]
    memory, links = np.linspace(0, 5200, 220), np.linspace(0, 2000, 200)
    xs, ys = (a.ravel() for a in np.meshgrid(memory, links))
    screen = Screen.of(ask(to=to, on=on), law())
    facts = _probe() | {"dram_bw_gbs": Number(xs, xs), "interconnect_bw_gbs": Number(ys, ys)}
    inside = screen(facts, len(xs)).reshape(len(links), len(memory)).astype(float)
    with canvas(8, 4.6) as (figure, axes):
        if inside.any():
            axes.contourf(memory, links, inside, levels=[0.5, 1.5], colors=[COLOURS["licence"]], alpha=0.12)
            axes.contour(memory, links, inside, levels=[0.5], colors=[COLOURS["licence"]], linewidths=1.0)
        _points(axes, points, to, on, words)
        axes.set_xlim(0, 5200)
        axes.set_ylim(0, 2000)
        axes.set_xlabel(words("law.memory"))
        axes.set_ylabel(words("law.links"))
        _names(axes, points)
        alt = words("law.bandwidth_alt", count=len(points), date=on)
        return Figure(to_svg(figure, alt), words("law.bandwidth_caption", date=on), alt, words("law.bandwidth_note"))


def status_figure(rows: Mapping[str, Sequence[str]], days: Sequence[dt.date], words: Words) -> Figure:
    """Status of chips through time: one bar a chip, one colour and letter a status, changing on the days of the law."""
    end = days[-1] + (days[-1] - days[0]) / 20
    with canvas(8.4, 0.34 * len(rows) + 1.4) as (figure, axes):
        for row, states in enumerate(rows.values()):
            for start, stop, state in _spans(days, end, states):
                colour = STATUS_COLOUR.get(state, "faint")
                shade = COLOURS["faint" if state == "" else colour]
                axes.barh(row, (stop - start).days, left=start, color=shade, height=0.72, linewidth=0)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        _legend(axes, words)
        alt = words("law.status_alt", count=len(rows))
        return Figure(to_svg(figure, alt), words("law.status_caption"), alt, words("law.status_note"))


def _spans(days: Sequence[dt.date], end: dt.date, states: Sequence[str]) -> Iterator[tuple[dt.date, dt.date, str]]:
    """Runs of one status: first day, day after the last, status."""
    start = 0
    for k in range(1, len(states) + 1):
        if k == len(states) or states[k] != states[start]:
            yield days[start], days[k] if k < len(days) else end, states[start]
            start = k


def _points(axes: Any, points: Sequence[tuple[Item, Any, Any]], to: str, on: dt.date, words: Words) -> None:
    by_colour: dict[str, list[tuple[Item, float, float]]] = {}
    for item, x, y in points:
        colour = STATUS_COLOUR.get(status(item, to, on), "unknown")
        by_colour.setdefault(colour, []).append((item, x, y))
    for colour, sign in SIGNS.items():
        group = by_colour.get(colour, [])
        if group:
            axes.scatter(
                [x for _, x, _ in group],
                [y for _, _, y in group],
                c=COLOURS[colour],
                marker=sign,
                s=26,
                label=words(f"law.colour.{colour}"),
                zorder=3,
            )
    axes.legend(loc="upper left", fontsize=8)


def _names(axes: Any, points: Sequence[tuple[Item, float, float]]) -> None:
    """Names beside the points, once the axes have their scales: one text where points coincide, none over another.

    A name moves up, down, or to the left of its point until it is free; sizes are those of the font, in points.
    """
    together: dict[tuple[int, int], tuple[float, float, list[str]]] = {}
    for item, x, y in points:
        place = axes.transData.transform((x, y)) * 72 / axes.figure.dpi
        cell = (round(place[0] / SAME), round(place[1] / SAME))
        together.setdefault(cell, (x, y, []))[2].append(_short(item.name))
    corner = axes.transAxes.transform((1, 1)) * 72 / axes.figure.dpi
    marks = [axes.transData.transform((x, y)) * 72 / axes.figure.dpi for x, y, _ in together.values()]
    taken = [(mx - 3, my - 3, mx + 3, my + 3) for mx, my in marks]
    for (x, y, names), (px, py) in zip(together.values(), marks, strict=True):
        text = ", ".join(dict.fromkeys(names))
        width, height = GLYPH * LABEL * len(text), 1.2 * LABEL
        sides = [(px + 5, "left")] if px + 5 + width < corner[0] else []
        sides.append((px - 5 - width, "right"))
        moves = [step * sign for step in np.arange(0, 60, 2.0) for sign in (1, -1)]
        boxes = [(left, py + m - 3, left + width, py + m - 3 + height, m, side) for m in moves for left, side in sides]
        free = next((b for b in boxes if not any(_meet(b, t) for t in taken)), boxes[0])
        taken.append(free[:4])
        move, side = free[4:]
        arrow = {"arrowstyle": "-", "linewidth": 0.4, "color": COLOURS["unknown"], "shrinkA": 0, "shrinkB": 3}
        axes.annotate(text, (x, y), xytext=(5 if side == "left" else -5, move - 2), textcoords="offset points",
                      fontsize=LABEL, ha=side, arrowprops=arrow if abs(move) > height else None)  # fmt: skip


def _meet(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two boxes (left, bottom, right, top, …) share any area."""
    return bool(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def _legend(axes: Any, words: Words) -> None:
    from matplotlib.patches import Patch

    # Columns wide apart: matplotlib takes Chinese glyphs for half their width.
    handles = [Patch(color=COLOURS[c], label=words(f"law.colour.{c}")) for c in SIGNS]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3, fontsize=8,
                columnspacing=5)  # fmt: skip


def _short(name: str) -> str:
    plain = name.split("(")[0].split(" / ")[0]
    for word in ("NVIDIA ", "AMD ", "Instinct ", "Intel ", "GeForce ", "Generation", "SXM5 ", "SXM4 ", "Edition"):
        plain = plain.replace(word, "")
    return plain.strip()


def _exact(item: Item, name: str) -> float | None:
    fact = item.facts[name]
    assert isinstance(fact, Number)
    return float(fact.high) if fact.low == fact.high and np.isfinite(fact.high) else None


def _probe() -> dict[str, Fact]:
    """An American data-centre chip of no other account, to draw the lines with."""
    specs = {"name": "probe", "vendor": "NVIDIA", "vendor_country": "US", "tpp": 1.0, "performance_density": 0.1}
    specs |= {"mem_bw_gbs": 1.0, "interconnect_bw_gbs": 1.0, "transistors_bn": 50.0, "mem_type": "HBM3"}
    return dict(own_item(specs, "probe").facts)
