"""Functions for equations: one set that works on NumPy arrays, JAX arrays and quantities with units.

Equations use plain arithmetic and these functions, never ``numpy`` or ``jax.numpy`` by name, and never branch on a
value: ``from forkpoint.dynamics import functions as f``, then ``f.exp(x)``, ``f.where(x > y, a, b)``,
``f.total(x, over="region")``.

**Axes.** Inside an equation every array has all dimensions that occur in the equation (its own and its inputs'), in
the model's order, with length one where it does not vary. So ``price * quantity`` broadcasts by itself whatever the two
vary over, ``total(x, over="vendor")`` keeps the axis (length one), and an author never thinks of axes or draws.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from forkpoint.errors import ModelError, UnknownName

Array: TypeAlias = Any
"""A number, NumPy array, JAX array or quantity."""


@dataclass(frozen=True)
class Frame:
    """The axes inside one equation: dimension names in the model's order, their labels, and 0 or 1 draw axis behind."""

    dims: tuple[str, ...] = ()
    labels: tuple[tuple[str, ...], ...] = ()
    trailing: int = 0

    def axis(self, name: str) -> int:
        """Position of a dimension, counted from the end. Raises ModelError where the equation lacks it."""
        if name not in self.dims:
            have = ", ".join(self.dims) or "none"
            raise ModelError(f"'{name}' is not a dimension of this equation (it has: {have})")
        return self.dims.index(name) - len(self.dims) - self.trailing

    def size(self, name: str) -> int:
        """Number of labels of a dimension."""
        return len(self.labels[self.dims.index(name)])

    def along(self, name: str, values: Sequence[float]) -> Array:
        """A constant array that varies over one dimension only."""
        shape = [1] * (len(self.dims) + self.trailing)
        shape[self.axis(name)] = len(values)
        return np.asarray(values, dtype=float).reshape(shape)


_NO_AXES = Frame()
FRAME: ContextVar[Frame] = ContextVar("frame", default=_NO_AXES)
"""The axes of the equation that is being evaluated; set by the engine."""


def library(*values: Array) -> Any:
    """``jax.numpy`` when one of the values is a JAX array, else ``numpy``."""
    jax = sys.modules.get("jax")
    if jax is not None and any(isinstance(v, jax.Array) for v in values):
        return sys.modules["jax.numpy"]
    return np


def _one(x: Array) -> Array:
    """The number one in the unit of ``x``."""
    return 1.0 * x.units if hasattr(x, "units") else 1.0


def _axis(x: Array, over: str, what: str) -> int:
    frame = FRAME.get()
    axis = frame.axis(over)
    shape = np.shape(x) if np is library(x) and not hasattr(x, "units") else x.shape
    if len(shape) < -axis or shape[axis] != frame.size(over):
        raise ModelError(f"{what} over '{over}': the value does not vary over '{over}'")
    return axis


# --- elementwise -----------------------------------------------------------------------------------------------------


def exp(x: Array) -> Array:
    """e to the power ``x`` (dimensionless)."""
    return library(x).exp(x)


def log(x: Array) -> Array:
    """Natural logarithm of ``x`` (dimensionless)."""
    return library(x).log(x)


def power(base: Array, exponent: Array) -> Array:
    """``base ** exponent`` for a positive dimensionless base, by ``exp`` and ``log``: faster than ``**`` in JAX."""
    return exp(exponent * log(base))


def sqrt(x: Array) -> Array:
    """Square root."""
    return library(x).sqrt(x)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent of ``x`` (dimensionless)."""
    return library(x).tanh(x)


def sin(x: Array) -> Array:
    """Sine of ``x`` (radian)."""
    return library(x).sin(x)


def cos(x: Array) -> Array:
    """Cosine of ``x`` (radian)."""
    return library(x).cos(x)


def absolute(x: Array) -> Array:
    """Magnitude; has a kink at zero."""
    return library(x).abs(x)


def minimum(a: Array, b: Array) -> Array:
    """The smaller of two; has a kink where they are equal (see :func:`smooth_minimum`)."""
    return library(a, b).minimum(a, b)


def maximum(a: Array, b: Array) -> Array:
    """The larger of two; has a kink where they are equal (see :func:`smooth_maximum`)."""
    return library(a, b).maximum(a, b)


def clip(x: Array, low: Array, high: Array) -> Array:
    """``x`` held between two bounds."""
    return minimum(maximum(x, low), high)


def where(condition: Array, a: Array, b: Array) -> Array:
    """``a`` where the condition holds, else ``b``; a jump in the equations unless both agree at the border."""
    return library(condition, a, b).where(condition, a, b)


def divide(a: Array, b: Array, otherwise: float = 0.0) -> Array:
    """``a / b``, and ``otherwise`` (in the quotient's unit) where ``b`` is zero; gradients stay finite."""
    lib = library(a, b)
    zero = b == 0 * _one(b)
    quotient = a / lib.where(zero, _one(b), b)
    return lib.where(zero, otherwise * _one(quotient), quotient)


# --- smooth forms of kinks and jumps ---------------------------------------------------------------------------------


def smooth_minimum(a: Array, b: Array, width: float = 0.01) -> Array:
    """Smooth minimum of two amounts ≥ 0 of the same unit: ``(a + b − √((a − b)² + 4 w² a b)) / 2``.

    ``width`` is relative: at ``a = b`` the result is ``(1 − w) a``. It lies between zero and the minimum, is zero where
    one amount is zero, and scales with its arguments.
    """
    return smooth_pair(a, b, width)[0]


def smooth_maximum(a: Array, b: Array, width: float = 0.01) -> Array:
    """Smooth maximum of two amounts ≥ 0: ``a + b − smooth_minimum(a, b)``."""
    return smooth_pair(a, b, width)[1]


def smooth_pair(a: Array, b: Array, width: float = 0.01) -> tuple[Array, Array]:
    """Smooth minimum and maximum together; they sum to ``a + b``."""
    lib = library(a, b)
    square = (a - b) * (a - b) + (4.0 * width * width) * a * b
    flat = square == 0 * _one(square)
    root = lib.where(flat, 0.0 * _one(a), lib.sqrt(lib.where(flat, _one(square), square)))
    # The product form of the minimum keeps its digits where one amount is much smaller than the other.
    larger = 0.5 * (a + b + root)
    smaller = divide((1.0 - width * width) * a * b, larger)
    return smaller, a + b - smaller


def smooth_step(x: Array, at: Array = 0.0, width: Array = 1.0) -> Array:
    """A step from 0 to 1 at ``at``: logistic with scale ``width`` (same unit as ``x``).

    It stands at 12 % two widths before, 50 % at ``at``, 88 % two widths after.
    """
    return 0.5 * (1.0 + tanh(0.5 * ((x - at) / width)))


def smooth_positive(x: Array, width: Array) -> Array:
    """The positive part of ``x``, rounded within ``width`` (same unit as ``x``): ``(x + √(x² + w²)) / 2``."""
    return 0.5 * (x + sqrt(x * x + width * width))


def gate(x: Array, low: Array, high: Array) -> Array:
    """Rises from 0 at ``low`` to 1 at ``high`` with a continuous slope (cubic 3u² − 2u³)."""
    u = clip((x - low) / (high - low), 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)


def lookup(x: Array, xs: Sequence[float], ys: Sequence[float]) -> Array:
    """Piecewise linear through the points ``(xs, ys)``, level beyond the ends (a graphical function).

    ``x`` must be dimensionless; the table then gives a dimensionless effect. Raises ModelError when ``xs`` does
    not rise.
    """
    if len(xs) != len(ys) or len(xs) < 1 or any(b <= a for a, b in pairwise(xs)):
        raise ModelError("a lookup needs as many ys as xs, and rising xs")
    result = 0.0 * x + ys[0]
    for (x0, x1), (y0, y1) in zip(pairwise(xs), pairwise(ys), strict=True):
        if y1 != y0:
            result = result + (clip(x, x0, x1) - x0) * ((y1 - y0) / (x1 - x0))
    return result


# --- over a dimension ------------------------------------------------------------------------------------------------


def total(x: Array, *, over: str | Sequence[str]) -> Array:
    """Sum over one or several dimensions."""
    for name in (over,) if isinstance(over, str) else over:
        axis = _axis(x, name, "total")
        x = library(x).sum(x, axis=axis, keepdims=True)
    return x


def mean(x: Array, *, over: str, weight: Array | None = None) -> Array:
    """Mean over a dimension, weighted if ``weight`` is given (zero where all weights are zero)."""
    if weight is None:
        return total(x, over=over) / FRAME.get().size(over)
    return divide(total(x * weight, over=over), total(weight + 0.0 * x / _one(x), over=over))


def largest(x: Array, *, over: str) -> Array:
    """Maximum over a dimension."""
    axis = _axis(x, over, "largest")
    return library(x).max(x, axis=axis, keepdims=True)


def smallest(x: Array, *, over: str) -> Array:
    """Minimum over a dimension."""
    axis = _axis(x, over, "smallest")
    return library(x).min(x, axis=axis, keepdims=True)


def share(x: Array, *, over: str) -> Array:
    """Share in the total over a dimension; zero where the total is zero."""
    return divide(x, total(x, over=over))


def softmax(utility: Array, *, over: str, weight: Array | None = None) -> Array:
    """Multinomial logit shares over a dimension: ``w e^u / Σ w e^u`` (McFadden 1974).

    ``weight`` ≥ 0 can switch alternatives off (0) or scale them; where all weights are zero so are the shares.
    """
    scaled = exp(utility - largest(utility, over=over))
    return share(scaled if weight is None else scaled * weight, over=over)


def logsum(utility: Array, *, over: str) -> Array:
    """Expected utility of the best alternative, ``log Σ e^u``: the inclusive value of a nest (McFadden 1978)."""
    best = largest(utility, over=over)
    return best + log(total(exp(utility - best), over=over))


def at(x: Array, **labels: str) -> Array:
    """The value at a label of each named dimension: ``at(price, region="north")``."""
    frame = FRAME.get()
    for name, label in labels.items():
        axis = _axis(x, name, "at")
        names = frame.labels[frame.dims.index(name)]
        if label not in names:
            raise UnknownName(f"label of '{name}'", label, names)
        position = names.index(label)
        index = [slice(None)] * x.ndim
        index[axis] = slice(position, position + 1)
        x = x[tuple(index)]
    return x


def indicator(**labels: str | Sequence[str]) -> Array:
    """One at the named labels of a dimension, zero elsewhere: ``indicator(vendor=("a", "b"))``."""
    frame = FRAME.get()
    result: Array = 1.0
    for name, chosen in labels.items():
        frame.axis(name)
        names = frame.labels[frame.dims.index(name)]
        wanted = (chosen,) if isinstance(chosen, str) else tuple(chosen)
        for label in wanted:
            if label not in names:
                raise UnknownName(f"label of '{name}'", label, names)
        result = result * frame.along(name, [float(label in wanted) for label in names])
    return result


def position(over: str) -> Array:
    """0, 1, 2, … along a dimension."""
    frame = FRAME.get()
    frame.axis(over)
    return frame.along(over, range(frame.size(over)))


def shift(x: Array, *, over: str) -> Array:
    """Each label gets the value of the label before it; the first gets zero."""
    axis = _axis(x, over, "shift")
    lib = library(x)
    index = [slice(None)] * x.ndim
    index[axis] = slice(0, -1)
    kept = x[tuple(index)]
    index[axis] = slice(0, 1)
    return lib.concatenate([0.0 * x[tuple(index)], kept], axis=axis)


def ageing(cohort: Array, duration: Array, *, over: str) -> Array:
    """Net flow of cohorts that grow older: each label passes ``cohort / duration`` to the next, the last keeps all.

    Sums to zero over the dimension, so people or machines are conserved.
    """
    frame = FRAME.get()
    axis = _axis(cohort, over, "ageing")
    leaving = (cohort / duration) * frame.along(over, [1.0] * (frame.size(over) - 1) + [0.0])
    # Nothing leaves the last label, so that going round is the same as shifting, and cheaper to compute.
    return library(leaving).roll(leaving, 1, axis=axis) - leaving


def transpose(x: Array, source: str, target: str) -> Array:
    """The same values along ``target`` instead of ``source`` (two dimensions with equally many labels)."""
    frame = FRAME.get()
    axis = _axis(x, source, "transpose")
    if frame.size(source) != frame.size(target):
        raise ModelError(f"transpose: '{source}' has {frame.size(source)} labels, '{target}' has {frame.size(target)}")
    while x.ndim < len(frame.dims) + frame.trailing:
        x = x[None]
    return library(x).swapaxes(x, axis, frame.axis(target))
