"""How many of one chip do the work of another."""

from __future__ import annotations

import pytest

from forkpoint.catalog import catalog
from forkpoint.errors import InputError
from forkpoint.perf.architectures import of_language_model
from forkpoint.perf.equivalence import eight_bit_ratio, equivalent, processing_ratio, table
from forkpoint.perf.instances import (
    JOBS,
    Job,
    best_decode,
    best_prefill,
    deployments,
    reference_job,
    reference_models,
    serving_precision,
)

LLAMA = of_language_model("Llama 3.1 70B")
DEEPSEEK = of_language_model("DeepSeek-V3")
CHIPS = catalog().accelerators
H100, H20, A100 = (CHIPS[f"nvidia-{c}"] for c in ("h100-sxm-80gb", "h20-sxm-96gb", "a100-sxm-80gb"))
H200, B200 = CHIPS["nvidia-h200-sxm-141gb"], CHIPS["nvidia-b200-sxm-180gb"]


@pytest.mark.parametrize("job", JOBS)
def test_a_chip_is_worth_one_of_itself(job) -> None:  # type: ignore[no-untyped-def]
    found = equivalent(LLAMA, H100, H100, job)
    assert found.count == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((1.0, 1.0))


def test_counts_are_reciprocal() -> None:
    there, back = equivalent(LLAMA, H20, H100, "decode"), equivalent(LLAMA, H100, H20, "decode")
    assert there.count is not None
    assert back.count == pytest.approx(1 / there.count)


@pytest.mark.parametrize("job", ["prefill", "decode", "serve"])
def test_a_chip_that_is_better_in_everything_is_worth_more(job) -> None:  # type: ignore[no-untyped-def]
    for better, worse in ((H200, H100), (B200, H200), (H100, A100)):
        count = equivalent(LLAMA, worse, better, job).count
        assert count is not None
        assert count > 1.0


def test_a_chip_short_of_compute_is_worth_more_at_decode_than_at_prefill() -> None:
    prefill, decode = (equivalent(LLAMA, H20, H100, job).count for job in ("prefill", "decode"))
    assert prefill is not None
    assert decode is not None
    assert prefill > 2 * decode
    assert equivalent(LLAMA, H20, H100, "prefill").bound_by == "compute"


def test_serving_lies_between_its_two_parts() -> None:
    parts = [equivalent(LLAMA, H20, H100, job).count for job in ("prefill", "decode", "serve")]
    assert parts[0] is not None
    assert parts[1] is not None
    assert parts[2] is not None
    assert min(parts[0], parts[1]) <= parts[2] <= max(parts[0], parts[1])


def test_ranges_widen_for_chips_that_nobody_measured() -> None:
    def width(chip: str) -> float:
        found = equivalent(LLAMA, CHIPS[chip], H100, "prefill")
        assert found.low
        assert found.high
        return found.high / found.low

    assert width("nvidia-h20-sxm-96gb") < width("nvidia-h100-pcie-80gb") < width("kunlun-p800")


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    ("chip", "figures"),
    [
        ("cambricon-mlu590", "MLU590: the catalogue does not know its memory size, memory bandwidth"),
        ("nvidia-p4-pcie-8gb", "Tesla P4: the catalogue does not know its 16-bit peak"),
        ("iluvatar-zhikai-100", "(MR-V100): the catalogue does not know its memory bandwidth"),
    ],
)
def test_a_chip_with_an_unknown_figure_is_refused_in_the_same_words_at_every_job(
    chip: str, figures: str, job: Job
) -> None:
    found = equivalent(LLAMA, CHIPS[chip], H100, job)
    assert found.count is None
    assert f"{figures}; take another chip, or put a row of your own over ours" in found.reason


def test_a_latency_that_nothing_reaches_is_said() -> None:
    with pytest.raises(InputError, match=r"within 0\.01 ms a token"):
        best_decode(LLAMA, H100, reference_job()._replace(tpot_ms=0.01))


def test_a_looser_latency_never_lowers_the_rate() -> None:
    job = reference_job()
    rates = [best_decode(DEEPSEEK, H100, job._replace(tpot_ms=t)).rate for t in (30, 50, 100, 200)]
    assert rates == sorted(rates)


def test_layouts_respect_heads_and_size() -> None:
    for architecture in (LLAMA, DEEPSEEK):
        for d in deployments(architecture, H100, "fp8"):
            assert architecture.heads % d.tensor == 0
            assert d.group <= 64
    assert not any(d.attention_data > 1 for d in deployments(LLAMA, H100, "fp8"))


def test_precision_follows_the_units_of_the_chip() -> None:
    assert serving_precision(H100, 8) == "fp8"
    assert serving_precision(A100, 8) == "int8"
    assert serving_precision(B200, 4) == "fp4"
    assert serving_precision(B200, 8) == "fp8"
    assert serving_precision(H100, 16) == "bf16"


def test_single_figures_of_merit() -> None:
    assert eight_bit_ratio(H20, H100) == pytest.approx(296 / 1979)
    assert eight_bit_ratio(A100, H100) == pytest.approx(624 / 1979)
    # TPP of H20 2,368 and of H100 15,832 (Epoch AI's table of hardware)
    assert processing_ratio(H20, H100) == pytest.approx(2368 / 15832, rel=0.01)


def test_counts_by_peaks_alone_stand_beside() -> None:
    found = equivalent(LLAMA, H20, H100, "decode")
    assert found.count_by_8bit == pytest.approx(1979 / 296)
    assert found.count is not None
    assert found.count < found.count_by_8bit / 2  # type: ignore[operator]


def test_table_of_chips() -> None:
    (row,) = table([H20], H100, [LLAMA], ["prefill", "decode"])
    assert set(row.worth) == {f"{LLAMA.name}: prefill", f"{LLAMA.name}: decode"}
    count = equivalent(LLAMA, H20, H100, "prefill").count
    assert count is not None
    assert row.worth[f"{LLAMA.name}: prefill"] == pytest.approx(1 / count)
    assert len(reference_models()) == 2


def test_best_instance_is_no_worse_than_one_chip() -> None:
    job = reference_job()
    assert best_prefill(LLAMA, B200, job).rate > 0
    assert best_prefill(LLAMA, B200, job).chips >= 1
