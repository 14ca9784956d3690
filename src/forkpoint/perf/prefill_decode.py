"""One forward pass of a served model: its prefill, its decode step, and what each is bound by.

A pass is the sum of terms that no engine hides from one another: matrix products (a roofline of FLOPs and weight
bytes), attention scores, cache reads, memory-bound operators, collectives, launches and host work. Prefill passes
many tokens of a few prompts; decode passes one token of each running sequence.

References: Williams et al. 2009 (roofline, doi 10.1145/1498765.1498785); Pope et al. 2022 (arXiv 2211.05102) for
partitioned inference; Shazeer et al. 2017 (arXiv 1701.06538) for experts; DeepSeek-V3 (arXiv 2412.19437, section
3.4) for attention-data-parallel, expert-parallel serving.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, NamedTuple

from forkpoint.catalog import Accelerator
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf.cluster import presets
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters
from forkpoint.perf.workload import Architecture

OVERLAP = 4.0
"""Exponent of the smooth maximum of compute and memory time; infinity would be the pure roofline."""

MOST_NODES = 4.0
"""Nodes to which routing sends a token at most (node-limited routing, arXiv 2412.19437, section 2.1.2)."""

SERVER = 8.0
"""Chips of a usual server, joined at least by PCIe."""


class Numbers(NamedTuple):
    """What a precision means for a served model: bytes of a weight, of other weights, and the unit that multiplies."""

    weight_bytes: float
    rest_bytes: float
    units: tuple[str, ...]


PRECISIONS: dict[str, Numbers] = {
    "fp16": Numbers(2.0, 2.0, ("fp16_tflops", "bf16_tflops")),
    "bf16": Numbers(2.0, 2.0, ("bf16_tflops", "fp16_tflops")),
    "fp8": Numbers(1.0, 1.0, ("fp8_tflops", "bf16_tflops", "fp16_tflops")),
    "int8": Numbers(1.0, 1.0, ("int8_tops", "bf16_tflops", "fp16_tflops")),
    "fp4": Numbers(0.5625, 0.5625, ("fp4_tflops", "fp8_tflops", "bf16_tflops", "fp16_tflops")),
    "mxfp4": Numbers(0.53125, 2.0, ("bf16_tflops", "fp16_tflops")),
    "int4": Numbers(0.53, 0.53, ("bf16_tflops", "fp16_tflops")),
    "w4a8": Numbers(0.53, 1.0, ("int8_tops", "fp8_tflops", "bf16_tflops", "fp16_tflops")),
}
"""Bytes include block scales (16 values a scale in NVFP4, 32 in MXFP4, 128 in int4); ``mxfp4`` quantises experts only
(and multiplies at 8 bit on chips with a 4-bit unit), ``int4`` multiplies at 16 bit (GPTQ, AWQ)."""

ALIASES = {"w8a8": "int8", "nvfp4": "fp4", "w4a16": "int4", "gptq": "int4", "awq": "int4", "float16": "fp16"}
COMPILED = ("tensorrt-llm", "fastertransformer", "mindie")


@dataclass(frozen=True)
class Deployment:
    """A model on one instance of chips, ready to serve.

    ``tensor`` chips share each attention layer; ``attention_data`` such groups hold different sequences and share the
    experts (1: plain tensor parallelism); ``pipeline`` cuts the layers. ``kv_bytes`` is the size of a cached number.
    ``engine`` is the serving software where it is stated ("" where not).
    """

    architecture: Architecture
    chip: Accelerator
    precision: str = "bf16"
    tensor: int = 1
    pipeline: int = 1
    attention_data: int = 1
    kv_bytes: float = 2.0
    engine: str = ""
    overlapped: bool = True
    """Whether expert traffic runs beside the computation of another half batch (two-batch overlap)."""
    reads_group_once: bool = True
    """Whether a decode kernel reads a shared key-value head once for all its query heads (kernels since 2024)."""

    def __post_init__(self) -> None:
        name = ALIASES.get(self.precision, self.precision)
        if name not in PRECISIONS:
            raise UnknownName("precision", self.precision, [*PRECISIONS, *ALIASES])
        object.__setattr__(self, "precision", name)
        if min(self.tensor, self.pipeline, self.attention_data) < 1:
            raise InputError("tensor, pipeline and attention-data parallelism must each be at least 1")
        if self.tensor > 1 and self.architecture.heads % self.tensor and self.tensor <= self.architecture.heads:
            raise InputError(
                f"{self.architecture.heads} attention heads cannot be cut into {self.tensor} equal parts "
                f"(tensor parallelism of {self.tensor} for {self.architecture.name})"
            )

    @property
    def chips(self) -> int:
        """Chips of the instance."""
        return self.tensor * self.pipeline * self.attention_data

    @property
    def group(self) -> int:
        """Chips that hold one pipeline stage and share its experts."""
        return self.tensor * self.attention_data

    @cached_property
    def numbers(self) -> Numbers:
        """Bytes and units of the precision."""
        return PRECISIONS[self.precision]

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Columns of the catalogue with the peaks that can multiply at this precision, best first."""
        if self.precision == "mxfp4" and self.chip.fp4_tflops is not None:
            return ("fp8_tflops", *self.numbers.units)
        return self.numbers.units

    @cached_property
    def peak(self) -> float:
        """Peak of the unit that multiplies, FLOP/s. Raises InputError where the catalogue knows none."""
        return 1e12 * _first(self.chip, self.units)[1]

    @cached_property
    def peak_16bit(self) -> float:
        """Peak of 16-bit matrix products, FLOP/s."""
        return 1e12 * _first(self.chip, ("bf16_tflops", "fp16_tflops"))[1]

    @cached_property
    def converts(self) -> bool:
        """Whether weights are widened before they are multiplied (the chip lacks a unit for their width)."""
        wide = _first(self.chip, self.units)[0] in ("bf16_tflops", "fp16_tflops")
        return wide and self.numbers.weight_bytes < 2.0

    @cached_property
    def bandwidth(self) -> float:
        """Memory bandwidth, bytes/s."""
        return 1e9 * _known(self.chip, "mem_bw_gbs")

    @cached_property
    def head_width(self) -> float:
        """Numbers of one key-value head (or latent vector) a token: what a thread block of attention reads at once."""
        mixers = [m for m in self.architecture.mixers if m.kind != "linear"]
        widths = [m.kv_rank + m.rope if m.kind == "latent" else m.head_dim for m in mixers]
        return float(max(widths, default=128.0))

    @cached_property
    def network(self) -> float:
        """One-way bandwidth of a chip beyond its scale-up domain, bytes/s, as its reference cluster has it."""
        return network_bandwidth(self.chip.id)

    @cached_property
    def weights(self) -> Weights:
        """Weights on each chip, by how they are read."""
        return _weights(self)


class Weights(NamedTuple):
    """Numbers of weights on one chip of the whole pipeline: dense, logits, experts, and the expert pool."""

    dense: float
    logits: float
    experts: float
    total_bytes: float


def _weights(d: Deployment) -> Weights:
    cut = {"column": d.tensor, "row": d.tensor, "whole": 1}
    dense = logits = experts = 0.0
    for m in d.architecture.matmuls:
        if m.part == "experts":
            experts += m.parameters / d.group
        elif m.part == "logits":
            logits += m.parameters / d.tensor
        else:
            dense += m.parameters / cut[m.split]
    # a mixture quantises its experts; what is left keeps its own width, embeddings stay at 16 bit
    n = d.numbers
    rest = n.rest_bytes if experts else n.weight_bytes
    outside = logits * 2.0 + d.architecture.embedding_parameters / d.tensor * 2.0
    held = (experts * n.weight_bytes + dense * rest + outside) / d.pipeline
    return Weights(dense, logits, experts, held)


class Pass(NamedTuple):
    """Seconds of one forward pass by what they are spent on."""

    compute: float
    weights: float
    cache: float
    activations: float
    network: float
    overhead: float

    @property
    def seconds(self) -> float:
        """The whole pass."""
        return sum(self)

    @property
    def bound_by(self) -> str:
        """The term that takes the largest share, in the words of ``Prediction.bound_by``."""
        hbm = self.weights + self.cache + self.activations
        shares = {"compute": self.compute, "HBM": hbm, "network": self.network, "overhead": self.overhead}
        return max(shares, key=shares.__getitem__)

    def plus(self, other: Pass, times: float = 1.0) -> Pass:
        """This pass and ``times`` another, one after the other."""
        return Pass(*(a + times * b for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> Pass:
        """The pass ``factor`` times."""
        return Pass(*(factor * a for a in self))


def prefill(
    deployment: Deployment,
    prompt: float,
    prompts: float = 1.0,
    parameters: InferenceParameters | None = None,
    chunk: float = 8192.0,
) -> Pass:
    """Time to read ``prompts`` prompts of ``prompt`` tokens, in passes of at most ``chunk`` tokens a data rank."""
    p = parameters or inference_parameters()
    tokens = prompt * prompts
    passes = max(1.0, tokens / deployment.attention_data / chunk)
    scores = prompts * deployment.architecture.attention_flops(prompt, causal=True)
    one = _forward(deployment, p, tokens / passes, prompts / passes, scores / passes, 0.0, 0.0, graphs=False)
    return one.times(passes)


def decode(
    deployment: Deployment,
    sequences: float,
    context: float,
    parameters: InferenceParameters | None = None,
    checked: float = 1.0,
) -> Pass:
    """Time of one decode step of ``sequences`` running sequences that are ``context`` tokens long.

    Each gains one token; with speculative decoding ``checked`` tokens of each pass through the model (one of them
    sure, the others drafted), while its cache is read once.
    """
    p = parameters or inference_parameters()
    a = deployment.architecture
    cache = sequences * a.kv_bytes_read(context, deployment.kv_bytes)
    if not deployment.reads_group_once:
        cache *= (a.heads / a.kv_heads) ** p.group_reread if a.kv_heads > 1 else 1.0
    tokens = sequences * checked
    flops = tokens * a.decode_attention_flops(context)
    return _forward(deployment, p, tokens, sequences, 0.0, cache, flops, graphs=True)


def first_token_seconds(
    deployment: Deployment, prompt: float, prompts: float = 1.0, parameters: InferenceParameters | None = None
) -> float:
    """Time to first token of ``prompts`` prompts that arrive together at an idle engine (no queue)."""
    return prefill(deployment, prompt, prompts, parameters).seconds


def _forward(
    d: Deployment,
    p: InferenceParameters,
    tokens: float,
    sequences: float,
    score_flops: float,
    cache_bytes: float,
    cache_flops: float,
    *,
    graphs: bool,
) -> Pass:
    a = d.architecture
    own = tokens / d.attention_data
    compute, weights = _matrix_products(d, p, tokens, own, sequences / d.attention_data)
    filled = d.head_width / (d.head_width + p.head_half_width)
    attention_rate = d.peak_16bit * p.attention_share * filled
    compute += score_flops / d.group / attention_rate
    cache_ways = min(d.tensor, a.kv_heads) * d.attention_data
    cache_time = cache_bytes / cache_ways / (d.bandwidth * p.cache_bandwidth_share * filled)
    score_time = cache_flops / d.group / attention_rate
    scored, cache = _split(score_time, cache_time)
    compute += scored
    activations = p.activation_passes * a.hidden * 2.0 * own * a.layers / (d.bandwidth * p.weight_bandwidth_share)
    network = _collectives(d, p, tokens, own)
    layer = p.graph_layer_us if graphs else p.layer_us
    device = Pass(compute, weights, cache, activations, network, 1e-6 * layer * a.layers)
    host = 1e-3 * p.step_ms + 1e-6 * p.sequence_us * sequences / d.attention_data
    whole = device._replace(overhead=device.overhead + host * host_share(d, p))
    return whole if d.chip.vendor == "NVIDIA" else whole.times(1.0 / p.maturity_other)


def host_share(deployment: Deployment, parameters: InferenceParameters) -> float:
    """Host time of the engine against that of an engine with an interpreted scheduler (also where none is stated)."""
    return parameters.compiled_host_share if deployment.engine in COMPILED else 1.0


def _matrix_products(
    d: Deployment, p: InferenceParameters, tokens: float, own: float, rows: float
) -> tuple[float, float]:
    """Compute-bound and weight-bound seconds of all weight matrices."""
    a, w, n = d.architecture, d.weights, d.numbers
    rate = d.peak * p.gemm_share / (1.0 + p.gemm_balance * d.peak / d.bandwidth)
    read = d.bandwidth * p.weight_bandwidth_share
    if d.converts:
        rate *= p.dequantize_share
    narrow = n.rest_bytes if w.experts else n.weight_bytes
    dense_rate = rate if narrow < 2.0 or n.weight_bytes == 2.0 else min(rate, d.peak_16bit * p.gemm_share)
    busy = 2.0 * (w.dense * (own + p.gemm_half_tokens) + w.logits * (rows + p.gemm_half_tokens)) / dense_rate
    moved = (w.dense * narrow + w.logits * 2.0) / read
    compute, weights = _split(busy, moved)
    if w.experts:
        hit = experts_hit(a.experts, a.topk, tokens)
        share = w.experts / a.experts
        slowed = (1.0 + p.expert_balance * d.peak / d.bandwidth) / rate
        # an expert's product takes whole tiles of tokens: at least one where few tokens reach it
        busy = 2.0 * share * slowed * math.hypot(tokens * a.topk, p.expert_tile * hit)
        more = _split(busy, share * hit * n.weight_bytes / read)
        compute, weights = compute + more[0], weights + more[1]
    return compute, weights


def experts_hit(experts: float, topk: float, tokens: float) -> float:
    """Experts that a batch of ``tokens`` touches in a layer when routing is even: E(1 - (1 - k/E)^tokens)."""
    return experts * (1.0 - float((1.0 - min(1.0, topk / experts)) ** tokens))


def _collectives(d: Deployment, p: InferenceParameters, tokens: float, own: float) -> float:
    """Seconds of all-reduces (tensor) and all-to-alls (experts), and of hand-overs between stages."""
    a, seconds = d.architecture, 0.0
    element = 2.0 * own * a.hidden
    moe = a.moe_layers if d.attention_data > 1 else 0.0
    if d.tensor > 1:
        reduces = 2.0 * a.layers - moe
        volume = 2.0 * (d.tensor - 1) / d.tensor * element
        seconds += reduces * (_latency(d, p, d.tensor) + volume / _link(d, p, d.tensor))
    if moe:
        exchange = 2.0 * _latency(d, p, d.group) + tokens / d.group * _exchange_seconds(d, p)
        # beyond a scale-up domain one half of the batch computes while the other is on its way
        hidden = p.expert_traffic_hidden if d.overlapped and d.group > _domain(d.chip) else 0.0
        seconds += moe * exchange * (1.0 - hidden)
    if d.pipeline > 1:
        seconds += (d.pipeline - 1) * (1e-6 * p.collective_us + element / _link(d, p, d.chips))
    return seconds


@cache
def network_bandwidth(chip: str) -> float:
    """One-way network bandwidth of a chip, bytes/s: that of the first reference cluster that names its kind."""
    clusters = presets().values()
    return next(1e9 * float(c["nic_gbs"]) for c in clusters if any(chip.startswith(start) for start in c["chips"]))


def _exchange_seconds(d: Deployment, p: InferenceParameters) -> float:
    """Seconds in which one token's numbers reach its experts and come back, in one layer.

    Inside a scale-up domain 16-bit numbers go to each chip with one of its experts and back. Beyond it a token goes
    at one byte a number once to each node that it needs and comes back at two.
    """
    width, topk = d.architecture.moe_width, float(d.architecture.topk)
    inside = 0.5e9 * _link_gbs(d.chip) * p.link_share
    copies = min(topk, d.group - 1.0)
    if d.group <= _domain(d.chip):
        return 4.0 * width * copies / inside
    nodes = d.group / _domain(d.chip)
    crossing = min(nodes * (1.0 - float((1.0 - 1.0 / nodes) ** topk)), MOST_NODES) * (nodes - 1) / nodes
    return 3.0 * width * max(copies / inside, crossing / (d.network * p.link_share))


def _latency(d: Deployment, p: InferenceParameters, chips: int) -> float:
    return 1e-6 * (p.collective_us if chips <= _domain(d.chip) else p.scale_out_us)


def _link(d: Deployment, p: InferenceParameters, chips: int) -> float:
    """Bytes/s that one chip sends in a collective over ``chips`` chips: the slower of the tiers it crosses."""
    inside = 0.5e9 * _link_gbs(d.chip) * p.link_share
    if chips <= _domain(d.chip):
        return inside
    return min(inside, d.network * p.link_share * chips / (chips - _domain(d.chip)))


def _domain(chip: Accelerator) -> float:
    """Chips that reach each other without a network: the scale-up domain, or the server where it is larger."""
    return max(SERVER, chip.scale_up_domain or SERVER)


def _link_gbs(chip: Accelerator) -> float:
    """Bidirectional bandwidth of the chip's fabric, or of PCIe (64 GB/s where neither is known)."""
    if chip.link_bw_gbs is not None:
        return chip.link_bw_gbs
    generations = {"3.0": 32.0, "4.0": 64.0, "5.0": 128.0, "6.0": 256.0}
    return next((v for g, v in generations.items() if g in (chip.pcie or "")), 64.0)


def _split(busy: float, moved: float) -> tuple[float, float]:
    """Compute and memory seconds of one product, scaled so that they add up to their smooth maximum."""
    together = busy + moved
    if together <= 0.0:
        return 0.0, 0.0
    scale = _smooth_max(busy, moved) / together
    return busy * scale, moved * scale


def _smooth_max(x: float, y: float) -> float:
    big = max(x, y)
    if big <= 0.0:
        return 0.0
    return big * float((1.0 + (min(x, y) / big) ** OVERLAP) ** (1.0 / OVERLAP))


def _first(chip: Accelerator, columns: tuple[str, ...]) -> tuple[str, float]:
    for column in columns:
        value: float | None = getattr(chip, column)
        if value is not None:
            return column, value
    raise InputError(f"{chip.id}: the catalogue knows no peak among {', '.join(columns)}")


def _known(chip: Accelerator, column: str) -> float:
    value: Any = getattr(chip, column)
    if value is None:
        raise InputError(f"{chip.id}: the catalogue does not know {column}")
    return float(value)


def on_chip(deployment: Deployment, chip: Accelerator) -> Deployment:
    """The same deployment on another chip."""
    return replace(deployment, chip=chip)
