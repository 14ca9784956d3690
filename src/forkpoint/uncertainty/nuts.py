"""The posterior by the No-U-Turn sampler: slower than Laplace, and true where the posterior is no Gaussian.

Chains walk in whitened coordinates x, z = mode + root · x, in which the posterior is near a standard normal (Hoffman &
Gelman 2014; NumPyro's sampler). The root is first that of the Laplace approximation; then, in the directions that the
data moved, it is fitted to draws of a pilot, in which all chains step together (several points cost one vector of the
compiled world). After it teams of chains run in processes of their own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.simulate_jax import jax_module
from forkpoint.errors import InputError
from forkpoint.uncertainty.calibrate import Posterior
from forkpoint.uncertainty.density import Density
from forkpoint.uncertainty.evidence import Evidence
from forkpoint.uncertainty.executor import LocalPool
from forkpoint.uncertainty.priors import stream

Floats: TypeAlias = NDArray[np.float64]
RHAT, EFFECTIVE, BFMI = 1.01, 400, 0.3
"""What a trustworthy sample keeps to: split R-hat, effective draws in bulk and tails (Vehtari et al. 2021), and the
energy's fraction of missing information (Betancourt 2016)."""
TARGET_ACCEPT = 0.9
STEP = 0.1
"""The first step of the integrator."""
DEEPEST = 5
"""Doublings of a trajectory at most."""
SPACING = 2
"""Trajectories a kept draw."""
TEAM = 2
"""Chains that step together in one process after the pilot: they wait for the longest trajectory among them."""
MOVED = 0.1
"""Change of the prior's width from which on the data moved a direction."""
Walk: TypeAlias = tuple[int, Floats, dict[str, Any]]


class LogDensity(Protocol):
    """A log density and its gradient at points (coordinate, draw)."""

    def __call__(self, z: Floats) -> tuple[Floats, Floats]:
        """Log density (draw) and gradient (coordinate, draw)."""


class Gaussian(Protocol):
    """The Laplace approximation that whitens."""

    @property
    def mode(self) -> Floats:
        """Its centre."""

    @property
    def root(self) -> Floats:
        """A square root of its covariance."""


@dataclass(frozen=True)
class Sample:
    """Draws of a posterior and what says whether to trust them; ``z``: (chain, draw, coordinate)."""

    z: Floats
    rhat: Floats
    effective: Floats
    tail_effective: Floats
    divergent: int
    energy: float
    gradients: int
    """Leapfrog steps taken by all chains after warm-up."""

    @property
    def flat(self) -> Floats:
        """All draws as (coordinate, draw)."""
        return np.ascontiguousarray(self.z.reshape(-1, self.z.shape[-1]).T)

    @property
    def least(self) -> float:
        """The fewest effective draws of any coordinate, in the bulk or in the tails."""
        return float(min(self.effective.min(), self.tail_effective.min()))

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic keeps to its bound."""
        mixed = self.rhat.max() <= RHAT and self.least >= EFFECTIVE
        return bool(mixed and not self.divergent and self.energy >= BFMI)

    @property
    def words(self) -> str:
        """One sentence."""
        found = (
            f"NUTS, {self.z.shape[0]} chains of {self.z.shape[1]}: R-hat at most {self.rhat.max():.3f}, "
            f"effective draws at least {self.least:.0f}, {self.divergent} divergent, "
            f"energy {self.energy:.2f}: "
        )
        return found + ("the sample can be trusted." if self.trusted else "read its ranges as approximate.")


def nuts(
    density: LogDensity,
    around: Gaussian,
    *,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 1000,
    seed: int = 0,
) -> Sample:
    """Sample a density near a Gaussian.

    Raises InputError for fewer than two chains or four draws, and where no start has a density.
    """
    _require(chains, warmup, draws)
    lead = _pilot(density, around, chains, warmup, seed)
    return _diagnosed([_walk(density, lead, team, warmup, draws, seed) for team in _teams(chains)])


def sampled(
    evidence: Evidence,
    posterior: Posterior,
    *,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 1000,
    seed: int = 0,
    workers: int = 1,
) -> tuple[Posterior, str]:
    """A day's posterior with draws of its own, and what the diagnostics say.

    Teams of chains go to ``workers`` processes; their number changes no draw. Raises InputError as :func:`nuts` does.
    """
    _require(chains, warmup, draws)
    pool = LocalPool(workers)
    try:
        lead = _pilot(Density(evidence), posterior, chains, warmup, seed)
        tasks = [(evidence, lead, team, warmup, draws, seed) for team in _teams(chains)]
        found = _diagnosed(list(pool.results(_walk_the_world, tasks)))
    finally:
        pool.close()
    return replace(posterior, drawn=found.flat), found.words


def _require(chains: int, warmup: int, draws: int) -> None:
    if chains < 2 or draws < 4 or warmup < 1:
        raise InputError(f"NUTS needs chains ≥ 2, draws ≥ 4 and warmup ≥ 1, got {chains}, {draws} and {warmup}")


def _teams(chains: int) -> list[tuple[int, ...]]:
    """Chains that step together."""
    return [tuple(range(first, min(first + TEAM, chains))) for first in range(0, chains, TEAM)]


@dataclass(frozen=True)
class _Lead:
    """What a pilot found: a Gaussian nearer to the posterior than Laplace's, and where each chain stands in it."""

    mode: Floats
    root: Floats
    begin: Floats


def _pilot(density: LogDensity, around: Gaussian, chains: int, warmup: int, seed: int) -> _Lead:
    """A third of the warm-up leads to the posterior, a third tells its shape."""
    third = max(warmup // 3, 1)
    size = len(around.mode)
    begin = np.stack([stream(seed, f"start:{c}").standard_normal(size) for c in range(chains)]) / 2
    x, _ = _chains(density, around, begin, third, third, (seed, 0, 0))
    scale, unscale = _scales(around.root, x.reshape(-1, size))
    return _Lead(around.mode, around.root @ scale, x[:, -1] @ unscale)


def _walk_the_world(evidence: Evidence, lead: _Lead, team: tuple[int, ...], warmup: int, draws: int, seed: int) -> Walk:
    return _walk(Density(evidence), lead, team, warmup, draws, seed)


def _walk(density: LogDensity, lead: _Lead, team: tuple[int, ...], warmup: int, draws: int, seed: int) -> Walk:
    """One team's chains: its first chain's number, draws z (chain, draw, coordinate), and what NUTS tells of each.

    The last third of the warm-up finds the length of steps.
    """
    last = max(warmup - 2 * max(warmup // 3, 1), 1)
    x, told = _chains(density, lead, lead.begin[list(team)], last, SPACING * draws, (seed, team[0], 1))
    return team[0], lead.mode + x[:, SPACING - 1 :: SPACING] @ lead.root.T, told


def _scales(root: Floats, x: Floats) -> tuple[Floats, Floats]:
    """What makes the covariance of whitened draws (draw, coordinate) the unit matrix, and its inverse.

    It acts in the directions that the data moved, as the others are as wide as their priors; as many draws as there are
    directions are added that have the width of the Laplace approximation.
    """
    widths, directions = np.linalg.eigh(root)
    moved = directions[:, np.abs(widths - 1) > MOVED]
    away, count = (x - x.mean(axis=0)) @ moved, moved.shape[1]
    variances, turned = np.linalg.eigh((away.T @ away + count * np.eye(count)) / (len(x) + count))
    basis, one = moved @ turned, np.eye(len(root))
    return one + (basis * (variances**0.5 - 1)) @ basis.T, one + (basis * (variances**-0.5 - 1)) @ basis.T


def _chains(
    density: LogDensity, around: Gaussian, begin: Floats, warmup: int, draws: int, key: tuple[int, int, int]
) -> tuple[Floats, dict[str, Any]]:
    """Whitened draws (chain, draw, coordinate) of chains from ``begin`` (chain, coordinate), and what NUTS tells."""
    jax = jax_module()
    infer: Any = importlib.import_module("numpyro.infer")
    potential = _potential(density, around.mode, around.root)
    if not np.isfinite(np.asarray(jax.vmap(potential)(begin))).all():
        raise InputError("NUTS cannot start: the model fails near the mode of the posterior")
    kernel = infer.NUTS(
        potential_fn=potential,
        step_size=STEP,
        adapt_mass_matrix=False,
        target_accept_prob=TARGET_ACCEPT,
        max_tree_depth=DEEPEST,
    )
    run = infer.MCMC(kernel, num_warmup=warmup, num_samples=draws, num_chains=len(begin), chain_method="vectorized",
                     progress_bar=False)  # fmt: skip
    seed, team, stage = key
    random = jax.random.fold_in(jax.random.fold_in(jax.random.PRNGKey(seed), team), stage)
    fields = ("diverging", "energy", "num_steps")
    run.run(random, init_params=begin if len(begin) > 1 else begin[0], extra_fields=fields)
    told = {name: np.asarray(value) for name, value in run.get_extra_fields(group_by_chain=True).items()}
    return np.asarray(run.get_samples(group_by_chain=True)), told


def _potential(density: LogDensity, mode: Floats, root: Floats) -> Callable[[Any], Any]:
    """−log density in whitened coordinates, a JAX function whose value and gradient come from outside."""
    jax = jax_module()
    size = len(mode)

    def outside(x: Any) -> tuple[Floats, Floats]:
        points = np.asarray(x, float).reshape(-1, size)
        value, gradient = density(mode[:, None] + root @ points.T)
        slopes = -(root.T @ gradient).T
        return -value.reshape(np.shape(x)[:-1]), slopes.reshape(np.shape(x))

    def called(x: Any) -> Any:
        shapes = (jax.ShapeDtypeStruct((), np.float64), jax.ShapeDtypeStruct((size,), np.float64))
        return jax.pure_callback(outside, shapes, x, vmap_method="broadcast_all")

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def potential(x: Any) -> Any:
        return called(x)[0]

    potential.defvjp(called, lambda gradient, bar: (bar * gradient,))
    return potential  # type: ignore[no-any-return]


def _diagnosed(walks: list[Walk]) -> Sample:
    arviz: Any = importlib.import_module("arviz")
    walks = sorted(walks, key=lambda walk: walk[0])
    z = np.concatenate([z for _, z, _ in walks])
    extra = {name: np.concatenate([told[name] for _, _, told in walks]) for name in walks[0][2]}
    posterior = arviz.convert_to_dataset({"z": z})
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved: its R-hat is no number
        found = [arviz.rhat(posterior), arviz.ess(posterior, method="bulk"), arviz.ess(posterior, method="tail")]
    rhat, bulk, tail = (np.asarray(part["z"]) for part in found)
    energy = float(np.min(arviz.bfmi(extra["energy"])))
    return Sample(z, rhat, bulk, tail, int(extra["diverging"].sum()), energy, int(extra["num_steps"].sum()))
