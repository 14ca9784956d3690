"""The nineteen loops: how strongly each acts over time, what is different without it, and their picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from forkpoint.report.content import Figure, Paragraph, Section, Table
from forkpoint.report.figures import SERIES, canvas, to_svg
from forkpoint.report.material import Floats, Material, central
from forkpoint.report.words import Words
from forkpoint.world.fitted import model_version
from forkpoint.world.loops import named_loops
from forkpoint.world.model import world
from forkpoint.world.scenario import DEFAULT
from forkpoint.world.verdict import domestic_compute, variants

if TYPE_CHECKING:
    from forkpoint.dynamics.loops import Loop

SPANS = ((2020, 2022), (2023, 2025), (2026, 2030), (2031, 2035))
DIAGRAM_AT = 2025.0
DRAWN = (("R3′", "R5", "R8"), ("R2", "R6"), ("R1",))
"""The loops of each diagram: those that share variables, so that the picture stays readable."""
KNOCKED = ("domestic_share_units", "nvidia_china_revenue")


@dataclass(frozen=True)
class Acting:
    """Named loops as cycles of the model with their scores' shares over time; ``missing`` have no closed cycle."""

    loops: dict[str, Loop]
    missing: tuple[str, ...]
    time: Floats
    shares: dict[str, Floats]
    apart: tuple[str, ...]
    """Loops that share no feedback with the others: a share among them says nothing."""

    def average(self, name: str, start: float, stop: float) -> float:
        """Mean signed share of a loop from the start of one year to the end of another."""
        inside = (self.time >= start) & (self.time < stop + 1) & np.isfinite(self.shares[name])
        return float(self.shares[name][inside].mean()) if inside.any() else float("nan")


def loops_section(material: Material) -> Section:
    """The chapter: scores, knock-outs, diagram, and the list of loops with what each says."""
    words = material.words
    acting = loops_acting()
    ranked = [(n, acting.average(n, 2023, 2025)) for n in acting.shares if n not in acting.apart]
    ranked.sort(key=lambda pair: -abs(np.nan_to_num(pair[1])))
    strongest = words.list(f"{n} {words.term('loop', n)} ({abs(share):.0%})" for n, share in ranked[:3])
    lead = words("loops.lead", count=len(named_loops()), strongest=strongest, scenario=DEFAULT, version=model_version())
    unnamed, apart = (words.list(names) or "–" for names in (acting.missing, acting.apart))
    return Section(
        "loops",
        words("loops.title"),
        [
            Paragraph(lead, "lead"),
            _scores(acting, [n for n, _ in ranked[:8]], words),
            _table(acting, words),
            _meanings(words),
            *(_diagram(acting, names, words) for names in DRAWN),
            Paragraph(words("loops.note", missing=unnamed, apart=apart), "note"),
        ],
        summary=[lead],
    )  # fmt: skip


@cache
def loops_acting(name: str = DEFAULT) -> Acting:
    """The named loops scored along a scenario (Loops That Matter), each as its share among the named ones.

    A loop's path in ``loops.yaml`` may leave variables out; they are filled in by shortest paths through the model.
    """
    import networkx as nx

    from forkpoint.dynamics.loop_scores import loop_scores
    from forkpoint.dynamics.loops import Loop, Loops

    model = world()
    inner = {*model.stocks, *model.order}
    graph = nx.DiGraph(sorted(link for link in model.links() if link[0] in inner))
    cycles = {n: cycle for n, loop in named_loops().items() if (cycle := _closed(nx, graph, loop.path))}
    found = {n: Loop(cycle, (n,)) for n, cycle in cycles.items()}
    groups = sorted(nx.strongly_connected_components(graph), key=len)
    apart = tuple(n for n, loop in found.items() if loop.variables[0] not in groups[-1])
    ordered = list(dict.fromkeys(found.values()))
    scores = loop_scores(model, central(name).trajectory, Loops(tuple(ordered), False, "", ()))
    rows = {n: scores.score[ordered.index(loop)] for n, loop in found.items()}
    total = sum(np.abs(row) for n, row in rows.items() if n not in apart)
    shares = {n: row / np.where(total > 0, total, np.nan) for n, row in rows.items()}
    missing = tuple(n for n in named_loops() if n not in found)
    return Acting(found, missing, np.asarray(scores.time), shares, apart)


def _closed(nx: object, graph: object, path: tuple[str, ...]) -> tuple[str, ...]:
    """The cycle that joins variables in this order by shortest paths, none met twice; empty where there is none."""
    import networkx

    assert isinstance(graph, networkx.DiGraph)
    cycle = [path[0]]
    for name in (*path[1:], path[0]):
        closed = (set(path) | set(cycle)) - {cycle[-1], name}
        try:
            cycle += networkx.shortest_path(graph.subgraph(set(graph) - closed), cycle[-1], name)[1:]
        except networkx.NetworkXNoPath:
            return ()
    return tuple(cycle[:-1])


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


def _scores(acting: Acting, names: list[str], words: Words) -> Figure:
    alt = words("loops.scores_alt", told="; ".join(f"{n} {acting.average(n, 2023, 2025):+.0%}" for n in names))
    with canvas(8, 4.4) as (figure, axes):
        for i, name in enumerate(names):
            share = acting.shares[name]
            smooth = np.array([np.nanmean(share[max(0, k - 3) : k + 4]) for k in range(len(share))])
            style = "-" if i < 4 else "--"
            axes.plot(acting.time, 100 * smooth, style, color=SERIES[i], label=f"{name} {words.term('loop', name)}")
        axes.axhline(0, color="#1d2733", linewidth=0.8)
        axes.set_xticks([2020, 2025, 2030, 2035], ["2020", "2025", "2030", "2035"])
        axes.set_ylabel(words("loops.share"))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, fontsize=8)
        return Figure(to_svg(figure, alt), words("loops.scores"), alt, words("loops.scores_note"))


def _table(acting: Acting, words: Words) -> Table:
    out = knock_outs()
    rows = []
    for name, loop in named_loops().items():
        row: dict[str, object] = {"loop": f"{name} {words.term('loop', name)}", "kind": words.term("kind", loop.kind)}
        for start, stop in SPANS:
            known = name in acting.shares and name not in acting.apart
            share = acting.average(name, start, stop) if known else float("nan")
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
    svg = causal_loop_diagram(world(), drawn, central().trajectory, DIAGRAM_AT, title=alt)
    svg = svg.replace("<svg ", '<svg class="figure" ', 1)
    return Figure(svg, words("loops.diagram", loops=names, year=int(DIAGRAM_AT)), alt, words("loops.diagram_note"))
