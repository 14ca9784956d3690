"""The best plan for a job: every combination of parallelism, priced as arrays.

Tensor, expert and context parallelism, micro-batch, recomputation and sequence parallelism decide what the layers
take; these combinations are few and are priced once. The rest of the grid looks them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from forkpoint.errors import InputError
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters
from forkpoint.perf.layers import LayerSeconds, Pass, TrainingJob, layer_seconds
from forkpoint.perf.memory import training_memory
from forkpoint.perf.plan import Plan, divisors
from forkpoint.perf.training import assemble

_LAYER_FIELDS = ("tp", "ep", "cp", "micro_batch", "recompute", "sequence_parallel")
_CHUNK = 16384


@dataclass(frozen=True, slots=True)
class Grid:
    """Which values a search tries; ``None`` leaves a choice to the job. A given value fixes it."""

    tp: tuple[int, ...] | None = None
    pp: tuple[int, ...] | None = None
    vpp: tuple[int, ...] | None = None
    ep: tuple[int, ...] | None = None
    cp: tuple[int, ...] | None = None
    micro_batch: tuple[int, ...] | None = None
    recompute: tuple[int, ...] = (0, 1, 2)
    zero: tuple[int, ...] = (0, 1, 2, 3)
    sequence_parallel: tuple[int, ...] = (0, 1)
    schedule: tuple[int, ...] = (0, 1, 2)


@dataclass(frozen=True)
class SearchResult:
    """What a search found. ``plans`` are the fitting plans, fastest first; ``seconds`` and ``memory`` go with them."""

    plans: tuple[Plan, ...]
    seconds: tuple[float, ...]
    memory: tuple[float, ...]
    tried: int
    fitting: int
    pareto: tuple[int, ...]
    rejected: dict[str, int]
    smallest_memory: float

    @property
    def best(self) -> Plan:
        """The fastest plan that fits."""
        return self.plans[0]


def search(
    job: TrainingJob,
    chip: Chip,
    cluster: Cluster,
    chips: int,
    p: Parameters,
    *,
    grid: Grid | None = None,
    keep: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Price every plan of the grid and keep the fastest and the Pareto front of time and memory.

    Raises InputError where no plan divides the job or none fits the memory; the message says by how much.
    """
    grid = grid or Grid()
    splits, rejected = _splits(job, cluster, chips, grid)
    if not len(splits):
        raise InputError(_no_split(job, chips, rejected))
    inner = _inner(grid)
    tried = len(splits) * len(inner)
    per_chunk = max(1, _CHUNK // len(inner))
    best: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    fitting, smallest = 0, np.inf
    for start in range(0, len(splits), per_chunk):
        part = splits[start : start + per_chunk]
        columns = _columns(part, inner)
        seconds, memory, valid = _price(job, chip, cluster, columns, p)
        smallest = min(smallest, float(memory[valid].min())) if valid.any() else smallest
        ok = valid & (memory <= chip.memory)
        fitting += int(ok.sum())
        rejected["needs more memory than the chip has"] = rejected.get("needs more memory than the chip has", 0) + int(
            (valid & ~ok).sum()
        )
        best.append(_keep(columns, seconds, memory, ok, keep))
        if progress:
            progress(min(start + per_chunk, len(splits)) * len(inner), tried)
    if not fitting:
        raise InputError(
            f"{job.arch.name} does not fit: the smallest of {tried:,} plans on {chips:,} × {chip.name} needs "
            f"{smallest / 1e9:,.0f} GB a chip, the chip has {chip.memory / 1e9:,.0f} GB"
        )
    return _result(best, keep, tried, fitting, rejected, smallest)


def _splits(job: TrainingJob, cluster: Cluster, chips: int, grid: Grid) -> tuple[np.ndarray, dict[str, int]]:
    """Rows (tp, pp, vpp, dp, ep, cp, micro_batch) that divide the job, and how many of each kind do not."""
    arch, batch = job.arch, int(job.batch)
    rejected: dict[str, int] = {}
    rows = []
    longest = max(1, job.sequence // 4096) if grid.cp is None else 1 << 30
    for tp in grid.tp or divisors(chips):
        if arch.heads % tp:
            _count(rejected, "attention heads do not divide by tensor parallelism")
            continue
        if grid.tp is None and tp > max(cluster.domain, 1) * 4:
            _count(rejected, "tensor parallelism spans more than four scale-up domains")
            continue
        for pp, cp in _pairs(grid, chips // tp, arch.layers):
            if chips % (tp * pp * cp) or cp > longest or job.sequence % cp:
                _count(rejected, "chips or sequence do not divide by the product of tensor, pipeline and context")
                continue
            dp = chips // (tp * pp * cp)
            if batch % dp:
                _count(rejected, "the batch does not divide by data parallelism")
                continue
            rows += [
                (tp, pp, vpp, dp, ep, cp, mb)
                for vpp in _chunks(grid, arch.layers, pp)
                for ep in _expert_options(grid, job, tp * dp * cp)
                for mb in _micro_batches(grid, batch // dp)
            ]
    return np.array(rows, dtype=float).reshape(-1, 7), rejected


def _pairs(grid: Grid, ranks: int, layers: int) -> Iterator[tuple[int, int]]:
    for pp in grid.pp or [d for d in divisors(ranks) if d <= layers]:
        for cp in grid.cp or divisors(max(ranks // pp, 1)):
            yield pp, cp


def _chunks(grid: Grid, layers: int, pp: int) -> list[int]:
    if pp == 1:
        return [1]
    per_stage = -(-layers // pp)
    options = [d for d in divisors(per_stage) if d * pp <= layers]
    return [v for v in grid.vpp if v <= per_stage] if grid.vpp else options


def _expert_options(grid: Grid, job: TrainingJob, ranks: int) -> list[int]:
    if not job.arch.is_moe:
        return [1]
    options = grid.ep or divisors(job.arch.experts)
    return [e for e in options if job.arch.experts % e == 0 and ranks % e == 0] or [1]


def _micro_batches(grid: Grid, per_rank: int) -> list[int]:
    options = grid.micro_batch or [d for d in divisors(per_rank) if d <= 128]
    return [m for m in options if per_rank % m == 0]


def _inner(grid: Grid) -> np.ndarray:
    """Rows (recompute, zero, sequence_parallel, schedule) of the choices that every split shares."""
    mesh = np.meshgrid(grid.recompute, grid.zero, grid.sequence_parallel, grid.schedule, indexing="ij")
    return np.stack([axis.ravel() for axis in mesh], axis=1).astype(float)


def _columns(splits: np.ndarray, inner: np.ndarray) -> np.ndarray:
    left = np.repeat(splits, len(inner), axis=0)
    right = np.tile(inner, (len(splits), 1))
    return np.ascontiguousarray(np.concatenate([left, right], axis=1).T)


def _plan(columns: np.ndarray) -> Plan:
    tp, pp, vpp, dp, ep, cp, mb, recompute, zero, sp, schedule = columns
    return Plan(tp, pp, vpp, dp, ep, cp, mb, recompute, zero, sp, schedule)


def _price(
    job: TrainingJob, chip: Chip, cluster: Cluster, columns: np.ndarray, p: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    plan = _plan(columns)
    layers = _shared_layers(job, chip, cluster, plan, p)
    seconds = assemble(job, chip, cluster, plan, p, layers).total()
    memory = training_memory(job, plan, p).total()
    valid = ~((plan.zero == 3) & (plan.pp > 1)) & ~((plan.schedule > 0) & ((plan.pp == 1) | (plan.vpp > 1)))
    valid &= ~((plan.zero >= 2) & (plan.pp > 1) & (plan.vpp > 1))
    return np.asarray(seconds), np.asarray(memory), valid


def _shared_layers(job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters) -> LayerSeconds:
    """Layer seconds priced once for each combination that decides them, then looked up."""
    key = np.zeros(len(plan.tp))
    for name in _LAYER_FIELDS:
        key = key * 4099.0 + getattr(plan, name)
    _, first, where = np.unique(key, return_index=True, return_inverse=True)
    few = Plan(**{f.name: getattr(plan, f.name)[first] for f in fields(Plan)})
    priced = layer_seconds(job, chip, cluster, few, p)

    def look_up(part: Any) -> Any:
        return part[where] if isinstance(part, np.ndarray) and part.ndim else part

    forward, backward = (Pass(*(look_up(x) for x in side)) for side in (priced.forward, priced.backward))
    return LayerSeconds(forward, backward, look_up(priced.logits))


def _keep(
    columns: np.ndarray, seconds: np.ndarray, memory: np.ndarray, ok: np.ndarray, keep: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fastest ``keep`` of a chunk and its Pareto front."""
    index = np.flatnonzero(ok)
    if not len(index):
        return columns[:, :0], seconds[:0], memory[:0]
    fastest = index[np.argpartition(seconds[index], min(keep, len(index)) - 1)[:keep]]
    front = index[pareto(seconds[index], memory[index])]
    chosen = np.unique(np.concatenate([fastest, front]))
    return columns[:, chosen], seconds[chosen], memory[chosen]


def pareto(seconds: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Indices of plans that no other beats in both time and memory, fastest first."""
    order = np.lexsort((memory, seconds))
    lowest = np.minimum.accumulate(memory[order])
    better = np.concatenate([[True], lowest[1:] < lowest[:-1]])
    front: np.ndarray = order[better]
    return front


def _result(
    best: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
    keep: int,
    tried: int,
    fitting: int,
    rejected: dict[str, int],
    smallest: float,
) -> SearchResult:
    columns = np.concatenate([b[0] for b in best], axis=1)
    seconds = np.concatenate([b[1] for b in best])
    memory = np.concatenate([b[2] for b in best])
    order = np.argsort(seconds, kind="stable")[:keep]
    front = pareto(seconds, memory)
    chosen = np.concatenate([order, front[~np.isin(front, order)]])
    position = {int(c): i for i, c in enumerate(chosen)}
    grid = _plan(columns[:, chosen])
    return SearchResult(
        plans=tuple(grid.at(i) for i in range(len(chosen))),
        seconds=tuple(float(s) for s in seconds[chosen]),
        memory=tuple(float(m) for m in memory[chosen]),
        tried=tried,
        fitting=fitting,
        pareto=tuple(position[int(f)] for f in front),
        rejected={k: v for k, v in rejected.items() if v},
        smallest_memory=smallest,
    )


def _count(rejected: dict[str, int], reason: str) -> None:
    rejected[reason] = rejected.get(reason, 0) + 1


def _no_split(job: TrainingJob, chips: int, rejected: dict[str, int]) -> str:
    reasons = "; ".join(f"{reason} ({count})" for reason, count in rejected.items()) or "the grid is empty"
    return f"no plan divides {job.arch.name} with a batch of {job.batch:g} over {chips:,} chips: {reasons}"
