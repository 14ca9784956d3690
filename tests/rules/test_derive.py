"""Derivation: what it finds is allowed, a step further is not, and it lands where the real products are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forkpoint.errors import InputError, UnknownName
from forkpoint.rules import check
from forkpoint.rules.derivation import derive
from forkpoint.rules.products import against_products

BASE = {
    "name": "own",
    "vendor": "NVIDIA",
    "vendor_country": "US",
    "segment": "datacenter",
    "fp16_tflops": 989.0,
    "logic_die_area_mm2": 814.0,
    "process_node": "4nm",
    "mem_type": "HBM3",
    "mem_bw_gbs": 3350.0,
    "link_name": "NVLink",
    "link_bw_gbs": 900.0,
    "pcie": "PCIe 5.0 x16",
}


def specs_of(base, variant):
    return base | {
        "fp16_tflops": base["fp16_tflops"] * variant.compute,
        "mem_bw_gbs": base["mem_bw_gbs"] * variant.memory,
        "link_bw_gbs": base["link_bw_gbs"] * variant.links,
    }


@settings(max_examples=15, deadline=None)
@given(
    st.floats(20, 3000),
    st.floats(100, 1700),
    st.floats(200, 9000),
    st.floats(50, 2000),
    st.sampled_from(["2022-12-01", "2023-12-01", "2025-06-01", "2026-03-01"]),
)
def test_every_variant_of_the_frontier_needs_no_licence(tflops, area, memory, links, on):
    base = BASE | {"fp16_tflops": tflops, "logic_die_area_mm2": area, "mem_bw_gbs": memory, "link_bw_gbs": links}
    found = derive(base, to="CN", on=on)
    for variant in found.frontier[:4]:
        finding = check(specs_of(base, variant), to="CN", on=on)
        assert finding.licence_required == "no"


@pytest.mark.parametrize("on", ["2022-12-01", "2023-12-01", "2025-06-01"])
def test_a_step_beyond_the_best_needs_one(on):
    best = derive(BASE, to="CN", on=on).best
    for axis in ("compute", "memory", "links"):
        share = getattr(best, axis)
        if share < 1:
            more = {"compute": "fp16_tflops", "memory": "mem_bw_gbs", "links": "link_bw_gbs"}[axis]
            beyond = specs_of(BASE, best) | {more: BASE[more] * min(share + 1e-4, 1.0)}
            assert check(beyond, to="CN", on=on).licence_required == "yes"


def test_no_variant_of_the_frontier_beats_another_everywhere():
    found = derive("H100", to="CN", on="2025-06-01").frontier
    shares = np.array([[v.compute, v.memory, v.links] for v in found])
    for i, one in enumerate(shares):
        for j, other in enumerate(shares):
            assert i == j or not (other >= one).all()


def test_before_the_law_the_base_chip_itself_is_best():
    found = derive("H100", to="CN", on="2022-06-01")
    assert found.base_allowed
    assert found.best.compute == found.best.links == found.best.memory == 1.0


def test_it_lands_on_the_products_that_were_made():
    """TPP within 4 % of every product whose TPP is known; a fabric within 2 of its whole links; memory within 5 %.

    The one exception is the H20, which carries faster memory than its base chip: no law of that day drew a line there.
    """
    rows = {r["product"]: r for r in against_products()}
    assert len(rows) == 8
    for name, row in rows.items():
        if row["tpp_distance"] is not None:
            assert abs(row["tpp_distance"]) <= 0.04, name
        if "H20" not in name:
            assert abs(row["memory_distance"]) <= 0.05, name
        assert row["links_derived"] is None or abs(row["links_derived"] - row["links_real"]) <= 100, name
    assert all(r["binding"] for r in rows.values())


def test_faster_memory_than_the_base_where_the_law_draws_no_line():
    assert derive("H100", to="CN", on="2024-02-01", memory_up_to=4000).best.dram_bw_gbs == pytest.approx(4000, rel=1e-6)


def test_what_a_buyer_values_moves_the_choice_but_not_the_frontier():
    training = derive("H100", to="CN", on="2025-06-01", value="training")
    serving = derive("H100", to="CN", on="2025-06-01", value="serving")
    corners = [{(v.compute, v.memory, v.links) for v in d.frontier} for d in (training, serving)]
    assert corners[0] == corners[1]
    assert serving.best.memory > training.best.memory


def test_bad_words_are_told():
    with pytest.raises(UnknownName, match="training"):
        derive("H100", value="trainig")
    with pytest.raises(InputError, match="peak rate"):
        derive("MI309")
    with pytest.raises(InputError, match="memory"):
        derive("H100", memory_up_to=float("nan"))
    for step in (-1.0, 0.0, 901.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="more than 0 and at most the 900 GB/s of NVIDIA H100"):
            derive("H100", link_step_gbs=step, on="2022-12-01")
    with pytest.raises(InputError, match="no known fabric"):
        derive("L20", link_step_gbs=5.0)
