"""Bytes that a rank of a training plan holds: weights, gradients, optimizer, activations, logits.

Activations follow Korthikanti et al. 2022 (arXiv 2205.05198), section 4: per layer and token 10h bytes that tensor
parallelism leaves whole (norm inputs, residual dropout) and the rest cut; their 34h + 5as for a GPT block is the
sum. Gated blocks keep gate, up and product. Mixed precision holds 2 bytes of weight, 4 of gradient and 12 of
optimizer state per parameter (arXiv 1910.02054), cut by the ZeRO stage.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from forkpoint.perf.efficiency import Parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.parallelism import Plan
from forkpoint.perf.training import local_parameters, trained_share
from forkpoint.perf.workload import Architecture

NARROW = ("fp8", "mxfp8", "int8", "fp4", "nvfp4", "mxfp4")
"""Precisions whose multiplications keep their inputs in one byte for the backward pass."""


class MemoryBytes(NamedTuple):
    """Bytes on the fullest rank; each may be an array over plans."""

    weights: Any
    gradients: Any
    optimizer: Any
    activations: Any
    logits: Any
    reserve: Any

    def total(self) -> Any:
        """All bytes."""
        return sum(self)


def training_memory(job: TrainingJob, plan: Plan, p: Parameters) -> MemoryBytes:
    """Bytes on the fullest rank of ``plan``."""
    arch = job.arch
    dense, experts = local_parameters(arch, plan)
    ranks = plan.dp * plan.cp
    copies = np.maximum(ranks * np.where(plan.ep > 1, plan.tp, 1) / plan.ep, 1.0)
    whole, cut = dense + experts, dense / ranks + experts / copies
    layer_share = np.ceil(arch.layers / (plan.pp * plan.vpp)) * plan.vpp / arch.layers
    working = whole / np.maximum(arch.layers * layer_share, 1.0) * 2.0
    copies_held = np.where(plan.schedule == 2, 2.0, 1.0)
    trained = trained_share(job, p)
    held = np.where(plan.zero == 0, 4.0, p.gradient_bytes)
    tokens = plan.micro_batch * job.sequence / plan.cp
    return MemoryBytes(
        weights=np.where(plan.zero >= 3, 2.0 * cut + 2.0 * working, 2.0 * whole * copies_held),
        gradients=np.where(plan.zero >= 2, held * cut, held * whole * copies_held) * trained,
        optimizer=np.where(plan.zero >= 1, 12.0 * cut, 12.0 * whole) * trained,
        activations=_activations(job, plan, tokens),
        logits=6.0 * tokens * arch.vocab / plan.tp,
        reserve=p.reserve_gb * 1e9 + 0.0 * tokens,
    )


def _activations(job: TrainingJob, plan: Plan, tokens: Any) -> Any:
    whole, cut, scores = activation_bytes(job)
    ranks = np.where(plan.sequence_parallel > 0, plan.tp, 1)
    kept = whole / ranks + cut / plan.tp
    spared, spared_cut = light_bytes(job)
    kept = kept - np.where(plan.recompute == 1, spared / ranks + spared_cut / plan.tp, 0.0)
    per_layer = kept + np.where(plan.recompute == 0, scores / plan.tp, 0.0)
    checkpoint = 2.0 * job.arch.hidden / ranks
    layers_held = in_flight(job, plan) * job.arch.layers
    again = checkpoint * layers_held + per_layer + scores / plan.tp
    part = plan.recomputed
    return tokens * np.where(
        plan.recompute == 2, part * again + (1.0 - part) * per_layer * layers_held, per_layer * layers_held
    )


def light_bytes(job: TrainingJob) -> tuple[float, float]:
    """Bytes per token and layer that light recomputation does not keep: left whole by tensor parallelism, and cut.

    Norms give back their outputs, gates their products, latent attention its up-projected queries, keys and values.
    """
    if not job.light_recompute:
        return 0.0, 0.0
    arch = job.arch
    element = 1.0 if job.precision in NARROW else 2.0
    widths = (f.layers * (f.shared_width + f.topk * f.width if f.experts else f.width) for f in arch.feed_forwards)
    products = element * sum(widths)
    queries = sum(m.layers * (m.heads * m.head_dim - m.q_rank) for m in arch.mixers if m.q_rank)
    latent = (m for m in arch.mixers if m.kind == "latent")
    keys = sum(m.layers * (m.heads * (m.head_dim + m.v_dim) - m.kv_rank - m.rope) for m in latent)
    return 2.0 * element * arch.hidden, (products + 2.0 * (queries + keys)) / arch.layers


def in_flight(job: TrainingJob, plan: Plan) -> Any:
    """Micro-batches x share of layers whose activations the first stage holds at once."""
    count = plan.microbatches(job.batch)
    deep = 1.0 + (plan.pp - 1.0) / (plan.pp * plan.vpp) * (plan.vpp > 1)
    deep = np.where(plan.schedule == 2, (plan.pp + 1.0) / plan.pp, deep)
    return np.minimum(deep, count / plan.pp * np.maximum(deep, 1.0))


def activation_bytes(job: TrainingJob) -> tuple[float, float, float]:
    """Bytes per token and layer: left whole by tensor parallelism, cut by it, and of attention scores."""
    arch: Architecture = job.arch
    element = 1.0 if job.precision in NARROW else 2.0
    mixers = 0.0
    for m in arch.mixers:
        keys = m.kv_heads if m.kind == "softmax" else m.heads
        width = m.heads * m.head_dim + keys * (m.head_dim + m.v_dim)
        mixers += m.layers * (2.0 * width + (element if element == 2.0 else 3.0) * m.heads * m.v_dim)
    blocks = 0.0
    for f in arch.feed_forwards:
        copies = (4.0 if f.gated else 2.0) + element
        dense = f.shared_width if f.experts else f.width
        routed = f.topk * (4.0 * (f.latent or arch.hidden) + copies * f.width) if f.experts else 0.0
        blocks += f.layers * (copies * dense + routed)
    scores = 0.0 if job.flash else sum(5.0 * m.layers * m.heads * job.sequence for m in arch.mixers)
    dropout = any(not f.gated and not f.experts for f in arch.feed_forwards)
    norms = 4.0 + 2.0 * element + (2.0 if dropout else 0.0)
    return norms * arch.hidden, (mixers + blocks) / arch.layers, scores / arch.layers
