"""How sure it is which loop drives the run: loop scores at draws of the posterior, and how often each is the strongest.

Scores are those of *Loops That Matter* (:mod:`forkpoint.dynamics.loop_scores`), a loop's **share** being its score over
the sum of absolute scores of the named loops, averaged over seven quarters, as single steps flicker. The **strongest**
loop of a draw at a time is the one with the largest absolute share.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.inputs import Grid, gather
from forkpoint.dynamics.link_gains import Path as ModelPath
from forkpoint.dynamics.loop_scores import loop_scores
from forkpoint.dynamics.loops import Loop, Loops
from forkpoint.errors import InputError, UnknownName
from forkpoint.uncertainty.draws import CHUNK, Draws
from forkpoint.world.loops import named_loops
from forkpoint.world.model import START, STEP, STOP, world
from forkpoint.world.run import inputs
from forkpoint.world.scenario import DEFAULT, Scenario, scenario

Floats: TypeAlias = NDArray[np.float64]
LEVELS = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
"""Quantiles over draws, by the names of columns."""
SPANS = ((2020, 2022), (2023, 2025), (2026, 2030), (2031, 2035))
"""Periods of years in tables."""
HALF_WINDOW = 3
"""Steps on either side of a share's moving average."""
TOGETHER = 25
"""Draws whose links are differentiated at once: enough to hide Python's own time, few enough to fit in memory."""


@dataclass(frozen=True)
class Cycles:
    """The named loops as cycles of the model; ``missing`` have no closed cycle, ``apart`` share no feedback with the
    others, so that a share among them says nothing."""

    loops: Mapping[str, Loop]
    missing: tuple[str, ...]
    apart: tuple[str, ...]

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the loops whose shares compare."""
        return tuple(n for n in self.loops if n not in self.apart)


@dataclass(frozen=True)
class LoopDraws:
    """Shares of the named loops over time and draws: ``shares`` is (loop, time, draw), loops as in ``names``.

    ``asked``: draws taken; those that left the region where the equations mean something are left out.
    """

    scenario: str
    origin: str
    names: tuple[str, ...]
    time: Floats
    shares: Floats
    asked: int

    @property
    def kept(self) -> int:
        """Draws behind every number."""
        return int(self.shares.shape[2])

    def bands(self, name: str) -> dict[str, Floats]:
        """Quantiles of a loop's share over draws, by the keys of LEVELS. Raises UnknownName."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a quarter in which nothing moves in any draw
            found = np.nanquantile(self.shares[self._row(name)], list(LEVELS.values()), axis=-1)
        return dict(zip(LEVELS, found, strict=True))

    def strongest(self) -> Floats:
        """Probability (loop, time) that a loop is the strongest of the named ones; they sum to one at each time."""
        return _strongest(self.shares)

    def over(self, start: float, stop: float) -> list[dict[str, Any]]:
        """Each loop over the years ``start`` … ``stop``: quantiles of its mean share, and the probability that it is
        the strongest by that mean. The likeliest first. Raises InputError where no time lies between."""
        inside = (self.time >= start) & (self.time < stop + 1)
        if not inside.any():
            raise InputError(f"no quarter lies between {start:g} and {stop:g}")
        part = self.shares[:, inside]
        known = np.isfinite(part)
        means = np.where(known, part, 0.0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)
        chances = _strongest(means[:, None])[:, 0]
        rows = []
        for name, mean, chance in zip(self.names, means, chances, strict=True):
            numbers = map(float, np.nanquantile(mean, list(LEVELS.values())))
            rows.append({"loop": name, "p_strongest": float(chance), **dict(zip(LEVELS, numbers, strict=True))})
        return sorted(rows, key=lambda r: (-r["p_strongest"], -abs(r["p50"])))

    def rows(self) -> list[dict[str, Any]]:
        """Every loop and quarter: quantiles of the share, and the probability that the loop is the strongest."""
        chances = self.strongest()
        found = []
        for number, name in enumerate(self.names):
            bands = self.bands(name)
            for at, time in enumerate(self.time):
                numbers = {k: float(v[at]) for k, v in bands.items()}
                found.append({"loop": name, "time": float(time), "p_strongest": float(chances[number, at]), **numbers})
        return found

    def _row(self, name: str) -> int:
        if name not in self.names:
            raise UnknownName("loop with a share", name, self.names)
        return self.names.index(name)


@cache
def cycles() -> Cycles:
    """The named loops as cycles. A loop's path in ``loops.yaml`` may leave variables out; they are filled in by the
    shortest paths through the model that meet no variable twice."""
    import networkx as nx

    model = world()
    inner = {*model.stocks, *model.order}
    graph = nx.DiGraph(sorted(link for link in model.links() if link[0] in inner))
    closed = {n: cycle for n, loop in named_loops().items() if (cycle := _closed(graph, loop.path))}
    found = {n: Loop(cycle, (n,)) for n, cycle in closed.items()}
    largest = max(nx.strongly_connected_components(graph), key=len)
    apart = tuple(n for n, loop in found.items() if loop.variables[0] not in largest)
    return Cycles(found, tuple(n for n in named_loops() if n not in found), apart)


def _closed(graph: Any, path: tuple[str, ...]) -> tuple[str, ...]:
    """The cycle that joins variables in this order by shortest paths, none met twice; empty where there is none."""
    import networkx as nx

    cycle = [path[0]]
    for name in (*path[1:], path[0]):
        closed = (set(path) | set(cycle)) - {cycle[-1], name}
        try:
            cycle += nx.shortest_path(graph.subgraph(set(graph) - closed), cycle[-1], name)[1:]
        except nx.NetworkXNoPath:
            return ()
    return tuple(cycle[:-1])


@cache
def loop_draws(
    name: str | Path | Scenario = DEFAULT, draws: int = 100, posterior: str | Path = "default", seed: int = 0
) -> LoopDraws:
    """Run a scenario at draws of what is uncertain and score the named loops in each.

    The draws are the ensemble's own for the same seed; a parameter that the scenario sets is not drawn. Raises
    InputError where no draw is left, UnknownName.
    """
    chosen, source, model = scenario(name), Draws.of(posterior), world()
    if not 1 <= draws <= CHUNK:
        raise InputError(f"loops are scored at 1 to {CHUNK:,} draws, not {draws:,}")
    given = inputs(chosen, {})
    drawn = {n: v for n, v in source.parameters(seed, 0, draws).items() if n not in given}
    grid = Grid(START, STEP, round((STOP - START) / STEP))
    wanted = Loops(tuple(cycles().loops[n] for n in cycles().compared), False, "", ())
    found = []
    for low in range(0, draws, TOGETHER):
        part = {n: v[..., low : low + TOGETHER] for n, v in drawn.items()}
        run = model.run(given, START, STOP, STEP, draws=part, on_error="mark")
        alive = [d for d in range(min(TOGETHER, draws - low)) if d not in run.failed]
        if alive:
            paths = {n: np.asarray(run[n])[..., alive] for n in (*model.stocks, *model.order)}
            path = _end_to_end(grid, given, {n: v[..., alive] for n, v in part.items()}, paths)
            with np.errstate(all="ignore"):  # a root at zero sales has no slope: that quarter of that draw is left out
                scored = loop_scores(model, path, wanted).score
            found.append(_one_by_one(scored, len(alive), grid.count))
    if not found:
        raise InputError(f"{chosen.name}: every draw left the region where the model's equations mean something")
    shares = _shares(np.moveaxis(np.concatenate(found, axis=1), 1, 2))
    return LoopDraws(chosen.name, source.origin, cycles().compared, grid.times[1:], shares, draws)


def _end_to_end(grid: Grid, given: Mapping[str, Any], drawn: Mapping[str, Any], paths: Mapping[str, Any]) -> ModelPath:
    """Runs one after another as if they were one long one, so that all links of all draws are differentiated together.

    The step from the end of one run to the beginning of the next means nothing: :func:`_one_by_one` drops it.
    """
    model, times = world(), len(grid.times)
    exogenous = gather(model, grid, given, drawn)
    count = next(iter(paths.values())).shape[-1]
    values: dict[str, Any] = {n: np.asarray(v) for n, v in exogenous.fixed.items() if n not in drawn}
    values |= {n: np.repeat(np.asarray(exogenous.fixed[n]), times, axis=-1) for n in drawn}
    over_time = {n: np.asarray(v)[:, 0] for n, v in exogenous.varying.items()} | dict(paths)
    for name, value in over_time.items():
        wide = np.broadcast_to(value, (*value.shape[:-1], count))
        joined = np.moveaxis(wide, 0, -1)  # dimensions, draw, time
        values[name] = joined.reshape(*joined.shape[:-2], count * times)
    values |= {"time": np.tile(grid.times, count), "time_step": np.full(1, grid.step)}
    return ModelPath(model, values["time"], values)


def _one_by_one(scores: Floats, draws: int, steps: int) -> Floats:
    """Scores (loop, draw, step) of runs that were scored end to end."""
    joint = np.concatenate([scores, np.zeros((len(scores), 1))], axis=1)
    return np.asarray(joint.reshape(len(scores), draws, steps + 1)[..., :-1])


def _shares(scores: Floats) -> Floats:
    """Smoothed shares (loop, time, draw) of scores; NaN where no quarter nearby has a score (nothing moves)."""
    total = np.abs(scores).sum(axis=0)
    total = np.where(np.isfinite(total) & (total > 0), total, np.nan)
    known, single = np.isfinite(total), np.where(np.isfinite(total), scores, 0.0) / np.where(total > 0, total, 1.0)
    near = [slice(max(0, k - HALF_WINDOW), k + HALF_WINDOW + 1) for k in range(len(total))]
    counts = np.stack([known[n].sum(axis=0) for n in near])
    sums = np.stack([single[:, n].sum(axis=1) for n in near], axis=1)
    return np.asarray(sums / np.where(counts > 0, counts, np.nan))


def _strongest(shares: Floats) -> Floats:
    """Part of the draws (last axis) in which each loop (first axis) has the largest absolute share; draws in which
    nothing moves are left out."""
    sizes = np.where(np.isfinite(shares), np.abs(shares), 0.0)
    leading = np.where(sizes.any(axis=0), np.argmax(sizes, axis=0), -1)
    moving = np.maximum((leading >= 0).sum(axis=-1), 1)
    return np.stack([(leading == row).sum(axis=-1) / moving for row in range(len(shares))])
