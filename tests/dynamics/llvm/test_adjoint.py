"""Reverse derivatives of random expressions against the complex step (Squire & Trapp 1998)."""

from __future__ import annotations

import cmath
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.dynamics.emit.symbols import Graph, in_order
from forkpoint.dynamics.llvm.adjoint import cotangents
from forkpoint.errors import ModelError

STEP = 1e-30
SMOOTH = {
    "exp": cmath.exp, "log": cmath.log, "log1p": lambda z: cmath.log(1.0 + z), "expm1": lambda z: cmath.exp(z) - 1.0,
    "sqrt": cmath.sqrt, "tanh": cmath.tanh, "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "atan": cmath.atan,
    "asin": cmath.asin, "acos": cmath.acos, "sinh": cmath.sinh, "cosh": cmath.cosh, "neg": lambda z: -z,
    "abs": lambda z: -z if z.real < 0 else z,
    "floor": lambda z: math.floor(z.real), "ceil": lambda z: math.ceil(z.real),
}  # fmt: skip
TWO = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
       "pow": lambda a, b: a**b, "max": lambda a, b: a if a.real >= b.real else b,
       "min": lambda a, b: a if a.real <= b.real else b, "lt": lambda a, b: a.real < b.real,
       "le": lambda a, b: a.real <= b.real, "gt": lambda a, b: a.real > b.real, "ge": lambda a, b: a.real >= b.real,
       "ne": lambda a, b: a != b, "eq": lambda a, b: a == b}  # fmt: skip


def evaluated(root, inputs):
    """An expression's value; division by zero gives what IEEE 754 says, as in compiled code."""
    values = {}
    for symbol in in_order([root]):
        given = [values[id(o)] for o in symbol.operands]
        try:
            if symbol.operation == "constant":
                found = complex(symbol.number)
            elif symbol.operation == "input":
                found = complex(inputs[symbol.variable, symbol.element])
            elif symbol.operation == "select":
                found = given[1] if given[0] else given[2]
            else:
                found = {**SMOOTH, **TWO}[symbol.operation](*given)
        except (ZeroDivisionError, ValueError):
            found = complex(math.nan)
        values[id(symbol)] = found
    return values[id(root)]


def slopes(graph, root, inputs):
    found = cotangents(graph, [(root, graph.constant(1.0))])
    zero = graph.constant(0.0)
    return [evaluated(found.get(id(graph.input(*name)), zero), inputs).real for name in inputs]


SAFE = {"log": 1.5, "sqrt": 1.5, "log1p": 0.5}


@st.composite
def expressions(draw, graph, depth=4):
    """An expression of three inputs whose parts stay where they have derivatives."""
    apply, constant = graph.apply, graph.constant
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        leaf = draw(st.integers(0, 3))
        return graph.input("x", leaf) if leaf < 3 else constant(draw(st.sampled_from([0.5, 1.0, 2.0, -1.5])))
    inner = expressions(graph, depth - 1)
    bounded = apply("tanh", draw(inner))
    kind = draw(st.sampled_from([*SMOOTH, *TWO, "select"]))
    if kind in ("asin", "acos"):
        return apply(kind, apply("mul", constant(0.9), bounded))
    if kind in SMOOTH:
        return apply(kind, apply("add", bounded, constant(SAFE.get(kind, 0.0))))
    other = apply("tanh", draw(inner))
    if kind == "select":
        return apply("select", apply("lt", bounded, other), draw(inner), draw(inner))
    if kind in ("div", "pow"):
        positive = apply("add", constant(1.5), other)
        return apply("div", bounded, positive) if kind == "div" else apply("pow", positive, bounded)
    return graph.number(apply(kind, bounded, other))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3, unique=True))
def test_random_expressions_agree_with_the_complex_step(data, point):
    graph = Graph()
    root = data.draw(expressions(graph))
    inputs = {("x", n): v for n, v in enumerate(point)}
    found = slopes(graph, root, inputs)
    for slope, name in zip(found, inputs, strict=True):
        moved = evaluated(root, inputs | {name: inputs[name] + STEP * 1j}).imag / STEP
        assert slope == pytest.approx(moved, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("operation", [*SMOOTH, *(n for n in TWO if n not in ("eq", "ne", "lt", "le", "gt", "ge"))])
def test_every_rule_by_itself(operation):
    graph = Graph()
    names = [("x", 0), ("x", 1)][: 1 if operation in SMOOTH else 2]
    inputs = dict(zip(names, (0.4, 0.7), strict=False))
    root = graph.apply(operation, *(graph.input(*n) for n in names))
    for slope, name in zip(slopes(graph, root, inputs), names, strict=True):
        moved = evaluated(root, inputs | {name: inputs[name] + STEP * 1j}).imag / STEP
        assert slope == pytest.approx(moved, rel=1e-12)


def guarded(graph, x, y):
    """Choices whose other side has no derivative at x = 0."""
    apply, constant = graph.apply, graph.constant
    zero = constant(0.0)
    positive = apply("gt", x, zero)
    return {
        "quotient": apply("select", positive, apply("div", y, x), y),
        "inverse in a product": apply("select", positive, apply("mul", y, apply("div", constant(1.0), x)), y),
        "root": apply("select", positive, apply("sqrt", x), y),
        "logarithm": apply("select", positive, apply("mul", y, apply("log", x)), y),
        "power": apply("select", positive, apply("pow", x, constant(-0.5)), y),
        "smaller of": apply("min", apply("div", constant(1.0), apply("abs", x)), y),
        "chain": apply("select", positive, apply("exp", apply("neg", apply("div", y, x))), y),
    }


@pytest.mark.parametrize("case", list(guarded(Graph(), Graph().input("x", 0), Graph().input("x", 1))))
def test_the_side_not_taken_passes_nothing_on(case):
    graph = Graph()
    root = guarded(graph, graph.input("x", 0), graph.input("x", 1))[case]
    assert slopes(graph, root, {("x", 0): 0.0, ("x", 1): 3.0}) == [0.0, 1.0]
    inputs = {("x", 0): 0.2, ("x", 1): 3.0}
    for slope, name in zip(slopes(graph, root, inputs), inputs, strict=True):
        moved = evaluated(root, inputs | {name: inputs[name] + STEP * 1j}).imag / STEP
        assert slope == pytest.approx(moved, rel=1e-12)


def test_a_derivative_that_does_not_exist_is_undefined_not_zero():
    graph = Graph()
    root = graph.apply("div", graph.input("x", 1), graph.input("x", 0))
    assert all(math.isnan(s) for s in slopes(graph, root, {("x", 0): 0.0, ("x", 1): 3.0}))


def test_powers_at_zero():
    graph = Graph()
    root = graph.apply("pow", graph.input("x", 0), graph.input("x", 1))
    assert slopes(graph, root, {("x", 0): 0.0, ("x", 1): 2.0}) == [0.0, 0.0]
    assert slopes(graph, root, {("x", 0): 0.0, ("x", 1): 0.0})[0] == 0.0
    assert slopes(graph, root, {("x", 0): 0.0, ("x", 1): 0.5}) == [0.0, 0.0]
    assert slopes(graph, root, {("x", 0): 0.0, ("x", 1): 1.0})[0] == 1.0


def test_a_truth_value_passes_nothing_on():
    graph = Graph()
    x = graph.input("x", 0)
    truth = graph.apply("gt", x, graph.constant(0.0))
    assert id(x) not in cotangents(graph, [(truth, graph.constant(1.0))])


def test_a_path_ends_where_it_is_told():
    graph = Graph()
    x = graph.input("x", 0)
    inner = graph.apply("exp", x)
    found = cotangents(graph, [(graph.apply("mul", inner, inner), graph.constant(1.0))], [inner])
    assert id(inner) in found
    assert id(x) not in found


def test_an_operation_without_a_derivative_is_named():
    graph = Graph()
    with pytest.raises(ModelError, match="no derivative: it uses 'rem'"):
        cotangents(graph, [(graph.apply("rem", graph.input("x", 0), graph.input("x", 1)), graph.constant(1.0))])
