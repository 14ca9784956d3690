"""From a published inference measurement to the metric that it reports."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from forkpoint.errors import InputError
from forkpoint.perf.deployment import Deployment
from forkpoint.perf.inference_cases import InferenceCase, inference_case, stated
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters, spread, tables, unstated
from forkpoint.perf.instances import widening
from forkpoint.perf.prefill_decode import Pass, decode, first_token_seconds, prefill
from forkpoint.perf.serving import (
    Request,
    Speculation,
    batch_at_tpot,
    engine_limits,
    memory_batch,
    published_run,
    queued_run,
    serve,
    static_batch,
)


class RowResult(NamedTuple):
    """A row's own metric as predicted, in the row's unit, and where the time goes."""

    value: float
    spent: Pass
    batch: float | None
    deployment: Deployment
    instances: float


class RowPrediction(NamedTuple):
    """A row's own metric with its 80 % range and the term that takes most of the time."""

    value: float
    low: float
    high: float
    bound_by: str


def predict_inference_row(row: Any, parameters: InferenceParameters | None = None) -> RowPrediction:
    """The metric of an inference row in the row's unit, with its range. Raises InputError in words.

    The range is that of ln(measured / predicted) on sources left out of the fit, wider where nobody has published a
    measurement of the chip or of any chip of its maker.
    """
    result = row_result(row, parameters)
    low, high = spread()[figure_kind(row)]
    wider = widening(result.deployment.chip)
    return RowPrediction(
        result.value,
        result.value * math.exp(low * wider),
        result.value * math.exp(high * wider),
        result.spent.bound_by,
    )


def row_result(row: Any, parameters: InferenceParameters | None = None) -> RowResult:
    """The row's metric. Raises InputError where the row does not say enough or its model does not fit."""
    p = parameters or inference_parameters()
    case = inference_case(row)
    try:
        return case_result(case, p)
    except InputError:
        # what was published ran, so it fitted: with memory that engines usually leave free
        return case_result(case, p.changed(tables()["squeezed"]))


def case_result(case: InferenceCase, p: InferenceParameters) -> RowResult:
    """The metric of a prepared row; where its layout is open, the better one's."""
    kinds = {"prefill": _prefill_row, "decode": _decode_row, "serve": _serve_row}
    row, reason = case.row, None
    results = []
    for deployment, instances in case.deployments:
        try:
            results.append(kinds[row.kind](case, p, deployment, instances))
        except InputError as error:
            reason = error
    if not results:
        raise reason or InputError(f"{row.id}: no layout of the row's chips can serve its model")
    better = min if row.metric.endswith("_ms") else max
    return better(results, key=lambda r: r.value)


def _prefill_row(case: InferenceCase, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    row = case.row
    prompt = float(row.input_len or unstated("input_tokens"))
    if row.metric == "ttft_ms":
        spent = prefill(d, prompt, float(row.batch or 1), p)
        return RowResult(1e3 * spent.seconds, spent, row.batch, d, instances)
    if not row.metric.startswith(("tokens_per_s", "mfu")):
        raise _unknown_metric(row)
    chunk = 16384.0 if d.attention_data > 1 else engine_limits(d).chunk
    prompts = max(1.0, chunk / prompt) * d.attention_data
    spent = prefill(d, prompt, prompts, p, chunk)
    rate = prompts * prompt / spent.seconds
    if row.metric == "mfu":
        flops = d.architecture.forward_flops(prompt, causal=True) / prompt
        return RowResult(100.0 * rate * flops / d.chips / d.peak, spent, prompts, d, instances)
    return RowResult(_rate(row, rate, d, instances), spent, prompts, d, instances)


def _decode_row(case: InferenceCase, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    row, words = case.row, case.words
    context = float(row.input_len or unstated("input_tokens")) + float(row.output_len or 0) / 2.0
    if row.batch:
        # with stated data ranks the column is the batch of each (if that fits), else all sequences at once
        ranked = float(row.batch) * (d.attention_data if row.dp or row.ep else 1)
        batch = ranked if ranked <= memory_batch(d, context, 0.0, p) else float(row.batch)
    else:
        batch = memory_batch(d, context, 0.0, p)
        if words.tpot_limit_ms:
            batch = batch_at_tpot(d, context, words.tpot_limit_ms, p) or 1.0
    spent = _step(d, batch, context, p, words.speculation)
    if row.metric == "tpot_ms":
        return RowResult(1e3 * spent.seconds, spent, batch, d, instances)
    if not row.metric.startswith("tokens_per_s"):
        raise _unknown_metric(row)
    rate = batch / spent.seconds
    return RowResult(_rate(row, rate, d, instances), spent, batch, d, instances)


def _serve_row(case: InferenceCase, p: InferenceParameters, d: Deployment, instances: float) -> RowResult:
    row, words = case.row, case.words
    given, made = float(row.input_len or unstated("input_tokens")), float(row.output_len or unstated("output_tokens"))
    concurrency = None if row.batch is None else float(row.batch) / instances
    if words.static and concurrency is not None:
        served = static_batch(d, concurrency, given, made, p)
    elif row.metric == "tpot_ms" and concurrency is None:
        quick = float(d.attention_data)
        limit = words.tpot_limit_ms or unstated("tpot_ms")
        batch = quick if words.low_latency else max(quick, batch_at_tpot(d, given + made / 2.0, limit, p))
        served = serve(d, Request(given, made), batch, p, words.speculation)
    elif concurrency is None and (requests := published_run(d, Request(given, made))):
        served = queued_run(d, Request(given, made), requests / instances, p, words.speculation)
    else:
        served = serve(d, Request(given, made), concurrency, p, words.speculation)
    if words.separated:
        return _separated_row(case, p, d, instances, served.batch)
    values = {
        "tpot_ms": served.tpot_ms,
        "ttft_ms": served.ttft_ms,
        "tokens_per_s": served.output_tokens_per_s,
        "tokens_per_s_per_chip": served.output_tokens_per_s,
    }
    if row.metric not in values:
        raise _unknown_metric(row)
    value = values[row.metric]
    if row.metric.startswith("tokens"):
        unit = row.unit.casefold()
        if "input+output" in unit or ("total token" in unit and "output" not in unit):
            value += served.input_tokens_per_s
        elif unit.startswith("input"):
            value = served.input_tokens_per_s
        value = _rate(row, value, d, instances)
    return RowResult(value, served.step, served.batch, d, instances)


def _separated_row(
    case: InferenceCase, p: InferenceParameters, d: Deployment, instances: float, batch: float
) -> RowResult:
    row = case.row
    given, made = float(row.input_len or unstated("input_tokens")), float(row.output_len or unstated("output_tokens"))
    if row.metric == "ttft_ms":
        seconds = first_token_seconds(d, given, 1.0, p)
        return RowResult(1e3 * seconds, prefill(d, given, 1.0, p), batch, d, instances)
    if row.unit.startswith("input"):
        prompts = max(1.0, 16384.0 / given) * d.attention_data
        spent = prefill(d, given, prompts, p, 16384.0)
        return RowResult(_rate(row, prompts * given / spent.seconds, d, instances), spent, prompts, d, instances)
    spent = _step(d, batch, given + made / 2.0, p, case.words.speculation)
    if row.metric == "tpot_ms":
        return RowResult(1e3 * spent.seconds, spent, batch, d, instances)
    if not row.metric.startswith("tokens_per_s"):
        raise _unknown_metric(row)
    return RowResult(_rate(row, batch / spent.seconds, d, instances), spent, batch, d, instances)


def _step(d: Deployment, batch: float, context: float, p: InferenceParameters, speculation: Speculation) -> Pass:
    """A decode step divided by the tokens that leave it."""
    step = decode(d, batch, context, p, speculation.checked)
    return step.times((1.0 + speculation.draft_cost) / speculation.accepted)


def _unknown_metric(row: Any) -> InputError:
    return InputError(f"{row.id}: a {row.kind} row cannot have the metric '{row.metric}'")


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
