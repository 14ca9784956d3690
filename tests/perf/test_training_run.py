"""A whole run: failures, checkpoints, and a published run."""

from __future__ import annotations

import pytest

from forkpoint.errors import InputError
from forkpoint.perf import predict
from forkpoint.perf.training_run import goodput, training_run


def test_more_chips_lose_more_time() -> None:
    shares = [goodput(n)[0] for n in (8, 1024, 16384, 65536)]
    assert [s.value for s in shares] == sorted((s.value for s in shares), reverse=True)
    assert all(s.low <= s.value <= s.high for s in shares)


def test_the_largest_published_run_had_over_ninety_percent() -> None:
    # arXiv 2407.21783, section 3.3.4: more than 90 % effective training time on 16,384 chips
    assert goodput(16384)[0].value == pytest.approx(0.9, abs=0.04)


def test_llama_405b_takes_its_published_chip_hours() -> None:
    # model card: 30.84 million H100 hours for 15.6 T tokens
    step = predict("llama-3.1-405b", "nvidia-h100-sxm-80gb", 16384, sequence=8192, batch=2048)
    run = training_run(step, 15.6e12)
    assert run.chip_hours.low < 30.84e6 < run.chip_hours.high
    assert run.days.value == pytest.approx(run.chip_hours.value / 16384 / 24)
    assert run.energy_mwh is not None
    assert run.cost_usd is not None
    assert run.energy_mwh.low < run.energy_mwh.value < run.energy_mwh.high


def test_only_training_has_a_run() -> None:
    step = predict("llama-3.1-70b", "nvidia-h100-sxm-80gb", 8, "decode")
    with pytest.raises(InputError, match="needs a training job"):
        training_run(step, 1e12)
