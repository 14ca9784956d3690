"""Published inference measurements: how rows are read, and the public scores."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import mean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forkpoint.catalog import Measurement, catalog
from forkpoint.errors import InputError
from forkpoint.perf.inference_cases import engine_named, inference_case, one_die, stated
from forkpoint.perf.inference_fit import NARROWEST, fit, residuals, scored_rows, spreads
from forkpoint.perf.inference_parameters import inference_parameters
from forkpoint.perf.inference_rows import figure_kind, predict_inference_row

ROWS = {m.id: m for m in catalog().measurements if m.kind != "train"}
SCORED = scored_rows(ROWS.values())


def test_public_scores_hold() -> None:
    """Mean absolute percent error on the public rows; docs/inference.md has the cross-validated ones."""
    errors: dict[str, list[float]] = defaultdict(list)
    inside = skipped = 0
    for row in SCORED:
        try:
            found = predict_inference_row(row)
        except InputError:
            skipped += 1
            continue
        errors[figure_kind(row)].append(abs(found.value / row.value - 1))
        inside += found.low <= row.value <= found.high
    assert skipped <= 0.03 * len(SCORED)
    scores = {kind: mean(e) for kind, e in errors.items()}
    assert scores["prefill"] <= 0.12
    assert scores["static"] <= 0.10
    assert scores["serve"] <= 0.21
    assert scores["decode"] <= 0.20
    assert 0.7 <= inside / len(SCORED) <= 0.92


def test_first_tokens_at_batch_one_hold() -> None:
    rows = [r for r in SCORED if r.metric == "ttft_ms"]
    assert len(rows) == 18
    assert mean(abs(predict_inference_row(r).value / r.value - 1) for r in rows) <= 0.15


def test_no_parameter_belongs_to_a_row() -> None:
    """Renaming a source changes nothing unless its words name an engine or a way of running."""
    row = ROWS["trt06-041"]
    other = row.model_copy(update={"id": "x", "source_title": "TensorRT-LLM elsewhere", "source_url": "y"})
    assert predict_inference_row(other) == predict_inference_row(row)


def test_words_that_state_how_a_row_was_run() -> None:
    assert stated(ROWS["gpustack-034"]).replicas == 2
    assert stated(ROWS["gpustack-034"]).engine == "sglang"
    assert stated(ROWS["gpustack-130"]).engine == "mindie"
    assert stated(ROWS["trt06-001"]).static
    assert stated(ROWS["sglep-007"]).speculation.accepted == pytest.approx(1.6)
    assert not stated(ROWS["sglep-008"]).overlapped
    assert stated(ROWS["pangupro-001"]).tpot_limit_ms == 100
    assert engine_named("measured by hand") == ""
    assert stated(ROWS["dsv2-003"]).kv_bits == 6
    assert stated(ROWS["trt06-001"]).kv_bits == 8
    assert stated(ROWS["infx870-001"]).kv_bits is None


def test_caches_of_a_release_in_mxfp4() -> None:
    """TensorRT-LLM caches gpt-oss at 8 bit on Blackwell and at 16 bit on Hopper, other narrow checkpoints at 8 bit."""
    for row, width in (("trt12-021", 1.0), ("trt12-032", 2.0), ("trt12-052", 1.0), ("gpustack-041", 2.0)):
        assert {d.kv_bytes for d, _ in inference_case(ROWS[row]).deployments} == {width}


def test_replicas_share_the_chips() -> None:
    ((deployment, instances),) = inference_case(ROWS["gpustack-034"]).deployments
    assert deployment.chips == 4
    assert instances == 2


def test_an_open_layout_is_tried_both_ways() -> None:
    layouts = {(d.tensor, d.attention_data) for d, _ in inference_case(ROWS["dsv2-003"]).deployments}
    assert layouts == {(8, 1), (1, 8)}


def test_a_die_has_its_share_of_the_package() -> None:
    package = catalog().accelerator("huawei-ascend-910c")
    die = one_die(package)
    assert die.mem_gb == pytest.approx(64)
    assert die.bf16_tflops == pytest.approx(376)


def test_wider_where_nobody_measured() -> None:
    row = ROWS["trt06-041"]
    width = {}
    for chip in ("nvidia-h100-sxm-80gb", "nvidia-h100-pcie-80gb", "kunlun-p800"):
        found = predict_inference_row(row.model_copy(update={"chip": chip, "precision": "bf16"}))
        width[chip] = math.log(found.high / found.low)
    assert width["nvidia-h100-sxm-80gb"] < width["nvidia-h100-pcie-80gb"] < width["kunlun-p800"]


def test_a_row_that_cannot_fit_says_so() -> None:
    row = ROWS["trt06-001"].model_copy(update={"chip": "nvidia-t4-16gb", "model": "llama3.1-405b", "kind": "decode"})
    row = row.model_copy(update={"layers": 126, "hidden": 16384, "heads": 128, "vocab": 128256, "batch": None})
    with pytest.raises(InputError, match=r"GB more than|T4|t4"):
        predict_inference_row(row)


def test_a_fit_improves_on_its_start() -> None:
    rows = [r for r in SCORED if r.source_title.startswith("Transformer Inference Arithmetic")]
    start = inference_parameters().changed({"weight_bandwidth_share": 0.65})
    fitted = fit(rows, evaluations=3, start=start)

    def cost(found: list[object]) -> float:
        return sum(abs(e) for _, e in found if e is not None)  # type: ignore[misc]

    assert cost(residuals(rows, fitted)) < cost(residuals(rows, start))  # type: ignore[arg-type]
    low, high = spreads(residuals(rows, fitted))["prefill"]
    assert low <= high


def test_ranges_of_residuals_are_of_measured_over_predicted() -> None:
    row: Measurement = ROWS["ft13b-001"]
    (found,) = residuals([row], inference_parameters())
    assert found.error == pytest.approx(math.log(predict_inference_row(row).value / row.value))
    low, high = spreads([found])["prefill"]
    assert low == pytest.approx(min(-found.error, -NARROWEST))
    assert high == pytest.approx(max(-found.error, NARROWEST))


WORDS = st.sampled_from(["", "static batch", "MTP", "disaggregation", "2 replicas", "vllm serve", "trtllm-serve"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    row=st.sampled_from(list(ROWS.values())),
    chip=st.sampled_from(sorted(catalog().accelerators)),
    changes=st.fixed_dictionaries(
        {},
        optional={
            "tp": st.sampled_from([None, 1, 3, 8, 16]),
            "dp": st.sampled_from([None, 1, 4]),
            "ep": st.sampled_from([None, 8, 16]),
            "n_chips": st.sampled_from([None, 1, 3, 8, 64, 1000]),
            "batch": st.sampled_from([None, 1, 7.5, 1e4]),
            "input_len": st.sampled_from([None, 1, 100_000]),
            "precision": st.sampled_from([None, "FP8 mixed", "awq", "zzz", "w4a8"]),
            "metric": st.sampled_from(["ttft_ms", "tpot_ms", "tokens_per_s", "mfu", "foo"]),
            "kind": st.sampled_from(["prefill", "decode", "serve"]),
            "notes": WORDS,
        },
    ),
)
def test_any_row_gets_a_finite_answer_or_a_sentence(row: Measurement, chip: str, changes: dict[str, object]) -> None:
    try:
        found = predict_inference_row(row.model_copy(update={**changes, "chip": chip}))
    except InputError:
        return
    assert 0 < found.low <= found.value <= found.high < math.inf
