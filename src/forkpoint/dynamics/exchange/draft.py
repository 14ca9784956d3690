"""A model as another tool's file declares it: arrays not yet spread out, formulas not yet turned into functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from forkpoint.dynamics.exchange.formula import Expression, canonical
from forkpoint.errors import InputError

Kind = Literal["stock", "flow", "aux", "lookup", "data"]

Dialect = Literal["xmile", "vensim"]
"""Whose builtin functions the formulas call: the two give some names different arguments."""


@dataclass(frozen=True)
class Lookup:
    """A graphical function: points with rising x, and what holds between and beyond them.

    ``mode``: "continuous" is linear between the points and level beyond the ends, "extrapolate" goes on with the
    slope of the end segments, "discrete" keeps the last point's y up to the next point.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    mode: Literal["continuous", "extrapolate", "discrete"] = "continuous"


@dataclass(frozen=True)
class Declaration:
    """One equation of a file: a whole variable, or the part of an array that its subscripts name.

    ``formula`` is the value of an auxiliary or flow and the initial value of a stock; ``over`` names the
    dimensions that the subscripts are labels of, where the file says so (XMILE); ``rate`` is the net flow of a
    stock that is written as an integral (Vensim), ``inflows`` and ``outflows`` name its flows (XMILE).
    """

    label: str
    kind: Kind
    formula: Expression | None = None
    subscripts: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    exceptions: tuple[tuple[str, ...], ...] = ()
    rate: Expression | None = None
    inflows: tuple[str, ...] = ()
    outflows: tuple[str, ...] = ()
    lookup: Lookup | None = None
    active_initial: Expression | None = None
    non_negative: bool = False
    unit: str = ""
    meaning: str = ""

    @property
    def name(self) -> str:
        """The canonical name."""
        return canonical(self.label)


@dataclass(frozen=True)
class MacroText:
    """A macro: formal parameters, and the equations that give the variable of the macro's own name."""

    name: str
    parameters: tuple[str, ...]
    declarations: tuple[Declaration, ...]


@dataclass
class Draft:
    """All that a file says: declarations, dimensions (canonical name → labels), clock and macros."""

    file: str
    dialect: Dialect
    declarations: list[Declaration] = field(default_factory=list)
    dimensions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mappings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """(dimension, other dimension) → label of the first → label of the second."""
    labels: dict[str, str] = field(default_factory=dict)
    """Canonical label → the label as written."""
    macros: dict[str, MacroText] = field(default_factory=dict)
    start: float = 0.0
    stop: float = 100.0
    step: float = 1.0
    save_every: float | None = None
    method: Literal["euler", "rk4"] = "euler"

    def add_dimension(self, name: str, labels: list[str]) -> None:
        """Declare a dimension and remember how its labels are written."""
        self.dimensions[canonical(name)] = tuple(canonical(label) for label in labels)
        for label in labels:
            self.labels.setdefault(canonical(label), label)

    def error(self, declaration: Declaration | str, problem: str) -> InputError:
        """An InputError that names the file and the variable."""
        name = declaration if isinstance(declaration, str) else declaration.label
        return InputError(f"{self.file}: '{name}': {problem}")
