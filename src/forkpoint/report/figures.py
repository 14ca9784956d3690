"""Pictures as SVG text, drawn with matplotlib in one style that also prints well."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

COLOURS = {
    "free": "#2a7f62",
    "exception": "#8fb339",
    "review": "#e0a100",
    "licence": "#c8553d",
    "denial": "#8c1c13",
    "unknown": "#9aa0a6",
    "ink": "#1d2733",
    "faint": "#c9d1d9",
    "accent": "#2b59c3",
}
"""Colours by meaning; a status is also told by a sign, so colour is never the only carrier."""

SERIES = ("#2b59c3", "#c8553d", "#2a7f62", "#e0a100", "#7a4fb5", "#4f9bb5", "#b5486d", "#6b7280", "#8fb339", "#8c564b")

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "sans-serif"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a949e",
    "axes.labelcolor": "#1d2733",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6eaee",
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "forkpoint",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@contextmanager
def canvas(width: float = 8.0, height: float = 4.2, columns: int = 1, rows: int = 1) -> Iterator[tuple[Canvas, Any]]:
    """A figure of ``width`` × ``height`` inches with ``rows`` × ``columns`` axes in the report's style."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        from forkpoint.errors import MissingExtra

        raise MissingExtra("matplotlib", "report") from error
    with mpl.rc_context(STYLE):
        figure = Canvas(figsize=(width, height))
        yield figure, figure.subplots(rows, columns)


def to_svg(figure: Canvas, alt: str) -> str:
    """The figure as SVG text that scales to its place, with ``alt`` as its accessible title; same input, same bytes."""
    from xml.sax.saxutils import escape

    import matplotlib as mpl

    stream = io.StringIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Text stays text in the SVG: the reader's browser has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r'(<svg[^>]*?) width="[\d.]+pt" height="[\d.]+pt"', r'\1 class="figure" role="img"', svg, count=1, flags=re.S
    )
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return re.sub(r"(<svg[^>]*>)", lambda m: f"{m.group(1)}<title>{escape(alt)}</title>", svg, count=1)


def plain_numbers(axis: Any) -> None:
    """Ticks as people write them, 0.1, 10,000, on a log scale too."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def band(axes: Axes, x: Any, quantiles: Mapping[str, Any], colour: str, label: str) -> None:
    """A median line with the 50 % band strong and the 90 % band faint (keys p05, p25, p50, p75, p95)."""
    axes.fill_between(x, quantiles["p05"], quantiles["p95"], color=colour, alpha=0.12, linewidth=0)
    axes.fill_between(x, quantiles["p25"], quantiles["p75"], color=colour, alpha=0.32, linewidth=0)
    axes.plot(x, quantiles["p50"], color=colour, label=label)
