"""Causal-loop diagram as SVG: variables, links with polarity and strength at a moment, named loops.

Stocks stand in boxes. A link is as thick as its input's share in the movement of its target at the chosen time (see
:func:`.loop_scores.relative_link_strength`); without a run all links are equal and their polarity is not known. Each
loop is marked R or B with its name at its centre. The picture is one self-contained ``<svg>`` element without script,
fit for a page or a file; every variable and link carries its meaning as a ``<title>``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import hypot
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

import numpy as np

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.extras import load
from forkpoint.dynamics.loops import Loop, Loops
from forkpoint.errors import InputError

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

POSITIVE, NEGATIVE, UNKNOWN = "#0072b2", "#d55e00", "#777777"
"""Blue and vermilion of Okabe & Ito (2008), told apart with colour-blind eyes, and grey for a link without polarity."""

LINE = 15.0
"""Height of a line of text in user units."""

LETTER = 7.2
"""Mean width of a letter at the size used."""


@dataclass(frozen=True)
class _Box:
    """A variable's place: centre, half width and half height, and its lines of text."""

    x: float
    y: float
    half_width: float
    half_height: float
    lines: tuple[str, ...]

    def edge_towards(self, x: float, y: float) -> tuple[float, float]:
        """Where a line from the centre towards a point leaves the box."""
        dx, dy = x - self.x, y - self.y
        scale = min(
            self.half_width / abs(dx) if dx else np.inf,
            self.half_height / abs(dy) if dy else np.inf,
            1.0,
        )
        return self.x + dx * scale, self.y + dy * scale


def causal_loop_diagram(
    model: Model,
    loops: Sequence[Loop],
    trajectory: Trajectory | None = None,
    at: float | None = None,
    *,
    title: str = "",
    label: Callable[[str], str] = lambda name: name.replace("_", " "),
) -> str:
    """The diagram of some loops of a model, with link strengths at time ``at`` (default the end) of a run.

    ``label`` gives the words that stand in a variable's box; its own name and meaning are in the box's ``<title>``.
    Raises InputError without loops or for a time outside the run, MissingExtra without networkx.
    """
    if not loops:
        raise InputError("a causal-loop diagram needs at least one loop")
    strength, polarity, when = _at_time(model, loops, trajectory, at)
    links = list(dict.fromkeys(link for loop in loops for link in loop.links))
    names = sorted({name for link in links for name in link})
    boxes = _arrange({name: _wrapped(label(name)) for name in names}, links)
    width = max(b.x + b.half_width for b in boxes.values()) + 30
    height = max(b.y + b.half_height for b in boxes.values()) + 30
    caption = title or f"Feedback loops of {model.name or 'the model'}"
    caption += f", {model.time_unit} {when:g}" if when is not None else ""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(caption)}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(caption)}</title>",
    ]
    parts += [_link(boxes, link, strength.get(link)) for link in links]
    parts += [_variable(model, name, boxes[name]) for name in names]
    parts += _marks(loops, boxes, polarity)
    return "\n".join([*parts, "</svg>\n"])


def _at_time(
    model: Model, loops: Sequence[Loop], trajectory: Trajectory | None, at: float | None
) -> tuple[Mapping[Link, float], Mapping[Loop, float], float | None]:
    """Strength of links and gain of loops over the step that ends nearest to a time."""
    if trajectory is None:
        return {}, {}, None
    from forkpoint.dynamics.loop_scores import loop_scores, relative_link_strength

    time = np.asarray(trajectory.time)
    when = float(time[-1]) if at is None else at
    if not time[0] - 1e-9 <= when <= time[-1] + 1e-9:
        raise InputError(f"time {when:g} lies outside the run, {time[0]:g} to {time[-1]:g}")
    step = max(0, int(np.argmin(np.abs(time - when))) - 1)
    strength = {k: float(v[step]) for k, v in relative_link_strength(model, trajectory).items()}
    gain = loop_scores(model, trajectory, Loops(tuple(loops), False, "", ())).gain[:, step]
    return strength, dict(zip(loops, map(float, gain), strict=True)), float(time[step + 1])


def _arrange(texts: Mapping[str, tuple[str, ...]], links: Sequence[Link]) -> dict[str, _Box]:
    """Kamada–Kawai (1989) from a circle, spread so that labels have room. The same input gives the same picture."""
    nx = load("networkx")
    graph = nx.Graph()
    graph.add_nodes_from(texts)
    graph.add_edges_from(sorted(tuple(sorted(link)) for link in links))
    circle = nx.circular_layout(graph)
    place = nx.kamada_kawai_layout(graph, pos=circle) if len(texts) > 3 else circle
    points = np.array([place[name] for name in texts])
    span = np.ptp(points, axis=0)
    points = (points - points.min(axis=0)) / np.where(span > 1e-9, span, 1.0)
    room = 150.0 * np.sqrt(len(texts))
    boxes = {}
    for (name, lines), (x, y) in zip(texts.items(), points, strict=True):
        half = 0.5 * LETTER * max(map(_columns, lines)) + 8
        boxes[name] = _Box(90 + 1.3 * room * x, 40 + room * y, half, 0.5 * LINE * len(lines) + 5, lines)
    return boxes


def _columns(text: str) -> int:
    """Width of a text in letters; a Chinese character takes two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _wrapped(text: str, longest: int = 16) -> tuple[str, ...]:
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if _columns(joined) > longest and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = joined
    return tuple(lines)


def _variable(model: Model, name: str, box: _Box) -> str:
    variable = model[name]
    frame = ' stroke="#333333" stroke-width="1.5"' if variable.kind == "stock" else ""
    text = "".join(
        f'<tspan x="{box.x:.1f}" y="{box.y + LINE * (i - 0.5 * (len(box.lines) - 1)) + 4:.1f}">{escape(line)}</tspan>'
        for i, line in enumerate(box.lines)
    )
    told = ": ".join(filter(None, (name, variable.meaning)))
    return (
        f'<g class="{variable.kind}"><title>{escape(told)} [{escape(variable.unit)}]</title>'
        f'<rect x="{box.x - box.half_width:.1f}" y="{box.y - box.half_height:.1f}" width="{2 * box.half_width:.1f}" '
        f'height="{2 * box.half_height:.1f}" rx="3" fill="white" fill-opacity="0.9"{frame}/>'
        f'<text text-anchor="middle">{text}</text></g>'
    )


def _link(boxes: Mapping[str, _Box], link: Link, strength: float | None) -> str:
    source, target = boxes[link[0]], boxes[link[1]]
    # Bent to the right of its direction, so that a link and its answer do not lie on each other.
    middle_x = 0.5 * (source.x + target.x) - 0.18 * (target.y - source.y)
    middle_y = 0.5 * (source.y + target.y) + 0.18 * (target.x - source.x)
    x0, y0 = source.edge_towards(middle_x, middle_y)
    x1, y1 = target.edge_towards(middle_x, middle_y)
    colour, sign = (UNKNOWN, "") if not strength else (POSITIVE, "+") if strength > 0 else (NEGATIVE, "−")
    width = 1.5 if strength is None else 0.8 + 5.0 * abs(strength)
    told = f": {strength:+.2f} of its movement" if strength is not None else ""
    ux, uy = x1 - middle_x, y1 - middle_y
    size = max(hypot(ux, uy), 1.0)
    ux, uy = ux / size, uy / size
    head = 5.0 + 1.5 * width
    corners = f"{x1:.1f},{y1:.1f} " + " ".join(
        f"{x1 - head * ux + side * 0.5 * head * uy:.1f},{y1 - head * uy - side * 0.5 * head * ux:.1f}"
        for side in (1, -1)
    )
    sign_x, sign_y = x1 - 16 * ux - 11 * uy, y1 - 16 * uy + 11 * ux + 4
    return (
        f'<g class="link"><title>{escape(link[0])} → {escape(link[1])}{told}</title>'
        f'<path d="M{x0:.1f},{y0:.1f} Q{middle_x:.1f},{middle_y:.1f} '
        f'{x1 - 0.7 * head * ux:.1f},{y1 - 0.7 * head * uy:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="{width:.2f}"/>'
        f'<polygon points="{corners}" fill="{colour}"/>'
        f'<text x="{sign_x:.1f}" y="{sign_y:.1f}" fill="{colour}" text-anchor="middle">{sign}</text></g>'
    )


def _marks(loops: Sequence[Loop], boxes: Mapping[str, _Box], polarity: Mapping[Loop, float]) -> list[str]:
    """Name and polarity of each loop at its centre; marks that would fall on each other are moved apart."""
    taken: list[tuple[float, float]] = []
    marks = []
    for loop in loops:
        x = float(np.mean([boxes[name].x for name in loop.variables]))
        y = float(np.mean([boxes[name].y for name in loop.variables]))
        while any(abs(x - a) < 60 and abs(y - b) < LINE for a, b in taken):
            y += LINE
        taken.append((x, y))
        gain = polarity.get(loop, 0.0)
        letter, colour = ("R", POSITIVE) if gain > 0 else ("B", NEGATIVE) if gain < 0 else ("", UNKNOWN)
        text = " ".join(filter(None, [", ".join(loop.names), f"({letter})" if letter else ""]))
        if text:
            marks.append(
                f'<text class="loop" x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-weight="bold" fill="{colour}" '
                f'stroke="white" stroke-width="3" paint-order="stroke">'
                f"<title>{escape(loop.path)}</title>{escape(text)}</text>"
            )
    return marks
