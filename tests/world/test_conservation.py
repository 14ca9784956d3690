"""Chips, dies, HBM stacks, money, people and shares are moved, never made from nothing: to 1e-9 of what moved."""

import numpy as np
import pytest

from forkpoint.world.run import run

STEP = 0.25
TOLERANCE = 1e-9


@pytest.fixture(scope="module", params=["as-it-was", "full-embargo", "no-controls"])
def result(request):
    return run(request.param)


def gained(result, flow):
    """A flow's amount from the start to each time."""
    rate = np.asarray(result[flow])
    return np.concatenate([0 * rate[:1], np.cumsum(rate[:-1] * STEP, axis=0)])


def close(ours, theirs):
    scale = np.max(np.abs(theirs)) or 1.0
    assert np.max(np.abs(ours - theirs)) <= TOLERANCE * scale


def total(value):
    return value.reshape(len(value), -1).sum(axis=1)


def test_chips(result):
    made = total(gained(result, "production"))
    held = total(result["inventory"]) + total(result["cards"])
    gone = total(result["cards_written_off"]) + total(result["cards_scrapped"])
    close(held + gone - (held + gone)[0], made)


def test_chips_of_each_vendor(result):
    made = gained(result, "production").sum(axis=2)
    held = result["inventory"].sum(axis=2) + result["cards"].sum(axis=2)
    gone = gained(result, "write_off").sum(axis=2) + gained(result, "card_retirement").sum(axis=2)
    now = held + gone
    close(now - now[0], made)


def test_grey_cards_leave_one_region_and_enter_another(result):
    moved = gained(result, "grey_shipments")
    nvidia = result["cards"][:, 0]
    for region, sign in ((1, 1), (2, -1)):
        rest = gained(result, "shipments")[:, 0, region] - gained(result, "card_retirement")[:, 0, region]
        close(nvidia[:, region], rest + sign * moved)


def test_dies(result):
    bank = total(result["die_bank"])
    came = total(gained(result, "foreign_dies")) + total(gained(result, "smic_dies"))
    close(bank - bank[0], came - total(gained(result, "die_use")))


def test_dies_of_smic_are_those_that_it_learned_on(result):
    close(result["smic_experience"] - result["smic_experience"][0], total(gained(result, "smic_dies")))


def test_hbm_stacks(result):
    came = gained(result, "hbm_imports") + gained(result, "hbm_output")
    close(result["hbm_stock"] - result["hbm_stock"][0], came - gained(result, "hbm_use"))


def test_stacks_used_are_on_cards_made(result):
    from forkpoint.world.reference import labels, references

    needs = np.asarray(list(references()["needs_hbm"].value.values()))
    assert len(needs) == len(labels("vendor"))
    assert np.all(result["hbm_use"] >= 0)


def test_money(result):
    """What buyers set aside is paid to vendors, to resellers, withdrawn, or waits."""
    put = total(gained(result, "budget_release"))
    waits = total(result["backlog"])
    spent = total(result["receipts"]) + result["government_receipts"] + result["grey_receipts"]
    close(waits - waits[0] + spent + total(result["spending_withdrawn"]), put)


def test_fees_leave_the_vendors_receipts(result):
    paid = total(gained(result, "revenue"))
    close(total(result["receipts"]) + result["government_receipts"], paid)


def test_people(result):
    people = result["developers"].sum(axis=2)
    close(people - people[0], gained(result, "developer_entry").sum(axis=2))


def test_switching_moves_people_between_platforms_only(result):
    moved = result["developer_switching"].sum(axis=2)
    assert np.max(np.abs(moved)) <= TOLERANCE * np.max(np.abs(result["developers"]))


def test_compute(result):
    came = total(gained(result, "new_compute")) + gained(result, "small_card_compute")
    now = total(result["installed"])
    close(now - now[0], came - total(gained(result, "retirement")))


def test_research(result):
    paid = total(gained(result, "research_start"))
    now = total(result["research_in_progress"]) + total(result["knowledge"]) + result["knowledge_obsolete"]
    close(now - now[0], paid)


def test_shares_of_orders_add_up(result):
    close(result["platform_share"].sum(axis=2), np.ones_like(result["platform_share"].sum(axis=2)))
    free = result["free_share"].sum(axis=1)
    assert np.all(free <= 1 + 1e-6)
    assert np.all(free[:, :2] > 0.99)


def test_offshore_money_becomes_orders_abroad(result):
    inside = gained(result, "budget_release")[:, 1] - gained(result, "revenue").sum(axis=1)[:, 1]
    left = gained(result, "offshore_spend") + gained(result, "grey_spend") + gained(result, "withdrawal")[:, 1]
    close(result["backlog"][:, 1] - result["backlog"][0, 1], inside - left)
