"""Headroom: published distances, signs, order."""

import pytest

from forkpoint.rules.headroom import headroom


def lines(chip, **words):
    return {line.clause.split(" - ")[0]: line for line in headroom(chip, **words)}


def test_the_h20_stands_just_below_3a090_b():
    """TPP 2,368 against 2,400; performance density 2.91 against 3.2 (IFP)."""
    line = lines("H20", to="CN", on="2024-03-01")["3A090.b"]
    assert line.margin == pytest.approx(32 / 2400)
    assert not line.met


def test_the_same_chip_is_far_beyond_the_letter_of_2025():
    line = next(x for name, x in lines("H20", to="CN", on="2025-05-01").items() if name.startswith("Bandwidth"))
    assert line.met
    assert line.margin == pytest.approx(-(5028 - 1700) / 1700)


def test_the_nearest_line_comes_first():
    found = [abs(line.margin) for line in headroom("RTX 4090D", to="CN", on="2024-01-15")]
    assert found == sorted(found)
