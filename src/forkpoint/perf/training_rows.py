"""A published training measurement as a case of the model: its job, machine, plan and the metric it prints.

Columns that a source leaves empty are filled by rules that are the same for every row: what the notes state in words
(adapters, slices, tokens per device, forced balance), else the best plan that a search finds, else an assumption
named here. Conventions of metrics: ``tflops_per_chip`` under full recomputation counts executed FLOPs (SC21, eq. 3),
otherwise model FLOPs; ``mfu`` counts model FLOPs, ``hfu`` executed ones; software from
``causal_count`` on counts each visible pair of tokens once.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from forkpoint.catalog import Measurement, catalog
from forkpoint.errors import InputError
from forkpoint.perf import architectures, chip, cluster, search
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.parallelism import RECOMPUTE, Plan
from forkpoint.perf.training import StepSeconds, training_step


@dataclass(frozen=True, slots=True)
class TrainingCase:
    """All that a training row says, in the model's terms."""

    row: Measurement
    job: TrainingJob
    chip: Chip
    cluster: Cluster
    chips: int
    plan: Plan
    tokens_trained: float | None

    def value(self, seconds: Any, p: Parameters) -> Any:
        """The row's metric when a step takes ``seconds``."""
        rate = self.job.tokens / seconds
        metric = self.row.metric
        if metric == "step_seconds":
            return seconds
        if metric == "tokens_per_s":
            return rate
        if metric == "tokens_per_s_per_chip":
            return rate / self.chips
        if metric == "gpu_hours":
            if self.tokens_trained is None:
                raise InputError(f"{self.row.id}: the notes do not say how many tokens were trained")
            return self.tokens_trained * self.chips / rate / 3600.0 / p.goodput
        flops = self._flops(p)
        if metric == "tflops_per_chip":
            return flops / seconds / self.chips / 1e12
        if metric in ("mfu", "hfu"):
            return 100.0 * flops / seconds / self.chips / self.chip.peak(self.job.precision)
        raise InputError(f"{self.row.id}: a training row cannot have the metric '{metric}'")

    def _flops(self, p: Parameters) -> float:
        full = self.plan.recompute == 2 and self.row.metric == "tflops_per_chip"
        if full or self.row.metric == "hfu":
            return self.job.hardware_flops(int(self.plan.recompute), float(self.plan.recomputed))
        flops = self.job.model_flops
        if self.job.software >= p.causal_count:
            arch, s = self.job.arch, self.job.sequence
            upper = float(arch.attention_flops(s)) - float(arch.attention_flops(s, causal=True))
            flops -= (2.0 if self.job.adapters else 3.0) * self.job.batch * upper
        return flops


def case_of(row: Measurement, p: Parameters) -> TrainingCase:
    """The case of a training row. Raises InputError in words where it cannot be one."""
    notes = row.notes or ""
    arch = architectures.of_measurement(row)
    machine = chip.of_accelerator(row.chip)
    chips = int(row.n_chips or p.unstated_chips)
    sequence = int(row.seq_len or 4096)
    precision = _precision(row.precision)
    job = TrainingJob(
        arch=arch,
        sequence=sequence,
        batch=_batch(row, notes, chips, sequence, p),
        precision=precision,
        flash=row.flash_attention if row.flash_attention is not None else row.year >= 2023,
        adapters="LoRA" in notes,
        parallel_block="parallel transformer block" in notes,
        overlapped="comm overlap" in notes,
        software=software_date(row),
        capacity=_capacity(notes),
        balanced="balanced" in notes,
    )
    slices = re.search(r"(\d+) slice", notes)
    domain = max(1, chips // int(slices.group(1))) if slices else None
    wires = cluster.for_chip(machine, domain=domain)
    plan = _plan(row, notes, job, machine, wires, chips, p)
    return TrainingCase(row, job, machine, wires, chips, plan, _tokens_trained(row))


def predict(case: TrainingCase, p: Parameters) -> tuple[Any, StepSeconds]:
    """The row's metric and the seconds of a step behind it; parameters may be arrays."""
    step = training_step(case.job, case.chip, case.cluster, case.plan, p)
    return case.value(step.total(), p), step


def _batch(row: Measurement, notes: str, chips: int, sequence: int, p: Parameters) -> float:
    if row.global_batch_sequences:
        return float(row.global_batch_sequences)
    stated = re.search(r"(\d+)k tokens per device", notes)
    per_chip = int(stated.group(1)) * 1024 if stated else int(p.unstated_tokens)
    return float(max(1, per_chip * chips // sequence))


def _plan(
    row: Measurement, notes: str, job: TrainingJob, machine: Chip, wires: Cluster, chips: int, p: Parameters
) -> Plan:
    """The row's plan; what it leaves open is the fastest choice that fits (or, failing that, the fastest)."""
    tp, pp, cp = row.tp, row.pp, row.cp
    if tp and pp and row.dp and tp * pp * (cp or 1) * row.dp != chips and chips % (tp * pp * row.dp) == 0:
        cp = chips // (tp * pp * row.dp)
    if tp and pp and cp is None and job.sequence < 32768:
        cp = 1
    schedule = 1 if "zero-bubble" in notes else 2 if "DualPipe" in notes else 0
    if row.tp and row.pp and cp and row.micro_batch and row.recompute and row.vpp:
        return _stated(row, chips, tp or 1, pp or 1, cp, schedule)
    # An expert split that the row leaves open while it states the rest is taken as none.
    expert = (row.ep,) if row.ep else ((1,) if tp and pp and not job.arch.is_moe else None)
    grid = search.Grid(
        tp=(tp,) if tp else None,
        pp=(pp,) if pp else None,
        vpp=(row.vpp,) if row.vpp else ((1,) if pp and row.year < 2023 else None),
        ep=expert,
        cp=(cp,) if cp else None,
        micro_batch=(int(row.micro_batch),) if row.micro_batch else None,
        recompute=(RECOMPUTE.index(row.recompute),) if row.recompute else (0, 1, 2),
        zero=(row.zero_stage,) if row.zero_stage is not None else (0, 1, 2, 3),
        sequence_parallel=(int(_sequence_parallel(row)),),
        schedule=(schedule,),
        recomputed=(1.0,) if row.recompute else (0.25, 0.5, 0.75, 1.0),
    )
    ranks = chips // ((tp or 1) * (pp or 1) * (cp or 1))
    batch = job.batch if not (tp and pp) or ranks == 0 else max(1, round(job.batch / ranks)) * ranks
    for memory in (p.memory_slack * machine.memory, 1e15):
        with suppress(InputError):
            roomy = replace(machine, memory=memory)
            return search.search(replace(job, batch=batch), roomy, wires, chips, p, grid=grid, keep=1).best
    return _stated(row, chips, tp or 1, pp or 1, cp or 1, schedule)


def _stated(row: Measurement, chips: int, tp: int, pp: int, cp: int, schedule: int) -> Plan:
    dp = chips / (tp * pp * cp)
    return Plan(
        tp=tp,
        pp=pp,
        vpp=row.vpp or 1,
        dp=int(dp) if dp.is_integer() else dp,
        ep=row.ep or 1,
        cp=cp,
        micro_batch=row.micro_batch or 1,
        recompute=RECOMPUTE.index(row.recompute or "none"),
        zero=row.zero_stage if row.zero_stage is not None else 1,
        sequence_parallel=int(_sequence_parallel(row)),
        schedule=schedule,
    )


def software_date(row: Measurement) -> float:
    """Date of the software in years: the container that the notes name, else the middle of the row's year."""
    container = re.search(r"(\d\d)\.(\d\d)[\d.]* \w+ [Cc]ontainer", row.notes or "")
    if container:
        return 2000.0 + int(container.group(1)) + (int(container.group(2)) - 1) / 12.0
    return row.year + 0.5


def _tokens_trained(row: Measurement) -> float | None:
    """Tokens behind a count of chip-hours: as unit or notes state them, else as the catalogue knows the model."""
    stated = re.search(r"([\d.]+) ?(?:T|trillion) tokens", f"{row.unit} {row.notes or ''}")
    if stated:
        return float(stated.group(1)) * 1e12
    with suppress(InputError):
        known = catalog().language_model(row.model).training_tokens_t
        return known * 1e12 if known else None
    return None


def _capacity(notes: str) -> float | None:
    """The capacity factor that the notes state; one where tokens are dropped; None where all are computed."""
    stated = re.search(r"capacity factor ([\d.]+\d)", notes)
    return float(stated.group(1)) if stated else 1.0 if "tokendrop" in notes else None


def _precision(words: str | None) -> str:
    """The first number format that the cell names ("fp8 mixed", "bf16/fp16"); bf16 where it is empty."""
    named = [w for w in re.findall(r"[a-z]+\d+(?:a\d+)?", (words or "bf16").casefold()) if w in chip.PRECISIONS]
    return named[0] if named else str(words)


def _sequence_parallel(row: Measurement) -> bool:
    """Stated, or in use since 2023 where tensor parallelism is."""
    return row.sequence_parallel if row.sequence_parallel is not None else row.year >= 2023
