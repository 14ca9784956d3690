"""All priors at once: from coordinates to parameters, with slopes, as a few operations on whole arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from forkpoint.uncertainty.parameters import Coordinate, reference_array
from forkpoint.uncertainty.priors import BLEND, LN2, SPLIT, Prior

Floats: TypeAlias = NDArray[np.float64]


class Transform:
    """Parameters of the world from standard coordinates, and the way back of derivatives.

    The same values as :func:`~forkpoint.uncertainty.parameters.parameter_values`. ``without``: parameters left out.
    """

    def __init__(self, coordinates: Sequence[Coordinate], without: Mapping[str, Any]) -> None:
        self.coordinates = tuple(coordinates)
        self.names = tuple(dict.fromkeys(c.parameter for c in coordinates if c.parameter not in without))
        self.shapes = {n: () if not self._is_factor[n] else reference_array(n).shape for n in self.names}

    def __call__(self, z: Floats) -> tuple[dict[str, Floats], Floats]:
        """Parameters (dimensions, draw) and the priors' slopes (coordinate, draw) at ``z`` (coordinate, draw)."""
        value, slope = self._values(z)
        flat = np.repeat(self._base[:, None], z.shape[1], axis=1)
        flat[self._slots] = value[self._used] * self._sizes
        starts = self._starts
        values = {n: flat[starts[n] : starts[n] + math.prod(s)].reshape(*s, -1) for n, s in self.shapes.items()}
        return values, slope

    def back(self, slopes: Mapping[str, Floats], slope: Floats) -> Floats:
        """Derivatives by coordinates (coordinate, draw) from those by parameters; parameters left out have none."""
        flat = np.zeros((len(self._base), slope.shape[1]))
        for name, part in slopes.items():
            flat[self._starts[name] : self._starts[name] + math.prod(self.shapes[name])] = part.reshape(
                -1, slope.shape[1]
            )
        found = np.zeros_like(slope)
        found[self._used] = flat[self._slots] * self._sizes * slope[self._used]
        return found

    def _values(self, z: Floats) -> tuple[Floats, Floats]:
        """Values of the priors (of a factor, where there are labels) and their slopes."""
        kind, centre, below, difference, floor, ceiling = self._shape
        share = 1 / (1 + np.exp(-np.clip(z / BLEND, -500.0, 500.0)))
        value = centre + below * z + difference * BLEND * (np.logaddexp(0.0, z / BLEND) - LN2)
        slope = below + difference * share
        logs, odds = kind == "lognormal", kind == "logitnormal"
        value[logs] = np.exp(value[logs])
        slope[logs] *= value[logs]
        value[odds] = 1 / (1 + np.exp(-value[odds]))
        slope[odds] *= value[odds] * (1 - value[odds])
        for row in np.flatnonzero((kind == "uniform") | (kind == "triangular")):
            value[row], slope[row] = _bounded(self.coordinates[row].prior, z[row])
        held = (value < floor) | (value > ceiling)
        return np.clip(value, floor, ceiling), np.where(held, 0.0, slope)

    @cached_property
    def _shape(self) -> tuple[Any, ...]:
        priors = [c.prior for c in self.coordinates]
        sides = [p.sides if p.distribution in SPLIT else (0.0, 0.0, 0.0) for p in priors]
        centre, below, above = np.array(sides).T[..., None]
        bounds = np.array([[p.floor, p.ceiling] for p in priors]).T[..., None]
        return np.array([p.distribution for p in priors]), centre, below, above - below, *bounds

    @cached_property
    def _is_factor(self) -> dict[str, bool]:
        return {c.parameter: c.factor for c in self.coordinates}

    @cached_property
    def _starts(self) -> dict[str, int]:
        ends = np.cumsum([0, *(math.prod(s) for s in self.shapes.values())])
        return {n: int(first) for n, first in zip(self.shapes, ends[:-1], strict=True)}

    @cached_property
    def _base(self) -> Floats:
        """Values where no coordinate moves them."""
        parts = [reference_array(n).reshape(-1) if self._is_factor[n] else np.zeros(1) for n in self.names]
        return np.concatenate(parts)

    @cached_property
    def _used(self) -> NDArray[np.intp]:
        return np.array([row for row, c in enumerate(self.coordinates) if c.parameter in self.shapes])

    @cached_property
    def _slots(self) -> NDArray[np.intp]:
        """Where each used coordinate stands among all parameters' elements."""
        used = [self.coordinates[row] for row in self._used]
        inside = [int(np.ravel_multi_index(c.position, self.shapes[c.parameter])) if c.factor else 0 for c in used]
        return np.array([self._starts[c.parameter] + at for c, at in zip(used, inside, strict=True)])

    @cached_property
    def _sizes(self) -> Floats:
        """What a coordinate's value is a factor of."""
        used = [self.coordinates[row].factor for row in self._used]
        return np.where(used, self._base[self._slots], 1.0)[:, None]


def _bounded(prior: Prior, z: Floats) -> tuple[Floats, Floats]:
    """A uniform or triangular prior's value, and its slope: by the chain rule over the normal's distribution."""
    value, normal = np.asarray(prior.from_standard(z)), np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    width = prior.high - prior.low
    if prior.distribution == "uniform":
        return value, width * normal
    left, right, share = prior.value - prior.low, prior.high - prior.value, ndtr(z)
    side = np.where(share * width < left, left / share, right / (1 - share))
    return value, 0.5 * np.sqrt(width * side) * normal
