"""Dual numbers: exact derivatives on NumPy, with nothing to compile (forward-mode automatic differentiation).

A dual number carries a value and its derivative along one direction and takes part in NumPy's functions in the place of
an array, so that equations written for NumPy give their derivatives as they stand (Wengert 1964, "A simple automatic
derivative evaluation program"). At a kink both sides count half; a jump has the derivative of its pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from forkpoint.errors import ModelError


def derivative(function: Callable[[Any], Any], at: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Derivative of ``function`` at ``at`` along ``towards``. Raises ModelError for a NumPy function without a rule."""
    with np.errstate(all="ignore"):
        result = function(Dual(at, towards))
    if isinstance(result, Dual):
        return result.tangent
    return np.zeros(np.shape(result))


class Dual(NDArrayOperatorsMixin):
    """A value and its derivative, two arrays of one shape."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any) -> None:
        self.value = np.asarray(value)
        self.tangent = np.broadcast_to(tangent, self.value.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    def reshape(self, *shape: Any) -> Dual:
        """The same numbers in another shape."""
        return Dual(self.value.reshape(*shape), self.tangent.reshape(*shape))

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.value[index], self.tangent[index])

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        values = [x.value if isinstance(x, Dual) else x for x in inputs]
        result = ufunc(*values)
        if result.dtype == bool:
            return result
        if ufunc not in PARTIALS:
            raise ModelError(f"numpy.{ufunc.__name__} has no derivative here: use engine='difference' or 'jax'")
        tangent: Any = 0.0
        for x, partial in zip(inputs, PARTIALS[ufunc], strict=True):
            if isinstance(x, Dual):
                tangent = tangent + partial(result, *values) * x.tangent
        return Dual(result, tangent)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        if function in LINEAR:
            return Dual(
                function(*_parts(arguments, "value"), **options), function(*_parts(arguments, "tangent"), **options)
            )
        if function in STRUCTURAL:
            return STRUCTURAL[function](*arguments, **options)
        raise ModelError(f"numpy.{function.__name__} has no derivative here: use engine='difference' or 'jax'")


def _parts(arguments: Sequence[Any], part: str) -> list[Any]:
    """Values or tangents of the arrays among arguments; the tangent of a plain array is zero."""
    chosen: list[Any] = []
    for x in arguments:
        if isinstance(x, Dual):
            chosen.append(getattr(x, part))
        elif isinstance(x, list | tuple) and any(isinstance(y, Dual) for y in x):
            chosen.append(_parts(x, part))
        elif isinstance(x, np.ndarray) and part == "tangent":
            chosen.append(np.zeros_like(x))
        else:
            chosen.append(x)
    return chosen


def _where(condition: Any, a: Any, b: Any) -> Dual:
    value_a, value_b = (x.value if isinstance(x, Dual) else x for x in (a, b))
    tangent_a, tangent_b = (x.tangent if isinstance(x, Dual) else 0.0 for x in (a, b))
    test = condition.value if isinstance(condition, Dual) else condition
    value = np.where(test, value_a, value_b)
    return Dual(value, np.where(test, tangent_a, tangent_b))


def _extreme(function: Any) -> Callable[..., Dual]:
    def along(x: Dual, axis: Any = None, keepdims: bool = False) -> Dual:
        kept = function(x.value, axis=axis, keepdims=True)
        where = x.value == kept
        tangent = (where * x.tangent).sum(axis=axis, keepdims=keepdims) / where.sum(axis=axis, keepdims=keepdims)
        return Dual(function(x.value, axis=axis, keepdims=keepdims), tangent)

    return along


def _none(result: Any, *values: Any) -> Any:
    return 0.0


def _one(result: Any, *values: Any) -> Any:
    return 1.0


def _log_base(r: Any, a: Any, b: Any) -> Any:
    positive = np.asarray(a) > 0
    return np.where(positive, r * np.log(np.where(positive, a, 1.0)), 0.0)


def _first_below(r: Any, a: Any, b: Any) -> Any:
    return np.where(a == b, 0.5, a < b)


def _first_above(r: Any, a: Any, b: Any) -> Any:
    return np.where(a == b, 0.5, a > b)


PARTIALS: dict[Any, tuple[Callable[..., Any], ...]] = {
    np.add: (_one, _one),
    np.subtract: (_one, lambda r, a, b: -1.0),
    np.multiply: (lambda r, a, b: b, lambda r, a, b: a),
    np.divide: (lambda r, a, b: 1.0 / b, lambda r, a, b: -r / b),
    np.power: (lambda r, a, b: b * np.power(a, np.asarray(b) - 1.0), _log_base),
    np.minimum: (_first_below, _first_above),
    np.maximum: (_first_above, _first_below),
    np.fmod: (_one, lambda r, a, b: -np.trunc(a / b)),
    np.remainder: (_one, lambda r, a, b: -np.floor(a / b)),
    np.negative: (lambda r, a: -1.0,),
    np.positive: (_one,),
    np.absolute: (lambda r, a: np.sign(a),),
    np.square: (lambda r, a: 2.0 * a,),
    np.sqrt: (lambda r, a: 0.5 / r,),
    np.exp: (lambda r, a: r,),
    np.log: (lambda r, a: 1.0 / a,),
    np.log10: (lambda r, a: 1.0 / (a * np.log(10.0)),),
    np.log1p: (lambda r, a: 1.0 / (1.0 + a),),
    np.expm1: (lambda r, a: 1.0 + r,),
    np.sin: (lambda r, a: np.cos(a),),
    np.cos: (lambda r, a: -np.sin(a),),
    np.tan: (lambda r, a: 1.0 + r * r,),
    np.arcsin: (lambda r, a: 1.0 / np.sqrt(1.0 - a * a),),
    np.arccos: (lambda r, a: -1.0 / np.sqrt(1.0 - a * a),),
    np.arctan: (lambda r, a: 1.0 / (1.0 + a * a),),
    np.sinh: (lambda r, a: np.cosh(a),),
    np.cosh: (lambda r, a: np.sinh(a),),
    np.tanh: (lambda r, a: 1.0 - r * r,),
    np.floor: (_none,),
    np.ceil: (_none,),
    np.trunc: (_none,),
    np.rint: (_none,),
    np.sign: (_none,),
}
"""For every elementwise function its partial derivatives, each of (result, arguments)."""

LINEAR = {np.sum, np.mean, np.concatenate, np.stack, np.swapaxes, np.roll, np.broadcast_to, np.reshape, np.transpose,
          np.moveaxis, np.expand_dims, np.squeeze, np.diff, np.cumsum, np.flip, np.take}  # fmt: skip
"""Functions whose derivative is the function itself."""

STRUCTURAL: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.max: _extreme(np.max),
    np.min: _extreme(np.min),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
}
