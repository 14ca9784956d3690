"""What must hold whatever the clauses say: monotone in compute, indifferent to order, one answer a law."""

from __future__ import annotations

import datetime as dt
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.catalog import catalog
from forkpoint.rules.clauses import Law, assemble, law
from forkpoint.rules.evaluate import check
from forkpoint.rules.many import FIELDS, check_many, evaluate_many
from forkpoint.rules.question import ask
from forkpoint.rules.reform import entry_of, parse_reform
from forkpoint.rules.timeline import days_of_change

DAYS = ["2022-09-01", "2023-01-01", "2023-10-24", "2023-12-01", "2024-06-01", "2025-04-20", "2026-02-01"]
STRICTNESS = {
    "none_needed": 0,
    "exception_no_notice": 1,
    "exception_with_notice": 2,
    "indeterminate": 2.5,
    "licence": 3,
    "bis_authorisation": 4,
}


def random_questions(count: int, seed: int) -> list[dict[str, object]]:
    rng = random.Random(seed)
    chips = [*catalog().accelerators, "GB200 NVL72", "HBM3", "HBM2E", "DGX A100"]
    places = sorted({c.iso2 for c in catalog().countries})
    favoured = [*places, *["CN"] * 60, *["HK", "MO", "AE", "KH", "CY"] * 8]
    return [
        {
            "chip": rng.choice(chips),
            "to": rng.choice(favoured),
            "hq": rng.choice([None, None, None, "CN", "US", "MO", rng.choice(places)]),
            "parent": rng.choice([None, None, None, "CN", "FR"]),
            "end_user": rng.choice([None, None, None, "ByteDance", "G42", "Huawei", "state-funded data centre"]),
            "transaction": rng.choice(
                [None, None, "reexport", "foundry_export", "import_to_us", "transfer_in_country"]
            ),
            "purpose": rng.choice([None, None, "military", "supercomputer", "us_data_centre", "us_test_then_export"]),
            "on": dt.date(2022, 6, 1) + dt.timedelta(days=rng.randrange(2000)),
            "known": rng.choice([None, None, dt.date(2025, 2, 1)]),
            "segment": rng.choice([None, None, "consumer", "datacenter"]),
        }
        for _ in range(count)
    ]


@pytest.mark.oracle
def test_many_at_once_answer_as_each_alone() -> None:
    questions = random_questions(250, seed=7)
    together = check_many(questions).rows()
    for question, found in zip(questions, together, strict=True):
        words = {k: v for k, v in question.items() if k not in ("chip", "segment")}
        alone = check(str(question["chip"]), segment=question["segment"], **words).outcome  # type: ignore[arg-type]
        assert {f: getattr(alone, f) for f in FIELDS} == found, question


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("to", ["CN", "SA", "DE", "RU"])
def test_more_compute_is_never_less_controlled(day: str, to: str) -> None:
    """Under a fixed law, with die area, bandwidths and everything else as they are."""
    tpp = np.linspace(10, 30000, 1500)
    for area in (150.0, 600.0, 1600.0):
        for datacenter in (True, False):
            chips = {
                "tpp": tpp,
                "performance_density": tpp / area,
                "aggregate_io_gbs": 700.0,
                "interconnect_bw_gbs": 700.0,
                "dram_bw_gbs": 900.0,
                "datacenter": datacenter,
                "vendor": "NVIDIA",
                "vendor_country": "US",
            }
            net = evaluate_many(chips, ask(to=to, on=day))["net_authorisation"]
            strict = np.array([STRICTNESS[n] for n in net])
            assert (np.diff(strict) >= 0).all(), (day, to, area, datacenter)


@settings(max_examples=10, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_clauses_in_the_data_does_not_matter(order: random.Random) -> None:
    shuffled = list(law().clauses)
    order.shuffle(shuffled)
    questions = random_questions(60, seed=3)
    assert check_many(questions, law_of=Law(tuple(shuffled))).rows() == check_many(questions).rows()


def test_no_two_clauses_of_equal_precedence_decide_one_choice_together() -> None:
    """Where the first met clause wins, clauses tried at the same rank must exclude one another on all cases here."""
    questions = random_questions(300, seed=5)
    base = check_many(questions).rows()
    backwards = assemble([_renamed(c.id, n) for n, c in enumerate(sorted(law().clauses, key=lambda c: c.id)[::-1])])
    assert check_many(questions, law_of=backwards).rows() == base


def _renamed(name: str, number: int):  # type: ignore[no-untyped-def]
    import dataclasses

    return dataclasses.replace(law().clause(name), id=f"{number:03d}-{name}")


def test_a_reform_that_repeats_the_law_changes_nothing() -> None:
    reform = parse_reform({"name": "repeat", "change": [entry_of(c) for c in law().clauses]}, "repeat.yaml")
    same = reform.apply(law())
    assert {c.id: entry_of(c) for c in same.clauses} == {c.id: entry_of(c) for c in law().clauses}
    questions = random_questions(200, seed=11)
    assert check_many(questions, law_of=same).rows() == check_many(questions).rows()


def test_nothing_changes_between_the_days_of_change() -> None:
    """The law is constant between two boundaries, and answers are the same on both their inner days."""
    days = [d for d in days_of_change(law()) if d < dt.date(2027, 6, 1)]
    chips = ["nvidia-h20-sxm-96gb", "nvidia-rtx-4090-24gb", "amd-mi308x-192gb", "nvidia-a100-sxm-80gb", "HBM3"]
    spans = [(a, b - dt.timedelta(days=1)) for a, b in itertools.pairwise(days)]
    pairs = [(c, to, a, b) for c in chips for to in ("CN", "SA", "AE", "KH") for a, b in spans]
    first = check_many([{"chip": c, "to": to, "on": a} for c, to, a, _ in pairs]).rows()
    last = check_many([{"chip": c, "to": to, "on": b} for c, to, _, b in pairs]).rows()
    assert first == last


@pytest.mark.parametrize("clause", [c for c in law().clauses if c.first_day.year > 2020], ids=lambda c: c.id)
def test_every_clause_begins_on_its_day_and_ends_on_its_day(clause) -> None:  # type: ignore[no-untyped-def]
    day, far = dt.timedelta(days=1), dt.date.max
    assert not clause.in_force(clause.first_day - day, far, {})
    assert clause.in_force(clause.first_day, far, {}) or clause.switch
    assert not clause.in_force(clause.first_day, clause.published - day, {})
    if clause.last_day and not clause.switch:
        assert clause.in_force(clause.last_day, far, {})
        assert not clause.in_force(clause.last_day + day, far, {})
