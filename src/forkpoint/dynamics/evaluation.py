"""Evaluation of a model's equations at one moment: alignment of axes, order, flows into stocks.

Every function here takes and returns plain dictionaries from variable name to array, works on NumPy and JAX arrays
alike, and has no side effect, so that JAX can trace, differentiate and map it.

**Shapes.** A variable's array has its dimensions in the model's order, then (``trailing=1``) one axis of draws, which
may have length one for what all draws share. A scalar variable of a single run is a plain number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from forkpoint.dynamics.functions import FRAME, Array, Frame, library
from forkpoint.errors import ForkpointError, ModelError

Values: TypeAlias = dict[str, Array]
Link: TypeAlias = tuple[str, str]
"""An input and the variable that uses it; for a flow and its stock, the flow's entry into the stock."""

Index: TypeAlias = tuple[slice | None, ...] | None


@dataclass(frozen=True)
class BoundEquation:
    """One equation with its axes worked out: how each input is laid into the frame and the result taken out of it."""

    name: str
    label: str
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    views: tuple[Index, ...]
    frame: Frame
    dims: tuple[str, ...]

    @cached_property
    def aligned(self) -> bool:
        """Whether every input goes in as it is."""
        return all(view is None for view in self.views)

    @cached_property
    def scalar(self) -> type | None:
        """The type of a result that needs no fitting: a number, where the equation has no axes."""
        return None if self.frame.dims or self.frame.trailing else np.float64

    def __call__(self, values: Mapping[str, Array], held: Mapping[Link, Array] | None = None) -> Array:
        """The variable's value from its inputs; ``held`` replaces single links (input, this variable)."""
        if held:
            values = {n: held.get((n, self.name), values[n]) for n in self.inputs}
        if self.aligned:
            arguments = [values[n] for n in self.inputs]
        else:
            arguments = [values[n] if v is None else values[n][v] for n, v in zip(self.inputs, self.views, strict=True)]
        token = FRAME.set(self.frame)
        try:
            result = self.function(*arguments)
        except ForkpointError as error:
            raise ModelError(f"{self.label}: {error}") from error
        except (TypeError, ValueError, LookupError, AttributeError, NameError, ArithmeticError) as error:
            raise ModelError(f"{self.label} cannot be evaluated: {type(error).__name__}: {_why(error)}") from error
        finally:
            FRAME.reset(token)
        return result if type(result) is self.scalar else self.fit(result)

    def fit(self, result: Array) -> Array:
        """Lay a result into the variable's own dimensions. Raises ModelError where it varies over others."""
        frame, rank = self.frame, len(self.frame.dims) + self.frame.trailing
        if not rank:
            if np.shape(result) != () if library(result) is np else result.shape != ():
                raise ModelError(f"{self.label} has no dimensions but its equation gives an array {result.shape}")
            return result
        if not hasattr(result, "shape"):
            result = np.asarray(result)
        if result.ndim < rank:
            result = result.reshape((1,) * (rank - result.ndim) + result.shape)
        sizes = tuple(map(len, frame.labels))
        shape = result.shape
        if frame.dims == self.dims and shape[: len(sizes)] == sizes:
            return result
        for dim, size, length in zip(frame.dims, sizes, shape, strict=False):
            if dim not in self.dims and length != 1:
                raise ModelError(
                    f"{self.label} is declared over ({', '.join(self.dims)}) but its equation also varies over "
                    f"'{dim}': sum it with total(…, over='{dim}') or declare the dimension"
                )
            if length not in (1, size):
                raise ModelError(f"{self.label}: its equation gives {length} values along '{dim}', which has {size}")
        if len(shape) > rank:
            raise ModelError(f"{self.label}: its equation gives an array of shape {shape}, more axes than {frame.dims}")
        kept = tuple(slice(None) if d in self.dims else 0 for d in frame.dims)
        full = tuple(size for d, size in zip(frame.dims, sizes, strict=True) if d in self.dims)
        result = result[kept]
        if result.shape[: len(full)] != full:
            result = library(result).broadcast_to(result, full + result.shape[len(full) :])
        return result


@dataclass(frozen=True)
class Route:
    """How a flow enters a stock: its sign, the axes to sum, and the label it goes to in dimensions that it lacks."""

    flow: str
    stock: str
    sign: float
    summed: tuple[int, ...]
    placed: Array | None = None
    view: Index = None

    @cached_property
    def plain(self) -> bool:
        """Whether the flow enters as it is."""
        return self.sign > 0 and not self.summed and self.placed is None

    def __call__(self, value: Array, trailing: int) -> Array:
        """The flow's contribution to the stock's rate of change."""
        if self.summed:
            value = library(value).sum(value, axis=tuple(a - trailing for a in self.summed))
        if self.placed is not None:
            placed = self.placed[..., None] if trailing else self.placed
            value = value[self.view] * placed
        return value if self.sign > 0 else -value


@dataclass(frozen=True)
class System:
    """A model bound to its axes: what a run, a gradient and an emitter evaluate."""

    constants: tuple[BoundEquation, ...]
    equations: tuple[BoundEquation, ...]
    initials: tuple[BoundEquation, ...]
    routes: tuple[Route, ...]
    stocks: tuple[str, ...]
    trailing: int

    def evaluate(
        self,
        state: Mapping[str, Array],
        inputs: Mapping[str, Array],
        time: Array,
        time_step: Array,
        held: Mapping[Link, Array] | None = None,
        *,
        constants: bool = True,
    ) -> Values:
        """All variables at one moment. ``constants=False``: ``inputs`` already holds the constant equations' values."""
        values: Values = {**inputs, **state, "time": time, "time_step": time_step}
        self.evaluate_into(values, held, constants=constants)
        return values

    def evaluate_into(
        self, values: Values, held: Mapping[Link, Array] | None = None, *, constants: bool = False
    ) -> None:
        """Add all equations' values to a mapping that holds time, stocks and inputs."""
        if constants:
            for equation in self.constants:
                values[equation.name] = equation(values, held)
        for equation in self.equations:
            values[equation.name] = equation(values, held)

    def with_varying(self, inputs: frozenset[str], targets: frozenset[str] = frozenset()) -> System:
        """The same system where some parameters vary over time and some constant equations have a held link."""
        moved: set[str] = set()
        for equation in self.constants:
            if equation.name in targets or not (inputs | moved).isdisjoint(equation.inputs):
                moved.add(equation.name)
        if not moved:
            return self
        kept = tuple(e for e in self.constants if e.name not in moved)
        shifted = tuple(e for e in self.constants if e.name in moved)
        return replace(self, constants=kept, equations=shifted + self.equations)

    def rates(self, values: Mapping[str, Array], held: Mapping[Link, Array] | None = None) -> Values:
        """Net flow into every stock that has flows."""
        rates: Values = {}
        for route in self.routes:
            value = values[route.flow] if not held else held.get((route.flow, route.stock), values[route.flow])
            change = value if route.plain else route(value, self.trailing)
            rates[route.stock] = rates[route.stock] + change if route.stock in rates else change
        return rates

    def step(
        self,
        state: Mapping[str, Array],
        inputs: Mapping[str, Array],
        time: Array,
        time_step: Array,
        held: Mapping[Link, Array] | None = None,
    ) -> Values:
        """The stocks one Euler step later."""
        values = self.evaluate(state, inputs, time, time_step, held)
        return advance(state, self.rates(values, held), time_step)


def advance(state: Mapping[str, Array], rates: Mapping[str, Array], time_step: Array) -> Values:
    """State plus rate times step."""
    return {name: value + time_step * rates[name] if name in rates else value for name, value in state.items()}


def view_into(dims: tuple[str, ...], frame: tuple[str, ...]) -> Index:
    """Index that lays an array with ``dims`` into ``frame`` (axes in front broadcast by themselves)."""
    if not dims or frame[len(frame) - len(dims) :] == dims:
        return None
    start = frame.index(dims[0])
    return tuple(slice(None) if d in dims else None for d in frame[start:])


def _why(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [""])[0]
    if "truth value" in line or "boolean conversion" in line:
        return f"{line} An equation chooses with where(…), not with if, and, or, max, min"
    if type(error).__name__ == "TracerArrayConversionError":
        return f"{line} An equation uses forkpoint.dynamics.functions, not numpy"
    return line
