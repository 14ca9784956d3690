"""A model as a JavaScript module: ``simulate(levers)`` in straight-line code, no dependency.

::

    text = to_javascript(model, start=2019, stop=2036, step=0.25)

The module exports ``simulate(levers)`` and ``about``. ``levers`` maps parameters to a number, to an array of all
elements (last dimension fastest), or to ``{label: number}`` for one dimension. The result maps ``time`` and every
variable to a Float64Array; element *e* at saved time *n* of a variable with *m* elements stands at ``n * m + e``.
Integration is Euler's method, as in the engine. Series are sampled on the time grid when the module is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.emit.flows import flow_ends
from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order, uses
from forkpoint.dynamics.emit.unroll import unroll
from forkpoint.dynamics.inputs import Grid, gather, initial_values

if TYPE_CHECKING:
    from forkpoint.dynamics.evaluation import BoundEquation
    from forkpoint.dynamics.model import Model

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
         "eq": "===", "ne": "!==", "and": "&&", "or": "||"}  # fmt: skip
FUNCTIONS = {"exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
             "cosh", "abs", "floor", "ceil", "pow", "max", "min"}  # fmt: skip

STATEMENTS_A_FUNCTION = 250
"""Engines optimise functions up to a size; longer code is cut into several."""


def to_javascript(
    model: Model,
    levers: Mapping[str, Any] | None = None,
    start: float | None = None,
    stop: float | None = None,
    step: float | None = None,
) -> str:
    """The text of the module; ``levers`` become its default values. Raises ModelError naming what cannot be written."""
    return Writer(model, Grid.of(model, start, stop, step), levers or {}).module()


class Writer:
    """Writes one module: every element of every variable has a slot in one Float64Array ``v``."""

    def __init__(self, model: Model, grid: Grid, levers: Mapping[str, Any]) -> None:
        self.model, self.grid = model, grid
        self.inputs = gather(model, grid, levers, None)
        self.slots = {"time": 0, "time_step": 1}
        self.size = 2
        for name in model.variables:
            self.slots[name] = self.size
            self.size += self.count(name)

    def count(self, name: str) -> int:
        """Number of elements of a variable."""
        return math.prod(self.model.shape(name))

    def module(self) -> str:
        """The whole text."""
        varying = frozenset(name for name in self.inputs.varying if name in self.model.parameters)
        system = self.model.system().with_varying(varying, frozenset())
        constant = {e.name for e in system.constants}
        initials = [e for e in system.initials if e.name not in constant]
        parts = [
            HEADER.format(name=self.model.name or "model"),
            f"export const about = {json.dumps(self.about(), ensure_ascii=False)};",
            f"const DEFAULTS = {self.defaults()};",
            f"const SLOTS = {json.dumps({n: [s, self.count(n)] for n, s in self.slots.items() if n in self.model})};",
            self.tables(),
            *self.functions("constants", system.constants),
            *self.functions("initials", initials, self.given_initials()),
            *self.functions("equations", system.equations),
            self.integration(),
            RUNNER % {"size": self.size, "start": number(self.grid.start), "step": number(self.grid.step),
                      "count": self.grid.count, "saved": json.dumps(self.saved())},
        ]  # fmt: skip
        return "\n".join(parts)

    def saved(self) -> list[str]:
        """Variables in the result: all but the parameters."""
        return [name for name in self.model.variables if name not in self.model.parameters]

    def about(self) -> dict[str, Any]:
        """What a page needs to label variables and build sliders."""
        described = {}
        for name, variable in self.model.variables.items():
            entry: dict[str, Any] = {
                "kind": variable.kind, "unit": variable.unit, "meaning": variable.meaning, "dims": list(variable.dims),
            }  # fmt: skip
            if variable.source:
                entry["source"] = variable.source
            if name in self.model.parameters:
                entry |= {"low": self.model.parameters[name].low, "high": self.model.parameters[name].high}
            described[name] = entry
        return {
            "name": self.model.name, "time_unit": self.model.time_unit, "start": self.grid.start,
            "step": self.grid.step,
            "steps": self.grid.count, "dimensions": {n: list(d.labels) for n, d in self.model.dimensions.items()},
            "variables": described,
        }  # fmt: skip

    def defaults(self) -> str:
        """Values of the parameters."""
        values = {
            n: list(map(float, np.ravel(self.inputs.fixed[n]))) for n in self.model.parameters if n in self.inputs.fixed
        }
        return "{" + ", ".join(f"{json.dumps(n)}: [{', '.join(map(number, v))}]" for n, v in values.items()) + "}"

    def tables(self) -> str:
        """Series on the time grid, as (step, element)."""
        written = {
            name: np.reshape(value[:, 0], (self.grid.count + 1, -1)) for name, value in self.inputs.varying.items()
        }
        rows = [
            f"  [{self.slots[name]}, {table.shape[1]}, Float64Array.of({', '.join(map(number, table.reshape(-1)))})],"
            for name, table in written.items()
        ]
        return "\n".join(["const TABLES = [", *rows, "];"])

    def given_initials(self) -> list[str]:
        """Assignments of the initial values that are plain numbers."""
        return [
            f"v[{self.slots[name] + index}] = {number(value)};"
            for name, values in initial_values(self.model, {}, 0).items()
            for index, value in enumerate(np.ravel(values))
        ]

    def functions(self, name: str, equations: Iterable[BoundEquation], first: Sequence[str] = ()) -> list[str]:
        """Functions that fill the slots of some equations, and one that calls them in order."""
        chunks: list[list[str]] = [list(first)]
        for equation in equations:
            if len(chunks[-1]) > STATEMENTS_A_FUNCTION:
                chunks.append([])
            chunks[-1] += self.statements(equation)
        texts = []
        for index, lines in enumerate(chunks):
            texts.append("\n".join([f"function {name}{index}(v) {{", *(f"  {line}" for line in lines), "}"]))
        calls = " ".join(f"{name}{index}(v);" for index in range(len(chunks)))
        return [*texts, f"function {name}(v) {{ {calls} }}"]

    def statements(self, equation: BoundEquation) -> list[str]:
        """The assignments of one equation; parts that occur more than once are worked out once."""
        roots = unroll(self.model, equation, Graph())
        names: dict[int, str] = {}
        counts, lines = uses(roots), [f"{{ // {equation.name}"]
        for symbol in in_order(roots):
            if counts[id(symbol)] > 1 and symbol.operands:
                text = self.text(symbol, names)
                names[id(symbol)] = f"t{len(names)}"
                lines.append(f"  const {names[id(symbol)]} = {text};")
        slot = self.slots[equation.name]
        lines += [f"  v[{slot + index}] = {self.text(root, names)};" for index, root in enumerate(roots)]
        return [*lines, "}"]

    def text(self, symbol: Symbol, names: Mapping[int, str]) -> str:
        """JavaScript of a symbol."""
        if id(symbol) in names:
            return names[id(symbol)]
        operation = symbol.operation
        if operation == "constant":
            return number(symbol.number)
        if operation == "input":
            return f"v[{self.slots[symbol.variable] + symbol.element}]"
        parts = [self.text(operand, names) for operand in symbol.operands]
        if operation in INFIX:
            return f"({parts[0]} {INFIX[operation]} {parts[1]})"
        if operation == "pow" and symbol.operands[1].operation == "constant" and symbol.operands[1].number == 2.0:
            return f"({parts[0]} * {parts[0]})" if not symbol.operands[0].operands else f"Math.pow({parts[0]}, 2)"
        if operation in FUNCTIONS:
            return f"Math.{operation}({', '.join(parts)})"
        match operation:
            case "neg":
                return f"(-{parts[0]})"
            case "not":
                return f"(!{parts[0]})"
            case "select":
                return f"({parts[0]} ? {parts[1]} : {parts[2]})"
        return operation

    def integration(self) -> str:
        """The Euler step of every stock element."""
        changes: dict[int, list[str]] = {}
        for flow, element, stock, place, sign in flow_ends(self.model):
            change = f"{'+' if sign > 0 else '-'} v[{self.slots[flow] + element}]"
            changes.setdefault(self.slots[stock] + place, []).append(change)
        lines = [f"  v[{slot}] += v[1] * ({' '.join(terms).removeprefix('+ ')});" for slot, terms in changes.items()]
        return "\n".join(["function integrate(v) {", *lines, "}"])


def number(value: float) -> str:
    """A JavaScript literal."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = repr(value).removesuffix(".0")
    return f"({text})" if text.startswith("-") else text


HEADER = """// {name}, written by forkpoint from the model's own equations. Do not edit: write it anew.
"use strict";"""

RUNNER = """const SAVED = %(saved)s;

function place(v, levers) {
  for (const name in DEFAULTS) v.set(DEFAULTS[name], SLOTS[name][0]);
  for (const name in levers) {
    if (!(name in DEFAULTS)) throw new Error(`no parameter is called '${name}'`);
    const [slot, count] = SLOTS[name];
    const value = levers[name];
    if (typeof value === "number") v.fill(value, slot, slot + count);
    else if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      if (value.length !== count) throw new Error(`'${name}' has ${count} elements, ${value.length} were given`);
      v.set(value, slot);
    } else {
      const labels = about.dimensions[about.variables[name].dims[0]] || [];
      for (const label in value) {
        const at = labels.indexOf(label);
        if (at < 0 || count !== labels.length) throw new Error(`'${name}' has no element called '${label}'`);
        v[slot + at] = value[label];
      }
    }
  }
}

function column(history, size, slot, count) {
  const rows = history.length / size;
  const values = new Float64Array(rows * count);
  for (let n = 0, to = 0; n < rows; n++) {
    for (let e = 0, from = n * size + slot; e < count; e++) values[to++] = history[from++];
  }
  return values;
}

export function simulate(levers = {}) {
  const v = new Float64Array(%(size)d);
  const start = %(start)s, step = %(step)s, steps = %(count)d;
  const history = new Float64Array((steps + 1) * v.length);
  place(v, levers);
  v[1] = step;
  for (let n = 0; n <= steps; n++) {
    v[0] = start + n * step;
    for (const [slot, count, table] of TABLES) {
      for (let e = 0; e < count; e++) v[slot + e] = table[n * count + e];
    }
    if (n === 0) { constants(v); initials(v); }
    equations(v);
    history.set(v, n * v.length);
    if (n < steps) integrate(v);
  }
  const result = { time: column(history, v.length, 0, 1) };
  for (const name of SAVED) result[name] = column(history, v.length, SLOTS[name][0], SLOTS[name][1]);
  return result;
}
"""
