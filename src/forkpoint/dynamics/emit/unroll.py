"""An equation taken apart: its JAX trace, array by array, as one scalar expression for every element.

Elementwise and summing primitives are applied to the symbols themselves. Primitives that only move elements (reshape,
slice, transpose, gather, …) are run by JAX on the numbers 0, 1, 2, …, which tells where every element goes. A primitive
outside both sets raises ModelError with the equation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.emit.symbols import Graph, Symbol
from forkpoint.errors import ModelError

if TYPE_CHECKING:
    from forkpoint.dynamics.evaluation import BoundEquation
    from forkpoint.dynamics.model import Model

Symbols: TypeAlias = Any
"""A NumPy array of dtype object that holds symbols."""

ELEMENTWISE = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "pow": "pow", "max": "max",
    "min": "min", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "tanh": "tanh",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh",
    "cosh": "cosh", "abs": "abs", "floor": "floor", "ceil": "ceil", "rem": "rem", "lt": "lt", "le": "le", "gt": "gt",
    "ge": "ge", "eq": "eq", "ne": "ne", "and": "and", "or": "or", "not": "not",
}  # fmt: skip
"""JAX primitive → operation of a symbol."""

REDUCING = {"reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "mul", "reduce_and": "and",
            "reduce_or": "or"}  # fmt: skip

MOVING = {
    "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "concatenate", "slice", "rev", "pad",
    "gather", "dynamic_slice",
    "copy", "copy_p", "split",
}  # fmt: skip

TRANSPARENT = {"stop_gradient", "optimization_barrier", "reduce_precision", "name"}

CALLING = {"pjit": "jaxpr", "jit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
           "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "custom_vjp_call_jaxpr": "fun_jaxpr",
           "checkpoint": "jaxpr", "remat": "jaxpr", "remat2": "jaxpr"}  # fmt: skip


def unroll(model: Model, equation: BoundEquation, graph: Graph) -> list[Symbol]:
    """The elements of an equation's result in row-major order. Raises ModelError naming the function."""
    from forkpoint.dynamics.simulate_jax import jax_module

    jax = jax_module()
    shapes = {name: model.shape(name) if name in model.variables else () for name in equation.inputs}
    names = list(shapes)
    example = [jax.ShapeDtypeStruct(shapes[name], np.float64) for name in names]

    def traced(*values: Any) -> Any:
        return jax.numpy.asarray(equation(dict(zip(names, values, strict=True))), dtype=np.float64)

    closed = jax.make_jaxpr(traced)(*example)
    inputs = [elements(graph, name, shapes[name]) for name in names]
    (result,) = Tracer(graph, equation.label).run(closed.jaxpr, closed.consts, inputs)
    return [graph.number(symbol) for symbol in result.reshape(-1)]


def elements(graph: Graph, name: str, shape: tuple[int, ...]) -> Symbols:
    """The elements of a variable as symbols."""
    found = np.empty(int(np.prod(shape, dtype=int)), dtype=object)
    for index in range(found.size):
        found[index] = graph.input(name, index)
    return found.reshape(shape)


class Tracer:
    """Interprets a jaxpr on arrays of symbols."""

    def __init__(self, graph: Graph, label: str) -> None:
        self.graph, self.label = graph, label

    def run(self, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Symbols]) -> list[Symbols]:
        """The outputs of a jaxpr for these inputs."""
        values: dict[Any, Symbols] = dict(zip(jaxpr.constvars, map(self.constants, constants), strict=True))
        values |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Symbols:
            return self.constants(atom.val) if hasattr(atom, "val") else values[atom]

        for step in jaxpr.eqns:
            results = self.apply(step, [read(atom) for atom in step.invars])
            values |= dict(zip(step.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def constants(self, value: Any) -> Symbols:
        """A constant array as symbols."""
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ModelError(f"{self.label} cannot be written out: it holds a constant of type {array.dtype}")
        convert: Callable[[Any], float | bool] = bool if array.dtype.kind == "b" else float
        return mapped(lambda item: self.graph.constant(convert(item)), array)

    def apply(self, step: Any, operands: list[Symbols]) -> list[Symbols]:
        """The results of one primitive."""
        name = step.primitive.name
        if name in ELEMENTWISE:
            return [self.elementwise(ELEMENTWISE[name], operands, step)]
        if name in REDUCING:
            return [self.reduced(REDUCING[name], operands[0], step.params["axes"])]
        if name in MOVING:
            return self.moved(step, operands)
        if name in TRANSPARENT:
            return operands
        if name in CALLING:
            inner = step.params[CALLING[name]]
            jaxpr, constants = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, [])
            return self.run(jaxpr, constants, operands)
        special = getattr(self, f"on_{name}", None)
        if special is None:
            raise ModelError(f"{self.label} cannot be written out: it uses '{name}', which no emitter knows")
        return [special(step.params, *operands)]

    def elementwise(self, operation: str, operands: list[Symbols], step: Any) -> Symbols:
        """One operation on every element."""
        if operation in ("and", "or", "not") and any(a.aval.dtype != np.bool_ for a in step.invars):
            raise ModelError(f"{self.label} cannot be written out: it combines whole numbers bit by bit")
        return mapped(lambda *items: self.graph.apply(operation, *items), *operands)

    def reduced(self, operation: str, operand: Symbols, axes: Sequence[int]) -> Symbols:
        """Elements joined by one operation over axes."""
        kept = [axis for axis in range(operand.ndim) if axis not in axes]
        shape = tuple(operand.shape[axis] for axis in kept)
        rows = operand.transpose([*kept, *axes]).reshape((int(np.prod(shape, dtype=int)), -1))
        found = np.empty(len(rows), dtype=object)
        for index, row in enumerate(rows):
            total = row[0]
            for item in row[1:]:
                total = self.graph.apply(operation, total, item)
            found[index] = total
        return found.reshape(shape)

    def moved(self, step: Any, operands: list[Symbols]) -> list[Symbols]:
        """A primitive that only moves elements, run on their places."""
        from forkpoint.dynamics.simulate_jax import jax_module

        jnp = jax_module().numpy
        pool: list[Symbol] = []
        numbered = []
        for position, (operand, atom) in enumerate(zip(operands, step.invars, strict=True)):
            is_index = position > 0 and step.primitive.name in ("gather", "dynamic_slice")
            if is_index:
                numbered.append(jnp.asarray(self.whole_numbers(operand), dtype=atom.aval.dtype))
                continue
            places = np.arange(len(pool), len(pool) + operand.size, dtype=np.int64).reshape(operand.shape)
            pool.extend(operand.reshape(-1))
            numbered.append(jnp.asarray(places))
        params = dict(step.params)
        if "fill_value" in params:
            params["fill_value"] = None
        results = step.primitive.bind(*numbered, **params)
        results = results if step.primitive.multiple_results else [results]
        return [mapped(lambda place: self.from_pool(pool, int(place)), np.asarray(result)) for result in results]

    def from_pool(self, pool: list[Symbol], place: int) -> Symbol:
        """The element at a place. Raises ModelError for one outside (a gather beyond its array)."""
        if not 0 <= place < len(pool):
            raise ModelError(f"{self.label} cannot be written out: it reads beyond the end of an array")
        return pool[place]

    def whole_numbers(self, operand: Symbols) -> Any:
        """Constant indices. Raises ModelError where an index is computed."""
        flat = list(operand.reshape(-1))
        if any(symbol.operation != "constant" for symbol in flat):
            raise ModelError(f"{self.label} cannot be written out: it picks elements by a computed index")
        return np.array([symbol.number for symbol in flat]).reshape(operand.shape)

    # --- primitives with parameters of their own ----------------------------------------------------------------------

    def on_integer_pow(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """A constant whole power."""
        exponent = self.graph.constant(float(params["y"]))
        return mapped(lambda item: self.graph.apply("pow", item, exponent), x)

    def on_square(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """The square."""
        return mapped(lambda item: self.graph.apply("mul", item, item), x)

    def on_rsqrt(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """One over the square root."""
        one = self.graph.constant(1.0)
        return mapped(lambda item: self.graph.apply("div", one, self.graph.apply("sqrt", item)), x)

    def on_logistic(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """1 / (1 + e^−x)."""
        apply, one = self.graph.apply, self.graph.constant(1.0)
        return mapped(lambda item: apply("div", one, apply("add", one, apply("exp", apply("neg", item)))), x)

    def on_sign(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """−1, 0 or 1."""
        apply, zero = self.graph.apply, self.graph.constant(0.0)
        up, down = self.graph.constant(1.0), self.graph.constant(-1.0)
        return mapped(
            lambda item: apply("select", apply("gt", item, zero), up,
                               apply("select", apply("lt", item, zero), down, zero)), x)  # fmt: skip

    def on_select_n(self, params: Mapping[str, Any], which: Symbols, *cases: Symbols) -> Symbols:
        """A choice between two arrays by a truth value."""
        if len(cases) != 2:
            raise ModelError(f"{self.label} cannot be written out: it chooses among {len(cases)} arrays")
        no, yes = cases
        return mapped(lambda w, a, b: self.chosen(w, a, b), which, yes, no)

    def chosen(self, which: Symbol, yes: Symbol, no: Symbol) -> Symbol:
        """``yes`` where ``which`` holds; two truth values stay a truth value."""
        apply, which = self.graph.apply, self.graph.truth(which)
        if yes.is_truth and no.is_truth:
            return apply("or", apply("and", which, yes), apply("and", apply("not", which), no))
        return apply("select", which, self.graph.number(yes), self.graph.number(no))

    def on_clamp(self, params: Mapping[str, Any], low: Symbols, x: Symbols, high: Symbols) -> Symbols:
        """A value held between two bounds."""
        apply = self.graph.apply
        return mapped(lambda a, b, c: apply("min", apply("max", b, a), c), low, x, high)

    def on_convert_element_type(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """Truth values, whole numbers and numbers into one another."""
        kind = np.dtype(params["new_dtype"]).kind
        if kind == "b":
            return mapped(self.graph.truth, x)
        if kind in "iu":
            return mapped(self.toward_zero, x)
        return mapped(self.graph.number, x)

    def toward_zero(self, item: Symbol) -> Symbol:
        """The whole part of a number."""
        apply, number = self.graph.apply, self.graph.number(item)
        if number.operation == "constant":
            return self.graph.constant(float(int(number.number)))
        if item.is_truth:
            return number
        negative = apply("lt", number, self.graph.constant(0.0))
        return apply("select", negative, apply("ceil", number), apply("floor", number))

    def on_cumsum(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """Running sums along an axis."""
        axis, reverse = params["axis"], params["reverse"]
        moved = np.moveaxis(x.copy(), axis, 0)
        places = range(len(moved) - 2, -1, -1) if reverse else range(1, len(moved))
        for place in places:
            before = moved[place + 1] if reverse else moved[place - 1]
            moved[place] = mapped(lambda a, b: self.graph.apply("add", a, b), before, moved[place])
        return np.moveaxis(moved, 0, axis)

    def on_iota(self, params: Mapping[str, Any]) -> Symbols:
        """0, 1, 2, … along an axis."""
        shape, axis = params["shape"], params["dimension"]
        return self.constants(np.broadcast_to(np.arange(shape[axis]).reshape(
            [-1 if a == axis else 1 for a in range(len(shape))]), shape).astype(float))  # fmt: skip

    def on_is_finite(self, params: Mapping[str, Any], x: Symbols) -> Symbols:
        """Whether a number is neither infinite nor undefined."""
        # x − x is zero for every finite number, and undefined (equal to nothing) for all others.
        apply, zero = self.graph.apply, self.graph.constant(0.0)
        return mapped(lambda item: apply("eq", apply("sub", item, item), zero), x)


def mapped(function: Callable[..., Symbol], *arrays: Any) -> Symbols:
    """A function applied to arrays element by element, scalars broadcast."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    flat = [np.broadcast_to(a, shape).reshape(-1) for a in arrays]
    found = np.empty(flat[0].size, dtype=object)
    for index, items in enumerate(zip(*flat, strict=True)):
        found[index] = function(*items)
    return found.reshape(shape)
