"""Premise sets: every stand has a source, stays in range, and parts of a disagreement sum to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.uncertainty.premises import Premise, PremiseSet, difference, drivers, premise_set, premise_sets, topics
from forkpoint.world.levers import Setting
from forkpoint.world.reference import references
from forkpoint.world.scenario import scenario


def test_every_premise_has_a_source_that_exists_and_a_number_within_its_range() -> None:
    cat = catalog()
    known = {c.claim_id for c in cat.claims} | {o.series for o in cat.observations}
    for one in premise_sets().values():
        for topic, premise in one.premises.items():
            assert topic in topics()
            assert premise.source in known or premise.source.startswith("https://"), (one.name, premise.source)
            for setting in premise.settings:
                reference = references()[setting.name]
                assert reference.low is not None
                assert reference.high is not None
                assert reference.low <= setting.value <= reference.high


def test_a_set_lays_only_the_named_topics_over_a_scenario() -> None:
    base = scenario("as-it-was")
    one = premise_set("semianalysis")
    assert one.scenario(base, topics=[]).settings == base.settings
    names = {s.name for s in one.scenario(base).settings}
    assert {"hbm_start", "hbm_growth"} <= names


class Sum:
    """A world whose answer is the sum of all settings in force."""

    def of(self, parts: object) -> np.ndarray:
        chosen = [s.premises[t] for s, t in parts if t in s.premises]  # type: ignore[attr-defined]
        return np.array([sum(x.value for p in chosen for x in p.settings)])


def camp(name: str, **values: float) -> PremiseSet:
    premises = {t: Premise(t, "", "", (Setting(t, v),)) for t, v in values.items()}
    return PremiseSet(name, name, name, premises)


def test_a_difference_is_divided_among_the_topics_that_differ() -> None:
    first, second = camp("a", memory=1.0, grey=2.0, learning=5.0), camp("b", memory=4.0, grey=2.0, capital=1.0)
    found = difference(first, second, Sum())  # type: ignore[arg-type]
    got = {t: float(v[0]) for t, v in found.contribution.items()}
    assert got == pytest.approx({"memory": 3.0, "learning": -5.0, "capital": 1.0})
    with pytest.raises(InputError, match="same stand"):
        difference(first, first, Sum())  # type: ignore[arg-type]


def test_the_variance_between_sets_is_divided_and_sums() -> None:
    sets = [camp("a", memory=0.0, grey=1.0), camp("b", memory=2.0, grey=1.0), camp("c", memory=4.0)]
    found = drivers(sets, Sum())  # type: ignore[arg-type]
    whole = np.var([1.0, 3.0, 4.0])
    assert sum(float(v[0]) for v in found.contribution.values()) == pytest.approx(whole)
    assert found.contribution["memory"][0] > found.contribution["grey"][0]


def test_a_wrong_topic_or_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="semianalysis"):
        premise_set("semianalisis")
    wrong = "sets: {x: {title: t, who: w, premises: {memry: {says: s, source: C01, parameters: {hbm_start: low}}}}}"
    path = tmp_path / "mine.yaml"
    path.write_text(wrong)
    with pytest.raises(UnknownName, match="memory"):
        premise_sets(path)
