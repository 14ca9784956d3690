"""Products of link weights round loops, summed over all element loops that close after one turn.

For scalars this is a plain product. For arrays it is the trace of a product of matrices, one a link, contracted
dimension by dimension so that links which act label by label cost no more than a multiplication. Loops that begin alike
share the work on their common beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.link_gains import LinkGain


@dataclass(frozen=True)
class _Beginning:
    """The product over the first links of a loop: its array, the number of each axis, and the axes where it stands."""

    product: np.ndarray
    axes: tuple[int, ...]
    current: Mapping[str, int]


def round_loops(weights: Mapping[Link, LinkGain], loops: Sequence[Sequence[Link]]) -> np.ndarray:
    """One row a loop, one column a step: the sum over element loops of the product of weights."""
    if not loops:
        return np.zeros((0, 0))
    size = {name: np.prod(link.values.shape[1 : 1 + len(link.target_dims)]) for (_, name), link in weights.items()}
    turned = [_turned(links, size) for links in loops]
    result = np.empty((len(loops), next(iter(weights.values())).values.shape[0]))
    known: list[tuple[Link, _Beginning]] = []
    for i in sorted(range(len(loops)), key=lambda i: turned[i]):
        links = turned[i]
        if all(weights[link].values.ndim == 1 for link in links):
            result[i] = np.prod([weights[link].values for link in links], axis=0)
            continue
        same = 0
        while same < min(len(known), len(links) - 1) and known[same][0] == links[same]:
            same += 1
        del known[same:]
        for link in links[same:-1]:
            known.append((link, _extend(known[-1][1] if known else None, weights[link], len(known))))
        result[i] = _close(known[-1][1], weights[links[-1]], _first_axes(weights[links[0]]))
    return result


def _turned(links: Sequence[Link], size: Mapping[str, Any]) -> tuple[Link, ...]:
    """The loop from its smallest variable on: the arrays carried round it then stay small."""
    start = min(range(len(links)), key=lambda k: (size[links[k][0]], links[k][0]))
    return (*links[start:], *links[:start])


def _first_axes(link: LinkGain) -> dict[str, int]:
    return {dim: 1 + k for k, dim in enumerate(link.source_dims)}


def _extend(before: _Beginning | None, link: LinkGain, position: int) -> _Beginning:
    """One link further. Axis 0 is the step; each dimension of each variable met has its own number."""
    first = _first_axes(link) if before is None else None
    current = before.current if before else first or {}
    fresh = 100 * (position + 1)
    target = {d: current[d] if d in link.shared else fresh + k for k, d in enumerate(link.target_dims)}
    own = (0, *target.values(), *(current[d] for d in link.mixed))
    if before is None:
        # Shared axes are start and present at once; the start keeps its numbers, so nothing is summed yet.
        return _Beginning(link.values, own, target)
    start = [a for a in before.axes if 0 < a < 100]
    kept = tuple(dict.fromkeys((0, *start, *target.values())))
    return _Beginning(_einsum([before.product, before.axes, link.values, own], kept), kept, target)


def _close(before: _Beginning, link: LinkGain, first: Mapping[str, int]) -> np.ndarray:
    """The last link leads to the first variable, label by label."""
    target = {d: before.current[d] if d in link.shared else -1 - k for k, d in enumerate(link.target_dims)}
    own = [0, *target.values(), *(before.current[d] for d in link.mixed)]
    closing = {axis: first[d] for d, axis in target.items()}
    axes = [closing.get(a, a) for a in before.axes]
    return _einsum([before.product, axes, link.values, [closing.get(a, a) for a in own]], (0,))


def _einsum(operands: list[Any], kept: Sequence[int]) -> np.ndarray:
    """numpy.einsum over small axis numbers (it takes only 52 of them)."""
    small: dict[int, int] = {}
    arrays = [
        [small.setdefault(a, len(small)) for a in operand] if position % 2 else operand
        for position, operand in enumerate(operands)
    ]
    return np.asarray(np.einsum(*arrays, [small[a] for a in kept]))
