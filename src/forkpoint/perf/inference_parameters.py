"""The parameters of the inference model: value, range, meaning and source, read from ``inference_efficiency.yaml``.

They describe chips and software in general, never one row or one publisher. ``InferenceParameters`` is what the
formulas of ``prefill_decode`` and ``serving`` take; ``documented`` keeps the ranges and meanings for the docs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml

FILE = Path(__file__).with_name("inference_efficiency.yaml")


@dataclass(frozen=True, slots=True)
class InferenceParameters:
    """Efficiencies (shares of a data-sheet figure), latencies and overheads; ``documented`` has their meanings."""

    gemm_share: float
    gemm_balance: float
    gemm_half_tokens: float
    expert_balance: float
    expert_tile: float
    attention_share: float
    weight_bandwidth_share: float
    cache_bandwidth_share: float
    head_half_width: float
    activation_passes: float
    link_share: float
    collective_us: float
    scale_out_us: float
    layer_us: float
    graph_layer_us: float
    step_ms: float
    compiled_host_share: float
    sequence_us: float
    request_ms: float
    rank_skew: float
    expert_traffic_hidden: float
    group_reread: float
    dequantize_share: float
    memory_share: float
    workspace_gb: float
    idle_slots: float
    maturity_other: float

    def changed(self, values: Mapping[str, float]) -> InferenceParameters:
        """The same with some ``values`` replaced. Raises UnknownName."""
        names = [f.name for f in fields(self)]
        for name in values:
            if name not in names:
                raise UnknownName("inference parameter", name, names)
        return replace(self, **dict(values))


class Documented(NamedTuple):
    """One parameter as the file states it."""

    name: str
    value: float
    prior: float
    low: float
    high: float
    unit: str
    meaning: str
    source: str
    fitted: bool


@cache
def tables(path: Path = FILE) -> dict[str, Any]:
    """The whole file: parameters, engines, ranges, reference jobs."""
    return dict(read_yaml(path))


@cache
def documented(path: Path = FILE) -> tuple[Documented, ...]:
    """Every parameter with range, unit, meaning and source. Raises InputError where the file is incomplete."""
    found = []
    entries = tables(path)["parameters"]
    for name, e in entries.items():
        entry = Documented(
            name,
            float(e["value"]),
            float(e["prior"]),
            float(e["low"]),
            float(e["high"]),
            str(e["unit"]),
            str(e["meaning"]),
            str(e["source"]),
            bool(e["fitted"]),
        )
        if not entry.low <= entry.value <= entry.high:
            raise InputError(f"{path}: {name}: {entry.value} lies outside its range {entry.low} to {entry.high}")
        found.append(entry)
    return tuple(found)


@cache
def inference_parameters(path: Path = FILE) -> InferenceParameters:
    """The fitted parameters that ship with forkpoint. Raises InputError where one is missing or unknown."""
    values = {d.name: d.value for d in documented(path)}
    wanted = {f.name for f in fields(InferenceParameters)}
    if missing := wanted - set(values):
        raise InputError(f"{path}: missing {', '.join(sorted(missing))}")
    if surplus := set(values) - wanted:
        raise UnknownName("inference parameter", min(surplus), wanted, where=str(path))
    return InferenceParameters(**values)


@cache
def spread(path: Path = FILE) -> dict[str, tuple[float, float]]:
    """The 80 % interval of ln(measured / predicted) on sources left out of the fit, by kind of figure."""
    return {kind: (float(e["low"]), float(e["high"])) for kind, e in tables(path)["spread"].items()}


@cache
def unstated(name: str) -> float:
    """What is assumed where a published row leaves ``name`` open: a length, a latency, a rate of acceptance."""
    return float(tables()["unstated"][name]["value"])


def markdown_table(path: Path = FILE) -> str:
    """The parameters as the table of ``docs/inference.md``."""
    lines = ["| parameter | value | prior | bounds | unit | fitted | meaning |", "|---|---|---|---|---|---|---|"]
    for d in documented(path):
        bounds = f"{d.low:g} to {d.high:g}"
        fitted = "yes" if d.fitted else "no"
        lines.append(f"| `{d.name}` | {d.value:g} | {d.prior:g} | {bounds} | {d.unit} | {fitted} | {d.meaning} |")
    ranges = [
        f"| {kind} | {math.exp(low) - 1:+.0%} to {math.exp(high) - 1:+.0%} |"
        for kind, (low, high) in spread(path).items()
    ]
    return "\n".join([*lines, "", "| figure | 80 % range of measured against predicted |", "|---|---|", *ranges])
