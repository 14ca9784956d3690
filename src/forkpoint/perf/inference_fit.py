"""Fitting the inference parameters to public measurements, judged on sources that the fit has not seen.

Least squares on the logarithm of predicted over measured, with a loss that grows linearly for outliers, priors inside
the physical bounds, and rows weighted so that a long table does not drown a short one. Cross-validation
leaves out one source at a time; its residuals give the published ranges.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forkpoint.catalog import Measurement
from forkpoint.errors import InputError
from forkpoint.files import read_text, write_atomically
from forkpoint.perf.inference_cases import InferenceCase, inference_case
from forkpoint.perf.inference_parameters import FILE, Documented, InferenceParameters, documented, inference_parameters
from forkpoint.perf.inference_rows import case_result, figure_kind

OUTLIER = 0.25
"""Residual (ln) beyond which the loss grows linearly."""
SOURCE_EXPONENT = 0.5
"""A row's weight falls with the number of its source's rows to this power: between by row (0) and by source (1)."""
ROW_ERROR = 0.2
"""Error (ln) of a single row against which priors are weighed."""
PRIOR_WIDTH = 8.0
"""A parameter's range holds this many standard deviations of its prior."""
MISSING = 1.0
"""Residual of a row that parameters make impossible (its model no longer fits in memory)."""

NARROWEST = 0.05
"""A range is never narrower than this (ln) on either side: small samples must not leave the prediction outside."""


class Residual(NamedTuple):
    """A row and ln(predicted / measured) for it; ``None`` where it could not be predicted."""

    row: Measurement
    error: float | None


def scored_rows(rows: Iterable[Measurement]) -> list[Measurement]:
    """Inference rows that can be scored: latencies of the first token under load include an unknown queue."""
    return [r for r in rows if r.kind != "train" and not (r.kind == "serve" and r.metric == "ttft_ms")]


def residuals(rows: Sequence[Measurement], parameters: InferenceParameters) -> list[Residual]:
    """ln(predicted / measured) of each row."""
    return [Residual(c.row, _error(c, parameters)) for c in map(inference_case, rows)]


def _error(case: InferenceCase, parameters: InferenceParameters) -> float | None:
    try:
        return math.log(case_result(case, parameters).value / float(case.row.value))
    except InputError:
        return None


def fit(
    rows: Sequence[Measurement], evaluations: int = 12, start: InferenceParameters | None = None
) -> InferenceParameters:
    """The parameters that suit ``rows`` best within their bounds, from the priors unless ``start`` is given."""
    from scipy.optimize import least_squares

    free = [d for d in documented() if d.fitted]
    prior = np.array([_inner(d, d.prior) for d in free])
    low, high = (np.array([_inner(d, getattr(d, end)) for d in free]) for end in ("low", "high"))
    begin = prior if start is None else np.array([_inner(d, getattr(start, d.name)) for d in free])
    counts = Counter(r.source_title for r in rows)
    weights = np.array([counts[r.source_title] ** -SOURCE_EXPONENT for r in rows])
    weights = np.sqrt(weights) * OUTLIER / ROW_ERROR

    cases = [inference_case(r) for r in rows]

    def cost(x: Any) -> Any:
        parameters = _parameters(free, x)
        missed = (_error(c, parameters) for c in cases)
        errors = np.array([MISSING if e is None else e for e in missed]) / OUTLIER
        robust = np.sign(errors) * np.sqrt(2.0 * (np.sqrt(1.0 + errors**2) - 1.0))
        return np.concatenate([weights * robust, PRIOR_WIDTH * (x - prior) / (high - low)])

    begin = np.clip(begin, low + 1e-9, high - 1e-9)
    found = least_squares(cost, begin, bounds=(low, high), max_nfev=evaluations, diff_step=1e-3)
    return _parameters(free, found.x)


def cross_validate(
    rows: Sequence[Measurement],
    evaluations: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> list[Residual]:
    """Residuals of each source under parameters fitted on all others, every fit from the priors."""
    sources = sorted({r.source_title for r in rows})
    found: list[Residual] = []
    for number, source in enumerate(sources):
        parameters = fit([r for r in rows if r.source_title != source], evaluations)
        found += residuals([r for r in rows if r.source_title == source], parameters)
        if progress is not None:
            progress(number + 1, len(sources))
    return found


def spreads(found: Sequence[Residual]) -> dict[str, tuple[float, float]]:
    """The 10th and 90th percentile of ln(measured / predicted), by kind of figure; at least ``NARROWEST`` each way."""
    kinds: dict[str, list[float]] = {}
    for row, error in found:
        if error is not None:
            kinds.setdefault(figure_kind(row), []).append(-error)
    ends = {k: np.quantile(v, (0.1, 0.9)) for k, v in sorted(kinds.items())}
    return {k: (min(float(e[0]), -NARROWEST), max(float(e[1]), NARROWEST)) for k, e in ends.items()}


def write_parameters(
    parameters: InferenceParameters, ranges: dict[str, tuple[float, float]], path: Path = FILE
) -> Path:
    """Put fitted values and ranges into the parameter file; comments, bounds and sources stay as they are."""
    lines = []
    for line in read_text(path).splitlines():
        match = re.match(r"  (\w+): \{value: [^,]+, (.*)$", line)
        kind = re.match(r"  (\w+): \{low: ", line)
        if match:
            line = f"  {match[1]}: {{value: {getattr(parameters, match[1]):.4g}, {match[2]}"
        elif kind and kind[1] in ranges:
            low, high = ranges[kind[1]]
            line = f"  {kind[1]}: {{low: {low:.3f}, high: {high:.3f}}}"
        lines.append(line)
    return write_atomically(path, "\n".join(lines) + "\n")


def _inner(d: Documented, value: float) -> float:
    """Positive parameters move on a logarithmic scale."""
    return math.log(value) if d.low > 0 else value


def _parameters(free: Sequence[Documented], x: Any) -> InferenceParameters:
    values = {d.name: math.exp(v) if d.low > 0 else float(v) for d, v in zip(free, x, strict=True)}
    values = {d.name: min(d.high, max(d.low, values[d.name])) for d in free}
    return inference_parameters().changed(values)
