"""Why two runs differ: the contribution of every changed lever and of every loop.

::

    answer = explain_difference(model, {}, {"tariff": 0.25, "subsidy": 4.0}, "installed", loops=loops.by_name)
    answer.levers["tariff"]             # its Shapley value; all levers sum to the difference
    answer.loops["R1"]                  # what the loop made of the response
    answer.explain()                    # one trace

**Levers** are divided by Shapley values (:mod:`.shapley`) over the runs in which each subset of them is changed.
**Loops** answer another question about the same difference: how much of it exists only because a loop passed the
change on. Each loop is cut at a link, which then keeps the path of run A (:mod:`.knockout`), and Shapley values over
the subsets of acting loops divide what the loops add to the direct effect: direct effect + loops = difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.evaluation import Link
from forkpoint.dynamics.inputs import Grid, as_array, is_timed
from forkpoint.dynamics.knockout import cut_links, run_held
from forkpoint.dynamics.loops import Loop, find_loops
from forkpoint.dynamics.shapley import EXACT, Evaluate, Shares, one_by_one, shapley_values
from forkpoint.dynamics.variables import Parameter
from forkpoint.errors import InputError, UnknownName
from forkpoint.trace import Quantity, Step

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

Output: TypeAlias = "str | Callable[[Trajectory], Any]"
"""A variable (its value at a time) or any function of a run that gives a number or an array."""

Levers: TypeAlias = Mapping[str, Any]

LOOPS_EXACT = 5
"""Number of loops up to which all subsets are run: loops are cut one run at a time, levers run together."""


@dataclass(frozen=True)
class Difference:
    """The difference of an output between two runs (B − A) and what it is made of, over the output's dimensions."""

    output: str
    unit: str
    time: float | None
    value_a: np.ndarray
    value_b: np.ndarray
    lever_shares: Shares
    loop_shares: Shares | None = None
    direct: np.ndarray | None = None
    cut_at: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)

    @property
    def total(self) -> np.ndarray:
        """B − A."""
        return np.asarray(self.value_b - self.value_a)

    @property
    def levers(self) -> dict[str, np.ndarray]:
        """Contribution of every changed lever; they sum to the difference."""
        return self.lever_shares.contribution

    @property
    def loops(self) -> dict[str, np.ndarray]:
        """Contribution of every loop asked for; with ``direct`` they sum to the difference."""
        return self.loop_shares.contribution if self.loop_shares else {}

    def explain(self) -> Step:
        """The difference in the one form of explanation, totals over the output's dimensions, largest part first."""
        total = float(np.sum(self.total))
        numbers = {"run A": self._quantity(self.value_a), "run B": self._quantity(self.value_b)}
        when = f" at {self.time:g}" if self.time is not None else ""
        parts = [self._part("levers", "Shapley values over the levers that differ", self.lever_shares)]
        if self.loop_shares is not None and self.direct is not None:
            loops = self._part(
                "loops", "each cut at a link that keeps its path of run A", self.loop_shares, self.cut_at
            )
            direct = Step("direct effect, without these loops", self._signed(float(np.sum(self.direct)), total))
            parts.append(Step(loops.name, loops.outcome, loops.detail, children=(direct, *loops.children)))
        name = f"difference of {self.output}{when}"
        return Step(name, f"{total:+.6g} {self.unit}".strip(), "run B minus run A", numbers, children=tuple(parts))

    def _part(self, name: str, how: str, shares: Shares, links: Mapping[str, tuple[Link, ...]] | None = None) -> Step:
        total = float(np.sum(self.total))
        children = []
        for cause, value in sorted(shares.contribution.items(), key=lambda p: -abs(float(np.sum(p[1])))):
            sum_, error = float(np.sum(value)), float(np.sqrt(np.sum(shares.standard_error[cause] ** 2)))
            low, high = (sum_ - 2 * error, sum_ + 2 * error) if error else (None, None)
            detail = "cut at " + ", ".join(f"{a} → {b}" for a, b in links[cause]) if links else ""
            quantity = Quantity(sum_, self.unit, low, high)
            children.append(Step(cause, self._signed(sum_, total), detail, {"contribution": quantity}))
        how += "" if shares.exact else "; sampled, ± 2 standard errors"
        outcome = children[0].name if children else "none"
        return Step(
            name, outcome, f"{how}; {shares.evaluations} runs", citation="Shapley 1953", children=tuple(children)
        )

    def _quantity(self, value: np.ndarray) -> Quantity:
        return Quantity(float(np.sum(value)), self.unit)

    def _signed(self, value: float, total: float) -> str:
        share = f" ({value / total:.0%} of the difference)" if total else ""
        return f"{value:+.6g} {self.unit}".rstrip() + share


def explain_difference(
    model: Model,
    levers_a: Levers,
    levers_b: Levers,
    output: Output,
    *,
    at: float | None = None,
    labels: Mapping[str, str] | None = None,
    loops: Mapping[str, Sequence[Loop]] | None = None,
    exact_up_to: int = EXACT,
    samples: int = 64,
    rng: np.random.Generator | int = 0,
    **options: Any,
) -> Difference:
    """Divide the difference of an output between two lever settings among the levers that differ and among ``loops``.

    ``output``: a variable, taken at time ``at`` (default the end) and at ``labels`` of its dimensions, or a function of
    a run; nothing is run beyond ``at``. ``loops``: name → the loops that it stands for (``Loops.by_name``). More than
    ``exact_up_to`` levers (five names of loops) are sampled and carry a standard error. ``options``: for ``model.run``.

    Raises UnknownName for an unknown lever or output, InputError where nothing differs, and what the runs raise.
    """
    changed = changed_levers(model, levers_a, levers_b)
    if not changed:
        raise InputError("the two lever settings do not differ")
    read = _reader(model, output, at, labels or {})
    if at is not None:
        options["stop"] = _on_grid(model, at, options)
    evaluate = _lever_runs(model, levers_a, levers_b, changed, output, read, options)
    ends = evaluate([frozenset(), frozenset(changed)])
    value_a, value_b = ends[frozenset()], ends[frozenset(changed)]
    shares = shapley_values(changed, evaluate, exact_up_to=exact_up_to, samples=samples, rng=rng)
    name = output if isinstance(output, str) else getattr(output, "__name__", "output")
    unit = model[output].unit if isinstance(output, str) else ""
    found = Difference(name, unit, at, value_a, value_b, shares)
    if not loops:
        return found
    acting, links, direct = _loop_runs(model, levers_a, levers_b, loops, read, options, value_a, value_b, samples, rng)
    return Difference(name, unit, at, value_a, value_b, shares, acting, direct, links)


def changed_levers(model: Model, levers_a: Levers, levers_b: Levers) -> list[str]:
    """Names of levers whose value differs, a lever left out having its declared value. Raises UnknownName."""
    known = {**model.parameters, **model.series}
    changed = []
    for name in dict.fromkeys([*levers_a, *levers_b]):
        if name not in known:
            raise UnknownName("parameter or series", name, known)
        ends = [levers[name] if name in levers else _declared(known[name]) for levers in (levers_a, levers_b)]
        if not _same(model, name, *ends):
            changed.append(name)
    return changed


def _declared(variable: Any) -> Any:
    return variable.value if isinstance(variable, Parameter) else variable.points


def _same(model: Model, name: str, a: Any, b: Any) -> bool:
    if a is None or b is None or is_timed(a) or is_timed(b):
        return bool(repr(a) == repr(b))
    base = getattr(model[name], "value", None)
    return bool(np.array_equal(as_array(model, model[name], a, base), as_array(model, model[name], b, base)))


def _reader(model: Model, output: Output, at: float | None, labels: Mapping[str, str]) -> Callable[[Trajectory], Any]:
    if not isinstance(output, str):
        return output
    if output not in model.stocks and output not in model.order:
        raise UnknownName("stock, flow or auxiliary", output, [*model.stocks, *model.order])
    return lambda run: run.at(output, float(run.time[-1]) if at is None else at, **labels)


def _on_grid(model: Model, at: float, options: Mapping[str, Any]) -> float:
    """The time of a step at ``at``. Raises InputError with the nearest one."""
    times = Grid.of(model, options.get("start"), options.get("stop"), options.get("step")).times
    nearest = float(times[np.argmin(np.abs(times - at))])
    if abs(nearest - at) > 1e-6 * max(1.0, abs(at)):
        raise InputError(f"the runs have no step at {at:g}; the nearest is {nearest:g}")
    return nearest


def _lever_runs(
    model: Model, levers_a: Levers, levers_b: Levers, changed: Sequence[str], output: Output,
    read: Callable[[Trajectory], Any], options: Mapping[str, Any],
) -> Evaluate:  # fmt: skip
    """Outcomes for sets of changed levers, remembered; constant levers run as one ensemble."""
    known: dict[frozenset[str], np.ndarray] = {}
    together = isinstance(output, str) and all(
        name in model.parameters and not is_timed(levers.get(name))
        for name in changed
        for levers in (levers_a, levers_b)
    )

    def mixed(subset: frozenset[str]) -> dict[str, Any]:
        taken = {n: v for n, v in levers_a.items() if n not in subset}
        return taken | {n: v for n, v in levers_b.items() if n in subset or n not in changed}

    def evaluate(sets: Iterable[frozenset[str]]) -> dict[frozenset[str], np.ndarray]:
        wanted = list(sets)
        missing = [s for s in wanted if s not in known]
        if together and len(missing) > 2:
            for start in range(0, len(missing), 256):
                known.update(_as_ensemble(model, mixed, changed, missing[start : start + 256], read, options))
        else:
            known.update(one_by_one(lambda s: read(model.run(mixed(s), **options)))(missing))
        return {s: known[s] for s in wanted}

    return evaluate


def _as_ensemble(
    model: Model, mixed: Callable[[frozenset[str]], dict[str, Any]], changed: Sequence[str],
    sets: Sequence[frozenset[str]], read: Callable[[Trajectory], Any], options: Mapping[str, Any],
) -> dict[frozenset[str], np.ndarray]:  # fmt: skip
    shared = {n: v for n, v in mixed(frozenset()).items() if n not in changed}
    draws = {}
    for name in changed:
        parameter = model.parameters[name]
        values = [as_array(model, parameter, mixed(s).get(name, parameter.value), parameter.value) for s in sets]
        draws[name] = np.stack([np.asarray(v, dtype=float) for v in values], axis=-1)
    result = np.asarray(read(model.run(shared, draws=draws, **options)))
    return {s: result[..., i] for i, s in enumerate(sets)}


def _loop_runs(
    model: Model, levers_a: Levers, levers_b: Levers, loops: Mapping[str, Sequence[Loop]],
    read: Callable[[Trajectory], Any],
    options: Mapping[str, Any], value_a: np.ndarray, value_b: np.ndarray, samples: int, rng: np.random.Generator | int,
) -> tuple[Shares, dict[str, tuple[Link, ...]], np.ndarray]:  # fmt: skip
    """Shapley values over the loops that act, the links at which the others are cut, and the effect without any."""
    reference = model.run(levers_a, **options)
    everything = find_loops(model)
    links = {name: cut_links(model, members, everything) for name, members in loops.items()}
    known: dict[frozenset[str], np.ndarray] = {frozenset(links): value_b}

    def evaluate(sets: Iterable[frozenset[str]]) -> dict[frozenset[str], np.ndarray]:
        wanted = list(sets)
        for acting in wanted:
            if acting not in known:
                cut = list(dict.fromkeys(x for name, held in links.items() if name not in acting for x in held))
                known[acting] = np.asarray(read(run_held(model, levers_b, cut, reference, **options)), dtype=float)
        return {acting: known[acting] for acting in wanted}

    shares = shapley_values(list(links), evaluate, exact_up_to=LOOPS_EXACT, samples=min(samples, 16), rng=rng)
    return shares, links, np.asarray(evaluate([frozenset()])[frozenset()] - value_a)
