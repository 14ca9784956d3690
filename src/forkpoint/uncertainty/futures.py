"""One answer over many futures: an output of a scenario in a year or quarter, at draws of the uncertain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError
from forkpoint.uncertainty.batch import Batch, last_year
from forkpoint.uncertainty.draws import CHUNK, Draws
from forkpoint.uncertainty.outputs import Output, outputs_of
from forkpoint.uncertainty.parameters import coordinates, parameter_values
from forkpoint.world.levers import QUARTERS_PER_YEAR, parse_date
from forkpoint.world.scenario import Scenario, scenario

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """Outputs, each a mean over a year or quarter (``at``), that are asked of scenarios."""

    outputs: tuple[Output, ...]
    at: str

    @classmethod
    def of(cls, words: str | Sequence[str], at: str | float) -> Question:
        """From words as typed. Raises UnknownName, InputError; a word must name one path, not a family."""
        named = (words,) if isinstance(words, str) else tuple(words)
        for word in named:
            found = outputs_of(word)
            if len(found) > 1:
                raise InputError(f"output '{word}' is {len(found)} paths; name one, such as '{found[0].name}'")
        text = f"{at:g}" if isinstance(at, float) else str(at)
        parse_date(text, "--at")
        return cls(outputs_of(named), text)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Start and end of the period in years."""
        start = parse_date(self.at, "--at")
        return start, start + (1.0 / QUARTERS_PER_YEAR if "Q" in self.at or "-" in self.at else 1.0)

    def ask(self, chosen: str | Path | Scenario, z: Floats) -> Floats:
        """Answers (output, draw) of one scenario at coordinates ``z`` (coordinate, draw); NaN where a draw failed."""
        start, end = self.span
        batch = Batch(scenario(chosen), self.outputs, last_year(np.floor(end - 1e-9)))
        inside = (batch.time > start - 1e-9) & (batch.time < end - 1e-9)
        return np.asarray(batch.run(parameter_values(z))[:, inside].mean(axis=1))


@dataclass(frozen=True)
class Cloud:
    """What is believed of the coordinates: normal with a mean and a root of the covariance."""

    origin: str
    mean: Floats
    root: Floats

    @classmethod
    def of(cls, posterior: str | Path = "default") -> Cloud:
        """The posterior that ships ("default"), the priors ("prior"), or a posterior file."""
        draws = Draws.of(posterior)
        root = np.eye(len(draws.mode)) + draws.directions.T @ (draws.shrink[:, None] * draws.directions)
        return cls(draws.origin, draws.mode, root)

    @cached_property
    def covariance(self) -> Floats:
        """Covariance of the coordinates."""
        return np.asarray(self.root @ self.root.T)

    def place(self, standard: Floats) -> Floats:
        """Coordinates from independent standard normal numbers of the same shape."""
        return np.asarray(self.mean[:, None] + self.root @ standard)


def sample(posterior: str | Path, count: int, seed: int) -> Floats:
    """Coordinates (coordinate, draw): the ensemble's own draws for the same seed."""
    draws = Draws.of(posterior)
    chunks = [draws.standard(seed, low // CHUNK, min(CHUNK, count - low)) for low in range(0, count, CHUNK)]
    return np.concatenate(chunks, axis=1)


def groups() -> dict[str, NDArray[np.intp]]:
    """Rows of the coordinates by parameter: a parameter over labels is one group."""
    rows: dict[str, list[int]] = {}
    for row, coordinate in enumerate(coordinates()):
        rows.setdefault(coordinate.parameter, []).append(row)
    return {name: np.array(found) for name, found in rows.items()}
