"""Shapley values: a fair division of a difference among the causes that made it together (Shapley 1953).

``value(S)`` is the outcome when the causes in S are switched on. A cause's value is its marginal contribution averaged
over all orders of switching on. The values sum to ``value(all) − value(none)``, equal causes get equal values, and a
cause that never changes anything gets zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

EXACT = 8
"""Number of causes up to which all 2ⁿ subsets are evaluated."""


@dataclass(frozen=True)
class Shares:
    """Contribution and standard error (zero if exact) of every cause, as arrays of the outcome's shape."""

    contribution: dict[str, np.ndarray]
    standard_error: dict[str, np.ndarray]
    exact: bool
    evaluations: int


Evaluate = Callable[[Iterable[frozenset[str]]], dict[frozenset[str], np.ndarray]]
"""Outcomes of many sets of causes at once, so that they can run together."""


def shapley_values(
    causes: Sequence[str],
    evaluate: Evaluate,
    *,
    exact_up_to: int = EXACT,
    samples: int = 64,
    rng: np.random.Generator | int = 0,
) -> Shares:
    """Shapley values of ``causes``: exact up to ``exact_up_to`` causes, else from sampled orders.

    Orders are drawn in antithetic pairs (an order and its reverse), which keeps the sum exact and lowers the error;
    ``samples`` is the number of pairs, the standard error is that of the mean over pairs.
    """
    if len(causes) <= exact_up_to:
        return _exact(causes, evaluate)
    return _sampled(causes, evaluate, max(2, samples), np.random.default_rng(rng))


def _exact(causes: Sequence[str], evaluate: Evaluate) -> Shares:
    n = len(causes)
    subsets = [frozenset(s) for k in range(n + 1) for s in combinations(causes, k)]
    value = evaluate(subsets)
    contribution = {}
    for cause in causes:
        parts = []
        for subset in subsets:
            if cause not in subset:
                weight = factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
                parts.append(weight * (value[subset | {cause}] - value[subset]))
        contribution[cause] = np.sum(parts, axis=0)
    zero = {cause: np.zeros_like(c) for cause, c in contribution.items()}
    return Shares(contribution, zero, True, len(value))


def _sampled(causes: Sequence[str], evaluate: Evaluate, samples: int, rng: np.random.Generator) -> Shares:
    forward = [list(rng.permutation(len(causes))) for _ in range(samples)]
    pairs = [[[causes[i] for i in order], [causes[i] for i in reversed(order)]] for order in forward]
    needed = {frozenset(order[:k]) for pair in pairs for order in pair for k in range(len(causes) + 1)}
    value = evaluate(sorted(needed, key=lambda s: (len(s), sorted(s))))
    marginal: dict[str, list[np.ndarray]] = {cause: [] for cause in causes}
    for pair in pairs:
        gains: dict[str, list[np.ndarray]] = {cause: [] for cause in causes}
        for order in pair:
            for k, cause in enumerate(order):
                gains[cause].append(value[frozenset(order[: k + 1])] - value[frozenset(order[:k])])
        for cause in causes:
            marginal[cause].append(0.5 * (gains[cause][0] + gains[cause][1]))
    contribution = {cause: np.mean(m, axis=0) for cause, m in marginal.items()}
    error = {cause: np.std(m, axis=0, ddof=1) / np.sqrt(samples) for cause, m in marginal.items()}
    return Shares(contribution, error, False, len(value))


def one_by_one(value: Callable[[frozenset[str]], np.ndarray]) -> Evaluate:
    """An evaluation of many sets out of one of a single set."""
    return lambda sets: {s: np.asarray(value(s), dtype=float) for s in sets}
