"""What a run gives: values over time with their labels, units and meanings, and the state to go on from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.errors import InputError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model


@dataclass(frozen=True)
class State:
    """The stocks at one time; ``model.run(start_from=state)`` goes on from here."""

    time: float
    stocks: Mapping[str, Any]


@dataclass(frozen=True)
class Trajectory(Mapping[str, Any]):
    """A mapping from variable to array: (time, its dimensions in order[, draw])."""

    model: Model = field(repr=False)
    time: np.ndarray
    values_by_name: Mapping[str, Any] = field(repr=False)
    final: State = field(repr=False)
    levers: Mapping[str, Any] = field(default_factory=dict)
    draws: int | None = None
    failed: Mapping[int, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name not in self.values_by_name:
            raise UnknownName("output of this run", name, self.values_by_name)
        return self.values_by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values_by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def at(self, name: str, time: float | None = None, **labels: str) -> Any:
        """A variable at labels of its dimensions and, if given, at a saved time. Raises UnknownName, InputError."""
        value, dims = self[name], self.model[name].dims
        for axis in reversed(range(len(dims))):
            if dims[axis] in labels:
                value = np.take(value, self.model.dimensions[dims[axis]].position(labels[dims[axis]]), axis=1 + axis)
        for dim in labels:
            if dim not in dims:
                raise UnknownName(f"dimension of '{name}'", dim, dims)
        if time is None:
            return value
        index = int(np.argmin(np.abs(self.time - time)))
        if abs(self.time[index] - time) > 1e-6 * max(1.0, abs(time)):
            raise InputError(f"the run has no saved time {time:g}; the nearest is {self.time[index]:g}")
        return value[index]

    def to_xarray(self) -> Any:
        """A labelled xarray Dataset with unit, meaning and kind of every variable. Raises MissingExtra."""
        from forkpoint.dynamics.extras import load

        xarray = load("xarray")
        arrays = {}
        used: dict[str, Any] = {"time": ("time", self.time, {"units": self.model.time_unit})}
        for name, value in self.values_by_name.items():
            variable = self.model[name]
            dims = ("time", *variable.dims, *(("draw",) if self.draws is not None else ()))
            attributes = {"units": variable.unit, "description": variable.meaning, "kind": variable.kind}
            arrays[name] = (dims, value, attributes | ({"source": variable.source} if variable.source else {}))
            used |= {d: (d, list(self.model.dimensions[d].labels)) for d in variable.dims}
        if self.draws is not None:
            used["draw"] = ("draw", np.arange(self.draws))
        return xarray.Dataset(arrays, coords=used, attrs={"model": self.model.name})
