"""How good was a forecast: proper scores, coverage, and the shape of its misses.

A forecast is a sample (draws) of what a figure might be. Scores are negatively oriented: less is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles every forecast is shown with: median, 50 % and 90 % range."""


def crps(draws: ArrayLike, observed: float) -> float:
    """Continuous ranked probability score of a sample, in the unit of the figure.

    E|X - y| - ½ E|X - X'| with the unbiased ("fair") second term (Gneiting & Raftery 2007, eq. 21; Ferro 2014). One
    draw gives the absolute error.
    """
    x = np.sort(np.asarray(draws, dtype=float).ravel())
    n = x.size
    spread = 0.0
    if n > 1:
        weights = 2.0 * np.arange(1, n + 1) - n - 1.0
        spread = float(weights @ x) / (n * (n - 1.0))
    return float(np.abs(x - observed).mean() - spread)


def log_score(draws: ArrayLike, observed: float) -> float:
    """Negative log density at the observation, of a Gaussian kernel estimate (Silverman's width), in nats.

    One part in n + 1 is a Cauchy density of the draws' own spread, so that a miss far from all draws costs the
    logarithm of its distance, not the square.
    """
    x = np.asarray(draws, dtype=float).ravel()
    floor = 1e-12 * max(1.0, abs(observed))
    spread = min(float(x.std()), float(np.subtract(*np.percentile(x, [75, 25]))) / 1.349) or float(x.std())
    width = max(0.9 * spread * x.size**-0.2, floor)
    kernels = np.exp(-0.5 * ((observed - x) / width) ** 2).sum() / (width * np.sqrt(2 * np.pi))
    wide = max(spread, floor)
    tail = 1.0 / (np.pi * wide * (1.0 + ((observed - np.median(x)) / wide) ** 2))
    return float(-np.log((kernels + tail) / (x.size + 1)))


def pit(draws: ArrayLike, observed: float) -> float:
    """Probability integral transform: the share of draws below the observation (ties count half)."""
    x = np.asarray(draws, dtype=float).ravel()
    return float(((x < observed).sum() + 0.5 * (x == observed).sum()) / x.size)


def quantiles(draws: ArrayLike) -> Floats:
    """The 5, 25, 50, 75 and 95 % quantiles of a sample."""
    result: Floats = np.quantile(np.asarray(draws, dtype=float).ravel(), QUANTILES)
    return result


def skill(score: float, reference: float) -> float:
    """Share of the reference's score that is saved: 1 perfect, 0 no better, negative worse."""
    return 1.0 - score / reference if reference > 0 else float("nan")


@dataclass(frozen=True)
class ScoreSummary:
    """Scores of many forecasts: mean CRPS relative to the observed size, skill, coverage, and the PIT histogram."""

    count: int
    skill: float
    coverage_50: float
    coverage_90: float
    pit_histogram: tuple[int, ...]
    log_score: float
    signed_median_error: float


def summarise(rows: Sequence[dict[str, Any]], bins: int = 10) -> ScoreSummary:
    """Summary over scored rows (keys value, median, p05 … p95, crps, baseline_crps, pit, log_score).

    Skill compares sums of CRPS in units of each row's observed size (the forecast's top where that is zero), so that
    dollars and chips can be added.
    """
    if not rows:
        nan = float("nan")
        return ScoreSummary(0, nan, nan, nan, (0,) * bins, nan, nan)
    value = np.array([r["value"] for r in rows], dtype=float)
    top = np.array([r["p95"] for r in rows], dtype=float)
    size = np.maximum(np.abs(np.where(value == 0, top, value)), 1e-9)
    ours = np.array([r["crps"] for r in rows]) / size
    theirs = np.array([r["baseline_crps"] for r in rows]) / size
    known = np.isfinite(theirs)
    within = {
        share: np.mean([r[low] <= r["value"] <= r[high] for r in rows])
        for share, low, high in ((50, "p25", "p75"), (90, "p05", "p95"))
    }
    histogram, _ = np.histogram([r["pit"] for r in rows], bins=bins, range=(0.0, 1.0))
    return ScoreSummary(
        count=len(rows),
        skill=skill(float(ours[known].sum()), float(theirs[known].sum())) if known.any() else float("nan"),
        coverage_50=float(within[50]),
        coverage_90=float(within[90]),
        pit_histogram=tuple(int(h) for h in histogram),
        log_score=float(np.mean([r["log_score"] for r in rows])),
        signed_median_error=float(np.median([(r["median"] - r["value"]) / s for r, s in zip(rows, size, strict=True)])),
    )
