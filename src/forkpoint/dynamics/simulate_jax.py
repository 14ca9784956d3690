"""The compiled engine: the same equations traced once by JAX, scanned over time, draws along the last axis.

One compiled call runs ``chunk`` draws: arrays then fit the processor's cache and each instruction works on many draws.
The number of draws is no part of the compiled program, so that any number runs without compiling again. Compiled
programs are kept in the user's cache folder (``$XDG_CACHE_HOME/forkpoint``) unless JAX's own cache is configured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from forkpoint.dynamics.evaluation import Link, Values, advance
from forkpoint.dynamics.extras import load
from forkpoint.dynamics.simulate import Plan, make_plan, start_values
from forkpoint.errors import InputError, UnknownName

if TYPE_CHECKING:
    from forkpoint.dynamics.model import Model

Arguments: TypeAlias = tuple[Values, Values, Values, dict[Link, Any]]
"""Fixed inputs, inputs on the grid, initial values, held paths; the times of the grid follow."""


THREADS = 8
"""Threads of XLA at least; an idle one costs nothing."""


@cache
def jax_module() -> Any:
    """JAX in double precision with a persistent compile cache. Raises MissingExtra."""
    jax = load("jax")
    jax.config.update("jax_enable_x64", True)
    # A call back into Python holds one of XLA's threads and waits for another: with few it may wait for ever.
    os.environ.setdefault("NPROC", str(max(THREADS, os.cpu_count() or 1)))
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if jax.config.jax_compilation_cache_dir is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(home / "forkpoint" / f"jax-{jax.__version__}"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return jax


def execute(plan: Plan, chunk: int = 128, workers: int = 1) -> tuple[Values, Values, Values]:
    """Run on JAX: saved outputs, final stocks, and the lowest value of every stock that must not be negative."""
    if chunk < 1 or workers < 1:
        raise InputError(f"chunk and workers are at least 1, got {chunk} and {workers}")
    program = _program(plan)
    if plan.draws is None:
        return _to_numpy(program(*_arguments(plan), plan.grid.times))
    return _in_chunks(plan, program, min(chunk, plan.draws), workers)


def _in_chunks(plan: Plan, program: Callable[..., Any], chunk: int, workers: int) -> tuple[Values, Values, Values]:
    assert plan.draws is not None
    draws = plan.draws
    arguments = _arguments(plan)
    shared = [{k: jax_module().numpy.asarray(v) for k, v in part.items() if v.shape[-1] == 1} for part in arguments]
    drawn = [{k: np.asarray(v) for k, v in part.items() if v.shape[-1] != 1} for part in arguments]
    results: tuple[Values, Values, Values] = ({}, {}, {})
    times = jax_module().numpy.asarray(plan.grid.times)

    def one(low: int) -> None:
        # The last chunk overlaps the one before, so that every call has the same shapes.
        low = min(low, draws - chunk)
        cut = [{k: np.ascontiguousarray(v[..., low : low + chunk]) for k, v in part.items()} for part in drawn]
        parts = program(*(all_draws | some for all_draws, some in zip(shared, cut, strict=True)), times)
        for whole, part in zip(results, parts, strict=True):
            for name, value in part.items():
                if name not in whole:
                    whole.setdefault(name, np.empty((*value.shape[:-1], draws), dtype=value.dtype))
                whole[name][..., low : low + chunk] = value

    starts = range(0, draws, chunk)
    one(0)
    if workers == 1:
        for low in starts[1:]:
            one(low)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, starts[1:]))
    return results


def _arguments(plan: Plan) -> Arguments:
    return dict(plan.inputs.fixed), dict(plan.inputs.varying), dict(plan.initial), dict(plan.held)


def _to_numpy(parts: Iterable[Mapping[str, Any]]) -> tuple[Values, Values, Values]:
    saved, final, lowest = ({name: np.array(value) for name, value in part.items()} for part in parts)
    return saved, final, lowest


def _program(plan: Plan) -> Any:
    """The compiled run of a plan's shape: reused by the model for every plan that differs in values only."""
    bare = replace(plan, inputs=replace(plan.inputs, fixed={}, varying={}), initial={}, held={})
    shape = (plan.grid.step, plan.grid.count, plan.save_every, plan.method, plan.outputs, plan.draws is None)
    key = (*shape, *(frozenset(part) for part in (plan.inputs.varying, plan.held, plan.initial)))
    return plan.model.compiled(key, lambda: jax_module().jit(traceable(bare)))


def traceable(plan: Plan, *, checkpoint: bool = False) -> Callable[..., tuple[Values, Values, Values]]:
    """A pure function (fixed, varying, initial, held, times) → (outputs, final stocks, lowest), for jit, grad, vmap.

    ``checkpoint``: keep only the stocks of every step for the backward pass and compute the rest again.
    """
    jax = jax_module()
    jnp, lax = jax.numpy, jax.lax
    grid, system, every = plan.grid, plan.system, plan.save_every
    points = grid.count // every + 1
    guarded = [n for n in system.stocks if plan.model.stocks[n].non_negative]

    def least(name: str, stocks: Values) -> Any:
        return jnp.min(stocks[name], axis=tuple(range(len(plan.model.stocks[name].dims))))

    def simulate(
        fixed: Values, varying: Values, initial: Values, held: dict[Link, Any], times: Any
    ) -> tuple[Values, Values, Values]:
        given = replace(plan, inputs=replace(plan.inputs, fixed=fixed, varying=varying), initial=initial, held=held)
        constants, state = start_values(given, lambda values: {n: v[0, 0] for n, v in values.items()}, times[0])
        tail = _tail(plan, (*fixed.values(), *initial.values(), *varying.values(), *held.values()))
        state = {n: jnp.broadcast_to(jnp.asarray(v, float), plan.model.shape(n) + tail) for n, v in state.items()}

        def moment(current: Values, time: Any, row: Any, stage: int) -> tuple[Values, Values]:
            exogenous, paths = ({k: v[stage] for k, v in part.items()} for part in row)
            at = time + (0.0, 0.5, 1.0)[stage] * grid.step
            values = system.evaluate(current, {**constants, **exogenous}, at, grid.step, paths, constants=False)
            return values, system.rates(values, paths)

        def step(current: Values, x: Any) -> tuple[Values, Values]:
            time, length, row = x
            values, rates = moment(current, time, row, 0)
            if plan.method == "rk4":
                second = moment(advance(current, rates, 0.5 * length), time, row, 1)[1]
                third = moment(advance(current, second, 0.5 * length), time, row, 1)[1]
                fourth = moment(advance(current, third, length), time, row, 2)[1]
                rates = {s: (rates[s] + 2.0 * second[s] + 2.0 * third[s] + fourth[s]) / 6.0 for s in rates}
            outputs = {
                n: jnp.broadcast_to(jnp.asarray(values[n], float), plan.model.shape(n) + tail) for n in plan.outputs
            }
            return advance(current, rates, length), outputs

        step = jax.checkpoint(step) if checkpoint else step

        def advance_and_stack(carry: Any, x: Any) -> tuple[Any, Any]:
            following, outputs = step(carry[0], x[1:])
            return (following, {n: jnp.minimum(low, least(n, following)) for n, low in carry[1].items()}), outputs

        def advance_and_keep(carry: Any, x: Any) -> tuple[Any, None]:
            carry, outputs = advance_and_stack(carry[:2], x), carry[2]
            # The rows 1 … every are all written to the same place; the last one stays.
            row = (x[0] + every - 1) // every
            kept = {n: lax.dynamic_update_index_in_dim(outputs[n], v, row, 0) for n, v in carry[1].items()}
            return (*carry[0], kept), None

        steps = np.arange(grid.count + 1)
        # The last step has length zero: it only evaluates.
        lengths = jnp.asarray(np.where(steps < grid.count, grid.step, 0.0))
        xs = (jnp.asarray(steps), times, lengths, (varying, held))
        carry = (state, {n: least(n, state) for n in guarded})
        if every == 1 or checkpoint:
            (final, lowest), saved = lax.scan(advance_and_stack, carry, xs)
            return {n: v[::every] for n, v in saved.items()}, final, lowest
        kept = {n: jnp.zeros((points, *plan.model.shape(n), *tail)) for n in plan.outputs}
        (final, lowest, kept), _ = lax.scan(advance_and_keep, (*carry, kept), xs)
        return kept, final, lowest

    return simulate


def _tail(plan: Plan, values: Sequence[Any]) -> tuple[int, ...]:
    if plan.draws is None:
        return ()
    return (max(v.shape[-1] for v in values),)


def simulator(
    model: Model,
    free: Sequence[str],
    outputs: Sequence[str],
    *,
    levers: Mapping[str, Any] | None = None,
    start: float | None = None,
    stop: float | None = None,
    step: float | None = None,
    checkpoint: bool = True,
    **options: Any,
) -> tuple[Callable[[Mapping[str, Any]], Values], Values]:
    """A pure function {free name: array} → {output: (time, dimensions)}, and the values that it has without change.

    ``free`` names parameters, series (as arrays over the grid: (time, dimensions)) and stocks (their initial values).
    It can be jitted, differentiated and mapped. Options are those of a run: method, save_every, held, start_from.
    """
    jnp = jax_module().numpy
    plan = make_plan(model, levers, start, stop, step, outputs=outputs, **options)
    run = traceable(plan, checkpoint=checkpoint)
    fixed, varying, initial, held = _arguments(plan)
    _, state = start_values(plan, lambda values: {n: v[0, 0] for n, v in values.items()})
    known = {**{n: v[:, 0] for n, v in varying.items()}, **fixed, **state}
    for name in free:
        if name not in known:
            raise UnknownName("parameter, series or stock", name, known)

    def simulate(values: Mapping[str, Any]) -> Values:
        given = [dict(fixed), dict(varying), dict(initial)]
        for name, value in values.items():
            value = jnp.asarray(value, float)
            if name in varying:
                after = jnp.concatenate([value[1:], value[-1:]])
                linear = getattr(model[name], "hold", "step") == "linear"
                stages = [value, 0.5 * (value + after), after] if linear else [value, value, value]
                given[1][name] = jnp.stack(stages[: plan.inputs.stages], axis=1)
            else:
                given[0 if name in fixed else 2][name] = value
        return run(*given, held, jnp.asarray(plan.grid.times))[0]

    return simulate, {name: np.asarray(known[name], dtype=float) for name in free}
