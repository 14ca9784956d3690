"""Fitting the world to what was known on a day: Levenberg–Marquardt to the posterior mode, Laplace around it.

Coordinates are standard normal (see :mod:`~forkpoint.uncertainty.parameters`), so the prior is one more sum of squares
and every parameter stays within its range. Derivatives are central differences over a batch of draws: one compiled
program serves fitting, ensembles and scores.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.uncertainty.evidence import Evidence
from forkpoint.uncertainty.parameters import coordinates
from forkpoint.uncertainty.priors import stream

Floats: TypeAlias = NDArray[np.float64]
STEP = 1e-3
"""Step of the central differences, in standard deviations of the prior: error of order STEP², far above rounding."""
TOLERANCE = 1e-4
"""A step that lowers the misfit by a smaller part than this ends a climb."""
DAMPINGS = (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Dampings tried at each step, relative to the prior's width."""
STARTS = 3
"""Climbs of a fit, each from another place; the one with the lowest misfit counts."""
MOST_STEPS = 60
"""Steps of a climb at most."""


@dataclass(frozen=True)
class Posterior:
    """A Gaussian around the mode in standard coordinates: z = mode + root · (standard normal numbers)."""

    as_of: dt.date
    names: tuple[str, ...]
    mode: Floats
    root: Floats
    misfit: float
    prior_misfit: float
    observations: int
    drawn: Floats | None = None
    """Draws (coordinate, draw) of the posterior itself, where NUTS took them: they then stand for it."""

    @property
    def spread(self) -> Floats:
        """Posterior standard deviation of each coordinate; 1 is the prior's own: the data said nothing."""
        if self.drawn is not None:
            return np.asarray(self.drawn.std(axis=1))
        return np.asarray(np.sqrt((self.root**2).sum(axis=1)))

    @property
    def directions(self) -> tuple[Floats, Floats]:
        """Orthonormal directions in which the data moved the prior, and the change of width along each (root − 1)."""
        values, vectors = np.linalg.eigh(self.root - np.eye(len(self.mode)))
        moved = values < -1e-6
        return vectors.T[moved], values[moved]

    def sample(self, standard: Floats) -> Floats:
        """Coordinates (coordinate, draw) from standard normal numbers of the same shape."""
        return self.mode[:, None] + self.root @ standard


def fit(
    evidence: Evidence, *, starts: int = STARTS, progress: Callable[[int, float], None] = lambda step, misfit: None
) -> Posterior:
    """The posterior mode and its Laplace approximation: the best of several starts, the first the priors' centre.

    ``progress`` hears each step's misfit. The posterior of a model with thresholds has more than one summit.
    """
    size = len(coordinates())
    found = []
    for number in range(starts):
        begin = 0.5 * stream(number, "start of a fit").standard_normal(size) if number else np.zeros(size)
        found.append(climb(evidence, begin, progress))
    z, residuals, jacobian = min(found, key=lambda f: _misfit(f[1], f[0]))
    return Posterior(
        as_of=evidence.as_of,
        names=tuple(c.name for c in coordinates()),
        mode=z,
        root=_root(jacobian),
        misfit=float(residuals @ residuals),
        prior_misfit=float(z @ z),
        observations=evidence.count,
    )


def climb(
    evidence: Evidence, z: Floats, progress: Callable[[int, float], None] = lambda step, misfit: None
) -> tuple[Floats, Floats, Floats]:
    """A summit of the posterior near ``z``, with residuals and Jacobian there.

    Levenberg (1944), Marquardt (1963): Gauss–Newton steps against ½(|residuals|² + |z|²), all dampings in one batch of
    runs, of which the best is taken.
    """
    residuals, jacobian = linearise(evidence, z)
    misfit = _misfit(residuals, z)
    for step in range(MOST_STEPS):
        progress(step, misfit)
        trials = z[:, None] + np.stack([_step(jacobian, residuals, z, d) for d in DAMPINGS], axis=1)
        totals = 0.5 * ((evidence.residuals(trials) ** 2).sum(axis=0) + (trials**2).sum(axis=0))
        best = int(np.argmin(totals))
        gain = misfit - float(totals[best])
        if gain <= 0:
            break
        z, misfit = trials[:, best], float(totals[best])
        residuals, jacobian = linearise(evidence, z)
        if gain < TOLERANCE * max(misfit, 1.0):
            break
    return z, residuals, jacobian


def linearise(evidence: Evidence, z: Floats) -> tuple[Floats, Floats]:
    """Residuals at ``z`` and their Jacobian (observation, coordinate), in one batch of runs."""
    size = len(z)
    shifts = np.concatenate([np.zeros((size, 1)), STEP * np.eye(size), -STEP * np.eye(size)], axis=1)
    residuals = evidence.residuals(z[:, None] + shifts)
    jacobian = (residuals[:, 1 : size + 1] - residuals[:, size + 1 :]) / (2 * STEP)
    return residuals[:, 0], jacobian


def _misfit(residuals: Floats, z: Floats) -> float:
    return 0.5 * float(residuals @ residuals + z @ z)


def _step(jacobian: Floats, residuals: Floats, z: Floats, damping: float) -> Floats:
    """The damped Gauss–Newton step, solved in the smaller space of observations (Woodbury)."""
    scale = 1.0 + damping
    slope = jacobian.T @ residuals + z
    inner = scale * np.eye(len(residuals)) + jacobian @ jacobian.T
    return np.asarray(-(slope - jacobian.T @ np.linalg.solve(inner, jacobian @ slope)) / scale)


def _root(jacobian: Floats) -> Floats:
    """A square root of the posterior covariance (1 + JᵀJ)⁻¹ from the Jacobian's singular values."""
    _, values, directions = np.linalg.svd(jacobian, full_matrices=False)
    shrink = 1.0 / np.sqrt(1.0 + values**2) - 1.0
    return np.asarray(np.eye(jacobian.shape[1]) + directions.T @ (shrink[:, None] * directions))
