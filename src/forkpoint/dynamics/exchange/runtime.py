"""What the builtin functions of XMILE and Vensim compute, on numbers, NumPy and JAX arrays alike.

Semantics follow the XMILE 1.0 specification (section 3.5) and Vensim's reference manual; where a builtin compares with
the time, half a step of tolerance stands against rounding, as in both tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lgamma, pi

from forkpoint.dynamics import functions as f
from forkpoint.dynamics.functions import Array, library

MISSING = -(2.0**109)
"""Vensim's :NA:, a number far outside any model."""

SMALL = 1e-6
"""Vensim's ZIDZ and XIDZ take a divisor below this for zero."""


def both(a: Array, b: Array) -> Array:
    """Logical and."""
    return library(a, b).logical_and(a, b)


def any_of(a: Array, b: Array) -> Array:
    """Logical or."""
    return library(a, b).logical_or(a, b)


def negated(a: Array) -> Array:
    """Logical not."""
    return library(a).logical_not(a)


def quotient(a: Array, b: Array) -> Array:
    """``a / b``; infinite or undefined where ``b`` is zero, as a branch that is not taken may be."""
    return library(a, b).divide(a, b)


def power(a: Array, b: Array) -> Array:
    """``a`` to the power ``b``."""
    lib = library(a, b)
    return lib.power(lib.asarray(a, dtype=float), b)


def remainder(a: Array, b: Array) -> Array:
    """Remainder with the sign of ``a``."""
    return library(a, b).fmod(a, b)


def whole(x: Array) -> Array:
    """The whole part, towards zero."""
    return library(x).trunc(x)


def quantum(a: Array, b: Array) -> Array:
    """The largest multiple of ``b`` not beyond ``a`` (towards zero); ``a`` itself where ``b`` ≤ 0."""
    return f.where(b <= 0.0, a, b * whole(quotient(a, f.where(b <= 0.0, 1.0, b))))


def safediv(a: Array, b: Array, otherwise: Array = 0.0) -> Array:
    """``a / b``, and ``otherwise`` where ``b`` is zero."""
    zero = b == 0.0
    return f.where(zero, otherwise, quotient(a, f.where(zero, 1.0, b)))


def xidz(a: Array, b: Array, otherwise: Array) -> Array:
    """``a / b``, and ``otherwise`` where ``b`` is zero to Vensim's tolerance."""
    zero = f.absolute(b) < SMALL
    return f.where(zero, otherwise, quotient(a, f.where(zero, 1.0, b)))


def zidz(a: Array, b: Array) -> Array:
    """``a / b``, and zero where ``b`` is zero to Vensim's tolerance."""
    return xidz(a, b, 0.0)


def log10(x: Array) -> Array:
    """Logarithm to base 10."""
    return library(x).log10(x)


def log_base(x: Array, base: Array) -> Array:
    """Logarithm to a base."""
    return f.log(x) / f.log(base)


def tan(x: Array) -> Array:
    """Tangent of radians."""
    return library(x).tan(x)


def arcsin(x: Array) -> Array:
    """Inverse sine, in radians."""
    return library(x).arcsin(x)


def arccos(x: Array) -> Array:
    """Inverse cosine, in radians."""
    return library(x).arccos(x)


def arctan(x: Array) -> Array:
    """Inverse tangent, in radians."""
    return library(x).arctan(x)


def sinh(x: Array) -> Array:
    """Hyperbolic sine."""
    return library(x).sinh(x)


def cosh(x: Array) -> Array:
    """Hyperbolic cosine."""
    return library(x).cosh(x)


def log_gamma(x: Array) -> Array:
    """Natural logarithm of the gamma function of a plain number."""
    return lgamma(x)


def circle() -> float:
    """π."""
    return pi


def step_function(height: Array, at: Array, time: Array, dt: Array) -> Array:
    """``height`` from the time ``at`` on, zero before."""
    return f.where(time + 0.5 * dt > at, height, 0.0)


def ramp(slope: Array, begin: Array, time: Array, dt: Array) -> Array:
    """A straight rise from ``begin`` on."""
    return f.where(time > begin, slope * (time - begin), 0.0)


def ramp_until(slope: Array, begin: Array, end: Array, time: Array, dt: Array) -> Array:
    """A straight rise between two times, level afterwards."""
    return f.where(time > begin, slope * (f.minimum(time, end) - begin), 0.0)


def pulse_window(begin: Array, width: Array, time: Array, dt: Array) -> Array:
    """1 from ``begin`` for ``width``, at least one step (Vensim's PULSE)."""
    now = time + 0.5 * dt
    return f.where(both(now > begin, now < begin + f.maximum(width, dt)), 1.0, 0.0)


def pulse_train(begin: Array, width: Array, interval: Array, end: Array, time: Array, dt: Array) -> Array:
    """Pulses of ``width`` every ``interval`` between two times (Vensim's PULSE TRAIN)."""
    now = time + 0.5 * dt
    phase = now - begin - interval * library(now, begin, interval).floor((now - begin) / interval)
    within = both(both(now > begin, time < end), phase < f.maximum(width, dt))
    return f.where(within, 1.0, 0.0)


def pulse_amount(amount: Array, first: Array, interval: Array, time: Array, dt: Array) -> Array:
    """An amount that falls into one step at ``first`` and every ``interval`` after it (once if zero): XMILE's PULSE."""
    now = time + 0.5 * dt
    every = f.where(interval > 0.0, interval, 1.0)
    repeats = library(now, first, every).floor((now - first) / every)
    phase = now - first - f.where(interval > 0.0, repeats * every, 0.0)
    return f.where(both(now > first, phase < dt), amount / dt, 0.0)


def pulse_every_step(amount: Array, time: Array, dt: Array) -> Array:
    """XMILE's PULSE with its amount alone: in every step."""
    return amount / dt


def piecewise(x: Array, xs: Sequence[float], ys: Sequence[float], mode: str) -> Array:
    """A graphical function; ``mode`` as in `Lookup`. Repeated x values are jumps."""
    if mode == "discrete":
        result = 0.0 * x + ys[0]
        for before, after, at in zip(ys, ys[1:], xs[1:], strict=False):
            result = result + f.where(x >= at, after - before, 0.0)
        return result
    result = 0.0 * x + ys[0]
    for x0, x1, y0, y1 in zip(xs, xs[1:], ys, ys[1:], strict=False):
        if x1 == x0:
            result = result + f.where(x >= x1, y1 - y0, 0.0)
        elif y1 != y0:
            result = result + (f.clip(x, x0, x1) - x0) * ((y1 - y0) / (x1 - x0))
    if mode == "extrapolate" and len(xs) > 1 and xs[0] < xs[1] and xs[-2] < xs[-1]:
        result = result + (f.minimum(x, xs[0]) - xs[0]) * ((ys[1] - ys[0]) / (xs[1] - xs[0]))
        result = result + (f.maximum(x, xs[-1]) - xs[-1]) * ((ys[-1] - ys[-2]) / (xs[-1] - xs[-2]))
    return result


def inverse(y: float, xs: Sequence[float], ys: Sequence[float]) -> Array:
    """The x at which a rising graphical function has the value ``y``."""
    return piecewise(y, ys, xs, "continuous")
