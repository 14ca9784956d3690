"""The world's uncertain parameters as coordinates: one standard normal number for each number that may differ.

A scalar with a range is one coordinate; a parameter over labels with a ``spread`` has one for each label, a factor that
is log-normal around one. Parameters whose path over time is observed (dated levers of the past) stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.uncertainty.priors import Prior, Priors
from forkpoint.world.model import STEP, history, observed, offers, world
from forkpoint.world.reference import Reference, labels, references

Floats: TypeAlias = NDArray[np.float64]
_DATES_FROM = 1900.0
"""A parameter in years above this is a date, not a delay."""


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
        """The parameter, with its labels in brackets."""
        return self.prior.name


@cache
def coordinates() -> tuple[Coordinate, ...]:
    """Every uncertain number of the world, in the order of ``reference.yaml``."""
    dated = {*history(), *observed(), *offers("as-it-was")}
    found: list[Coordinate] = []
    for name, reference in references().items():
        if reference.uncertain and name in world().parameters and name not in dated:
            found += _of_array(reference) if reference.dims else [_of_scalar(reference)]
    return tuple(found)


@cache
def priors() -> Priors:
    """The priors of all coordinates."""
    return Priors.of(c.prior for c in coordinates())


@cache
def free_names() -> tuple[str, ...]:
    """Names of the parameters that coordinates move."""
    return tuple(dict.fromkeys(c.parameter for c in coordinates()))


def parameter_values(z: Any, of: Sequence[Coordinate] | None = None) -> dict[str, Any]:
    """Parameters' arrays at coordinates ``z`` (coordinate first, then draws if any).

    z = 0 gives the central values. ``of``: coordinates with other priors (as known on a day).
    """
    tail = z.shape[1:]
    pieces: dict[str, list[tuple[tuple[int, ...], Any, bool]]] = {}
    for row, coordinate in enumerate(of or coordinates()):
        value = coordinate.prior.from_standard(z[row])
        pieces.setdefault(coordinate.parameter, []).append((coordinate.position, value, coordinate.factor))
    values: dict[str, Any] = {}
    for name, parts in pieces.items():
        if not parts[0][2]:
            values[name] = parts[0][1]
            continue
        base = reference_array(name)
        factors = {position: value for position, value, _ in parts}
        flat = [
            base[position] * (factors[position] if position in factors else np.ones(tail))
            for position in np.ndindex(base.shape)
        ]
        values[name] = np.stack(flat).reshape(*base.shape, *tail)
    return values


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
    return Coordinate(reference.name, (), prior, factor=False)


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
            found.append(Coordinate(reference.name, position, prior, factor=True))
    return found


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
