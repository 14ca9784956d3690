"""How many of one chip do the work of another: training, prefill, decode and serving apart.

Each count compares what one chip delivers in the best instance or plan of its own, so it holds memory, links and
software as well as peaks. Single figures of merit (Epoch's ratio of 8-bit operations, the ratio of total processing
performance) stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forkpoint.catalog import Accelerator
from forkpoint.errors import InputError
from forkpoint.perf.inference_parameters import InferenceParameters, inference_parameters, spread, tables
from forkpoint.perf.instances import ChipRate, Job, ReferenceJob, best_decode, best_prefill, reference_job, widening
from forkpoint.perf.workload import Architecture


@dataclass(frozen=True, slots=True)
class Equivalent:
    """``count`` chips of ``chip`` do the work of one ``other``, with an 80 % range; ``None`` where it cannot run."""

    job: Job
    model: str
    chip: str
    other: str
    count: float | None
    low: float | None = None
    high: float | None = None
    bound_by: str = ""
    other_bound_by: str = ""
    rate: float | None = None
    """Tokens (serving: requests) a second for each chip."""
    chips: int | None = None
    """Chips of the chip's best instance, or of the training cluster."""
    layout: str = ""
    precision: str = ""
    reason: str = ""
    count_by_8bit: float | None = None
    """The count if only dense 8-bit operations mattered (Epoch AI's H100-equivalents)."""
    count_by_tpp: float | None = None
    """The count if only total processing performance mattered."""


def equivalent(
    architecture: Architecture,
    chip: Accelerator,
    other: Accelerator,
    job: Job,
    reference: ReferenceJob | None = None,
    parameters: InferenceParameters | None = None,
) -> Equivalent:
    """How many of ``chip`` do ``job`` as one ``other`` does. Raises InputError where ``other`` cannot do it at all."""
    r = reference or reference_job()
    theirs = chip_rate(architecture, other, job, r, parameters)
    by_8bit, by_tpp = eight_bit_ratio(other, chip), processing_ratio(other, chip)
    try:
        ours = chip_rate(architecture, chip, job, r, parameters)
    except InputError as error:
        return Equivalent(
            job,
            architecture.name,
            chip.id,
            other.id,
            None,
            other_bound_by=theirs.bound_by,
            reason=str(error),
            count_by_8bit=by_8bit,
            count_by_tpp=by_tpp,
        )
    count = theirs.rate / ours.rate
    width = 0.0 if chip.id == other.id else math.hypot(_half_width(chip, job), _half_width(other, job)) / math.sqrt(2)
    return Equivalent(
        job,
        architecture.name,
        chip.id,
        other.id,
        count,
        count * math.exp(-width),
        count * math.exp(width),
        ours.bound_by,
        theirs.bound_by,
        ours.rate,
        ours.chips,
        ours.layout,
        ours.precision,
        count_by_8bit=by_8bit,
        count_by_tpp=by_tpp,
    )


def chip_rate(
    architecture: Architecture,
    chip: Accelerator,
    job: Job,
    reference: ReferenceJob | None = None,
    parameters: InferenceParameters | None = None,
) -> ChipRate:
    """What one chip delivers at a job in its best instance. Raises InputError where it cannot do it."""
    r, p = reference or reference_job(), parameters or inference_parameters()
    calculations: dict[Job, Callable[[], ChipRate]] = {
        "prefill": lambda: best_prefill(architecture, chip, r, p),
        "decode": lambda: best_decode(architecture, chip, r, p),
        "serve": lambda: _serving(architecture, chip, r, p),
        "train": lambda: _training(architecture, chip, r),
    }
    return calculations[job]()


def _serving(architecture: Architecture, chip: Accelerator, r: ReferenceJob, p: InferenceParameters) -> ChipRate:
    """Requests a second with prefill and decode on chips of their own, in the numbers that balance."""
    reading = best_prefill(architecture, chip, r, p)
    # while a request is written its context grows from the prompt to the whole
    writing = best_decode(architecture, chip, r._replace(context_tokens=r.input_tokens + r.output_tokens / 2.0), p)
    busy = r.input_tokens / reading.rate + r.output_tokens / writing.rate
    share = r.input_tokens / reading.rate / busy
    larger = reading if share > 0.5 else writing
    layout = f"prefill {reading.layout} ({share:.0%} of chips), decode {writing.layout}"
    return ChipRate(1.0 / busy, reading.chips + writing.chips, larger.bound_by, layout, writing.precision)


def _training(architecture: Architecture, chip: Accelerator, r: ReferenceJob) -> ChipRate:
    """Trained tokens a second for each chip of a cluster of ``train_chips``, at the best plan that fits."""
    from forkpoint.perf import chip as machines
    from forkpoint.perf import cluster, search
    from forkpoint.perf.efficiency import parameters
    from forkpoint.perf.layers import TrainingJob
    from forkpoint.perf.training import training_step

    machine = machines.of_accelerator(chip.id)
    wires = cluster.for_chip(machine)
    job = TrainingJob(architecture, r.train_sequence, float(r.train_batch))
    grid = search.Grid(
        recompute=(0, 1, 2), zero=(1, 3), sequence_parallel=(1,), schedule=(0,), cp=(1,), micro_batch=(1, 2)
    )
    chips = r.train_chips
    while True:
        try:
            found = search.search(job, machine, wires, chips, parameters(), grid=grid, keep=1)
            break
        except InputError:
            if chips >= 8 * r.train_chips:
                raise
            chips *= 2
    plan = found.best
    step = training_step(job, machine, wires, plan, parameters())
    rate = job.tokens / found.seconds[0] / chips
    layout = f"tp {plan.tp:g} × pp {plan.pp:g} × dp {plan.dp:g}" + (f", ep {plan.ep:g}" if architecture.is_moe else "")
    return ChipRate(rate, chips, _largest(step), layout, job.precision)


def _largest(step: object) -> str:
    """The largest part of a training step in one word."""
    fields: tuple[str, ...] = getattr(step, "_fields", ())
    parts = {name: float(getattr(step, name)) for name in fields}
    return max(parts, key=parts.__getitem__) if parts else ""


def _half_width(chip: Accelerator, job: Job) -> float:
    """Half of the 80 % range of ln(rate): from left-out sources, wider where nobody measured the chip or its maker."""
    if job == "train":
        return float(tables()["widening"]["training"]) * widening(chip)
    low, high = spread()[job]
    return (high - low) / 2.0 * widening(chip)


def eight_bit_ratio(chip: Accelerator, other: Accelerator) -> float | None:
    """Epoch AI's H100-equivalent: the ratio of dense 8-bit operations a second, 16-bit where a chip has no 8-bit."""
    ours, theirs = _eight_bit(chip), _eight_bit(other)
    return None if ours is None or theirs is None else ours / theirs


def _eight_bit(chip: Accelerator) -> float | None:
    eight = [v for v in (chip.fp8_tflops, chip.int8_tops) if v is not None]
    sixteen = [v for v in (chip.bf16_tflops, chip.fp16_tflops) if v is not None]
    return max(eight or sixteen, default=None)


def processing_ratio(chip: Accelerator, other: Accelerator) -> float | None:
    """Ratio of total processing performance: the largest bit length x dense TOPS (15 CFR part 774, ECCN 3A090)."""
    ours, theirs = _processing(chip), _processing(other)
    return None if ours is None or theirs is None else ours / theirs


def _processing(chip: Accelerator) -> float | None:
    widths = {
        "fp16_tflops": 16,
        "bf16_tflops": 16,
        "fp8_tflops": 8,
        "int8_tops": 8,
        "fp4_tflops": 4,
        "int4_tops": 4,
    }
    products = [bits * v for c, bits in widths.items() if (v := getattr(chip, c)) is not None]
    return max(products, default=None)


@dataclass(frozen=True, slots=True)
class ChipInEquivalents:
    """One chip against another on reference models: how much of the other it is worth at each job."""

    chip: str
    worth: dict[str, float | None]
    """``model: job`` → how many of the other chip one of these is worth."""
    eight_bit: float | None
    processing: float | None


def table(
    chips: Sequence[Accelerator],
    other: Accelerator,
    architectures: Sequence[Architecture],
    jobs: Sequence[Job],
    reference: ReferenceJob | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[ChipInEquivalents]:
    """Every chip's worth in units of ``other`` on each model and job, beside the two single figures of merit."""
    r = reference or reference_job()
    theirs = {(a.name, j): chip_rate(a, other, j, r).rate for a in architectures for j in jobs}
    rows = []
    for number, chip in enumerate(chips):
        worth: dict[str, float | None] = {}
        for a in architectures:
            for j in jobs:
                try:
                    worth[f"{a.name}: {j}"] = chip_rate(a, chip, j, r).rate / theirs[a.name, j]
                except InputError:
                    worth[f"{a.name}: {j}"] = None
        rows.append(ChipInEquivalents(chip.id, worth, eight_bit_ratio(chip, other), processing_ratio(chip, other)))
        if progress is not None:
            progress(number + 1, len(chips))
    return rows
