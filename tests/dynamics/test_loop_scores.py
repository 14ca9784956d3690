"""Loops That Matter: published definition, another implementation, brute force over elements, and known verdicts."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import simlin
from loop_cases import arms_race, bass, linear_chain, logistic, market
from sample_models import NAMES, example

from forkpoint.dynamics import Model, flow, parameter, stock
from forkpoint.dynamics.emit.xmile import element_names, to_xmile
from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.link_gains import along, link_gains
from forkpoint.dynamics.loop_scores import loop_scores, relative_link_strength
from forkpoint.dynamics.loops import Loop, find_loops


def scored(model, **options):
    return loop_scores(model, model.run(**options), find_loops(model))


def published_link_score(model: Model, run, link: Link) -> np.ndarray:
    """Schoenberg et al. 2020, eq. 1 and 2023, eq. 3, as they are printed: re-evaluation with one input changed."""
    source, target = link
    path = along(model, run)
    if target in model.stocks:
        net = model.system(1).rates(dict(path.values))[target]
        inflow = (1.0 if model[source].into == target else 0.0) - (1.0 if model[source].outof == target else 0.0)
        return inflow * np.abs(path.change(source) / np.diff(net))
    equation = model.equation(target, 1)
    before = {name: path.before(name) for name in equation.inputs}
    partial = equation(before | {source: path.values[source][..., 1:]}) - path.values[target][..., :-1]
    return np.abs(partial / path.change(target)) * np.sign(partial / path.change(source))


@pytest.mark.parametrize("build", [bass, logistic, arms_race])
def test_loop_scores_are_products_of_the_published_link_scores(build):
    model = build(stop=5.0)
    run = model.run()
    scores = loop_scores(model, run, find_loops(model))
    for row, loop in enumerate(scores.loops):
        expected = np.prod([published_link_score(model, run, link) for link in loop.links], axis=0)
        np.testing.assert_allclose(scores.score[row], expected, rtol=1e-8)


def in_pysimlin(model: Model, folder: Path) -> tuple[dict[Loop, np.ndarray], int]:
    """pysimlin's relative scores of the exported model by loop of ours, and how many of its loops turn twice.

    The export has a variable an element; element loops of one loop are added up and the sums made relative again.
    """
    file = folder / "model.xmile"
    file.write_text(to_xmile(model), encoding="utf-8")
    found = simlin.load(file).run().loops
    own = {element.lower(): name for name in (*model.stocks, *model.order) for element in element_names(model, name)}
    sums: dict[Loop, np.ndarray] = {}
    twice = 0
    for loop in found:
        names = tuple(own[name] for name in loop.variables if name in own)
        if len(set(names)) < len(names):
            twice += 1
            continue
        sums[Loop(names)] = sums.get(Loop(names), 0.0) + np.asarray(loop.behavior_time_series)[1:]
    return sums, twice


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_per_step_agreement_with_pysimlin_on_the_gallery(name, tmp_path):
    """Scalar models to rounding; over arrays the two differ in the third order of the step."""
    model = example(name).build()
    theirs, twice = in_pysimlin(model, tmp_path)
    ours = loop_scores(model, model.run(), find_loops(model))
    assert set(theirs) == set(ours.loops)
    assert (twice > 0) == bool(model.dimensions)
    total = sum(np.abs(score) for score in theirs.values())
    for loop, score in theirs.items():
        difference = np.abs(score / np.where(total > 0, total, np.nan) - ours.of(loop))
        assert np.nanmedian(difference) <= (2e-4 if model.dimensions else 1e-12), loop.path
        assert np.nanmax(difference) <= (2e-3 if model.dimensions else 1e-9), loop.path


@pytest.mark.oracle
def test_per_step_agreement_with_pysimlin_on_the_arms_race(tmp_path):
    model = arms_race()
    file = tmp_path / "model.xmile"
    file.write_text(to_xmile(model), encoding="utf-8")
    theirs = simlin.load(file).run().loops
    ours = scored(model)
    assert len(theirs) == len(ours.loops) == 8
    for loop in theirs:
        # It lists the variables of both rings in the same order, so a ring is known by its score.
        candidates = [ours.of(x) for x in ours.loops if set(x.variables) == set(loop.variables)]
        score = np.asarray(loop.behavior_time_series)[1:]
        assert min(np.nanmax(np.abs(score - candidate)) for candidate in candidates) <= 1e-9


def test_bass_dominance_switches_at_half_adoption():
    """Word of mouth and saturation balance at (1 − p/q) / 2 of the market: 49 % for p = 0.01, q = 0.5."""
    model = bass(step=1 / 64)
    run = model.run()
    scores = loop_scores(model, run, find_loops(model))
    balance = scores.relative.sum(axis=0)
    switch = int(np.flatnonzero(np.diff(np.sign(balance)))[0])
    assert np.sum(np.diff(np.sign(balance)) != 0) == 1
    adopted = run["adopters"][switch] / 1000.0
    assert adopted == pytest.approx(0.5 * (1 - 0.01 / 0.5), abs=0.005)
    periods = scores.dominant_periods(window=0.5)
    assert [p.loops[0].variables for p in periods] == [("adopters", "adoption"), ("adoption", "potential")]


def test_logistic_growth_first_reinforcing_then_balancing():
    model = logistic(step=1 / 64)
    run = model.run()
    scores = loop_scores(model, run, find_loops(model))
    births, deaths = (scores.of(loop) for loop in scores.loops)
    level = 0.5 * (run["population"][1:] + run["population"][:-1])
    # Gains g and 2 g P / K balance at half the capacity.
    early, late = level < 495, (level > 505) & (level < 995)
    assert (births[early] > -deaths[early]).all()
    assert (births[late] < -deaths[late]).all()
    assert scores.polarity == ("reinforcing", "balancing")
    np.testing.assert_allclose(births[early], 1 / (1 + 2 * level[early] / 1000), rtol=1e-3)


def test_arms_race_own_loops_balance_and_all_others_reinforce():
    scores = scored(arms_race())
    for loop, polarity in zip(scores.loops, scores.polarity, strict=True):
        assert polarity == ("balancing" if len(loop) == 2 else "reinforcing")
    np.testing.assert_allclose(np.abs(scores.relative).sum(axis=0), 1.0, rtol=1e-12)


def test_arrays_equal_the_sum_over_their_element_loops():
    """Every element loop that closes after one turn, one by one."""
    model = market(stop=5.0)
    run = model.run()
    loops = find_loops(model)
    scores = loop_scores(model, run, loops)
    path, gains = along(model, run), link_gains(model, run)

    def elements(name):
        return list(product(*(range(n) for n in model.shape(name))))

    def entry(link, source, target):
        gain = gains[link]
        at = dict(zip(gain.source_dims, source, strict=True))
        to = dict(zip(gain.target_dims, target, strict=True))
        if any(at[d] != to[d] for d in gain.shared):
            return 0.0
        value = gain.values[(slice(None), *target, *(at[d] for d in gain.mixed))]
        if link[1] in model.stocks:
            net = model.system(1).rates(dict(path.values))[link[1]]
            value = value * np.abs(np.diff(path.values[link[1]]) / np.diff(net))[target]
        return value

    for row, loop in enumerate(loops):
        total = 0.0
        for turn in product(*(elements(name) for name in loop.variables)):
            weight = 1.0
            for position, link in enumerate(loop.links):
                weight = weight * entry(link, turn[position], turn[(position + 1) % len(turn)])
                if np.all(weight == 0):
                    break
            total = total + weight
        np.testing.assert_allclose(scores.score[row], total, rtol=1e-9)


def test_splitting_a_flow_changes_no_score():
    """The property for which the 2023 paper corrects the first one."""
    growth = parameter(0.4, unit="1/year", doc="Growth.")

    def model(parts):
        def births(population, growth):
            return growth * population / parts

        def deaths(population, growth):
            return growth * population * population / 1000.0

        declared = {"growth": growth, "population": stock(5.0, unit="person", doc="People.")}
        declared["deaths"] = flow(outof="population", unit="person/year")(deaths)
        for part in range(parts):
            from dataclasses import replace

            declared[f"births_{part}"] = replace(
                flow(into="population", unit="person/year")(births), name=f"births_{part}"
            )
        return Model(declared, start=0.0, stop=20.0, step=0.25)

    one, two = scored(model(1)), scored(model(2))
    whole, parts = (sum(s.of(x) for x in s.loops if "births" in x.path) for s in (one, two))
    np.testing.assert_allclose(whole, parts, rtol=1e-7)


def test_at_rest_nothing_is_explained():
    model = logistic()
    scores = scored(model, initial={"population": 1000.0})
    assert np.isnan(scores.relative).all()
    assert (scores.score == 0).all()
    assert np.isnan(list(scores.average().values())).all()
    assert scores.dominant_periods() == []
    assert scores.polarity == ("reinforcing", "balancing"), "polarity is structure and is known at rest"


def test_steady_growth_is_no_division_by_noise():
    """A straight line: no feedback acts and no score may come out of rounding."""
    trickle = parameter(0.1, unit="L/year", doc="Inflow.")
    level = stock(0.3, unit="L", doc="Level.")

    @flow(into="level", unit="L/year")
    def inflow(trickle, level):
        """Steady, whatever the level."""
        return trickle + 0.0 * level

    scores = scored(Model(dict(locals()), start=0.0, stop=9.0, step=0.1))
    assert np.isnan(scores.relative).all()
    assert scores.polarity == ("none",)


def test_a_loop_alone_is_flagged_and_ranked_behind():
    scores = scored(linear_chain())
    alone = next(iter(scores.loops.alone))
    np.testing.assert_allclose(scores.of(alone), -1.0)
    told = scores.explain()
    assert "alone in its group" in told.children[-1].detail
    assert told.children[0].name != alone.label


def test_names_add_up_their_loops_and_results_are_labelled():
    model = market()
    loops = find_loops(model, {"sales": {("choice", "sales")}, "wear": ("base", "scrapping")})
    scores = loop_scores(model, model.run(), loops)
    by_name = scores.average(by_name=True)
    assert set(by_name) == {"sales", "wear"}
    np.testing.assert_allclose(by_name["sales"], sum(scores.average()[x] for x in loops.named("sales")))
    assert sum(map(abs, by_name.values())) == pytest.approx(1.0)
    data = scores.to_xarray()
    assert data.relative_score.dims == ("loop", "time")
    assert data.attrs["search_complete"] == 1
    assert scores.explain().numbers["search complete"].value is True
    assert (scores.confidence > 0.999).all()


def test_link_strengths_are_shares_with_the_sign_of_the_link():
    model = market()
    strength = relative_link_strength(model, model.run())
    into = [v for (_, target), v in strength.items() if target == "base"]
    np.testing.assert_allclose(np.abs(into).sum(axis=0), 1.0)
    assert (strength["scrapping", "base"] <= 0).all()
    assert (strength["installed_share", "choice"] >= 0).all()
