"""Draws of the world's uncertain numbers, from a posterior or the priors: the same for the same seed, chunk and name.

Every scenario sees the same draws (common random numbers), so that a difference between two scenarios is taken draw by
draw and has a range of its own. The first numbers of a chunk do not depend on how many are drawn.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.uncertainty.parameters import coordinates, parameter_values
from forkpoint.uncertainty.posterior_file import FOLDER, read_posterior
from forkpoint.uncertainty.priors import stream
from forkpoint.world.fitted import DEFAULT, model_version

Floats: TypeAlias = NDArray[np.float64]
CHUNK = 4096
"""Draws that share a stream of random numbers; one chunk of a store."""
PRIOR = "prior"


@dataclass(frozen=True)
class Draws:
    """Coordinates z = mode + (1 + Dᵀ·shrink·D) · standard normal numbers; without directions D these are the priors.

    Where the posterior was sampled, its draws are taken instead, at random.
    """

    origin: str
    mode: Floats
    directions: Floats
    shrink: Floats
    drawn: Floats | None = None

    @classmethod
    def of(cls, posterior: str | Path = "default") -> Draws:
        """From the posterior that ships ("default"), the priors ("prior"), or a posterior file. Raises InputError."""
        names = tuple(c.name for c in coordinates())
        if str(posterior) == PRIOR:
            none = np.zeros((0, len(names)))
            return cls(PRIOR, np.zeros(len(names)), none, np.zeros(0))
        if str(posterior) == "default":
            found = read_posterior(FOLDER / f"{DEFAULT}.npz", names=names)
        else:
            found = read_posterior(Path(posterior), names=names, model=model_version())
        directions, shrink = found.directions
        return cls(f"posterior of {found.as_of}", found.mode, directions, shrink, found.drawn)

    @property
    def digest(self) -> str:
        """A hash of everything that a draw rests on: mode, shape, and every coordinate's prior."""
        parts = [repr(coordinates()).encode(), self.mode.tobytes(), self.directions.tobytes(), self.shrink.tobytes()]
        parts += [] if self.drawn is None else [self.drawn.tobytes()]
        return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]

    def standard(self, seed: int, chunk: int, count: int) -> Floats:
        """Coordinates (coordinate, draw) of the first ``count`` draws of a chunk."""
        if self.drawn is not None:
            picked = stream(seed, "draw:posterior", chunk).integers(self.drawn.shape[1], size=count)
            return np.ascontiguousarray(self.drawn[:, picked])
        own = np.stack([stream(seed, f"draw:{c.name}", chunk).standard_normal(count) for c in coordinates()])
        if len(self.shrink):
            own += self.directions.T @ (self.shrink[:, None] * (self.directions @ own))
        return np.asarray(own + self.mode[:, None])

    def parameters(self, seed: int, chunk: int, count: int) -> dict[str, Any]:
        """Parameters' arrays (dimensions, draw) of the first ``count`` draws of a chunk."""
        return parameter_values(self.standard(seed, chunk, count))
