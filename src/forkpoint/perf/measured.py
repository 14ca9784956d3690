"""Published measurements against the model: predictions row by row, and a score table beside a constant efficiency.

Reads the columns of ``performance_measured.csv``; writes ``id, kind, chip, model, metric, value, predicted, low, high,
error_pct, bound_by, skipped``. A row is never lost: one that cannot be predicted keeps its id and a reason.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from pydantic import ValidationError

from forkpoint.catalog import Measurement
from forkpoint.catalog.load import read_rows
from forkpoint.errors import ForkpointError, InputError
from forkpoint.perf import architectures, training_rows
from forkpoint.perf import chip as machines
from forkpoint.perf.efficiency import parameters, range_factor, spread
from forkpoint.perf.prediction import shares_of

COLUMNS = (
    "id", "kind", "chip", "model", "metric", "value", "predicted", "low", "high", "error_pct", "bound_by", "skipped",
)  # fmt: skip
_DEFAULTS = {
    "source_title": "unknown", "source_url": "", "year": "2025", "unit": "", "evidence": "recalled", "params_b": "1",
}  # fmt: skip

Row = dict[str, Any]


def read_measurements(path: Path | str) -> list[tuple[dict[str, str | None], Measurement | str]]:
    """Rows of a file: the cells, and the record or a sentence that says what is wrong with them.

    Raises InputError where the file itself cannot be read as a table with these columns.
    """
    rows = read_rows(path, Measurement.model_fields, required=("id", "kind", "chip", "model", "metric"))
    if not rows:
        raise InputError(f"{path}: holds a header and no row to predict")
    return [(row, _record(row)) for row in rows]


def _record(row: Mapping[str, str | None]) -> Measurement | str:
    cells = {**_DEFAULTS, **{k: v for k, v in row.items() if v is not None}}
    value = cells.setdefault("value", "1")
    try:
        if row.get("params_b") is None and row.get("layers") is None:
            cells["params_b"] = str(architectures.named(str(row["model"])).parameters / 1e9)
        return Measurement.model_validate(cells)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        return f"column '{name}': {str(first.get('input', value))[:40]!r} is wrong ({first['msg']})"
    except ForkpointError as error:
        return str(error)


def predict_file(path: Path | str, progress: Callable[[int, int], None] | None = None) -> list[Row]:
    """Predictions of all rows of a file, in its order."""
    found = []
    rows = read_measurements(path)
    for number, (cells, record) in enumerate(rows, start=1):
        found.append(_skipped(cells, record) if isinstance(record, str) else predict_row(record, cells.get("value")))
        if progress:
            progress(number, len(rows))
    return found


def predict_row(row: Measurement, value: str | None = "") -> Row:
    """One row's own metric with its 80 % range and what bounds it."""
    out: Row = {"id": row.id, "kind": row.kind, "chip": row.chip, "model": row.model, "metric": row.metric}
    out["value"] = row.value if value is not None else None
    try:
        predicted, low, high, bound = _training(row) if row.kind == "train" else _inference(row)
    except ForkpointError as error:
        return {**out, "skipped": str(error)}
    if not math.isfinite(predicted) or predicted <= 0:
        return {**out, "skipped": f"{row.id}: the model gives no finite {row.metric}"}
    error_pct = None if value is None else 100.0 * (predicted / row.value - 1.0)
    return {**out, "predicted": predicted, "low": low, "high": high, "error_pct": error_pct, "bound_by": bound}


def _training(row: Measurement) -> tuple[float, float, float, str]:
    p = parameters()
    case = training_rows.case_of(row, p)
    predicted, step = training_rows.predict(case, p)
    low, high = spread()["train-moe" if case.job.arch.is_moe else "train-dense"]
    factor = range_factor(case.chip)
    shares = shares_of(step)
    bound = max(shares, key=shares.__getitem__)
    value = float(predicted)
    if row.metric in ("step_seconds", "gpu_hours"):
        low, high = -high, -low
    return value, value * math.exp(low * factor), value * math.exp(high * factor), bound


def _inference(row: Measurement) -> tuple[float, float, float, str]:
    from forkpoint.perf.inference_rows import predict_inference_row

    found = predict_inference_row(row)
    return found.value, found.low, found.high, found.bound_by


def _skipped(cells: Mapping[str, str | None], reason: str) -> Row:
    keys = ("id", "kind", "chip", "model", "metric", "value")
    return {**{k: cells.get(k) for k in keys}, "skipped": reason}


def scored(row: Mapping[str, Any]) -> bool:
    """Whether a row enters the score: predicted, measured, and no first-token time that contains a queue."""
    queue = row["kind"] == "serve" and row["metric"] == "ttft_ms"
    return row.get("predicted") is not None and row.get("error_pct") is not None and not queue


def scores(rows: Sequence[Row], measurements: Mapping[str, Measurement], by: str = "kind") -> list[Row]:
    """Error figures of each group: by ``kind`` (dense and expert training apart) or by ``chip``."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        kind = row["kind"]
        if kind == "train":
            kind = "train-moe" if measurements[row["id"]].moe_experts else "train-dense"
        groups[kind if by == "kind" else f"{kind} {row['chip']}"].append(row)
    baseline = constant_efficiency([measurements[r["id"]] for r in rows if scored(r)])
    return [_score(name, groups[name], measurements, baseline) for name in sorted(groups)]


def _score(
    name: str, rows: Sequence[Row], measurements: Mapping[str, Measurement], baseline: Mapping[str, float]
) -> Row:
    kept = [r for r in rows if scored(r)]
    errors = sorted(abs(r["error_pct"]) for r in kept)
    if not kept:
        return {"group": name, "rows": 0, "skipped": len(rows)}
    sources: dict[str, list[float]] = defaultdict(list)
    for r in kept:
        sources[measurements[r["id"]].source_title].append(abs(r["error_pct"]))
    inside = [r["low"] <= r["value"] <= r["high"] for r in kept]
    flat = [abs(baseline[r["id"]]) for r in kept if r["id"] in baseline]
    return {
        "group": name,
        "rows": len(kept),
        "mean_pct": mean(errors),
        "median_pct": median(errors),
        "p90_pct": errors[int(0.9 * (len(errors) - 1))],
        "signed_median_pct": median(r["error_pct"] for r in kept),
        "by_source_pct": mean(mean(v) for v in sources.values()),
        "coverage_pct": 100.0 * mean(inside),
        "constant_pct": mean(flat) if flat else None,
        "skipped": sum(r.get("predicted") is None for r in rows),
    }


def constant_efficiency(rows: Iterable[Measurement]) -> dict[str, float]:
    """Percent error of one constant for each kind: a share of peak FLOP/s (training, prefill) or of the memory
    roofline of the active weights (decode, serving), its median fitted on the same rows.
    """
    ratios: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        guess = _roofline(row)
        if guess:
            ratios[f"{row.kind} {row.metric}" if row.kind != "train" else "train"][row.id] = row.value / guess
    found: dict[str, float] = {}
    for group in ratios.values():
        constant = median(group.values())
        found |= {key: 100.0 * (constant / ratio - 1.0) for key, ratio in group.items()}
    return found


def _roofline(row: Measurement) -> float | None:
    """What a row would show if the chip ran at its data sheet, up to one constant."""
    try:
        if row.kind == "train":
            case = training_rows.case_of(row, parameters())
            return float(
                case.value(case.job.model_flops / case.chips / case.chip.peak(case.job.precision), parameters())
            )
        machine = machines.of_accelerator(row.chip)
        arch = architectures.of_measurement(row)
    except ForkpointError:
        return None
    per_token = 2.0 * arch.active_parameters
    chips = 1 if row.metric.endswith("per_chip") else row.n_chips or 1
    if row.metric == "mfu":
        return 1.0
    if row.kind == "prefill":
        seconds = per_token * (row.input_len or 1) * float(row.batch or 1) / machine.peak16 / (row.n_chips or 1)
        return 1e3 * seconds if row.metric == "ttft_ms" else machine.peak16 / per_token * chips
    if row.metric.endswith("_ms"):
        return 1e3 * 2.0 * arch.active_parameters / machine.bandwidth / (row.n_chips or 1)
    return machine.peak16 / per_token * chips


def by_id(rows: Sequence[tuple[Mapping[str, str | None], Measurement | str]]) -> dict[str, Measurement]:
    """The records of a file by id. Raises InputError where two rows share one."""
    found: dict[str, Measurement] = {}
    for _, record in rows:
        if isinstance(record, Measurement):
            if record.id in found:
                raise InputError(f"the id '{record.id}' stands on two rows")
            found[record.id] = record
    return found
