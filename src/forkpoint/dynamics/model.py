"""A model: sectors of declared variables, checked and put in order.

::

    from forkpoint.dynamics import Model
    import supply, demand                                  # modules with decorated functions: the sectors

    model = Model(supply, demand, dimensions=(region, vendor), start=2019.0, stop=2036.0, step=0.25)
    result = model.run(levers={"licence_fee": 0.25})       # NumPy, nothing to compile
    result["unit_cost"]                                    # array (time, region, vendor)
    model.run(draws={"learning_rate": samples}, engine="llvm")     # compiled: for many draws

A sector is a module, a mapping from name to declaration, a class used as a namespace, or a list of declarations. All
mistakes of a definition are found when the model is built and raise ModelError in words: an unknown input (with the
nearest name), a cycle without a stock (printed), a missing initial value, a dimension that does not fit, a name used
twice. Units are checked by ``model.check_units()``.

Dimensions have one order, that of ``dimensions=``; every declaration must list its own in this order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np

from forkpoint.dynamics.evaluation import BoundEquation, Link, Route, System, Values, view_into
from forkpoint.dynamics.functions import Array, Frame
from forkpoint.dynamics.order import find_cycle, in_order
from forkpoint.dynamics.variables import (
    RESERVED,
    Aux,
    Dimension,
    Equation,
    Flow,
    Macro,
    Parameter,
    Series,
    Stock,
    Variable,
)
from forkpoint.errors import ModelError, UnknownName, nearest

if TYPE_CHECKING:
    from forkpoint.dynamics.trajectory import State, Trajectory

T = TypeVar("T")
Sector: TypeAlias = "ModuleType | Mapping[str, Any] | type | Iterable[Variable]"


class Model:
    """Variables by name, in declared order, with all worked out that a run needs. Not to be changed after building."""

    def __init__(
        self,
        *sectors: Sector,
        dimensions: Sequence[Dimension] = (),
        time_unit: str = "year",
        units: Sequence[str] = (),
        name: str = "",
        start: float | None = None,
        stop: float | None = None,
        step: float | None = None,
    ) -> None:
        self.name, self.time_unit, self.units = name, time_unit, tuple(units)
        self.start, self.stop, self.step_length = start, stop, step
        self.dimensions = {d.name: d for d in dimensions}
        if len(self.dimensions) != len(dimensions):
            raise ModelError(f"two dimensions have the same name among {[d.name for d in dimensions]}")
        self.redirects: dict[str, str] = {}
        self.variables: dict[str, Variable] = self._expand(_collect(sectors))
        for variable in self.variables.values():
            self._check(variable)
        self.order = self._order()
        self.initial_order = self._initial_order()
        self._systems: dict[int, System] = {}
        self._compiled: dict[Any, Any] = {}
        self._declared: Values = {}
        self._try()

    # --- looking things up -------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Variable:
        if name not in self.variables:
            raise UnknownName("variable", name, self.variables, where=f"model {self.name}".strip())
        return self.variables[name]

    def __contains__(self, name: object) -> bool:
        return name in self.variables

    def __repr__(self) -> str:
        counts = {kind: sum(v.kind == kind for v in self.variables.values()) for kind in
                  ("stock", "flow", "aux", "parameter", "series")}  # fmt: skip
        listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return f"Model({self.name or 'unnamed'}: {listed})"

    def of(self, kind: type[Variable]) -> dict[str, Any]:
        """The variables of one kind: ``model.of(Stock)``."""
        return {name: v for name, v in self.variables.items() if isinstance(v, kind)}

    @cached_property
    def stocks(self) -> dict[str, Stock]:
        """The stocks."""
        return self.of(Stock)

    @cached_property
    def flows(self) -> dict[str, Flow]:
        """The flows."""
        return self.of(Flow)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters."""
        return self.of(Parameter)

    @cached_property
    def series(self) -> dict[str, Series]:
        """The exogenous series."""
        return self.of(Series)

    def shape(self, name: str) -> tuple[int, ...]:
        """Lengths of a variable's dimensions."""
        return tuple(len(self.dimensions[d]) for d in self[name].dims)

    def labels(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Labels along a variable's dimensions."""
        return tuple(self.dimensions[d].labels for d in self[name].dims)

    def destination(self, flow: str, end: str) -> tuple[str, dict[str, str]] | None:
        """The stock at one end ("into", "outof") of a flow and labels fixed there: ``("fleet", {"age": "new"})``."""
        target: str | None = getattr(self[flow], end)
        if target is None:
            return None
        stock, _, subscripts = target.partition("[")
        fixed = dict(part.split("=") for part in subscripts.rstrip("]").split(",") if part)
        return self.redirects.get(stock.strip(), stock.strip()), {k.strip(): v.strip() for k, v in fixed.items()}

    def links(self, *, initial: bool = False) -> list[Link]:
        """All links (input, variable), a flow's into its stocks included; ``initial``: also into initial values."""
        found = [(i, v.name) for v in self.variables.values() if isinstance(v, Aux | Flow) for i in v.inputs]
        for name in self.flows:
            found += [(name, at[0]) for end in ("into", "outof") if (at := self.destination(name, end))]
        if initial:
            found += [(i, v.name) for v in self.stocks.values() for i in v.inputs]
        return list(dict.fromkeys(found))

    def graph(self, *, initial: bool = False) -> Any:
        """The links as a networkx DiGraph; nodes carry kind, sector and unit. Raises MissingExtra without networkx."""
        from forkpoint.dynamics.extras import load

        graph = load("networkx").DiGraph()
        for v in self.variables.values():
            graph.add_node(v.name, kind=v.kind, sector=v.sector, unit=v.unit)
        graph.add_edges_from(link for link in self.links(initial=initial) if link[0] not in RESERVED)
        return graph

    # --- evaluating and running --------------------------------------------------------------------------------------

    def compiled(self, key: Hashable, make: Callable[[], T]) -> T:
        """What an engine made of this model for all runs of one shape; it lives as long as the model."""
        if key not in self._compiled:
            self._compiled[key] = make()
        return cast(T, self._compiled[key])

    def system(self, trailing: int = 0) -> System:
        """The equations bound to their axes, without (0) or with (1) a draw axis behind."""
        if trailing not in self._systems:
            self._systems[trailing] = self._bind(trailing)
        return self._systems[trailing]

    def equation(self, name: str, trailing: int = 0) -> BoundEquation:
        """One equation as a function of a mapping of values; for a stock, its initial value's."""
        variable = self[name]
        if not isinstance(variable, Equation) or variable.function is None:
            raise ModelError(f"{variable.label} has no equation")
        used = {d for i in variable.inputs if i not in RESERVED for d in self.variables[i].dims} | set(variable.dims)
        dims = tuple(d for d in self.dimensions if d in used)
        frame = Frame(dims, tuple(self.dimensions[d].labels for d in dims), trailing)
        views = tuple(view_into(self.variables[i].dims if i not in RESERVED else (), dims) for i in variable.inputs)
        return BoundEquation(name, variable.label, variable.function, variable.inputs, views, frame, variable.dims)

    def inputs(self, levers: Mapping[str, Any] | None = None) -> Values:
        """Values of all parameters as arrays, with ``levers`` put in their place. Raises UnknownName, InputError."""
        from forkpoint.dynamics.inputs import parameter_values

        return parameter_values(self, levers or {})

    def run(
        self,
        levers: Mapping[str, Any] | None = None,
        start: float | None = None,
        stop: float | None = None,
        step: float | None = None,
        **options: Any,
    ) -> Trajectory:
        """Run the model; see :func:`forkpoint.dynamics.simulate.run` for all options."""
        from forkpoint.dynamics.simulate import run

        return run(self, levers, start, stop, step, **options)

    def initial_state(self, levers: Mapping[str, Any] | None = None, **options: Any) -> State:
        """The stocks at the start of a run with these levers."""
        from forkpoint.dynamics.simulate import initial_state

        return initial_state(self, levers, **options)

    def check_units(self) -> None:
        """Raise ModelError listing every equation whose units do not balance; see :mod:`forkpoint.dynamics.units`."""
        from forkpoint.dynamics.units import check_units

        check_units(self)

    # --- building ----------------------------------------------------------------------------------------------------

    def _expand(self, declared: dict[str, Variable]) -> dict[str, Variable]:
        expanded: dict[str, Variable] = {}
        for name, variable in declared.items():
            if not isinstance(variable, Macro):
                _add(expanded, variable)
                continue
            for part in variable.expand(name, declared):
                _add(expanded, part.named(name, variable.sector))
            self.redirects[name] = variable.entry.format(name=name)
        return expanded

    def _check(self, variable: Variable) -> None:
        for dim in variable.dims:
            if dim not in self.dimensions:
                raise ModelError(
                    f"{variable.label} is declared over '{dim}', which is no dimension of the model "
                    f"({_list(self.dimensions)}){_hint(dim, self.dimensions)}"
                )
        ordered = tuple(d for d in self.dimensions if d in variable.dims)
        if ordered != variable.dims:
            raise ModelError(
                f"{variable.label} lists its dimensions as ({', '.join(variable.dims)}); "
                f"the model's order is ({', '.join(ordered)})"
            )
        if isinstance(variable, Stock) and variable.function is None and variable.initial is None:
            raise ModelError(f"{variable.label} has no initial value")
        if isinstance(variable, Equation):
            for name in variable.inputs:
                if name not in self.variables and name not in RESERVED:
                    raise ModelError(
                        f"{variable.label} needs '{name}', which no variable of the model is called"
                        f"{_hint(name, [*self.variables, *RESERVED])}"
                    )
        if isinstance(variable, Flow):
            for end in ("into", "outof"):
                self._check_end(variable, end)

    def _check_end(self, variable: Flow, end: str) -> None:
        found = self.destination(variable.name, end)
        if found is None:
            return
        name, fixed = found
        stock = self.variables.get(name)
        if not isinstance(stock, Stock):
            what = f"a {stock.kind}" if stock else "unknown"
            raise ModelError(f"{variable.label}: {end}='{name}' is {what}, not a stock{_hint(name, self.stocks)}")
        for dim, label in fixed.items():
            if dim not in stock.dims or dim in variable.dims or label not in self.dimensions[dim].labels:
                raise ModelError(
                    f"{variable.label}: {end}='{getattr(variable, end)}' must name a label of a dimension that "
                    f"{stock.label} has and the flow lacks"
                )
        for dim in stock.dims:
            if dim not in variable.dims and dim not in fixed:
                raise ModelError(
                    f"{variable.label} has no dimension '{dim}', so it must say which label of {stock.label} it goes "
                    f"{'to' if end == 'into' else 'out of'}: {end}='{name}[{dim}={self.dimensions[dim].labels[0]}]'"
                )

    def _order(self) -> tuple[str, ...]:
        """Auxiliaries and flows so that inputs come first. Raises ModelError printing a cycle without a stock."""
        needs = {v.name: [i for i in v.inputs if isinstance(self.variables.get(i), Aux | Flow)]
                 for v in self.variables.values() if isinstance(v, Aux | Flow)}  # fmt: skip
        ordered = in_order(needs)
        if ordered is None:
            cycle = " → ".join(find_cycle(needs))
            raise ModelError(f"a cycle without a stock in it: {cycle}; one of them must be a stock or a delay")
        return ordered

    def _initial_order(self) -> tuple[str, ...]:
        """What initial values need, in order: stocks, auxiliaries and flows."""
        needs = {v.name: [i for i in v.inputs if isinstance(self.variables.get(i), Equation)]
                 for v in self.variables.values() if isinstance(v, Equation)}  # fmt: skip
        wanted, queue = set(self.stocks), list(self.stocks)
        while queue:
            for name in needs[queue.pop()]:
                if name not in wanted:
                    wanted.add(name)
                    queue.append(name)
        ordered = in_order({name: needs[name] for name in self.variables if name in wanted})
        if ordered is None:
            cycle = " → ".join(find_cycle({name: needs[name] for name in self.variables if name in wanted}))
            raise ModelError(f"initial values depend on each other in a circle: {cycle}")
        return ordered

    def _bind(self, trailing: int) -> System:
        equations = {name: self.equation(name, trailing) for name in self.order}
        constant: set[str] = set()
        for name in self.order:
            inputs = equations[name].inputs
            if all(i in constant or isinstance(self.variables.get(i), Parameter) for i in inputs):
                constant.add(name)
        initials = []
        for name in self.initial_order:
            variable = self.variables[name]
            if not (isinstance(variable, Stock) and variable.function is None):
                initials.append(equations[name] if name in equations else self.equation(name, trailing))
        return System(
            constants=tuple(e for e in equations.values() if e.name in constant),
            equations=tuple(e for e in equations.values() if e.name not in constant),
            initials=tuple(initials),
            routes=tuple(self._routes()),
            stocks=tuple(self.stocks),
            trailing=trailing,
        )

    def _routes(self) -> Iterable[Route]:
        for name in self.order:
            for end, sign in (("into", 1.0), ("outof", -1.0)):
                if name not in self.flows or (found := self.destination(name, end)) is None:
                    continue
                stock, fixed = found
                dims, target = self[name].dims, self[stock].dims
                summed = tuple(i - len(dims) for i, d in enumerate(dims) if d not in target)
                placed: Array | None = None
                if fixed:
                    placed = np.ones((1,) * len(target))
                    for dim, label in fixed.items():
                        shape = [1] * len(target)
                        shape[target.index(dim)] = len(self.dimensions[dim])
                        onehot = np.zeros(len(self.dimensions[dim]))
                        onehot[self.dimensions[dim].position(label)] = 1.0
                        placed = placed * onehot.reshape(shape)
                kept = tuple(d for d in dims if d in target)
                yield Route(name, stock, sign, summed, placed, view_into(kept, target))

    def _try(self) -> None:
        """Evaluate every equation once on ones: finds wrong dimensions and misspelt functions while building."""
        with np.errstate(all="ignore"):
            for trailing, tail in ((0, ()), (1, (7,))):
                system = self.system(trailing)
                given: Values = {n: np.ones(self.shape(n) + tail) for n, v in self.variables.items()
                                 if not isinstance(v, Aux | Flow)}  # fmt: skip
                values = system.evaluate({}, given, np.ones(tail), np.ones(tail))
                system.rates(values)
                for equation in system.initials:
                    equation(values)


def _collect(sectors: Sequence[Sector]) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    seen: set[int] = set()
    for sector in sectors:
        title, members = _members(sector)
        for attribute, declared in members:
            if not isinstance(declared, Variable) or id(declared) in seen:
                continue
            seen.add(id(declared))
            _add(found, declared.named(attribute, title))
    return found


def _members(sector: Sector) -> tuple[str, Iterable[tuple[str, Any]]]:
    if isinstance(sector, ModuleType):
        return sector.__name__.rsplit(".", 1)[-1], list(vars(sector).items())
    if isinstance(sector, type):
        return sector.__name__, list(vars(sector).items())
    if isinstance(sector, Mapping):
        return "", list(sector.items())
    if isinstance(sector, Iterable) and not isinstance(sector, str):
        members = list(sector)
        for member in members:
            if not isinstance(member, Variable) or not member.name:
                raise ModelError(f"a list of declarations holds {member!r}, which is no named variable; give name=")
        return "", [(v.name, v) for v in members]
    raise ModelError(f"a sector is a module, class, mapping or list of declarations, not {type(sector).__name__}")


def _add(found: dict[str, Variable], variable: Variable) -> None:
    if variable.name in RESERVED:
        raise ModelError(f"{variable.label}: '{variable.name}' is an input that every model has; choose another name")
    if not variable.name.isidentifier():
        raise ModelError(f"{variable.label}: a name must be a Python identifier")
    if variable.name in found:
        raise ModelError(f"the name '{variable.name}' is used twice: {found[variable.name].label}, {variable.label}")
    found[variable.name] = variable


def _hint(name: str, valid: Iterable[str]) -> str:
    close = nearest(name, valid)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _list(names: Iterable[str]) -> str:
    return "it has: " + (", ".join(names) or "none")
