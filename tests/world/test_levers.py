"""Settings as typed and as laid over history."""

import pytest

from forkpoint.errors import InputError, UnknownName
from forkpoint.world.levers import Setting, apply, levers, parse_date, parse_setting
from forkpoint.world.run import inputs, value_now
from forkpoint.world.scenario import scenario


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("licence_fee=0.25", Setting("licence_fee", 0.25)),
        ("licence_fee=0.25@2026Q1", Setting("licence_fee", 0.25, 2026.0)),
        ("software_openness[cann]=2@2026-05-10", Setting("software_openness", 2.0, 2026.25, ("cann",))),
        ("growth_long=0.05@2030", Setting("growth_long", 0.05, 2030.0)),
    ],
)
def test_settings_as_typed(text, expected):
    assert parse_setting(text) == expected


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("licence_fe=0.1", UnknownName, "licence_fee"),
        ("licence_fee=lots", InputError, "not a number"),
        ("licence_fee=2", InputError, "outside 0 to 0.5"),
        ("licence_fee=nan", InputError, "finite"),
        ("licence_fee=0.1@Q1", InputError, "no date"),
        ("licence_fee=0.1@1999Q1", InputError, "1999Q1 is outside the years of the model, 2019 to 2035"),
        ("licence_fee=0.1@2036", InputError, "2036 is outside the years of the model, 2019 to 2035"),
        ("software_openness[canm]=1", UnknownName, "cann"),
        ("licence_fee[cn]=0.1", InputError, "varies over"),
        ("us_design=1", UnknownName, "us_design"),
        ("just words", InputError, "NAME=VALUE"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(text, kind, words):
    with pytest.raises(kind, match=words):
        parse_setting(text)


def test_dates():
    assert parse_date("2025Q4", "here") == 2025.75
    assert parse_date("2025-12-31", "here") == 2025.75


def test_a_dated_setting_keeps_history_before_it_and_replaces_what_follows():
    history = {"chinese_refusal": {2025.5: 0.35, 2025.75: 0.85, 2026.0: 0.6}}
    done = apply([parse_setting("chinese_refusal=0.1@2025Q4")], history)["chinese_refusal"]
    assert done == {2025.5: 0.35, 2025.75: 0.1}


def test_an_undated_setting_replaces_all():
    assert apply([parse_setting("chinese_refusal=0")], {"chinese_refusal": {2025.5: 0.35}})["chinese_refusal"] == 0


def test_a_label_leaves_the_others():
    done = apply([parse_setting("smic_priority[huawei]=3")], {})["smic_priority"]
    assert done["huawei"] == 3
    assert done["cambricon"] == 0.6


def test_every_lever_has_range_meaning_and_present_value():
    for name, lever in levers().items():
        assert lever.doc, name
        assert value_now(name) is not None
        assert lever.spread is not None or lever.low is not None, name


def test_no_lever_is_without_effect():
    """A lever that a run reads: each is an input of some equation and reaches the run's values when turned."""
    chosen = scenario("as-it-was")
    for name in levers():
        turned = apply([Setting(name, 0.0)], inputs(chosen))
        assert turned[name] == 0.0
