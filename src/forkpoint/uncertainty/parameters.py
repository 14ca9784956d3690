"""The world's uncertain parameters as coordinates: one standard normal number for each number that may differ.

A scalar with a range is one coordinate; a parameter over labels with a ``spread`` has one for each label, a factor that
is log-normal around one. Parameters whose path over time is observed (dated levers of the past) stay as they are.
Each common factor is one coordinate more, after all others: numbers that load on it lean its way together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.uncertainty.priors import DISTRIBUTIONS, NINETY, SPLIT, Prior, bend, bend_slope
from forkpoint.world.model import STEP, history, observed, offers, world
from forkpoint.world.reference import Reference, common_factors, labels, references

Floats: TypeAlias = NDArray[np.float64]
_DATES_FROM = 1900.0
"""A parameter in years above this is a date, not a delay."""
BLOCK = 256
"""Draws that are transformed at once: their arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Coordinate:
    """One uncertain number: the parameter, the position in its array, and the prior of the value or of its factor."""

    parameter: str
    position: tuple[int, ...]
    prior: Prior
    factor: bool
    """True where the prior is of a factor on the reference value (parameters over labels)."""

    @property
    def name(self) -> str:
        """The parameter, with its labels in brackets; or the common factor."""
        return self.prior.name

    @property
    def is_common(self) -> bool:
        """Whether this is a common factor, which moves parameters and is none."""
        return self.parameter in common_factors()

    @property
    def unit(self) -> str:
        """The unit of its value."""
        if self.is_common:
            return "standard deviations"
        return "times the reference" if self.factor else references()[self.parameter].unit

    @property
    def meaning(self) -> str:
        """What it stands for."""
        return (common_factors().get(self.parameter) or references()[self.parameter]).doc


@cache
def coordinates() -> tuple[Coordinate, ...]:
    """Every uncertain number of the world, in the order of ``reference.yaml``, then the common factors."""
    dated = {*history(), *observed(), *offers("as-it-was")}
    found: list[Coordinate] = []
    for name, reference in references().items():
        if reference.uncertain and name in world().parameters and name not in dated:
            found += _of_array(reference) if reference.dims else [_of_scalar(reference)]
    found += [Coordinate(name, (), Prior(name, 0.0, -NINETY, NINETY), factor=False) for name in common_factors()]
    return tuple(found)


@cache
def free_names() -> tuple[str, ...]:
    """Names of the parameters that coordinates move."""
    return tuple(dict.fromkeys(c.parameter for c in coordinates() if not c.is_common))


def parameter_values(z: Floats, of: Sequence[Coordinate] | None = None) -> dict[str, Floats]:
    """Parameters' arrays at coordinates ``z`` (coordinate, draw): z = 0 gives the central values.

    ``of``: coordinates with other priors (as known on a day).
    """
    return transform(tuple(of or coordinates())).named(z)


class Transform:
    """From coordinates to parameters and their slopes, all priors in a few operations on whole arrays.

    The elements of all parameters stand one after another, each parameter's in row-major order.
    """

    def __init__(self, of: tuple[Coordinate, ...]) -> None:
        self._rows = np.array([row for row, c in enumerate(of) if not c.is_common])
        numbers = [of[row] for row in self._rows]
        self._priors = priors = [c.prior for c in numbers]
        self._lean(of)
        is_factor = {c.parameter: c.factor for c in numbers}
        bases = {n: reference_array(n) if factor else np.zeros(()) for n, factor in is_factor.items()}
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        """Each parameter's first element, and its shape."""
        self.size = 0
        for name, base in bases.items():
            self.places[name] = self.size, base.shape
            self.size += base.size
        self._base = np.concatenate([base.reshape(-1) for base in bases.values()])[:, None]
        inside = [int(np.ravel_multi_index(c.position, bases[c.parameter].shape)) if c.factor else 0 for c in numbers]
        self._slots = np.array([self.places[c.parameter][0] + at for c, at in zip(numbers, inside, strict=True)])
        factors = np.array([c.factor for c in numbers])[:, None]
        self._factor_of = np.where(factors, self._base[self._slots], 1.0)
        sides = [p.sides if p.distribution in SPLIT else (0.0, 0.0, 0.0) for p in priors]
        self._centre, self._below, above = np.array(sides).T[..., None]
        self._bent = np.flatnonzero(above != self._below)
        self._more = (above - self._below)[self._bent]
        self._floor, self._ceiling = np.array([[p.floor, p.ceiling] for p in priors]).T[..., None]
        rows = {shape: np.array([p.distribution == shape for p in priors]).nonzero()[0] for shape in DISTRIBUTIONS}
        self._logs, self._odds = rows["lognormal"], rows["logitnormal"]
        self._others = [*rows["uniform"], *rows["triangular"]]

    def __call__(self, z: Floats) -> tuple[Floats, Floats]:
        """Parameters' elements (element, draw) and each number's slope in its prior (number, draw) at ``z``."""
        z = self.standing(z)[self._rows]
        value = self._values(z)
        slope = np.repeat(self._below, z.shape[1], axis=1)
        slope[self._bent] += self._more * bend_slope(z[self._bent])
        slope[self._logs] *= value[self._logs]
        slope[self._odds] *= value[self._odds] * (1 - value[self._odds])
        for row in self._others:
            slope[row] = self._priors[row].bounded_slope(z[row])
        slope[(value < self._floor) | (value > self._ceiling)] = 0.0
        return self._placed(value), slope * self._factor_of

    def back(self, pulled: Floats, slope: Floats) -> Floats:
        """Derivatives by coordinates (coordinate, draw) from those by parameters' elements (element, draw)."""
        found = np.zeros((self._count, slope.shape[1]))
        found[self._rows] = pulled[self._slots] * slope
        np.add.at(found, self._common, self._loading * found[self._own])
        found[self._own] *= self._rest
        return found

    def standing(self, z: Floats) -> Floats:
        """Where each number stands in its own prior, standard normal (coordinate, draw); factors stay as they are.

        A number with loading l on factor f stands at l·z_f + √(1 − l²)·z: two on one factor correlate by l₁l₂.
        """
        found = np.array(z)
        found[self._own] = self._loading * z[self._common] + self._rest * z[self._own]
        return found

    def named(self, z: Floats) -> dict[str, Floats]:
        """Parameters (dimensions, draw) by name."""
        flat = np.empty((self.size, z.shape[1]))
        for first in range(0, z.shape[1], BLOCK):
            here = slice(first, first + BLOCK)
            flat[:, here] = self._placed(self._values(self.standing(z[:, here])[self._rows]))
        return {n: flat[at : at + math.prod(s)].reshape(*s, -1) for n, (at, s) in self.places.items()}

    def _lean(self, of: tuple[Coordinate, ...]) -> None:
        """Which rows lean on which factors' rows, and how far."""
        rows = {c.parameter: row for row, c in enumerate(of) if c.is_common}
        self._count = len(of)
        leaning = [(row, rows[c.prior.factor], c.prior.loading) for row, c in enumerate(of) if c.prior.factor]
        own, common, loading = zip(*leaning, strict=True) if leaning else ((), (), ())
        self._own, self._common = np.array(own, dtype=int), np.array(common, dtype=int)
        self._loading = np.array(loading, dtype=float)[:, None]
        self._rest = np.sqrt(1 - self._loading**2)

    def _values(self, z: Floats) -> Floats:
        """The priors' values (of a factor, where there are labels), without floor and ceiling."""
        value = self._centre + self._below * z
        value[self._bent] += self._more * bend(z[self._bent])
        for shape, rows in (("lognormal", self._logs), ("logitnormal", self._odds)):
            value[rows] = SPLIT[shape][1](value[rows])
        for row in self._others:
            value[row] = self._priors[row].unbounded(z[row])
        return np.asarray(value)

    def _placed(self, value: Floats) -> Floats:
        flat = np.repeat(self._base, value.shape[1], axis=1)
        flat[self._slots] = np.clip(value, self._floor, self._ceiling) * self._factor_of
        return flat


@cache
def transform(of: tuple[Coordinate, ...]) -> Transform:
    """The transform of these coordinates."""
    return Transform(of)


@cache
def reference_array(name: str) -> Floats:
    """The reference value of a parameter as an array over its labels."""
    reference = references()[name]
    return np.asarray(_nested(reference.value, reference.dims), dtype=float)


def _of_scalar(reference: Reference) -> Coordinate:
    assert reference.low is not None
    assert reference.high is not None
    shape = reference.distribution or "normal"
    floor, ceiling = _bounds(reference, reference.low, reference.high)
    value = float(reference.value)
    prior = Prior(reference.name, value, reference.low, reference.high, shape, floor=floor, ceiling=ceiling)
    return Coordinate(reference.name, (), _leaning(prior, reference), factor=False)


def _of_array(reference: Reference) -> list[Coordinate]:
    assert reference.spread is not None
    names = [labels(d) for d in reference.dims]
    found = []
    for position in np.ndindex(*(len(n) for n in names)):
        value = float(reference_array(reference.name)[position])
        if value != 0:
            label = ", ".join(names[axis][at] for axis, at in enumerate(position))
            low, high = sorted((value / reference.spread, value * reference.spread))
            ends = sorted(bound / value for bound in _bounds(reference, low, high))
            name, spread = f"{reference.name}[{label}]", reference.spread
            prior = Prior(name, 1.0, 1 / spread, spread, "lognormal", floor=ends[0], ceiling=ends[1])
            found.append(Coordinate(reference.name, position, _leaning(prior, reference), factor=True))
    return found


def _leaning(prior: Prior, reference: Reference) -> Prior:
    """A prior on its parameter's common factor."""
    return replace(prior, factor=reference.factor, loading=reference.loading)


def _bounds(reference: Reference, low: float, high: float) -> tuple[float, float]:
    """Where a parameter stops to mean anything: below zero, a share above one, a delay below a step of the run.

    A stock that adjusts faster than one step of the integrator would overshoot, so a delay is at least a step long.
    """
    floor = 0.0 if low >= 0 else -np.inf
    if reference.unit == "year" and high < _DATES_FROM:
        floor = min(low, STEP)
    ceiling = 1.0 if reference.unit == "1" and low >= 0 and high <= 1 else np.inf
    return (
        floor if reference.floor is None else reference.floor,
        ceiling if reference.ceiling is None else reference.ceiling,
    )


def _nested(value: Any, dims: tuple[str, ...]) -> Any:
    if not dims:
        return float(value)
    return [_nested(value[label], dims[1:]) for label in labels(dims[0])]
