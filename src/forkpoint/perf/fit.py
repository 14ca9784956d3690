"""Fitting the efficiency parameters to published measurements: ``forkpoint fit-perf``.

Least squares on log(predicted / measured) with a robust loss, a prior pull towards the engineering values, and
bounds at their ranges. A source's rows share their weight (each counts n^-1/2), so that a long table does not decide
alone. Cross-validation leaves out one whole source at a time. No parameter belongs to a row or to a source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forkpoint.catalog import Measurement, catalog
from forkpoint.errors import InputError
from forkpoint.files import read_text, write_atomically
from forkpoint.perf import training_rows
from forkpoint.perf.efficiency import FILE, Entry, Parameters, parameters

Predict = Callable[[Parameters], Any]
"""The metric of one row under parameters whose values may be arrays."""

ROBUST_SCALE = 0.15
"""Log error beyond which a row pulls linearly, not quadratically."""
PRIOR_WEIGHT = 2.0
"""Pull of the prior: a parameter a tenth of its range away weighs like one row that is 20 % wrong. Chosen by sources
left out: an eighth of it fits the rows better and other publishers' much worse (docs/performance-model.md).
"""


@dataclass(frozen=True)
class FitCase:
    """A row with what predicts it."""

    row: Measurement
    predict: Predict

    @property
    def source(self) -> str:
        """The publication that a row comes from: the unit of cross-validation."""
        return self.row.source_title


def training_cases(rows: Iterable[Measurement]) -> list[FitCase]:
    """Training rows as cases, each with the plan that the shipped parameters choose where the row leaves it open."""
    cases = []
    for row in rows:
        try:
            case = training_rows.case_of(row, parameters())
        except InputError:
            continue
        cases.append(FitCase(row, _predictor(case)))
    return cases


def _predictor(case: training_rows.TrainingCase) -> Predict:
    return lambda p: training_rows.predict(case, p)[0]


def fit(
    cases: Sequence[FitCase],
    entries: dict[str, Entry],
    *,
    start: dict[str, float] | None = None,
    rounds: int = 20,
) -> dict[str, float]:
    """Values of the fitted parameters that explain ``cases`` best within their ranges."""
    from scipy.optimize import least_squares

    names = [n for n, e in entries.items() if e.fitted and e.high > e.low]
    base = Parameters({n: e.value for n, e in entries.items()})
    low, high = (np.array([getattr(entries[n], side) for n in names]) for side in ("low", "high"))
    span = high - low
    prior = np.array([(entries[n].prior - entries[n].low) for n in names]) / span
    weights = source_weights(cases)
    measured = np.log(np.array([c.row.value for c in cases]))

    def residuals(x: np.ndarray) -> np.ndarray:
        grid = {n: low[i] + span[i] * np.atleast_2d(x)[:, i] for i, n in enumerate(names)}
        at = base.changed(grid)
        count = len(np.atleast_2d(x))
        made: np.ndarray = np.array([np.log(np.broadcast_to(np.asarray(c.predict(at)), (count,))) for c in cases])
        errors: np.ndarray = made - measured[:, None]
        return errors

    def whole(x: np.ndarray) -> np.ndarray:
        return np.concatenate([weights * _robust(residuals(x)[:, 0]), PRIOR_WEIGHT * (x - prior)])

    def jacobian(x: np.ndarray) -> np.ndarray:
        step = np.where(x > 0.5, -1e-4, 1e-4)
        points = np.vstack([x, x + np.diag(step)])
        made = _robust(residuals(points)) * weights[:, None]
        slope = (made[:, 1:] - made[:, :1]) / step
        return np.vstack([slope, PRIOR_WEIGHT * np.eye(len(x))])

    first = prior if start is None else (np.array([start[n] for n in names]) - low) / span
    found = least_squares(whole, np.clip(first, 1e-6, 1 - 1e-6), jac=jacobian, bounds=(0, 1), max_nfev=rounds)
    return {n: float(low[i] + span[i] * found.x[i]) for i, n in enumerate(names)}


def cross_validate(
    cases: Sequence[FitCase],
    entries: dict[str, Entry],
    start: dict[str, float],
    *,
    rounds: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Log error of every row under parameters fitted without its source."""
    sources = sorted({c.source for c in cases})
    errors: dict[str, float] = {}
    for i, source in enumerate(sources):
        kept = [c for c in cases if c.source != source]
        values = fit(kept, entries, start=start, rounds=rounds)
        at = Parameters({n: e.value for n, e in entries.items()}).changed(values)
        errors |= log_errors([c for c in cases if c.source == source], at)
        if progress:
            progress(i + 1, len(sources))
    return errors


def log_errors(cases: Sequence[FitCase], p: Parameters) -> dict[str, float]:
    """log(predicted / measured) of each row by id."""
    return {c.row.id: float(np.log(float(np.squeeze(c.predict(p))) / c.row.value)) for c in cases}


def source_weights(cases: Sequence[FitCase]) -> np.ndarray:
    """Weight of each row: its source's count to the power -1/2, scaled to a mean of one."""
    counts: dict[str, int] = {}
    for c in cases:
        counts[c.source] = counts.get(c.source, 0) + 1
    raw = np.array([counts[c.source] ** -0.5 for c in cases])
    scaled: np.ndarray = np.sqrt(raw / raw.mean())
    return scaled


def _robust(error: np.ndarray) -> np.ndarray:
    """Square root of a Huber-like loss, so that squaring it gives the loss (soft L1)."""
    scaled = error / ROBUST_SCALE
    rooted: np.ndarray = np.sign(error) * ROBUST_SCALE * np.sqrt(2.0 * (np.sqrt(1.0 + scaled**2) - 1.0))
    return rooted


def spreads(errors: dict[str, float], cases: Sequence[FitCase]) -> dict[str, tuple[float, float]]:
    """The 10th and 90th percentile of ln(measured / predicted rate) for dense and expert training."""
    kinds: dict[str, list[float]] = {}
    for case in cases:
        slow = -1.0 if case.row.metric in ("step_seconds", "gpu_hours") else 1.0
        kind = "train-moe" if case.row.moe_experts else "train-dense"
        kinds.setdefault(kind, []).append(-slow * errors[case.row.id])
    return {k: (float(np.quantile(v, 0.1)), float(np.quantile(v, 0.9))) for k, v in sorted(kinds.items())}


def write_parameters(values: dict[str, float], ranges: dict[str, tuple[float, float]], path: Path = FILE) -> Path:
    """Put fitted values and ranges into the parameter file; priors, bounds and sources stay as they are."""
    lines = []
    measured = sorted({m.chip for m in catalog().measurements if m.kind == "train"})
    for line in read_text(path).splitlines():
        match = re.match(r"  ([\w-]+): \{value: [^,]+, (.*)$", line)
        kind = re.match(r"  ([\w-]+): \{low: ", line)
        if match and match[1] in values:
            line = f"  {match[1]}: {{value: {values[match[1]]:.4g}, {match[2]}"
        elif kind and kind[1] in ranges:
            low, high = ranges[kind[1]]
            line = f"  {kind[1]}: {{low: {low:.3f}, high: {high:.3f}}}"
        elif line.startswith("measured_chips:"):
            line = f"measured_chips: [{', '.join(measured)}]"
        lines.append(line)
    return write_atomically(path, "\n".join(lines) + "\n")
