"""The best instance of a model on a chip: how many chips hold it, and what each of them then delivers.

An instance is the layout that serves most tokens a second for each of its chips: tensor parallelism inside the
scale-up domain, stages where a dense model does not fit one domain, attention-data parallelism with spread experts
for mixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from forkpoint.catalog import Accelerator, catalog
from forkpoint.errors import InputError
from forkpoint.perf.deployment import Deployment
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters, tables
from forkpoint.perf.prefill_decode import Pass, decode, prefill
from forkpoint.perf.serving import batch_at_tpot, cache_bytes_free, engine_limits, memory_batch
from forkpoint.perf.workload import Architecture

Job = Literal["prefill", "decode", "serve", "train"]
JOBS: tuple[Job, ...] = ("train", "prefill", "decode", "serve")

LARGEST = 64
"""Chips of the largest instance that is tried."""


class ReferenceJob(NamedTuple):
    """Lengths, latency, number width and training cluster on which chips are compared."""

    input_tokens: float
    output_tokens: float
    context_tokens: float
    tpot_ms: float
    bits: int
    train_chips: int
    train_sequence: int
    train_batch: int


@dataclass(frozen=True, slots=True)
class ChipRate:
    """What one chip delivers in its best instance: tokens a second (requests a second when serving)."""

    rate: float
    chips: int
    """Chips of the instance."""
    bound_by: str
    layout: str
    precision: str


def reference_job() -> ReferenceJob:
    """The job of ``inference_efficiency.yaml``."""
    entry: dict[str, Any] = tables()["reference_job"]
    return ReferenceJob(**{k: v for k, v in entry.items() if k != "source"})


def reference_models() -> list[str]:
    """Models on which all chips are compared."""
    return list(tables()["reference_models"])


def serving_precision(chip: Accelerator, bits: int) -> str:
    """The narrowest format of at least ``bits`` that the chip multiplies at, or 16 bit.

    Weight-only formats are left out: they save memory, not arithmetic.
    """
    choices = ((4, "fp4_tflops", "fp4"), (8, "fp8_tflops", "fp8"), (8, "int8_tops", "int8"))
    for width, column, precision in choices:
        if width >= bits and getattr(chip, column) is not None:
            return precision
    return "bf16"


def deployments(architecture: Architecture, chip: Accelerator, precision: str) -> Iterator[Deployment]:
    """Layouts that anybody would try: powers of two up to 64 chips."""
    domain = int(chip.scale_up_domain or 8)
    for tensor in (1, 2, 4, 8, 16):
        if tensor > max(domain, 8) or architecture.heads % tensor:
            continue
        for pipeline in (1, 2, 4, 8):
            if pipeline == 1 or tensor >= min(8, domain):
                yield Deployment(architecture, chip, precision, tensor=tensor, pipeline=pipeline)
    if architecture.is_moe:
        for tensor in (1, 2, 4, 8):
            for data in (4, 8, 16, 32, 64):
                if tensor * data <= LARGEST and architecture.heads % tensor == 0:
                    yield Deployment(architecture, chip, precision, tensor=tensor, attention_data=data)


def best_prefill(
    architecture: Architecture, chip: Accelerator, job: ReferenceJob, parameters: InferenceParameters | None = None
) -> ChipRate:
    """Prompt tokens a second for each chip. Raises InputError where no layout holds the model."""
    p = parameters or inference_parameters()

    def rate(d: Deployment) -> tuple[float, Pass, bool]:
        memory_batch(d, job.input_tokens, 0.0, p)
        prompts = max(1.0, engine_limits(d).chunk / job.input_tokens) * d.attention_data
        spent = prefill(d, job.input_tokens, prompts, p)
        return prompts * job.input_tokens / spent.seconds / d.group, spent, False

    return _best(architecture, chip, job, rate)


def best_decode(
    architecture: Architecture, chip: Accelerator, job: ReferenceJob, parameters: InferenceParameters | None = None
) -> ChipRate:
    """New tokens a second for each chip within the latency limit. Raises InputError where no layout can."""
    p = parameters or inference_parameters()

    def rate(d: Deployment) -> tuple[float, Pass, bool]:
        batch = batch_at_tpot(d, job.context_tokens, job.tpot_ms, p)
        most = memory_batch(d, job.context_tokens, 0.0, p)
        spent = decode(d, max(batch, 1.0), job.context_tokens, p)
        return batch / spent.seconds / d.group, spent, batch >= 0.999 * most

    return _best(architecture, chip, job, rate)


def _best(architecture: Architecture, chip: Accelerator, job: ReferenceJob, rate: Any) -> ChipRate:
    precision = serving_precision(chip, job.bits)
    found: ChipRate | None = None
    reason: InputError | None = None
    for d in deployments(architecture, chip, precision):
        try:
            cache_bytes_free(d)
            value, spent, full = rate(d)
        except InputError as error:
            reason = error
            continue
        if value > (found.rate if found else 0.0):
            found = ChipRate(value, d.chips, "capacity" if full else spent.bound_by, _layout(d), d.precision)
    if found is None:
        slow = f"no layout of {chip.name} decodes {architecture.name} within {job.tpot_ms:g} ms a token"
        raise InputError(slow) if reason is None else reason
    return found


def _layout(d: Deployment) -> str:
    parts = [("tensor", d.tensor), ("stages", d.pipeline), ("data ranks", d.attention_data)]
    return " × ".join(f"{n} {name}" for name, n in parts if n > 1) or "1 chip"


@cache
def _measured() -> tuple[frozenset[str], frozenset[str]]:
    """Chips, and makers of chips, that some public row measures."""
    known = catalog()
    chips = frozenset(m.chip for m in known.measurements)
    makers = frozenset(known.accelerators[c].vendor for c in chips if c in known.accelerators)
    return chips, makers


def widening(chip: Accelerator) -> float:
    """How much wider a range is for a chip, or the chips of a maker, that nobody has measured in public."""
    wider = tables()["widening"]
    chips, makers = _measured()
    if chip.vendor not in makers:
        return float(wider["platform"])
    return 1.0 if chip.id in chips else float(wider["chip"])
