"""Loops: found, named, told apart, and the search's limits stated."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_cases import arms_race, bass, large, linear_chain, market

from forkpoint.dynamics import Model
from forkpoint.dynamics.loop_scores import loop_scores
from forkpoint.dynamics.loops import Loop, find_loops
from forkpoint.dynamics.strongest_paths import strongest_loops
from forkpoint.errors import ModelError, UnknownName


def test_a_loop_is_the_same_from_wherever_it_is_read():
    assert Loop(("b", "c", "a")) == Loop(("a", "b", "c"))
    assert hash(Loop(("b", "c", "a"))) == hash(Loop(("a", "b", "c")))
    assert Loop(("a", "b", "c")) != Loop(("a", "c", "b")), "the other way round is another loop"
    assert Loop(("b", "c", "a")).links == (("a", "b"), ("b", "c"), ("c", "a"))


def test_the_arms_race_has_eight_loops_not_seven():
    loops = find_loops(arms_race())
    assert len(loops) == 8
    assert loops.complete
    rings = [loop for loop in loops if len(loop) == 6]
    assert len(rings) == 2, "the ring both ways round: the same variables, two loops"
    assert set(rings[0].variables) == set(rings[1].variables)


def test_enumeration_agrees_with_networkx_on_the_whole_graph():
    for model in (bass(), market(), arms_race()):
        cycles = {Loop(tuple(c)) for c in nx.simple_cycles(model.graph())}
        assert set(find_loops(model)) == cycles


def test_names_by_order_by_links_and_with_variables_left_out():
    names = {
        "R network": ("base", "installed_share", "choice", "sales"),
        "R learning": ("experience", "cost", "choice"),
        "B wear": {("scrapping", "base")},
        "all sales": {("choice", "sales")},
    }
    loops = find_loops(market(), names)
    assert [len(loops.named(n)) for n in names] == [1, 1, 1, 2]
    assert loops.named("R learning")[0].variables == (
        "choice", "sales", "production", "experience", "cost",
    )  # fmt: skip
    assert loops[0].names, "named loops come first"
    assert loops.by_name["all sales"] == loops.named("all sales")
    with pytest.raises(UnknownName, match="R learning"):
        loops.named("R learn")


def test_order_matters_in_a_name():
    one_way = find_loops(arms_race(), {"ring": ("arms_a", "arms_b", "arms_c")}).named("ring")
    other = find_loops(arms_race(), {"ring": ("arms_a", "arms_c", "arms_b")}).named("ring")
    assert len(one_way) == len(other) == 1
    assert one_way != other


@pytest.mark.parametrize(
    ("meaning", "words"),
    [
        (("adopter", "adoption"), "did you mean adopters"),
        (("adopters", "potential"), "adopters"),
        ({("adopters", "potential")}, "no input of 'potential'"),
        ("adopters", "sequence of variables"),
        (("market",), "market"),
    ],
)
def test_a_name_that_fits_no_loop_is_an_error_in_words(meaning, words):
    with pytest.raises(ModelError if "did" not in words and meaning != ("market",) else UnknownName, match=words):
        find_loops(bass(), {"B9": meaning})


def test_a_cut_off_search_says_so_and_still_finds_named_loops():
    model = large(sectors=4, per_sector=5)
    full = find_loops(model)
    assert full.complete
    longest = max(full, key=len)
    part = find_loops(model, {"far": longest.variables}, budget=len(full) // 3)
    assert not part.complete
    assert "not the longer ones" in part.search
    assert part.named("far") == (longest,)
    assert len(part) < len(full)
    assert set(part) <= set(full)


def test_a_named_loop_by_links_is_found_beyond_the_budget():
    model = large(sectors=4, per_sector=5)
    longest = max(find_loops(model), key=len)
    demanded = set(longest.links[::3])
    found = find_loops(model, {"far": demanded}, budget=50).named("far")
    assert longest in found
    assert all(demanded <= set(loop.links) for loop in found)


def test_the_strongest_paths_are_loops_of_the_model_and_meet_the_strongest():
    model = large(sectors=4, per_sector=5)
    run, full = model.run(), find_loops(model)
    strong = strongest_loops(model, run)
    assert set(strong) <= set(full)
    average = loop_scores(model, run, full).average()
    top = list(average)[:5]
    assert sum(loop in strong for loop in top) >= 4
    guided = find_loops(model, trajectory=run, budget=5)
    assert set(strong) <= set(guided)


def test_groups_and_loops_without_a_competitor():
    loops = find_loops(linear_chain())
    assert len(loops.partitions) == 2
    assert len(loops.alone) == 1
    assert "drain" in next(iter(loops.alone)).path


@settings(max_examples=15, deadline=None)
@given(st.permutations(["u", "kk", "zz", "a1", "m", "b2"]), st.randoms())
def test_names_and_order_of_declaration_change_nothing(words, random):
    names = ("arms_a", "arms_b", "arms_c", "build_a", "build_b", "build_c")
    new = dict(zip(names, words, strict=True))
    model = arms_race(stop=3.0)
    renamed = renamed_model(model, new, random)
    before, after = (loop_scores(m, m.run(), find_loops(m)) for m in (model, renamed))
    then = {loop: before.of(loop) for loop in before.loops}
    for loop, score in then.items():
        moved = after.of(Loop(tuple(new[v] for v in loop.variables)))
        assert abs(moved - score).max() < 1e-7


def renamed_model(model: Model, new: dict[str, str], random) -> Model:
    from dataclasses import replace

    declared = []
    for variable in model.variables.values():
        fields = {"name": new.get(variable.name, variable.name)}
        if hasattr(variable, "inputs"):
            fields["inputs"] = tuple(new.get(i, i) for i in variable.inputs)
        if getattr(variable, "into", None):
            fields["into"] = new[variable.into]
        declared.append(replace(variable, **fields))
    random.shuffle(declared)
    return Model(declared, start=model.start, stop=model.stop, step=model.step_length)
