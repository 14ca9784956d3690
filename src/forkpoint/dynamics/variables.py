"""The five kinds of variable and the decorators that declare them.

A model is plain functions. A decorator says what kind of variable a function defines; the function's argument names are
its inputs; its docstring gives the meaning (first paragraph) and, after ``Source:``, where the equation comes from::

    from forkpoint.dynamics import Dimension, aux, flow, functions as f, parameter, series, stock

    vendor = Dimension("vendor", ("north", "south"))

    learning_rate = parameter(0.32, unit="1", low=0.2, high=0.4, source="Wright 1936", doc="Elasticity.")
    first_cost = parameter({"north": 9.0, "south": 12.0}, dims=("vendor",), unit="USD/item", doc="Cost at first.")
    orders = series({2020.0: 100.0, 2021.0: 130.0}, unit="item/year", hold="step", doc="Orders placed.")

    @stock(dims=("vendor",), unit="item")
    def cumulative_output(initial_output):          # the function gives the initial value
        \"\"\"Items ever made.\"\"\"
        return initial_output

    @aux(dims=("vendor",), unit="USD/item")
    def unit_cost(first_cost, cumulative_output, initial_output, learning_rate):
        \"\"\"Unit cost falls with experience. Source: Wright 1936.\"\"\"
        return first_cost * (cumulative_output / initial_output) ** (-learning_rate)

    @flow(into="cumulative_output", dims=("vendor",), unit="item/year")
    def output(orders, share):
        \"\"\"Orders met.\"\"\"
        return orders * share

``stock(100.0, unit=…)`` and ``stock("initial_output", unit=…)`` declare a stock without a function; its name is then
the name it is assigned to, as for ``parameter`` and ``series``. The names ``time`` and ``time_step`` are inputs that
every model has.

**Flows** say ``into=`` and ``outof=`` which stock; a flow with both moves things and conserves them. A flow that has
dimensions its stock lacks is summed over them; a flow that lacks a dimension of its stock names the label it goes to:
``into="installed[vintage=new]"``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

from forkpoint.errors import ModelError

Value: TypeAlias = Any
"""A number, an array in the order of the dimensions, or a (nested) mapping from label to number."""

Hold: TypeAlias = Literal["step", "linear", "event"]

RESERVED = ("time", "time_step")
"""Inputs that every model has: the time, and the length of one step."""

Self = TypeVar("Self", bound="Variable")


@dataclass(frozen=True, eq=False)
class Dimension:
    """A named axis with its labels in order, e.g. ``Dimension("region", ("north", "south"))``."""

    name: str
    labels: tuple[str, ...]
    meaning: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(str(label) for label in self.labels))
        if not self.name.isidentifier() or not self.labels:
            raise ModelError(f"a dimension needs a name that is a Python identifier and labels, got {self.name!r}")
        if len(set(self.labels)) != len(self.labels):
            double = next(label for label in self.labels if self.labels.count(label) > 1)
            raise ModelError(f"dimension '{self.name}' has the label '{double}' twice")

    def __len__(self) -> int:
        return len(self.labels)

    def position(self, label: str) -> int:
        """Index of a label. Raises UnknownName with the nearest labels."""
        from forkpoint.errors import UnknownName

        if label not in self.labels:
            raise UnknownName(f"label of '{self.name}'", label, self.labels)
        return self.labels.index(label)


@dataclass(frozen=True, eq=False, kw_only=True)
class Variable:
    """What every kind of variable has. ``where`` is the file and line of its declaration."""

    kind: ClassVar[str] = "variable"

    name: str = ""
    dims: tuple[str, ...] = ()
    unit: str = "1"
    meaning: str = ""
    source: str = ""
    where: str = ""
    sector: str = ""

    def named(self: Self, name: str, sector: str = "") -> Self:
        """The same declaration under the name it was assigned to."""
        return replace(self, name=self.name or name, sector=self.sector or sector)

    @property
    def label(self) -> str:
        """How messages call the variable: kind, name and place."""
        return f"{self.kind} '{self.name}'" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True, eq=False, kw_only=True)
class Equation(Variable):
    """A variable given by a function; ``inputs`` are the names of the function's arguments, in order."""

    function: Callable[..., Any] | None = None
    inputs: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The plain function, for use and test outside a model."""
        if self.function is None:
            raise ModelError(f"{self.label} has no function to call")
        return self.function(*args, **kwargs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Aux(Equation):
    """An auxiliary: computed at every moment from its inputs."""

    kind = "aux"


@dataclass(frozen=True, eq=False, kw_only=True)
class Flow(Equation):
    """A rate of change of one stock (``into`` or ``outof``) or between two."""

    kind = "flow"
    into: str | None = None
    outof: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Stock(Equation):
    """An accumulation; ``function`` gives its initial value. ``non_negative``: a run stops where it turns negative."""

    kind = "stock"
    initial: Value = None
    non_negative: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class Parameter(Variable):
    """A constant of a run, with its range, distribution and source. A lever is a parameter that a run overrides."""

    kind = "parameter"
    value: Value = None
    low: float | None = None
    high: float | None = None
    distribution: str = ""
    quality: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Series(Variable):
    """Exogenous data over time: ``points`` maps time to value; without points a run must give them.

    ``hold``: "step" keeps the last value until the next date, "linear" interpolates, "event" takes each value as an
    amount that falls wholly into the step containing its date (as a rate: amount / step). After its last date a series
    keeps its last value; before its first date it has none, and a run that asks raises.
    """

    kind = "series"
    points: Mapping[float, Value] | None = None
    hold: Hold = "step"


@dataclass(frozen=True, eq=False, kw_only=True)
class Macro(Variable):
    """Shorthand that a model expands into stocks, flows and auxiliaries (see :mod:`forkpoint.dynamics.delays`).

    ``entry`` is the stock that a flow enters which names the macro as its ``into=``.
    """

    kind = "macro"
    expand: Callable[[str, Mapping[str, Variable]], Iterable[Variable]] = field(default=lambda name, known: ())
    entry: str = "{name}"


def _names(dims: Iterable[str | Dimension]) -> tuple[str, ...]:
    if isinstance(dims, str | Dimension):
        dims = (dims,)
    return tuple(d.name if isinstance(d, Dimension) else d for d in dims)


def _words(doc: str | None) -> tuple[str, str]:
    """Meaning and source out of a docstring: its first paragraph, and what follows ``Source:``."""
    text = inspect.cleandoc(doc or "")
    meaning, _, source = text.partition("Source:")
    return " ".join(meaning.split("\n\n")[0].split()), " ".join(source.split())


def _place(depth: int = 2) -> str:
    frame = inspect.currentframe()
    for _ in range(depth):
        frame = frame.f_back if frame else None
    return f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}" if frame else ""


def inputs_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Argument names of an equation. Raises ModelError where a signature hides a number or takes ``*args``."""
    names = []
    for argument in inspect.signature(function).parameters.values():
        if argument.kind not in (argument.POSITIONAL_ONLY, argument.POSITIONAL_OR_KEYWORD):
            raise ModelError(f"equation '{function.__name__}': inputs must be named one by one, found '{argument}'")
        if argument.default is not argument.empty:
            raise ModelError(
                f"equation '{function.__name__}': input '{argument.name}' has a default value; "
                "declare it as a parameter, so that its unit and source are known"
            )
        names.append(argument.name)
    return tuple(names)


def _from_function(cls: type[Any], function: Callable[..., Any], **fields: Any) -> Any:
    meaning, source = _words(function.__doc__)
    code = function.__code__ if hasattr(function, "__code__") else None
    where = f"{code.co_filename.rsplit('/', 1)[-1]}:{code.co_firstlineno}" if code else ""
    fields = {"meaning": meaning, "source": source, **{k: v for k, v in fields.items() if v not in ("", None)}}
    return cls(name=function.__name__, function=function, inputs=inputs_of(function), where=where, **fields)


def aux(*, dims: Iterable[str | Dimension] = (), unit: str = "1") -> Callable[[Callable[..., Any]], Aux]:
    """Declare an auxiliary: ``@aux(dims=("vendor",), unit="USD/item")``."""
    return lambda function: _from_function(Aux, function, dims=_names(dims), unit=unit)


def flow(
    *, into: str | None = None, outof: str | None = None, dims: Iterable[str | Dimension] = (), unit: str = "1"
) -> Callable[[Callable[..., Any]], Flow]:
    """Declare a flow into and/or out of a stock: ``@flow(into="population", unit="person/year")``."""
    if into is None and outof is None:
        raise ModelError("a flow needs a stock to flow into or out of: give into=, outof= or both")
    return lambda function: _from_function(Flow, function, dims=_names(dims), unit=unit, into=into, outof=outof)


def stock(
    initial: Value = None,
    *,
    dims: Iterable[str | Dimension] = (),
    unit: str = "1",
    non_negative: bool = True,
    doc: str = "",
    source: str = "",
    name: str = "",
) -> Any:
    """Declare a stock: as a decorator of the function of its initial value, or with a number or a parameter's name."""
    common: dict[str, Any] = {"dims": _names(dims), "unit": unit, "non_negative": non_negative}
    if initial is None and not doc:
        return lambda function: _from_function(Stock, function, **common)
    meaning, in_doc = _words(doc)
    words: dict[str, Any] = {"meaning": meaning, "source": source or in_doc, "where": _place(), "name": name}
    if isinstance(initial, str):
        return Stock(function=_same, inputs=(initial,), **common, **words)
    return Stock(initial=initial, **common, **words)


def parameter(
    value: Value = None,
    *,
    dims: Iterable[str | Dimension] = (),
    unit: str = "1",
    low: float | None = None,
    high: float | None = None,
    distribution: str = "",
    source: str = "",
    quality: str = "",
    doc: str = "",
    name: str = "",
) -> Parameter:
    """Declare a parameter with value, range, distribution, unit and source. Its name is what it is assigned to."""
    meaning, in_doc = _words(doc)
    return Parameter(
        name=name, dims=_names(dims), unit=unit, meaning=meaning, source=source or in_doc, where=_place(),
        value=value, low=low, high=high, distribution=distribution, quality=quality,
    )  # fmt: skip


def series(
    points: Mapping[float, Value] | None = None,
    *,
    dims: Iterable[str | Dimension] = (),
    unit: str = "1",
    hold: Hold = "step",
    source: str = "",
    doc: str = "",
    name: str = "",
) -> Series:
    """Declare data over time, ``{time: value}``; without points a run gives them as a lever."""
    if hold not in ("step", "linear", "event"):
        raise ModelError(f"a series holds 'step', 'linear' or 'event', not {hold!r}")
    meaning, in_doc = _words(doc)
    return Series(
        name=name, dims=_names(dims), unit=unit, meaning=meaning, source=source or in_doc, where=_place(),
        points=points, hold=hold,
    )  # fmt: skip


def _same(value: Any) -> Any:
    return value


__all__: Sequence[str] = (
    "Aux", "Dimension", "Equation", "Flow", "Hold", "Macro", "Parameter", "RESERVED", "Series", "Stock", "Value",
    "Variable", "aux", "flow", "inputs_of", "parameter", "series", "stock",
)  # fmt: skip
