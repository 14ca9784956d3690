"""One forward pass of a served model: its prefill, its decode step, and what each is bound by.

A pass is the sum of terms that no engine hides from one another: matrix products (a roofline of FLOPs and weight
bytes), attention scores, cache reads, memory-bound operators, collectives, launches and host work. Prefill passes
many tokens of a few prompts; decode passes one token of each running sequence.

References: Williams et al. 2009 (roofline, doi 10.1145/1498765.1498785); Pope et al. 2022 (arXiv 2211.05102) for
partitioned inference; Shazeer et al. 2017 (arXiv 1701.06538) for experts; DeepSeek-V3 (arXiv 2412.19437, section
3.4) for attention-data-parallel, expert-parallel serving.
"""

from __future__ import annotations

from typing import NamedTuple

from forkpoint.perf.deployment import COMPILED, PRECISIONS, Deployment
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters, tables
from forkpoint.perf.serving_network import collective_seconds

__all__ = ["PRECISIONS", "Deployment", "Pass", "decode", "experts_hit", "first_token_seconds", "host_share", "prefill"]

OVERLAP = 4.0
"""Exponent of the smooth maximum of compute and memory time; infinity would be the pure roofline."""


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
    network = collective_seconds(d, p, tokens, own)
    layer = p.graph_layer_us if graphs and _whole_graphs(d) else p.layer_us
    device = Pass(compute, weights, cache, activations, network, 1e-6 * layer * a.layers)
    host = 1e-3 * p.step_ms + 1e-6 * p.sequence_us * sequences / d.attention_data
    whole = device._replace(overhead=device.overhead + host * host_share(d, p))
    return whole if d.chip.vendor == "NVIDIA" else whole.times(1.0 / p.maturity_other)


def _whole_graphs(d: Deployment) -> bool:
    """Whether the engine launches a whole decode step at once on the maker's chips (where it says nothing: yes)."""
    makers = tables()["engines"].get(d.engine, {}).get("whole_graphs")
    return makers is None or d.chip.vendor in makers


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
        # an expert's product takes whole tiles of tokens, of which the last is partly empty
        busy = 2.0 * share * slowed * (tokens * a.topk + p.expert_tile * hit)
        more = _split(busy, share * hit * n.weight_bytes / read)
        compute, weights = compute + more[0], weights + more[1]
    return compute, weights


def experts_hit(experts: float, topk: float, tokens: float) -> float:
    """Experts that a batch of ``tokens`` touches in a layer when routing is even: E(1 - (1 - k/E)^tokens)."""
    return experts * (1.0 - float((1.0 - min(1.0, topk / experts)) ** tokens))


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
