"""Scalar expressions as a graph with shared parts: what the emitters write out as code.

Equal expressions are one object (a `Graph` keeps them), constants fold, and arithmetic with 0 and 1 that changes
nothing disappears. Truth values are symbols too; `TRUTHS` names the operations that give them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

TRUTHS = {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "true", "false"}

Value: TypeAlias = float | bool


@dataclass(frozen=True, eq=False, slots=True)
class Symbol:
    """One operation with its operands; ``constant`` for a number, ``input`` for one element of a variable."""

    operation: str
    operands: tuple[Symbol, ...] = ()
    number: float = 0.0
    variable: str = ""
    element: int = 0

    @property
    def is_truth(self) -> bool:
        """Whether it is a truth value and no number."""
        return self.operation in TRUTHS


FOLD: dict[str, Callable[..., Value]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "neg": lambda a: -a, "pow": lambda a, b: a**b, "max": max, "min": min, "exp": math.exp, "log": math.log,
    "log1p": math.log1p, "expm1": math.expm1, "sqrt": math.sqrt, "tanh": math.tanh, "sin": math.sin, "cos": math.cos,
    "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan, "sinh": math.sinh, "cosh": math.cosh,
    "abs": abs, "floor": math.floor, "ceil": math.ceil, "rem": math.fmod,
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
}  # fmt: skip


@dataclass
class Graph:
    """Keeps every expression once."""

    kept: dict[tuple[object, ...], Symbol] = field(default_factory=dict)

    def constant(self, value: float | bool) -> Symbol:
        """A number, or a truth value."""
        if isinstance(value, bool):
            return self.keep(("true" if value else "false",), Symbol("true" if value else "false"))
        number = float(value)
        return self.keep(("constant", number, math.copysign(1.0, number)), Symbol("constant", number=number))

    def input(self, variable: str, element: int = 0) -> Symbol:
        """One element of a variable."""
        return self.keep(("input", variable, element), Symbol("input", variable=variable, element=element))

    def keep(self, key: tuple[object, ...], symbol: Symbol) -> Symbol:
        """The first symbol kept under this key."""
        return self.kept.setdefault(key, symbol)

    def apply(self, operation: str, *operands: Symbol) -> Symbol:
        """An operation on operands, simplified where that changes no result."""
        simple = self.simplified(operation, operands)
        if simple is not None:
            return simple
        return self.keep((operation, *map(id, operands)), Symbol(operation, operands))

    def simplified(self, operation: str, operands: tuple[Symbol, ...]) -> Symbol | None:
        """A simpler symbol of the same value, if there is one."""
        if operation in FOLD and all(o.operation == "constant" for o in operands):
            try:
                return self.constant(FOLD[operation](*(o.number for o in operands)))
            except (ArithmeticError, TypeError, ValueError):  # TypeError: a complex power
                return None
        first, last = operands[0], operands[-1]
        match operation:
            case "mul" if is_number(first, 1.0):
                return last
            case "mul" | "div" if is_number(last, 1.0):
                return first
            case "add" if is_number(first, 0.0):
                return last
            case "add" | "sub" if is_number(last, 0.0):
                return first
            case "pow" if is_number(last, 1.0):
                return first
            case "neg" if first.operation == "neg":
                return first.operands[0]
            case "select" if first.operation in ("true", "false"):
                return operands[1] if first.operation == "true" else operands[2]
            case "select" if operands[1] is operands[2]:
                return operands[1]
            case "not" if first.operation in ("true", "false"):
                return self.constant(first.operation == "false")
            case "and" | "or" if first.operation in ("true", "false"):
                decides = first.operation == ("false" if operation == "and" else "true")
                return first if decides else last
        return None

    def number(self, symbol: Symbol) -> Symbol:
        """The symbol as a number: truth becomes 1 or 0."""
        if not symbol.is_truth:
            return symbol
        return self.apply("select", symbol, self.constant(1.0), self.constant(0.0))

    def truth(self, symbol: Symbol) -> Symbol:
        """The symbol as a truth value: a number is true unless it is zero."""
        return symbol if symbol.is_truth else self.apply("ne", symbol, self.constant(0.0))


def is_number(symbol: Symbol, value: float) -> bool:
    """Whether the symbol is this constant."""
    return symbol.operation == "constant" and symbol.number == value


def in_order(roots: Iterable[Symbol], known: Container[int] = ()) -> list[Symbol]:
    """Every symbol below the roots, operands first; those ``known`` (ids) and what only they need are left out."""
    done: dict[int, Symbol] = {}
    for root in roots:
        stack: list[tuple[Symbol, bool]] = [(root, False)]
        while stack:
            symbol, expanded = stack.pop()
            if id(symbol) in done or id(symbol) in known:
                continue
            if expanded:
                done[id(symbol)] = symbol
                continue
            stack.append((symbol, True))
            stack.extend((o, False) for o in reversed(symbol.operands) if id(o) not in done)
    return list(done.values())


def uses(roots: Iterable[Symbol]) -> dict[int, int]:
    """How often each symbol (by id) is an operand or a root."""
    roots = list(roots)
    counts: dict[int, int] = {}
    for symbol in in_order(roots):
        for operand in symbol.operands:
            counts[id(operand)] = counts.get(id(operand), 0) + 1
    for root in roots:
        counts[id(root)] = counts.get(id(root), 0) + 1
    return counts
