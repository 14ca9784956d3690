"""The best plan for a job: every combination of parallelism, priced as arrays.

The grid is a block: splits of the chips (tensor, pipeline, interleave, data, expert, context, micro-batch) down, and
choices that every split shares (recomputation, ZeRO stage, sequence parallelism, schedule) across. NumPy broadcasts,
so what depends on the split alone is priced once for a whole row of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from forkpoint.errors import InputError
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters
from forkpoint.perf.layers import TrainingJob, layer_seconds
from forkpoint.perf.memory import training_memory
from forkpoint.perf.parallelism import Plan, divisors
from forkpoint.perf.training import assemble

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
    recomputed: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Shares of the layers that full recomputation covers."""


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
        seconds, memory, valid = _price(job, chip, cluster, _plan(part, inner), p)
        smallest = min(smallest, float(memory[valid].min())) if valid.any() else smallest
        ok = valid & (memory <= chip.memory)
        fitting += int(ok.sum())
        rejected["needs more memory than the chip has"] = rejected.get("needs more memory than the chip has", 0) + int(
            (valid & ~ok).sum()
        )
        chosen = _keep(seconds, memory, ok, keep)
        best.append((_rows(part, inner, chosen), seconds[chosen], memory[chosen]))
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
    """Rows (recompute, zero, sequence_parallel, schedule, recomputed) of the choices that every split shares."""
    again = [(r, share) for r in grid.recompute for share in (grid.recomputed if r == 2 else (1.0,))]
    others = np.meshgrid(grid.zero, grid.sequence_parallel, grid.schedule, indexing="ij")
    rest = [axis.ravel() for axis in others]
    rows = [(r, *choice, share) for r, share in again for choice in zip(*rest, strict=True)]
    return np.array(rows, dtype=float)


def _plan(splits: np.ndarray, inner: np.ndarray) -> Plan:
    """Plans of all splits (down) and inner choices (across); what does not depend on both stays a row or a column."""
    tp, pp, vpp, dp, ep, cp, mb = (splits[:, i : i + 1] for i in range(7))
    recompute, zero, sp, schedule, recomputed = (inner[None, :, i] for i in range(5))
    return Plan(tp, pp, vpp, dp, ep, cp, mb, recompute, zero, sp, schedule, recomputed)


def _rows(splits: np.ndarray, inner: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The fields of the chosen plans (flat indices), one row a plan."""
    down, across = np.divmod(chosen, len(inner))
    return np.concatenate([splits[down], inner[across]], axis=1)


def _price(
    job: TrainingJob, chip: Chip, cluster: Cluster, plan: Plan, p: Parameters
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, bytes and validity of a block of plans, flat."""
    layers = layer_seconds(job, chip, cluster, plan, p)
    seconds = assemble(job, chip, cluster, plan, p, layers).total()
    memory = training_memory(job, plan, p).total()
    valid = ~((plan.zero == 3) & (plan.pp > 1)) & ~((plan.schedule > 0) & ((plan.pp == 1) | (plan.vpp > 1)))
    valid = valid & ~((plan.zero >= 2) & (plan.pp > 1) & (plan.vpp > 1))
    shape = (len(plan.tp), plan.zero.shape[1])
    return (
        np.broadcast_to(seconds, shape).ravel(),
        np.broadcast_to(memory, shape).ravel(),
        np.broadcast_to(valid, shape).ravel(),
    )


def _keep(seconds: np.ndarray, memory: np.ndarray, ok: np.ndarray, keep: int) -> np.ndarray:
    """Indices of the fastest ``keep`` of a block and of its Pareto front."""
    index = np.flatnonzero(ok)
    if not len(index):
        return index
    fastest = index[np.argpartition(seconds[index], min(keep, len(index)) - 1)[:keep]]
    front = index[pareto(seconds[index], memory[index])]
    kept = np.zeros(len(ok), dtype=bool)
    kept[fastest] = kept[front] = True
    return np.flatnonzero(kept)


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
    rows = np.concatenate([b[0] for b in best])
    seconds = np.concatenate([b[1] for b in best])
    memory = np.concatenate([b[2] for b in best])
    order = np.lexsort((memory, seconds))[:keep]
    front = pareto(seconds, memory)
    chosen = np.concatenate([order, front[~np.isin(front, order)]])
    position = {int(c): i for i, c in enumerate(chosen)}
    grid = Plan(*rows[chosen].T)
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
