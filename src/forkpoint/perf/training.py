"""One training step: what each part of it takes, in seconds, for one plan or for a whole grid of plans.

The step is a pipeline of micro-batches through the slowest stage, a bubble, the exposed part of gradient and
parameter traffic, the optimizer, and stragglers. Sources: 1F1B and interleaving, arXiv 2104.04473 section 2.2;
zero-bubble schedules, arXiv 2401.10241; DualPipe, arXiv 2412.19437 section 3.2.1; ZeRO, arXiv 1910.02054.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from forkpoint.perf import network
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters, stream_bandwidth
from forkpoint.perf.layers import LayerSeconds, TrainingJob, hidden_traffic, layer_seconds
from forkpoint.perf.parallelism import Plan
from forkpoint.perf.workload import Architecture


class StepSeconds(NamedTuple):
    """Seconds of a training step by what bounds them; each may be an array over plans."""

    compute: Any
    attention: Any
    memory: Any
    launch: Any
    tensor: Any
    expert: Any
    context: Any
    pipeline: Any
    bubble: Any
    data: Any
    optimizer: Any
    straggler: Any

    def total(self) -> Any:
        """Seconds of the step."""
        return sum(self)


def training_step(job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters) -> StepSeconds:
    """Seconds of one step of ``job`` under ``plan`` (fields may be arrays)."""
    return assemble(job, chip, cluster, plan, p, layer_seconds(job, chip, cluster, plan, p))


def assemble(
    job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters, layers: LayerSeconds
) -> StepSeconds:
    """Put the seconds of all layers together into a step."""
    arch = job.arch
    count = plan.microbatches(job.batch)
    forward, backward = layers.forward, layers.backward
    stage, logits = stage_share(arch, plan, layers)
    once = [(f + b) * stage for f, b in zip(forward, backward, strict=True)]
    once[0] = once[0] + logits
    adding = _accumulation(job, chip, plan, p, count)
    once[2] = once[2] + adding
    transfer = _transfer(job, cluster, plan, p)
    busy = sum(once) + transfer
    bubble = _bubble(plan, forward.total() * stage, backward.total() * stage + logits + adding, once[0], transfer)
    data = _data(job, chip, cluster, plan, p, busy, count)
    optimizer = _optimizer(job, chip, plan, p)
    parts = [part * count for part in once] + [transfer * count, bubble, data, optimizer]
    # Jitter averages out along a pipeline; the step waits for the slowest host of its data ranks.
    hosts = np.maximum(plan.dp * plan.cp * np.minimum(plan.tp, p.host_chips) / p.host_chips, 1.0)
    slow = p.straggler * np.log2(hosts) * sum(parts)
    return StepSeconds._make([*parts, slow])


def stage_share(arch: Architecture, plan: Plan, layers: LayerSeconds) -> tuple[Any, Any]:
    """The slowest stage's share of all layers, and the seconds that the output projection adds to it.

    Layers that do not divide evenly leave room for the projection on the last stage.
    """
    chunks = plan.pp * plan.vpp
    largest = np.ceil(arch.layers / chunks) * plan.vpp / arch.layers
    room = (largest - 1.0 / plan.pp) * (layers.forward.total() + layers.backward.total())
    return largest, np.maximum(layers.logits - room, 0.0)


def _transfer(job: TrainingJob, cluster: Cluster, plan: Plan, p: Parameters) -> Any:
    """Exposed seconds of activations and gradients between stages, for one micro-batch."""
    volume = 2.0 * plan.micro_batch * job.sequence / plan.cp * job.arch.hidden / plan.tp
    stride = plan.tp * plan.cp * plan.dp
    each = network.send(volume, cluster, stride, p)
    return np.where(plan.pp > 1, 2.0 * plan.vpp * each * p.pipe_exposed, 0.0)


def _bubble(plan: Plan, forward: Any, backward: Any, compute: Any, transfer: Any) -> Any:
    """Seconds in which the first stage waits for the pipeline to fill and drain."""
    weights = compute / 3.0
    plain = (plan.pp - 1.0) / plan.vpp * (forward + backward + transfer)
    zero = (plan.pp - 1.0) * np.maximum(forward + backward - 2.0 * weights, 0.0) / plan.vpp
    dual = np.maximum(plan.pp / 2.0 - 1.0, 0.0) * np.maximum(forward + 2.0 * backward - 3.0 * weights, 0.0)
    return np.where(plan.schedule == 0, plain, np.where(plan.schedule == 1, zero, dual))


def trained_share(job: TrainingJob, p: Parameters) -> Any:
    """Share of the parameters that have gradients and optimizer states."""
    return p.adapter_share if job.adapters else 1.0


def local_parameters(arch: Architecture, plan: Plan) -> tuple[Any, Any]:
    """Parameters of the fullest rank before any ZeRO sharding: those held by all data ranks, and routed experts."""
    chunks = plan.pp * plan.vpp
    share = np.ceil(arch.layers / chunks) * plan.vpp / arch.layers
    outside = arch.hidden * arch.vocab + arch.embedding_parameters
    dense = arch.parameters - arch.expert_parameters - outside
    ends = np.where(plan.pp > 1, arch.hidden * arch.vocab, outside)
    experts = arch.expert_parameters * share / np.where(plan.ep > 1, plan.ep, plan.tp)
    return (dense * share + ends) / plan.tp, experts


def _data(job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters, busy: Any, count: Any) -> Any:
    """Exposed seconds of reducing gradients and gathering parameters over data ranks."""
    grads = trained_share(job, p)
    dense, experts = local_parameters(job.arch, plan)
    ranks = plan.dp * plan.cp
    copies = np.maximum(ranks * np.where(plan.ep > 1, plan.tp, 1) / plan.ep, 1.0)
    # Training in fp16 reduces gradients as they are; bf16 has too few digits to sum in, so most accumulate wider.
    wire = (2.0 if job.precision == "fp16" else p.gradient_bytes) * grads
    tensors = 4.0 * job.arch.layers / plan.pp

    def moved(bytes_each: Any, calls: Any, one_card: bool = False) -> Any:
        near = network.all_gather(dense * bytes_each, cluster, ranks, plan.tp, p, calls, one_card)
        far = network.all_gather(experts * bytes_each, cluster, copies, plan.ep, p, calls, one_card)
        return near + np.where(experts > 0, far, 0.0)

    hidden = hidden_traffic(job, chip, p.data_overlap, p.pipelined_data)
    exchange = np.where(plan.zero == 0, 2.0 * moved(wire, 8.0), moved(wire + 2.0 * grads, 16.0))
    exposed = np.maximum(exchange * (1.0 - hidden), exchange - busy)
    if not np.any(plan.zero == 3):
        return exposed
    # Sharded gathering of 2021 entered each node through one card (arXiv 2104.04473, section 5.2 measures it).
    gather = moved(4.0 + 2.0 * grads, 3.0 * tensors / 4.0, one_card=job.software < 2022)
    shard = np.maximum(gather * (1.0 - p.shard_overlap), gather - p.shard_overlap * busy) * count
    return np.where(plan.zero == 3, shard, exposed)


def _accumulation(job: TrainingJob, chip: Chip, plan: Plan, p: Parameters, count: Any) -> Any:
    """Seconds in which a micro-batch adds its weight gradients to those of the micro-batches before it.

    Fully sharded gradients are reduced at once instead. Since 2022 (Hopper) persistent kernels write one tile while
    they multiply the next.
    """
    if chip.year >= 2022:
        return 0.0 * count
    trained = sum(local_parameters(job.arch, plan)) * trained_share(job, p)
    again = np.where(plan.zero == 3, 0.0, 1.0 - 1.0 / count)
    width = 2.0 if job.precision == "fp16" else 4.0
    return again * trained * width * p.accumulate_passes / stream_bandwidth(chip, p)


def _optimizer(job: TrainingJob, chip: Chip, plan: Plan, p: Parameters) -> Any:
    """Seconds of the optimizer's pass over gradients, weights and moments."""
    dense, experts = local_parameters(job.arch, plan)
    ranks = plan.dp * plan.cp
    copies = np.maximum(ranks * np.where(plan.ep > 1, plan.tp, 1) / plan.ep, 1.0)
    held = np.where(plan.zero >= 1, dense / ranks + experts / copies, dense + experts)
    return held * p.optimizer_bytes * trained_share(job, p) / stream_bandwidth(chip, p)
