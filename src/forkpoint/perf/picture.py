"""A waterfall picture of where the time of a prediction goes."""

from __future__ import annotations

import io
from pathlib import Path

from forkpoint.errors import InputError, MissingExtra
from forkpoint.files import write_atomically
from forkpoint.perf.prediction import Prediction

FORMATS = ("png", "svg", "pdf")


def write_waterfall(prediction: Prediction, path: Path | str) -> Path:
    """Write the parts of a step (or prompt, token, request) as a waterfall; the format follows the file's ending.

    Raises InputError for another ending, MissingExtra without matplotlib.
    """
    target = Path(path)
    kind = target.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise InputError(f"{target}: a picture ends in {', '.join('.' + f for f in FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "report") from error
    parts = [(name, share * prediction.unit_seconds) for name, share in prediction.shares.items() if share > 0.0005]
    figure = Figure(figsize=(8, 0.5 * len(parts) + 1.8), layout="constrained")
    axes = figure.subplots()
    start = 0.0
    for row, (_, seconds) in enumerate(parts):
        axes.barh(row, seconds, left=start, color=f"C{row}")
        axes.text(start + seconds, row, f" {seconds:.3g} s ({seconds / prediction.unit_seconds:.0%})", va="center")
        start += seconds
    axes.set_yticks(range(len(parts)), [name for name, _ in parts])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.25 * prediction.unit_seconds)
    axes.set_xlabel("seconds")
    axes.set_title(f"{prediction.job} {prediction.model} on {prediction.chips:,} × {prediction.chip}", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150)
    return write_atomically(target, buffer.getvalue())
