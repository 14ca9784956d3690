"""Choosing under uncertainty: regret, satisficing, and the futures in which something happens.

Policies are scenarios (with levers laid over them); futures are draws of the uncertain numbers, the same for each
policy. Nothing here says what is good: a goal is an output and a direction that the person names.

* Regret (Savage 1951): how much less a policy brings than the best one in the same future.
* Satisficing (Simon 1956; "domain criterion", Lempert & Collins 2007): in how many futures it is good enough.
* Scenario discovery (Bryant & Lempert 2010, TFSC 77) by PRIM (Friedman & Fisher 1999, Stat. Comput. 9): a box in few
  parameters that holds most of the futures in which something happens, and few others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Truths: TypeAlias = NDArray[np.bool_]
PEEL = 0.05
"""Part of the futures in the box that one step takes off; pasting gives back as much."""
LEAST = 0.05
"""Smallest part of all futures that a box may hold."""
CHANCE = 0.05
"""Limits that chance alone would bring this often are dropped."""


@dataclass(frozen=True)
class Goal:
    """An output to raise or lower, and, where named, the level that is good enough."""

    output: str
    direction: int
    enough: float | None = None

    @classmethod
    def of(cls, text: str) -> Goal:
        """From ``max OUTPUT``, ``min OUTPUT``, ``OUTPUT>=NUMBER`` or ``OUTPUT<=NUMBER``. Raises InputError."""
        for sign, direction in ((">=", 1), ("<=", -1)):
            if sign in text:
                output, _, number = text.partition(sign)
                return cls(output.strip(), direction, _number(number, text))
        word, _, output = text.strip().partition(" ")
        if word not in ("max", "min") or not output.strip():
            raise InputError(f"goal '{text}': write 'max OUTPUT', 'min OUTPUT', 'OUTPUT>=NUMBER' or 'OUTPUT<=NUMBER'")
        return cls(output.strip(), 1 if word == "max" else -1)


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"'{where}': '{text.strip()}' is not a number") from None
    if not np.isfinite(number):
        raise InputError(f"'{where}': {number} is not a finite number")
    return number


def regret(values: Floats, direction: int = 1) -> Floats:
    """Regret (policy, future): how far each policy stays behind the best one in the same future; never below zero."""
    gain = direction * values
    return np.asarray(np.max(gain, axis=0) - gain)


def compare(policies: Sequence[str], values: Floats, goal: Goal) -> list[dict[str, Any]]:
    """Policies ranked by their regret in the worst 10 % of futures: each with its median, regrets, the share of
    futures in which it is the best one, and in which it is good enough. ``futures``: those in which every policy has an
    answer; the others are left out."""
    values = values[:, np.isfinite(values).all(axis=0)]
    if not values.size:
        raise InputError("no future is left in which every policy has an answer")
    behind = regret(values, goal.direction)
    ties = np.isclose(behind, 0.0, atol=1e-9 * max(float(np.nanmax(np.abs(values))), 1e-300))
    rows = []
    for number, policy in enumerate(policies):
        one = values[number]
        row: dict[str, Any] = {"policy": policy, "goal": goal.output, "futures": len(one)}
        row |= dict(zip(("p05", "median", "p95"), map(float, np.nanquantile(one, [0.05, 0.5, 0.95])), strict=True))
        row |= {"mean_regret": float(np.nanmean(behind[number])), "regret_p90": _quantile(behind[number], 0.9)}
        row |= {"largest_regret": float(np.nanmax(behind[number])), "best_in": float(ties[number].mean())}
        row["good_enough_in"] = None
        if goal.enough is not None:
            row["good_enough_in"] = float(np.nanmean(goal.direction * (one - goal.enough) >= 0))
        rows.append(row)
    return sorted(rows, key=lambda r: (r["regret_p90"], r["mean_regret"]))


def _quantile(values: Floats, share: float) -> float:
    return float(np.nanquantile(values, share))


@dataclass(frozen=True)
class Limit:
    """One side of a box: a parameter above ``low`` and below ``high`` (infinite: no limit)."""

    name: str
    low: float
    high: float
    chance: float
    """How often chance alone would give a density as high as with this limit (quasi-p value)."""

    def to_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class Box:
    """Futures in few words: ``density`` of them show the event, ``coverage`` of all that show it are inside."""

    limits: tuple[Limit, ...]
    density: float
    coverage: float
    mass: float
    base_rate: float
    test_density: float
    """Density among the futures that were not used to find the box."""


def prim(x: Floats, event: Truths, names: Sequence[str], *, seed: int = 0, density: float = 0.8) -> Box:
    """A box in ``x`` (parameter, future) that holds the futures in which ``event`` is true.

    Peels with patience from all sides, pastes back, takes the largest box whose density reaches ``density`` (else the
    densest), drops limits that chance explains, and judges the box on a third of the futures that were left out.
    Raises InputError where the event happens never, always, or in fewer than ten futures.
    """
    happens = int(event.sum())
    if happens == 0 or happens == len(event):
        raise InputError(f"it happens in {'none' if happens == 0 else 'all'} of {len(event)} futures: no box to find")
    if happens < 10:
        raise InputError(f"it happens in {happens} of {len(event)} futures only: take more draws")
    test = np.random.default_rng(seed).permutation(len(event)) % 3 == 0
    seen, hit = x[:, ~test], event[~test]
    path = _peel(seen, hit)
    good = [b for b in path if hit[_inside(seen, b)].mean() >= density]
    found = good[0] if good else max(path, key=lambda b: float(hit[_inside(seen, b)].mean()))
    found = _paste(seen, hit, found)
    limits = _limits(seen, hit, found, names)
    kept = np.array([[-np.inf, np.inf]] * len(x))
    for limit in limits:
        kept[list(names).index(limit.name)] = limit.low, limit.high
    inside = _inside(x, kept)
    left = inside & test
    return Box(
        limits=tuple(limits),
        density=float(event[inside].mean()),
        coverage=float(event[inside].sum() / happens),
        mass=float(inside.mean()),
        base_rate=float(event.mean()),
        test_density=float(event[left].mean()) if left.any() else float("nan"),
    )


def _inside(x: Floats, box: Floats) -> Truths:
    return np.asarray(((x >= box[:, :1]) & (x <= box[:, 1:])).all(axis=0))


def _peel(x: Floats, event: Truths) -> list[Floats]:
    """Boxes from all futures to the smallest allowed, each without the slice whose loss raises density most per future
    lost (Friedman & Fisher 1999, eq. 14)."""
    box = np.array([[-np.inf, np.inf]] * len(x))
    path = [box]
    while True:
        inside = np.flatnonzero(_inside(x, box))
        if len(inside) * (1 - PEEL) < LEAST * len(event):
            return path
        part, hit = x[:, inside], event[inside]
        low, high = np.quantile(part, [PEEL, 1 - PEEL], axis=1)
        masks = np.concatenate([part >= low[:, None], part <= high[:, None]])
        sizes = masks.sum(axis=1)
        gained = (masks @ hit.astype(float)) / np.maximum(sizes, 1) - hit.mean()
        gained = np.where((sizes < len(inside)) & (sizes > 0), gained / np.maximum(len(inside) - sizes, 1), -np.inf)
        best = int(np.argmax(gained))
        if not np.isfinite(gained[best]) or gained[best] <= 0:
            return path
        box = box.copy()
        box[best % len(x), best // len(x)] = (low, high)[best // len(x)][best % len(x)]
        path.append(box)


def _paste(x: Floats, event: Truths, box: Floats) -> Floats:
    """The box with every side moved out again as long as density does not fall."""
    for row in range(len(x)):
        for side in (0, 1):
            while np.isfinite(box[row, side]):
                wider = box.copy()
                wider[row, side] = (-np.inf, np.inf)[side]
                beyond = np.sort(x[row, _inside(x, wider) & ~_inside(x, box)])
                step = max(round(PEEL * int(_inside(x, box).sum())), 1)
                if len(beyond) > step:
                    wider[row, side] = beyond[-step] if side == 0 else beyond[step - 1]
                if event[_inside(x, wider)].mean() < event[_inside(x, box)].mean():
                    break
                box = wider
    return box


def _limits(x: Floats, event: Truths, box: Floats, names: Sequence[str]) -> list[Limit]:
    """The box's limits, the least telling dropped one by one while chance explains it (Bryant & Lempert 2010)."""
    from scipy.stats import binom

    box = box.copy()
    while True:
        inside = _inside(x, box)
        size, hits = int(inside.sum()), int(event[inside].sum())
        found = []
        for row in np.flatnonzero(np.isfinite(box).any(axis=1)):
            without = box.copy()
            without[row] = -np.inf, np.inf
            rate = float(event[_inside(x, without)].mean())
            found.append(
                Limit(names[int(row)], float(box[row, 0]), float(box[row, 1]), float(binom.sf(hits - 1, size, rate)))
            )
        weakest = max(found, key=lambda limit: limit.chance, default=None)
        if weakest is None or weakest.chance <= CHANCE or len(found) == 1:
            return sorted(found, key=lambda limit: limit.chance)
        box[list(names).index(weakest.name)] = -np.inf, np.inf


def in_words(box: Box, event: str, units: Mapping[str, str]) -> str:
    """A box as a sentence."""
    if not box.limits:
        return f"No parameter tells the futures in which {event} from the others ({box.base_rate:.0%} of all)."
    parts = []
    for limit in box.limits:
        unit = f" {units[limit.name]}" if units.get(limit.name, "1") != "1" else ""
        if np.isfinite(limit.low) and np.isfinite(limit.high):
            parts.append(f"{limit.name} is between {limit.low:.4g} and {limit.high:.4g}{unit}")
        elif np.isfinite(limit.low):
            parts.append(f"{limit.name} is above {limit.low:.4g}{unit}")
        else:
            parts.append(f"{limit.name} is below {limit.high:.4g}{unit}")
    return (
        f"{event} in {_part(box.base_rate)} of all futures, in {_part(box.density)} of those where "
        f"{' and '.join(parts)} ({_part(box.mass)} of all futures, {_part(box.coverage)} of the cases; "
        f"{_part(box.test_density)} on futures left out)."
    )


def _part(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"
