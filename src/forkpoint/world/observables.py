"""What the model says of an observed series: which variable, over which period, in which unit.

The mapping is data (``observables.yaml``). A prediction is linear in the trajectory (a weighted sum over time of one
variable, or the ratio of two such sums), so that it can be differentiated and repeated over draws cheaply.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.catalog import Observation
from forkpoint.dynamics.functions import library
from forkpoint.dynamics.model import Model
from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml, require_keys
from forkpoint.world.reference import FOLDER

Floats: TypeAlias = NDArray[np.float64]
SCALES = ("log", "logit", "linear")
AGGREGATES = ("amount", "level", "end")
_REQUIRED = {"id": "name", "series": "series of observations.csv", "variable": "variable of the model"}
_REQUIRED |= {"aggregate": " or ".join(AGGREGATES), "factor": "unit factor", "error": "observation error"}
_OPTIONAL = {
    "entity": "entity of the series",
    "at": "labels",
    "over": "denominator",
    "weight": "weight of a mean",
    "times": "factor that varies",
    "after": "years past the period that count too",
    "relative": "true where the model gives growth only",
    "offset": "added after the factor",
    "scale": " or ".join(SCALES),
    "floor": "figure below which the series tells nothing",
    "fit": "used in fitting",
    "trap": "caveat",
}


@dataclass(frozen=True)
class Selection:
    """A variable at labels; dimensions that are not named are summed."""

    variable: str
    at: tuple[tuple[str, str], ...] = ()

    def of(self, values: Mapping[str, Any], model: Model) -> Any:
        """The selected path over time (and draws), from arrays (time, dimensions…[, draws])."""
        value, dims, at = values[self.variable], model[self.variable].dims, dict(self.at)
        for axis in reversed(range(len(dims))):
            if dims[axis] in at:
                position = model.dimensions[dims[axis]].position(at[dims[axis]])
                value = value[(slice(None),) * (1 + axis) + (position,)]
            else:
                value = value.sum(axis=1 + axis)
        return value


@dataclass(frozen=True)
class Observable:
    """How one observed series follows from the model."""

    id: str
    series: str
    selection: Selection
    aggregate: str
    factor: float
    error: float
    entity: str = ""
    scale: str = "log"
    over: Selection | None = None
    weight: str = ""
    times: Selection | None = None
    relative: bool = False
    """True where the model gives the series' growth, not its level: it hangs on the last known figure."""
    fit: bool = False
    trap: str = ""
    offset: float = 0.0
    floor: float = 1e-9
    """On a scale of logs, what is smaller counts as this much: a figure in logs tells nothing of a vanishing one."""

    after: float = 0.0
    """Years past the period that count too: what was booked at once and the model moves over some time."""

    @property
    def variables(self) -> set[str]:
        """The variables that a run must give."""
        extra = {part.variable for part in (self.over, self.times) if part}
        return {self.selection.variable} | extra | ({self.weight} if self.weight else set())

    def matches(self, observation: Observation) -> bool:
        """Whether an observation is of this series."""
        return observation.series == self.series and self.entity in ("", observation.entity)

    def predict(self, values: Mapping[str, Any], model: Model, weights: Floats) -> Any:
        """Predictions in the series' unit for the periods that ``weights`` (period, time) describe."""
        return self.offset + self.factor * self._aggregated(values, model, weights)

    def _aggregated(self, values: Mapping[str, Any], model: Model, weights: Floats) -> Any:
        path = self.selection.of(values, model)
        if self.times is not None:
            path = path * self.times.of(values, model)
        if self.weight:
            by = Selection(self.weight).of(values, model)
            return (weights @ (path * by)) / (weights @ by)
        if self.over is not None:
            return (weights @ path) / (weights @ self.over.of(values, model))
        return weights @ path

    def transformed(self, value: Any) -> Any:
        """A value on the scale on which its error is normal: logs, log-odds (of per cent) or itself."""
        xp = library(value)
        if self.scale == "log":
            return xp.log(xp.maximum(value, self.floor))
        if self.scale == "logit":
            share = xp.clip(value / 100.0, 1e-4, 1 - 1e-4)
            return xp.log(share / (1 - share))
        return value

    def back(self, value: Any) -> Any:
        """The inverse of :meth:`transformed`."""
        xp = library(value)
        if self.scale == "log":
            return xp.exp(value)
        return 100.0 / (1 + xp.exp(-value)) if self.scale == "logit" else value

    def weights(self, observations: Sequence[Observation], times: Floats, step: float) -> Floats:
        """How much each model time counts for each observation's period (rows: observations; columns: times)."""
        starts = np.array([year(o.period_start) for o in observations])[:, None]
        ends = np.array([year(o.period_end + dt.timedelta(days=1)) for o in observations])[:, None]
        ends = ends + self.after
        if self.aggregate == "end":
            return np.asarray(np.arange(len(times)) == np.argmin(np.abs(times - ends), axis=1)[:, None], dtype=float)
        inside = np.clip(np.minimum(times + step, ends) - np.maximum(times, starts), 0.0, None)
        if self.aggregate == "level":
            inside = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1e-12)
        return np.asarray(inside, dtype=float)


@cache
def observables() -> tuple[Observable, ...]:
    """All observables of the model. Raises InputError that names the entry and key where the file is wrong."""
    return tuple(_read(entry, number) for number, entry in enumerate(read_yaml(FOLDER / "observables.yaml"), start=1))


def observable_of(observation: Observation) -> Observable | None:
    """The observable of an observation, or None where the model says nothing of its series."""
    return next((o for o in observables() if o.matches(observation)), None)


def matched(observations: Iterable[Observation]) -> dict[Observable, list[Observation]]:
    """Observations with a value that the model speaks of, by observable, in order of period."""
    found: dict[Observable, list[Observation]] = {}
    for observation in observations:
        target = observable_of(observation)
        if target is not None and observation.value is not None:
            found.setdefault(target, []).append(observation)
    return {o: sorted(rows, key=lambda r: (r.period_end, r.period_start)) for o, rows in found.items()}


def year(day: dt.date) -> float:
    """A day as a year with its fraction: 2025-04-01 is 2025.25 (nearly)."""
    first = dt.date(day.year, 1, 1)
    return day.year + (day - first).days / ((dt.date(day.year + 1, 1, 1) - first).days)


def _read(entry: object, number: int) -> Observable:
    name = entry.get("id", number) if isinstance(entry, dict) else number
    where = f"observables.yaml: {name}"
    keys = require_keys(entry, where, required=_REQUIRED, optional=_OPTIONAL)
    for key, valid in (("aggregate", AGGREGATES), ("scale", SCALES)):
        if keys.get(key, valid[0]) not in valid:
            raise UnknownName(key, str(keys[key]), valid, where=where)
    if not keys["error"] > 0:
        raise InputError(f"{where}: the error {keys['error']} is not above zero")
    return Observable(
        id=keys["id"],
        series=keys["series"],
        selection=Selection(keys["variable"], _labels(keys)),
        aggregate=keys["aggregate"],
        factor=float(keys["factor"]),
        error=float(keys["error"]),
        entity=keys.get("entity", ""),
        scale=keys.get("scale", "log"),
        over=_selection(keys.get("over")),
        weight=keys.get("weight", ""),
        times=_selection(keys.get("times")),
        relative=bool(keys.get("relative", False)),
        fit=bool(keys.get("fit", False)),
        trap=keys.get("trap", ""),
        offset=float(keys.get("offset", 0.0)),
        after=float(keys.get("after", 0.0)),
        floor=float(keys.get("floor", Observable.floor)),
    )


def _selection(entry: Mapping[str, Any] | None) -> Selection | None:
    return Selection(entry["variable"], _labels(entry)) if entry else None


def _labels(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(k), str(v)) for k, v in entry.get("at", {}).items())
