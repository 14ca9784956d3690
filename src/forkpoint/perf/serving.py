"""Steady-state serving: how many sequences fit, how long each token takes, how many tokens a second leave.

A sequence of ``input`` prompt tokens and ``output`` new tokens holds a slot. In the time that every slot produces its
output once, every slot is also refilled by one prefill, so with B slots

    cycle = output x decode(B, input + output/2) + B x prefill(input),   tokens/s = B x output / cycle.

The same cycle is a static batch when the B prompts are read at once. With prefill and decode on separate chips the
two parts overlap and the pools are sized so that neither waits (both rates are per chip, never added).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from forkpoint.errors import InputError
from forkpoint.perf.chip import unknown_figures
from forkpoint.perf.deployment import Deployment
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters, tables
from forkpoint.perf.prefill_decode import Pass, decode, host_share, prefill

GIB = float(1 << 30)
"""Memory is sold in binary gigabytes: an 80 GB part holds 80 x 2^30 bytes."""


class Request(NamedTuple):
    """A length of request and its share of the mix."""

    input_tokens: float
    output_tokens: float
    share: float = 1.0


class Speculation(NamedTuple):
    """Speculative decoding: tokens that leave each step, tokens checked in it, and the draft's cost in steps."""

    accepted: float = 1.0
    checked: float = 1.0
    draft_cost: float = 0.0


class EngineLimits(NamedTuple):
    """What a serving engine allows by default on a chip: sequences at once and tokens a pass, per data rank."""

    sequences: float
    chunk: float


@dataclass(frozen=True, slots=True)
class Served:
    """Steady state of one instance: ``batch`` sequences at once, rates for the instance, latencies of a request."""

    batch: float
    output_tokens_per_s: float
    input_tokens_per_s: float
    tpot_ms: float
    ttft_ms: float
    step: Pass
    """Where the time of a whole cycle goes, seconds."""
    limited_by: str
    """What set the batch: memory, the engine's limit, or the stated concurrency."""
    chips: int

    @property
    def output_tokens_per_s_per_chip(self) -> float:
        """Output tokens a second for each chip of the instance."""
        return self.output_tokens_per_s / self.chips


def _engine(deployment: Deployment) -> dict[str, Any]:
    table = tables()["engines"]
    return dict(table.get(deployment.engine) or table["unstated"])


def engine_limits(deployment: Deployment) -> EngineLimits:
    """The engine's documented defaults for the deployment's chip (``engines`` in ``inference_efficiency.yaml``)."""
    entry = _engine(deployment)
    large = (deployment.chip.mem_gb or 0.0) >= entry["large_memory_gb"] and deployment.chip.family not in entry["small"]
    chosen = entry["large"] if large else entry["default"]
    return EngineLimits(float(chosen["sequences"]), float(chosen["chunk_tokens"]))


def cache_bytes_free(deployment: Deployment, parameters: InferenceParameters | None = None) -> float:
    """Bytes of one chip left for caches. Raises InputError that says by how much a model is too large."""
    p = parameters or inference_parameters()
    chip = deployment.chip
    if chip.mem_gb is None:
        raise unknown_figures(chip)
    usable = chip.mem_gb * GIB * p.memory_share - p.workspace_gb * 1e9
    free = usable - deployment.weights.total_bytes
    if free <= 0.0:
        need = deployment.weights.total_bytes / 1e9
        raise InputError(
            f"{deployment.architecture.name} at {deployment.precision} needs {need:.1f} GB of weights on each of "
            f"{deployment.chips} {chip.name}, {-free / 1e9:.1f} GB more than the {usable / 1e9:.1f} GB usable of "
            f"{chip.mem_gb:g} GB; use at least {_chips_needed(deployment, usable)} chips or a narrower precision"
        )
    return free


def _chips_needed(d: Deployment, usable: float) -> int:
    total = d.weights.total_bytes * d.chips
    return max(d.chips + 1, math.ceil(total / max(usable, 1.0)))


def memory_batch(
    deployment: Deployment, input_tokens: float, output_tokens: float, parameters: InferenceParameters | None = None
) -> float:
    """Sequences that fit in memory at once.

    Each counts at its mean length of input + output/2, or at its whole length with an engine that admits only what it
    can finish (``reserves`` in the engine table). Raises InputError where not even one fits.
    """
    p = parameters or inference_parameters()
    free = cache_bytes_free(deployment, p)
    d = deployment
    whole = bool(_engine(d).get("reserves"))
    length = input_tokens + output_tokens * (1.0 if whole else 0.5)
    ways = min(d.tensor, d.architecture.kv_heads)
    each = float(d.architecture.kv_bytes(length, d.kv_bytes)) / ways / d.pipeline
    fitting = d.attention_data * free / each
    if fitting < 1.0:
        raise InputError(
            f"one sequence of {length:.0f} tokens of {d.architecture.name} keeps {each / 1e9:.2f} GB of cache on each "
            f"{d.chip.name}, more than the {free / 1e9:.2f} GB left beside the weights"
        )
    return fitting


def serve(
    deployment: Deployment,
    requests: Request | Sequence[Request],
    concurrency: float | None = None,
    parameters: InferenceParameters | None = None,
    speculation: Speculation | None = None,
) -> Served:
    """Steady state of an instance that always has requests waiting (or ``concurrency`` of them at once)."""
    p = parameters or inference_parameters()
    mix = [requests] if isinstance(requests, Request) else list(requests)
    _check(mix)
    total = sum(r.share for r in mix)
    given = sum(r.share * r.input_tokens for r in mix) / total
    made = sum(r.share * r.output_tokens for r in mix) / total
    # a sequence occupies its slot in proportion to its output, so the mean context weighs by it
    context = sum(r.share * r.output_tokens * (r.input_tokens + r.output_tokens / 2) for r in mix) / (total * made)
    limits = engine_limits(deployment)
    batch, limited_by = _batch(deployment, p, given, made, concurrency, limits)
    # a stated number of running sequences is met at all times
    idle = p.idle_slots if concurrency is None else 0.0
    return _cycle(deployment, p, batch, given, made, context, limits, speculation or Speculation(), limited_by, idle)


def _batch(
    d: Deployment,
    p: InferenceParameters,
    given: float,
    made: float,
    concurrency: float | None,
    limits: EngineLimits,
) -> tuple[float, str]:
    choices = {"memory": memory_batch(d, given, made, p), "engine limit": limits.sequences * d.attention_data}
    if concurrency is not None:
        choices["concurrency"] = concurrency
    limited_by = min(choices, key=choices.__getitem__)
    return choices[limited_by], limited_by


def _cycle(
    d: Deployment,
    p: InferenceParameters,
    batch: float,
    given: float,
    made: float,
    context: float,
    limits: EngineLimits,
    speculation: Speculation,
    limited_by: str,
    idle: float,
) -> Served:
    # a pipeline works on as many batches at once as it has stages
    step = decode(d, batch / d.pipeline, context, p, speculation.checked)
    steps = made / speculation.accepted * (1.0 + speculation.draft_cost)
    chunk = min(limits.chunk, max(given * batch / d.attention_data, 1.0))
    reading = prefill(d, given, batch / d.pipeline, p, chunk) if given else Pass(*(0.0,) * 6)
    cycle = step.times(steps).plus(reading)
    if d.attention_data > 1 and given:
        # a rank that reads a prompt makes the others wait for it at the next exchange of experts
        cycle = cycle.times(p.rank_skew)
    requests_s = 1e-3 * p.request_ms * host_share(d, p) * batch / d.pipeline
    cycle = cycle._replace(overhead=cycle.overhead + requests_s)
    seconds = cycle.seconds * (1.0 + idle * host_share(d, p))
    first = prefill(d, given, 1.0, p).seconds + step.seconds
    return Served(
        batch=batch,
        output_tokens_per_s=batch * made / seconds,
        input_tokens_per_s=batch * given / seconds,
        tpot_ms=1e3 * cycle.seconds / made,
        ttft_ms=1e3 * first,
        step=cycle,
        limited_by=limited_by,
        chips=d.chips,
    )


def queued_run(
    deployment: Deployment,
    request: Request,
    requests: float,
    parameters: InferenceParameters | None = None,
    speculation: Speculation | None = None,
) -> Served:
    """A run of so many equal requests, all waiting at its start: full batches, then one of those that are left."""
    full = serve(deployment, request, None, parameters, speculation)
    if requests <= full.batch:
        return serve(deployment, request, requests, parameters, speculation)
    left = requests % math.floor(full.batch)
    if not left:
        return full
    last = serve(deployment, request, left, parameters, speculation)
    seconds = (requests - left) / full.output_tokens_per_s + left / last.output_tokens_per_s
    rate = requests / seconds
    given = request.input_tokens / request.output_tokens
    return replace(full, output_tokens_per_s=rate, input_tokens_per_s=rate * given)


def published_run(deployment: Deployment, request: Request) -> float | None:
    """Requests of a run of the engine's published tables (``None`` where they are not documented)."""
    runs = _engine(deployment).get("runs")
    length = request.input_tokens + request.output_tokens
    return float(next(count for most, count in runs.items() if length <= most)) if runs else None


def static_batch(
    deployment: Deployment,
    batch: float,
    input_tokens: float,
    output_tokens: float,
    parameters: InferenceParameters | None = None,
) -> Served:
    """A fixed batch read at once and decoded to its end, as in static-batch benchmark tables."""
    p = parameters or inference_parameters()
    step = decode(deployment, batch, input_tokens + output_tokens / 2.0, p)
    reading = prefill(deployment, input_tokens, batch, p, engine_limits(deployment).chunk)
    whole = reading.plus(step, output_tokens)
    seconds = whole.seconds
    return Served(
        batch=batch,
        output_tokens_per_s=batch * output_tokens / seconds,
        input_tokens_per_s=batch * input_tokens / seconds,
        tpot_ms=1e3 * step.seconds,
        ttft_ms=1e3 * reading.seconds,
        step=whole,
        limited_by="stated batch",
        chips=deployment.chips,
    )


class Separated(NamedTuple):
    """Rates of separate prefill and decode pools, each per chip of its own pool, and the mix that balances them."""

    prefill_input_tokens_per_s_per_chip: float
    decode_output_tokens_per_s_per_chip: float
    requests_per_s_per_chip: float
    """Requests a second for each chip of both pools together, at the balanced split."""
    prefill_share: float
    """Share of all chips that belongs to the prefill pool."""
    tpot_ms: float


def serve_separated(
    reading: Deployment,
    writing: Deployment,
    request: Request,
    concurrency: float | None = None,
    parameters: InferenceParameters | None = None,
) -> Separated:
    """Serving with prefill on instances of ``reading`` and decode on instances of ``writing``, pools balanced."""
    p = parameters or inference_parameters()
    _check([request])
    given, made = request.input_tokens, request.output_tokens
    limits = engine_limits(reading)
    prompts = max(1.0, limits.chunk / given) * reading.attention_data
    read_rate = prompts * given / prefill(reading, given, prompts, p, limits.chunk).seconds / reading.chips
    batch, _ = _batch(writing, p, given, made, concurrency, engine_limits(writing))
    step = decode(writing, batch / writing.pipeline, given + made / 2.0, p).seconds
    write_rate = batch / step / writing.chips
    # chips busy for one request a second
    reads, writes = given / read_rate, made / write_rate
    return Separated(read_rate, write_rate, 1.0 / (reads + writes), reads / (reads + writes), 1e3 * step)


def batch_at_tpot(
    deployment: Deployment,
    context: float,
    tpot_ms: float,
    parameters: InferenceParameters | None = None,
) -> float:
    """The largest batch whose decode step stays within ``tpot_ms`` and within memory (0: not even one sequence)."""
    p = parameters or inference_parameters()
    most = memory_batch(deployment, context, 0.0, p)

    def slow(batch: float) -> bool:
        return 1e3 * decode(deployment, batch, context, p).seconds > tpot_ms

    if slow(1.0):
        return 0.0
    if not slow(most):
        return most
    low, high = 1.0, most
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slow(middle) else (middle, high)
    return low


def _check(mix: Sequence[Request]) -> None:
    if not mix:
        raise InputError("the mix of requests is empty")
    for r in mix:
        if r.input_tokens < 0 or r.output_tokens <= 0 or r.share <= 0:
            raise InputError(f"a request needs input ≥ 0, output > 0 and share > 0 tokens; got {tuple(r)}")
