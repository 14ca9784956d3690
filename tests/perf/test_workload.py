"""Parameter counts against published ones, FLOPs against printed formulas, caches against papers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf import architectures
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.workload import (
    Architecture,
    FeedForward,
    Mixer,
)

SHAPE_UNKNOWN = {"TeleChat3-105B-A4.7B", "Ling-Plus"}
ROUNDED = {"Gemma 4 26B-A4B": 0.03, "DeepSeek-V4-Pro": 0.02}
"""Published as rounded names (26B, 1.6T); the vision part and compressors are not in the catalogue's columns."""


@pytest.mark.parametrize("name", [n for n in catalog().language_models if n not in SHAPE_UNKNOWN])
def test_parameter_count_is_within_one_percent_of_the_published_one(name: str) -> None:
    record = catalog().language_models[name]
    found = architectures.of_language_model(record).parameters / 1e9
    published = [p for p in (record.total_params_b, record.param_check_b) if p]
    assert min(abs(found / p - 1) for p in published) < ROUNDED.get(name, 0.01)


@pytest.mark.parametrize("name", sorted(SHAPE_UNKNOWN))
def test_unknown_shape_is_said_in_words(name: str) -> None:
    with pytest.raises(InputError, match="does not know the shape"):
        architectures.of_language_model(name)


def test_measured_rows_have_the_published_number_of_parameters() -> None:
    seen = {}
    for row in catalog().measurements:
        seen.setdefault(row.model, row)
    off = {}
    for name, row in seen.items():
        error = architectures.of_measurement(row).parameters / (row.params_b * 1e9) - 1
        if abs(error) > 0.035:
            off[name] = error
    assert not off


def test_unknown_model_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="megatron-530b"):
        architectures.named("megatron-530")


def korthikanti_model_flops(batch: float, layers: int, hidden: int, sequence: float, vocab: int) -> float:
    """FLOPs of one training step without recomputation, 72BLsh^2(1 + s/6h + V/12hL) (arXiv 2205.05198, eq. 7)."""
    return 72.0 * batch * layers * sequence * hidden**2 * (1 + sequence / (6 * hidden) + vocab / (12 * hidden * layers))


def sc21_hardware_flops(batch: float, layers: int, hidden: int, sequence: float, vocab: int) -> float:
    """FLOPs of one step with full recomputation, 96BsLh^2(1 + s/6h + V/16Lh) (arXiv 2104.04473, eq. 3)."""
    return 96.0 * batch * sequence * layers * hidden**2 * (1 + sequence / (6 * hidden) + vocab / (16 * layers * hidden))


@pytest.mark.parametrize(
    ("layers", "hidden", "heads"), [(48, 6144, 64), (96, 12288, 96), (105, 20480, 128), (128, 25600, 160)]
)
def test_flops_equal_the_printed_formulas_for_gpt_blocks(layers: int, hidden: int, heads: int) -> None:
    vocab, sequence, batch = 51200, 2048, 64.0
    job = TrainingJob(_gpt(layers, hidden, heads, vocab), sequence, batch, flash=False)
    printed = korthikanti_model_flops(batch, layers, hidden, sequence, vocab)
    assert job.model_flops == pytest.approx(printed, rel=1e-6)
    assert job.hardware_flops(2) == pytest.approx(sc21_hardware_flops(batch, layers, hidden, sequence, vocab), rel=1e-6)
    selective = (
        72 * batch * layers * sequence * hidden**2 * (1 + sequence / (6 * hidden) + vocab / (12 * hidden * layers))
        + 4 * batch * layers * sequence**2 * hidden
    )
    assert job.hardware_flops(1) == pytest.approx(selective, rel=1e-6)


def test_a_printed_gpt3_step_has_its_flops() -> None:
    # SC21 section 5: 175 B parameters, batch 1536, 1024 A100 at 140 TFLOP/s, about 32 s a step
    job = TrainingJob(_gpt(96, 12288, 96, 51200), 2048, 1536)
    assert job.hardware_flops(2) / 1024 / 138e12 == pytest.approx(32, rel=0.05)


def test_latent_attention_caches_576_numbers_a_token_and_layer() -> None:
    deepseek = architectures.of_language_model("DeepSeek-V3")
    assert deepseek.kv_bytes_per_token(2.0) == (512 + 64) * 61 * 2
    assert deepseek.active_parameters / 1e9 == pytest.approx(37, rel=0.03)


def test_grouped_queries_cache_only_their_key_heads() -> None:
    llama = architectures.of_language_model("Llama 3 8B")
    assert llama.kv_bytes_per_token(2.0) == 2 * 8 * 128 * 32 * 2


def test_a_window_caps_the_cache() -> None:
    mistral = architectures.of_language_model("Mistral 7B")
    assert mistral.kv_bytes(4096) == mistral.kv_bytes(100_000)


@st.composite
def random_architectures(draw: st.DrawFn) -> Architecture:
    heads = draw(st.sampled_from([8, 16, 32, 64]))
    kv_heads = draw(st.sampled_from([1, 2, 4, 8]))
    layers, hidden = draw(st.integers(1, 120)), draw(st.integers(2, 160)) * 128
    mixer = Mixer(layers, heads=heads, kv_heads=kv_heads, window=draw(st.sampled_from([None, 512, 4096])))
    experts = draw(st.sampled_from([0, 8, 64]))
    block = FeedForward(layers, 4 * hidden, draw(st.booleans()), experts, 2 if experts else 0)
    return Architecture("random", layers, hidden, draw(st.integers(1000, 200_000)), (mixer,), (block,))


@settings(max_examples=60, deadline=None)
@given(random_architectures(), st.integers(1, 100_000), st.floats(1.01, 4.0))
def test_counts_hold_together_for_any_architecture(arch: Architecture, sequence: int, factor: float) -> None:
    assert 0 < arch.active_parameters <= arch.parameters
    assert arch.parameters >= sum(m.parameters for m in arch.matmuls)
    assert arch.attention_flops(sequence, causal=True) <= arch.attention_flops(sequence)
    assert arch.forward_flops(sequence * factor) >= factor * arch.forward_flops(sequence) * 0.999
    assert arch.kv_bytes(sequence * factor) >= arch.kv_bytes(sequence)
    deeper = arch.with_layers(2 * arch.layers)
    assert deeper.matmul_flops_per_token(logits=False) == pytest.approx(2 * arch.matmul_flops_per_token(logits=False))


def _gpt(layers: int, hidden: int, heads: int, vocab: int) -> Architecture:
    size = hidden / heads
    mixer = Mixer(layers, heads=heads, kv_heads=heads, head_dim=size, v_dim=size)
    return Architecture("gpt", layers, hidden, vocab, (mixer,), (FeedForward(layers, 4 * hidden, False),))


def test_chunked_attention_sees_half_a_chunk_on_average() -> None:
    chunked = Mixer(1, heads=8, kv_heads=8, window=8192, chunked=True)
    sliding = Mixer(1, heads=8, kv_heads=8, window=8192)
    # the mean of 1, 2, ... 8192 over whole chunks, against the closed form of the causal triangle in the first
    exact = sum(range(1, 8193)) / 8192
    assert chunked.causal_keys(65536) == pytest.approx(exact, rel=1e-3)
    assert chunked.keys(1 << 20) == 4096
    assert chunked.keys(100) == sliding.keys(100) == 100
    assert chunked.causal_keys(8192) == sliding.causal_keys(8192) == 4096
    scout = architectures.named("Llama 4 Scout")
    assert sum(m.layers for m in scout.mixers if m.chunked) == 36
