"""The best plan for a job: every combination of parallelism, priced as arrays.

The grid is a block: splits of the chips (tensor, pipeline, interleave, data, expert, context, micro-batch) down, and
choices that every split shares (recomputation, ZeRO stage, sequence parallelism, schedule) across. NumPy broadcasts,
so what depends on the split alone is priced once for a whole row of the block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from forkpoint.errors import InputError
from forkpoint.perf import economics
from forkpoint.perf.chip import Chip
from forkpoint.perf.cluster import Cluster
from forkpoint.perf.efficiency import Parameters
from forkpoint.perf.layers import TrainingJob, layer_seconds
from forkpoint.perf.memory import training_memory
from forkpoint.perf.parallelism import Plan, divisors
from forkpoint.perf.pareto import pareto
from forkpoint.perf.prediction import GROUPS
from forkpoint.perf.training import assemble

_CHUNK = 16384
_BUSY = GROUPS["compute"] + GROUPS["HBM"]
"""Parts of a step in which the chip works rather than waits."""
_TOO_BIG = "needs more memory than the chip has"
_AT_ODDS = "ZeRO-3 with a pipeline, ZeRO-2 with interleaving, or a schedule for another pipeline"


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
    """What a search found. ``plans`` are the fitting plans, fastest first; ``seconds`` (a step), ``memory`` (bytes a
    chip) and ``usd`` (a step; None where the price or power of the chip is unknown) go with them. ``pareto`` are the
    positions of those that no other plan beats in time, memory, chips and cost together; ``hopeless`` says for each
    count of chips that holds no plan why.
    """

    plans: tuple[Plan, ...]
    seconds: tuple[float, ...]
    memory: tuple[float, ...]
    usd: tuple[float | None, ...]
    tried: int
    fitting: int
    pareto: tuple[int, ...]
    rejected: dict[str, int]
    hopeless: dict[int, str]
    smallest_memory: float

    @property
    def best(self) -> Plan:
        """The fastest plan that fits."""
        return self.plans[0]


class _Priced(NamedTuple):
    """Plans (rows of their fields) with what each takes, flat: seconds and USD of a step, bytes of a chip."""

    plans: np.ndarray
    seconds: np.ndarray
    memory: np.ndarray
    usd: np.ndarray
    """Nought for every plan where it is unknown: a criterion that prefers none."""

    def at(self, chosen: np.ndarray) -> _Priced:
        """Some of them."""
        return _Priced(*(part[chosen] for part in self))

    def front(self) -> np.ndarray:
        """Indices of those that no other beats in time, memory, chips and cost."""
        return pareto(self.seconds, self.memory, Plan(*self.plans.T).chips, self.usd)


def search(
    job: TrainingJob,
    chip: Chip,
    cluster: Cluster,
    chips: int | Sequence[int],
    p: Parameters,
    *,
    grid: Grid | None = None,
    keep: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Price every plan of the grid, on each count of ``chips``; keep the fastest and the Pareto front.

    Raises InputError where no plan divides the job or none fits the memory; the message says by how much.
    """
    grid = grid or Grid()
    inner = _inner(grid)
    rejected: Counter[str] = Counter()
    hopeless: dict[int, str] = {}
    splits: dict[int, np.ndarray] = {}
    for count in dict.fromkeys((chips,) if isinstance(chips, int) else chips):
        rows, refused = _splits(job, cluster, count, grid)
        rejected += refused
        if len(rows):
            splits[count] = rows
        else:
            hopeless[count] = _no_split(job, count, refused)
    tried = sum(map(len, splits.values())) * len(inner)
    fitting, done, smallest = 0, 0, np.inf
    found: list[_Priced] = []
    for count, rows in splits.items():
        least, fit = np.inf, 0
        for part in _chunks_of(rows, max(1, _CHUNK // len(inner))):
            seconds, memory, usd, valid = _price(job, chip, cluster, _plan(part, inner), p)
            least = min(least, float(memory[valid].min(initial=np.inf)))
            ok = np.flatnonzero(valid & (memory <= chip.memory))
            rejected[_TOO_BIG] += int(valid.sum()) - len(ok)
            rejected[_AT_ODDS] += int((~valid).sum())
            fit += len(ok)
            fitted = _Priced(_rows(part, inner, ok), seconds[ok], memory[ok], usd[ok])
            found.append(_kept(fitted, keep))
            done += len(part) * len(inner)
            if progress:
                progress(done, tried)
        if not fit:
            hopeless[count] = _too_big(job, chip, count, len(rows) * len(inner), least)
        fitting, smallest = fitting + fit, min(smallest, least)
    if not fitting:
        raise InputError("; ".join(hopeless.values()))
    kept = _kept(_Priced(*map(np.concatenate, zip(*found, strict=True))), keep)
    return _result(kept, tried, fitting, +rejected, hopeless, smallest, _usd_rates(chip, cluster) is not None)


def _chunks_of(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _splits(job: TrainingJob, cluster: Cluster, chips: int, grid: Grid) -> tuple[np.ndarray, Counter[str]]:
    """Rows (tp, pp, vpp, dp, ep, cp, micro_batch) that divide the job, and how many of each kind do not."""
    arch, batch = job.arch, int(job.batch)
    rejected: Counter[str] = Counter()
    rows = []
    longest = max(1, job.sequence // 4096) if grid.cp is None else 1 << 30
    for tp in grid.tp or divisors(chips):
        if arch.heads % tp:
            rejected["attention heads do not divide by tensor parallelism"] += 1
            continue
        if grid.tp is None and tp > max(cluster.domain, 1) * 4:
            rejected["tensor parallelism spans more than four scale-up domains"] += 1
            continue
        for pp, cp in _pairs(grid, chips // tp, arch.layers):
            if chips % (tp * pp * cp) or cp > longest or job.sequence % cp:
                rejected["chips or sequence do not divide by the product of tensor, pipeline and context"] += 1
                continue
            dp = chips // (tp * pp * cp)
            if batch % dp:
                rejected["the batch does not divide by data parallelism"] += 1
                continue
            choices = {
                "stages and interleaved chunks do not cut the layers": _chunks(grid, arch.layers, pp),
                "experts or their ranks do not divide by expert parallelism": _expert_options(grid, job, tp * dp * cp),
                "the batch of a data rank does not divide by the micro-batch": _micro_batches(grid, batch // dp),
            }
            for reason in (reason for reason, options in choices.items() if not options):
                rejected[reason] += 1
            rows += [(tp, pp, vpp, dp, ep, cp, mb) for vpp, ep, mb in product(*choices.values())]
    return np.array(rows, dtype=float).reshape(-1, 7), rejected


def _pairs(grid: Grid, ranks: int, layers: int) -> Iterator[tuple[int, int]]:
    for pp in grid.pp or [d for d in divisors(ranks) if d <= layers]:
        for cp in grid.cp or divisors(max(ranks // pp, 1)):
            yield pp, cp


def _chunks(grid: Grid, layers: int, pp: int) -> list[int]:
    if pp == 1:
        return [1] if not grid.vpp or 1 in grid.vpp else []
    per_stage = -(-layers // pp)
    options = [d for d in divisors(per_stage) if d * pp <= layers]
    return [v for v in grid.vpp if v <= per_stage] if grid.vpp else options


def _expert_options(grid: Grid, job: TrainingJob, ranks: int) -> list[int]:
    experts = job.arch.experts if job.arch.is_moe else 1
    return [e for e in grid.ep or divisors(experts) if experts % e == 0 and ranks % e == 0]


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, bytes, USD and validity of a block of plans, flat."""
    step = assemble(job, chip, cluster, plan, p, layer_seconds(job, chip, cluster, plan, p))
    seconds = step.total()
    memory = training_memory(job, plan, p).total()
    waiting, working = _usd_rates(chip, cluster) or (0.0, 0.0)
    usd = plan.chips * (waiting * seconds + working * sum(getattr(step, part) for part in _BUSY))
    valid = ~((plan.zero == 3) & (plan.pp > 1)) & ~((plan.schedule > 0) & ((plan.pp == 1) | (plan.vpp > 1)))
    valid = valid & ~((plan.zero >= 2) & (plan.pp > 1) & (plan.vpp > 1))
    shape = (len(plan.tp), plan.zero.shape[1])
    seconds, memory, usd, valid = (np.broadcast_to(part, shape).ravel() for part in (seconds, memory, usd, valid))
    return seconds, memory, usd, valid


def _usd_rates(chip: Chip, cluster: Cluster) -> tuple[float, float] | None:
    """USD of a second of a chip that waits, and what one that works costs more; None where that is unknown.

    The cost of an hour is linear in the share of it that the chip is busy, so two hours tell it for every plan.
    """
    idle, busy = (economics.usd_per_hour(chip, economics.watts(chip, cluster, share)) for share in (0.0, 1.0))
    if idle is None or busy is None:
        return None
    return idle.value / 3600.0, (busy.value - idle.value) / 3600.0


def _kept(priced: _Priced, keep: int) -> _Priced:
    """The fastest ``keep`` plans in order, then the rest of the Pareto front."""
    if not len(priced.seconds):
        return priced
    few = np.argpartition(priced.seconds, min(keep, len(priced.seconds)) - 1)[:keep]
    fastest = few[np.lexsort((priced.memory[few], priced.seconds[few]))]
    front = priced.front()
    return priced.at(np.concatenate([fastest, front[~np.isin(front, fastest)]]))


def _result(
    kept: _Priced,
    tried: int,
    fitting: int,
    rejected: Counter[str],
    hopeless: dict[int, str],
    smallest: float,
    priced: bool,
) -> SearchResult:
    grid = Plan(*kept.plans.T)
    return SearchResult(
        plans=tuple(grid.at(i) for i in range(len(kept.plans))),
        seconds=tuple(kept.seconds.tolist()),
        memory=tuple(kept.memory.tolist()),
        usd=tuple(kept.usd.tolist()) if priced else (None,) * len(kept.plans),
        tried=tried,
        fitting=fitting,
        pareto=tuple(kept.front().tolist()),
        rejected=dict(rejected),
        hopeless=hopeless,
        smallest_memory=smallest,
    )


def _too_big(job: TrainingJob, chip: Chip, chips: int, tried: int, smallest: float) -> str:
    return (
        f"{job.arch.name} does not fit: the smallest of {tried:,} plans on {chips:,} × {chip.name} needs "
        f"{smallest / 1e9:,.0f} GB a chip, the chip has {chip.memory / 1e9:,.0f} GB"
    )


def _no_split(job: TrainingJob, chips: int, rejected: Mapping[str, int]) -> str:
    reasons = "; ".join(f"{reason} ({count})" for reason, count in rejected.items()) or "the grid is empty"
    return f"no plan divides {job.arch.name} with a batch of {job.batch:g} over {chips:,} chips: {reasons}"
