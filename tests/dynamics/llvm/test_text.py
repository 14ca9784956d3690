"""Every operation of a step compiles to what NumPy gives, one function or many."""

from __future__ import annotations

import numpy as np
import pytest

from forkpoint.dynamics.emit.symbols import Graph
from forkpoint.dynamics.llvm import text
from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES
from forkpoint.dynamics.llvm.text import Code, module, run_function
from forkpoint.errors import ModelError

pytest.importorskip("llvmlite")

X = np.array([-2.5, -1.0, -0.25, 0.0, 0.25, 1.0, 2.5, np.nan])
Y = np.array([1.0, -1.0, 0.5, 0.0, -0.25, 1.5, 2.5, 1.0])
BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "rem": np.fmod, "max": np.maximum,
          "min": np.minimum, "pow": np.power}  # fmt: skip
TRUTHS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
          "ne": np.not_equal}  # fmt: skip
UNARY = {"exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "tanh": np.tanh,
         "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
         "sinh": np.sinh, "cosh": np.cosh, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
         "neg": np.negative}  # fmt: skip


def computed(graph, *roots):
    """The roots for the inputs ``drawn`` 0 (x) and 1 (y), as the outputs of a run of one moment."""
    code = Code("step")
    places: dict[int, list[tuple[str, int]]] = {}
    for slot, root in enumerate(roots):
        places.setdefault(id(root), []).append(("out", slot))
    code.add(roots, places)
    sizes = {"timed": 0, "path": 0}
    run = run_function(Code("prepare"), Code("start"), code, sizes, 0, len(roots))
    compiled = Compiled(module([*code.text, run]), "run", arrays=10, numbers=3)
    out, nothing = np.empty((len(roots), LANES)), np.empty(0)
    kept = np.empty((code.slots + 1, LANES))
    compiled(nothing, nothing, np.stack([X, Y]), nothing, nothing, kept, out, nothing, nothing, nothing, 0, 1, 0)
    return out


def test_every_operation_is_numpys():
    graph = Graph()
    x, y = graph.input("drawn", 0), graph.input("drawn", 1)
    roots = [graph.apply(n, x) for n in UNARY] + [graph.apply(n, x, y) for n in BINARY]
    roots += [graph.apply(n, x, y) for n in TRUTHS]
    found = computed(graph, *roots)
    with np.errstate(all="ignore"):
        expected = [f(X) for f in UNARY.values()] + [f(X, Y) for f in BINARY.values()]
        expected += [f(X, Y).astype(float) for f in TRUTHS.values()]
    for name, one, other in zip([*UNARY, *BINARY, *TRUTHS], found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-15, atol=1e-16, err_msg=name)


def test_logic_and_choices_are_numpys():
    graph = Graph()
    x, y = graph.input("drawn", 0), graph.input("drawn", 1)
    less, positive = graph.apply("lt", x, y), graph.apply("gt", x, graph.constant(0.0))
    found = computed(graph, graph.apply("and", less, positive), graph.apply("or", less, positive),
                     graph.apply("not", less), graph.apply("select", less, x, y), graph.truth(x),
                     graph.constant(2.5), graph.constant(True), y)  # fmt: skip
    with np.errstate(all="ignore"):
        expected = [(X < Y) & (X > 0), (X < Y) | (X > 0), ~(X < Y), np.where(X < Y, X, Y), X != 0.0,
                    np.full(LANES, 2.5), np.ones(LANES), Y]  # fmt: skip
    np.testing.assert_array_equal(found, np.array(expected, float))


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 8.0, 9.0, -1.0, -3.0, 0.5, 2.5, -0.5, np.inf, np.nan])
def test_constant_powers_are_numpys(exponent):
    graph = Graph()
    (found,) = computed(graph, graph.apply("pow", graph.input("drawn", 0), graph.constant(exponent)))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, X**exponent, rtol=5e-15)


def test_many_functions_give_what_one_gives(monkeypatch):
    graph = Graph()
    x, y = graph.input("drawn", 0), graph.input("drawn", 1)
    terms = [graph.apply("mul", x, y)]
    for n in range(40):
        which = graph.apply("lt", terms[-1], graph.constant(n - 20.0))
        other = graph.apply("add", terms[n // 2], graph.constant(float(n)))
        terms.append(graph.apply("select", which, other, graph.apply("sub", terms[-1], y)))
    one = computed(graph, *terms)
    monkeypatch.setattr(text, "SYMBOLS_A_FUNCTION", 7)
    np.testing.assert_array_equal(computed(graph, *terms), one)


def test_what_is_kept_is_not_computed_again():
    graph = Graph()
    x = graph.input("drawn", 0)
    inner = graph.apply("exp", x)
    outer = graph.apply("log", inner)
    code = Code("step")
    code.keep([outer])
    later = Code("later", kept=dict(code.kept), slots=code.slots)
    later.add([graph.apply("add", outer, x)], {})
    assert not any("exp8" in line or "log8" in line for line in later.text)


def test_an_operation_without_a_form_is_named():
    graph = Graph()
    with pytest.raises(ModelError, match="'gamma' has no LLVM form"):
        computed(graph, graph.apply("gamma", graph.input("drawn", 0)))
