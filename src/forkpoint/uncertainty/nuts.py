"""The posterior by the No-U-Turn sampler: slower than Laplace, and true where the posterior is no Gaussian.

Chains walk in whitened coordinates x, z = mode + root · x of the Laplace approximation, in which the posterior is near
a standard normal whatever the data identify (Hoffman & Gelman 2014; NumPyro's sampler). Chains step together in teams,
as several points cost one vector of the compiled world; teams run in processes of their own.
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
TARGET_ACCEPT = 0.8
DEEPEST = 8
"""Doublings of a trajectory at most."""
TEAM = 2
"""Chains that step together in one process."""
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
    return _diagnosed(around, [_walk(density, around, team, warmup, draws, seed) for team in _teams(chains)])


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
        tasks = [(evidence, posterior, team, warmup, draws, seed) for team in _teams(chains)]
        found = _diagnosed(posterior, list(pool.results(_walk_the_world, tasks)))
    finally:
        pool.close()
    return replace(posterior, drawn=found.flat), found.words


def _require(chains: int, warmup: int, draws: int) -> None:
    if chains < 2 or draws < 4 or warmup < 1:
        raise InputError(f"NUTS needs chains ≥ 2, draws ≥ 4 and warmup ≥ 1, got {chains}, {draws} and {warmup}")


def _teams(chains: int) -> list[tuple[int, ...]]:
    """Chains that step together: a team waits for its slowest, so teams are small."""
    return [tuple(range(first, min(first + TEAM, chains))) for first in range(0, chains, TEAM)]


def _walk_the_world(
    evidence: Evidence, posterior: Posterior, team: tuple[int, ...], warmup: int, draws: int, seed: int
) -> Walk:
    return _walk(Density(evidence), posterior, team, warmup, draws, seed)


def _walk(
    density: LogDensity,
    around: Gaussian,
    team: tuple[int, ...],
    warmup: int,
    draws: int,
    seed: int,
) -> Walk:
    """One team's chains: its first chain's number, whitened draws (chain, draw, coordinate), and what NUTS tells."""
    jax = jax_module()
    infer: Any = importlib.import_module("numpyro.infer")
    start = np.stack([stream(seed, f"start:{c}").standard_normal(len(around.mode)) for c in team]) / 2
    potential = _potential(density, around)
    if not np.isfinite(np.asarray(jax.vmap(potential)(start))).all():
        raise InputError("NUTS cannot start: the model fails near the mode of the posterior")
    kernel = infer.NUTS(potential_fn=potential, target_accept_prob=TARGET_ACCEPT, max_tree_depth=DEEPEST)
    chain = infer.MCMC(kernel, num_warmup=warmup, num_samples=draws, num_chains=len(team), chain_method="vectorized",
                       progress_bar=False)  # fmt: skip
    key = jax.random.fold_in(jax.random.PRNGKey(seed), team[0])
    begin = start if len(team) > 1 else start[0]
    chain.run(key, init_params=begin, extra_fields=("diverging", "energy", "num_steps"))
    x = np.asarray(chain.get_samples(group_by_chain=True))
    return team[0], x, {n: np.asarray(v) for n, v in chain.get_extra_fields(group_by_chain=True).items()}


def _potential(density: LogDensity, around: Gaussian) -> Callable[[Any], Any]:
    """−log density in whitened coordinates, a JAX function whose value and gradient come from outside."""
    jax = jax_module()
    size = len(around.mode)

    def outside(x: Any) -> tuple[Floats, Floats]:
        points = np.asarray(x, float).reshape(-1, size)
        value, gradient = density(around.mode[:, None] + around.root @ points.T)
        slopes = -(around.root.T @ gradient).T
        return -value.reshape(np.shape(x)[:-1]), slopes.reshape(np.shape(x))

    def called(x: Any) -> Any:
        shapes = (jax.ShapeDtypeStruct((), np.float64), jax.ShapeDtypeStruct((size,), np.float64))
        return jax.pure_callback(outside, shapes, x, vmap_method="broadcast_all")

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def potential(x: Any) -> Any:
        return called(x)[0]

    potential.defvjp(called, lambda gradient, bar: (bar * gradient,))
    return potential  # type: ignore[no-any-return]


def _diagnosed(around: Gaussian, walks: list[Walk]) -> Sample:
    arviz: Any = importlib.import_module("arviz")
    walks = sorted(walks, key=lambda walk: walk[0])
    z = around.mode + np.concatenate([x for _, x, _ in walks]) @ around.root.T
    extra = {name: np.concatenate([told[name] for _, _, told in walks]) for name in walks[0][2]}
    posterior = arviz.convert_to_dataset({"z": z})
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved: its R-hat is no number
        found = [arviz.rhat(posterior), arviz.ess(posterior, method="bulk"), arviz.ess(posterior, method="tail")]
    rhat, bulk, tail = (np.asarray(part["z"]) for part in found)
    energy = float(np.min(arviz.bfmi(extra["energy"])))
    return Sample(z, rhat, bulk, tail, int(extra["diverging"].sum()), energy, int(extra["num_steps"].sum()))
