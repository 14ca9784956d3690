from __future__ import annotations

import datetime as dt
import itertools

from forkpoint.rules.clauses import law
from forkpoint.rules.timeline import FIRST_DAY, days_of_change, diff, free_chips, matrix, timeline


def test_spans_follow_one_another_and_differ() -> None:
    spans = timeline("A800", to="CN")
    assert spans[0].first_day == FIRST_DAY
    assert spans[-1].last_day is None
    for before, after in itertools.pairwise(spans):
        assert before.last_day == after.first_day - dt.timedelta(days=1)
        assert before.outcome != after.outcome


def test_a800_was_free_for_a_year() -> None:
    free = [s for s in timeline("A800", to="CN") if s.outcome.net_authorisation == "none_needed"]
    assert free[-1].last_day == dt.date(2023, 10, 22)


def test_the_life_of_a_cambodian_shipment_follows_its_country_groups() -> None:
    starts = {s.first_day: s.outcome.review_policy for s in timeline("H100", to="KH")}
    assert starts[dt.date(2026, 2, 3)] == "presumption_of_approval"


def test_as_known_in_february_2025_the_future_looked_otherwise() -> None:
    seen = {s.first_day: s.outcome.licence_required for s in timeline("H100", to="MY", known="2025-02-01")}
    assert seen[dt.date(2025, 5, 15)] == "yes"
    assert all(s.outcome.licence_required == "no" for s in timeline("H100", to="MY"))


def test_matrix_keeps_only_days_that_change_something() -> None:
    days, rows = matrix(chips=["H20", "A100"], to="CN")
    assert days == sorted(days)
    assert len({tuple(r[i] for r in rows.values()) for i in range(len(days))}) == len(days)
    every_day, _ = matrix(days_of_change(law()), chips=["H20"], to="CN")
    assert set(days) <= set(every_day)


def test_free_chips_by_quarter() -> None:
    quarters = [dt.date(2022, 10, 1), dt.date(2023, 1, 1), dt.date(2024, 1, 1), dt.date(2025, 7, 1)]
    free = free_chips(quarters)
    assert "nvidia-h800-sxm-80gb" in free[quarters[1]]
    assert "nvidia-h800-sxm-80gb" not in free[quarters[2]]
    assert "nvidia-h20-sxm-96gb" in free[quarters[2]]
    assert "nvidia-h20-sxm-96gb" not in free[quarters[3]]
    assert "nvidia-l20-pcie-48gb" in free[quarters[3]]


def test_diff_names_only_what_differs() -> None:
    changes = diff(dt.date(2025, 4, 8), dt.date(2025, 4, 9), to="CN")
    assert {c.chip for c in changes} >= {"nvidia-h20-sxm-96gb", "nvidia-rtx-5090d-32gb"}
    assert all(c.before[f] != c.after[f] for c in changes for f in c.before)
    assert not any(c.chip.startswith(("amd", "huawei")) for c in changes)
