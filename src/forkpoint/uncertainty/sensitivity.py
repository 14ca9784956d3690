"""What an answer's spread comes from, and which facts would shrink it most.

* :func:`screen`: a straight-line model of the answer over posterior draws, judged on draws left out.
* :func:`sobol`: variance shares from the world itself, for groups of independent numbers (Saltelli et al. 2010; SALib).
* :func:`shapley_effects`: a fair division of the variance when parameters are tied by the data (Owen & Prieur 2017,
  SIAM/ASA JUQ 5: closed form for a straight line and normal inputs).
* :func:`evppi`: what knowing a parameter would be worth to a choice (Strong, Oakley & Brennan 2014, Medical Decision
  Making 34).

Every share has a range; ``converged`` is False where it is too wide, or the straight line too poor, to rank by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.shapley import shapley_values
from forkpoint.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Groups: TypeAlias = Mapping[str, NDArray[np.intp]]
NARROW = 0.1
"""A share whose 95 % range is wider than this on either side is not converged."""
FAITHFUL = 0.7
"""Share of the left-out variance that a straight line must explain to be ranked by."""
REST = "all others"
BOOTSTRAPS = 30


@dataclass(frozen=True)
class Line:
    """A straight line through draws: slopes by coordinate, and the share of left-out variance that it explains."""

    slopes: Floats
    explained: float


@dataclass(frozen=True)
class Share:
    """One group's share of the variance, with a 95 % range."""

    name: str
    share: float
    low: float
    high: float
    converged: bool
    total: float | None = None
    """Sobol's total index: the share with all interactions."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


def fit_line(z: Floats, y: Floats, *, folds: int = 5) -> Line:
    """Ridge regression of answers ``y`` (draw) on coordinates ``z`` (coordinate, draw); the penalty that predicts
    left-out folds best is taken. Raises InputError where the answer does not vary or draws are fewer than folds."""
    kept = np.isfinite(y)
    z, y = z[:, kept], y[kept]
    if len(y) < 2 * folds:
        raise InputError(f"{len(y)} draws are too few to see where the spread comes from")
    centred, middle = z - z.mean(axis=1, keepdims=True), y - y.mean()
    variance = float(middle @ middle)
    if variance <= 1e-24 * max(float(y @ y), 1e-300):
        raise InputError("the answer is the same in every draw: nothing to explain")
    penalties = np.geomspace(1e-3, 3.0, 8) * len(y)
    fold = np.arange(len(y)) % folds
    errors = np.zeros(len(penalties))
    for number in range(folds):
        seen, left = fold != number, fold == number
        slopes = _ridge(centred[:, seen], middle[seen], penalties * (folds - 1) / folds)
        errors += ((middle[left] - slopes @ centred[:, left]) ** 2).sum(axis=1)
    best = int(np.argmin(errors))
    return Line(_ridge(centred, middle, penalties[best : best + 1])[0], 1.0 - float(errors[best]) / variance)


def _ridge(z: Floats, y: Floats, penalties: Floats) -> Floats:
    """Slopes (penalty, coordinate), from one decomposition of the smaller Gram matrix."""
    if z.shape[0] <= z.shape[1]:
        values, vectors = np.linalg.eigh(z @ z.T)
        turned = vectors.T @ (z @ y)
        return np.asarray((turned / (values + penalties[:, None])) @ vectors.T)
    values, vectors = np.linalg.eigh(z.T @ z)
    turned = vectors.T @ y
    return np.asarray(((turned / (values + penalties[:, None])) @ vectors.T) @ z.T)


def screen(line: Line, covariance: Floats, groups: Groups, keep: int) -> dict[str, NDArray[np.intp]]:
    """The ``keep`` groups whose loss would change the line's variance most, largest first, and all others as one."""
    known = Known(line.slopes, covariance)
    size = {name: float(known.variance(rows)[0]) for name, rows in groups.items()}
    ranked = sorted(groups, key=lambda name: -size[name])
    found = {name: np.asarray(groups[name]) for name in ranked[:keep]}
    rest = [groups[name] for name in ranked[keep:]]
    return {**found, REST: np.concatenate(rest)} if rest else found


class Known:
    """What remains unknown of straight lines (columns of slopes) over normal coordinates once some are known."""

    def __init__(self, slopes: Floats, covariance: Floats) -> None:
        self.slopes = slopes.reshape(len(slopes), -1)
        self.covariance = covariance
        self.precision: Floats = np.asarray(np.linalg.inv(covariance), dtype=float)
        self.towards = covariance @ self.slopes
        self.total = (self.slopes * self.towards).sum(axis=0)

    def variance(self, rows: NDArray[np.intp]) -> Floats:
        """Var(E[line | coordinates in ``rows``]), from the rows or from the others, whichever are fewer."""
        size = len(self.slopes)
        if 2 * len(rows) <= size:
            part = self.towards[rows]
            return np.asarray((part * np.linalg.solve(self.covariance[np.ix_(rows, rows)], part)).sum(axis=0))
        others = np.setdiff1d(np.arange(size), rows)
        left = self.slopes[others]
        return np.asarray(
            self.total - (left * np.linalg.solve(self.precision[np.ix_(others, others)], left)).sum(axis=0)
        )


def linear_shapley(known: Known, groups: Groups, *, samples: int = 64) -> dict[str, Floats]:
    """Shapley effects of groups for straight lines over normal coordinates, as shares that sum to one."""

    def evaluate(sets: Any) -> dict[frozenset[str], Any]:
        none = np.array([], dtype=int)
        return {s: known.variance(np.concatenate([none, *(groups[n] for n in sorted(s))])) for s in sets}

    found = shapley_values(list(groups), evaluate, exact_up_to=9, samples=samples)
    return {name: np.asarray(v / known.total) for name, v in found.contribution.items()}


def shapley_effects(
    z: Floats, y: Floats, covariance: Floats, groups: Groups, *, keep: int = 8, seed: int = 0
) -> tuple[list[Share], Line]:
    """Shapley effects of the leading groups on an answer given draws, ranges from resampled draws."""
    line = fit_line(z, y)
    chosen = screen(line, covariance, groups, keep)
    rng = np.random.default_rng(seed)
    leading = np.concatenate(list(chosen.values())[:keep])
    reduced = np.concatenate([(line.slopes @ z)[None], z[leading]])
    slopes = [line.slopes]
    for _ in range(BOOTSTRAPS):
        again = rng.integers(0, len(y), len(y))
        slopes.append(_again(reduced[:, again], y[again], line, leading))
    shares = []
    for name, values in linear_shapley(Known(np.stack(slopes, axis=1), covariance), chosen).items():
        share, spread = float(values[0]), 1.96 * float(np.std(values[1:], ddof=1))
        fine = spread <= NARROW and line.explained >= FAITHFUL
        shares.append(Share(name, share, max(share - spread, 0.0), min(share + spread, 1.0), fine))
    return sorted(shares, key=lambda s: (s.name == REST, -s.share)), line


def _again(reduced: Floats, y: Floats, line: Line, leading: NDArray[np.intp]) -> Floats:
    """Slopes refitted on resampled draws: freely for the leading groups, by one common factor for all others."""
    kept = np.isfinite(y)
    x, target = reduced[:, kept], y[kept] - y[kept].mean()
    x = x - x.mean(axis=1, keepdims=True)
    inner = x @ x.T + 1e-6 * np.trace(x @ x.T) / len(x) * np.eye(len(x))
    found = np.linalg.solve(inner, x @ target)
    slopes = found[0] * line.slopes
    slopes[leading] += found[1:]
    return np.asarray(slopes)


def sobol(
    answer: Callable[[Floats], Floats], groups: Groups, size: int, *, base: int = 256, seed: int = 0
) -> list[Share]:
    """First-order and total Sobol indices of groups of ``size`` independent standard normal numbers.

    ``answer`` takes (number, draw) and gives (draw). Draws: ``base`` · (groups + 2), ``base`` a power of two. Numbers
    that no group names stay at zero.
    """
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as sampling
    from scipy.special import ndtri

    rows = np.concatenate(list(groups.values()))
    members = [name for name, found in groups.items() for _ in found]
    problem = {"num_vars": len(rows), "names": [str(r) for r in rows], "bounds": [[0.0, 1.0]] * len(rows)}
    if len(groups) < len(rows):
        problem["groups"] = members
    else:
        problem["names"] = members
    unit = sampling.sample(problem, base, calc_second_order=False, seed=seed)
    standard = np.zeros((size, len(unit)))
    standard[rows] = ndtri(np.clip(unit.T, 1e-9, 1 - 1e-9))
    found = answer(standard)
    found = np.where(np.isfinite(found), found, np.nanmedian(found))
    result = analysis.analyze(problem, found, calc_second_order=False, seed=seed, num_resamples=100)
    shares = []
    for number, name in enumerate(groups):
        share, reach = float(result["S1"][number]), float(result["S1_conf"][number])
        total, wide = float(result["ST"][number]), float(result["ST_conf"][number])
        shares.append(Share(name, share, share - reach, share + reach, max(reach, wide) <= NARROW, total))
    return sorted(shares, key=lambda s: (s.name == REST, -(s.total or 0.0)))


def smooth_on(phi: Floats, y: Floats, degree: int = 3, *, seen: NDArray[np.bool_] | None = None) -> Floats:
    """E[y | phi] at every draw: polynomial regression of ``y`` (draw[, choice]) on parameters ``phi`` (parameter, draw)
    with powers of each and products of pairs where there are few; fitted to the draws ``seen`` (all unless told)."""
    scaled = (phi - phi.mean(axis=1, keepdims=True)) / np.maximum(phi.std(axis=1, keepdims=True), 1e-12)
    terms = [np.ones(phi.shape[1]), *(row**power for row in scaled for power in range(1, degree + 1))]
    if len(scaled) <= 6:
        terms += [scaled[i] * scaled[j] for i in range(len(scaled)) for j in range(i)]
    design = np.stack(terms, axis=1)
    fitted = slice(None) if seen is None else seen
    return np.asarray(design @ np.linalg.lstsq(design[fitted], y[fitted], rcond=None)[0])


def evppi(benefit: Floats, phi: Floats) -> float:
    """Expected value of knowing parameters ``phi`` (parameter, draw) before choosing among ``benefit`` (draw, choice).

    How much more the best choice would bring on average, in the benefit's unit: never below zero.
    """
    known = smooth_on(phi, benefit)
    return float(max(known.max(axis=1).mean() - known.mean(axis=0).max(), 0.0))


def worth_knowing(
    z: Floats, benefit: Floats, covariance: Floats, groups: Groups, *, keep: int = 8
) -> tuple[float, list[dict[str, Any]]]:
    """What facts are worth before choosing among ``benefit`` (draw, choice), in its unit, the most valuable first.

    The first number is the worth of knowing everything. A fact's worth is what choosing by it brings on draws that
    were not used to learn how (two halves in turn), so that noise is worth nothing. Candidates are the parameters that
    a straight line picks out for the lead of the choice that is best on average.
    """
    known = np.isfinite(benefit).all(axis=1)
    z, benefit = z[:, known], benefit[known]
    best = int(np.argmax(benefit.mean(axis=0)))
    all_of_it = float(benefit.max(axis=1).mean() - benefit[:, best].mean())
    if all_of_it <= 0:
        return 0.0, []
    lead = benefit[:, best] - np.delete(benefit, best, axis=1).max(axis=1)
    chosen = screen(fit_line(z, lead), covariance, groups, keep)
    rows: list[dict[str, Any]] = []
    for name in (n for n in chosen if n != REST):
        worth = max(_choosing_by(z[groups[name]], benefit) - float(benefit[:, best].mean()), 0.0)
        rows.append({"fact": name, "worth": worth, "of_all": worth / all_of_it, **where_held(name)})
    return all_of_it, sorted(rows, key=lambda r: -r["worth"])


def _choosing_by(phi: Floats, benefit: Floats) -> float:
    """Mean benefit of choosing what is expected to be best given ``phi``, learnt on one half of the draws each time."""
    half, brought = np.arange(len(benefit)) % 2 == 0, []
    for seen in (half, ~half):
        expected = smooth_on(phi, benefit, seen=seen)[~seen]
        brought.append(benefit[~seen][np.arange((~seen).sum()), expected.argmax(axis=1)])
    return float(np.concatenate(brought).mean())


def variance_known(y: Floats, phi: Floats) -> float:
    """Share of an answer's variance that would go, on average, if ``phi`` were known: Var(E[y | phi]) / Var(y).

    Corrected for the terms fitted to noise (adjusted R²).
    """
    kept = np.isfinite(y)
    y, phi = y[kept], phi[:, kept]
    fitted = smooth_on(phi, y)
    terms = 3 * len(phi) + (len(phi) * (len(phi) - 1) // 2 if len(phi) <= 6 else 0)
    left = ((y - fitted) ** 2).sum() / max(len(y) - terms - 1, 1)
    return float(np.clip(1.0 - left / y.var(ddof=1), 0.0, 1.0))


def facts_wanted(z: Floats, y: Floats, groups: Groups, candidates: Sequence[str]) -> list[dict[str, Any]]:
    """Which facts would shrink the answer most: candidates ranked by the variance that knowing them would remove,
    each with the series or the entry of ``reference.yaml`` that would hold the fact."""
    rows: list[dict[str, Any]] = []
    for name in candidates:
        known = variance_known(y, z[groups[name]])
        rows.append({"fact": name, "variance_removed": known, "range_narrower": 1.0 - float(np.sqrt(1.0 - known))})
    ranked = sorted(rows, key=lambda r: -r["variance_removed"])
    return [{**row, **where_held(row["fact"])} for row in ranked]


def where_held(parameter: str) -> dict[str, str]:
    """Where a fact about a parameter belongs: observed series that its source names, and its entry of reference."""
    from forkpoint.catalog import catalog
    from forkpoint.world.reference import common_factors, references

    reference = common_factors().get(parameter) or references()[parameter]
    known = {o.series for o in catalog().observations}
    words = reference.source.replace(";", " ").replace(",", " ").replace(":", " ").split()
    series = list(dict.fromkeys(w for w in words if w in known))
    return {
        "meaning": reference.doc,
        "held_by": "observations.csv: " + ", ".join(series) if series else f"reference.yaml: {parameter}",
        "now_from": reference.source,
    }
