"""Values given to a run: parameters, levers, series on the time grid, draws.

A lever's value is a number, an array in the order of the dimensions, a mapping from label to value (labels left out
keep the declared value), or a mapping from time to such a value, which holds from that time on (before it, the
declared).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.evaluation import Values
from forkpoint.dynamics.variables import Parameter, Series, Variable
from forkpoint.errors import InputError, ModelError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model


@dataclass(frozen=True)
class Grid:
    """Fixed-step time: ``times[n] = start + n * step``."""

    start: float
    step: float
    count: int

    @classmethod
    def of(cls, model: Model, start: float | None, stop: float | None, step: float | None) -> Grid:
        """From arguments of a run or the model's own. Raises InputError where the span is no whole number of steps."""
        found = {"start": model.start if start is None else start, "stop": model.stop if stop is None else stop,
                 "step": model.step_length if step is None else step}  # fmt: skip
        for name, value in found.items():
            if value is None:
                raise InputError(f"a run needs {name}=, as the model gives none")
            if not np.isfinite(value):
                raise InputError(f"{name}={value} is not a finite number")
        first, last, length = (float(value) for value in found.values() if value is not None)
        if length <= 0 or last < first:
            raise InputError(f"a run needs step > 0 and stop ≥ start, got step={length}, start={first}, stop={last}")
        count = round((last - first) / length)
        if abs(first + count * length - last) > 1e-6 * length:
            raise InputError(f"stop={last} is not a whole number of steps of {length} after start={first}")
        return cls(first, length, count)

    @cached_property
    def times(self) -> np.ndarray:
        """All times, the last included."""
        return self.start + self.step * np.arange(self.count + 1)


@dataclass(frozen=True)
class Inputs:
    """All exogenous values of a run: fixed ones, and those on the grid as (time, stage, dimensions[, draw])."""

    fixed: Values
    varying: Values
    stages: int


def is_timed(value: Any) -> bool:
    """Whether a lever's value is a mapping from time to value."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(k, Number) for k in value)


def gather(
    model: Model, grid: Grid, levers: Mapping[str, Any], draws: Mapping[str, Any] | None, stages: int = 1
) -> Inputs:
    """Put levers and draws in the place of declared values. Raises UnknownName and InputError in words."""
    for name in [*levers, *(draws or {})]:
        if not isinstance(model.variables.get(name), Parameter | Series):
            raise UnknownName("parameter or series", name, [*model.parameters, *model.series])
    for name in draws or {}:
        if name in levers:
            raise InputError(f"'{name}' is given both as a lever and as draws")
    trailing = 0 if draws is None else 1
    still = {n: v for n, v in levers.items() if n in model.parameters and not is_timed(v)}
    given = {n for n in draws or {} if n in model.parameters}
    timed = {n: v for n, v in levers.items() if n in model.parameters and is_timed(v)}
    fixed = parameter_values(model, still, without=given | set(timed))
    if trailing:
        fixed = {name: value[..., None] for name, value in fixed.items()}
    for name in given:
        fixed[name] = draw_values(model, model[name], (draws or {})[name])
    varying: Values = {}
    for name, value in timed.items():
        varying[name] = _timed_parameter(model, name, value, grid, stages)
    for name, declared in model.series.items():
        if draws is not None and name in draws:
            varying[name] = _drawn_series(model, declared, draws[name], grid, stages)
            continue
        points = levers.get(name, declared.points)
        if points is None:
            raise InputError(f"series '{name}' has no data: give them as a lever, {{time: value}}")
        varying[name] = on_grid(declared, *_points(model, declared, points), grid, stages)
        if trailing:
            varying[name] = varying[name][..., None]
    for name in timed:
        varying[name] = varying[name][..., None] if trailing else varying[name]
    return Inputs(fixed, varying, stages)


def parameter_values(
    model: Model, levers: Mapping[str, Any], without: set[str] | frozenset[str] = frozenset()
) -> Values:
    """All parameters as arrays over their dimensions, levers in place. Raises InputError for one without a value."""
    for name in levers:
        if name not in model.parameters:
            raise UnknownName("parameter", name, model.parameters)
    values: Values = {}
    for name, parameter in model.parameters.items():
        if name in without:
            continue
        if name in levers:
            values[name] = as_array(model, parameter, levers[name], base=parameter.value)
        elif parameter.value is None:
            raise InputError(f"parameter '{name}' has no value: give it as a lever")
        else:
            if name not in model._declared:
                model._declared[name] = as_array(model, parameter, parameter.value)
            values[name] = model._declared[name].copy() if parameter.dims else model._declared[name]
    return values


def as_array(
    model: Model, variable: Variable, value: Any, base: Any = None, error: type[Exception] = InputError
) -> Any:
    """A value over the variable's dimensions; labels missing in a mapping come from ``base``."""
    shape = model.shape(variable.name)
    if isinstance(value, Mapping):
        known = as_array(model, variable, base) if base is not None else np.full(shape, np.nan)
        value = _fill(model, variable, value, np.array(known), variable.dims, error)
        if base is None and np.isnan(np.real(value)).any():
            where = tuple(np.argwhere(np.isnan(np.real(value)))[0])
            missing = ", ".join(model.labels(variable.name)[axis][i] for axis, i in enumerate(where))
            raise error(f"{variable.label} has no value for {missing}")
        return value
    try:
        array = np.asarray(value)
        array = array if np.iscomplexobj(array) else array.astype(float)
        return np.broadcast_to(array, shape).copy() if shape else array.reshape(())[()]
    except (TypeError, ValueError):
        needed = f"one number, or {shape} numbers over ({', '.join(variable.dims)})" if shape else "one number"
        raise error(f"{variable.label} takes {needed}, not {_short(value)}") from None


def _fill(model: Model, variable: Variable, value: Any, into: Any, dims: Sequence[str], error: type[Exception]) -> Any:
    if not dims:
        raise error(f"{variable.label} has no such dimension to give {_short(value)} for")
    dimension = model.dimensions[dims[0]]
    for label, part in value.items():
        index = dimension.position(label)
        if isinstance(part, Mapping):
            into[index] = _fill(model, variable, part, into[index], dims[1:], error)
            continue
        try:
            into[index] = part
        except (TypeError, ValueError):
            raise error(f"{variable.label}, {dims[0]} '{label}': {_short(part)} is not a number") from None
    return into


def draw_values(model: Model, variable: Variable, value: Any) -> Any:
    """Draws of one parameter as (dimensions, draw)."""
    array = np.asarray(value)
    shape = model.shape(variable.name)
    if array.ndim != len(shape) + 1 or array.shape[:-1] != shape:
        raise InputError(f"draws of '{variable.name}' need the shape {(*shape, 'draws')}, got {array.shape}")
    return array.astype(float)


def _points(model: Model, variable: Variable, points: Any) -> tuple[np.ndarray, np.ndarray]:
    if not is_timed(points):
        if isinstance(points, Mapping) and points:
            bad = next(k for k in points if not isinstance(k, Number))
            raise InputError(f"{variable.label} takes {{time: value}}; {bad!r} is not a time")
        points = {-np.inf: points} if not isinstance(points, Mapping) else points
    if not points:
        raise InputError(f"{variable.label} has no points in time")
    times = sorted(points)
    values = [as_array(model, variable, points[t]) for t in times]
    return np.asarray(times, dtype=float), np.stack([np.asarray(v) for v in values])


def on_grid(series: Series, times: np.ndarray, values: np.ndarray, grid: Grid, stages: int) -> np.ndarray:
    """A series at every stage of every step. Raises InputError where the run starts before the series does."""
    if series.hold == "event":
        return _events(times, values, grid, stages)
    if grid.start < times[0] - 1e-9 * grid.step:
        raise InputError(f"series '{series.name}' has no value before {times[0]:g}; the run starts at {grid.start:g}")
    at = grid.times[:, None] + grid.step * np.asarray([0.0, 0.5, 1.0][:stages])
    if series.hold == "linear" and len(times) > 1:
        after = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
        weight = np.clip((at - times[after - 1]) / (times[after] - times[after - 1]), 0.0, 1.0)
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - 1))
        return np.asarray(values[after - 1] * (1.0 - weight) + values[after] * weight)
    # A date that falls on a step counts from this step on; the last stage of the step before still has the old value.
    slack = 1e-9 * grid.step * np.asarray([1.0, 1.0, -1.0][:stages])
    index = np.maximum(np.searchsorted(times, at + slack, side="right") - 1, 0)
    return np.asarray(values[index])


def _events(times: np.ndarray, values: np.ndarray, grid: Grid, stages: int) -> np.ndarray:
    rates = np.zeros((grid.count + 1, *values.shape[1:]), dtype=values.dtype)
    for time, amount in zip(times, values, strict=True):
        index = int(np.floor((time - grid.start) / grid.step + 1e-9))
        if 0 <= index <= grid.count:
            rates[index] += amount / grid.step
    return np.repeat(rates[:, None], stages, axis=1)


def _timed_parameter(model: Model, name: str, value: Mapping[Any, Any], grid: Grid, stages: int) -> np.ndarray:
    parameter = model.parameters[name]
    points = {-np.inf: as_array(model, parameter, parameter.value)} if parameter.value is not None else {}
    points |= {float(t): as_array(model, parameter, v, base=parameter.value) for t, v in value.items()}
    held = Series(name=name, dims=parameter.dims)
    return on_grid(held, np.asarray(sorted(points)), np.stack([points[t] for t in sorted(points)]), grid, stages)


def _drawn_series(model: Model, series: Series, value: Any, grid: Grid, stages: int) -> np.ndarray:
    if not is_timed(value):
        raise InputError(f"draws of series '{series.name}' are given as {{time: draws}}")
    times = sorted(value)
    return on_grid(series, np.asarray(times, float), np.stack([draw_values(model, series, value[t]) for t in times]),
                   grid, stages)  # fmt: skip


def initial_values(model: Model, given: Mapping[str, Any], trailing: int) -> Values:
    """Initial values given at run time or as plain numbers in the declaration, as arrays."""
    values: Values = {}
    for name in given:
        if name not in model.stocks:
            raise UnknownName("stock", name, model.stocks)
    for name, stock in model.stocks.items():
        if name in given:
            value = np.asarray(given[name]) if not isinstance(given[name], Mapping) else None
            if trailing and value is not None and value.ndim == len(stock.dims) + 1:
                values[name] = draw_values(model, stock, value)
                continue
            values[name] = as_array(model, stock, given[name], base=stock.initial)
        elif stock.function is None:
            values[name] = as_array(model, stock, stock.initial, error=ModelError)
        else:
            continue
        if trailing:
            values[name] = values[name][..., None]
    return values


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
