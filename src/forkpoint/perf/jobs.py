"""``predict`` and ``plan``: one job on one cluster, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from forkpoint.catalog import catalog
from forkpoint.errors import InputError, UnknownName
from forkpoint.perf import architectures, cluster, economics
from forkpoint.perf import chip as machines
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import parameters, range_factor, spread
from forkpoint.perf.layers import TrainingJob
from forkpoint.perf.memory import training_memory
from forkpoint.perf.parallelism import Plan, objections
from forkpoint.perf.prediction import Prediction, shares_of
from forkpoint.perf.search import Grid, SearchResult, search
from forkpoint.perf.training import training_step
from forkpoint.perf.workload import Architecture

if TYPE_CHECKING:
    from forkpoint.perf.equivalence import Equivalent

JOBS = ("train", "prefill", "decode", "serve")


def predict(
    model: str | Architecture, chip: str | Chip, chips: int = 8, job: str = "train", **options: Any
) -> Prediction:
    """What ``chips`` of ``chip`` do with ``model``.

    Training options: ``sequence``, ``batch`` (sequences a step), ``precision``, ``cluster`` (name or YAML file),
    ``price_usd`` of a chip where it is another than the catalogue's, and a plan (``tp``, ``pp``, ``vpp``, ``ep``,
    ``cp``, ``micro_batch``, ``recompute``, ``zero``, ``sequence_parallel``, ``schedule``, ``recomputed``: share of
    layers that full recomputation covers); what the plan leaves open is searched. Inference options:
    ``input_tokens``, ``output_tokens``, ``batch`` (sequences at once), ``precision``, ``tp``, ``pp``.
    Raises InputError in words.
    """
    if job not in JOBS:
        raise UnknownName("job", job, JOBS)
    if chips < 1:
        raise InputError(f"a job needs at least one chip; got {chips}")
    if job == "train":
        return _train(model, chip, chips, options)
    from forkpoint.perf.inference_prediction import predict_inference

    return predict_inference(architecture_of(model), catalog().accelerator(_id(chip)), chips, job, options)


def architecture_of(model: str | Architecture) -> Architecture:
    """An architecture itself, of a ``config.json`` (or the folder that holds one), or by name. Raises InputError."""
    if isinstance(model, Architecture):
        return model
    inside = Path(model) / "config.json"
    if model.endswith(".json") or Path(model).is_file() or inside.is_file():
        from forkpoint.perf.config_json import read_config

        return read_config(inside if inside.is_file() else model)
    return architectures.named(model)


def plan(
    model: str | Architecture,
    chip: str | Chip,
    chips: int | Sequence[int],
    *,
    progress: Callable[[int, int], None] | None = None,
    keep: int = 20,
    **options: Any,
) -> SearchResult:
    """The best plans for training: the whole grid, or what the given plan fields leave of it.

    ``chips`` is one count or several; the Pareto front is over time, memory, chips and cost. Raises InputError.
    """
    counts = (chips,) if isinstance(chips, int) else tuple(chips)
    if not counts or min(counts) < 1:
        raise InputError(f"a job needs at least one chip; got {', '.join(map(str, counts)) or 'no count of chips'}")
    job, machine, wires, grid = _training_job(model, chip, options)
    return search(job, machine, wires, counts, parameters(), grid=grid, keep=keep, progress=progress)


def compare(chip: str, other: str, model: str | Architecture, job: str = "serve") -> Equivalent:
    """How many of ``chip`` do the work of one ``other`` on ``model`` (job: train, prefill, decode or serve), by name.

    Raises InputError where ``other`` cannot do the job at all, UnknownName for a name that nothing carries.
    """
    from forkpoint.perf.equivalence import equivalent

    if job not in JOBS:
        raise UnknownName("job", job, JOBS)
    known = catalog()
    return equivalent(architecture_of(model), known.accelerator(chip), known.accelerator(other), cast("Any", job))


def training_prediction(job: TrainingJob, machine: Chip, wires: Cluster, chosen: Plan, chips: int) -> Prediction:
    """A training job under one plan. Raises InputError with every objection, or by how much it is too big."""
    against = objections(chosen, job.arch, chips, job.batch, job.sequence)
    if against:
        raise InputError("this plan cannot run: " + "; ".join(against))
    p = parameters()
    memory = training_memory(job, chosen, p)
    need = float(memory.total())
    if need > machine.memory:
        raise InputError(
            f"this plan needs {need / 1e9:,.1f} GB a chip and {machine.name} has {machine.memory / 1e9:,.0f} GB "
            f"({need / machine.memory - 1:.0%} too much): {chosen}"
        )
    step = training_step(job, machine, wires, chosen, p)
    seconds = float(step.total())
    shares = shares_of(step)
    low, high = spread()["train-moe" if job.arch.is_moe else "train-dense"]
    rate = job.tokens / seconds
    power = economics.watts(machine, wires, min(1.0, shares["compute"] + shares["HBM"]))
    peak = chips * machine.peak(job.precision)
    wide = range_factor(machine)
    notes = () if wide == 1.0 else (f"no public training measurement of {machine.name}: wider range",)
    ran = machine.runs_as(job.precision)
    if machine.bits(job.precision) > 8 and job.precision.endswith(("8", "4")):
        notes = (*notes, f"{machine.name} has no {job.precision}: computed in {ran}")
    return Prediction(
        job="train",
        model=job.arch.name,
        chip=machine.name,
        chips=chips,
        precision=job.precision,
        plan=str(chosen),
        cluster=wires.name,
        unit_seconds=seconds,
        rate=rate,
        low=rate * math.exp(low * wide),
        high=rate * math.exp(high * wide),
        mfu=job.model_flops / seconds / peak,
        hfu=job.hardware_flops(int(chosen.recompute), float(chosen.recomputed)) / seconds / peak,
        memory_gb={k: float(v) / 1e9 for k, v in memory._asdict().items()},
        memory_limit_gb=machine.memory / 1e9,
        watts_per_chip=power,
        usd_per_chip_hour=economics.usd_per_hour(machine, power),
        shares=shares,
        notes=notes,
    )


def _train(model: str | Architecture, chip: str | Chip, chips: int, options: dict[str, Any]) -> Prediction:
    given = {k: options[k] for k in _PLAN if options.get(k) is not None}
    job, machine, wires, grid = _training_job(model, chip, options)
    if {"tp", "pp", "micro_batch", "recompute"} <= set(given):
        ranks = given["tp"] * given["pp"] * given.get("cp", 1)
        if chips % ranks:
            raise InputError(f"tp × pp × cp = {ranks} does not divide {chips:,} chips")
        return training_prediction(job, machine, wires, Plan(dp=chips // ranks, **_numbers(given)), chips)
    best = search(job, machine, wires, chips, parameters(), grid=grid, keep=1).best
    return training_prediction(job, machine, wires, best, chips)


_PLAN = (
    "tp",
    "pp",
    "vpp",
    "ep",
    "cp",
    "micro_batch",
    "recompute",
    "zero",
    "sequence_parallel",
    "schedule",
    "recomputed",
)
_JOB = ("sequence", "batch", "precision", "cluster", "price_usd", "flash", "adapters", "balanced")


def _training_job(
    model: str | Architecture, chip: str | Chip, options: dict[str, Any]
) -> tuple[TrainingJob, Chip, Cluster, Grid]:
    for name in options:
        if name not in (*_PLAN, *_JOB):
            raise UnknownName("option", name, (*_PLAN, *_JOB))
    arch = architecture_of(model)
    machine = chip if isinstance(chip, Chip) else machines.of_accelerator(chip)
    if options.get("price_usd") is not None:
        machine = replace(machine, price_usd=float(options["price_usd"]))
    wires = cluster.for_chip(machine, options.get("cluster"))
    usual = economics.assumptions()
    sequence = int(options.get("sequence") or usual["sequence"].value)
    batch = options.get("batch") or max(1.0, usual["step_tokens"].value // sequence)
    flags = {k: bool(options[k]) for k in ("flash", "adapters", "balanced") if options.get(k) is not None}
    job = TrainingJob(arch, sequence, float(batch), options.get("precision") or "bf16", **flags)
    machine.peak(job.precision)
    if job.batch != int(job.batch):
        raise InputError(f"a training batch is a whole number of sequences, not {job.batch:g}")
    if (options.get("ep") or 1) > 1 and not arch.is_moe:
        raise InputError(f"expert parallelism {options['ep']} needs a mixture-of-experts model; {arch.name} is dense")
    fixed = _numbers({k: options[k] for k in _PLAN if options.get(k) is not None})
    if "recompute" in fixed:
        fixed.setdefault("recomputed", 1.0)
    return job, machine, wires, Grid(**{k: (v,) for k, v in fixed.items()})


def _numbers(given: dict[str, Any]) -> dict[str, Any]:
    """Plan fields as numbers: recomputation and schedule may be given by name."""
    from forkpoint.perf.parallelism import RECOMPUTE, SCHEDULES

    numbers = dict(given)
    for field, names in (("recompute", RECOMPUTE), ("schedule", SCHEDULES)):
        if isinstance(numbers.get(field), str):
            if numbers[field] not in names:
                raise UnknownName(field, numbers[field], names)
            numbers[field] = names.index(numbers[field])
    return {k: float(v) if k == "recomputed" else int(v) for k, v in numbers.items()}


def _id(chip: str | Chip) -> str:
    return chip.id if isinstance(chip, Chip) else chip
