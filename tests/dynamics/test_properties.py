"""Properties that hold for every model (hypothesis): names, order and division of flows do not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.dynamics.model import Model
from forkpoint.dynamics.variables import Aux, Flow, Parameter, Stock, Variable

FEW = settings(max_examples=15, deadline=None)


@st.composite
def chains(draw):
    """A closed model: stocks in a ring, each passing on a part of itself that an auxiliary bends."""
    count = draw(st.integers(2, 5))
    rates = draw(st.lists(st.floats(0.01, 0.9), min_size=count, max_size=count))
    starts = draw(st.lists(st.floats(0.1, 100.0), min_size=count, max_size=count))
    parts: list[Variable] = []
    for i in range(count):
        parts += [
            Parameter(name=f"rate{i}", value=rates[i]),
            Stock(name=f"stock{i}", initial=starts[i]),
            Aux(name=f"bent{i}", function=lambda level, rate: rate * level / (1.0 + 0.1 * level),
                inputs=(f"stock{i}", f"rate{i}")),
            Flow(name=f"flow{i}", function=lambda bent: bent, inputs=(f"bent{i}",), outof=f"stock{i}",
                 into=f"stock{(i + 1) % count}"),
        ]  # fmt: skip
    return parts


def run(parts, step=0.25, method="euler", stop=5.0):
    return Model(parts).run(start=0.0, stop=stop, step=step, method=method)


@FEW
@given(chains(), st.randoms(use_true_random=False))
def test_order_and_names_change_nothing(parts, random):
    names = {p.name: f"v{random.randrange(10**9)}_{p.name}" for p in parts}

    def renamed(part):
        fields = {"name": names[part.name]}
        if isinstance(part, Aux | Flow):
            fields["inputs"] = tuple(names[i] for i in part.inputs)
        if isinstance(part, Flow):
            fields |= {"into": names[part.into], "outof": names[part.outof]}
        return type(part)(**(vars(part) | fields))

    shuffled = [renamed(p) for p in parts]
    random.shuffle(shuffled)
    one, other = run(parts), run(shuffled)
    for name in one:
        np.testing.assert_allclose(other[names[name]], one[name], rtol=1e-12)


@FEW
@given(chains())
def test_a_flow_in_two_halves_is_the_flow(parts):
    halved: list[Variable] = []
    for part in parts:
        if isinstance(part, Flow):
            for half in ("first", "second"):
                changed = {"name": f"{part.name}_{half}", "function": lambda bent: 0.5 * bent}
                halved.append(Flow(**(vars(part) | changed)))
        else:
            halved.append(part)
    one, other = run(parts), run(halved)
    for part in parts:
        if isinstance(part, Stock):
            np.testing.assert_allclose(other[part.name], one[part.name], rtol=1e-12)


@FEW
@given(chains(), st.sampled_from(["euler", "rk4"]))
def test_a_closed_model_conserves(parts, method):
    trajectory = run(parts, method=method)
    total = sum(trajectory[p.name] for p in parts if isinstance(p, Stock))
    np.testing.assert_allclose(total, total[0], rtol=1e-12)


@FEW
@given(chains(), st.sampled_from([("euler", 1.0), ("rk4", 4.0)]))
def test_halving_the_step_converges_at_the_order(parts, method):
    name, order = method
    ends = [run(parts, step=h, method=name)["stock0"][-1] for h in (1 / 4, 1 / 8, 1 / 16)]
    first, second = abs(ends[0] - ends[1]), abs(ends[1] - ends[2])
    if second > 1e-10 * abs(ends[-1]):
        # A lower bound: where the leading error passes through zero the order looks higher, or the error is tiny.
        assert np.log2(first / second) > order - 0.6 or first < 1e-6 * abs(ends[-1])
