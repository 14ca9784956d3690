"""Link gains: how much a variable reacts to one of its inputs, along a trajectory, element by element.

The gain of the link x → z over a step from t−1 to t is ∂z/∂x, taken where x is halfway through its change and all
other inputs still have their values of t−1. To third order in the step this is the *partial change* of z due to x over
the change of x that Schoenberg, Davidsen & Eberlein (2020, "Understanding model behavior using the Loops that Matter
method", System Dynamics Review 36(2), eq. 1) define, exactly so where the equation is at most quadratic in x, and it
stays defined where x is at rest.

Derivatives are exact, by automatic differentiation: of dual numbers on NumPy (``engine="dual"``: nothing to import or
to compile) or of JAX (``engine="jax"``: slower here, for compiling). ``engine="difference"`` takes central differences,
an independent check that loses its digits where a small input stands beside a large one.

Array equations are differentiated without building full Jacobians: most links act label by label along the dimensions
that both ends share, so one seed per remaining label is enough (Curtis, Powell & Reid 1974). That a link does act label
by label is verified on a random direction at every step, never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from forkpoint.dynamics import dual
from forkpoint.dynamics.evaluation import Link, Values
from forkpoint.dynamics.variables import RESERVED, Stock
from forkpoint.errors import InputError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model
    from forkpoint.dynamics.trajectory import Trajectory

Differentiation: TypeAlias = Literal["dual", "jax", "difference"]

AGREEMENT = 1e-6
"""Largest relative difference, on a random direction, at which a link counts as acting label by label."""

RELATIVE_STEP = 6e-6
"""Step of the central difference relative to the input: the cube root of the rounding unit."""


@dataclass(frozen=True)
class LinkGain:
    """∂target/∂source at every step: ``values`` is (step, target's dimensions, source's dimensions not in ``shared``).

    Along a dimension in ``shared`` the link acts label by label, so that only equal labels are connected.
    """

    source: str
    target: str
    source_dims: tuple[str, ...]
    target_dims: tuple[str, ...]
    shared: tuple[str, ...]
    values: np.ndarray

    @property
    def mixed(self) -> tuple[str, ...]:
        """The source's dimensions along which every label can act on every element of the target."""
        return tuple(d for d in self.source_dims if d not in self.shared)

    @property
    def own_label(self) -> np.ndarray:
        """Effect of each label on its own label, summed: (step,). For a link whose ends share no dimension, all of it.

        The polarity of a link such as that from utilities to shares of a market, whose effects over all labels cancel.
        """
        letters = {d: 1 + i for i, d in enumerate(self.target_dims)}
        own = {d: letters.get(d, 100 + i) for i, d in enumerate(self.source_dims)}
        numbers: dict[int, int] = {}
        axes = [0, *letters.values(), *(own[d] for d in self.mixed)]
        return np.asarray(np.einsum(self.values, [numbers.setdefault(a, len(numbers)) for a in axes], [0]))

    def times(self, factor: np.ndarray) -> LinkGain:
        """The same link, each element of the target weighted by ``factor`` (step, target's dimensions)."""
        wide = factor.reshape(factor.shape + (1,) * len(self.mixed))
        return LinkGain(self.source, self.target, self.source_dims, self.target_dims, self.shared, self.values * wide)

    def partial_change(self, change: np.ndarray) -> np.ndarray:
        """The part of the target's change due to each mixed label of the source: gain × change of the source.

        ``change`` is (step, source's dimensions); the result has the shape of ``values``.
        """
        mixed = self.mixed
        axes = [0, *(1 + self.source_dims.index(d) for d in (*self.shared, *mixed))]
        moved = np.transpose(change, axes)
        shape = [change.shape[0]]
        shape += [moved.shape[1 + self.shared.index(d)] if d in self.shared else 1 for d in self.target_dims]
        # Shared dimensions occur in the model's order in both ends, so a reshape lays them into the target's axes.
        return np.asarray(self.values * moved.reshape(*shape, *moved.shape[1 + len(self.shared) :]))


@dataclass(frozen=True)
class Path:
    """All values of a model along a trajectory, as arrays (dimensions, time), ready for its equations."""

    model: Model
    time: np.ndarray
    values: Mapping[str, np.ndarray]

    @property
    def steps(self) -> int:
        """Number of steps: one less than the number of times."""
        return len(self.time) - 1

    def before(self, name: str) -> np.ndarray:
        """Values at the beginning of each step."""
        value = self.values[name]
        return value if value.shape[-1] == 1 else value[..., :-1]

    def middle(self, name: str) -> np.ndarray:
        """Values halfway through each step."""
        value = self.values[name]
        return value if value.shape[-1] == 1 else 0.5 * (value[..., :-1] + value[..., 1:])

    def change(self, name: str) -> np.ndarray:
        """Changes over each step, (step, dimensions)."""
        return np.moveaxis(np.diff(self.values[name], axis=-1), -1, 0)


def along(model: Model, trajectory: Trajectory | Path) -> Path:
    """The values of all variables, parameters and series along a run that kept every step and every variable.

    A path is given back as it is. Raises InputError for an ensemble, a run of fewer than three times, or one that kept
    only some variables.
    """
    from forkpoint.dynamics.inputs import Grid, gather

    if isinstance(trajectory, Path):
        return trajectory
    if trajectory.draws is not None:
        raise InputError("loops are analysed in a single run; this one is an ensemble: run one draw as levers")
    if len(trajectory.time) < 3:
        raise InputError(f"loops need a run of at least three saved times, this one has {len(trajectory.time)}")
    kept = set(trajectory)
    missing = [n for n in (*model.stocks, *model.order) if n not in kept]
    if missing:
        raise InputError(
            f"loops need all variables of a run, this one lacks {', '.join(missing[:5])}; leave outputs= out"
        )
    time = np.asarray(trajectory.time, dtype=float)
    grid = Grid(float(time[0]), float(time[1] - time[0]), len(time) - 1)
    inputs = gather(model, grid, trajectory.levers, None)
    values: Values = {name: np.asarray(value)[..., None] for name, value in inputs.fixed.items()}
    values |= {name: np.moveaxis(np.asarray(value)[:, 0], 0, -1) for name, value in inputs.varying.items()}
    values |= {n: np.moveaxis(np.asarray(trajectory[n], dtype=float), 0, -1) for n in (*model.stocks, *model.order)}
    values |= {"time": time, "time_step": np.full(1, grid.step)}
    return Path(model, time, values)


def link_gains(
    model: Model,
    trajectory: Trajectory | Path,
    links: Iterable[Link] | None = None,
    *,
    engine: Differentiation = "dual",
) -> dict[Link, LinkGain]:
    """Gains of ``links`` (default: all between stocks, flows and auxiliaries) along a run; see the module's text.

    Raises UnknownName for what is no link, InputError for a run that lacks values, ModelError for an equation without
    derivative, MissingExtra for ``engine="jax"`` without JAX.
    """
    if engine not in DERIVATIVES:
        raise InputError(f"engine is one of {', '.join(DERIVATIVES)}, not {engine!r}")
    path = along(model, trajectory)
    endogenous = {*model.stocks, *model.order}
    known = [link for link in model.links() if link[0] in endogenous]
    wanted = known if links is None else list(links)
    for source, target in wanted:
        if (source, target) not in model.links():
            raise UnknownName("link", f"{source} → {target}", [f"{a} → {b}" for a, b in known])
    return {link: _gain(path, link, engine) for link in wanted}


@dataclass(frozen=True)
class _Directional:
    """Derivative along ``scale`` × seeds: seeds (source's dimensions, seed) → (target's dimensions, step × seed).

    ``scale`` (source's dimensions, step or 1) is each element's own step of a finite difference, and one for exact
    derivatives: elements of very different size move by the same relative amount.
    """

    function: Callable[[np.ndarray], np.ndarray]
    scale: np.ndarray


def _gain(path: Path, link: Link, engine: Differentiation) -> LinkGain:
    source, target = link
    model = path.model
    source_dims = () if source in RESERVED else model[source].dims
    target_dims = model[target].dims
    derivative = _through_stock(path, link) if isinstance(model[target], Stock) else _equation(path, link, engine)
    sizes = tuple(len(model.dimensions[d]) for d in source_dims)
    common = tuple(d for d in source_dims if d in target_dims)
    random = np.random.default_rng(0).uniform(0.5, 1.5, size=(*sizes, 1))
    expected = np.moveaxis(derivative.function(random), -1, 0) if common else np.zeros(0)
    change = np.moveaxis(np.broadcast_to(random * derivative.scale, (*sizes, path.steps)), -1, 0)
    for count in range(len(common), 0, -1):
        for shared in combinations(common, count):
            found = _coloured(path, derivative, link, source_dims, target_dims, shared)
            if _agrees(found, change, expected):
                return found
    return _coloured(path, derivative, link, source_dims, target_dims, ())


def _coloured(
    path: Path, derivative: _Directional, link: Link, source_dims: tuple[str, ...], target_dims: tuple[str, ...],
    shared: tuple[str, ...],
) -> LinkGain:  # fmt: skip
    """Derivatives along one seed per combination of labels of the dimensions that are not shared."""
    lengths = [len(path.model.dimensions[d]) for d in source_dims]
    mixed = [n for d, n in zip(source_dims, lengths, strict=True) if d not in shared]
    kept = [1 if d in shared else n for d, n in zip(source_dims, lengths, strict=True)]
    seeds = np.broadcast_to(np.eye(prod(mixed)).reshape(*kept, prod(mixed)), (*lengths, prod(mixed)))
    shape = [len(path.model.dimensions[d]) for d in target_dims]
    result = derivative.function(seeds).reshape(*shape, path.steps, *mixed)
    scale = np.broadcast_to(derivative.scale, (*lengths, path.steps))
    unit = LinkGain(*link, source_dims, target_dims, shared, np.ones([1] * (1 + len(shape)) + [1] * len(mixed)))
    laid = unit.partial_change(np.moveaxis(scale, -1, 0))
    return LinkGain(*link, source_dims, target_dims, shared, np.moveaxis(result, len(shape), 0) / laid)


def _agrees(found: LinkGain, change: np.ndarray, expected: np.ndarray) -> bool:
    parts = found.partial_change(change)
    total = parts.sum(axis=tuple(range(1 + len(found.target_dims), parts.ndim)))
    largest = np.max(np.abs(expected), axis=tuple(range(1, expected.ndim)), keepdims=True)
    return bool(np.all(np.abs(total - expected) <= AGREEMENT * largest))


def _through_stock(path: Path, link: Link) -> _Directional:
    """A flow's entry into the net flow of its stock is linear: its derivative is the entry of the seed itself."""
    source, target = link
    routes = [r for r in path.model.system(1).routes if (r.flow, r.stock) == (source, target)]
    shape = path.model.shape(target)

    def along_seeds(seeds: np.ndarray) -> np.ndarray:
        change = sum(np.asarray(route(seeds, 1)) for route in routes)
        return np.tile(np.broadcast_to(change, (*shape, seeds.shape[-1])), path.steps)

    return _Directional(along_seeds, np.ones((*path.model.shape(source), 1)))


def _equation(path: Path, link: Link, engine: Differentiation) -> _Directional:
    source, target = link
    equation = path.model.equation(target, 1)
    base: Values = {name: path.before(name) for name in equation.inputs}
    middle = np.broadcast_to(path.middle(source), (*path.values[source].shape[:-1], path.steps))
    scale = _differences(middle) if engine == "difference" else np.ones((*middle.shape[:-1], 1))
    shape = path.model.shape(target)

    def spread(value: np.ndarray, count: int) -> np.ndarray:
        return np.repeat(value, count, axis=-1) if value.shape[-1] > 1 else value

    def along_seeds(seeds: np.ndarray) -> np.ndarray:
        count = seeds.shape[-1]
        others = {name: spread(value, count) for name, value in base.items()}
        at, towards = spread(middle, count), np.tile(seeds, path.steps) * spread(scale, count)
        result = DERIVATIVES[engine](lambda x: equation(others | {source: x}), at, towards)
        return np.broadcast_to(result, (*shape, path.steps * count))

    return _Directional(along_seeds, scale)


def _differences(at: np.ndarray) -> np.ndarray:
    """Length of a finite difference for every element and step: relative to the value, with a floor from the scale."""
    size = float(np.max(np.abs(at), initial=0.0))
    return np.asarray(RELATIVE_STEP * np.maximum(np.abs(at), 1e-6 * size if size > 0 else 1.0))


def _central(function: Callable[[Any], Any], at: np.ndarray, towards: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(0.5 * (np.asarray(function(at + towards)) - np.asarray(function(at - towards))))


def _by_jax(function: Callable[[Any], Any], at: np.ndarray, towards: np.ndarray) -> np.ndarray:
    from forkpoint.dynamics.simulate_jax import jax_module

    jax = jax_module()
    return np.asarray(jax.jvp(function, (jax.numpy.asarray(at),), (jax.numpy.asarray(towards),))[1])


DERIVATIVES: dict[str, Callable[[Callable[[Any], Any], np.ndarray, np.ndarray], np.ndarray]] = {
    "dual": dual.derivative,
    "jax": _by_jax,
    "difference": _central,
}
"""Ways to differentiate: each takes a function, a point and a direction."""
