"""The training model: limits, conservation, monotonicity, published memory, and bad plans in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.errors import InputError, UnknownName
from forkpoint.perf import architectures, cluster, network, predict
from forkpoint.perf import chip as machines
from forkpoint.perf.efficiency import clock_share, entries, operand_share, parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.memory import activation_bytes, training_memory
from forkpoint.perf.parallelism import Plan, objections
from forkpoint.perf.training import training_step

A100 = machines.of_accelerator("nvidia-a100-sxm-80gb")
WIRES = cluster.for_chip(A100)
P = parameters()
GPT3 = architectures.named("gpt3-175b")
IDEAL = P.changed(
    dict.fromkeys(("tile_m", "tile_n", "ramp_k", "layer_us", "straggler", "link_latency_us", "net_latency_us"), 0.0)
    | {"element_passes": 0.0, "loss_bytes": 0.0, "optimizer_bytes": 0.0, "backward_share": 1.0, "hop_latency_us": 0.0}
)

plans = st.builds(
    Plan,
    tp=st.sampled_from([1, 2, 4, 8]),
    pp=st.sampled_from([1, 2, 4, 8, 16]),
    vpp=st.sampled_from([1, 2, 3]),
    dp=st.sampled_from([1, 2, 8, 64]),
    micro_batch=st.sampled_from([1, 2, 4]),
    recompute=st.sampled_from([0, 1, 2]),
    zero=st.sampled_from([0, 1, 2]),
    sequence_parallel=st.sampled_from([0, 1]),
    schedule=st.sampled_from([0, 1, 2]),
)


def test_one_chip_has_no_traffic_and_no_bubble() -> None:
    job = TrainingJob(architectures.named("mpt-1b"), 2048, 8)
    step = training_step(job, A100, WIRES, Plan(zero=0), P)
    for part in (step.tensor, step.expert, step.context, step.pipeline, step.bubble, step.data, step.straggler):
        assert float(part) == 0.0


def test_infinite_bandwidth_leaves_only_multiplications() -> None:
    fast = replace(A100, bandwidth=1e30, link=1e30)
    wires = replace(WIRES, link=1e30, nic=1e30)
    job = TrainingJob(GPT3, 2048, 512)
    step = training_step(job, fast, wires, Plan(tp=8, dp=4, zero=0), IDEAL)
    assert float(step.compute + step.attention) == pytest.approx(float(step.total()), rel=1e-6)
    rate = A100.peak16 * IDEAL.kernel_share
    assert float(step.compute) == pytest.approx(3 * job.tokens * GPT3.matmul_flops_per_token() / 32 / rate, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(plans, st.floats(1.0, 20.0), st.sampled_from(["bandwidth", "link", "nic"]))
def test_more_bandwidth_is_never_slower(plan: Plan, factor: float, which: str) -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    before = float(training_step(job, A100, WIRES, plan, P).total())
    chip, wires = A100, WIRES
    if which == "bandwidth":
        chip = replace(A100, bandwidth=A100.bandwidth * factor)
    else:
        wires = replace(WIRES, **{which: getattr(WIRES, which) * factor})
    assert float(training_step(job, chip, wires, plan, P).total()) <= before * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(plans)
def test_parts_are_positive_and_add_up(plan: Plan) -> None:
    step = training_step(TrainingJob(GPT3, 2048, 1536), A100, WIRES, plan, P)
    assert all(np.isfinite(float(part)) and float(part) >= 0 for part in step)
    assert float(step.total()) == pytest.approx(sum(float(x) for x in step))


@settings(max_examples=40, deadline=None)
@given(plans)
def test_a_grid_of_plans_costs_what_each_plan_costs(plan: Plan) -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    names = ("tp", "pp", "vpp", "dp", "micro_batch", "recompute", "zero", "sequence_parallel", "schedule")
    grid = Plan(**{n: np.array([getattr(plan, n), getattr(Plan(), n)], dtype=float) for n in names})
    together = training_step(job, A100, WIRES, grid, P).total()
    assert float(np.broadcast_to(together, (2,))[0]) == pytest.approx(
        float(training_step(job, A100, WIRES, plan, P).total())
    )


def test_recomputation_costs_a_forward_pass() -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    base = Plan(tp=8, pp=8, dp=8, micro_batch=1, recompute=0)
    none, full = (training_step(job, A100, WIRES, base.changed(recompute=r), IDEAL).compute for r in (0, 2))
    logits = job.tokens * 6 * GPT3.hidden * GPT3.vocab / 64 / 8
    assert float(full) / float(none) == pytest.approx(4 / 3, rel=0.02 + logits * 0)


def test_recomputing_half_of_the_layers_costs_half_and_keeps_half() -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    base = Plan(tp=8, pp=8, dp=8, micro_batch=1, recompute=0)
    plans = [base, base.changed(recompute=2, recomputed=0.5), base.changed(recompute=2)]
    none, half, full = (float(training_step(job, A100, WIRES, p, IDEAL).compute) for p in plans)
    assert half == pytest.approx((none + full) / 2)
    assert none < half < full
    held = [float(training_memory(job, p, P).activations) for p in plans]
    assert held[1] == pytest.approx((held[0] + held[2]) / 2)
    assert "recompute full (50% of layers)" in str(plans[1])
    assert job.hardware_flops(2, 0.5) == pytest.approx((job.hardware_flops(0) + job.hardware_flops(2)) / 2)


def test_biased_clamped_experts_cost_memory_traffic_only() -> None:
    gpt_oss = architectures.named("gpt-oss-120b")
    fused = replace(gpt_oss, feed_forwards=tuple(replace(f, unfused=False) for f in gpt_oss.feed_forwards))
    plan = Plan(ep=64, dp=64, micro_batch=4)
    as_is, plain = (training_step(TrainingJob(a, 4096, 1280), A100, WIRES, plan, P) for a in (gpt_oss, fused))
    assert float(as_is.memory) > float(plain.memory)
    assert float(as_is.compute) == float(plain.compute)


def test_data_ranks_of_one_host_share_its_jitter() -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    assert float(training_step(job, A100, WIRES, Plan(dp=8), P).straggler) == 0.0
    assert float(training_step(job, A100, WIRES, Plan(tp=8, dp=8), P).straggler) > 0.0


def test_bubble_is_the_share_that_the_schedules_promise() -> None:
    # SC21 section 2.2: (p-1)/m of the busy time, divided by v with interleaving
    job = TrainingJob(architectures.named("megatron-1t").with_layers(128), 2048, 512)
    one = training_step(job, A100, WIRES, Plan(tp=8, pp=64, dp=1), IDEAL)
    busy = float(one.total() - one.bubble - one.data - one.optimizer)
    assert float(one.bubble) / busy == pytest.approx(63 / 512, rel=0.06)
    two = training_step(job, A100, WIRES, Plan(tp=8, pp=64, vpp=2, dp=1), IDEAL)
    assert float(two.bubble) == pytest.approx(float(one.bubble) / 2, rel=0.05)


def test_zero_bubble_schedules_shorten_the_bubble() -> None:
    job = TrainingJob(GPT3, 2048, 64)
    plain, zero, dual = (
        float(training_step(job, A100, WIRES, Plan(tp=8, pp=8, schedule=s), P).bubble) for s in (0, 1, 2)
    )
    assert 0 < dual < plain
    assert 0 < zero < plain


def test_gradient_traffic_does_not_depend_on_how_it_is_cut() -> None:
    # all-reduce moves as much as reduce-scatter and all-gather
    volume = 1e9
    whole = network.all_reduce(volume, WIRES, 8, 1, IDEAL)
    halves = network.all_gather(volume, WIRES, 8, 1, IDEAL) * 2
    assert float(whole) == pytest.approx(float(halves))


@pytest.mark.parametrize(("size", "stride"), [(8, 1), (4, 2), (64, 8)])
def test_ring_gather_moves_n_minus_one_shares(size: int, stride: int) -> None:
    seconds = float(network.all_gather(1e9, WIRES, size, stride, IDEAL))
    rate = float(network.group_rate(WIRES, size, stride, IDEAL))
    assert seconds * rate == pytest.approx(1e9 * (size - 1) / size)


def test_a_group_beyond_the_domain_is_as_fast_as_its_cards() -> None:
    one_each = float(network.group_rate(WIRES, 16, 8, P))
    eight_each = float(network.group_rate(WIRES, 16, 1, P))
    assert one_each == pytest.approx(WIRES.nic * P.net_share)
    assert eight_each == pytest.approx(min(8 * WIRES.nic * P.net_share, WIRES.link * P.link_share))


@pytest.mark.parametrize(("tensor", "sequence_parallel"), [(1, 0), (8, 0), (8, 1)])
def test_activations_equal_the_printed_formula(tensor: int, sequence_parallel: int) -> None:
    # Korthikanti section 4: sbh(10 + 24/t + 5as/ht), or sbh/t (34 + 5as/h) with sequence parallelism
    job = TrainingJob(GPT3, 2048, 1, flash=False)
    whole, cut, scores = activation_bytes(job)
    h, a, s = GPT3.hidden, 96, 2048
    ranks = tensor if sequence_parallel else 1
    assert whole / ranks + cut / tensor + scores / tensor == pytest.approx(
        h * (10 / ranks + 24 / tensor) + 5 * a * s / tensor
    )


def test_published_memory_of_the_trillion_parameter_run() -> None:
    # Korthikanti figure 1 and table 5: 1T with tp 8, pp 64, selective recomputation fits an 80 GB A100
    job = TrainingJob(architectures.named("megatron-1t"), 2048, 512, precision="fp16", flash=False)
    held = training_memory(job, Plan(tp=8, pp=64, recompute=1, zero=0), P)
    assert float(held.total()) < 80e9
    without = training_memory(job, Plan(tp=8, pp=64, recompute=0, zero=0, sequence_parallel=0), P)
    assert float(without.total()) > 80e9


def test_sharding_stages_hold_what_zero_says() -> None:
    # arXiv 1910.02054: 16 bytes per parameter unsharded; stage 3 divides all by the data ranks
    job = TrainingJob(GPT3, 2048, 1536)
    held = [training_memory(job, Plan(dp=64, zero=z), P) for z in (0, 1, 3)]
    state = [float(m.weights + m.gradients + m.optimizer) for m in held]
    assert state[0] == pytest.approx(18 * GPT3.parameters, rel=0.01)
    assert state[0] > state[1] > state[2]
    assert float(held[1].optimizer) == pytest.approx(float(held[0].optimizer) / 64)


def test_stage_memory_adds_up_to_the_model() -> None:
    job = TrainingJob(GPT3, 2048, 1536)
    one = training_memory(job, Plan(tp=8, pp=1, zero=0), P)
    eight = training_memory(job, Plan(tp=8, pp=8, zero=0), P)
    ends = 2 * GPT3.hidden * GPT3.vocab * 2 / 8
    assert 8 * float(eight.weights) == pytest.approx(float(one.weights) + 7 * ends / 2, rel=0.01)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(tp=8, pp=8, dp=2), "= 128, but the job has 64 chips"),
        (Plan(tp=5, dp=1), "does not divide by 5|but the job has"),
        (Plan(tp=64, ep=2), "is dense"),
        (Plan(tp=1, pp=64, vpp=4), "cannot fill 64 stages of 4 chunks"),
        (Plan(tp=8, pp=1, dp=8, micro_batch=5), "does not divide by 40"),
    ],
)
def test_bad_plans_are_refused_in_words(plan: Plan, words: str) -> None:
    import re

    found = "; ".join(objections(plan, GPT3, 64, 64, 2048))
    assert re.search(words, found)


def test_a_model_that_does_not_fit_says_by_how_much() -> None:
    with pytest.raises(InputError, match=r"needs [\d,.]+ GB a chip and .* has 80 GB .*too much"):
        predict("gpt3-175b", A100, 64, tp=8, pp=2, micro_batch=1, recompute="none", sequence=2048, batch=64)
    with pytest.raises(InputError, match="does not fit: the smallest of"):
        predict("gpt3-175b", A100, 8, sequence=2048, batch=64)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recompute": "most"}, "no recompute is called 'most'"),
        ({"precision": "fp7"}, "no precision is called 'fp7'"),
        ({"cluster": "dgx-a10-superpod"}, "did you mean dgx-a100-superpod"),
        ({"tensor": 8}, "no option is called 'tensor'"),
    ],
)
def test_unknown_words_offer_the_nearest(options: dict[str, object], words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        predict("gpt3-175b", A100, 64, **options)


def test_a_prediction_explains_itself() -> None:
    found = predict("llama-2-7b", A100, 8, sequence=4096, batch=64)
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.low < found.rate < found.high
    assert found.mfu is not None
    assert 0.2 < found.mfu < 0.9
    step = found.explain()
    assert found.bound_by in step.outcome
    assert {c.name for c in step.children} == {"where the time goes", "memory", "energy and cost"}
    assert found.to_dict()["joules_per_token"]["low"] < found.to_dict()["joules_per_token"]["high"]


def test_an_unknown_price_stays_unknown() -> None:
    found = predict("llama-2-7b", replace(A100, price_usd=None), 8, sequence=4096, batch=64)
    assert found.usd_per_million_tokens is None
    assert found.joules_per_token is not None


def test_parameters_stay_inside_their_ranges_and_say_where_they_come_from() -> None:
    for entry in entries().values():
        assert entry.low <= entry.value <= entry.high
        assert entry.low <= entry.prior <= entry.high
        assert entry.meaning
        assert entry.source


@pytest.mark.parametrize("name", sorted(cluster.presets()))
def test_reference_clusters_build_and_are_sourced(name: str) -> None:
    wires = cluster.for_chip(A100, name)
    assert wires.nic > 0
    assert wires.source


def test_every_chip_with_figures_has_a_machine() -> None:
    from forkpoint.catalog import catalog

    known = [a for a in catalog().accelerators.values() if a.bf16_tflops and a.mem_gb and a.mem_bw_gbs]
    for record in known:
        chip = machines.of_accelerator(record)
        assert cluster.for_chip(chip).domain >= 1


def test_the_less_is_measured_the_wider_the_range() -> None:
    chips = ("nvidia-a100-sxm-80gb", "huawei-ascend-910c", "metax-c500-oam")
    found = [predict("llama-2-7b", chip, 16, sequence=4096, batch=64) for chip in chips]
    widths = [f.high / f.low for f in found]
    assert widths == sorted(set(widths))


def test_the_list_of_measured_chips_has_not_drifted() -> None:
    from forkpoint.catalog import catalog
    from forkpoint.perf.efficiency import measured_chips

    assert measured_chips() == {m.chip for m in catalog().measurements if m.kind == "train"}


def test_chips_with_more_flops_a_byte_keep_less_of_their_peak() -> None:
    names = ("nvidia-h20", "nvidia-a100-sxm-80gb", "nvidia-h100-sxm-80gb")
    h20, a100, h100 = (float(operand_share(machines.of_accelerator(n), P)) for n in names)
    assert h20 > a100 > h100 > 0.7


def test_a_tpu_neither_throttles_nor_waits_for_its_host() -> None:
    tpu = machines.of_accelerator("google-tpu-v4")
    hot = replace(tpu, platform="cuda")
    assert float(clock_share(tpu, P)) == 1.0 > float(clock_share(hot, P))
    job, plan = TrainingJob(GPT3, 2048, 64), Plan(tp=8, dp=8)
    wires = cluster.for_chip(tpu)
    still, waiting = (float(training_step(job, c, wires, plan, P).launch) for c in (tpu, hot))
    assert still == 0.0 < waiting


def test_selective_recomputation_with_fused_attention_costs_little_and_keeps_less() -> None:
    # arXiv 2412.19437, 3.2.3: norms and latent up-projections are computed again, their outputs not kept
    job = TrainingJob(architectures.named("deepseek-v3"), 4096, 4096)
    plans = [Plan(pp=16, dp=16, ep=8, recompute=r) for r in (0, 1, 2)]
    none, selective, full = (float(training_step(job, A100, WIRES, plan, P).total()) for plan in plans)
    assert none < selective < full
    assert selective - none < (full - none) / 2
    held = [float(training_memory(job, plan, P).activations) for plan in plans]
    assert held[0] > held[1] > held[2]
    counts = [job.hardware_flops(r) for r in (0, 1, 2)]
    assert counts == sorted(counts)


def test_experts_of_fixed_capacity_compute_their_padding() -> None:
    tpu = machines.of_accelerator("google-tpu-v5p")
    job = TrainingJob(architectures.named("mixtral-8x7b"), 4096, 512, capacity=1.0)
    plan, wires = Plan(dp=64, ep=8, zero=0), cluster.for_chip(tpu)
    even, padded = (float(training_step(replace(job, capacity=c), tpu, wires, plan, IDEAL).compute) for c in (1.0, 1.5))
    experts = sum(w.active_parameters for w in job.arch.matmuls if w.part == "experts")
    share = 2 * experts / job.arch.matmul_flops_per_token()
    assert padded / even == pytest.approx(1 + share / 2, rel=0.001)


@pytest.mark.parametrize("year", [2020.0, 2023.0])
def test_gradients_of_several_micro_batches_are_added_through_memory(year: float) -> None:
    # hidden behind multiplications since 2022; fully sharded gradients are reduced at once
    chip, job = replace(A100, year=year), TrainingJob(GPT3, 2048, 64)
    several, one, sharded = (
        float(training_step(job, chip, WIRES, Plan(tp=8, dp=d, zero=z), P).memory) for d, z in ((8, 0), (64, 0), (8, 3))
    )
    added = several - sharded
    weights = GPT3.parameters / 8 * 4 * P.accumulate_passes / (A100.bandwidth * P.stream_share)
    assert added == pytest.approx(8 * weights * (1 - 1 / 8) if year < 2022 else 0.0, rel=0.01)
    assert one * 8 == pytest.approx(sharded)
