"""Loops That Matter: how much of a model's behaviour each feedback loop makes, over time.

Link and loop scores are those of Schoenberg, Davidsen & Eberlein (2020, System Dynamics Review 36(2)) with the link
from a flow into its stock as corrected by Schoenberg, Hayward & Eberlein (2023, "Improving Loops that Matter", System
Dynamics Review 39(2)): over the step from t−Δt to t

* input x of z:     |Δₓz / Δz| · sign(Δₓz / Δx), where Δₓz is the change of z if x alone had changed
* flow f of stock S: ± |Δf / Δ(net flow of S)|
* loop:              the product over its links; *relative*: divided by the sum of absolute scores in its group

Around a loop the changes of all auxiliaries and flows cancel, and the product is the loop's gain (∂z/∂x multiplied
round the loop) times |ΔS / Δ(net flow of S)| for every stock that it passes. This form is computed: it needs no
division by the change of an auxiliary, which may be zero, and it holds for arrays.

**Arrays.** A loop over array variables stands for all element loops that close after one turn; its score is their
sum, its confidence |sum| / sum of absolute values: below one, elements of both polarities cancel.

**Time.** A score belongs to the end of its step, as in the field's tools. Single steps flicker: name a dominant loop by
:meth:`LoopScores.average` or :meth:`LoopScores.dominant_periods`, not by one step. **At rest** (no stock of the group
changes) a relative score is NaN, not a number born of 0/0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.link_gains import Differentiation, LinkGain, Path, along, link_gains
from forkpoint.dynamics.loop_products import round_loops
from forkpoint.dynamics.loops import Loop, Loops
from forkpoint.errors import InputError
from forkpoint.trace import Quantity, Step

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

Polarity: TypeAlias = Literal["reinforcing", "balancing", "mixed", "none"]

CLEAR = 0.99
"""Agreement in sign from which a loop counts as reinforcing or balancing (Schoenberg & Eberlein 2020)."""

REST = 1e-13
"""A change smaller than this part of a stock's largest value counts as none: it is rounding."""


@dataclass(frozen=True)
class LoopScores:
    """Scores of loops over a run; arrays are (loop, step), steps labelled by their end in ``time``.

    ``size`` is the sum of absolute scores of a loop's element loops: |score| where they agree in sign.
    """

    loops: Loops
    time: np.ndarray
    score: np.ndarray
    size: np.ndarray
    gain: np.ndarray
    time_unit: str = ""

    @cached_property
    def partition(self) -> np.ndarray:
        """For every loop the index of its group."""
        return np.array([self.loops.partition(loop) for loop in self.loops], dtype=int)

    @cached_property
    def relative(self) -> np.ndarray:
        """Share of each loop in its group's total absolute score, signed; NaN where the group is at rest."""
        result = np.full(self.score.shape, np.nan)
        for group in np.unique(self.partition):
            rows = self.partition == group
            total = np.abs(self.score[rows]).sum(axis=0)
            result[rows] = self.score[rows] / np.where(total > 0, total, np.nan)
        return result

    @cached_property
    def polarity(self) -> tuple[Polarity, ...]:
        """Polarity of each loop from its gain over the whole run.

        "mixed" where the sum of gains is less than 99 % of the sum of their absolute values, the field's threshold;
        "none" where the gain is always zero.
        """
        total, size = self.gain.sum(axis=1), np.abs(self.gain).sum(axis=1)
        words: list[Polarity] = []
        for net, all_ in zip(total.tolist(), size.tolist(), strict=True):
            clear = abs(net) >= CLEAR * all_
            words.append("none" if not all_ else "mixed" if not clear else "reinforcing" if net > 0 else "balancing")
        return tuple(words)

    @cached_property
    def confidence(self) -> np.ndarray:
        """|Sum| over sum of absolute values of the element loops' relative scores: 1 where all agree in sign."""
        part = np.where(np.isfinite(self.relative), self.relative, 0.0)
        share = np.abs(self.score) > 0
        size = np.where(share, np.abs(part) * self.size / np.where(share, np.abs(self.score), 1.0), 0.0).sum(axis=1)
        return np.asarray(np.abs(part.sum(axis=1)) / np.where(size > 0, size, 1.0))

    def average(
        self, start: float | None = None, stop: float | None = None, *, by_name: bool = False
    ) -> dict[Any, float]:
        """Mean relative score of each loop over a span of time (steps at rest left out), the strongest first.

        ``by_name``: keys are names, each the sum over the loops that carry it. Raises InputError for an empty span.
        """
        steps = self._within(start, stop)
        means = _mean(self.relative[:, steps])
        if by_name:
            averages: dict[Any, float] = {name: float(sum(means[self._rows(name)])) for name in self.loops.names}
        else:
            averages = dict(zip(self.loops, map(float, means), strict=True))
        return dict(sorted(averages.items(), key=lambda pair: -abs(np.nan_to_num(pair[1]))))

    def of(self, loop: Loop | str) -> np.ndarray:
        """Relative score over time of a loop, or of a name (the sum over its loops). Raises UnknownName."""
        return np.asarray(self.relative[self._rows(loop)].sum(axis=0))

    def dominant_periods(self, window: float | None = None, group: int = 0) -> list[DominantPeriod]:
        """Which loops drive the run when: the fewest loops of the stronger polarity that make half of all behaviour.

        Scores are averaged over ``window`` (default a tenth of the run, centred) before dominance is judged, as single
        steps flicker. ``group``: index of a partition; loops of different groups are not comparable.
        """
        rows = np.flatnonzero(self.partition == group)
        span = self.time[-1] - self.time[0]
        width = max(1, round((span / 10 if window is None else window) / max(self.time[1] - self.time[0], 1e-300)))
        smooth = _moving_average(self.relative[rows], width)
        periods: list[DominantPeriod] = []
        for step, time in enumerate(self.time):
            loops = tuple(self.loops[i] for i in rows[_dominant(smooth[:, step])])
            if periods and periods[-1].loops == loops:
                periods[-1] = replace(periods[-1], stop=float(time))
            else:
                periods.append(DominantPeriod(loops, float(time), float(time)))
        return [p for p in periods if p.loops]

    def explain(self, start: float | None = None, stop: float | None = None, count: int = 8) -> Step:
        """The strongest loops over a span of time in the one form of explanation."""
        steps = self._within(start, stop)
        means = _mean(self.relative[:, steps])
        apart = [loop in self.loops.alone for loop in self.loops]
        ranked = sorted(range(len(means)), key=lambda i: (self.partition[i], -abs(np.nan_to_num(means[i]))))
        children = []
        for i in ranked[:count]:
            loop = self.loops[i]
            numbers = {"mean relative score": Quantity(float(means[i])),
                       "confidence of polarity": Quantity(float(self.confidence[i]))}  # fmt: skip
            note = "; alone in its group: its score is one by construction" if apart[i] else ""
            children.append(Step(loop.label, self.polarity[i], loop.path + note, numbers))
        lead = f"{children[0].name} ({children[0].outcome})" if children else "no feedback loop"
        chosen = self.time[steps]
        detail = f"{chosen[0]:g} to {chosen[-1]:g}; {self.loops.search}"
        numbers = {"loops": Quantity(len(self.loops)), "search complete": Quantity(self.loops.complete)}
        return Step("feedback loops", lead, detail, numbers, citation=CITATION, children=tuple(children))

    def to_xarray(self) -> Any:
        """Scores as a labelled xarray Dataset. Raises MissingExtra."""
        from forkpoint.dynamics.extras import load

        arrays = {"score": self.score, "relative_score": self.relative, "gain": self.gain}
        coordinates = {
            "loop": [loop.label for loop in self.loops],
            "time": ("time", self.time, {"units": self.time_unit}),
            "polarity": ("loop", list(self.polarity)),
            "path": ("loop", [loop.path for loop in self.loops]),
            "confidence": ("loop", self.confidence),
            "partition": ("loop", self.partition),
        }
        attributes = {"search_complete": int(self.loops.complete), "search": self.loops.search, "citation": CITATION}
        return load("xarray").Dataset({k: (("loop", "time"), v) for k, v in arrays.items()}, coordinates, attributes)

    def _rows(self, loop: Loop | str) -> list[int]:
        wanted = self.loops.named(loop) if isinstance(loop, str) else (loop,)
        return [self.loops.position(member) for member in wanted]

    def _within(self, start: float | None, stop: float | None) -> np.ndarray:
        low, high = self.time[0] if start is None else start, self.time[-1] if stop is None else stop
        steps = np.flatnonzero((self.time >= low - 1e-9) & (self.time <= high + 1e-9))
        if not len(steps):
            raise InputError(
                f"no step lies between {low:g} and {high:g}; the run has {self.time[0]:g} to {self.time[-1]:g}"
            )
        return steps


@dataclass(frozen=True)
class DominantPeriod:
    """A span of time over which the same loops make at least half of the behaviour."""

    loops: tuple[Loop, ...]
    start: float
    stop: float


CITATION = "Schoenberg, Davidsen & Eberlein 2020; Schoenberg, Hayward & Eberlein 2023"


def loop_scores(
    model: Model, trajectory: Trajectory | Path, loops: Loops, *, engine: Differentiation = "dual"
) -> LoopScores:  # fmt: skip
    """Scores of ``loops`` along a run that kept every step and every variable; see the module's text.

    Raises InputError for an ensemble or a run that lacks values, MissingExtra for ``engine="jax"`` without JAX.
    """
    path = along(model, trajectory)
    gains = link_gains(model, trajectory, sorted({link for loop in loops for link in loop.links}), engine=engine)
    # Three products round every loop at once, stacked along the steps: of gains, of weights, of absolute weights.
    stacked = {}
    for link, gain in gains.items():
        weighted = _weigh(path, gain).values
        stacked[link] = replace(gain, values=np.concatenate([gain.values, weighted, np.abs(weighted)]))
    products = round_loops(stacked, [loop.links for loop in loops]).reshape(len(loops), 3, path.steps)
    return LoopScores(loops, path.time[1:], products[:, 1], products[:, 2], products[:, 0], model.time_unit)


def weighted_links(
    model: Model, trajectory: Trajectory, *, engine: Differentiation = "dual"
) -> dict[Link, LinkGain]:  # fmt: skip
    """All links with weights whose product round a loop is its score: gains, and |ΔS / Δ(net flow)| into a stock."""
    path = along(model, trajectory)
    return {k: _weigh(path, gain) for k, gain in link_gains(model, trajectory, engine=engine).items()}


def _weigh(path: Path, gain: LinkGain) -> LinkGain:
    return gain.times(_velocity_over_acceleration(path, gain.target)) if gain.target in path.model.stocks else gain


def _velocity_over_acceleration(path: Path, stock: str) -> np.ndarray:
    """|ΔS / Δ(net flow)| of every element and step; zero where the stock does not change."""
    net = path.model.system(1).rates(dict(path.values))[stock]
    size = np.max(np.abs(path.values[stock]), initial=0.0)
    change = np.abs(path.change(stock))
    bend = np.abs(np.diff(np.broadcast_to(net, path.values[stock].shape), axis=-1))
    # The floor is the rounding error of the net flow: without it a straight line would divide by noise.
    floor = REST * max(float(np.max(np.abs(net), initial=0.0)), 1e-300)
    return np.where(change > REST * size, change, 0.0) / np.maximum(np.moveaxis(bend, -1, 0), floor)


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / np.where(count > 0, count, np.nan))


def _moving_average(values: np.ndarray, width: int) -> np.ndarray:
    half = width // 2
    return np.stack([_mean(values[:, max(0, i - half) : i + half + 1]) for i in range(values.shape[1])], axis=1)


def _dominant(values: np.ndarray) -> list[int]:
    """Positions of the fewest loops of the stronger polarity that together make at least half."""
    if not np.isfinite(values).all() or not np.abs(values).sum():
        return []
    sign = 1.0 if values.sum() >= 0 else -1.0
    target = 0.5 * np.abs(values).sum()
    chosen: list[int] = []
    for i in np.argsort(-sign * values, kind="stable"):
        chosen.append(int(i))
        target -= sign * values[i]
        if target <= 1e-12:
            break
    return sorted(chosen)


def relative_link_strength(model: Model, trajectory: Trajectory) -> Mapping[Link, np.ndarray]:
    """Share of each input in its target's movement at every step, signed, for a diagram.

    |Δₓz| summed over elements, over the same sum for all endogenous inputs of z; the sign is that of each label's
    effect on its own label.
    """
    path = along(model, trajectory)
    gains = link_gains(model, trajectory)
    parts: dict[Link, np.ndarray] = {}
    signs: dict[Link, np.ndarray] = {}
    totals: dict[str, Any] = {}
    for link, gain in gains.items():
        flat = gain.partial_change(path.change(link[0])).reshape(path.steps, -1)
        parts[link] = np.abs(flat).sum(axis=1)
        signs[link] = np.sign(gain.own_label)
        totals[link[1]] = totals.get(link[1], 0.0) + parts[link]
    return {k: signs[k] * part / np.where(totals[k[1]] > 0, totals[k[1]], 1.0) for k, part in parts.items()}
