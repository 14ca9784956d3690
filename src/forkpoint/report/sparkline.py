"""A small picture for a table cell: one path with a cause and without it, as inline SVG."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

from forkpoint.report.figures import SERIES
from forkpoint.report.material import Floats

WIDTH, HEIGHT = 120.0, 34.0


@dataclass(frozen=True)
class Picture:
    """SVG for a table cell; as text it is what it shows in words."""

    svg: str
    alt: str

    def __str__(self) -> str:
        return self.alt


def sparkline(time: Floats, whole: Floats, without: Floats, alt: str) -> Picture:
    """Two lines on one scale: as it was (solid), without the cause (dashed)."""
    known = np.concatenate([p[np.isfinite(p)] for p in (whole, without)])
    top, low = float(known.max(initial=0.0)), float(known.min(initial=0.0))
    lines = []
    for path, dash, colour in ((whole, "", SERIES[1]), (without, ' stroke-dasharray="3 2"', SERIES[0])):
        x = (time - time[0]) / (time[-1] - time[0]) * (WIDTH - 4) + 2
        y = HEIGHT - 2 - (path - low) / ((top - low) or 1.0) * (HEIGHT - 4)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>')
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" '
        f'height="{HEIGHT:g}" role="img"><title>{escape(alt)}</title>{"".join(lines)}</svg>'
    )
    return Picture(svg, alt)
