"""Quantiles of many draws, exact and in bounded memory, from blocks of (time, draw).

Up to a million draws are gathered and partly sorted. More are read twice: a float's bits, put in order, are a 32-bit
whole number; the first pass counts its upper half and so finds the bin of every wanted rank, the second counts the
lower half within those bins (radix selection). Both give the order statistics themselves, interpolated between
neighbours (Hyndman & Fan 1996, type 7; NumPy's default).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError

Array: TypeAlias = NDArray[Any]
Blocks: TypeAlias = Callable[[], Iterable[Array]]
"""Gives the blocks (time, draw) anew at every call."""
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The median and the ends of the 50 % and 90 % ranges."""
GATHERED = 1_100_000
"""Draws whose values at all times are held at once."""
MANY = 100_000
"""Draws from which sorting only the values near a quantile beats a partition."""
SLAB = 1 << 17
"""Draws that are counted together."""
_NONE_LEFT = "no draw is left: every one left the region where the model's equations mean something"
_HALF = 1 << 16
_NAN = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Ranges:
    """Quantiles over time: ``values`` is (probability, time). ``count``: draws behind them; failed ones are out."""

    time: NDArray[np.float64]
    probabilities: tuple[float, ...]
    values: NDArray[np.float64]
    count: int
    p_above: NDArray[np.float64] | None = None
    p_below: NDArray[np.float64] | None = None

    def at(self, time: float) -> NDArray[np.float64]:
        """Quantiles at a time. Raises InputError where the ensemble has no such time."""
        return np.asarray(self.values[:, self._row(time)])

    def median(self) -> NDArray[np.float64]:
        """The median over time. Raises InputError where it was not asked for."""
        return self.quantile(0.5)

    def quantile(self, probability: float) -> NDArray[np.float64]:
        """One quantile over time. Raises InputError where it was not asked for."""
        if probability not in self.probabilities:
            known = ", ".join(f"{p:g}" for p in self.probabilities)
            raise InputError(f"the quantile {probability:g} was not asked for; these were: {known}")
        return np.asarray(self.values[self.probabilities.index(probability)])

    def sign(self, time: float) -> tuple[float, float]:
        """Probabilities of a value above and below zero at a time (the rest is exactly zero)."""
        if self.p_above is None or self.p_below is None:
            raise InputError("probabilities of a sign are of differences between scenarios")
        row = self._row(time)
        return float(self.p_above[row]), float(self.p_below[row])

    def _row(self, time: float) -> int:
        row = int(np.argmin(np.abs(self.time - time)))
        if abs(self.time[row] - time) > 1e-6:
            raise InputError(f"the ensemble has no time {time:g}; the nearest is {self.time[row]:g}")
        return row


def ranges(
    time: NDArray[np.float64], blocks: Blocks, probabilities: Sequence[float] = PROBABILITIES, *, sign: bool = False
) -> Ranges:
    """Quantiles (and with ``sign`` the probabilities of either sign) of draws given block by block.

    Raises InputError for a probability outside 0 … 1 or where no draw is left.
    """
    chosen = tuple(float(p) for p in probabilities)
    for p in chosen:
        if not 0 <= p <= 1:
            raise InputError(f"a probability is from 0 to 1, not {p:g}")
    gathered, many, seen = [], _slabs(blocks), 0
    for slab in many:
        gathered.append(slab)
        seen += slab.shape[1]
        if seen > GATHERED:
            gathered.clear()
            return _counted(time, blocks, chosen, sign)
    values = np.concatenate(gathered, axis=1)
    return _sorted(time, values, chosen, sign)


def _sorted(time: NDArray[np.float64], values: Array, chosen: tuple[float, ...], sign: bool) -> Ranges:
    """Quantiles from all draws at once."""
    found, counts = np.empty((len(chosen), len(time))), np.empty(len(time), dtype=np.int64)
    above, below = np.zeros(len(time)), np.zeros(len(time))
    for row, every in enumerate(values):
        kept = every[~np.isnan(every)]
        counts[row] = len(kept)
        if not len(kept):
            raise InputError(_NONE_LEFT)
        above[row], below[row] = np.mean(kept > 0), np.mean(kept < 0)
        at = np.asarray(chosen) * (len(kept) - 1)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, len(kept) - 1)
        first, second = _ranked(kept, np.concatenate([low, high])).reshape(2, -1).astype(float)
        found[:, row] = first + (second - first) * (at - low)
    return Ranges(time, chosen, found, int(counts[0]), *((above, below) if sign else (None, None)))


def _ranked(values: Array, ranks: NDArray[np.int64]) -> Array:
    """The values at ``ranks`` if they were sorted; no NaN among them. Of many float32 only those are sorted whose upper
    half of bits a wanted value has: a third of the time of a partition."""
    if len(values) < MANY or values.dtype != np.float32:
        values.partition(np.unique(ranks))
        return values[ranks]
    keys = _keys(values)
    upper = (keys >> 16).astype(np.uint16)
    total = np.cumsum(np.bincount(upper, minlength=_HALF))
    bins = np.searchsorted(total, ranks, side="right")
    wanted = np.zeros(_HALF, dtype=bool)
    wanted[bins] = True
    picked = np.sort(keys[wanted[upper]])
    size = np.diff(total, prepend=0)
    before = np.cumsum(np.where(wanted, 0, size))  # values in the bins below that were not picked
    return np.array([_number(int(key)) for key in picked[ranks - before[bins]]], dtype=np.float32)


def _counted(time: NDArray[np.float64], blocks: Blocks, chosen: tuple[float, ...], sign: bool) -> Ranges:
    """Quantiles from two passes over the blocks."""
    upper = np.zeros((len(time), _HALF), dtype=np.int64)
    above, below = np.zeros(len(time), dtype=np.int64), np.zeros(len(time), dtype=np.int64)
    for block in _slabs(blocks):
        keys = _keys(block)
        for row in range(len(time)):
            upper[row] += np.bincount(keys[row] >> 16, minlength=_HALF)
        if sign:
            above += (block > 0).sum(axis=1)
            below += (block < 0).sum(axis=1)
    counts = upper[:, :-1].sum(axis=1)
    if not counts.all():
        raise InputError(_NONE_LEFT)
    values = _select(blocks, upper, counts, chosen)
    return Ranges(time, chosen, values, int(counts[0]), *((above / counts, below / counts) if sign else (None, None)))


def _slabs(blocks: Blocks) -> Iterator[Array]:
    """The blocks as float32, put together into larger ones."""
    held: list[Array] = []
    for block in blocks():
        held.append(np.asarray(block, dtype=np.float32))
        if sum(b.shape[1] for b in held) >= SLAB:
            yield np.concatenate(held, axis=1)
            held = []
    if held:
        yield np.concatenate(held, axis=1)


def _select(blocks: Blocks, upper: Array, counts: Array, chosen: Sequence[float]) -> NDArray[np.float64]:
    """The values at the ranks that surround each probability, interpolated."""
    times = len(counts)
    at = np.asarray(chosen)[:, None] * (counts - 1)
    low = np.floor(at).astype(np.int64)
    ranks = np.concatenate([low, np.minimum(low + 1, counts - 1)])
    total = np.cumsum(upper, axis=1)
    bins = np.stack([np.searchsorted(total[row], ranks[:, row], side="right") for row in range(times)], axis=1)
    rest = ranks - np.where(bins > 0, np.take_along_axis(total, np.maximum(bins - 1, 0).T, axis=1).T, 0)
    wanted = [np.unique(bins[:, row]) for row in range(times)]
    lower = [np.zeros((len(w), _HALF), dtype=np.int64) for w in wanted]
    for block in _slabs(blocks):
        keys = _keys(block)
        for row in range(times):
            high = keys[row] >> 16
            for place, one in enumerate(wanted[row]):
                inside = keys[row][high == one] & np.uint32(_HALF - 1)
                if inside.size:
                    lower[row][place] += np.bincount(inside, minlength=_HALF)
    found = np.empty(ranks.shape)
    for row in range(times):
        sums = np.cumsum(lower[row], axis=1)
        for rank in range(len(ranks)):
            place = int(np.searchsorted(wanted[row], bins[rank, row]))
            tail = int(np.searchsorted(sums[place], rest[rank, row], side="right"))
            found[rank, row] = _number(int(bins[rank, row]) << 16 | tail)
    first, second = found[: len(chosen)], found[len(chosen) :]
    return np.asarray(first + (second - first) * (at - low))


def _keys(block: Array) -> NDArray[np.uint32]:
    """Whole numbers in the order of the floats; NaN comes last."""
    values = np.ascontiguousarray(block, dtype=np.float32)
    negative = values.view(np.int32) >> 31  # all ones or all zeros
    keys = values.view(np.uint32) ^ (negative.view(np.uint32) | np.uint32(1 << 31))
    keys[np.isnan(values)] = _NAN
    return keys


def _number(key: int) -> float:
    bits = np.uint32(key & 0x7FFFFFFF if key >> 31 else ~key & 0xFFFFFFFF)
    return float(np.array([bits]).view(np.float32)[0])
