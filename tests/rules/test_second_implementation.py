"""3A090.a and .b a second time, written from the predicate table alone, against the law's data and evaluator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.rules.evaluate import check
from forkpoint.rules.many import evaluate_many
from forkpoint.rules.question import ask


def second_opinion(tpp: float, area: float | None, datacenter: bool) -> str:
    """The paragraph by the table of the 2023 rule; ``area`` None: every die is planar."""
    if not datacenter and tpp < 4800:
        return "not_3A090"
    if tpp >= 4800:
        return "3A090.a"
    if area is None:
        return "not_3A090"
    density = tpp / area
    if tpp >= 1600 and density >= 5.92:
        return "3A090.a"
    if tpp >= 2400 and density >= 1.6:
        return "3A090.b"
    if tpp >= 1600 and density >= 3.2:
        return "3A090.b"
    return "not_3A090"


GRID_TPP = sorted(
    {x + d for x in (1600, 2400, 4800, 5.92 * 800, 3.2 * 800) for d in (-1, -1e-9, 0, 1e-9, 1)} | {1, 2368}
)
GRID_AREA = sorted(
    {tpp / line * (1 + d) for tpp in (1600, 2400, 4799) for line in (1.6, 3.2, 5.92) for d in (-1e-9, 0, 1e-9)}
    | {800, 9}
)


@pytest.mark.oracle
@pytest.mark.parametrize("datacenter", [True, False])
def test_exhaustive_grid_about_every_line(datacenter: bool) -> None:
    points = [
        (t, a) for t in [*GRID_TPP, *np.linspace(1, 8000, 120)] for a in [*GRID_AREA, *np.linspace(100, 3000, 60)]
    ]
    tpp, area = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    chips = {"tpp": tpp, "performance_density": tpp / area, "datacenter": datacenter, "vendor": "AMD"}
    found = evaluate_many(chips | {"vendor_country": "US"}, ask(to="DE", on="2024-06-01"))["eccn"]
    wanted = [second_opinion(t, a, datacenter) for t, a in points]
    assert [w for w, f in zip(wanted, found, strict=True) if w != f] == []
    assert len(points) > 8000


@pytest.mark.oracle
@settings(max_examples=150, deadline=None)
@given(
    rate=st.floats(1, 5000),
    bits=st.sampled_from([("fp64_tflops", 64), ("fp16_tflops", 16), ("fp8_tflops", 8), ("fp4_tflops", 4)]),
    area=st.floats(10, 5000),
    planar=st.booleans(),
    segment=st.sampled_from(["datacenter", "consumer", "workstation"]),
)
def test_any_chip_of_ones_own(rate: float, bits: tuple[str, int], area: float, planar: bool, segment: str) -> None:
    specs = {"name": "x", bits[0]: rate, "logic_die_area_mm2": area, "planar": planar, "segment": segment}
    found = check(specs, to="DE", on="2024-06-01").outcome.eccn
    tpp = rate * bits[1]
    assert found == second_opinion(tpp, None if planar else area, segment == "datacenter")


@pytest.mark.oracle
@settings(max_examples=100, deadline=None)
@given(tpp=st.floats(1, 9000), datacenter=st.booleans())
def test_unknown_area_is_all_areas(tpp: float, datacenter: bool) -> None:
    possible = {second_opinion(tpp, area, datacenter) for area in np.geomspace(1e-3, 1e9, 200)}
    specs = {"name": "x", "tpp": tpp, "segment": "datacenter" if datacenter else "consumer"}
    finding = check(specs, to="DE", on="2024-06-01")
    assert {o.eccn for o in finding.outcomes} == possible
    assert finding.outcome.eccn == (possible.pop() if len(possible) == 1 else "indeterminate")
    assert math.isfinite(tpp)
