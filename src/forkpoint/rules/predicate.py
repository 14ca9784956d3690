"""A clause's condition: a small expression over named facts, answered yes, no or unknown.

The same expression works on one case (floats, bools, words) and on many (NumPy arrays of them): every answer is a
pair *surely* / *possibly*, combined with ``&``, ``|`` and ``^`` only. Nothing here knows a paragraph of law.

    tpp >= 1600 and performance_density >= 5.92
    destination in ['CN', 'MO'] and not datacenter
    dram_bw_gbs + interconnect_bw_gbs >= 1700
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from forkpoint.errors import InputError, UnknownName


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity that lies between ``low`` and ``high``; NaN is undefined, which no line is above or below."""

    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class Truth:
    """A yes/no fact: ``surely`` true, ``possibly`` true. Unknown is (False, True)."""

    surely: Any
    possibly: Any


@dataclass(frozen=True, slots=True)
class Word:
    """A fact that is a name, such as a country; unknown where ``unknown`` says so."""

    value: Any
    unknown: Any = False


Fact = Number | Truth | Word
YES, NO, UNKNOWN = Truth(True, True), Truth(False, False), Truth(False, True)

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.Lt: operator.lt,
}
_MIRROR: dict[type[ast.cmpop], ast.cmpop] = {
    ast.GtE: ast.LtE(),
    ast.Gt: ast.Lt(),
    ast.LtE: ast.GtE(),
    ast.Lt: ast.Gt(),
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def truth(value: bool | None) -> Truth:
    """The Truth of a Python bool, None being unknown."""
    return UNKNOWN if value is None else (YES if value else NO)


def word(value: str | None) -> Word:
    """The Word of a name, None being unknown."""
    return Word(value or "", value is None)


def exactly(value: float) -> Number:
    """A quantity known exactly."""
    return Number(value, value)


class Predicate:
    """One condition, parsed when it is first asked: most clauses are not in force on the day of a question.

    ``tree`` and ``names`` raise InputError where the text is no expression of this small language.
    """

    def __init__(self, text: str, where: str = "condition") -> None:
        self.text, self._where = " ".join(text.split()), where

    @cached_property
    def tree(self) -> ast.expr:
        """The condition as a syntax tree."""
        return _parse(self.text, self._where)

    @cached_property
    def names(self) -> frozenset[str]:
        """The facts that the condition asks for."""
        return frozenset(n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name))

    def __call__(self, facts: Mapping[str, Fact]) -> Truth:
        """Whether the condition holds. Raises UnknownName for a fact that ``facts`` lacks."""
        answer = _evaluate(self.tree, facts)
        if not isinstance(answer, Truth):
            raise InputError(f"'{self.text}' is a quantity, not a condition")
        return answer

    def margin(self, facts: Mapping[str, Fact]) -> float | None:
        """Signed relative distance to the line for a case without unknowns: positive = not met by so much.

        A limb of *and* that is furthest from being met decides, of *or* the nearest. None where a fact that is no
        number decides.
        """
        distance = _margin(self.tree, facts)
        return distance if math.isfinite(distance) else None

    def unsettled(self, facts: Mapping[str, Fact]) -> set[str]:
        """The facts whose being unknown keeps the answer open."""
        answer = self(facts)
        if answer.surely or not answer.possibly:
            return set()
        return _unsettled(self.tree, facts)


@cache
def _parse(text: str, where: str) -> ast.expr:
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{where}: '{text[:80]}' is not a condition") from error
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise InputError(f"{where}: '{text[:80]}' uses {type(node).__name__}, which conditions do not have")
    return tree


_ALLOWED = (
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.Compare,
    ast.GtE,
    ast.Gt,
    ast.LtE,
    ast.Lt,
    ast.Eq,
    ast.NotEq,
    ast.In,
    ast.NotIn,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
)


def _evaluate(node: ast.expr, facts: Mapping[str, Fact]) -> Fact:
    match node:
        case ast.BoolOp(op=op, values=values):
            answers = [_as_truth(v, facts) for v in values]
            result = answers[0]
            for answer in answers[1:]:
                if isinstance(op, ast.And):
                    result = Truth(result.surely & answer.surely, result.possibly & answer.possibly)
                else:
                    result = Truth(result.surely | answer.surely, result.possibly | answer.possibly)
            return result
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _as_truth(operand, facts)
            return Truth(inner.possibly ^ True, inner.surely ^ True)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = _as_number(operand, facts)
            return Number(-number.high, -number.low)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compare(left, ops, comparators, facts)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _as_number(left, facts), _as_number(right, facts)
            if isinstance(op, ast.Sub):
                return Number(a.low - b.high, a.high - b.low)
            apply = _ARITHMETIC[type(op)]
            return Number(apply(a.low, b.low), apply(a.high, b.high))
        case ast.Name(id=name):
            if name not in facts:
                raise UnknownName("fact", name, facts)
            return facts[name]
        case ast.Constant(value=value):
            if isinstance(value, bool):
                return truth(value)
            if isinstance(value, int | float):
                return exactly(float(value))
            return Word(value)
    raise InputError(f"'{ast.unparse(node)}' is not part of a condition")


def _compare(left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr], facts: Mapping[str, Fact]) -> Truth:
    result = YES
    for op, right in zip(ops, comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            answer = _membership(left, right, facts)
        elif isinstance(op, ast.Eq | ast.NotEq):
            answer = _equal(_evaluate(left, facts), _evaluate(right, facts))
        else:
            compare = _COMPARE[type(op)]
            a, b = _as_number(left, facts), _as_number(right, facts)
            if isinstance(op, ast.GtE | ast.Gt):
                answer = Truth(compare(a.low, b.high), compare(a.high, b.low))
            else:
                answer = Truth(compare(a.high, b.low), compare(a.low, b.high))
        if isinstance(op, ast.NotIn | ast.NotEq):
            answer = Truth(answer.possibly ^ True, answer.surely ^ True)
        result = Truth(result.surely & answer.surely, result.possibly & answer.possibly)
        left = right
    return result


def _membership(left: ast.expr, right: ast.expr, facts: Mapping[str, Fact]) -> Truth:
    if not isinstance(right, ast.List | ast.Tuple):
        raise InputError(f"'{ast.unparse(right)}' is not a list")
    found = NO
    for element in right.elts:
        answer = _equal(_evaluate(left, facts), _evaluate(element, facts))
        found = Truth(found.surely | answer.surely, found.possibly | answer.possibly)
    return found


def _equal(a: Fact, b: Fact) -> Truth:
    if not (isinstance(a, Word) and isinstance(b, Word)):
        raise InputError("only words are compared with == and 'in'; numbers have lines")
    same, unknown = a.value == b.value, a.unknown | b.unknown
    return Truth(same & (unknown ^ True), same | unknown)


def _as_truth(node: ast.expr, facts: Mapping[str, Fact]) -> Truth:
    value = _evaluate(node, facts)
    if not isinstance(value, Truth):
        raise InputError(f"'{ast.unparse(node)}' is not a yes/no fact")
    return value


def _as_number(node: ast.expr, facts: Mapping[str, Fact]) -> Number:
    value = _evaluate(node, facts)
    if not isinstance(value, Number):
        raise InputError(f"'{ast.unparse(node)}' is not a number")
    return value


def _margin(node: ast.expr, facts: Mapping[str, Fact]) -> float:
    match node:
        case ast.BoolOp(op=connective, values=values):
            parts = [_margin(v, facts) for v in values]
            return max(parts) if isinstance(connective, ast.And) else min(parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return -_margin(operand, facts)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            parts = []
            for op, right in zip(ops, comparators, strict=True):
                parts.append(_line_margin(left, op, right, facts))
                left = right
            return max(parts)
    answer = _as_truth(node, facts)
    return -math.inf if answer.surely else math.inf


def _line_margin(left: ast.expr, op: ast.cmpop, right: ast.expr, facts: Mapping[str, Fact]) -> float:
    if type(op) not in _COMPARE:
        answer = _compare(left, [op], [right], facts)
        return -math.inf if answer.surely else math.inf
    a, b = _as_number(left, facts), _as_number(right, facts)
    # A lower bound names the limit on its left (1600 <= tpp); the line is the side that is a constant.
    if isinstance(left, ast.Constant):
        a, b, op = b, a, _flipped(op)
    line = b.low
    if not (a.low == a.high and math.isfinite(a.low) and line):
        return math.inf
    away = float((line - a.low) / abs(line))
    return away if isinstance(op, ast.GtE | ast.Gt) else -away


def _flipped(op: ast.cmpop) -> ast.cmpop:
    return _MIRROR[type(op)]


def _unsettled(node: ast.expr, facts: Mapping[str, Fact]) -> set[str]:
    """Names below those limbs that are themselves open."""
    if isinstance(node, ast.BoolOp):
        open_limbs = [v for v in node.values if _is_open(_as_truth(v, facts))]
        return set().union(*(_unsettled(v, facts) for v in open_limbs))
    if isinstance(node, ast.UnaryOp):
        return _unsettled(node.operand, facts)
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_open(facts[n.id])}


def _is_open(fact: Fact) -> bool:
    match fact:
        case Number(low=low, high=high):
            return bool(low != high)
        case Truth(surely=surely, possibly=possibly):
            return bool(surely != possibly)
        case Word(unknown=unknown):
            return bool(unknown)
