"""How a published inference measurement was run: its deployment, from columns and a few words of its notes.

The words state the engine, replicas, whether prefill and decode are separate, whether drafts are accepted: properties
that any user can state. Nothing else of the source is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from forkpoint.catalog import Accelerator, catalog
from forkpoint.errors import InputError
from forkpoint.perf.architectures import of_measurement
from forkpoint.perf.deployment import ALIASES, PRECISIONS, Deployment
from forkpoint.perf.inference_parameters import unstated
from forkpoint.perf.serving import GIB, Speculation
from forkpoint.perf.workload import Architecture

ENGINES = {
    "trtllm-serve": ("trtllm-serve",),
    "tensorrt-llm": ("tensorrt-llm", "trtllm"),
    "sglang": ("sglang",),
    "vllm": ("vllm",),
    "mindie": ("mindie",),
    "fastertransformer": ("fastertransformer",),
}
"""Words that name a serving engine; the first that a row states counts. ``trtllm-serve`` is TensorRT-LLM behind an
interpreted server; other TensorRT-LLM figures come from its compiled benchmark."""

LARGEST_TENSOR = 8
"""Tensor parallelism beyond a node is not what anybody serves with unless it is stated."""


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
    kv_bits: float | None
    low_latency: bool
    tpot_limit_ms: float | None


def engine_named(text: str) -> str:
    """The serving engine that ``text`` names first ("" for none)."""
    folded = text.casefold()
    places = {e: min((folded.find(w) for w in words if w in folded), default=-1) for e, words in ENGINES.items()}
    named = {e: place for e, place in places.items() if place >= 0}
    return min(named, key=named.__getitem__) if named else ""


def stated(row: Any) -> Stated:
    """Engine, replicas, separation, speculative acceptance and latency limit that the row's words state."""
    text = f"{row.notes or ''} {row.source_title}".casefold()
    replicas = re.search(r"(\d+) replicas", text)
    engine = engine_named(row.notes or "") or engine_named(row.source_title)
    acceptance = re.search(r"(\d+)\s?% acceptance", text)
    accepted = float(acceptance[1]) / 100 if acceptance else unstated("acceptance")
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
        kv_bits=_kv_bits(text),
        tpot_limit_ms=float(limit[1]) if limit else None,
    )


def _kv_bits(text: str) -> float | None:
    """Width of cached numbers where the words state it ("6-bit KV cache", "FP8 KV cache", "--kv-cache-dtype fp8")."""
    if width := re.search(r"(\d+)[- ]bit kv", text):
        return float(width[1])
    return 8.0 if re.search(r"(?:fp8|int8) kv|kv[-_ ]cache[-_ ]dtype[ =](?:fp8|int8)", text) else None


@dataclass(frozen=True)
class InferenceCase:
    """A row with all that it says about how it was run."""

    row: Any
    words: Stated
    deployments: tuple[tuple[Deployment, float], ...]
    """Each layout that the row allows, and how many instances of it ran."""


def inference_case(row: Any) -> InferenceCase:
    """The case of an inference row. Raises InputError in words."""
    words = stated(row)
    return InferenceCase(row, words, tuple(_deployments(row, words)))


def _deployments(row: Any, words: Stated) -> list[tuple[Deployment, float]]:
    """The instance that ran in a row and how many of them; both layouts of a mixture where the row states no plan.

    Raises InputError in words.
    """
    chip = catalog().accelerators.get(row.chip) or catalog().accelerator(row.chip)
    if words.counts_dies:
        chip = one_die(chip)
    if words.bin:
        chip = catalog().accelerator(words.bin)
    architecture = of_measurement(row)
    precision = _precision(row)
    chips, pipeline = row.n_chips or 1, row.pp or 1
    # TensorRT-LLM caches at 8 bit with its own narrow checkpoints; a release in MXFP4 only where chips have the unit
    own = precision in ("fp8", "fp4") or (precision == "mxfp4" and chip.fp4_tflops is not None)
    narrow = words.engine == "tensorrt-llm" and own
    found = []
    for tensor, data in _layouts(row, architecture.is_moe, words.separated):
        deployment = Deployment(
            architecture,
            chip,
            precision or _widest(architecture, chip, tensor * data * pipeline),
            tensor=tensor,
            pipeline=pipeline,
            attention_data=data,
            kv_bytes=words.kv_bits / 8.0 if words.kv_bits else 1.0 if narrow else 2.0,
            engine=words.engine,
            overlapped=words.overlapped,
            reads_group_once=row.year >= 2024,
        )
        replicas = words.replicas or (row.dp if row.dp and not architecture.is_moe else None)
        instances = replicas or (max(1.0, chips / deployment.chips) if row.tp is None else 1.0)
        found.append((deployment, float(instances)))
    return found


def _precision(row: Any) -> str:
    """The stated precision; a mixture that is released in 4-bit experts is not widened to serve it."""
    try:
        released = (catalog().language_model(row.model).precision or "").casefold()
    except InputError:
        released = ""
    return "mxfp4" if "mxfp4" in released else named_precision(row.precision or "")


def named_precision(text: str) -> str:
    """The precision that ``text`` states, also inside other words ("fp8 mixed", "awq-int4"); "" for none."""
    folded = text.casefold().strip()
    if not folded or folded in PRECISIONS or folded in ALIASES:
        return folded
    return next((n for n in (*PRECISIONS, *ALIASES) if n in folded), folded)


def _widest(architecture: Architecture, chip: Accelerator, chips: int) -> str:
    """The widest of 16, 8 and 4 bit at which the weights fill less than nine tenths of the memory."""
    eight = "fp8" if chip.fp8_tflops else "int8"
    held = 0.9 * (chip.mem_gb or 0.0) * GIB * chips / architecture.parameters
    return "bf16" if held > 2.0 else eight if held > 1.0 else "int4"


def _layouts(row: Any, mixture: bool, separated: bool) -> list[tuple[int, int]]:
    """(tensor, attention-data) sizes that the row's plan allows."""
    chips, pipeline = row.n_chips or 1, row.pp or 1
    if row.tp:
        return [(row.tp, row.dp or 1 if mixture else 1)]
    if row.ep:
        return [(1, row.ep)]
    pool = max(1, (chips // 2 if separated else chips) // pipeline)
    if not mixture:
        return [(min(pool, LARGEST_TENSOR), 1)]
    if pool <= LARGEST_TENSOR:
        return [(pool, 1), (1, pool)] if pool > 1 else [(1, 1)]
    return [(1, pool)]


def one_die(chip: Accelerator) -> Accelerator:
    """One die of a package, for software that counts each die as a device."""
    dies = chip.die_count or 1.0
    shared = [*(f for f in Accelerator.model_fields if f.endswith(("_tflops", "_tops"))), "mem_gb", "mem_bw_gbs"]
    halves = {f: getattr(chip, f) / dies for f in [*shared, "link_bw_gbs", "tdp_w"] if getattr(chip, f) is not None}
    return chip.model_copy(update={**halves, "die_count": 1.0})
