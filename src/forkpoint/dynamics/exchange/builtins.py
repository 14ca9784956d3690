"""Builtin functions without memory: how each is called in the Python of an equation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

from forkpoint.dynamics.exchange.draft import Lookup
from forkpoint.dynamics.exchange.formula import Binary, Call, Expression, Name, Number, Unary
from forkpoint.errors import InputError

SHARED: dict[tuple[str, int], str] = {
    ("abs", 1): "f.absolute({0})", ("exp", 1): "f.exp({0})", ("ln", 1): "f.log({0})", ("sqrt", 1): "f.sqrt({0})",
    ("log10", 1): "r.log10({0})", ("sin", 1): "f.sin({0})", ("cos", 1): "f.cos({0})", ("tan", 1): "r.tan({0})",
    ("arcsin", 1): "r.arcsin({0})", ("arccos", 1): "r.arccos({0})", ("arctan", 1): "r.arctan({0})",
    ("sinh", 1): "r.sinh({0})", ("cosh", 1): "r.cosh({0})", ("tanh", 1): "f.tanh({0})",
    ("min", 2): "f.minimum({0}, {1})", ("max", 2): "f.maximum({0}, {1})", ("pi", 0): "r.circle()",
    ("int", 1): "r.whole({0})", ("integer", 1): "r.whole({0})", ("modulo", 2): "r.remainder({0}, {1})",
    ("mod", 2): "r.remainder({0}, {1})", ("step", 2): "r.step_function({0}, {1}, time, time_step)",
    ("ramp", 2): "r.ramp({0}, {1}, time, time_step)", ("ramp", 3): "r.ramp_until({0}, {1}, {2}, time, time_step)",
    ("zidz", 2): "r.zidz({0}, {1})", ("xidz", 3): "r.xidz({0}, {1}, {2})",
}  # fmt: skip

DIALECTS: dict[str, dict[tuple[str, int], str]] = {
    "xmile": SHARED | {
        ("safediv", 2): "r.safediv({0}, {1})", ("safediv", 3): "r.safediv({0}, {1}, {2})",
        ("pulse", 1): "r.pulse_every_step({0}, time, time_step)",
        ("pulse", 2): "r.pulse_amount({0}, {1}, 0.0, time, time_step)",
        ("pulse", 3): "r.pulse_amount({0}, {1}, {2}, time, time_step)",
        ("ramp", 1): "r.ramp({0}, initial_time, time, time_step)", ("percent", 1): "100.0 * ({0})",
        ("round", 1): "r.whole({0} + 0.5)", ("inf", 0): "float('inf')", ("power", 2): "r.power({0}, {1})",
        ("logn", 1): "f.log({0})",
    },
    "vensim": SHARED | {
        ("pulse", 2): "r.pulse_window({0}, {1}, time, time_step)",
        ("pulse_train", 4): "r.pulse_train({0}, {1}, {2}, {3}, time, time_step)",
        ("log", 2): "r.log_base({0}, {1})", ("quantum", 2): "r.quantum({0}, {1})", ("power", 2): "r.power({0}, {1})",
        ("gamma_ln", 1): "r.log_gamma({0})", ("game", 1): "{0}", ("a_function_of", 1): "{0}",
    },
}  # fmt: skip
"""By dialect: (function, number of arguments) → Python, with the arguments' code in the places of {0}, {1}, …"""

OPERATORS = {"+": "+", "-": "-", "*": "*"}
COMPARISONS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class Coder:
    """Turns scalar formulas into Python expressions over ``f`` (the engine's functions) and ``r`` (the runtime).

    ``identifier`` gives the Python name of a variable; ``tables`` the Python name of a lookup's points.
    """

    def __init__(
        self, dialect: str, identifier: Callable[[str], str], lookups: Mapping[str, Lookup], where: str
    ) -> None:
        self.functions, self.identifier, self.lookups, self.where = DIALECTS[dialect], identifier, lookups, where

    def value(self, formula: Expression) -> str:
        """Python code of a number."""
        match formula:
            case Number(value):
                return repr(value) if isfinite(value) else f"float('{value!r}')"
            case Name(":na:"):
                return "r.MISSING"
            case Name(name):
                return self.identifier(name)
            case Unary("-", operand):
                return f"(-{self.value(operand)})"
            case Unary("not", _) | Binary("and" | "or" | "=" | "<>" | "<" | "<=" | ">" | ">=", _, _):
                return f"f.where({self.condition(formula)}, 1.0, 0.0)"
            case Binary("/", left, right):
                return f"r.quotient({self.value(left)}, {self.value(right)})"
            case Binary("^", left, right):
                return f"r.power({self.value(left)}, {self.value(right)})"
            case Binary("mod", left, right):
                return f"r.remainder({self.value(left)}, {self.value(right)})"
            case Binary(operator, left, right):
                first = self.value(left)
                if isinstance(left, Binary) and (left.operator == operator or {left.operator, operator} == {"+", "-"}):
                    # Python, too, reads such chains from the left; it refuses more than 200 brackets in each other.
                    first = first[1:-1]
                return f"({first} {OPERATORS[operator]} {self.value(right)})"
            case Call(function, arguments, _):
                return self.call(function, arguments)
        raise InputError(f"{self.where}: a text or a range stands where a number is expected")

    def condition(self, formula: Expression) -> str:
        """Python code of a truth value; a number is true unless it is zero."""
        match formula:
            case Unary("not", operand):
                return f"r.negated({self.condition(operand)})"
            case Binary("and", left, right):
                return f"r.both({self.condition(left)}, {self.condition(right)})"
            case Binary("or", left, right):
                return f"r.any_of({self.condition(left)}, {self.condition(right)})"
            case Binary(operator, left, right) if operator in COMPARISONS:
                return f"({self.value(left)} {COMPARISONS[operator]} {self.value(right)})"
        return f"({self.value(formula)} != 0.0)"

    def call(self, function: str, arguments: tuple[Expression, ...]) -> str:
        """Python code of a call. Raises InputError for a function that is not translated, with the nearest."""
        if function in self.lookups and len(arguments) == 1:
            lookup = self.lookups[function]
            return f"r.piecewise({self.value(arguments[0])}, {lookup.xs!r}, {lookup.ys!r}, {lookup.mode!r})"
        if function == "if_then_else" and len(arguments) == 3:
            condition, yes, no = arguments
            return f"f.where({self.condition(condition)}, {self.value(yes)}, {self.value(no)})"
        if function == "lookup_invert" and isinstance(arguments[0], Name) and arguments[0].name in self.lookups:
            lookup = self.lookups[arguments[0].name]
            return f"r.inverse({self.value(arguments[1])}, {lookup.xs!r}, {lookup.ys!r})"
        code = self.functions.get((function, len(arguments)))
        if code is None:
            raise self.unknown(function, len(arguments))
        return code.format(*(self.value(a) for a in arguments))

    def unknown(self, function: str, count: int) -> InputError:
        """The error for a call that has no translation."""
        counts = sorted(n for name, n in self.functions if name == function)
        if counts:
            return InputError(
                f"{self.where}: {function.upper()} takes {' or '.join(map(str, counts))} arguments, got {count}"
            )
        close = get_close_matches(function, {name for name, _ in self.functions}, n=2)
        hint = f"; did you mean {' or '.join(name.upper() for name in close)}?" if close else ""
        return InputError(f"{self.where}: the function {function.upper().replace('_', ' ')} is not translated{hint}")


def namespace() -> dict[str, Any]:
    """The names that generated code may use."""
    from forkpoint.dynamics import functions
    from forkpoint.dynamics.exchange import runtime

    return {"f": functions, "r": runtime}


def evaluate_constant(
    formula: Expression, formula_of: Callable[[str], Expression], dialect: str, lookups: Mapping[str, Lookup]
) -> float:
    """The number that a formula stands for, given those of the names in it. Raises InputError where it needs itself."""
    pending: list[str] = []

    def inline(name: str) -> str:
        if name in pending:
            raise InputError(f"'{name}' must be a constant here")
        pending.append(name)
        code = Coder(dialect, inline, lookups, name).value(formula_of(name))
        pending.pop()
        return code

    code = Coder(dialect, inline, lookups, "constant").value(formula)
    clock = {name: inline(name) for name in ("time", "time_step") if re.search(rf"\b{name}\b", code)}
    return float(eval(code, namespace() | {name: float(eval(value, namespace())) for name, value in clock.items()}))
