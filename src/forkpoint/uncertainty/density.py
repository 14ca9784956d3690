"""The posterior's log density and its gradient, for many points at once: what NUTS walks on.

Through the world goes the compiled backward pass of :mod:`forkpoint.dynamics.pullback`; the priors' slopes have closed
forms, and what lies between paths and residuals is differentiated by JAX.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.pullback import Pullback
from forkpoint.dynamics.simulate import Plan, make_plan
from forkpoint.dynamics.simulate_jax import jax_module
from forkpoint.uncertainty.evidence import Evidence
from forkpoint.uncertainty.parameters import Transform, parameter_values, transform
from forkpoint.world.model import STEP, world
from forkpoint.world.observables import year

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """−½(|residuals|² + |z|²) at coordinates z, up to a constant: the log density of the posterior of a day."""

    evidence: Evidence

    def __call__(self, z: Floats) -> tuple[Floats, Floats]:
        """Log density (draw) and gradient (coordinate, draw) at ``z`` (coordinate, draw); −∞ where the run fails."""
        with np.errstate(over="ignore"):  # far out, where a trajectory may go before its steps have found their length
            elements, slope = self._transform(z)
        from_element, to_slot = self._wires
        drawn = np.repeat(self._pullback.drawn, z.shape[1], axis=1)
        drawn[to_slot] = elements[from_element]
        paths, pull = self._pullback.paths(drawn)
        failed = ~np.isfinite(paths.sum(axis=(0, 1)))
        paths[..., failed] = 1.0
        sizes, weights = self._misfit(paths)
        pulled = np.zeros_like(elements)
        pulled[from_element] = pull(np.asarray(weights))[to_slot]
        gradient = -self._transform.back(pulled, slope) - z
        density = -np.asarray(sizes) - 0.5 * (z**2).sum(axis=0)
        failed |= ~np.isfinite(gradient.sum(axis=0)) | ~np.isfinite(density)
        return np.where(failed, -np.inf, density), np.where(failed, 0.0, gradient)

    @cached_property
    def _transform(self) -> Transform:
        return transform(self.evidence.coordinates)

    @cached_property
    def _wires(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The elements of parameters that the run reads, and the slots in which it reads them."""
        both = [(at, self._pullback.slots[n][:2]) for n, (at, _) in self._transform.places.items()
                if n in self._pullback.slots]  # fmt: skip
        ranges = [(np.arange(size) + at, np.arange(size) + slot) for at, (slot, size) in both]
        elements, slots = zip(*ranges, strict=True)
        return np.concatenate(elements), np.concatenate(slots)

    @cached_property
    def _plan(self) -> Plan:
        """A run to the last observation, its drawn parameters at their central values."""
        evidence = self.evidence
        last = max(year(row.period_end) for _, row in evidence.rows)
        draws = parameter_values(np.zeros((len(evidence.coordinates), 1)), evidence.coordinates)
        draws = {n: v for n, v in draws.items() if n not in evidence.exogenous}
        outputs = sorted({v for o in evidence.groups for v in o.variables})
        stop = np.ceil(last / STEP) * STEP + STEP
        return make_plan(world(), evidence.exogenous, stop=stop, draws=draws, outputs=outputs)

    @cached_property
    def _pullback(self) -> Pullback:
        elements = [(n, place) for n in self._plan.outputs for place in range(math.prod(world().shape(n)))]
        return Pullback(self._plan, elements, frozenset(self._transform.places) - set(self.evidence.exogenous))

    @cached_property
    def _misfit(self) -> Any:
        """Compiled: paths (element, time, draw) → half the squared residuals of each draw, and the gradient."""
        jax = jax_module()
        evidence, plan = self.evidence, self._plan
        counted = evidence.counted(plan.grid.times)

        def misfit(paths: Any) -> tuple[Any, Any]:
            by_name, first = {}, 0
            for name in plan.outputs:
                shape = world().shape(name)
                size = math.prod(shape)
                by_name[name] = jax.numpy.moveaxis(paths[first : first + size].reshape(*shape, *paths.shape[1:]), -2, 0)
                first += size
            each = 0.5 * (evidence.scaled(by_name, counted) ** 2).sum(axis=0)
            return each.sum(), each

        def with_gradient(paths: Any) -> tuple[Any, Any]:
            (_, each), gradient = jax.value_and_grad(misfit, has_aux=True)(paths)
            return each, gradient

        return jax.jit(with_gradient)
