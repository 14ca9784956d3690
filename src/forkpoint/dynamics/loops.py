"""Feedback loops: finding them, naming them, and saying whether the search was complete.

::

    loops = find_loops(model, names={"R1": ("adopters", "adoption"), "B1": {("price", "demand"), ("demand", "stock")}})
    loops.complete                      # True: every loop of the model is there
    scores = loop_scores(model, model.run(), loops)          # forkpoint.dynamics.loop_scores
    scores.average()                    # loop → mean relative score: which loop drove the run

A loop is an ordered cycle of variables; it passes each variable once and at least one stock. Two loops over the same
variables in different order are two loops. Loops are enumerated over variables, not over their elements: a model over
20 vendors has the loops that its author drew, and :mod:`.loop_scores` sums the elements.

Enumeration is Johnson's (1975). Large models have millions of loops; beyond the budget the search keeps all loops up to
the greatest length that fits, all named ones and, given a trajectory, those found by following the strongest links
(Eberlein & Schoenberg 2020, "Finding the loops that matter"); ``complete`` is then False and ``search`` says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.extras import load
from forkpoint.errors import ModelError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

LoopName: TypeAlias = "Sequence[str] | Collection[Link]"
"""What a name stands for: variables in the order of the loop (some may be left out), or links that it must contain."""

BUDGET = 4000
"""Loops beyond which an enumeration is cut off."""


@dataclass(frozen=True)
class Loop:
    """An ordered cycle of variables, each acting on the next and the last on the first.

    Equal for all rotations: the cycle is stored from its alphabetically first variable on. ``names`` tags it.
    """

    variables: tuple[str, ...]
    names: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        start = self.variables.index(min(self.variables))
        object.__setattr__(self, "variables", self.variables[start:] + self.variables[:start])

    def __len__(self) -> int:
        return len(self.variables)

    @property
    def links(self) -> tuple[Link, ...]:
        """Its links in order, the closing one last."""
        return tuple(zip(self.variables, self.variables[1:] + self.variables[:1], strict=True))

    @property
    def path(self) -> str:
        """The cycle in words: ``a → b → a``."""
        return " → ".join((*self.variables, self.variables[0]))

    @property
    def label(self) -> str:
        """Its names, or its path where it has none."""
        return ", ".join(self.names) or self.path

    def passes(self, order: Sequence[str]) -> bool:
        """Whether the loop meets these variables in this cyclic order, possibly with others between them."""
        if not set(order) <= set(self.variables):
            return False
        start = self.variables.index(order[0])
        places = [(self.variables.index(name) - start) % len(self) for name in order]
        return places == sorted(places)

    def is_called(self, meaning: LoopName) -> bool:
        """Whether a name with this meaning fits the loop."""
        order, links = _meaning(meaning)
        return self.passes(order) if order else links <= set(self.links)


@dataclass(frozen=True)
class Loops(Sequence[Loop]):
    """Loops of a model, the named ones first; ``complete`` says whether there are no others, ``search`` how it went."""

    found: tuple[Loop, ...]
    complete: bool
    search: str
    partitions: tuple[frozenset[str], ...]
    """Groups of variables that feed back on each other (strongly connected components), the largest first."""

    def __getitem__(self, index: Any) -> Any:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names given."""
        return tuple(dict.fromkeys(name for loop in self.found for name in loop.names))

    def named(self, name: str) -> tuple[Loop, ...]:
        """The loops that carry a name. Raises UnknownName."""
        if name not in self.names:
            raise UnknownName("loop", name, self.names)
        return self.by_name[name]

    @cached_property
    def _positions(self) -> dict[Loop, int]:
        return {loop: i for i, loop in enumerate(self.found)}

    def position(self, loop: Loop) -> int:
        """Row of a loop in results over these loops. Raises UnknownName for a loop that is not among them."""
        if loop not in self._positions:
            raise UnknownName("loop", loop.path, (x.path for x in self.found))
        return self._positions[loop]

    @cached_property
    def by_name(self) -> dict[str, tuple[Loop, ...]]:
        """Name → the loops that carry it; where no loop is named, path → loop."""
        if not self.names:
            return {loop.path: (loop,) for loop in self.found}
        found: dict[str, list[Loop]] = {name: [] for name in self.names}
        for loop in self.found:
            for name in loop.names:
                found[name].append(loop)
        return {name: tuple(members) for name, members in found.items()}

    def partition(self, loop: Loop) -> int:
        """Index of the group that a loop belongs to."""
        return next(i for i, group in enumerate(self.partitions) if loop.variables[0] in group)

    @cached_property
    def alone(self) -> frozenset[Loop]:
        """Loops without a competitor in their group: their relative score is one by construction, whatever they do."""
        groups: dict[int, list[Loop]] = {}
        for loop in self.found:
            groups.setdefault(self.partition(loop), []).append(loop)
        return frozenset(members[0] for members in groups.values() if len(members) == 1)


def find_loops(
    model: Model,
    names: Mapping[str, LoopName] | None = None,
    *,
    trajectory: Trajectory | None = None,
    budget: int = BUDGET,
) -> Loops:
    """All feedback loops of a model, or the best ``budget`` allows; see the module's text.

    ``names``: name → the ordered cycle (variables may be left out where the order is clear) or a set of links
    ``(input, variable)`` that the loop must contain. Several loops may carry one name, and one loop several names.
    ``trajectory``: a run that guides the search where the budget is exceeded.
    Raises ModelError for a name that no loop of the model fits, UnknownName for an unknown variable in it,
    MissingExtra without networkx.
    """
    nx = load("networkx")
    graph = nx.DiGraph()
    endogenous = {*model.stocks, *model.order}
    # Sorted, so that what a cut-off search finds does not depend on the order of declaration.
    graph.add_edges_from(sorted(link for link in model.links() if link[0] in endogenous))
    groups = [frozenset(g) for g in nx.strongly_connected_components(graph) if len(g) > 1]
    groups.sort(key=lambda g: (-len(g), min(g)))
    core = graph.subgraph(set().union(*groups))
    found = [Loop(tuple(c)) for c in islice(nx.simple_cycles(core), budget + 1)]
    complete = len(found) <= budget
    search = f"all {len(found)} loops of the model enumerated"
    if not complete:
        found, search = _bounded(nx, core, budget)
        if trajectory is not None:
            from forkpoint.dynamics.strongest_paths import strongest_loops

            strong = strongest_loops(model, trajectory)
            search += f"; {len(set(strong) - set(found))} longer loops found by following the strongest links"
            found = list(dict.fromkeys([*found, *strong]))
    tagged = _tag(nx, core, endogenous, list(found), names or {}, complete, budget)
    tagged.sort(key=lambda loop: (not loop.names, len(loop), loop.variables))
    return Loops(tuple(tagged), complete, search, tuple(groups))


def _bounded(nx: Any, core: Any, budget: int) -> tuple[list[Loop], str]:
    """All loops up to the greatest length that the budget allows, found by bisection."""
    kept: list[Loop] = []
    fits, too_long = 1, len(core)
    while too_long - fits > 1:
        bound = (fits + too_long) // 2
        found = [Loop(tuple(c)) for c in islice(nx.simple_cycles(core, length_bound=bound), budget + 1)]
        if len(found) > budget:
            too_long = bound
        else:
            kept, fits = found, bound
    return kept, f"more than {budget} loops: all {len(kept)} of up to {fits} variables enumerated, not the longer ones"


def _meaning(meaning: LoopName) -> tuple[tuple[str, ...], frozenset[Link]]:
    """Either an ordered cycle or a set of links out of what a name stands for."""
    if isinstance(meaning, str):
        raise ModelError(f"a loop's name stands for a sequence of variables or a set of links, not for '{meaning}'")
    members = list(meaning)
    if members and all(isinstance(m, str) for m in members) and isinstance(meaning, Sequence):
        return tuple(str(m) for m in members), frozenset()
    if members and all(isinstance(m, tuple) and len(m) == 2 for m in members):
        return (), frozenset((str(a), str(b)) for a, b in members)
    raise ModelError(
        f"a loop's name stands for a sequence of variables or a set of links (input, variable), not {meaning!r}"
    )


def _tag(
    nx: Any,
    core: Any,
    endogenous: Iterable[str],
    found: list[Loop],
    names: Mapping[str, LoopName],
    complete: bool,
    budget: int,
) -> list[Loop]:
    tags: dict[Loop, list[str]] = {loop: [] for loop in found}
    for name, meaning in names.items():
        order, links = _meaning(meaning)
        _check_name(core, set(endogenous), name, order, links)
        fitting = [loop for loop in tags if loop.is_called(meaning)]
        if not complete:
            # The search was cut off, so look for this name alone.
            extra = _through(nx, core, links, budget // 4) if links else _threaded(nx, core, order)
            fitting = list(dict.fromkeys([*fitting, *extra]))
        if not fitting:
            raise ModelError(f"loop '{name}': {_why_not(nx, core, order, links, complete)}")
        exact = [loop for loop in fitting if set(loop.variables) == set(order)]
        for loop in exact or fitting:
            tags.setdefault(loop, []).append(name)
    return [replace(loop, names=tuple(given)) for loop, given in tags.items()]


def _check_name(
    core: Any, endogenous: set[str], name: str, order: tuple[str, ...], links: frozenset[Link]
) -> None:  # fmt: skip
    for variable in [*order, *(end for link in sorted(links) for end in link)]:
        if variable not in endogenous:
            raise UnknownName("stock, flow or auxiliary", variable, endogenous, where=f"loop '{name}'")
        if variable not in core:
            raise ModelError(f"loop '{name}': '{variable}' lies on no feedback loop of the model")
    for source, target in sorted(links):
        if not core.has_edge(source, target):
            raise ModelError(
                f"loop '{name}': '{source}' is no input of '{target}' in the model, or lies on no loop with it"
            )


def _through(nx: Any, core: Any, links: frozenset[Link], budget: int) -> list[Loop]:
    """Loops that contain all of ``links``: other ways out of their sources and into their targets are closed."""
    narrowed = core.copy()
    for source, target in links:
        narrowed.remove_edges_from([(source, x) for x in core.successors(source) if x != target])
        narrowed.remove_edges_from([(x, target) for x in core.predecessors(target) if x != source])
    start = min(links)[0]
    around = nx.descendants(narrowed, start) & nx.ancestors(narrowed, start) | {start}
    cycles = islice(nx.simple_cycles(narrowed.subgraph(around)), budget)
    return [loop for loop in map(Loop, map(tuple, cycles)) if links <= set(loop.links)]


def _threaded(nx: Any, core: Any, order: tuple[str, ...]) -> list[Loop]:
    """The loop that joins variables in this order by shortest paths that cross nothing used before, if there is one."""
    cycle = [order[0]]
    for name in (*order[1:], order[0]):
        closed = (set(order) | set(cycle)) - {cycle[-1], name}
        try:
            cycle += nx.shortest_path(core.subgraph(set(core) - closed), cycle[-1], name)[1:]
        except nx.NetworkXNoPath:
            return []
    return [Loop(tuple(cycle[:-1]))] if len(cycle) > 2 else []


def _why_not(nx: Any, core: Any, order: tuple[str, ...], links: frozenset[Link], complete: bool) -> str:
    wanted = list(order) or [link[0] for link in sorted(links)]
    for source, target in zip(wanted, wanted[1:] + wanted[:1], strict=True):
        if source != target and not nx.has_path(core, source, target):
            return f"'{source}' does not lead to '{target}'"
    shown = " → ".join(order) if order else ", ".join(f"{a} → {b}" for a, b in sorted(links))
    if complete:
        return f"no loop of the model passes {shown} without meeting a variable twice"
    return f"none found that passes {shown}; the search was cut off, so name every variable of the loop in order"
