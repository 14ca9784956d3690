"""A step taken apart into scalars gives what the equations give, and reads only what differs between draws."""

from __future__ import annotations

import numpy as np
import pytest
from sample_models import NAMES, everything, example

from forkpoint.dynamics.emit.symbols import FOLD, in_order
from forkpoint.dynamics.llvm.text import INTRINSICS
from forkpoint.dynamics.scalar_step import PLACES, scalar_step, standing
from forkpoint.dynamics.simulate import make_plan
from forkpoint.dynamics.simulate_llvm import differing, memory_of

LOGIC = {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "not": lambda a: not a,
         "select": lambda which, yes, no: yes if which else no}  # fmt: skip


def interpreted(symbols, read):
    """Symbols' values, one Python number at a time."""
    values = {}
    for symbol in in_order(symbols):
        if symbol.operation == "input":
            values[id(symbol)] = read(symbol.variable, symbol.element)
        elif symbol.operation == "constant":
            values[id(symbol)] = symbol.number
        elif symbol.operation in ("true", "false"):
            values[id(symbol)] = symbol.operation == "true"
        else:
            values[id(symbol)] = {**FOLD, **LOGIC}[symbol.operation](*(values[id(o)] for o in symbol.operands))
    return [values[id(s)] for s in symbols]


def step_of(model, draws, levers=None, outputs=()):
    plan = make_plan(model, levers, draws=draws)
    elements = [(n, place) for n in outputs for place in range(int(np.prod(model.shape(n), dtype=int)))]
    return plan, scalar_step(plan, differing(plan, None), elements)


def walked(plan, step, draw, outputs):
    """Stocks and outputs (moment, element) of one draw, by the scalar expressions alone."""
    memory = memory_of(step, plan)
    stocks, out = [], []
    following = None
    for n in range(plan.grid.count + 1):
        rows = {"fixed": memory.fixed, "timed": memory.timed[n], "drawn": memory.drawn[:, draw],
                "path": memory.path[n, :, draw]}  # fmt: skip
        state = following or interpreted(step.start, lambda place, slot, r=rows: float(r[place][slot]))

        def read(place, slot, rows=rows, state=state):
            return float(state[slot] if place == "state" else rows[place][slot])

        following, shown = interpreted(step.following, read), interpreted(step.outputs, read)
        stocks.append(state)
        out.append(shown)
    return np.array(stocks), np.array(out)


CASES = [(name, None) for name in NAMES] + [("everything", {"tariff": {1.0: {"north": 0.5}}, "growth": 0.2})]


@pytest.mark.parametrize(("name", "levers"), CASES)
def test_the_expressions_walked_one_by_one_give_the_run(name, levers):
    model = everything(stop=2.0) if name == "everything" else example(name).build()
    stop = model.start + 12 * model.step_length
    values, free = model.inputs(), [n for n in model.parameters if n not in (levers or {})][:3]
    draws = {n: values[n][..., None] * np.linspace(0.9, 1.1, 3) for n in free}
    plan = make_plan(model, levers, stop=stop, draws=draws)
    outputs = [n for n in model.order if n in plan.outputs]
    elements = [(n, place) for n in outputs for place in range(int(np.prod(model.shape(n), dtype=int)))]
    step = scalar_step(plan, differing(plan, None), elements)
    run = model.run(levers, stop=stop, draws=draws)
    for draw in (0, 2):
        stocks, out = walked(plan, step, draw, outputs)
        expected = [run[n][..., draw].reshape(13, -1) for n in plan.system.stocks]
        np.testing.assert_allclose(stocks, np.concatenate(expected, axis=1), rtol=1e-12, atol=1e-12)
        shown = np.concatenate([run[n][..., draw].reshape(13, -1) for n in outputs], axis=1)
        np.testing.assert_allclose(out, shown, rtol=1e-12, atol=1e-12)


def test_only_what_differs_between_draws_is_left():
    model = everything()
    _, step = step_of(model, {"sensitivity": np.array([1.0, 2.0])}, {"tariff": {1.0: 0.5}}, ["cost"])
    symbols = in_order([*step.following, *step.outputs])
    assert {s.variable for s in symbols if s.operation == "input"} <= set(PLACES)
    assert step.sizes["drawn"] == 1
    assert step.sizes["path"] == 0
    # Growth of demand is the same for all draws: no exponential of it is left in the step.
    exponentials = [s for s in symbols if s.operation == "exp"]
    moving = standing(exponentials)
    assert exponentials
    assert not any(moving[id(s)] for s in exponentials)


def test_a_parameter_drawn_alone_stands_for_the_whole_run():
    _, step = step_of(everything(), {"learning": np.array([0.1, 0.2]), "first_cost": np.ones((2, 2))})
    stands = standing(step.following)
    inputs = [s for s in in_order(step.following) if s.operation == "input"]
    assert all(stands[id(s)] == (s.variable in ("fixed", "drawn")) for s in inputs)


def test_sums_are_joined_pairwise():
    def depth(symbol, operation):
        inner = [depth(o, operation) for o in symbol.operands]
        return max(inner, default=0) + (symbol.operation == operation)

    _, step = step_of(everything(), {"life": np.array([1.0, 2.0])}, outputs=["scrap"])
    sizes = {n: int(np.prod(everything().shape(n), dtype=int)) for n in everything().stocks}
    place = [n for n, size in sizes.items() for _ in range(size)].index("scrap")
    assert depth(step.following[place], "add") <= 6  # nine cohorts, summed in four levels, and the step itself


def test_what_the_step_needs_is_among_what_compiles():
    assert set(INTRINSICS) <= set(FOLD)
