"""The search: never worse than any plan it lists, fast enough to be exact, and honest about what it rejects."""

from __future__ import annotations

import numpy as np
import pytest

from forkpoint.errors import InputError
from forkpoint.perf import architectures, cluster, plan
from forkpoint.perf import chip as machines
from forkpoint.perf.efficiency import parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.memory import training_memory
from forkpoint.perf.parallelism import Plan, divisors, objections
from forkpoint.perf.search import Grid, pareto, search
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
