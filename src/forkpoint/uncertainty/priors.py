"""What is believed before looking at data: a distribution a parameter, correlated through named common factors.

Every prior is a monotone function of a standard normal number z, so that sampling, Laplace, NUTS and common random
numbers all work in the same coordinates: z = 0 is the central value, z = ±1.645 the ends of the 90 % range (for
``uniform`` and ``triangular`` the ends are hard). Streams are keyed by the parameter's name: a new parameter leaves
the draws of all others as they were.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError, UnknownName

Floats: TypeAlias = NDArray[np.float64]
NINETY = 1.6448536269514722
"""Standard normal quantile of 95 %: low and high of a prior are its central 90 % range."""
BLEND = 0.1
"""Width around the centre, in standard deviations, in which the two sides of a prior pass into one another."""
LN2 = float(np.log(2.0))
DISTRIBUTIONS = ("normal", "lognormal", "logitnormal", "uniform", "triangular", "fixed")


@dataclass(frozen=True)
class Prior:
    """One parameter's prior: central value, 90 % range, shape; ``factor`` and ``loading`` tie it to a common factor.

    The range need not be symmetric: each side has its own width (split normal; in logs or log-odds where so named),
    passing smoothly from one to the other at the centre.
    Raises InputError where the numbers do not fit the shape.
    """

    name: str
    value: float
    low: float
    high: float
    distribution: str = "normal"
    factor: str = ""
    loading: float = 0.0
    floor: float = -np.inf
    ceiling: float = np.inf
    """Values beyond these mean nothing (a negative stock, a share above one, a delay shorter than a step)."""

    def __post_init__(self) -> None:
        where = f"prior of '{self.name}'"
        if self.distribution not in DISTRIBUTIONS:
            raise UnknownName("distribution", self.distribution, DISTRIBUTIONS, where=where)
        if self.distribution != "fixed" and not self.low < self.high:
            raise InputError(f"{where}: low {self.low:g} is not below high {self.high:g}")
        if not self.low <= self.value <= self.high:
            raise InputError(f"{where}: value {self.value:g} is outside {self.low:g} … {self.high:g}")
        if self.distribution == "lognormal" and self.low <= 0:
            raise InputError(f"{where}: a lognormal needs positive numbers, low is {self.low:g}")
        if self.distribution == "logitnormal" and not 0 < self.low < self.high < 1:
            raise InputError(f"{where}: a logitnormal lies between 0 and 1, not {self.low:g} … {self.high:g}")
        if not -1 <= self.loading <= 1:
            raise InputError(f"{where}: the loading {self.loading:g} is outside -1 … 1")

    def from_standard(self, z: Any) -> Any:
        """The parameter's value at standard normal ``z`` (number or array), within floor and ceiling."""
        value = self.unbounded(z)
        if self.floor == -np.inf and self.ceiling == np.inf:
            return value
        return np.clip(value, self.floor, self.ceiling)

    def unbounded(self, z: Any) -> Any:
        """The value at ``z`` without floor and ceiling."""
        from scipy.special import ndtr

        if self.distribution == "fixed":
            return self.value + 0.0 * z
        if self.distribution == "uniform":
            return self.low + (self.high - self.low) * ndtr(z)
        if self.distribution == "triangular":
            return self._triangular(ndtr(z))
        centre, below, above = self.sides
        bent = (above - below) * bend(z) if above != below else 0.0
        return SPLIT[self.distribution][1](centre + below * z + bent)

    @cached_property
    def sides(self) -> tuple[float, float, float]:
        """Centre and the slopes far below and far above it, on the scale where the prior is a split normal.

        The slope passes from one side's to the other's within a few ``BLEND`` around the centre, so that a posterior
        has no crease there; the range's ends stay where they are.
        """
        there = SPLIT[self.distribution][0]
        centre = there(self.value)
        left, right = centre - there(self.low), there(self.high) - centre
        alike = math.isclose(left, right, rel_tol=1e-9)
        difference = 0.0 if alike else (right - left) / (NINETY - 2 * BLEND * LN2)
        below = (left - difference * BLEND * LN2) / NINETY
        return centre, below, below + difference

    def _triangular(self, share: Any) -> Any:
        width, left = self.high - self.low, self.value - self.low
        rising = self.low + np.sqrt(share * width * left)
        falling = self.high - np.sqrt((1 - share) * width * (self.high - self.value))
        return np.where(share * width < left, rising, falling)

    def bounded_slope(self, z: Any) -> Any:
        """The derivative of a uniform or triangular prior's value, by the chain rule over the normal's distribution."""
        from scipy.special import ndtr

        width, normal = self.high - self.low, np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        if self.distribution == "uniform":
            return width * normal
        left, right, share = self.value - self.low, self.high - self.value, ndtr(z)
        side = np.where(share * width < left, left / share, right / (1 - share))
        return 0.5 * np.sqrt(width * side) * normal


def bend(z: Any) -> Any:
    """A curve through (0, 0) whose slope passes from 0 to 1 there."""
    return BLEND * (np.logaddexp(0.0, z / BLEND) - LN2)


def bend_slope(z: Any) -> Any:
    """The derivative of :func:`bend`."""
    return (1 + np.tanh(z / (2 * BLEND))) / 2


def stream(seed: int, name: str, chunk: int = 0) -> np.random.Generator:
    """The generator of one parameter and chunk (SPEC 7: everything random hangs on one seed)."""
    key = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype=np.uint32)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*(int(k) for k in key), chunk)))


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


SPLIT: dict[str, tuple[Any, Any]] = {
    "normal": (float, lambda y: y),
    "lognormal": (lambda v: float(np.log(v)), np.exp),
    "logitnormal": (_logit, lambda y: 1 / (1 + np.exp(-y))),
}
"""Where a shape's split normal lives: value → scale, scale → value."""
