"""Loops found by following the strongest links (Eberlein & Schoenberg 2020, "Finding the loops that matter").

From every stock the search walks along links in order of their strength at one moment and gives up a branch as soon as
it reaches a variable more weakly than an earlier branch did. It finds most of the loops that matter at that moment and
proves nothing about the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forkpoint.dynamics.loops import Loop

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

MOMENTS = 12
"""Moments of the run, evenly spaced, at which the search is repeated."""

VISITS = 3_000
"""Links followed from one stock at one moment before the search moves on."""


def strongest_loops(model: Model, trajectory: Trajectory, moments: int = MOMENTS, visits: int = VISITS) -> list[Loop]:
    """Loops found at ``moments`` times of a run, in order of discovery."""
    from forkpoint.dynamics.loop_scores import weighted_links

    strength: dict[str, list[tuple[str, np.ndarray]]] = {}
    steps = 0
    for (source, target), link in weighted_links(model, trajectory).items():
        axes = tuple(range(1 + len(link.target_dims), link.values.ndim))
        reach = np.abs(link.values).sum(axis=axes)
        mean = reach.reshape(reach.shape[0], -1).mean(axis=1)
        strength.setdefault(source, []).append((target, mean))
        steps = len(mean)
    found: dict[Loop, None] = {}
    for moment in np.unique(np.linspace(0, steps - 1, min(moments, steps)).astype(int)):
        ranked = {
            source: sorted(((float(w[moment]), target) for target, w in ends if w[moment] > 0), reverse=True)
            for source, ends in strength.items()
        }
        for stock in model.stocks:
            found |= dict.fromkeys(_from(stock, ranked, visits))
    return list(found)


def _from(start: str, ranked: dict[str, list[tuple[float, str]]], visits: int) -> list[Loop]:
    best: dict[str, float] = {start: 1.0}
    loops: list[Loop] = []
    path, reached = [start], [1.0]
    pending = [iter(ranked.get(start, ()))]
    on_path = {start}
    while pending and visits:
        link = next(pending[-1], None)
        if link is None:
            pending.pop()
            reached.pop()
            on_path.discard(path.pop())
            continue
        visits -= 1
        weight, target = link
        score = reached[-1] * weight
        if target == start:
            loops.append(Loop(tuple(path)))
        elif target not in on_path and score > best.get(target, 0.0):
            best[target] = score
            path.append(target)
            reached.append(score)
            on_path.add(target)
            pending.append(iter(ranked.get(target, ())))
    return loops
