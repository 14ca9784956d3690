"""The reverse derivative of scalar expressions: how much a weighted sum of results changes with each input.

Every operation passes the cotangent of its result on to its operands, results first (Griewank & Walther 2008, §3.2).
At a kink (maximum, minimum, absolute value, a choice) the derivative is that of the side taken; that of floor, ceiling
and truth values is zero. What only the other side of a choice needs passes nothing on, even where its own derivative is
infinite (the quotient in ``where(x > 0, a / x, 0)`` at zero).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order
from forkpoint.errors import ModelError

CHOICES = ("select", "max", "min")
SINGULAR = ("div", "log", "log1p", "pow", "sqrt", "exp", "expm1", "tan", "asin", "acos", "sinh", "cosh")
"""Operations whose value or derivative is infinite somewhere."""


def cotangents(
    graph: Graph, weights: Sequence[tuple[Symbol, Symbol]], stop: Sequence[Symbol] = (), *, chosen: bool = False
) -> Mapping[int, Symbol]:
    """Cotangents (by id) of every symbol that ends a path: inputs, and those named in ``stop``.

    ``weights``: results with their own cotangents; ``chosen``: these come from choices, and may be zero for that.
    Raises ModelError for an operation without a derivative.
    """
    found: dict[int, Symbol] = {}
    ends = {id(s) for s in stop}
    order = in_order([result for result, _ in weights])
    guarded = _guarded(order, set() if chosen else {id(result) for result, _ in weights}, ends)
    zero = graph.constant(0.0)

    def pass_on(symbol: Symbol, cotangent: Symbol) -> None:
        known = found.get(id(symbol))
        found[id(symbol)] = cotangent if known is None else graph.apply("add", known, cotangent)

    for result, weight in weights:
        pass_on(result, weight)
    for symbol in reversed(order):
        bar = found.get(id(symbol))
        if bar is None or id(symbol) in ends or symbol.operation == "input" or symbol.is_truth:
            continue
        for operand, cotangent in _passed(graph, symbol, bar):
            if id(symbol) in guarded:
                cotangent = graph.apply("select", graph.apply("ne", bar, zero), cotangent, zero)
            pass_on(operand, cotangent)
    return found


def _guarded(order: Sequence[Symbol], plain: set[int], ends: set[int]) -> set[int]:
    """Symbols (by id) whose derivative may be infinite while their cotangent is zero, as another side is chosen.

    ``plain``: results that are reached without a choice.
    """
    for symbol in reversed(order):
        if id(symbol) in plain and id(symbol) not in ends and symbol.operation not in CHOICES:
            plain |= {id(o) for o in symbol.operands}
    found: set[int] = set()
    for symbol in order:
        if id(symbol) in plain or symbol.operation in CHOICES:
            continue
        divisor = symbol.operands[-1] if symbol.operation == "div" else None
        singular = symbol.operation in SINGULAR and (divisor is None or divisor.operation != "constant")
        if singular or any(id(o) in found for o in symbol.operands):
            found.add(id(symbol))
    return found


def _passed(graph: Graph, symbol: Symbol, bar: Symbol) -> list[tuple[Symbol, Symbol]]:
    """The operands that a result's cotangent reaches, with what reaches them."""
    apply, one = graph.apply, graph.constant(1.0)

    def times(a: Symbol, b: Symbol) -> Symbol:
        return apply("mul", a, b)

    if symbol.operation in ("constant", "floor", "ceil"):
        return []
    if symbol.operation == "select":
        which, yes, no = symbol.operands
        zero = graph.constant(0.0)
        return [(yes, apply("select", which, bar, zero)), (no, apply("select", which, zero, bar))]
    a, b = symbol.operands[0], symbol.operands[-1]
    match symbol.operation:
        case "add":
            return [(a, bar), (b, bar)]
        case "sub":
            return [(a, bar), (b, apply("neg", bar))]
        case "mul":
            return [(a, times(bar, b)), (b, times(bar, a))]
        case "div":
            share = apply("div", bar, b)
            return [(a, share), (b, apply("neg", times(share, symbol)))]
        case "neg":
            return [(a, apply("neg", bar))]
        case "max" | "min":
            left = apply("ge" if symbol.operation == "max" else "le", a, b)
            zero = graph.constant(0.0)
            return [(a, apply("select", left, bar, zero)), (b, apply("select", left, zero, bar))]
        case "abs":
            return [(a, apply("select", apply("lt", a, graph.constant(0.0)), apply("neg", bar), bar))]
        case "pow":
            return _power(graph, symbol, bar)
        case "exp":
            return [(a, times(bar, symbol))]
        case "expm1":
            return [(a, times(bar, apply("add", symbol, one)))]
        case "log":
            return [(a, apply("div", bar, a))]
        case "log1p":
            return [(a, apply("div", bar, apply("add", one, a)))]
        case "sqrt":
            return [(a, apply("div", times(bar, graph.constant(0.5)), symbol))]
        case "tanh":
            return [(a, times(bar, apply("sub", one, times(symbol, symbol))))]
        case "sin":
            return [(a, times(bar, apply("cos", a)))]
        case "cos":
            return [(a, apply("neg", times(bar, apply("sin", a))))]
        case "tan":
            return [(a, times(bar, apply("add", one, times(symbol, symbol))))]
        case "atan":
            return [(a, apply("div", bar, apply("add", one, times(a, a))))]
        case "asin" | "acos":
            slope = apply("div", bar, apply("sqrt", apply("sub", one, times(a, a))))
            return [(a, slope if symbol.operation == "asin" else apply("neg", slope))]
        case "sinh":
            return [(a, times(bar, apply("cosh", a)))]
        case "cosh":
            return [(a, times(bar, apply("sinh", a)))]
    raise ModelError(f"the model has no derivative: it uses '{symbol.operation}'")


def _power(graph: Graph, symbol: Symbol, bar: Symbol) -> list[tuple[Symbol, Symbol]]:
    """Base: b a^(b − 1), zero where b is, and where the base is with b below one, as the slope there has no bound;
    exponent: a^b ln a, zero where the base is not positive.
    """
    apply = graph.apply
    a, b = symbol.operands
    zero, one = graph.constant(0.0), graph.constant(1.0)
    slope = apply("mul", b, apply("pow", a, apply("sub", b, one)))
    if b.operation != "constant":
        slope = apply("select", apply("ne", b, zero), slope, zero)
    if b.operation != "constant" or b.number < 1:
        at_zero = apply("select", apply("lt", b, one), zero, slope)
        slope = apply("select", apply("eq", a, zero), at_zero, slope)
    found = [(a, apply("mul", bar, slope))]
    if b.operation != "constant":
        positive = apply("gt", a, zero)
        logarithm = apply("log", apply("select", positive, a, one))
        found.append((b, apply("mul", bar, apply("mul", symbol, logarithm))))
    return found
