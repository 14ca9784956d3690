"""The search: never worse than any plan it lists, fast enough to be exact, and honest about what it rejects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkpoint.errors import InputError
from forkpoint.perf import architectures, cluster, plan, predict
from forkpoint.perf import chip as machines
from forkpoint.perf.efficiency import parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.memory import training_memory
from forkpoint.perf.parallelism import Plan, divisors, objections
from forkpoint.perf.pareto import pareto
from forkpoint.perf.search import Grid, SearchResult, search
from forkpoint.perf.training import training_step

A100 = machines.of_accelerator("nvidia-a100-sxm-80gb")
WIRES = cluster.for_chip(A100)
P = parameters()
GPT3 = architectures.named("gpt3-175b")
JOB = TrainingJob(GPT3, 2048, 1536)


@pytest.fixture(scope="module")
def found():  # type: ignore[no-untyped-def]
    return search(JOB, A100, WIRES, 512, P)


def test_the_best_plan_is_never_worse_than_a_published_one(found) -> None:  # type: ignore[no-untyped-def]
    for published in (
        Plan(tp=8, pp=8, vpp=6, dp=8, recompute=1, zero=1),
        Plan(tp=8, pp=16, vpp=3, dp=4, recompute=2, zero=1),
    ):
        assert not objections(published, GPT3, 512, JOB.batch, JOB.sequence)
        assert found.seconds[0] <= float(training_step(JOB, A100, WIRES, published, P).total()) * (1 + 1e-9)


def test_listed_plans_cost_what_they_say_and_fit(found) -> None:  # type: ignore[no-untyped-def]
    for listed, seconds, memory in list(zip(found.plans, found.seconds, found.memory, strict=True))[:12]:
        assert not objections(listed, GPT3, 512, JOB.batch, JOB.sequence)
        assert float(training_step(JOB, A100, WIRES, listed, P).total()) == pytest.approx(seconds)
        assert float(training_memory(JOB, listed, P).total()) == pytest.approx(memory)
        assert memory <= A100.memory
    assert list(found.seconds[:50]) == sorted(found.seconds[:50])


def test_the_front_holds_no_beaten_plan(found) -> None:  # type: ignore[no-untyped-def]
    front = [(found.seconds[i], found.memory[i]) for i in found.pareto]
    for seconds, memory in front:
        assert not any(s <= seconds and m < memory for s, m in front if (s, m) != (seconds, memory))


def test_pareto_of_known_points() -> None:
    seconds, memory = np.array([1.0, 2.0, 3.0, 1.0]), np.array([5.0, 3.0, 4.0, 6.0])
    assert pareto(seconds, memory).tolist() == [0, 1]


def test_a_fixed_choice_is_kept() -> None:
    found = search(JOB, A100, WIRES, 512, P, grid=Grid(tp=(4,), recompute=(2,)), keep=5)
    assert all(p.tp == 4 and p.recompute == 2 for p in found.plans)


def test_experts_are_spread() -> None:
    found = plan("qwen3-30b-a3b", machines.of_accelerator("nvidia-h100-sxm-80gb"), 16, batch=512, sequence=4096)
    assert any(p.ep > 1 for p in found.plans)


def test_progress_reaches_the_end() -> None:
    calls: list[tuple[int, int]] = []
    search(JOB, A100, WIRES, 512, P, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1]


def test_an_indivisible_job_says_why() -> None:
    with pytest.raises(InputError, match="no plan divides"):
        search(TrainingJob(GPT3, 2048, 7), A100, WIRES, 1021, P)


@pytest.mark.parametrize(("number", "expected"), [(1, [1]), (12, [1, 2, 3, 4, 6, 12]), (13, [1, 13])])
def test_divisors(number: int, expected: list[int]) -> None:
    assert divisors(number) == expected


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 4), min_size=1, max_size=60))
def test_a_front_of_four_criteria_is_what_brute_force_finds(points: list[tuple[int, ...]]) -> None:
    front = pareto(*(np.array(c, dtype=float) for c in zip(*points, strict=True)))
    kept = [points[i] for i in front]
    assert set(kept) == {p for p in points if not any(beats(q, p) for q in points)}
    assert len(kept) == len(set(kept))
    assert kept == sorted(kept)


def measures(found: SearchResult, index: int) -> tuple[float, ...]:
    usd = found.usd[index]
    assert usd is not None
    return found.seconds[index], found.memory[index], float(found.plans[index].chips), usd


@pytest.mark.parametrize("model", ["llama-2-7b", "qwen3-30b-a3b"])
def test_the_front_over_several_counts_of_chips(model: str) -> None:
    counts = (8, 24, 64)
    found = plan(model, "H100", counts, batch=192, sequence=4096, keep=1_000_000)
    every = [measures(found, i) for i in range(len(found.plans))]
    assert len(every) == found.fitting  # all fitting plans are kept: the front is held against each of them
    front = [every[i] for i in found.pareto]
    assert {found.plans[i].chips for i in found.pareto} == set(counts)
    assert not any(beats(q, p) for p in front for q in front)
    for criterion in range(4):
        assert min(p[criterion] for p in front) == min(p[criterion] for p in every)
    beaten = np.array(every)
    for p in front:
        assert not ((beaten <= p).all(axis=1) & (beaten < p).any(axis=1)).any()
    few = plan(model, "H100", counts, batch=192, sequence=4096, keep=1)
    assert [measures(few, i) for i in few.pareto] == front


def test_the_cost_of_a_plan_is_the_one_of_its_prediction() -> None:
    found = plan("llama-2-7b", "H100", 16, batch=64, sequence=4096, keep=3)
    best = found.best
    words = {"tp": best.tp, "pp": best.pp, "vpp": best.vpp, "micro_batch": best.micro_batch, "zero": best.zero}
    words |= {"recompute": best.recompute, "recomputed": best.recomputed, "schedule": best.schedule}
    said = predict("llama-2-7b", "H100", 16, batch=64, sequence=4096, sequence_parallel=best.sequence_parallel, **words)
    cost = said.usd_per_million_tokens
    assert cost is not None
    assert found.usd[0] == pytest.approx(cost.value * 64 * 4096 / 1e6, rel=1e-12)


def test_a_chip_without_a_price_has_no_cost_until_it_is_given() -> None:
    words = {"batch": 64, "sequence": 4096, "keep": 3}
    assert set(plan("llama-2-7b", A100, 16, **words).usd) == {None}
    cheap, dear = (plan("llama-2-7b", A100, 16, price_usd=usd, **words).usd[0] for usd in (10_000, 20_000))
    assert cheap is not None
    assert dear is not None
    assert cheap < dear < 2 * cheap


def test_every_plan_tried_fits_or_has_a_reason(found) -> None:  # type: ignore[no-untyped-def]
    priced = [n for reason, n in found.rejected.items() if reason.startswith(("needs more memory", "ZeRO-3"))]
    assert found.fitting + sum(priced) == found.tried


def test_a_count_that_holds_no_plan_is_told_and_the_others_go_on() -> None:
    found = search(JOB, A100, WIRES, (8, 512, 1021), P, keep=1)
    assert {p.chips for p in found.plans} == {512}
    assert "does not fit" in found.hopeless[8]
    assert "no plan divides" in found.hopeless[1021]
    with pytest.raises(InputError, match=r"does not fit.*; no plan divides|no plan divides.*; .*does not fit"):
        search(JOB, A100, WIRES, (8, 1021), P)
    with pytest.raises(InputError, match="at least one chip; got no count"):
        plan("llama-2-7b", A100, [])
