"""Prefill and decode against their closed-form limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf.architectures import of_language_model
from forkpoint.perf.inference_parameters import documented, inference_parameters
from forkpoint.perf.prefill_decode import PRECISIONS, Deployment, decode, experts_hit, first_token_seconds, prefill

LLAMA = of_language_model("Llama 3.1 70B")
DEEPSEEK = of_language_model("DeepSeek-V3")
H100 = catalog().accelerator("nvidia-h100-sxm-80gb")
H20 = catalog().accelerator("nvidia-h20-sxm-96gb")

IDEAL = inference_parameters().changed(
    {
        "gemm_share": 1.0,
        "gemm_balance": 0.0,
        "gemm_half_tokens": 0.0,
        "expert_balance": 0.0,
        "expert_tile": 0.0,
        "attention_share": 1.0,
        "weight_bandwidth_share": 1.0,
        "cache_bandwidth_share": 1.0,
        "head_half_width": 0.0,
        "activation_passes": 0.0,
        "link_share": 1.0,
        "collective_us": 0.0,
        "scale_out_us": 0.0,
        "layer_us": 0.0,
        "graph_layer_us": 0.0,
        "step_ms": 0.0,
        "sequence_us": 0.0,
        "request_ms": 0.0,
    }
)
"""A machine without losses: what is left is the roofline."""


def test_decode_of_one_sequence_takes_weights_over_bandwidth() -> None:
    d = Deployment(LLAMA, H100, "bf16", tensor=4)
    weights = 2.0 * (LLAMA.parameters - LLAMA.embedding_parameters) / 4
    assert decode(d, 1, 1, IDEAL).weights == pytest.approx(weights / 3350e9, rel=0.01)
    assert decode(d, 1, 1, IDEAL).bound_by == "HBM"


def test_long_contexts_take_cache_over_bandwidth() -> None:
    d = Deployment(LLAMA, H100, "bf16", tensor=8)
    cache = 64 * 100_000 * LLAMA.kv_bytes_per_token() / 8
    assert decode(d, 64, 100_000, IDEAL).cache == pytest.approx(cache / 3350e9, rel=0.05)


def test_prefill_of_many_tokens_takes_flops_over_peak() -> None:
    d = Deployment(LLAMA, H100, "bf16", tensor=1)
    flops = 8 * float(LLAMA.forward_flops(4096, causal=True)) - 8 * 4096 * 2 * 8192 * 128256
    spent = prefill(d, 4096, 8, IDEAL, chunk=1e9)
    assert spent.compute == pytest.approx(flops / 989.5e12, rel=0.01)
    assert spent.bound_by == "compute"


def test_key_value_heads_limit_how_far_a_cache_is_cut() -> None:
    fast = H100.model_copy(update={"bf16_tflops": 1e6})
    eight, sixteen = (Deployment(LLAMA, fast, "bf16", tensor=t) for t in (8, 16))
    assert decode(sixteen, 8, 8192, IDEAL).cache == pytest.approx(decode(eight, 8, 8192, IDEAL).cache, rel=0.001)
    latent = [decode(Deployment(DEEPSEEK, fast, "fp8", tensor=t), 8, 8192, IDEAL).cache for t in (1, 8)]
    # one latent vector for all heads: the cache is read whole on each chip
    assert latent[1] == pytest.approx(latent[0], rel=0.01)


@pytest.mark.parametrize(("tokens", "hit"), [(1, 8.0), (1e9, 256.0), (32, 256 * (1 - (1 - 8 / 256) ** 32))])
def test_experts_that_a_batch_touches(tokens: float, hit: float) -> None:
    assert experts_hit(256, 8, tokens) == pytest.approx(hit)


def test_a_batch_of_one_reads_only_its_experts() -> None:
    d = Deployment(DEEPSEEK, H100, "fp8", tensor=8)
    active = DEEPSEEK.active_parameters / 8
    read = decode(d, 1, 1, IDEAL).weights * 3350e9
    assert read == pytest.approx(active, rel=0.25)


def test_each_touched_expert_loses_a_part_of_a_tile() -> None:
    d = Deployment(DEEPSEEK, H100, "fp8", tensor=8)
    padded = IDEAL.changed({"expert_tile": 16.0})
    lost = prefill(d, 4096, 64, padded, 1e9).compute - prefill(d, 4096, 64, IDEAL, 1e9).compute
    assert lost == pytest.approx(2.0 * 16 * d.weights.experts / d.peak, rel=0.01)


def test_decode_without_whole_graphs_is_launched_layer_by_layer() -> None:
    p = inference_parameters()
    seconds = {}
    for engine in ("vllm", "sglang"):
        for chip in (H100, catalog().accelerator("huawei-ascend-910b3")):
            d = Deployment(LLAMA, chip, "bf16", tensor=8, engine=engine)
            seconds[engine, chip.vendor] = decode(d, 1, 1000).seconds
    assert seconds["vllm", "NVIDIA"] == seconds["sglang", "NVIDIA"]
    more = seconds["vllm", "Huawei"] - seconds["sglang", "Huawei"]
    assert more == pytest.approx(1e-6 * LLAMA.layers * (p.layer_us - p.graph_layer_us) / p.maturity_other)


def test_a_chip_without_a_unit_for_narrow_weights_multiplies_at_16_bit() -> None:
    a100 = catalog().accelerator("nvidia-a100-sxm-80gb")
    assert Deployment(LLAMA, a100, "fp8").peak == Deployment(LLAMA, a100, "bf16").peak
    assert Deployment(LLAMA, a100, "fp8").converts
    assert not Deployment(LLAMA, H100, "fp8").converts
    assert Deployment(LLAMA, a100, "int8").peak == 624e12


def test_one_tensor_chip_sends_nothing() -> None:
    assert decode(Deployment(LLAMA, H100, "fp8"), 8, 1000).network == 0.0
    assert decode(Deployment(LLAMA, H100, "fp8", tensor=2), 8, 1000).network > 0.0


def test_checked_tokens_share_one_reading_of_the_cache() -> None:
    d = Deployment(DEEPSEEK, H100, "fp8", attention_data=32)
    plain, twice = decode(d, 32 * 64, 4000), decode(d, 32 * 64, 4000, checked=2.0)
    assert plain.seconds < twice.seconds < 2.0 * plain.seconds


sizes = st.floats(1, 2000)


@settings(max_examples=60, deadline=None)
@given(
    batch=sizes,
    context=st.floats(1, 1e5),
    tensor=st.sampled_from([1, 2, 4, 8]),
    precision=st.sampled_from(sorted(PRECISIONS)),
    model=st.sampled_from([LLAMA, DEEPSEEK]),
)
def test_more_work_never_takes_less_time(batch, context, tensor, precision, model) -> None:  # type: ignore[no-untyped-def]
    d = Deployment(model, H100, precision, tensor=tensor)
    base = decode(d, batch, context).seconds
    assert decode(d, 1.5 * batch, context).seconds >= base
    assert decode(d, batch, 1.5 * context).seconds >= base
    assert prefill(d, 1.5 * context, batch).seconds >= prefill(d, context, batch).seconds * 0.999
    assert base > 0


@settings(max_examples=40, deadline=None)
@given(
    factor=st.floats(1.01, 10),
    batch=sizes,
    column=st.sampled_from(["mem_bw_gbs", "fp8_tflops", "bf16_tflops", "link_bw_gbs"]),
)
def test_a_better_chip_is_never_slower(factor: float, batch: float, column: str) -> None:
    better = H20.model_copy(update={column: getattr(H20, column) * factor})
    for model in (LLAMA, DEEPSEEK):
        d = Deployment(model, H20, "fp8", tensor=8)
        # a larger peak at the same bandwidth lowers the share of it, never the speed
        assert decode(replace(d, chip=better), batch, 2000).seconds <= decode(d, batch, 2000).seconds * (1 + 1e-9)
        assert prefill(replace(d, chip=better), 2000, 4).seconds <= prefill(d, 2000, 4).seconds * (1 + 1e-9)


def test_short_prompts_are_bound_by_what_does_not_shrink() -> None:
    d = Deployment(LLAMA, H100, "fp8", tensor=4)
    short, long = first_token_seconds(d, 16), first_token_seconds(d, 4096)
    assert short > long / 20
    assert prefill(d, 16).bound_by in ("overhead", "network", "HBM")


def test_bad_deployments_get_a_sentence() -> None:
    with pytest.raises(UnknownName, match="no precision is called 'fp7'"):
        Deployment(LLAMA, H100, "fp7")
    with pytest.raises(InputError, match="64 attention heads cannot be cut into 3 equal parts"):
        Deployment(LLAMA, H100, "fp8", tensor=3)
    with pytest.raises(InputError, match="at least 1"):
        Deployment(LLAMA, H100, "fp8", tensor=0)
    with pytest.raises(UnknownName, match="did you mean"):
        inference_parameters().changed({"gem_share": 1.0})


def test_parameters_stay_inside_their_stated_ranges() -> None:
    for entry in documented():
        assert entry.low <= entry.value <= entry.high
        assert entry.low <= entry.prior <= entry.high
        assert entry.meaning
        assert entry.source
