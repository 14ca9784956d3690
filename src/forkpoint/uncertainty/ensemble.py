"""Many runs of scenarios over the same draws of the world's uncertain numbers: ranges, and ranges of differences.

::

    found = ensemble(["as-it-was", "full-embargo"], draws=1000)
    found.ranges("domestic_share_units").at(2030.0)                  # p05, p25, p50, p75, p95
    found.difference("compute_ratio", "full-embargo").sign(2030.0)   # P(above), P(below) the first scenario

With ``out=`` draws go to a Zarr store, chunk by chunk, and go on from there after a stop (see :mod:`.store`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError, UnknownName
from forkpoint.uncertainty.batch import Batch, last_year
from forkpoint.uncertainty.draws import CHUNK, Draws
from forkpoint.uncertainty.outputs import Output, outputs_of
from forkpoint.uncertainty.ranges import PROBABILITIES, Ranges, ranges
from forkpoint.world.scenario import Scenario, scenario

Array: TypeAlias = NDArray[Any]
Named: TypeAlias = str | Path | Scenario
IN_MEMORY = 1 << 30
"""Most bytes that an ensemble without a store may hold."""
Reader: TypeAlias = Callable[[int, int], Iterator[Array]]
"""Blocks (time, draw) of one scenario and output, by their positions."""


@dataclass(frozen=True)
class Ensemble:
    """Scenarios over common draws. Values are float32; a draw that left the model's region is NaN in all outputs."""

    scenarios: tuple[Scenario, ...]
    outputs: tuple[Output, ...]
    time: NDArray[np.float64]
    draws: int
    origin: str
    read: Reader = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The scenarios' names, the first one being what differences are taken from."""
        return tuple(s.name for s in self.scenarios)

    def values(self, output: str | Output, scenario: str | None = None) -> Array:
        """All draws of one output (time, draw)."""
        return np.concatenate(list(self.read(self._scenario(scenario), self._output(output))), axis=1)

    def ranges(
        self, output: str | Output, scenario: str | None = None, probabilities: Sequence[float] = PROBABILITIES
    ) -> Ranges:
        """Quantiles of an output over time in one scenario (the first one unless named)."""
        which, kept = self._scenario(scenario), self._output(output)
        return ranges(self.time, lambda: self.read(which, kept), probabilities)

    def difference(
        self,
        output: str | Output,
        scenario: str,
        base: str | None = None,
        probabilities: Sequence[float] = PROBABILITIES,
    ) -> Ranges:
        """Quantiles of ``scenario`` − ``base`` (the first one unless named), draw by draw, with P(sign)."""
        kept, these, those = self._output(output), self._scenario(scenario), self._scenario(base)

        def blocks() -> Iterator[Array]:
            for one, other in zip(self.read(these, kept), self.read(those, kept), strict=True):
                yield one.astype(np.float64) - other

        return ranges(self.time, blocks, probabilities, sign=True)

    def failed(self, scenario: str | None = None) -> int:
        """Draws that left the region where the equations mean something; they are in no range."""
        return sum(int(np.isnan(block[0]).sum()) for block in self.read(self._scenario(scenario), 0))

    def rows(self, times: Sequence[float] | None = None) -> list[dict[str, Any]]:
        """Every scenario, output and time (all unless chosen) with its quantiles, as rows of a table."""
        found = []
        for name in self.names:
            for output in self.outputs:
                one = self.ranges(output, name)
                for time in self.time if times is None else times:
                    numbers = {
                        f"p{round(p * 100):02d}": float(v) for p, v in zip(PROBABILITIES, one.at(time), strict=True)
                    }
                    found.append(
                        {"scenario": name, "output": output.name, "unit": output.unit, "time": float(time), **numbers}
                    )
        return found

    def difference_rows(self, times: Sequence[float] | None = None) -> list[dict[str, Any]]:
        """Every scenario's differences from the first one, with the probability of either sign."""
        found = []
        for name in self.names[1:]:
            for output in self.outputs:
                one = self.difference(output, name)
                for time in self.time if times is None else times:
                    numbers = {
                        f"p{round(p * 100):02d}": float(v) for p, v in zip(PROBABILITIES, one.at(time), strict=True)
                    }
                    above, below = one.sign(time)
                    found.append(
                        {
                            "scenario": name,
                            "minus": self.names[0],
                            "output": output.name,
                            "unit": output.unit,
                            "time": float(time),
                            **numbers,
                            "p_above": above,
                            "p_below": below,
                        }
                    )
        return found

    def _scenario(self, name: str | None) -> int:
        if name is None:
            return 0
        if name not in self.names:
            raise UnknownName("scenario of this ensemble", name, self.names)
        return self.names.index(name)

    def _output(self, output: str | Output) -> int:
        name = output if isinstance(output, str) else output.name
        names = [o.name for o in self.outputs]
        if name not in names:
            raise UnknownName("output of this ensemble", name, names)
        return names.index(name)


def ensemble(
    scenarios: Named | Iterable[Named],
    draws: int = 1000,
    *,
    posterior: str | Path = "default",
    seed: int = 0,
    outputs: str | Iterable[str] | None = None,
    to: float | None = None,
    progress: Callable[[int, int], None] = lambda done, draws: None,
) -> Ensemble:
    """Run scenarios over common draws, in this process and in memory.

    ``posterior``: "default" (the one that ships), "prior", or a file of ``forkpoint calibrate``; ``outputs``: see
    :func:`~forkpoint.uncertainty.outputs.outputs_of`; ``to``: last year. ``progress`` hears runs done and to do.
    Raises InputError (also where they would not fit in memory: take a store), UnknownName, MissingExtra.
    """
    chosen = scenarios_of(scenarios)
    if draws < 1:
        raise InputError(f"an ensemble has at least one draw, not {draws}")
    kept, source, stop = outputs_of(outputs), Draws.of(posterior), last_year(to)
    batches = [Batch(one, kept, stop) for one in chosen]
    shape = (len(chosen), len(kept), len(batches[0].time), draws)
    if 4 * prod(shape) > IN_MEMORY:
        raise InputError(
            f"{draws:,} draws of {len(kept)} outputs in {len(chosen)} scenarios are {4 * prod(shape) / 1e9:.1f} GB: "
            "too much for memory, keep them in a store (--out) or ask for fewer"
        )
    values = np.empty(shape, dtype=np.float32)
    for chunk, low in enumerate(range(0, draws, CHUNK)):
        count = min(CHUNK, draws - low)
        parameters: Mapping[str, Any] = source.parameters(seed, chunk, count)
        for which, batch in enumerate(batches):
            values[which, ..., low : low + count] = batch.run(parameters)
            progress(low * len(chosen) + count * (which + 1), draws * len(chosen))

    def read(which: int, output: int) -> Iterator[Array]:
        yield values[which, output]

    return Ensemble(chosen, kept, batches[0].time, draws, source.origin, read)


def scenarios_of(names: Named | Iterable[Named]) -> tuple[Scenario, ...]:
    """Scenarios by name, file or value. Raises UnknownName, and InputError where none or one twice is given."""
    listed = [names] if isinstance(names, str | Path | Scenario) else list(names)
    found = tuple(scenario(one) for one in listed)
    if not found:
        raise InputError("an ensemble needs at least one scenario")
    for one in found:
        if sum(other.name == one.name for other in found) > 1:
            raise InputError(f"the scenario '{one.name}' is given twice")
    return found
