"""Exponential, logarithm, power and hyperbolic tangent of a vector of draws, as LLVM functions in double precision.

LLVM has no vector versions of its own, and calling the C library lane by lane costs more than the rest of a model.
Each is within 4 units in the last place of the exact value (the power: 4 + 3 |y ln x|). Zero, infinity and what is
undefined give NumPy's results, but a broken power of −∞ is undefined. Numbers below 2^-1022 (2.2e-308) count as zero,
and results below 10^-307 are zero.

- e^x = 2^k e^r with k = round(x / ln 2) and |r| ≤ ln 2 / 2, e^r by its Taylor series to r^13 (remainder 4e-18);
- ln x = k ln 2 + 2 artanh(s) with x = 2^k (1 + f), s = f / (2 + f), |s| ≤ 0.172, its series to s^21 (2e-17);
- tanh x = x + x^3 P(x²)/Q(x²) below 0.625 (Cephes, Moshier 1989), 1 − 2 / (e^2x + 1) above.

Reduction with ln 2 in two parts: Cody & Waite (1980), chapters 5 and 6.
"""

from __future__ import annotations

import math
import struct

LANES = 8
"""Draws in one vector: the widest registers in use; LLVM splits it for narrower ones."""
VECTOR, WHOLE, TRUTH = f"<{LANES} x double>", f"<{LANES} x i64>", f"<{LANES} x i1>"

_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
"""ln 2 to 32 bits: its products with an exponent are exact."""
_LN2_LOW = 1.90821492927058770002e-10
_ROUNDING = float.fromhex("0x1.8p52")
"""Added to a number, it leaves the nearest whole number in the lowest bits."""
_ROOT_HALF = math.sqrt(0.5)
_TANH_P = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
_TANH_Q = (1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)


def literal(value: float) -> str:
    """A double as LLVM writes it."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def splat(value: float) -> str:
    """A constant in every lane."""
    return f"splat (double {literal(value)})"


def bits(value: float) -> int:
    """The bits of a double as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


class Lines:
    """Instructions one after another, each giving a new name."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.count = 0

    def add(self, instruction: str) -> str:
        """The name of an instruction's result."""
        self.count += 1
        self.text.append(f"  %t{self.count} = {instruction}")
        return f"%t{self.count}"

    def operation(self, name: str, a: str, b: str) -> str:
        """Sum, difference, product or quotient; a product and a sum may become one instruction."""
        return self.add(f"f{name} contract {VECTOR} {a}, {b}")

    def fused(self, a: str, b: str, c: str) -> str:
        """a × b + c."""
        return self.operation("add", self.operation("mul", a, b), c)

    def polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        """By Estrin's scheme; the constant term first."""
        terms = [splat(c) for c in coefficients]
        power = x
        while len(terms) > 1:
            joined = [self.fused(power, b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = joined + terms[len(terms) - len(terms) % 2 :]
            power = self.operation("mul", power, power) if len(terms) > 1 else power
        return terms[0]

    def select(self, comparison: str, a: str, b: str, yes: str, no: str) -> str:
        """``yes`` where a comparison holds."""
        which = self.add(f"fcmp {comparison} {VECTOR} {a}, {b}")
        return self.add(f"select {TRUTH} {which}, {VECTOR} {yes}, {VECTOR} {no}")


def definitions() -> str:
    """The functions as LLVM text: ``@exp8``, ``@log8``, ``@pow8``, ``@tanh8``."""
    return "\n".join([_function("exp8", "%x", _exp), _function("log8", "%x", _log), _function("tanh8", "%x", _tanh),
                      _power()])  # fmt: skip


def _function(name: str, argument: str, body: object) -> str:
    lines = Lines()
    result = body(lines, argument)  # type: ignore[operator]
    head = f"define internal {VECTOR} @{name}({VECTOR} {argument}) #0 {{"
    return "\n".join([head, *lines.text, f"  ret {VECTOR} {result}", "}"])


def _exp(lines: Lines, x: str) -> str:
    shifted = lines.fused(x, splat(1 / math.log(2)), splat(_ROUNDING))
    k = lines.operation("sub", shifted, splat(_ROUNDING))
    r = lines.fused(k, splat(-_LN2_HIGH), x)
    r = lines.fused(k, splat(-_LN2_LOW), r)
    series = lines.polynomial(r, tuple(1 / math.factorial(n) for n in range(14)))
    whole = lines.add(f"bitcast {VECTOR} {shifted} to {WHOLE}")
    # 2^(k − 1), then twice that: 2^k itself overflows for the largest results.
    biased = lines.add(f"add {WHOLE} {whole}, splat (i64 1022)")
    raised = lines.add(f"shl {WHOLE} {biased}, splat (i64 52)")
    scale = lines.add(f"bitcast {WHOLE} {raised} to {VECTOR}")
    half = lines.operation("mul", series, scale)
    found = lines.operation("add", half, half)
    found = lines.select("ogt", x, splat(709.782712893384), splat(math.inf), found)
    return lines.select("olt", x, splat(-707.0), splat(0.0), found)


def _log(lines: Lines, x: str) -> str:
    whole = lines.add(f"bitcast {VECTOR} {x} to {WHOLE}")
    offset = lines.add(f"sub {WHOLE} {whole}, splat (i64 {bits(_ROOT_HALF)})")
    exponent = lines.add(f"ashr {WHOLE} {offset}, splat (i64 52)")
    shifted = lines.add(f"shl {WHOLE} {exponent}, splat (i64 52)")
    mantissa = lines.add(f"sub {WHOLE} {whole}, {shifted}")
    f = lines.operation("sub", lines.add(f"bitcast {WHOLE} {mantissa} to {VECTOR}"), splat(1.0))
    moved = lines.add(f"add {WHOLE} {exponent}, splat (i64 {bits(_ROUNDING)})")
    k = lines.operation("sub", lines.add(f"bitcast {WHOLE} {moved} to {VECTOR}"), splat(_ROUNDING))
    s = lines.operation("div", f, lines.operation("add", f, splat(2.0)))
    square = lines.operation("mul", s, s)
    series = lines.polynomial(square, tuple(2 / (2 * n + 1) for n in range(1, 11)))
    # 2s = f − s f: what s lost in rounding comes back with f, which is exact.
    tail = lines.operation("mul", s, lines.operation("sub", lines.operation("mul", square, series), f))
    found = lines.operation("add", f, lines.fused(k, splat(_LN2_LOW), tail))
    found = lines.fused(k, splat(_LN2_HIGH), found)
    found = lines.select("oeq", x, splat(math.inf), x, found)
    found = lines.select("ult", x, splat(2.0**-1022), splat(-math.inf), found)
    return lines.select("ult", x, splat(0.0), splat(math.nan), found)


def _tanh(lines: Lines, x: str) -> str:
    square = lines.operation("mul", x, x)
    above = lines.polynomial(square, _TANH_P[::-1])
    below = lines.polynomial(square, (*_TANH_Q[::-1], 1.0))
    cube = lines.operation("mul", x, square)
    small = lines.fused(cube, lines.operation("div", above, below), x)
    power = lines.add(f"call {VECTOR} @exp8({VECTOR} {lines.operation('add', x, x)})")
    share = lines.operation("div", splat(2.0), lines.operation("add", power, splat(1.0)))
    large = lines.operation("sub", splat(1.0), share)
    size = lines.add(f"call {VECTOR} @llvm.fabs.v{LANES}f64({VECTOR} {x})")
    return lines.select("olt", size, splat(0.625), small, large)


def _power() -> str:
    lines = Lines()
    size = lines.add(f"call {VECTOR} @llvm.fabs.v{LANES}f64({VECTOR} %x)")
    logarithm = lines.add(f"call {VECTOR} @log8({VECTOR} {size})")
    product = lines.operation("mul", logarithm, "%y")
    found = lines.add(f"call {VECTOR} @exp8({VECTOR} {product})")
    found = lines.select("oeq", size, splat(1.0), splat(1.0), found)
    found = lines.select("oeq", "%y", splat(0.0), splat(1.0), found)
    # A negative base has whole powers only: odd ones are negative.
    half = lines.operation("mul", "%y", splat(0.5))
    minus = lines.add(f"fneg {VECTOR} {found}")
    signed = lines.select("oeq", _floor(lines, half), half, found, minus)
    signed = lines.select("oeq", _floor(lines, "%y"), "%y", signed, splat(math.nan))
    found = lines.select("olt", "%x", splat(0.0), signed, found)
    head = f"define internal {VECTOR} @pow8({VECTOR} %x, {VECTOR} %y) #0 {{"
    return "\n".join([head, *lines.text, f"  ret {VECTOR} {found}", "}"])


def _floor(lines: Lines, x: str) -> str:
    return lines.add(f"call {VECTOR} @llvm.floor.v{LANES}f64({VECTOR} {x})")
