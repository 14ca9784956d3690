"""Seconds that all layers of a model take for one micro-batch on one rank of a plan.

Only tensor, expert and context parallelism, micro-batch, recomputation and sequence parallelism enter here, so a
search prices each combination of these once and reuses it for every pipeline and data split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from forkpoint.perf import network
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters, achievable_peak, gemm_seconds, operand_share, stream_bandwidth
from forkpoint.perf.parallelism import Plan
from forkpoint.perf.workload import Architecture

UPWARD = ("query up", "latent up")
"""Matrices from a latent to full width, whose results light recomputation does not keep."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What is trained: a model on sequences of ``sequence`` tokens, ``batch`` of them a step.

    ``flash``: fused attention. ``adapters``: low-rank adapters, base weights frozen (no weight gradients).
    ``parallel_block``: attention and feed-forward read the same input (one exchange a layer, not two).
    ``overlapped``: tensor- and data-parallel traffic is pipelined with computation throughout.
    ``balanced``: expert load is forced even (benchmarks), else ``expert_imbalance`` applies.
    ``capacity``: experts take and compute this many times their even share of tokens, whatever the router says (token
    dropping, padding), so that no host waits for counts; None: as many as come.
    ``software``: date of kernels and frameworks in years; some did not exist before.
    """

    arch: Architecture
    sequence: int
    batch: float
    precision: str = "bf16"
    flash: bool = True
    adapters: bool = False
    parallel_block: bool = False
    overlapped: bool = False
    balanced: bool = False
    software: float = 2025.0
    capacity: float | None = None

    @property
    def tokens(self) -> float:
        """Tokens of a step."""
        return self.sequence * self.batch

    @property
    def light_recompute(self) -> bool:
        """Whether selective recomputation means norms, activations and latent up-projections, not attention scores.

        Fused attention keeps no scores; frameworks have offered the rest since 2024 (arXiv 2412.19437, 3.2.3).
        """
        return self.flash and self.software >= 2024

    @property
    def model_flops(self) -> float:
        """FLOPs of a step without recomputation, the full attention matrix counted (the usual base of MFU)."""
        passes = 2.0 if self.adapters else 3.0
        return passes * self.batch * float(self.arch.forward_flops(self.sequence))

    def hardware_flops(self, recompute: int, recomputed: float = 1.0) -> float:
        """FLOPs of a step with recomputation, full only for a share ``recomputed`` of the layers (the base of HFU)."""
        upward = self.sequence * sum(2.0 * w.active_parameters for w in self.arch.matmuls if w.name in UPWARD)
        selective = upward if self.light_recompute else float(self.arch.attention_flops(self.sequence))
        again = (0.0, selective, recomputed * float(self._layer_flops()))[recompute]
        return self.model_flops + self.batch * again

    def _layer_flops(self) -> float:
        outside = self.sequence * self.arch.matmul_flops_per_token(logits=False)
        return outside + float(self.arch.attention_flops(self.sequence))


class Pass(NamedTuple):
    """Seconds of one pass of one micro-batch through all layers, by what bounds them."""

    compute: Any
    attention: Any
    memory: Any
    launch: Any
    tensor: Any
    expert: Any
    context: Any

    def scaled(self, factor: Any) -> Pass:
        """Every part times a factor."""
        return Pass(*(part * factor for part in self))

    def plus(self, other: Pass) -> Pass:
        """Part by part the sum of two passes."""
        return Pass(*(a + b for a, b in zip(self, other, strict=True)))

    def total(self) -> Any:
        """Seconds of the pass."""
        return sum(self)


class LayerSeconds(NamedTuple):
    """Forward and backward (recomputation included) through all layers, and the output projection with its loss."""

    forward: Pass
    backward: Pass
    logits: Any


def layer_seconds(job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters) -> LayerSeconds:
    """Seconds of one micro-batch through all layers of the model on one tensor-context-expert slice."""
    tokens = plan.micro_batch * job.sequence / plan.cp
    gemm, upward, logits = _gemms(job, chip, plan, tokens, p)
    score, score_back = _scores(job, chip, plan, tokens, p)
    stream, stream_back, light, score_stream = _streams(job, chip, plan, tokens, p)
    host = _host(job, chip, p)
    tensor = _tensor(job, chip, cluster, plan, tokens, p)
    expert = _experts(job, cluster, plan, tokens, p)
    context = _context(job, cluster, plan, tokens, p)
    stream_all = stream + score_stream
    forward = Pass(gemm, score, stream_all, _exposed(host, gemm + score + stream_all), tensor, expert, context)
    weights = 1.0 if job.adapters else 2.0
    backward = Pass(
        gemm * weights / p.backward_share,
        score_back,
        stream_back + score_stream,
        _exposed(2.0 * host, 2.0 * (gemm + score + stream_all)),
        tensor,
        expert,
        2.0 * context,
    )
    zero = 0.0 * gemm
    selected = (upward, zero, light) if job.light_recompute else (zero, score, score_stream + zero)
    core = Pass(*selected, zero, zero, zero, zero)
    full = np.asarray(plan.recompute == 2)
    some = np.asarray(plan.recompute == 1)
    backward = backward.plus(forward.scaled(plan.recomputed * full)).plus(core.scaled(1.0 * some))
    return LayerSeconds(forward, backward, logits * (1.0 + weights / p.backward_share))


def _gemms(job: TrainingJob, chip: Chip, plan: Plan, tokens: Any, p: Parameters) -> tuple[Any, Any, Any]:
    """Seconds of the weight matrices of all layers, of the latent up-projections among them, and of the output
    projection, forward.
    """
    rate, rate16 = (achievable_peak(chip, x, p) * operand_share(chip, p) for x in (job.precision, "bf16"))
    bandwidth = stream_bandwidth(chip, p)
    element = chip.bits(job.precision) / 8.0
    spread = plan.ep > 1
    # With a fixed capacity XLA multiplies all experts as one batch of equal shapes.
    batched = job.capacity is not None and chip.platform == "xla"
    expert = 1.0 if batched else p.expert_share / expert_overhead(job, p)
    layers: Any = 0.0
    upward: Any = 0.0 * tokens
    logits: Any = 0.0
    for w in job.arch.matmuls:
        cut = plan.tp if w.split != "whole" else 1
        if w.part == "experts":
            cut = np.where(spread, 1, plan.tp)
            routed = expert_load(job, p) * w.topk * tokens / np.where(spread, plan.tp, 1)
            here = w.experts / plan.ep
            each = np.maximum(routed / here, 1e-3)
            k, n = (w.k, w.n / cut) if w.split == "column" else (w.k / cut, w.n)
            one = gemm_seconds(each, k, n, rate * expert, bandwidth, p, element)
            layers = layers + w.layers * here * one
            continue
        k, n = (w.k / cut, w.n) if w.split == "row" else (w.k, w.n / cut)
        if w.part == "logits":
            logits = gemm_seconds(tokens, k, n, rate16, bandwidth, p)
            continue
        one = w.layers * gemm_seconds(tokens, k, n, rate, bandwidth, p, element)
        layers = layers + one
        if w.name in UPWARD:
            upward = upward + one
    logits = logits + tokens * job.arch.vocab / plan.tp * p.loss_bytes / bandwidth
    return layers, upward, logits


def _scores(job: TrainingJob, chip: Chip, plan: Plan, tokens: Any, p: Parameters) -> tuple[Any, Any]:
    """Seconds of attention scores and weighted values, forward and backward."""
    rate = achievable_peak(chip, "bf16", p)
    sequences = tokens / job.sequence
    flops = sequences * job.arch.attention_flops(job.sequence, causal=job.flash) / plan.tp
    if not job.flash:
        return flops / (rate * p.score_share), 2.0 * flops / (rate * p.score_share)
    if job.software < 2024:
        rate = rate * p.attention_2023 * (p.asynchronous_2023 if chip.year > 2022 else 1.0)
    return flops / (rate * p.flash_share), 2.5 * flops / (rate * p.flash_backward_share)


def _streams(job: TrainingJob, chip: Chip, plan: Plan, tokens: Any, p: Parameters) -> tuple[Any, Any, Any, Any]:
    """Seconds of element-wise passes over activations, forward and backward; apart those of norms and activations
    that light recomputation repeats, and those over unfused scores.

    Bytes a number in 16 bit, each operand read or written once. Norm with dropout and residual: 22 forward (4 + 7,
    twice a layer), 22 backward (6 + 5). Between two matrices: 6 forward and 10 backward with a gate, 4 and 6 without.
    """
    arch = job.arch
    whole, gated, plain, routed = stream_widths(arch)
    narrow = p.narrow_passes * (chip.bits(job.precision) < 16)
    inside, inside_back = 6.0 * gated + 4.0 * plain, 10.0 * gated + 6.0 * plain
    cut = narrow * (gated + plain)
    ranks = np.where(plan.sequence_parallel > 0, plan.tp, 1)
    share = tokens * (22.0 * whole / ranks + (inside + cut) / plan.tp) * p.element_passes
    back = tokens * (22.0 * whole / ranks + (inside_back + 2.0 * cut) / plan.tp) * p.element_passes
    experts = sum(f.layers * f.topk * f.width for f in arch.feed_forwards if f.experts)
    light = tokens * (8.0 * whole / ranks + (inside + 6.0 * experts) / plan.tp) * p.element_passes
    if arch.is_moe:
        loose = sum(f.layers * f.topk * f.width for f in arch.feed_forwards if f.unfused)
        passes = routed * (p.expert_passes + narrow) + loose * p.unfused_bytes
        permuted = tokens / plan.tp * passes * expert_overhead(job, p)
        share, back = share + permuted, back + 2.0 * permuted
    bandwidth = stream_bandwidth(chip, p)
    if job.flash:
        return share / bandwidth, back / bandwidth, light / bandwidth, 0.0
    scores = tokens * job.sequence * sum(m.heads * m.layers for m in arch.mixers if m.kind != "linear") / plan.tp
    return share / bandwidth, back / bandwidth, light / bandwidth, scores * p.score_bytes / bandwidth


def stream_widths(arch: Architecture) -> tuple[float, float, float, float]:
    """Numbers a token passes through memory in all layers: at hidden width, inside gated blocks, inside blocks without
    a gate and attention, and routed to experts.
    """
    whole = float(arch.hidden * arch.layers)
    mixers = sum(m.layers * m.heads * (m.head_dim + m.v_dim) for m in arch.mixers)
    gated, plain = (
        sum(f.layers * (f.shared_width if f.experts else f.width) for f in arch.feed_forwards if f.gated is gate)
        for gate in (True, False)
    )
    routed = sum(f.layers * f.topk * ((f.latent or arch.hidden) + f.width / 2) for f in arch.feed_forwards if f.experts)
    return whole, gated, mixers + plain, routed


def _exposed(host: Any, device: Any) -> Any:
    """Seconds that launches add to the device's work; they run ahead of it where it is long (quadrature of the two)."""
    return np.sqrt(host**2 + device**2) - device


def expert_load(job: TrainingJob, p: Parameters) -> Any:
    """Tokens that the fullest expert computes against an even share."""
    return job.capacity or (1.0 if job.balanced else p.expert_imbalance)


def expert_overhead(job: TrainingJob, p: Parameters) -> Any:
    """Cost of expert layers' software at its date against that of the first grouped-expert frameworks (until 2025)."""
    return np.exp(-p.expert_decline * max(job.software - 2025.7, 0.0))


def _host(job: TrainingJob, chip: Chip, p: Parameters) -> Any:
    """Seconds of launching, routing and synchronising all layers, one pass."""
    if chip.platform == "xla":  # a step is compiled to one program, which waits for no host
        return 0.0
    arch = job.arch
    expert = p.expert_layer_us * expert_overhead(job, p) * (p.superchip_host if chip.superchip else 1.0)
    expert = expert * (1.0 if job.capacity is None else p.static_host)
    return (arch.layers * p.layer_us + arch.moe_layers * expert) * 1e-6


def _tensor(job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, tokens: Any, p: Parameters) -> Any:
    """Exposed seconds of the all-reduces (or gather and scatter) of tensor parallelism, one pass."""
    arch = job.arch
    blocks: Any = arch.layers * (1.0 if job.parallel_block else 2.0)
    blocks = blocks - np.where(plan.ep > 1, arch.moe_layers, 0.0)
    volume = tokens * arch.hidden * 2.0
    each = network.all_reduce(volume, cluster, plan.tp, 1, p, calls=2)
    return blocks * each * (1.0 - hidden_traffic(job, chip, p.tensor_overlap, p.pipelined_tensor))


def hidden_traffic(job: TrainingJob, chip: Chip, usual: Any, most: Any) -> Any:
    """Share of traffic that runs beside computation: ``most`` where a job says so, ``usual`` on chips for which
    libraries pipeline collectives with multiplications (XLA; CUDA since Hopper), none before.
    """
    if job.overlapped:
        return np.maximum(usual, most)
    return usual if chip.platform == "xla" or chip.year >= 2022 else 0.0 * usual


def _experts(job: TrainingJob, cluster: Cluster, plan: Plan, tokens: Any, p: Parameters) -> Any:
    """Exposed seconds of dispatch and combine, one pass."""
    arch = job.arch
    if not arch.is_moe:
        return 0.0 * tokens
    volume = expert_load(job, p) * tokens / plan.tp * arch.moe_width * 2.0
    each = network.dispatch(volume, arch.topk, cluster, plan.ep, p)
    # DualPipe runs the exchange of one micro-batch beside the computation of another (arXiv 2412.19437, 3.2.1).
    hidden = np.where(plan.schedule == 2, np.maximum(p.expert_overlap, p.dualpipe_overlap), p.expert_overlap)
    return 2.0 * arch.moe_layers * each * (1.0 - hidden) * expert_overhead(job, p)


def _context(job: TrainingJob, cluster: Cluster, plan: Plan, tokens: Any, p: Parameters) -> Any:
    """Exposed seconds of passing keys and values around the context-parallel ring, forward."""
    width = job.arch.kv_numbers_per_token() / np.minimum(plan.tp, job.arch.kv_heads)
    volume = tokens * width * 2.0 * plan.cp
    each = network.all_gather(volume, cluster, plan.cp, plan.tp, p, calls=job.arch.layers)
    return each * (1.0 - p.context_overlap)
