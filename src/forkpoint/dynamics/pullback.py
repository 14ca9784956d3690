"""Derivatives of a run by one backward pass, compiled as the run is: by any number of parameters, for a few runs' cost.

The run keeps its stocks at every moment; the backward pass goes from the last moment to the first, computes each step
again and carries the cotangents of the stocks back through it (Griewank & Walther 2008, §3.2 and §12.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from forkpoint.dynamics.emit.symbols import Symbol
from forkpoint.dynamics.llvm.adjoint import cotangents
from forkpoint.dynamics.llvm.machine import Compiled
from forkpoint.dynamics.llvm.mathematics import LANES
from forkpoint.dynamics.llvm.text import Code, back_function, module, run_function
from forkpoint.dynamics.scalar_step import Element, ScalarStep, scalar_step
from forkpoint.dynamics.simulate import Plan
from forkpoint.dynamics.simulate_llvm import (
    differing,
    forward_code,
    hoisted,
    memory_of,
    places,
    require_draws,
    shape_key,
)
from forkpoint.errors import InputError, UnknownName

Array: TypeAlias = NDArray[np.float64]
Pull: TypeAlias = Callable[[Array], dict[str, Array]]


@dataclass(frozen=True)
class Program:
    """A compiled run and its backward pass; ``sums``: vectors of sums over time, those of drawn inputs last."""

    step: ScalarStep
    kept: int
    sums: int
    run: Compiled
    back: Compiled


class Pullback:
    """Paths of single elements of a model over draws, and their derivatives by what is drawn.

    ``plan``: the run, with any draws of the parameters that are free; ``drawn_names``: these (default: those with more
    than one draw). Stocks whose initial values have more than one draw are free, too. Raises InputError for a run
    without draws, by another method than Euler's, that does not keep every step, or with drawn values that move over
    time; ModelError for an operation without a derivative.
    """

    def __init__(self, plan: Plan, elements: Sequence[Element], drawn_names: frozenset[str] | None = None) -> None:
        require_draws(plan)
        if plan.save_every != 1:
            raise InputError("a derivative needs every step: give save_every=1")
        self.plan, self.outputs = plan, len(elements)
        drawn = differing(plan, drawn_names)
        self.program = program_of(plan, tuple(elements), drawn)
        step = self.program.step
        if step.sizes["path"]:
            raise InputError("no derivative by drawn values that move over time")
        memory = memory_of(step, plan)
        self._shared = memory.fixed, memory.timed
        self.drawn = memory.drawn[:, :1]
        """Drawn values in the plan's first draw (slot, 1)."""
        numbers, shape = step.layout["drawn"], plan.model.shape
        known = {**step.inputs, **step.given}
        self.slots = {n: (numbers[k], math.prod(shape(n)), shape(n)) for n, k in known.items() if k in numbers}
        """Parameters and stocks that reach the elements: the first slot, the number of slots, the shape."""
        self.free = {n: shape(n) for n in sorted(drawn | set(self.slots))}
        """All free parameters and stocks with their shapes."""

    def __call__(self, values: Mapping[str, Array]) -> tuple[Array, Pull]:
        """Paths (element, time, draw) at parameters' draws (dimensions, draw), and what pulls weights of them back.

        The second is a function from weights, shaped as the paths, to {parameter: (dimensions, draw)}: the derivative
        of each draw's weighted sum of paths; not finite in a draw that has none (the root of zero) or fails.
        A free parameter that ``values`` leaves out keeps the plan's first draw. Raises UnknownName for one not free.
        """
        for name in values:
            if name not in self.free:
                raise UnknownName("free parameter", name, self.free)
        draws = next(iter(values.values())).shape[-1]
        drawn = np.repeat(self.drawn, draws, axis=1)
        for name, value in values.items():
            if name in self.slots:
                first, size, _ = self.slots[name]
                drawn[first : first + size] = value.reshape(size, draws)
        paths, pull = self.paths(drawn)

        def pull_by_name(weights: Array) -> dict[str, Array]:
            slopes = pull(weights)
            pulled = {n: np.zeros((*shape, draws)) for n, shape in self.free.items()}
            for name, (first, size, shape) in self.slots.items():
                pulled[name] = slopes[first : first + size].reshape(*shape, draws)
            return pulled

        return paths, pull_by_name

    def paths(self, drawn: Array) -> tuple[Array, Callable[[Array], Array]]:
        """The same from all drawn values (slot, draw) as ``slots`` places them, with derivatives of that shape."""
        program, count, draws = self.program, self.plan.grid.count, drawn.shape[1]
        size, points, none = len(program.step.following), count + 1, np.empty(0)
        blocks = range(0, draws, LANES)
        vectors = [np.repeat(drawn[:, low : low + 1], LANES, axis=1) for low in blocks]
        trails = [np.empty((points, size, LANES)) for _ in blocks]
        paths, kept = np.empty((self.outputs, points, draws)), np.empty((program.kept, LANES))
        out, lowest = np.empty((points, self.outputs, LANES)), np.empty((size, LANES))
        for low, vector, trail in zip(blocks, vectors, trails, strict=True):
            here = slice(low, min(low + LANES, draws))
            used = slice(0, here.stop - low)
            vector[:, used] = drawn[:, here]
            program.run(*self._shared, vector, none, trail, kept, out, none, none, lowest, count, 1, size)
            paths[..., here] = out[..., used].swapaxes(0, 1)

        def pull(weights: Array) -> Array:
            slopes = np.empty_like(drawn)
            for low, vector, trail in zip(blocks, vectors, trails, strict=True):
                here = slice(low, min(low + LANES, draws))
                used = slice(0, here.stop - low)
                out.fill(0.0)
                out[..., used] = weights[..., here].swapaxes(0, 1)
                bar, sums = np.zeros((size, LANES)), np.zeros((program.sums, LANES))
                program.back(*self._shared, vector, none, trail, kept, out, bar, sums, count)
                slopes[:, here] = sums[program.sums - len(slopes) :, used]
            return slopes

        return paths, pull


def program_of(plan: Plan, elements: tuple[Element, ...], drawn: frozenset[str]) -> Program:
    """The compiled pair of a plan's shape, kept with the model."""
    key = shape_key(plan, "pullback", elements, drawn)
    return plan.model.compiled(key, lambda: _compiled(scalar_step(plan, drawn, elements)))


def _compiled(step: ScalarStep) -> Program:
    prepare, start, loop = forward_code(step)
    once = hoisted([*step.start, *step.following, *step.outputs])
    back = Code("back", kept=dict(prepare.kept), slots=prepare.slots)
    finish = Code("finish", kept=dict(prepare.kept), slots=prepare.slots)
    _add_back(step, once, back)
    _add_finish(step, once, finish)
    size, outputs, sizes = len(step.following), len(step.outputs), dict(step.sizes)
    text = module([
        *prepare.text, *start.text, *loop.text, *back.text, *finish.text,
        run_function(prepare, start, loop, sizes, size, outputs),
        back_function(prepare, back, finish, sizes, size, outputs),
    ])  # fmt: skip
    kept = max(loop.slots, back.slots, finish.slots)
    run, back_run = Compiled(text, "run", arrays=10, numbers=3), Compiled(text, "back", arrays=9, numbers=1)
    return Program(step, kept, len(once) + step.sizes["drawn"], run, back_run)


def _add_back(step: ScalarStep, once: list[Symbol], code: Code) -> None:
    """One moment: cotangents of the stocks, and what it adds to the sums over time."""
    graph = step.graph
    weights = [(s, graph.input("bar", n)) for n, s in enumerate(step.following)]
    weights += [(s, graph.input("out", n)) for n, s in enumerate(step.outputs)]
    found = cotangents(graph, weights, once)
    zero = graph.constant(0.0)
    bars = [found.get(id(graph.input("state", n)), zero) for n in range(len(step.following))]
    sums = [
        graph.apply("add", graph.input("sum", slot), found[id(symbol)]) if id(symbol) in found else None
        for slot, symbol in enumerate(_summed(step, once))
    ]
    stored = places(("kept", bars))
    for slot, total in enumerate(sums):
        if total is not None:
            stored.setdefault(id(total), []).append(("sum", slot))
    code.add([*bars, *(s for s in sums if s is not None)], stored)


def _add_finish(step: ScalarStep, once: list[Symbol], code: Code) -> None:
    """After the first moment: through the stocks at the start and what holds for the whole run, to the drawn inputs."""
    graph = step.graph
    weights = [(s, graph.input("bar", n)) for n, s in enumerate(step.start)]
    weights += [(s, graph.input("sum", n)) for n, s in enumerate(once)]
    found = cotangents(graph, weights, chosen=True)
    stored: dict[int, list[tuple[str, int]]] = {}
    roots = []
    for slot in range(step.sizes["drawn"]):
        symbol = graph.input("drawn", slot)
        if id(symbol) in found:
            total = graph.apply("add", graph.input("sum", len(once) + slot), found[id(symbol)])
            stored.setdefault(id(total), []).append(("sum", len(once) + slot))
            roots.append(total)
    code.add(roots, stored)


def _summed(step: ScalarStep, once: list[Symbol]) -> list[Symbol]:
    return [*once, *(step.graph.input("drawn", slot) for slot in range(step.sizes["drawn"]))]
