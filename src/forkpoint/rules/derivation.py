"""The best chip that the law allows: cut compute, links or memory bandwidth until no licence is needed.

The base chip's silicon stays as it is (its die area too, so performance density falls only with compute). Less of
anything never makes a chip more controlled, so for given links and memory the most compute allowed is found by
bisection, and the allowed variants form a frontier. The law is the same clauses that ``check`` uses, reforms included.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.errors import InputError, UnknownName
from forkpoint.files import read_yaml
from forkpoint.rules.clauses import Law, law
from forkpoint.rules.items import Item, find_items, own_item
from forkpoint.rules.predicate import Fact, Number
from forkpoint.rules.question import Question, ask
from forkpoint.rules.screen import Screen

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
FOLDER = Path(__file__).parent
AXES = ("compute", "memory", "links")
"""What a cut-down variant cuts: peak rates (all together), DRAM bandwidth, fabric bandwidth."""
LEVELS = 25
"""Levels of memory, and of links, from which the frontier is sought."""
BISECTIONS = 40
"""Halvings of a share on its way to the law's line: it is found to 2⁻⁴⁰."""


@dataclass(frozen=True)
class Variant:
    """A variant as shares of the base chip, with its figures and its worth relative to the base chip."""

    compute: float
    memory: float
    links: float
    tpp: float
    performance_density: float | None
    dram_bw_gbs: float | None
    link_bw_gbs: float | None
    value: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Derivation:
    """The frontier of variants that need no licence, the best of them, and the clauses that bind it."""

    base: str
    name: str
    to: str
    on: dt.date
    value_function: str
    base_allowed: bool
    best: Variant | None
    frontier: tuple[Variant, ...]
    binding: tuple[dict[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "base": self.base,
            "name": self.name,
            "to": self.to,
            "on": self.on.isoformat(),
            "value_function": self.value_function,
            "base_allowed": self.base_allowed,
            "best": self.best.to_dict() if self.best else None,
            "frontier": [v.to_dict() for v in self.frontier],
            "binding": list(self.binding),
        }


def derive(
    chip: str | Item | Mapping[str, object],
    *,
    value: str = "training",
    memory_up_to: float | None = None,
    link_step_gbs: float | None = None,
    question: Question | None = None,
    law_of: Law | None = None,
    segment: str | None = None,
    **words: Any,
) -> Derivation:
    """The frontier of allowed variants of a base chip and the best one for a value function.

    ``memory_up_to`` (GB/s) lets the variant carry faster memory than its base; ``link_step_gbs`` is the bandwidth of
    one link of a fabric that can only lose whole links. Further words are those of ``check``.
    Raises InputError where the base chip's compute is unknown or a link is none of its own, UnknownName for a value
    function that is not there.
    """
    asked = question if question is not None else ask(**words)
    base = _base(chip, segment)
    weights = _weights(value)
    screen = Screen.of(asked, law_of or law())
    top = _top(base, memory_up_to)
    _check_link(base, link_step_gbs)

    def allowed(shares: Floats) -> Bools:
        return ~screen(_facts(base, shares), len(shares))

    whole = np.array([top])
    if allowed(whole)[0]:
        best = _variant(base, whole[0], weights)
        return Derivation(base.id, base.name, asked.to, asked.on, value, True, best, (best,), ())
    shares = _whole_links(_frontier(allowed, top), base, link_step_gbs)
    variants = sorted((_variant(base, s, weights) for s in shares), key=lambda v: -v.value)
    best_one = variants[0] if variants else None
    binding = _binding(base, best_one, top, screen, link_step_gbs) if best_one else ()
    return Derivation(base.id, base.name, asked.to, asked.on, value, False, best_one, tuple(variants), binding)


def _base(chip: str | Item | Mapping[str, object], segment: str | None) -> Item:
    if isinstance(chip, Item):
        base = chip
    elif isinstance(chip, Mapping):
        base = own_item(chip, "specs", segment)
    else:
        base = find_items(chip, "", segment)[0]
    tpp = base.facts["tpp"]
    assert isinstance(tpp, Number)
    if not np.isfinite(tpp.high):
        raise InputError(f"{base.name}: no peak rate is known, so nothing can be derived from it")
    return base


def _weights(value: str) -> Floats:
    functions = read_yaml(FOLDER / "value_functions.yaml")
    if value not in functions:
        raise UnknownName("value function", value, functions)
    return np.array([float(functions[value][axis]["value"]) for axis in AXES])


def _top(base: Item, memory_up_to: float | None) -> Floats:
    own = base.figures.get("mem_bw_gbs")
    if memory_up_to is not None and (not own or not np.isfinite(memory_up_to) or memory_up_to <= 0):
        raise InputError(f"{base.name}: memory up to {memory_up_to} GB/s is no upgrade of a known memory bandwidth")
    return np.array([1.0, memory_up_to / float(own) if memory_up_to and own else 1.0, 1.0])


def _check_link(base: Item, step_gbs: float | None) -> None:
    """Raises InputError where one link is said to be nothing, or more than the base chip has."""
    if step_gbs is None:
        return
    fabric = _fabric(base)
    if not fabric:
        raise InputError(f"a link of {step_gbs:g} GB/s: {base.name} has no known fabric that could lose whole links")
    if not 0 < step_gbs <= fabric:
        raise InputError(f"a link of {step_gbs:g} GB/s: say more than 0 and at most the {fabric:g} GB/s of {base.name}")


def _facts(base: Item, shares: Floats) -> dict[str, Fact]:
    """Facts of many variants: rates, memory and fabric scaled; everything else the base chip's."""
    compute, memory, links = shares.T
    facts = dict(base.facts)
    for name, by in (("tpp", compute), ("performance_density", compute), ("dram_bw_gbs", memory)):
        fact = facts[name]
        assert isinstance(fact, Number)
        facts[name] = Number(fact.low * by, fact.high * by)
    fabric = _fabric(base)
    for name in ("interconnect_bw_gbs", "aggregate_io_gbs"):
        fact = facts[name]
        assert isinstance(fact, Number)
        facts[name] = Number(fact.low - fabric * (1 - links), fact.high - fabric * (1 - links))
    return facts


def _fabric(base: Item) -> float:
    """Bandwidth that a variant may cut: the chip's own links; the bus stays."""
    if str(base.figures.get("link_name") or "").endswith("only"):
        return 0.0
    return float(base.figures.get("link_bw_gbs") or 0.0)


def _frontier(allowed: Callable[[Floats], Bools], top: Floats) -> Floats:
    """Maximal allowed variants: bisect compute at a grid of memory and links, push each outward, drop the dominated."""
    grid = np.linspace(0.0, 1.0, LEVELS)
    memory, links = (a.ravel() for a in np.meshgrid(grid * top[1], grid * top[2]))
    shares = np.column_stack([np.zeros_like(memory), memory, links])
    shares = shares[allowed(shares)]
    for axis in (0, 2, 1):
        shares = _push(allowed, shares, axis, top)
    return _maximal(shares)


def _whole_links(shares: Floats, base: Item, step_gbs: float | None) -> Floats:
    """The frontier of variants whose fabric keeps whole links only."""
    if step_gbs is None:
        return shares
    fabric = _fabric(base)
    kept = shares.copy()
    kept[:, 2] = np.floor(shares[:, 2] * fabric / step_gbs + 1e-6) * step_gbs / fabric
    return _maximal(kept)


def _push(allowed: Callable[[Floats], Bools], shares: Floats, axis: int, top: Floats) -> Floats:
    """Raise one share of every variant as far as the law allows."""
    low, high = shares[:, axis].copy(), np.full(len(shares), top[axis])
    for step in range(BISECTIONS):
        tried = shares.copy()
        tried[:, axis] = high if step == 0 else (low + high) / 2
        fine = allowed(tried)
        low = np.where(fine, tried[:, axis], low)
        high = np.where(fine, high, tried[:, axis])
    pushed = shares.copy()
    pushed[:, axis] = low
    return pushed


def _maximal(shares: Floats) -> Floats:
    # Rounded down: a variant stands below its line, never on it.
    rounded = np.unique(np.floor(shares * 1e9) / 1e9, axis=0)
    as_good = np.all(rounded[None, :, :] >= rounded[:, None, :] - 1e-6, axis=2)
    better = np.any(rounded[None, :, :] > rounded[:, None, :] + 1e-6, axis=2)
    return np.asarray(rounded[~np.any(as_good & better, axis=1)], dtype=float)


def _variant(base: Item, shares: Floats, weights: Floats) -> Variant:
    figures = figures_of(base)
    compute, memory, links = (float(s) for s in shares)
    density = base.facts["performance_density"]
    assert isinstance(density, Number)
    known = np.isfinite(density.low) and density.low == density.high
    fabric = _fabric(base)
    powers = np.where(weights > 0, np.maximum(shares, 1e-12) ** weights, 1.0)
    return Variant(
        compute,
        memory,
        links,
        tpp=figures["tpp"] * compute,
        performance_density=float(density.high) * compute if known else None,
        dram_bw_gbs=figures["dram_bw_gbs"] * memory if figures["dram_bw_gbs"] else None,
        link_bw_gbs=fabric * links if fabric else figures["link_bw_gbs"],
        value=float(np.prod(powers)),
    )


def _binding(
    base: Item, best: Variant, top: Floats, screen: Screen, link_step_gbs: float | None
) -> tuple[dict[str, str], ...]:
    """The clauses that each further step (one more link, a little more of the rest) would meet."""
    link = link_step_gbs / _fabric(base) if link_step_gbs and _fabric(base) else 0.0
    own = np.array([best.compute, best.memory, best.links])
    found: dict[str, dict[str, str]] = {}
    for axis, name in enumerate(AXES):
        if own[axis] >= top[axis] - 1e-9:
            continue
        beyond = own.copy()
        beyond[axis] = min(own[axis] + (link if axis == 2 and link else 1e-4), top[axis])
        facts = {
            k: Number(float(np.ravel(f.low)[0]), float(np.ravel(f.high)[0])) if isinstance(f, Number) else f
            for k, f in _facts(base, beyond[None, :]).items()
        }
        for clause in screen.deciding(facts):
            if clause.when.names & {
                "tpp",
                "performance_density",
                "dram_bw_gbs",
                "interconnect_bw_gbs",
                "aggregate_io_gbs",
            }:
                found.setdefault(
                    clause.id, {"cut": name, "clause": clause.title, "citation": clause.cite, "grade": clause.grade}
                )
    return tuple(found.values())


def figures_of(item: Item) -> dict[str, Any]:
    """The three figures that a variant is compared by: TPP, DRAM bandwidth, fabric bandwidth; None where unknown."""
    tpp, dram = item.facts["tpp"], item.facts["dram_bw_gbs"]
    assert isinstance(tpp, Number)
    assert isinstance(dram, Number)
    link = item.figures.get("link_bw_gbs")
    return {
        "tpp": float(tpp.high) if np.isfinite(tpp.high) else None,
        "dram_bw_gbs": float(dram.high) if np.isfinite(dram.high) else None,
        "link_bw_gbs": float(link) if link else None,
    }
