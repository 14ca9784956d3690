"""The reverse derivative of scalar expressions: how much a weighted sum of results changes with each input.

Every operation passes the cotangent of its result on to its operands, results first (Griewank & Walther 2008, §3.2).
At a kink (maximum, minimum, absolute value, a choice) the derivative is that of the side taken; floor and ceiling have
none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forkpoint.dynamics.emit.symbols import Graph, Symbol, in_order
from forkpoint.errors import ModelError


def cotangents(graph: Graph, weights: Sequence[tuple[Symbol, Symbol]], stop: Sequence[Symbol]) -> Mapping[int, Symbol]:
    """Cotangents (by id) of every symbol that ends a path: inputs, and those named in ``stop``.

    ``weights``: results with their own cotangents. Raises ModelError for an operation without a derivative.
    """
    found: dict[int, Symbol] = {}
    ends = {id(s) for s in stop}

    def pass_on(symbol: Symbol, cotangent: Symbol) -> None:
        known = found.get(id(symbol))
        found[id(symbol)] = cotangent if known is None else graph.apply("add", known, cotangent)

    for result, weight in weights:
        pass_on(result, weight)
    for symbol in reversed(in_order([result for result, _ in weights])):
        if id(symbol) in found and id(symbol) not in ends and symbol.operation != "input":
            for operand, cotangent in _passed(graph, symbol, found[id(symbol)]):
                pass_on(operand, cotangent)
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
    raise ModelError(f"the model has no derivative: it uses '{symbol.operation}'")


def _power(graph: Graph, symbol: Symbol, bar: Symbol) -> list[tuple[Symbol, Symbol]]:
    """Base: b a^(b − 1); exponent: a^b ln a, zero where the base is zero."""
    apply = graph.apply
    a, b = symbol.operands
    lower = apply("pow", a, apply("sub", b, graph.constant(1.0)))
    found = [(a, apply("mul", bar, apply("mul", b, lower)))]
    if b.operation != "constant":
        zero, one = graph.constant(0.0), graph.constant(1.0)
        positive = apply("gt", a, zero)
        logarithm = apply("log", apply("select", positive, a, one))
        found.append((b, apply("mul", bar, apply("mul", symbol, logarithm))))
    return found
