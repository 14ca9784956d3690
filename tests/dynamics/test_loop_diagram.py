"""The diagram: well-formed, complete, the same each time, and honest about what it knows."""

from xml.etree import ElementTree

import pytest
from loop_cases import arms_race, market

from forkpoint.dynamics.loop_diagram import NEGATIVE, POSITIVE, UNKNOWN, causal_loop_diagram
from forkpoint.dynamics.loops import find_loops
from forkpoint.errors import InputError

SVG = "{http://www.w3.org/2000/svg}"
NAMES = {"R1": ("base", "choice"), "R2": ("experience", "cost"), "B1": ("scrapping", "base")}


def test_every_variable_link_and_name_is_drawn():
    model = market()
    loops = find_loops(model, NAMES)
    picture = ElementTree.fromstring(causal_loop_diagram(model, loops, model.run(), at=2.0))
    groups = picture.findall(f"{SVG}g")
    links = [g for g in groups if g.get("class") == "link"]
    assert len(links) == len({x for loop in loops for x in loop.links})
    assert len(groups) - len(links) == len({v for loop in loops for v in loop.variables})
    marks = [t.findtext(f"{SVG}title") and "".join(t.itertext()) for t in picture.findall(f"{SVG}text")]
    assert [m[-6:] for m in marks] == ["B1 (B)", "R1 (R)", "R2 (R)"]
    colour = {g.findtext(f"{SVG}title").split(":")[0]: g.find(f"{SVG}path").get("stroke") for g in links}
    assert colour["experience → cost"] == NEGATIVE
    assert colour["installed_share → choice"] == POSITIVE
    stocks = [g for g in groups if g.get("class") == "stock"]
    assert len(stocks) == 2
    assert all(g.find(f"{SVG}rect").get("stroke") for g in stocks)


def test_the_cursor_moves_the_strengths():
    model = market()
    loops, run = find_loops(model, NAMES), model.run()
    early, late = (causal_loop_diagram(model, loops, run, at=t) for t in (0.5, 19.0))
    assert early != late
    assert early == causal_loop_diagram(model, loops, run, at=0.5)
    with pytest.raises(InputError, match="outside the run"):
        causal_loop_diagram(model, loops, run, at=50.0)


def test_boxes_take_the_words_of_another_language_and_grow_with_them():
    model = arms_race()
    loops = find_loops(model)
    name = loops[0].variables[0]
    own, other = (
        ElementTree.fromstring(causal_loop_diagram(model, loops, label=label))
        for label in (lambda _: "ab", lambda v: "存量" if v == name else "ab")
    )

    def box(picture):
        return next(g for g in picture.findall(f"{SVG}g") if g.findtext(f"{SVG}title").startswith(f"{name}: "))

    assert "".join(box(other).find(f"{SVG}text").itertext()) == "存量"
    assert float(box(other).find(f"{SVG}rect").get("width")) > float(box(own).find(f"{SVG}rect").get("width"))


def test_without_a_run_no_polarity_is_claimed():
    model = arms_race()
    text = causal_loop_diagram(model, find_loops(model))
    assert UNKNOWN in text
    assert POSITIVE not in text
    assert NEGATIVE not in text
    with pytest.raises(InputError, match="at least one loop"):
        causal_loop_diagram(model, [])
