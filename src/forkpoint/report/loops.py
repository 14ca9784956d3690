"""The nineteen loops: how likely each is the strongest, how strongly it acts, what is different without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from forkpoint.report.content import Figure, Paragraph, Section, Table
from forkpoint.report.figures import SERIES, band, canvas, to_svg
from forkpoint.report.material import Floats, Material, central
from forkpoint.report.time_figures import forecast_start
from forkpoint.report.words import Words
from forkpoint.uncertainty.loop_draws import SPANS, LoopDraws, cycles, loop_draws
from forkpoint.world.fitted import model_version
from forkpoint.world.loops import named_loops
from forkpoint.world.model import world
from forkpoint.world.scenario import DEFAULT
from forkpoint.world.verdict import domestic_compute, variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from forkpoint.dynamics.loops import Loop

DIAGRAM_AT = 2025.0
DRAWN = (("R3′", "R5", "R8"), ("R2", "R6"), ("R1",))
"""The loops of each diagram: those that share variables, so that the picture stays readable."""
KNOCKED = ("domestic_share_units", "nvidia_china_revenue")


SHOWN = 6
"""Loops with a panel of their own."""
LIKELY = 0.005
"""A loop that is the strongest less often than this, in every period, has no row among the likely ones."""
SLIGHT = 0.01
"""Relative change without a loop below which a high score must not be read as importance."""


@dataclass(frozen=True)
class Acting:
    """Signed shares of the named loops over time along one run."""

    loops: Mapping[str, Loop]
    time: Floats
    shares: dict[str, Floats]

    def average(self, name: str, start: float, stop: float) -> float:
        """Mean signed share of a loop from the start of one year to the end of another."""
        inside = (self.time >= start) & (self.time < stop + 1) & np.isfinite(self.shares[name])
        return float(self.shares[name][inside].mean()) if inside.any() else float("nan")


def loops_section(material: Material) -> Section:
    """The chapter: who is strongest and how sure that is, scores, knock-outs, diagram, and what each loop says."""
    words = material.words
    acting, found = loops_acting(), loop_draws(DEFAULT, material.draws)
    recent = {row["loop"]: row for row in found.over(2023, 2025)}
    told = [
        words("loops.told", loop=f"{n} {words.term('loop', n)}", chance=f"{row['p_strongest']:.0%}", share=_range(row))
        for n, row in list(recent.items())[:3]
    ]
    short = [f"{n} {words.term('loop', n)} {row['p_strongest']:.0%}" for n, row in list(recent.items())[:2]]
    lead = words("loops.lead", count=len(named_loops()), strongest=words.list(told), scenario=DEFAULT,
                 version=model_version(), draws=found.kept)  # fmt: skip
    hollow = [n for n, spans in _hollow(found).items() if "2023–2025" in spans]
    doubt = words("loops.hollow_short", loop=hollow[0], least=f"{SLIGHT:.0%}") if hollow else ""
    unnamed, apart = (words.list(names) or "–" for names in (cycles().missing, cycles().apart))
    return Section(
        "loops",
        words("loops.title"),
        [
            Paragraph(lead, "lead"),
            _chances(found, words),
            _likely(found, words),
            _bands(found, words),
            *(
                Paragraph(
                    words(
                        "loops.hollow", loop=f"{n} {words.term('loop', n)}", spans=words.list(s), least=f"{SLIGHT:.0%}"
                    ),
                    "note",
                )
                for n, s in _hollow(found).items()
            ),
            _table(acting, words),
            _meanings(words),
            *(_diagram(acting, names, words) for names in DRAWN),
            Paragraph(words("loops.note", missing=unnamed, apart=apart), "note"),
        ],
        summary=[words("loops.summary", strongest=words.list(short), hollow=doubt)],
    )


@cache
def loops_acting(name: str = DEFAULT) -> Acting:
    """The named loops scored along a scenario at the fitted parameters (Loops That Matter), each as its share."""
    from forkpoint.dynamics.loop_scores import loop_scores
    from forkpoint.dynamics.loops import Loops

    named = cycles().compared
    scores = loop_scores(
        world(), central(name).trajectory, Loops(tuple(cycles().loops[n] for n in named), False, "", ())
    )
    total = np.abs(scores.score).sum(axis=0)
    shares = scores.score / np.where(total > 0, total, np.nan)
    return Acting(cycles().loops, np.asarray(scores.time), dict(zip(named, shares, strict=True)))


@cache
def knock_outs(name: str = DEFAULT) -> dict[str, dict[str, Floats]]:
    """Loop → variable → relative change over time that the loop makes (with over without, less one)."""
    loops = list(named_loops().values())
    outputs = (*KNOCKED, "new_compute", "software_efficiency")
    batch = variants(name, [{}, *({loop.switch: 0.0} for loop in loops)], outputs)
    paths = {v: np.asarray(batch[v]) for v in KNOCKED} | {"domestic_compute": domestic_compute(batch)}
    return {
        loop.name: {v: path[:, 0] / np.where(path[:, row] == 0, np.nan, path[:, row]) - 1 for v, path in paths.items()}
        for row, loop in enumerate(loops, start=1)
    }


def _year(path: Floats, year: int) -> float:
    time = np.asarray(central().time)
    return float(path[(time > year - 0.01) & (time < year + 0.99)].mean())


def _leading(found: LoopDraws, count: int) -> list[str]:
    """The loops that are most often the strongest over the whole run."""
    often = np.nan_to_num(found.strongest()).mean(axis=1)
    size = np.nanmean(np.abs(found.shares), axis=(1, 2))
    return [found.names[i] for i in sorted(range(len(often)), key=lambda i: (-often[i], -size[i]))[:count]]


def _chances(found: LoopDraws, words: Words) -> Figure:
    """Probability over time that each loop is the strongest, stacked to one."""
    chances = dict(zip(found.names, 100 * found.strongest(), strict=True))
    leading = _leading(found, SHOWN)
    rest = np.sum([v for n, v in chances.items() if n not in leading], axis=0)
    at = int(np.argmin(np.abs(found.time - DIAGRAM_AT)))
    alt = words(
        "loops.chances_alt", year=int(DIAGRAM_AT), told=words.list(f"{n} {chances[n][at]:.0f} %" for n in leading)
    )
    labels = [f"{n} {words.term('loop', n)}" for n in leading] + [words("loops.rest")]
    with canvas(8, 3.8) as (figure, axes):
        stacked = [*(chances[n] for n in leading), rest]
        axes.stackplot(found.time, stacked, colors=[*SERIES[:SHOWN], "#c9d1d9"], labels=labels, linewidth=0, alpha=0.9)
        axes.set_ylim(0, 100)
        axes.set_ylabel(words("loops.chance"))
        _years(axes, found.time)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=8)
        return Figure(to_svg(figure, alt), words("loops.chances", draws=found.kept), alt, words("loops.chances_note"))


def _bands(found: LoopDraws, words: Words) -> Figure:
    """Each leading loop's share over time: median, 50 % and 90 % of the draws."""
    leading = _leading(found, SHOWN)
    recent = {row["loop"]: row for row in found.over(2023, 2025)}
    alt = words("loops.scores_alt", told=words.list(f"{n} {_range(recent[n])}" for n in leading))
    with canvas(8, 4.6, columns=3, rows=2) as (figure, axes):
        for i, (one, name) in enumerate(zip(axes.flat, leading, strict=True)):
            bands = {k: 100 * v for k, v in found.bands(name).items()}
            band(one, found.time, bands, SERIES[i], name)
            one.axhline(0, color="#1d2733", linewidth=0.8)
            one.set_title(f"{name} {words.term('loop', name)}", loc="left", fontsize=8)
            _years(one, found.time)
        for row in axes:
            row[0].set_ylabel(words("loops.share"), fontsize=8)
        return Figure(to_svg(figure, alt), words("loops.scores"), alt, words("loops.scores_note"))


def _years(axes: Axes, time: Floats) -> None:
    axes.set_xlim(time[0], time[-1])
    axes.set_xticks([2020, 2025, 2030, 2035], ["2020", "2025", "2030", "2035"])
    axes.axvline(forecast_start(), color="#1d2733", linewidth=0.8, linestyle=(0, (3, 3)))


def _likely(found: LoopDraws, words: Words) -> Table:
    """By period: the probability of being the strongest, and the share with its 90 % range."""
    spans = {f"{a}–{b}": {r["loop"]: r for r in found.over(a, b)} for a, b in SPANS}
    rows: list[dict[str, object]] = []
    for name in sorted(found.names, key=lambda n: -max(by[n]["p_strongest"] for by in spans.values())):
        if max(by[name]["p_strongest"] for by in spans.values()) >= LIKELY:
            row: dict[str, object] = {"loop": f"{name} {words.term('loop', name)}"}
            for span, by in spans.items():
                row |= {f"p {span}": f"{by[name]['p_strongest']:.0%}", span: _range(by[name])}
            rows.append(row)
    columns = {"loop": words("loops.loop")}
    for span in spans:
        columns |= {f"p {span}": words("loops.likely_chance", span=span), span: words("loops.likely_share")}
    return Table(words("loops.likely", draws=found.kept), columns, rows, words("loops.likely_note"))


def _hollow(found: LoopDraws) -> dict[str, list[str]]:
    """Loops that lead periods by score while outcomes hardly change without them, with those periods."""
    spans: dict[str, list[str]] = {}
    time = np.asarray(central().time)
    for start, stop in SPANS:
        name = found.over(start, stop)[0]["loop"]
        inside = (time >= start) & (time < stop + 1)
        moved = [np.nanmax(np.abs(path[inside])) for path in knock_outs()[name].values()]
        if max(moved) < SLIGHT:
            spans.setdefault(name, []).append(f"{start}–{stop}")
    return spans


def _range(row: Mapping[str, float]) -> str:
    """A share with its 90 % range: "+25 % (+10 % to +41 %)"."""
    return f"{_percent(row['p50'])} ({_percent(row['p05'])} … {_percent(row['p95'])})"


def _table(acting: Acting, words: Words) -> Table:
    out = knock_outs()
    rows = []
    for name, loop in named_loops().items():
        row: dict[str, object] = {"loop": f"{name} {words.term('loop', name)}", "kind": words.term("kind", loop.kind)}
        for start, stop in SPANS:
            share = acting.average(name, start, stop) if name in acting.shares else float("nan")
            row[f"{start}–{stop}"] = _percent(share)
        for variable in (*KNOCKED, "domestic_compute"):
            row[variable] = " / ".join(_percent(_year(out[name][variable], y)) for y in (2025, 2030))
        rows.append(row)
    columns = {"loop": words("loops.loop"), "kind": words("loops.kind")}
    columns |= {f"{a}–{b}": f"{a}–{b}" for a, b in SPANS}
    columns |= {v: words(f"loops.off.{v}") for v in (*KNOCKED, "domestic_compute")}
    return Table(words("loops.table"), columns, rows, words("loops.table_note"))


def _percent(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{value:+.0%}" if abs(value) >= 0.095 else f"{value:+.1%}"
    return "0" if abs(value) < 0.0005 else text.replace("-", "−")


def _meanings(words: Words) -> Table:
    rows = [
        {"loop": f"{n} {words.term('loop', n)}", "says": words.term("loop_says", n), "switch": loop.switch}
        for n, loop in named_loops().items()
    ]
    columns = {k: words(f"loops.{k}") for k in ("loop", "says", "switch")}
    return Table(words("loops.list"), columns, rows)


def _diagram(acting: Acting, wanted: tuple[str, ...], words: Words) -> Figure:
    from forkpoint.dynamics.loop_diagram import causal_loop_diagram

    drawn = [acting.loops[n] for n in wanted if n in acting.loops]
    names = words.list(n for n in wanted if n in acting.loops)
    alt = words("loops.diagram_alt", loops=names, year=int(DIAGRAM_AT))
    svg = causal_loop_diagram(world(), drawn, central().trajectory, DIAGRAM_AT, title=alt, label=words.variable)
    svg = svg.replace("<svg ", '<svg class="figure" ', 1)
    return Figure(svg, words("loops.diagram", loops=names, year=int(DIAGRAM_AT)), alt, words("loops.diagram_note"))
