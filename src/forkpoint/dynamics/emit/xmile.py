"""A model as an XMILE file (OASIS XMILE 1.0) for Stella, simlin, PySD and other tools of the field.

::

    text = to_xmile(model)
    text = to_xmile(model, levers={"tariff": 0.2}, stop=2030)

Every element of an array is a variable of its own (``price[vendor=alder, region=north]`` → ``price_alder_north``), as
several tools fail on arrays whose elements have different equations. Parts of an equation that occur more than once
become helper variables (``price_alder_north_part1``). Series, and levers that change over time, are graphical functions
with a point at every time step where they change, so the export runs with the step that it was written for. The
method is Euler's, and numbers are written without e-notation, which not every tool reads.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from forkpoint.dynamics.emit.flows import flow_ends
from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order, uses
from forkpoint.dynamics.emit.unroll import unroll
from forkpoint.dynamics.exchange.formula import canonical
from forkpoint.dynamics.inputs import Grid, gather, initial_values
from forkpoint.dynamics.variables import Flow, Stock
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.variables import Variable

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "=", "ne": "<>"}
FUNCTIONS = {"exp": "EXP", "log": "LN", "sqrt": "SQRT", "sin": "SIN", "cos": "COS", "tan": "TAN", "asin": "ARCSIN",
             "acos": "ARCCOS", "atan": "ARCTAN", "abs": "ABS", "max": "MAX", "min": "MIN"}  # fmt: skip

RESERVED = {
    "abs", "and", "arccos", "arcsin", "arctan", "cos", "counter", "delay", "delay1", "delay3", "delayn", "dt", "else",
    "endval", "exp", "forcst", "forecast", "history", "if", "inf", "init", "initial_time", "int", "integer", "ln",
    "log10", "lookup", "max", "mean", "min", "mod", "normal", "not", "npv", "or", "percent", "pi", "previous", "prod",
    "pulse", "ramp", "random", "rank", "reverse", "round", "safediv", "saveper", "self", "sin", "size", "smth1",
    "smth3", "smthn", "sqrt", "starttime", "stddev", "step", "stoptime", "sum", "tan", "then", "time", "time_step",
    "trend", "uniform", "final_time",
}  # fmt: skip
"""Names that a tool may take for a function or a word of the language."""

SHARED_FROM = 2
"""An expression that occurs at least this often and is no single operation becomes a helper variable."""


def to_xmile(
    model: Model,
    levers: Mapping[str, Any] | None = None,
    start: float | None = None,
    stop: float | None = None,
    step: float | None = None,
) -> str:
    """The text of the file, with ``levers`` in the place of declared values.

    Raises ModelError, naming the function, for what XMILE cannot say.
    """
    return Writer(model, Grid.of(model, start, stop, step), levers or {}).text()


def element_names(model: Model, name: str) -> list[str]:
    """The names in the file of a variable's elements, last dimension fastest."""
    labels = model.labels(name)
    found = []
    for index in np.ndindex(*(len(axis) for axis in labels)):
        parts = [name, *(axis[i] for axis, i in zip(labels, index, strict=True))]
        plain = re.sub(r"[^0-9A-Za-z_]+", "_", "_".join(parts))
        found.append(f"{plain}_value" if plain.casefold() in RESERVED else plain)
    return found


class Writer:
    """Writes one file."""

    def __init__(self, model: Model, grid: Grid, levers: Mapping[str, Any]) -> None:
        self.model, self.grid = model, grid
        self.inputs = gather(model, grid, levers, None)
        self.names = {name: element_names(model, name) for name in model.variables}
        self.taken: dict[str, str] = {}
        """Variables by the names of their elements, as a tool compares names."""
        self.helpers: list[str] = []
        self.check_names()

    def check_names(self) -> None:
        """Raise ModelError where two elements would have one name: case and runs of underscores do not count."""
        for variable, names in self.names.items():
            counts = Counter(map(canonical, names))
            for name in names:
                other = self.taken.setdefault(canonical(name), variable)
                if other != variable or counts[canonical(name)] > 1:
                    raise ModelError(f"'{other}' and '{variable}' would both be called '{name}' in XMILE; rename one")

    def text(self) -> str:
        """The whole file."""
        body = "\n".join(line for name in self.model.variables for line in self.variable(name))
        stop = self.grid.start + self.grid.count * self.grid.step
        name = self.model.name or "model"
        return f"""<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
  <header>
    <name>{escape(name)}</name>
    <vendor>forkpoint</vendor>
    <product version="1.0" lang="en">forkpoint</product>
  </header>
  <sim_specs method="euler" time_units={quoteattr(self.model.time_unit)}>
    <start>{decimal(self.grid.start, name)}</start>
    <stop>{decimal(stop, name)}</stop>
    <dt>{decimal(self.grid.step, name)}</dt>
  </sim_specs>
  <model>
    <variables>
{body}
    </variables>
  </model>
</xmile>
"""

    def variable(self, name: str) -> Iterable[str]:
        """The lines of all elements of a variable, helpers before them."""
        declared = self.model[name]
        formulas = self.formulas(name, declared)
        yield from self.helpers
        self.helpers.clear()
        kind = "stock" if isinstance(declared, Stock) else "flow" if isinstance(declared, Flow) else "aux"
        for element, (own, formula) in enumerate(zip(self.names[name], formulas, strict=True)):
            lines = [formula if formula.startswith("<eqn>") else f"<eqn>{escape(formula)}</eqn>"]
            lines += [f"<{end}>{flow}</{end}>" for end, flow in self.flows_of_stocks.get((name, element), ())]
            yield self.node(kind, own, lines, declared)

    def node(self, kind: str, name: str, lines: list[str], declared: Variable) -> str:
        """One variable element."""
        meaning = declared.meaning + (f" Source: {declared.source}" if declared.source else "")
        if meaning:
            lines = [*lines, f"<doc>{escape(meaning)}</doc>"]
        if declared.unit != "1":
            lines = [*lines, f"<units>{escape(declared.unit)}</units>"]
        inner = "\n".join(f"        {line}" for line in lines)
        return f'      <{kind} name="{name}">\n{inner}\n      </{kind}>'

    @cached_property
    def flows_of_stocks(self) -> dict[tuple[str, int], list[tuple[str, str]]]:
        """For every stock element, its flows and whether they come in or go out."""
        found: dict[tuple[str, int], list[tuple[str, str]]] = {}
        for flow, element, stock, place, sign in flow_ends(self.model):
            end = "inflow" if sign > 0 else "outflow"
            found.setdefault((stock, place), []).append((end, self.names[flow][element]))
        return found

    # --- formulas -----------------------------------------------------------------------------------------------------

    def formulas(self, name: str, declared: Variable) -> list[str]:
        """The formula of every element: of a stock, that of its initial value."""
        if name in self.inputs.varying:
            rows = np.reshape(self.inputs.varying[name][:, 0], (self.grid.count + 1, -1))
            return [self.table(rows[:, element], name) for element in range(rows.shape[1])]
        if name in self.inputs.fixed:
            return [decimal(value, name) for value in np.ravel(self.inputs.fixed[name])]
        if isinstance(declared, Stock) and declared.function is None:
            return [decimal(value, name) for value in np.ravel(initial_values(self.model, {}, 0)[name])]
        roots = unroll(self.model, self.model.equation(name), Graph())
        return self.written(name, roots)

    def table(self, values: Any, name: str) -> str:
        """A graphical function of time with a point wherever the slope changes."""
        times = self.grid.times
        bends = np.ones(len(values), dtype=bool)
        if len(values) > 2:
            bends[1:-1] = ~((values[1:-1] == values[:-2]) & (values[1:-1] == values[2:]))
        xs, ys = times[bends], values[bends]
        if len(xs) < 2:
            return decimal(values[0], name)
        low, high = decimal(min(ys), name), decimal(max(ys), name)
        return (
            f'<eqn>TIME</eqn>\n        <gf>\n          <yscale min="{low}" max="{high}"/>\n'
            f"          <xpts>{','.join(decimal(x, name) for x in xs)}</xpts>\n"
            f"          <ypts>{','.join(decimal(y, name) for y in ys)}</ypts>\n        </gf>"
        )

    def written(self, name: str, roots: list[Symbol]) -> list[str]:
        """Formulas of the elements; shared parts become helper variables."""
        counts = uses(roots)
        known: dict[int, str] = {}
        owner = self.names[name][0] if len(roots) == 1 else f"{name}"
        for symbol in in_order(roots):
            shared = counts[id(symbol)] >= SHARED_FROM and not symbol.is_truth
            if shared and any(operand.operands for operand in symbol.operands):
                formula = self.expression(symbol, known, name)
                helper = self.helper_name(owner, len(known) + 1)
                known[id(symbol)] = helper
                self.helpers.append(
                    f'      <aux name="{helper}">\n        <eqn>{escape(formula)}</eqn>\n'
                    f"        <doc>Part of {escape(name)}.</doc>\n      </aux>"
                )
        return [self.expression(root, known, name) for root in roots]

    def helper_name(self, owner: str, count: int) -> str:
        """A name for a shared part that no variable has."""
        name = f"{owner}_part{count}"
        while canonical(name) in self.taken:
            name += "x"
        return name

    def expression(self, symbol: Symbol, known: Mapping[int, str], name: str) -> str:
        """XMILE of a number. Raises ModelError, naming the function, for an operation that XMILE lacks."""
        if id(symbol) in known:
            return known[id(symbol)]
        operation = symbol.operation
        if symbol.is_truth:
            return f"( IF {self.condition(symbol, known, name)} THEN 1 ELSE 0 )"
        if operation == "constant":
            text = decimal(symbol.number, name)
            return f"({text})" if text.startswith("-") else text
        if operation == "input":
            return self.reference(symbol)
        if operation == "select":
            condition = self.condition(symbol.operands[0], known, name)
            yes, no = (self.expression(operand, known, name) for operand in symbol.operands[1:])
            return f"( IF {condition} THEN {yes} ELSE {no} )"
        parts = [self.expression(operand, known, name) for operand in symbol.operands]
        if operation in INFIX:
            return f"({parts[0]} {INFIX[operation]} {parts[1]})"
        if operation in FUNCTIONS:
            return f"{FUNCTIONS[operation]}({', '.join(parts)})"
        return self.spelt_out(operation, parts, name)

    def spelt_out(self, operation: str, parts: list[str], name: str) -> str:
        """Functions that XMILE lacks, by those it has."""
        x = parts[0]
        match operation:
            case "neg":
                return f"(-{x})"
            case "log1p":
                return f"LN(1 + {x})"
            case "expm1":
                return f"(EXP({x}) - 1)"
            case "tanh":
                return f"(1 - 2 / (EXP(2 * {x}) + 1))"
            case "sinh":
                return f"((EXP({x}) - EXP(-{x})) / 2)"
            case "cosh":
                return f"((EXP({x}) + EXP(-{x})) / 2)"
            case "floor":
                # Tools differ in whether INT of a negative number goes down or towards zero.
                return f"(INT({x}) - ( IF INT({x}) > {x} THEN 1 ELSE 0 ))"
            case "ceil":
                return f"(INT({x}) + ( IF INT({x}) < {x} THEN 1 ELSE 0 ))"
            case "rem":
                y = parts[1]
                whole = f"INT(ABS({x} / {y}))"
                return f"({x} - {y} * ( IF {x} / {y} < 0 THEN (-{whole}) ELSE {whole} ))"
        raise ModelError(f"{self.model[name].label} cannot be written as XMILE: it uses '{operation}'")

    def condition(self, symbol: Symbol, known: Mapping[int, str], name: str) -> str:
        """XMILE of a truth value."""
        operation = symbol.operation
        if operation in COMPARISONS and not any(operand.is_truth for operand in symbol.operands):
            left, right = (self.expression(operand, known, name) for operand in symbol.operands)
            return f"({left} {COMPARISONS[operation]} {right})"
        if operation in ("and", "or", "not"):
            parts = [self.condition(operand, known, name) for operand in symbol.operands]
            return f"(NOT {parts[0]})" if operation == "not" else f"({parts[0]} {operation.upper()} {parts[1]})"
        if operation in ("true", "false"):
            return "(1 = 1)" if operation == "true" else "(1 = 0)"
        raise ModelError(f"{self.model[name].label} cannot be written as XMILE: it compares truth values")

    def reference(self, symbol: Symbol) -> str:
        """The name of a variable's element, or of the clock."""
        if symbol.variable == "time":
            return "TIME"
        if symbol.variable == "time_step":
            return decimal(self.grid.step, "time_step")
        return self.names[symbol.variable][symbol.element]


def decimal(value: float, name: str) -> str:
    """A number with all its digits and without e-notation. Raises ModelError for one that is not finite."""
    value = float(value)
    if not math.isfinite(value):
        raise ModelError(f"'{name}' cannot be written as XMILE: it holds {value}")
    return format(Decimal(repr(value)), "f").removesuffix(".0")
