"""Loop knock-out: what a run would have been had one loop not acted.

A loop is cut by holding one of its links: the variable at its end sees, in place of the input, the path that the
input had in a *reference* run, or the value that it had at the start. Everything else goes on. The effect of the loop
is the run with the loop minus the run without it.

Knock-out and score answer different questions. A score says which loop makes the change at a moment, and adds up over
loops; a knock-out says what would be different without the loop, includes what other loops then do instead, and does
not add up. :func:`loop_measures` gives both side by side.

Holding a link also cuts every other loop through it. Links are chosen to cut as few others as possible, and the result
names them (``also_cut``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.loops import Loop, Loops, find_loops
from forkpoint.errors import InputError, RunError
from forkpoint.trace import Quantity, Step

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory


@dataclass(frozen=True)
class KnockOut:
    """A run with a loop and the same run without it, the links held, and the other loops that these cut as well."""

    name: str
    loops: tuple[Loop, ...]
    links: tuple[Link, ...]
    also_cut: tuple[Loop, ...]
    with_loop: Trajectory
    without_loop: Trajectory

    def effect(self, output: str) -> np.ndarray:
        """With minus without, (time, dimensions of the output). Raises UnknownName."""
        return np.asarray(self.with_loop[output] - self.without_loop[output])

    def explain(self, output: str) -> Step:
        """The effect on an output at the end of the run in the one form of explanation."""
        unit = self.with_loop.model[output].unit
        ends = {"with": total_at_end(self.with_loop, output), "without": total_at_end(self.without_loop, output)}
        effect = ends["with"] - ends["without"]
        held = ", ".join(f"{a} → {b}" for a, b in self.links)
        others = f"; this also cuts {len(self.also_cut)} other loops" if self.also_cut else ""
        numbers = {name: Quantity(value, unit) for name, value in {**ends, "effect": effect}.items()}
        outcome = f"{effect:+.6g} {unit}".rstrip()
        return Step(f"knock-out of {self.name}", outcome, f"held at its reference path: {held}{others}", numbers)


@dataclass(frozen=True)
class LoopMeasures:
    """One name (or loop) seen by both measures.

    ``effect`` is NaN, with the reason in ``note``, where the run without the loop fails; ``relative_effect`` is its
    part of the output's absolute value.
    """

    name: str
    polarity: str
    mean_relative_score: float
    effect: float
    relative_effect: float
    links: tuple[Link, ...]
    also_cut: int
    note: str = ""


def knock_out(
    model: Model,
    loop: Loop | Sequence[Loop],
    levers: Mapping[str, Any] | None = None,
    *,
    reference: Trajectory | None = None,
    links: Sequence[Link] | None = None,
    loops: Loops | None = None,
    **options: Any,
) -> KnockOut:
    """Run the model with and without a loop, or without all loops of a name: ``knock_out(model, loops.named("R1"))``.

    ``reference``: the run whose path the held links keep (its times must be those of this run); without one they keep
    their value at the start, so that the loop never acts. With a reference run under other levers, the effect is
    the part of the *response* to the levers that the loop makes. ``links``: the links to hold; chosen if not given.
    ``loops``: all known loops, to choose well and to say what else is cut. ``options``: as for ``model.run``.

    Raises InputError for links that leave the loop whole or a reference that does not fit, and what the run raises.
    """
    members = (loop,) if isinstance(loop, Loop) else tuple(loop)
    known = find_loops(model) if loops is None else loops
    held = cut_links(model, members, known) if links is None else tuple(links)
    for member in members:
        if not set(held) & set(member.links):
            raise InputError(f"none of the links {', '.join(f'{a} → {b}' for a, b in held)} lies on {member.path}")
    whole = model.run(levers, **options)
    cut = run_held(
        model, levers, held, whole if reference is None else reference, at_start=reference is None, **options
    )
    also = _also_cut(held, members, known)
    return KnockOut(_name(members), members, held, also, whole, cut)


def cut_links(model: Model, members: Sequence[Loop], loops: Sequence[Loop]) -> tuple[Link, ...]:
    """Links that cut all ``members`` and few other loops.

    Only links of information are cut, never that of a flow into its stock, so that what moves stays conserved; every
    loop has one, as nothing but information leaves a stock. Chosen one by one: the link of the most loops still whole,
    then of the fewest others, then by name.
    """
    inside = set(members)
    others = Counter(link for loop in loops if loop not in inside for link in loop.links)
    left, chosen = list(inside), []
    while left:
        met = Counter(link for loop in left for link in loop.links if link[1] not in model.stocks)
        link = min(met, key=lambda x: (-met[x], others[x], x))
        chosen.append(link)
        left = [loop for loop in left if link not in loop.links]
    return tuple(chosen)


def run_held(
    model: Model,
    levers: Mapping[str, Any] | None,
    links: Sequence[Link],
    reference: Trajectory,
    *,
    at_start: bool = False,
    **options: Any,
) -> Trajectory:
    """A run in which each link carries the path of its input in ``reference`` (``at_start``: its first value).

    Raises RunError, naming the held links, where the model does not survive without them, as a stock whose outflow no
    longer sees it.
    """
    held = {}
    for source, target in links:
        path = np.asarray(reference[source])
        held[source, target] = np.broadcast_to(path[:1], path.shape) if at_start else path
    try:
        return model.run(levers, held=held, **options)
    except RunError as error:
        raise RunError(f"with {', '.join(f'{a} → {b}' for a, b in links)} held, {error}") from error


def total_at_end(trajectory: Trajectory, output: str) -> float:
    """An output at the last time, summed over its dimensions."""
    return float(np.sum(trajectory[output][-1]))


def loop_measures(
    model: Model,
    loops: Loops,
    output: str,
    levers: Mapping[str, Any] | None = None,
    *,
    reference: Trajectory | None = None,
    only: Sequence[str] | None = None,
    **options: Any,
) -> list[LoopMeasures]:
    """Score and knock-out side by side for every name (every loop where none is named), strongest effect first.

    ``output``: the variable whose value at the end (summed over its dimensions) the effect is measured on.
    ``only``: some of the names; each costs one run. ``reference``, ``options``: as for :func:`knock_out`.
    """
    from forkpoint.dynamics.loop_scores import loop_scores

    whole = model.run(levers, **options)
    scores = loop_scores(model, whole, loops)
    means = scores.average()
    end = total_at_end(whole, output)
    rows = []
    for name, members in loops.by_name.items():
        if only is not None and name not in only:
            continue
        links = cut_links(model, members, loops)
        also = len(_also_cut(links, members, loops))
        effect, note = np.nan, ""
        try:
            source = whole if reference is None else reference
            effect = end - total_at_end(
                run_held(model, levers, links, source, at_start=reference is None, **options), output
            )
        except RunError as error:
            note = f"the run without this loop fails: {error}"
        kinds = {scores.polarity[loops.position(x)] for x in members}
        polarity = kinds.pop() if len(kinds) == 1 else "mixed"
        score = float(sum(means[x] for x in members))
        rows.append(
            LoopMeasures(name, polarity, score, effect, effect / abs(end) if end else np.nan, links, also, note)
        )
    return sorted(rows, key=lambda row: -abs(np.nan_to_num(row.effect)))


def _also_cut(held: Sequence[Link], members: Sequence[Loop], loops: Sequence[Loop]) -> tuple[Loop, ...]:
    inside = set(members)
    return tuple(x for x in loops if x not in inside and not set(held).isdisjoint(x.links))


def _name(members: Sequence[Loop]) -> str:
    shared = [name for name in members[0].names if all(name in m.names for m in members)]
    return ", ".join(shared) or "; ".join(m.path for m in members)
