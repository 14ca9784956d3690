"""The law as the market meets it: history's variants and lags, and tables that have not drifted from their
generators.
"""

import datetime as dt

import pytest

from forkpoint.world import law, machine
from forkpoint.world.reference import FOLDER
from forkpoint.world.tables import csv_text, rows


def best(law_name, quarter, vendor="nvidia", region="cn"):
    chosen = [r for r in rows(law.TABLE) if (r["law"], r["vendor"], r["region"]) == (law_name, vendor, region)]
    return [r for r in chosen if r["quarter"] <= quarter][-1]


@pytest.mark.parametrize(
    ("quarter", "family"),
    [("2022Q1", "a100"), ("2023Q1", "800"), ("2023Q3", "h800"), ("2024Q4", "h20-"), ("2026Q1", "h200")],
)
def test_the_variants_of_history(quarter, family):
    assert family in best("as-it-was", quarter)["chip"]


def test_each_rule_cuts_the_volume_until_the_next_variant_is_out():
    access = {
        q: float(best("as-it-was", q)["access"]) for q in ("2022Q1", "2022Q4", "2023Q3", "2024Q1", "2024Q4", "2025Q2")
    }
    assert access["2022Q4"] < 0.6 * access["2022Q1"]
    assert access["2024Q1"] < 0.6 * access["2023Q3"]
    assert access["2025Q2"] < 0.3 * access["2024Q4"]


def test_without_controls_china_gets_what_all_get():
    for quarter in ("2023Q4", "2025Q2", "2026Q4"):
        ours, theirs = best("no-controls", quarter), best("as-it-was", quarter, region="us")
        assert ours["chip"] == theirs["chip"]
        assert float(ours["capped"]) == 0


def test_the_embargo_leaves_nothing():
    assert float(best("full-embargo", "2027Q1")["access"]) == 0


def test_statuses():
    assert law.status("nvidia-h20-sxm-96gb", dt.date(2025, 3, 1)) == "free"
    assert law.status("nvidia-h20-sxm-96gb", dt.date(2025, 5, 1)) == "barred"
    assert law.status("nvidia-h20-sxm-96gb", dt.date(2025, 9, 1)) == "licensable"
    assert law.status("nvidia-h200-sxm-141gb", dt.date(2025, 10, 1)) == "barred"
    assert law.status("nvidia-h200-sxm-141gb", dt.date(2026, 3, 1)) == "licensable"


def test_the_offers_are_what_the_rules_say_today():
    assert csv_text(law.COLUMNS, law.table()) == (FOLDER / law.TABLE).read_text(), "run: python -m forkpoint.world.law"


def test_the_worths_are_what_perf_says_today():
    stored = {r["chip"]: r for r in rows(machine.TABLE)}
    for row in machine.table():
        kept = stored[row["chip"]]
        assert kept["basis"] == row["basis"], "run: python -m forkpoint.world.machine, then law"
        for name in ("worth_training", "worth_serving"):
            assert float(kept[name]) == pytest.approx(float(row[name]), rel=0.1), row["chip"]


def test_an_h100_is_worth_one_h100():
    assert machine.worths()[machine.REFERENCE] == (1.0, 1.0)


def test_every_chip_is_in_the_catalogue_and_out_before_the_last_day_known():
    for product in machine.products():
        assert product.volume_from <= 2025.85, product.chip
