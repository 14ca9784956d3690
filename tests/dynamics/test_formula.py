from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.dynamics.exchange.builtins import evaluate_constant
from forkpoint.dynamics.exchange.formula import Binary, Call, Name, Number, Unary, canonical, parse
from forkpoint.errors import InputError


def value(text: str) -> float:
    return evaluate_constant(parse(text), lambda name: Number(math.nan), "xmile", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4", 14.0), ("(2 + 3) * 4", 20.0), ("-2 ^ 2", -4.0), ("2 ^ 3 ^ 2", 512.0), ("2 ^ -1", 0.5),
        ("7 MOD 4", 3.0), ("-7 mod 4", -3.0), ("8 / 4 / 2", 1.0), ("10 - 4 - 3", 3.0), ("1e3 + .5", 1000.5),
        ("IF 1 < 2 AND NOT 3 <> 3 THEN 5 ELSE 6", 5.0), ("if 1 > 2 or 2 >= 3 then 5 else if 1 = 1 then 7 else 8", 7.0),
        ("max(2, min(9, 4)) {a remark} + 1", 5.0), ("4 // 0", 0.0), ("SAFEDIV(4, 0, 9)", 9.0), ("pi()", math.pi),
        ("INT(-2.7)", -2.0), ("(2 > 1) + (1 > 2)", 1.0),
    ],
)  # fmt: skip
def test_values(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-15)


def test_names_are_one_whatever_their_spaces_and_case() -> None:
    assert canonical('"Net  Flow"') == canonical("net_flow") == canonical("NET\\nFLOW") == "net_flow"
    assert parse("birth rate * 2") == Binary("*", Name("birth_rate"), Number(2.0))
    assert parse('"a, (b)"') == Name("a,_(b)")


def test_calls_and_signs() -> None:
    assert parse("SMTH1(x, -2)") == Call("smth1", (Name("x"), Unary("-", Number(2.0))))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 +", r"expected a number, a name or '\(' at the end"), ("(2 + 3", r"expected '\)'"), ("2 ? 3", "unexpected"),
        ("IF 1 THEN 2", "expected 'else'"), ("a b § c", "unexpected character '§' at position 5"),
        ("2 3", "unexpected '3' at position 3"),
    ],
)  # fmt: skip
def test_errors_say_where(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(text, "file: 'x'")


@given(st.recursive(
    st.integers(1, 9).map(str),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=12,
))  # fmt: skip
def test_arithmetic_is_that_of_python(text: str) -> None:
    assert value(text) == eval(text)


@given(st.text(alphabet="ab1 2._+-*/^()[],<>=!:?'\"{}~\\n", max_size=30))
def test_any_text_parses_or_is_refused_in_words(text: str) -> None:
    for word_operators in (True, False):
        with suppress(InputError):
            parse(text, "f", word_operators)


def test_deep_nesting_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        parse("(" * 5000 + "1" + ")" * 5000)
