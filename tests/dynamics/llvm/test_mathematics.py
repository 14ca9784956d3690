"""Vector functions against the C library's, in units of the last place, for every kind of number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES, VECTOR
from forkpoint.dynamics.llvm.text import module

pytest.importorskip("llvmlite")
TINY = 2.0**-1022
NUMBERS = st.lists(st.floats(allow_subnormal=False), min_size=LANES, max_size=LANES)
MODERATE = st.lists(st.floats(-50.0, 50.0, allow_subnormal=False), min_size=LANES, max_size=LANES)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e300]
MANY = settings(max_examples=300, deadline=None)


def vector_function(name):
    """One of the functions, over arrays of any length."""
    count = 2 if name == "pow8" else 1
    loads = [f"  %v{i} = load {VECTOR}, ptr %a{i}, align 8" for i in range(count)]
    given = ", ".join(f"{VECTOR} %v{i}" for i in range(count))
    pointers = ", ".join(f"ptr %a{i}" for i in range(count))
    text = [f"define void @apply({pointers}, ptr %out) #0 {{", *loads, f"  %r = call {VECTOR} @{name}({given})",
            f"  store {VECTOR} %r, ptr %out, align 8", "  ret void", "}"]  # fmt: skip
    compiled = Compiled(module(text), "apply", arrays=count + 1, numbers=0)

    def call(*arguments):
        given = np.broadcast_arrays(*(np.atleast_1d(np.asarray(a, float)) for a in arguments))
        shape, size = given[0].shape, given[0].size
        rows = [np.resize(a, -(-size // LANES) * LANES).reshape(-1, LANES) for a in given]
        out = np.empty_like(rows[0])
        for row in range(len(out)):
            compiled(*(np.ascontiguousarray(a[row]) for a in rows), out[row])
        return out.reshape(-1)[:size].reshape(shape)

    return call


FUNCTIONS = {name: vector_function(f"{name}8") for name in ("exp", "log", "tanh", "pow")}
EXACT = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "pow": np.power}


def within(name, allowed, *arguments):
    """The result against the C library's in extended precision: its kind, and its distance in units."""
    found = FUNCTIONS[name](*arguments)
    with np.errstate(all="ignore"):
        long = EXACT[name](*(np.asarray(a, np.longdouble) for a in arguments))
        exact = long.astype(float)
        small = np.abs(exact) < 1e-307
        units = np.abs((found - long) / np.spacing(np.abs(exact))).astype(float)
    plain = np.isfinite(exact) & ~small
    np.testing.assert_array_equal(found[~np.isfinite(exact)], exact[~np.isfinite(exact)])
    assert (np.abs(found[small]) < 1e-307).all()
    assert (units[plain] <= np.broadcast_to(allowed, exact.shape)[plain]).all(), (arguments, found, exact)


@pytest.mark.parametrize("name", ["exp", "log", "tanh"])
@MANY
@example(SPECIAL)
@example([709.78, 709.79, -706.9, -745.0, -1e300, 1e-300, -1e-300, 0.625])
@given(st.one_of(NUMBERS, MODERATE))
def test_one_argument_within_four_units(name, numbers):
    within(name, 4.0, np.array(numbers))


@MANY
@example(SPECIAL, [2.0, 3.0, -1.0, 3.0, 0.0, np.nan, 3.0, 2.0])
@example([-2.0] * 8, [3.0, -3.0, 2.0, 0.5, 2**53 + 2.0, np.inf, -np.inf, 0.0])
@example([0.0] * 8, [3.0, 3.5, 2.0, 0.5, -1.5, np.inf, -np.inf, 0.0])
@given(st.one_of(NUMBERS, MODERATE), st.one_of(NUMBERS, MODERATE))
def test_a_power_within_its_stated_units(bases, exponents):
    x, y = np.array(bases), np.array(exponents)
    x = np.where((x == 0.0) & (y < 0.0), 0.0, x)  # one over minus zero: the sign of zero does not count here
    x = np.where(x == -np.inf, -1e300, x)  # its broken powers are undefined here
    with np.errstate(all="ignore"):
        lost = np.minimum(np.nan_to_num(np.abs(y * np.log(np.abs(x))), nan=0.0), 1000.0)
        border = np.abs(np.abs(y * np.log(np.abs(x))) - 709.5) < 1.0  # within rounding of the largest number
    x = np.where(border, 1.5, x)
    y = np.where(border, 2.5, y)
    within("pow", 4.0 + 3.0 * np.where(border, 1.0, lost), x, y)


@pytest.mark.parametrize("name", ["exp", "log", "tanh"])
def test_dense_grids_stay_within_four_units(name):
    rng = np.random.default_rng(0)
    x = {
        "exp": rng.uniform(-706.0, 709.0, 20_000),
        "log": np.concatenate([np.exp(rng.uniform(-700.0, 700.0, 10_000)), rng.uniform(0.5, 2.0, 10_000)]),
        "tanh": np.concatenate([rng.uniform(-1.0, 1.0, 10_000), rng.uniform(-25.0, 25.0, 10_000)]),
    }[name]
    within(name, 4.0, x)


def test_neighbours_in_a_vector_change_nothing():
    x = np.array([0.3, 2.0, np.nan, -5.0, 1e300, 7.0, np.inf, 0.0])
    for function in (FUNCTIONS["exp"], FUNCTIONS["log"], FUNCTIONS["tanh"]):
        together = function(x)
        for lane, number in enumerate(x):
            np.testing.assert_array_equal(function(np.full(LANES, number)), np.full(LANES, together[lane]))


def test_numbers_below_the_normal_ones_count_as_zero():
    assert FUNCTIONS["log"]([TINY / 2])[0] == -np.inf
    assert FUNCTIONS["exp"]([-708.0])[0] == 0.0
