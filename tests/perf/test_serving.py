"""Serving: batches from memory, cycles, separation, latency limits, and sentences for what does not fit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.catalog import catalog
from forkpoint.errors import InputError
from forkpoint.perf.architectures import of_language_model
from forkpoint.perf.prefill_decode import Deployment, decode, prefill
from forkpoint.perf.serving import (
    Request,
    Speculation,
    batch_at_tpot,
    memory_batch,
    published_run,
    queued_run,
    serve,
    serve_separated,
    static_batch,
)

LLAMA = of_language_model("Llama 3.1 70B")
DEEPSEEK = of_language_model("DeepSeek-V3")
H100 = catalog().accelerator("nvidia-h100-sxm-80gb")
D = Deployment(LLAMA, H100, "fp8", tensor=4)


def test_memory_batch_is_free_memory_over_cache() -> None:
    from forkpoint.perf.inference_parameters import inference_parameters

    p = inference_parameters()
    free = 80 * 2**30 * p.memory_share - p.workspace_gb * 1e9 - D.weights.total_bytes
    each = (1000 + 250) * LLAMA.kv_bytes_per_token() / 4
    assert memory_batch(D, 1000, 500) == pytest.approx(free / each)


def test_static_batch_is_one_prefill_and_all_steps() -> None:
    found = static_batch(D, 32, 512, 128)
    seconds = prefill(D, 512, 32).seconds + 128 * decode(D, 32, 512 + 64).seconds
    assert found.output_tokens_per_s == pytest.approx(32 * 128 / seconds)
    assert found.input_tokens_per_s == pytest.approx(4 * found.output_tokens_per_s)


def test_a_mix_of_equal_requests_is_that_request() -> None:
    one = serve(D, Request(1000, 200))
    two = serve(D, [Request(1000, 200, 0.25), Request(1000, 200, 0.75)])
    assert two.output_tokens_per_s == pytest.approx(one.output_tokens_per_s)


def test_a_mix_lies_between_its_requests() -> None:
    short, long = (serve(D, Request(n, 200)).output_tokens_per_s for n in (200, 8000))
    mixed = serve(D, [Request(200, 200), Request(8000, 200)]).output_tokens_per_s
    assert long < mixed < short


def test_concurrency_limits_the_batch() -> None:
    few = serve(D, Request(1000, 200), concurrency=4)
    assert few.batch == 4
    assert few.limited_by == "concurrency"
    assert few.output_tokens_per_s < serve(D, Request(1000, 200)).output_tokens_per_s
    assert few.tpot_ms < serve(D, Request(1000, 200)).tpot_ms


def test_stated_concurrency_obeys_littles_law() -> None:
    """Sequences at once = tokens a second x time a token, so no slot stands empty."""
    few = serve(D, Request(1000, 200), concurrency=4)
    assert few.output_tokens_per_s * few.tpot_ms / 1e3 == pytest.approx(4)
    filled = serve(D, Request(1000, 200))
    assert filled.output_tokens_per_s * filled.tpot_ms / 1e3 < filled.batch


def test_a_queued_run_is_whole_batches_and_a_last_one() -> None:
    compiled = replace(D, engine="tensorrt-llm")
    request = Request(1000, 1000)
    full = serve(compiled, request)
    batch = math.floor(full.batch)
    one = queued_run(compiled, request, 1.5 * batch)
    seconds = batch / full.output_tokens_per_s
    seconds += 0.5 * batch / serve(compiled, request, 0.5 * batch).output_tokens_per_s
    assert one.output_tokens_per_s == pytest.approx(1.5 * batch / seconds)
    assert one.input_tokens_per_s == pytest.approx(one.output_tokens_per_s)
    assert queued_run(compiled, request, 3 * batch) == full
    assert queued_run(compiled, request, 7).batch == 7
    many = queued_run(compiled, request, 1e4 * batch + 1)
    assert many.output_tokens_per_s == pytest.approx(full.output_tokens_per_s, rel=1e-3)


def test_published_runs_are_shorter_for_longer_requests() -> None:
    compiled = replace(D, engine="tensorrt-llm")
    counts = [published_run(compiled, Request(n, n)) for n in (128, 1024, 2048, 20_000)]
    assert counts == [30_000, 3000, 1500, 1000]
    assert published_run(replace(D, engine="vllm"), Request(128, 128)) is None


def test_accepted_drafts_raise_a_small_batch() -> None:
    plain = serve(D, Request(1000, 200), 4)
    drafted = serve(D, Request(1000, 200), 4, speculation=Speculation(1.7, 2.0, 0.05))
    assert 1.2 < drafted.output_tokens_per_s / plain.output_tokens_per_s < 1.7


def test_separated_pools_balance() -> None:
    found = serve_separated(D, D, Request(2000, 500))
    reads = found.requests_per_s_per_chip * 2000 / found.prefill_input_tokens_per_s_per_chip
    assert reads == pytest.approx(found.prefill_share)
    writes = found.requests_per_s_per_chip * 500 / found.decode_output_tokens_per_s_per_chip
    assert reads + writes == pytest.approx(1.0)


def test_latency_limit_holds_and_binds() -> None:
    batch = batch_at_tpot(D, 4000, 40.0)
    assert 1e3 * decode(D, batch, 4000).seconds <= 40.0 * 1.001
    assert batch_at_tpot(D, 4000, 1e9) == pytest.approx(memory_batch(D, 4000, 0))
    assert batch_at_tpot(D, 4000, 0.001) == 0.0


@settings(max_examples=40, deadline=None)
@given(given_tokens=st.floats(1, 20_000), made=st.floats(1, 4000), growth=st.floats(1.1, 4))
def test_more_memory_or_shorter_requests_never_serve_less(given_tokens: float, made: float, growth: float) -> None:
    roomy = H100.model_copy(update={"mem_gb": 80 * growth})
    base = serve(D, Request(given_tokens, made))
    larger = serve(Deployment(LLAMA, roomy, "fp8", tensor=4), Request(given_tokens, made))
    assert larger.output_tokens_per_s >= base.output_tokens_per_s * 0.999
    assert serve(D, Request(given_tokens * growth, made)).output_tokens_per_s <= base.output_tokens_per_s * 1.001
    assert base.step.seconds > 0


def test_a_model_too_large_says_by_how_much() -> None:
    with pytest.raises(InputError, match=r"needs 8\d\.\d GB of weights on each of 8 .*GB more than .* usable of 80 GB"):
        serve(Deployment(DEEPSEEK, H100, "fp8", tensor=8), Request(100, 100))


def test_a_context_too_long_says_by_how_much() -> None:
    with pytest.raises(InputError, match=r"one sequence of 3000050 tokens .* keeps .* GB of cache"):
        serve(D, Request(3_000_000, 100))


def test_empty_or_senseless_mixes_get_a_sentence() -> None:
    with pytest.raises(InputError, match="empty"):
        serve(D, [])
    with pytest.raises(InputError, match="a request needs"):
        serve(D, Request(-1, 5))
