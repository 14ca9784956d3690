"""From a published inference measurement to the metric that it reports.

A row states a deployment in columns and a few words of its notes: the engine, replicas, whether prefill and decode
are separate, whether a draft is accepted. Those words are properties that any user can state; nothing else of the
source is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from forkpoint.catalog import Accelerator, catalog
from forkpoint.errors import InputError
from forkpoint.perf.architectures import of_measurement
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters
from forkpoint.perf.prefill_decode import Deployment, Pass, decode, first_token_seconds, prefill
from forkpoint.perf.serving import (
    GIB,
    Request,
    Speculation,
    batch_at_tpot,
    engine_limits,
    memory_batch,
    serve,
    static_batch,
)
from forkpoint.perf.workload import Architecture

ENGINES = {
    "tensorrt-llm": ("tensorrt-llm", "trtllm"),
    "sglang": ("sglang",),
    "vllm": ("vllm",),
    "mindie": ("mindie",),
    "fastertransformer": ("fastertransformer",),
}
"""Words that name a serving engine; the first that a row states counts."""

LARGEST_TENSOR = 8
"""Tensor parallelism beyond a node is not what anybody serves with unless it is stated."""
USUAL_TPOT_LIMIT_MS = 50.0
"""Latency at which an engine is run where a row reports only the latency (assumption)."""
USUAL_ACCEPTANCE = 0.7
"""Share of single drafted tokens that are accepted where a row does not say (assumption; 0.6 to 0.9 are reported)."""


class RowResult(NamedTuple):
    """A row's own metric as predicted, in the row's unit, and where the time goes."""

    value: float
    spent: Pass
    batch: float | None
    deployment: Deployment
    instances: float


@dataclass(frozen=True)
class Stated:
    """What the words of a row say about how it was run."""

    engine: str
    replicas: int | None
    separated: bool
    static: bool
    speculation: Speculation
    overlapped: bool
    counts_dies: bool
    bin: str
    low_latency: bool
    tpot_limit_ms: float | None


def stated(row: Any) -> Stated:
    """Engine, replicas, separation, speculative acceptance and latency limit that the row's words state."""
    text = f"{row.notes or ''} {row.source_title}".casefold()
    replicas = re.search(r"(\d+) replicas", text)
    engine = next((e for e, words in ENGINES.items() if any(w in (row.notes or "").casefold() for w in words)), "")
    engine = engine or next((e for e, words in ENGINES.items() if any(w in text for w in words)), "")
    acceptance = re.search(r"(\d+)\s?% acceptance", text)
    accepted = float(acceptance[1]) / 100 if acceptance else USUAL_ACCEPTANCE
    drafted = "mtp" in text or "speculative" in text
    sold_as = re.search(r"npu is (\w+)", text)
    limit = re.search(r"tpot limit (?:about )?(\d+) ms", text)
    return Stated(
        engine=engine,
        replicas=int(replicas[1]) if replicas else None,
        separated="disaggregation" in text or "prefill/decode split" in text or "prefill + " in text,
        static="static batch" in text,
        speculation=Speculation(1.0 + accepted, 2.0, 0.05) if drafted else Speculation(),
        overlapped="without two-batch overlap" not in text,
        counts_dies="may be dies" in text,
        bin=sold_as[1] if sold_as else "",
        low_latency="low latency" in text,
        tpot_limit_ms=float(limit[1]) if limit else None,
    )


def deployments_of(row: Any) -> list[tuple[Deployment, float]]:
    """The instance that ran in a row and how many of them; both layouts of a mixture where the row states no plan.

    Raises InputError in words.
    """
    words = stated(row)
    chip = catalog().accelerators.get(row.chip) or catalog().accelerator(row.chip)
    if words.counts_dies:
        chip = one_die(chip)
    if words.bin:
        chip = catalog().accelerator(words.bin)
    architecture = of_measurement(row)
    precision = _precision(row)
    chips, pipeline = row.n_chips or 1, row.pp or 1
    narrow = words.engine == "tensorrt-llm" and precision in ("fp8", "fp4", "mxfp4")
    found = []
    for tensor, data in _layouts(row, architecture.is_moe, words.separated):
        deployment = Deployment(
            architecture,
            chip,
            precision or _widest(architecture, chip, tensor * data * pipeline),
            tensor=tensor,
            pipeline=pipeline,
            attention_data=data,
            kv_bytes=1.0 if narrow else 2.0,
            engine=words.engine,
            overlapped=words.overlapped,
            reads_group_once=row.year >= 2024,
        )
        instances = words.replicas or (max(1.0, chips / deployment.chips) if row.tp is None else 1.0)
        found.append((deployment, float(instances)))
    return found


def _precision(row: Any) -> str:
    """The stated precision; a mixture that is released in 4-bit experts is not widened to serve it."""
    try:
        released = (catalog().language_model(row.model).precision or "").casefold()
    except InputError:
        released = ""
    return "mxfp4" if "mxfp4" in released else (row.precision or "").casefold()


def _widest(architecture: Architecture, chip: Accelerator, chips: int) -> str:
    """The widest of 16, 8 and 4 bit at which the weights fill less than nine tenths of the memory."""
    eight = "fp8" if chip.fp8_tflops else "int8"
    held = 0.9 * (chip.mem_gb or 0.0) * GIB * chips / architecture.parameters
    return "bf16" if held > 2.0 else eight if held > 1.0 else "int4"


def _layouts(row: Any, mixture: bool, separated: bool) -> list[tuple[int, int]]:
    """(tensor, attention-data) sizes that the row's plan allows."""
    chips, pipeline = row.n_chips or 1, row.pp or 1
    if row.tp:
        return [(row.tp, row.dp or 1)]
    if row.ep:
        return [(1, row.ep)]
    pool = max(1, chips // 2 if separated else chips) // pipeline
    if not mixture or pool == 1:
        return [(pool, 1)]
    return [(1, pool)] if pool > LARGEST_TENSOR else [(pool, 1), (1, pool)]


def one_die(chip: Accelerator) -> Accelerator:
    """One die of a package, for software that counts each die as a device."""
    dies = chip.die_count or 1.0
    shared = [*(f for f in Accelerator.model_fields if f.endswith(("_tflops", "_tops"))), "mem_gb", "mem_bw_gbs"]
    halves = {f: getattr(chip, f) / dies for f in [*shared, "link_bw_gbs", "tdp_w"] if getattr(chip, f) is not None}
    return chip.model_copy(update={**halves, "die_count": 1.0})


def row_result(row: Any, parameters: InferenceParameters | None = None) -> RowResult:
    """The row's metric. Raises InputError where the row does not say enough or its model does not fit."""
    p = parameters or inference_parameters()
    kinds = {"prefill": _prefill_row, "decode": _decode_row, "serve": _serve_row}
    results, reason = [], None
    for deployment, instances in deployments_of(row):
        try:
            results.append(kinds[row.kind](row, p, deployment, instances))
        except InputError as error:
            reason = error
    if not results:
        raise reason or InputError(f"{row.id}: no layout of the row's chips can serve its model")
    better = min if row.metric.endswith("_ms") else max
    return better(results, key=lambda r: r.value)


def _prefill_row(row: Any, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    prompt = float(row.input_len or 2048)
    if row.metric == "ttft_ms":
        spent = prefill(d, prompt, float(row.batch or 1), p)
        return RowResult(1e3 * spent.seconds, spent, row.batch, d, instances)
    chunk = 16384.0 if d.attention_data > 1 else engine_limits(d).chunk
    prompts = max(1.0, chunk / prompt) * d.attention_data
    spent = prefill(d, prompt, prompts, p, chunk)
    rate = prompts * prompt / spent.seconds
    if row.metric == "mfu":
        flops = d.architecture.forward_flops(prompt, causal=True) / prompt
        return RowResult(100.0 * rate * flops / d.chips / d.peak, spent, prompts, d, instances)
    return RowResult(_rate(row, rate, d, instances), spent, prompts, d, instances)


def _decode_row(row: Any, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    words = stated(row)
    context = float(row.input_len or 1024) + float(row.output_len or 0) / 2.0
    if row.batch:
        # with stated data ranks the column is the batch of each, else all sequences at once
        batch = float(row.batch) * (d.attention_data if row.dp or row.ep else 1)
    else:
        batch = memory_batch(d, context, 0.0, p)
        if words.tpot_limit_ms:
            batch = batch_at_tpot(d, context, words.tpot_limit_ms, p) or 1.0
    spent = _step(d, batch, context, p, words.speculation)
    if row.metric == "tpot_ms":
        return RowResult(1e3 * spent.seconds, spent, batch, d, instances)
    rate = batch / spent.seconds
    return RowResult(_rate(row, rate, d, instances), spent, batch, d, instances)


def _serve_row(row: Any, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    words = stated(row)
    given, made = float(row.input_len or 1024), float(row.output_len or 512)
    concurrency = None if row.batch is None else float(row.batch) / instances
    if words.static and concurrency is not None:
        served = static_batch(d, concurrency, given, made, p)
    elif row.metric == "tpot_ms" and concurrency is None:
        quick = float(d.attention_data)
        limit = words.tpot_limit_ms or USUAL_TPOT_LIMIT_MS
        batch = quick if words.low_latency else max(quick, batch_at_tpot(d, given + made / 2.0, limit, p))
        served = serve(d, Request(given, made), batch, p, words.speculation)
    else:
        served = serve(d, Request(given, made), concurrency, p, words.speculation)
    if words.separated or "per node" in row.unit:
        return _separated_row(row, p, d, instances, served.batch)
    values = {
        "tpot_ms": served.tpot_ms,
        "ttft_ms": served.ttft_ms,
        "tokens_per_s": served.output_tokens_per_s,
        "tokens_per_s_per_chip": served.output_tokens_per_s,
    }
    value = values[row.metric]
    if row.metric.startswith("tokens"):
        if "input+output" in row.unit:
            value += served.input_tokens_per_s
        value = _rate(row, value, d, instances)
    return RowResult(value, served.step, served.batch, d, instances)


def _separated_row(row: Any, p: InferenceParameters, d: Deployment, instances: float, batch: float) -> RowResult:
    given, made = float(row.input_len or 1024), float(row.output_len or 512)
    if row.metric == "ttft_ms":
        seconds = first_token_seconds(d, given, 1.0, p)
        return RowResult(1e3 * seconds, prefill(d, given, 1.0, p), batch, d, instances)
    if row.unit.startswith("input"):
        prompts = max(1.0, 16384.0 / given) * d.attention_data
        spent = prefill(d, given, prompts, p, 16384.0)
        return RowResult(_rate(row, prompts * given / spent.seconds, d, instances), spent, prompts, d, instances)
    spent = _step(d, batch, given + made / 2.0, p, stated(row).speculation)
    if row.metric == "tpot_ms":
        return RowResult(1e3 * spent.seconds, spent, batch, d, instances)
    return RowResult(_rate(row, batch / spent.seconds, d, instances), spent, batch, d, instances)


def _step(d: Deployment, batch: float, context: float, p: InferenceParameters, speculation: Speculation) -> Pass:
    """A decode step divided by the tokens that leave it."""
    step = decode(d, batch, context, p, speculation.checked)
    return step.times((1.0 + speculation.draft_cost) / speculation.accepted)


def _rate(row: Any, tokens_per_s: float, d: Deployment, instances: float) -> float:
    """An instance's tokens a second in the unit of the row: a chip, a node of 8, or everything."""
    if row.metric == "tokens_per_s_per_chip" or "per card" in row.unit or "per GPU" in row.unit:
        return tokens_per_s / d.chips
    if "per node" in row.unit:
        return tokens_per_s / d.chips * min(8.0, float(row.n_chips or 8))
    return tokens_per_s * instances


def figure_kind(row: Any) -> str:
    """prefill, decode, static (a stated batch runs to its end) or serve (the engine fills its slots)."""
    return "static" if row.kind == "serve" and stated(row).static else str(row.kind)


__all__ = ["InputError", "RowResult", "Stated", "deployments_of", "row_result", "stated", "figure_kind"]
