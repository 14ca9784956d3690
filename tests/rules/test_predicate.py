from __future__ import annotations

import math

import numpy as np
import pytest

from forkpoint.errors import InputError, UnknownName
from forkpoint.rules.predicate import NO, UNKNOWN, YES, Number, Predicate, Truth, Word, exactly, word

FACTS = {
    "x": exactly(5.0),
    "wide": Number(1.0, 9.0),
    "undefined": exactly(math.nan),
    "yes": YES,
    "no": NO,
    "open": UNKNOWN,
}
FACTS |= {"place": Word("CN"), "nowhere": word(None)}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x >= 5", YES),
        ("x > 5", NO),
        ("4 <= x and x < 6", YES),
        ("4 <= x < 6", YES),
        ("wide >= 5", UNKNOWN),
        ("wide >= 1", YES),
        ("wide > 9", NO),
        ("wide < 9", UNKNOWN),
        ("wide + x >= 6", YES),
        ("x - wide > 0", UNKNOWN),
        ("-x < 0", YES),
        ("undefined >= 0", NO),
        ("undefined < 0", NO),
        ("not open", UNKNOWN),
        ("open and no", NO),
        ("open or yes", YES),
        ("open and yes", UNKNOWN),
        ("place == 'CN'", YES),
        ("place != 'CN'", NO),
        ("place in ['US', 'CN']", YES),
        ("place not in ['US', 'CN']", NO),
        ("nowhere == 'CN'", UNKNOWN),
        ("nowhere in []", NO),
        ("True", YES),
    ],
)
def test_three_answers(text: str, answer: Truth) -> None:
    assert Predicate(text)(FACTS) == answer


@pytest.mark.parametrize(
    ("text", "margin"),
    [("x >= 10", 0.5), ("x >= 4", -0.25), ("x < 4", 0.25), ("4 <= x", -0.25), ("x >= 10 or x >= 6", 1 / 6)],
)
def test_margin_is_the_signed_distance_to_the_line(text: str, margin: float) -> None:
    assert Predicate(text).margin(FACTS) == pytest.approx(margin)


def test_margin_of_an_unknown_or_a_word_is_none() -> None:
    assert Predicate("wide >= 5").margin(FACTS) is None
    assert Predicate("place == 'US'").margin(FACTS) is None


def test_what_keeps_an_answer_open() -> None:
    assert Predicate("yes and (wide >= 5 or open) and x > 1").unsettled(FACTS) == {"wide", "open"}
    assert Predicate("no and wide >= 5").unsettled(FACTS) == set()


def test_arrays_answer_element_by_element() -> None:
    low = np.array([1.0, 5.0, 9.0])
    answer = Predicate("x >= 5 and not (x >= 8)")({"x": Number(low, low)})
    assert answer.surely.tolist() == answer.possibly.tolist() == [False, True, False]


@pytest.mark.parametrize(
    "text", ["", "x >", "f(x)", "x.y", "lambda: 1", "x if x else x", "x ** 2 > 1", "[x for x in y]"]
)
def test_no_other_language_gets_in(text: str) -> None:
    with pytest.raises(InputError):
        Predicate(text).names  # noqa: B018


def test_slips_are_told() -> None:
    with pytest.raises(UnknownName, match="did you mean place"):
        Predicate("plase == 'CN'")(FACTS)
    with pytest.raises(InputError, match="not a number"):
        Predicate("place >= 5")(FACTS)
    with pytest.raises(InputError, match="not a condition"):
        Predicate("x + 1")(FACTS)
    with pytest.raises(InputError, match="yes/no"):
        Predicate("x and yes")(FACTS)
    with pytest.raises(InputError, match="not a list"):
        Predicate("place in 'CN'")(FACTS)
    with pytest.raises(InputError, match="words"):
        Predicate("x == 5")(FACTS)
