"""Exact derivatives of a run with respect to parameters, levers, series and initial values (JAX).

:func:`gradient` goes backwards: one number, any number of inputs. :func:`sensitivity` goes forwards: whole
trajectories, few inputs. Both differentiate the discrete run itself, so they agree with finite differences of the same
run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forkpoint.dynamics.evaluation import Values
from forkpoint.dynamics.simulate_jax import jax_module, simulator

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model

Objective = Callable[[Mapping[str, Any]], Any]


def gradient(
    model: Model,
    objective: Objective,
    by: Sequence[str],
    outputs: Sequence[str],
    levers: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[float, dict[str, np.ndarray]]:
    """Value of ``objective({output: (time, dimensions)})`` and its gradient by each name in ``by``.

    ``by`` names parameters (levers), series (over the time grid) and stocks (their initial values, which then no
    longer depend on the parameters that give them). Options are those of a run (start, stop, step, method, …). Raises
    UnknownName, InputError.
    """
    jax = jax_module()
    key = ("gradient", objective, tuple(by), tuple(outputs), _frozen(levers), _frozen(options))

    def make() -> tuple[Any, Values]:
        run, values = simulator(model, by, outputs, levers=levers, **options)
        return jax.jit(jax.value_and_grad(lambda given: objective(run(given)))), values

    compiled, values = model.compiled(key, make)
    value, slopes = compiled(values)
    return float(value), {name: np.asarray(slope) for name, slope in slopes.items()}


def sensitivity(
    model: Model,
    by: Sequence[str],
    outputs: Sequence[str],
    levers: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[tuple[str, str], np.ndarray]:
    """Derivatives of trajectories by every name in ``by``: (output, name) → (time, output's dims, name's dims)."""
    jax = jax_module()
    run, values = simulator(model, by, outputs, levers=levers, checkpoint=False, **options)
    slopes = jax.jit(jax.jacfwd(run))(values)
    return {(output, name): np.asarray(slopes[output][name]) for output in outputs for name in by}


def _frozen(value: Any) -> str:
    return repr(sorted(value.items(), key=lambda item: str(item[0]))) if isinstance(value, Mapping) else repr(value)
