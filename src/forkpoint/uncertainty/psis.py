"""How far the Laplace approximation can be trusted: importance ratios of its draws, smoothed (PSIS).

Draws of the Gaussian are weighed by the true density over the Gaussian's; the shape k of the weights' tail says whether
the weights mean anything (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25(72)).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError
from forkpoint.uncertainty.priors import stream

Floats: TypeAlias = NDArray[np.float64]
GOOD, USABLE = 0.5, 0.7
"""Tail shapes up to which weighted means converge fast, and at a usable rate (Vehtari et al. 2024, §3.2)."""


class Residuals(Protocol):
    """What a posterior's density rests on: scaled residuals (observation, draw) at coordinates (coordinate, draw)."""

    def residuals(self, z: Floats) -> Floats:
        """Scaled residuals."""


@dataclass(frozen=True)
class LaplaceCheck:
    """Tail shape of the importance weights, the draws that they are worth, and what that means."""

    pareto_k: float
    effective_draws: float
    draws: int

    @property
    def words(self) -> str:
        """One sentence."""
        if self.pareto_k < GOOD:
            return f"The Laplace approximation is good (Pareto k {self.pareto_k:.2f})."
        if self.pareto_k < USABLE:
            return f"The Laplace approximation is usable (Pareto k {self.pareto_k:.2f})."
        return (
            f"The Laplace approximation differs from the posterior (Pareto k {self.pareto_k:.2f}, above {USABLE}): "
            "read its ranges as approximate."
        )


def laplace_check(evidence: Residuals, posterior: Any, *, draws: int = 1000, seed: int = 0) -> LaplaceCheck:
    """Weigh ``draws`` of a Laplace posterior by the true density. Raises InputError where no draw has a density."""
    arviz: Any = import_module("arviz")
    size = len(posterior.mode)
    standard = np.stack([stream(seed, f"check:{number}").standard_normal(draws) for number in range(size)])
    z = posterior.sample(standard)
    residuals = evidence.residuals(z)
    ratios = 0.5 * ((standard**2).sum(axis=0) - (z**2).sum(axis=0) - (residuals**2).sum(axis=0))
    ratios = ratios[np.isfinite(ratios)]
    if len(ratios) < draws // 2:
        raise InputError(f"{draws - len(ratios)} of {draws} draws of the posterior have no density")
    weights, shape = arviz.psislw(ratios.copy())
    share = np.exp(np.asarray(weights) - np.max(weights))
    share /= share.sum()
    return LaplaceCheck(float(shape), float(1.0 / (share**2).sum()), len(ratios))
